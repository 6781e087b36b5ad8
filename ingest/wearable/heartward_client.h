/* Heartward's reference client for wearables: C99 over libmosquitto, fixed memory.
 *
 * Feed it samples, call hw_step() often, and it keeps every rule of README.md. Call all functions
 * from one thread; let the ADC's interrupt hand its blocks to that thread. */
#ifndef HEARTWARD_CLIENT_H
#define HEARTWARD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef HW_SAMPLE_RATE_HZ
#define HW_SAMPLE_RATE_HZ 2000 /* enough for heart sounds; above 4000 speech is intelligible */
#endif
#ifndef HW_CHUNK_MS
#define HW_CHUNK_MS 1000 /* 250 to 2000; 1 s costs everyone a third less than 0.5 s */
#endif
#ifndef HW_BUFFER_S
#define HW_BUFFER_S 600 /* the longest outage that loses nothing */
#endif
#ifndef HW_LIVE_S
#define HW_LIVE_S 30 /* anything older goes on the history lane */
#endif

#define HW_CHUNK_SAMPLES (HW_SAMPLE_RATE_HZ * HW_CHUNK_MS / 1000)
#define HW_CHUNKS (HW_BUFFER_S * 1000 / HW_CHUNK_MS)
#if HW_CHUNK_MS < 250 || HW_CHUNK_MS > 2000 || HW_CHUNK_SAMPLES * 2 > 65536 || HW_BUFFER_S < 10
#error "a chunk lasts 0.25 to 2 s and has at most 64 KiB; the buffer lasts 10 s or more"
#endif

typedef struct {
    const char *group, *device_id; /* given at provisioning: 1 to 64 of A-Z a-z 0-9 _ - */
    const char *host;
    int port;
    const char *user, *password;                /* NULL where the broker asks for none */
    const char *ca_file, *cert_file, *key_file; /* TLS when ca_file is given */
    const char *firmware;                       /* up to 64 characters */
    const char *site;                           /* "AV", "PV", "TV", "MV" or NULL */
    uint32_t boot_id;                           /* true random, drawn at every power-up */
    double (*battery_fraction)(void);           /* 0 to 1; NAN: unknown */
    double (*signal_dbm)(void);                 /* of the radio; NAN: unknown */
    bool (*contact)(void);                      /* the sensor lies on skin */
    void (*log)(const char *text);              /* none of these four may be NULL */
} hw_config;

typedef struct {
    int64_t captured_at_us; /* UTC of the first sample */
    int64_t sent_at_us;     /* monotonic: first live, or last as history; 0: not yet */
    int16_t samples[HW_CHUNK_SAMPLES];
} hw_chunk;

typedef struct { /* all memory there is, some 2.4 MB as configured above: declare it static */
    hw_config config;
    struct mosquitto *mqtt; /* one object per connection, NULL between them */
    bool connected, had_contact;
    int in_flight; /* published, and not yet confirmed by the broker */
    int64_t connect_due_us, connect_wait_us, status_due_us;
    int64_t start_us, utc_minus_monotonic_us; /* monotonic time of sample 0; UTC's offset */
    hw_chunk ring[HW_CHUNKS]; /* chunk `seq` lies at seq % HW_CHUNKS */
    uint32_t next_seq;        /* the chunk that is being filled */
    size_t filled;            /* samples in it */
    uint64_t acked_to;        /* the bridge has stored every sample before this position */
    int64_t ack_at_us, quiet_since_us, silence_wait_us, hole_wait_us;
    uint32_t live_next;                                /* next chunk for the live lane */
    uint32_t history_first, history_next, history_end; /* for the history lane; end is exclusive */
    uint8_t payload[HW_CHUNK_SAMPLES * 2 + 512];
} hw_client;

void hw_init(hw_client *hw, const hw_config *config);

/* Call when a block is complete: its arrival dates the samples. Positions count what comes in
 * here, so feed zeros while the ADC pauses. */
void hw_add_samples(hw_client *hw, const int16_t *samples, size_t count);

/* Connects, receives, sends what is due; waits up to `wait_ms` for the network, never for a broker
 * that is away. Call it ten times a second or more. */
void hw_step(hw_client *hw, int wait_ms);

bool hw_all_stored(const hw_client *hw); /* has the bridge every full chunk? */

void hw_close(hw_client *hw); /* as a power cut: the last will tells the ward */

#endif
