#include <espalier/measure.h>

#include "capabilities.h"
#include "link.h"

#include <stdlib.h>
#include <string.h>

enum { ACTIVATIONS_ARGUMENTS = 4, READ_ARGUMENTS = 4, TRIPS_MAX = 100000 };

/* What the requests of a batch have in common: each begins at word 0. */
struct load {
    size_t out_bytes;          /* of one slot, written by a request */
    size_t in_words, in_bytes; /* read by a request */
};

static size_t at_most(size_t value, size_t limit)
{
    return value < limit ? value : limit;
}

static struct load make_load(const struct espalier_capabilities *capabilities)
{
    size_t payload = at_most(capabilities->words[ESPALIER_CAPS_PAYLOAD_MAX], ESPALIER_PAYLOAD_MAX);
    size_t words = capabilities->words[ESPALIER_CAPS_ACT_WORDS];
    size_t positions = capabilities->words[ESPALIER_CAPS_POSITIONS];
    struct load load = {.out_bytes = at_most(payload - ACTIVATIONS_ARGUMENTS, words),
                        .in_words = at_most(payload / positions, words)};
    load.in_bytes = load.in_words * positions;
    return load;
}

static void make_write(const void *context, size_t index, struct espalier_frame *request)
{
    const struct load *load = context;
    request->type = ESPALIER_REQ_ACTIVATIONS;
    request->size = ACTIVATIONS_ARGUMENTS + load->out_bytes;
    memset(request->payload, (int)(index & 0x7f), request->size);
    memset(request->payload, 0, ACTIVATIONS_ARGUMENTS);
}

static void make_read(const void *context, size_t index, struct espalier_frame *request)
{
    const struct load *load = context;
    (void)index;
    request->type = ESPALIER_REQ_READ;
    request->size = READ_ARGUMENTS;
    memset(request->payload, 0, READ_ARGUMENTS);
    request->payload[2] = (uint8_t)load->in_words;
    request->payload[3] = (uint8_t)(load->in_words >> 8);
}

/* Carries @p bytes one way in requests of @p each. *rate receives bytes a tick. */
static enum espalier_status measure_way(struct espalier_link *link, const struct espalier_clock *clock,
                                        const struct espalier_batch *batch, size_t each, double *rate,
                                        struct espalier_error *error)
{
    double begin = clock->now(clock->context);
    enum espalier_status status = espalier_link_send(link, batch, 0, error);
    double ticks = clock->now(clock->context) - begin;
    *rate = ticks > 0 ? (double)each * (double)batch->count / ticks : 0;
    return status;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static enum espalier_status measure_trips(struct espalier_link *link, const struct espalier_clock *clock,
                                          uint32_t trips, struct espalier_link_figures *out,
                                          struct espalier_error *error)
{
    double *ticks = calloc(trips, sizeof *ticks);
    if (!ticks)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "no memory for the times of %u trips", trips);
    enum espalier_status status = ESPALIER_OK;
    for (uint32_t i = 0; status == ESPALIER_OK && i < trips; i++) {
        double begin = clock->now(clock->context);
        status = espalier_link_ask(link, ESPALIER_REQ_COUNTERS, NULL, 0, true, error);
        ticks[i] = clock->now(clock->context) - begin;
    }
    qsort(ticks, trips, sizeof *ticks, compare);
    out->least = ticks[0];
    out->median = ticks[trips / 2];
    out->most = ticks[trips - 1];
    free(ticks);
    return status;
}

static enum espalier_status measure(struct espalier_link *link, const struct espalier_clock *clock, uint64_t bytes,
                                    uint32_t trips, struct espalier_link_figures *out, struct espalier_error *error)
{
    struct espalier_capabilities capabilities;
    enum espalier_status status = espalier_link_begin(link, ESPALIER_REQ_HELLO, error);
    if (status == ESPALIER_OK)
        status = espalier_capabilities_read(&link->frame, &capabilities, error);
    if (status != ESPALIER_OK)
        return status;
    const struct load load = make_load(&capabilities);
    struct espalier_batch batch = {.make = make_write, .context = &load, .resumable = true};
    batch.count = (size_t)((bytes + load.out_bytes - 1) / load.out_bytes);
    status = measure_way(link, clock, &batch, load.out_bytes, &out->out, error);
    batch.make = make_read;
    batch.count = (size_t)((bytes + load.in_bytes - 1) / load.in_bytes);
    if (status == ESPALIER_OK)
        status = measure_way(link, clock, &batch, load.in_bytes, &out->in, error);
    if (status == ESPALIER_OK)
        status = measure_trips(link, clock, trips, out, error);
    return status;
}

enum espalier_status espalier_link_measure(const struct espalier_transport *transport,
                                           const struct espalier_clock *clock, uint64_t bytes, uint32_t trips,
                                           struct espalier_link_figures *out, struct espalier_error *error)
{
    enum espalier_status status = ESPALIER_ERR_RANGE;
    struct espalier_link link = {.transport = *transport};
    memset(out, 0, sizeof *out);
    if (trips == 0 || trips > TRIPS_MAX)
        espalier_fail(error, status, "1 to %d round trips, not %u", TRIPS_MAX, trips);
    else
        status = measure(&link, clock, bytes, trips, out, error);
    transport->close(transport->context);
    return status;
}
