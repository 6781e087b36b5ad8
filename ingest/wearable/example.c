/* Sends 16-bit mono PCM (FILE or standard input) as a wearable would, one second a second.
 * Broker and secrets come from the environment, by the names that all of Heartward uses. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "heartward_client.h"

#define BLOCK_MS 100
#define BLOCK_SAMPLES (HW_SAMPLE_RATE_HZ * BLOCK_MS / 1000)
#define ID_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

static hw_client device; /* static: 2.4 MB are too much for a stack */
static volatile sig_atomic_t asked_to_stop;

static void stop(int signal_number) { (void)signal_number, asked_to_stop = 1; }
static double battery_fraction(void) { return 0.87; }
static double signal_dbm(void) { return NAN; }
static bool contact(void) { return true; }
static const char *environment(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : otherwise;
}

/* The client's words are those of libmosquitto, which names no broker. */
static void log_line(const char *text) {
    fprintf(stderr, "MQTT broker %s:%s: %s\n", environment("HEARTWARD_MQTT_HOST", "127.0.0.1"),
            environment("HEARTWARD_MQTT_PORT", "1883"),
            strncmp(text, "Success", 7) == 0 ? "connected" : text);
}

/* The bridge refuses all that a device with another id says. */
static bool is_id(const char *text) {
    size_t length = strlen(text);
    return length >= 1 && length <= 64 && strspn(text, ID_CHARACTERS) == length;
}

static uint32_t draw_boot_id(void) {
    uint32_t boot_id = 0;
    FILE *random = fopen("/dev/urandom", "rb");
    if (random == NULL || fread(&boot_id, sizeof boot_id, 1, random) != 1)
        exit(EXIT_FAILURE);
    fclose(random);
    return boot_id;
}

static void wait_until(struct timespec *due, bool paced) {
    due->tv_nsec += BLOCK_MS * 1000000L;
    due->tv_sec += due->tv_nsec / 1000000000L;
    due->tv_nsec %= 1000000000L;
    if (paced) /* standard input sets its own pace */
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, due, NULL);
}

int main(int count, char **argument) {
    if (count < 3 || count > 4) {
        fprintf(stderr, "usage: %s GROUP DEVICE_ID [FILE]\n", argument[0]);
        return 2;
    }
    if (!is_id(argument[1]) || !is_id(argument[2])) {
        fprintf(stderr, "%s, %s: group and device id are 1 to 64 of A-Z a-z 0-9 _ -\n",
                argument[1], argument[2]);
        return 2;
    }
    FILE *sound = count == 4 ? fopen(argument[3], "rb") : stdin;
    if (sound == NULL) {
        fprintf(stderr, "%s cannot be read: %s\n", argument[3], strerror(errno));
        return 2;
    }
    hw_config config = {
        .group = argument[1],
        .device_id = argument[2],
        .host = environment("HEARTWARD_MQTT_HOST", "127.0.0.1"),
        .port = atoi(environment("HEARTWARD_MQTT_PORT", "1883")),
        .user = environment("HEARTWARD_MQTT_USER", NULL),
        .password = environment("HEARTWARD_MQTT_PASSWORD", NULL),
        .ca_file = environment("HEARTWARD_MQTT_CA_FILE", NULL),
        .cert_file = environment("HEARTWARD_MQTT_CERT_FILE", NULL),
        .key_file = environment("HEARTWARD_MQTT_KEY_FILE", NULL),
        .firmware = "reference 1.0",
        .boot_id = draw_boot_id(),
        .battery_fraction = battery_fraction,
        .signal_dbm = signal_dbm,
        .contact = contact,
        .log = log_line,
    };
    struct timespec due;
    int16_t block[BLOCK_SAMPLES];
    size_t samples = BLOCK_SAMPLES;
    signal(SIGINT, stop), signal(SIGTERM, stop);
    hw_init(&device, &config);
    for (clock_gettime(CLOCK_MONOTONIC, &due); !asked_to_stop; wait_until(&due, sound != stdin)) {
        if (samples > 0)
            hw_add_samples(&device, block, samples = fread(block, 2, BLOCK_SAMPLES, sound));
        else if (hw_all_stored(&device))
            break;
        hw_step(&device, samples > 0 ? 0 : BLOCK_MS);
    }
    printf(hw_all_stored(&device) ? "all stored\n" : "stopped before all was stored\n");
    hw_close(&device);
    return hw_all_stored(&device) ? EXIT_SUCCESS : EXIT_FAILURE;
}
