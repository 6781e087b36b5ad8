/* From top to bottom: clocks, ring, MessagePack, sending, the rules, the connection. */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */

#include "heartward_client.h"

#include <math.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_US INT64_C(1000000)
#define OVERLAP_CHUNKS ((5500 + HW_CHUNK_MS - 1) / HW_CHUNK_MS) /* a window and its pre-roll */
#define LIVE_CHUNKS (HW_LIVE_S * 1000 / HW_CHUNK_MS)
#define SILENCE_US (10 * SECOND_US)
#define HOLE_US (5 * SECOND_US)
#define LONGEST_WAIT_US (80 * SECOND_US) /* waits double: an outage shall not multiply the load */
#define LONGEST_CONNECT_WAIT_US (30 * SECOND_US)
#define STATUS_EVERY_US (30 * SECOND_US)
#define CLOCK_TOLERANCE_US (1 * SECOND_US)
#define KEEPALIVE_S 10
#define MAX_IN_FLIGHT 20 /* Mosquitto's own default */
#define TOPIC_SIZE 160   /* two ids of 64, and the rest */

/* ---- Clocks: on bare metal, replace the first function ---- */

static int64_t read_clock_us(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}

static int64_t monotonic_us(void) {
    return read_clock_us(CLOCK_MONOTONIC);
}

static int64_t utc_us(const hw_client *hw) {
    return monotonic_us() + hw->utc_minus_monotonic_us;
}

/* ---- Ring: the last HW_CHUNKS chunks, stored or not; the only buffer there is ---- */

static hw_chunk *chunk_at(hw_client *hw, uint32_t seq) {
    return &hw->ring[seq % HW_CHUNKS];
}

static uint64_t position(uint32_t seq) {
    return (uint64_t)seq * HW_CHUNK_SAMPLES;
}

static uint32_t oldest_seq(const hw_client *hw) { /* the slot before it is being filled */
    return hw->next_seq < HW_CHUNKS ? 0 : hw->next_seq - HW_CHUNKS + 1;
}

static uint32_t first_unstored(const hw_client *hw) {
    uint32_t seq = (uint32_t)(hw->acked_to / HW_CHUNK_SAMPLES), oldest = oldest_seq(hw);
    return seq > oldest ? seq : oldest;
}

static int64_t duration_us(uint64_t samples) {
    return (int64_t)samples * SECOND_US / HW_SAMPLE_RATE_HZ;
}

/* When sample 0 was captured. A block can come late and never early: down at once, up slowly. */
static void date_samples(hw_client *hw, uint64_t recorded) {
    int64_t start_us = monotonic_us() - duration_us(recorded);
    if (hw->start_us == 0 || start_us < hw->start_us)
        hw->start_us = start_us;
    else
        hw->start_us += (start_us - hw->start_us) / 64;
}

void hw_add_samples(hw_client *hw, const int16_t *samples, size_t count) {
    date_samples(hw, position(hw->next_seq) + hw->filled + count);
    for (size_t i = 0; i < count; i++) {
        hw_chunk *chunk = chunk_at(hw, hw->next_seq);
        if (hw->filled == 0) {
            int64_t captured_us = hw->start_us + duration_us(position(hw->next_seq));
            captured_us += hw->utc_minus_monotonic_us;
            chunk->captured_at_us = captured_us > 0 ? captured_us : 0; /* no clock yet: 1970 */
            chunk->sent_at_us = 0;
        }
        chunk->samples[hw->filled++] = samples[i];
        if (hw->filled == HW_CHUNK_SAMPLES) {
            hw->filled = 0;
            hw->next_seq++;
        }
    }
}

/* ---- MessagePack: just what the three records need ---- */

typedef struct {
    uint8_t *data;
    size_t size, room; /* size > room: it did not fit */
} writer;

static void put_byte(writer *out, unsigned byte) {
    if (out->size < out->room)
        out->data[out->size] = (uint8_t)byte;
    out->size++;
}

static void put_typed(writer *out, unsigned type, uint64_t value, int bytes) {
    put_byte(out, type);
    while (bytes-- > 0)
        put_byte(out, (unsigned)(value >> (8 * bytes)) & 0xff);
}

static void put_uint(writer *out, uint64_t value) {
    put_typed(out, 0xcf, value, 8); /* any width is legal: one is enough */
}

static void put_text(writer *out, const char *text) { /* or nil; the wire allows 64 characters */
    size_t size = text == NULL ? 0 : strnlen(text, 64);
    put_typed(out, text == NULL ? 0xc0 : 0xd9, size, text == NULL ? 0 : 1);
    for (size_t i = 0; i < size; i++)
        put_byte(out, (unsigned char)text[i]);
}

static void put_float(writer *out, double value) { /* or nil */
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_typed(out, isnan(value) ? 0xc0 : 0xcb, bits, isnan(value) ? 0 : 8);
}

static void put_samples(writer *out, const int16_t *samples) {
    put_typed(out, 0xc6, HW_CHUNK_SAMPLES * 2, 4);
    for (size_t i = 0; i < HW_CHUNK_SAMPLES; i++) {
        put_byte(out, (uint16_t)samples[i] & 0xff);
        put_byte(out, (uint16_t)samples[i] >> 8);
    }
}

/* Reads an unsigned integer: every value of an ack is one, in later revisions too. */
static const uint8_t *read_uint(const uint8_t *at, const uint8_t *end, uint64_t *value) {
    int bytes = at < end && *at >= 0xcc && *at <= 0xcf ? 1 << (*at - 0xcc) : 0;
    if (end - at <= bytes || (bytes == 0 && *at > 0x7f))
        return NULL;
    *value = bytes == 0 ? *at : 0;
    for (at++; bytes > 0; bytes--)
        *value = *value << 8 | *at++;
    return at;
}

enum { ACK_V, ACK_BOOT_ID, ACK_STORED_TO, ACK_BRIDGE_TIME, ACK_FIELDS };

static bool read_ack(const uint8_t *at, const uint8_t *end, uint64_t ack[ACK_FIELDS]) {
    static const char *const names[] = {"v", "boot_id", "stored_to_sample", "bridge_time_us"};
    int known = 0;
    int fields = at < end && (*at & 0xf0) == 0x80 ? *at++ & 0x0f : 0;
    for (uint64_t value; fields > 0; fields--) {
        size_t size = at < end && (*at & 0xe0) == 0xa0 ? *at & 0x1f : SIZE_MAX;
        if (size >= (size_t)(end - at))
            return false;
        const char *name = (const char *)at + 1;
        if ((at = read_uint(at + 1 + size, end, &value)) == NULL)
            return false;
        for (int i = 0; i < ACK_FIELDS; i++)
            if (strlen(names[i]) == size && memcmp(names[i], name, size) == 0)
                ack[i] = value, known++;
    }
    return known == ACK_FIELDS && ack[ACK_V] == 1;
}

/* ---- Sending ---- */

static void name_topic(const hw_client *hw, const char *lane, char topic[TOPIC_SIZE]) {
    snprintf(topic, TOPIC_SIZE, "pcg/v1/%s/%s/%s", hw->config.group, hw->config.device_id, lane);
}

static bool publish(hw_client *hw, const char *lane, const writer *out, bool retain) {
    char topic[TOPIC_SIZE];
    name_topic(hw, lane, topic);
    if (out->size > out->room || mosquitto_publish(hw->mqtt, NULL, topic, (int)out->size, out->data,
                                                   1, retain) != MOSQ_ERR_SUCCESS)
        return false;
    hw->in_flight++;
    return true;
}

/* All before this is stored or gone for good; a chunk never names a position past its own. */
static uint64_t kept_from(const hw_client *hw, uint32_t seq) {
    uint64_t oldest = position(oldest_seq(hw)), own = position(seq);
    uint64_t kept = hw->acked_to > oldest ? hw->acked_to : oldest;
    return kept < own ? kept : own;
}

/* A chunk sent again is the same, byte for byte, but for kept_from_sample. */
static bool send_chunk(hw_client *hw, const char *lane, uint32_t seq) {
    hw_chunk *chunk = chunk_at(hw, seq);
    writer out = {hw->payload, 0, sizeof hw->payload};
    put_byte(&out, 0x80 | 10); /* a map of 10 */
    put_text(&out, "v"), put_uint(&out, 1);
    put_text(&out, "boot_id"), put_uint(&out, hw->config.boot_id);
    put_text(&out, "seq"), put_uint(&out, seq);
    put_text(&out, "first_sample"), put_uint(&out, position(seq));
    put_text(&out, "kept_from_sample"), put_uint(&out, kept_from(hw, seq));
    put_text(&out, "captured_at_us"), put_uint(&out, (uint64_t)chunk->captured_at_us);
    put_text(&out, "sample_rate_hz"), put_uint(&out, HW_SAMPLE_RATE_HZ);
    put_text(&out, "encoding"), put_text(&out, "pcm_s16le");
    put_text(&out, "samples"), put_samples(&out, chunk->samples);
    put_text(&out, "site"), put_text(&out, hw->config.site);
    if (!publish(hw, lane, &out, false))
        return false;
    if (!chunk->sent_at_us || strcmp(lane, "audio")) /* sent again live, it may come too late */
        chunk->sent_at_us = monotonic_us();
    return true;
}

static writer write_status(hw_client *hw, const char *state) {
    writer out = {hw->payload, 0, sizeof hw->payload};
    put_byte(&out, 0x80 | 9);
    put_text(&out, "v"), put_uint(&out, 1);
    put_text(&out, "state"), put_text(&out, state);
    put_text(&out, "boot_id"), put_uint(&out, hw->config.boot_id);
    put_text(&out, "at_us"), put_uint(&out, (uint64_t)utc_us(hw));
    put_text(&out, "battery_fraction"), put_float(&out, hw->config.battery_fraction());
    put_text(&out, "contact"), put_byte(&out, hw->config.contact() ? 0xc3 : 0xc2);
    put_text(&out, "signal_dbm"), put_float(&out, hw->config.signal_dbm());
    put_text(&out, "buffer_fill_fraction");
    put_float(&out, (double)(hw->next_seq - first_unstored(hw)) / HW_CHUNKS);
    put_text(&out, "firmware"), put_text(&out, hw->config.firmware);
    return out;
}

static void send_status_when_due(hw_client *hw, int64_t now_us) {
    bool contact = hw->config.contact();
    if (contact == hw->had_contact && now_us < hw->status_due_us)
        return;
    writer out = write_status(hw, "online");
    if (publish(hw, "status", &out, true)) {
        hw->had_contact = contact;
        hw->status_due_us = now_us + STATUS_EVERY_US;
    }
}

/* ---- The rules of README.md ---- */

/* Chunks [first, end), and a window on both sides, so that no window stays half known. */
static void plan_history(hw_client *hw, uint32_t first, uint32_t end) {
    bool settled = hw->history_first == hw->history_end;
    first = first > OVERLAP_CHUNKS ? first - OVERLAP_CHUNKS : 0;
    end += OVERLAP_CHUNKS; /* may lie ahead: sent when it is recorded */
    if (first < hw->history_next || hw->history_next >= hw->history_end)
        hw->history_next = first;
    if (settled || first < hw->history_first)
        hw->history_first = first;
    if (settled || end > hw->history_end)
        hw->history_end = end;
}

static void begin_again(hw_client *hw) {
    hw->quiet_since_us = monotonic_us();
    hw->live_next = first_unstored(hw);
    hw->history_next = hw->history_first;
}

static void plan_resending(hw_client *hw, int64_t now_us) {
    uint32_t wanted = first_unstored(hw);
    if (wanted >= hw->live_next)
        return; /* all that was sent is stored */
    if (now_us - hw->quiet_since_us > hw->silence_wait_us) {
        begin_again(hw);
        hw->silence_wait_us *= hw->silence_wait_us < LONGEST_WAIT_US ? 2 : 1;
    } else if (hw->history_next >= hw->history_end &&
               hw->ack_at_us - chunk_at(hw, wanted)->sent_at_us > hw->hole_wait_us) {
        plan_history(hw, wanted, hw->live_next); /* acks come, and all stop at this chunk */
        hw->hole_wait_us *= hw->hole_wait_us < LONGEST_WAIT_US ? 2 : 1;
    }
}

static void send_what_is_due(hw_client *hw) {
    uint32_t oldest = oldest_seq(hw);
    uint32_t live_from = hw->next_seq > LIVE_CHUNKS ? hw->next_seq - LIVE_CHUNKS : 0;
    if (hw->live_next < live_from) {
        plan_history(hw, hw->live_next, live_from);
        hw->live_next = live_from;
    }
    while (hw->in_flight < MAX_IN_FLIGHT && hw->live_next < hw->next_seq &&
           send_chunk(hw, "audio", hw->live_next))
        hw->live_next++;

    if (hw->history_next < oldest)
        hw->history_next = oldest;
    while (hw->in_flight < MAX_IN_FLIGHT && hw->history_next < hw->history_end &&
           hw->history_next < hw->next_seq && send_chunk(hw, "audio-history", hw->history_next))
        hw->history_next++;
    if (hw->acked_to >= position(hw->history_end + LIVE_CHUNKS))
        hw->history_first = hw->history_end; /* settled: till now it could still be repeated */
}

/* An ack is a promise: it never shrinks. It counts for one power-up alone. */
static void take_ack(hw_client *hw, const uint64_t ack[ACK_FIELDS]) {
    if (ack[ACK_BOOT_ID] != hw->config.boot_id || ack[ACK_STORED_TO] > position(hw->next_seq))
        return;
    hw->ack_at_us = hw->quiet_since_us = monotonic_us();
    hw->silence_wait_us = SILENCE_US;
    if (ack[ACK_STORED_TO] > hw->acked_to) {
        hw->acked_to = ack[ACK_STORED_TO];
        hw->hole_wait_us = HOLE_US;
    }
    int64_t error_us = (int64_t)ack[ACK_BRIDGE_TIME] - utc_us(hw);
    if (llabs(error_us) > CLOCK_TOLERANCE_US) /* less may be the network's delay: leave it */
        hw->utc_minus_monotonic_us += error_us;
}

/* ---- The connection ---- */

static void on_connect(struct mosquitto *mqtt, void *self, int reason, int flags,
                       const mosquitto_property *properties) {
    hw_client *hw = self;
    char topic[TOPIC_SIZE];
    (void)flags, (void)properties;
    hw->config.log(mosquitto_reason_string(reason));
    if (reason != MQTT_RC_SUCCESS)
        return;
    name_topic(hw, "ack", topic);
    mosquitto_subscribe(mqtt, NULL, topic, 0);
    hw->connected = true;
    hw->connect_wait_us = SECOND_US;
    hw->status_due_us = 0;
    begin_again(hw); /* what the broker confirmed may have died with it */
}

static void on_publish(struct mosquitto *mqtt, void *self, int message_id, int reason,
                       const mosquitto_property *properties) {
    hw_client *hw = self;
    (void)mqtt, (void)message_id, (void)properties;
    hw->in_flight--;
    if (reason >= 0x80)
        hw->config.log(mosquitto_reason_string(reason));
}

static void on_message(struct mosquitto *mqtt, void *self, const struct mosquitto_message *message,
                       const mosquitto_property *properties) {
    const uint8_t *data = message->payload;
    uint64_t ack[ACK_FIELDS];
    (void)mqtt, (void)properties;
    if (read_ack(data, data + message->payloadlen, ack))
        take_ack(self, ack);
}

/* The waits grow, and differ between devices, so that a ward does not return all at once. */
static void drop_connection(hw_client *hw, int error) {
    hw->config.log(error == MOSQ_ERR_KEEPALIVE ? "No answer." : mosquitto_strerror(error));
    mosquitto_destroy(hw->mqtt);
    hw->mqtt = NULL;
    hw->connected = false;
    hw->in_flight = 0;
    hw->connect_due_us = monotonic_us() + hw->connect_wait_us * (75 + rand() % 50) / 100;
    if (hw->connect_wait_us < LONGEST_CONNECT_WAIT_US)
        hw->connect_wait_us *= 2;
}

/* A new libmosquitto object each time: an old one would resend copies of its own, out of order. */
static int begin_connecting(hw_client *hw) {
    const hw_config *config = &hw->config;
    char topic[TOPIC_SIZE];
    writer will = write_status(hw, "offline");
    name_topic(hw, "status", topic);
    hw->mqtt = mosquitto_new(config->device_id, true, hw);
    if (hw->mqtt == NULL)
        return MOSQ_ERR_NOMEM;
    mosquitto_connect_v5_callback_set(hw->mqtt, on_connect);
    mosquitto_publish_v5_callback_set(hw->mqtt, on_publish);
    mosquitto_message_v5_callback_set(hw->mqtt, on_message);
    mosquitto_int_option(hw->mqtt, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    int error = mosquitto_will_set(hw->mqtt, topic, (int)will.size, will.data, 1, true);
    if (error == 0 && config->user != NULL)
        error = mosquitto_username_pw_set(hw->mqtt, config->user, config->password);
    if (error == 0 && config->ca_file != NULL)
        error = mosquitto_tls_set(hw->mqtt, config->ca_file, NULL, config->cert_file,
                                  config->key_file, NULL);
    return error != 0 ? error
                      : mosquitto_connect_async(hw->mqtt, config->host, config->port, KEEPALIVE_S);
}

void hw_init(hw_client *hw, const hw_config *config) {
    memset(hw, 0, sizeof *hw);
    hw->config = *config;
    hw->utc_minus_monotonic_us = read_clock_us(CLOCK_REALTIME) - monotonic_us();
    hw->connect_wait_us = SECOND_US;
    hw->silence_wait_us = SILENCE_US;
    hw->hole_wait_us = HOLE_US;
    srand(config->boot_id);
    mosquitto_lib_init();
}

void hw_step(hw_client *hw, int wait_ms) {
    int64_t now_us = monotonic_us();
    int error = MOSQ_ERR_SUCCESS;
    if (hw->connected) {
        send_status_when_due(hw, now_us);
        plan_resending(hw, now_us);
        send_what_is_due(hw);
    }
    if (hw->mqtt != NULL)
        error = mosquitto_loop(hw->mqtt, wait_ms, 1);
    else if (now_us >= hw->connect_due_us)
        error = begin_connecting(hw);
    if (error != MOSQ_ERR_SUCCESS)
        drop_connection(hw, error);
}

bool hw_all_stored(const hw_client *hw) {
    return hw->acked_to >= position(hw->next_seq);
}

void hw_close(hw_client *hw) {
    mosquitto_destroy(hw->mqtt);
    mosquitto_lib_cleanup();
}
