/* Requests over an unreliable byte link.
 *
 * The device carries requests out in the order of their sequence numbers and says so (ACK, DATA), or refuses (NAK).
 * link->sequence is the first number not confirmed; everything before it has been carried out. A request keeps its
 * number however often it is sent: a second copy of one that was carried out is confirmed without being carried out
 * again. Before a number goes to another request, the device is asked what it expects (resynchronize). */
#include "link.h"

#include <string.h>

enum {
    ATTEMPTS = ESPALIER_LINK_ATTEMPTS, /* for one request, and for a batch between two that are confirmed */
    WINDOW = 4,                        /* requests under way: their answers fit every buffer on the way back */
    FAR = 64,                          /* a distance of sequence numbers that nothing under way has */
    SILENCES = 32,                     /* times the link's patience that a run may take */
    BABBLE = 16384 /* bytes that come without anything having been asked: more than any answers under way */
};

static const char *const nak_text[] = {
    [ESPALIER_NAK_CRC] = "damaged on the way",
    [ESPALIER_NAK_SEQUENCE] = "out of sequence",
    [ESPALIER_NAK_TYPE] = "unknown request or protocol version",
    [ESPALIER_NAK_LENGTH] = "wrong length",
    [ESPALIER_NAK_RANGE] = "address or count out of range",
    [ESPALIER_NAK_BUSY] = "a run is under way",
    [ESPALIER_NAK_SPACE] = "no room for the weights",
};

/* What an answer means for the requests under way. */
enum verdict {
    UNRELATED, /* an old answer, or one of no meaning here */
    CONFIRMED, /* carried out, and all before it */
    DAMAGED,   /* something was damaged or lost on the way */
    REFUSED    /* whole, but cannot be carried out */
};

static enum espalier_status lost(struct espalier_link *link, const char *what, struct espalier_error *error)
{
    link->in_session = false;
    return espalier_fail(error, ESPALIER_ERR_TIMEOUT, "the device %s", what);
}

static enum espalier_status refused(struct espalier_link *link, uint8_t type, struct espalier_error *error)
{
    uint8_t code = link->frame.payload[0];
    if (code == ESPALIER_NAK_BUSY)
        return lost(link, "is busy with a run that nobody waits for", error);
    const char *text = code < sizeof nak_text / sizeof nak_text[0] ? nak_text[code] : NULL;
    return espalier_fail(error, ESPALIER_ERR_DEVICE, "the device refused request 0x%02x: %s (error %u)", type,
                         text ? text : "unknown", code);
}

static enum espalier_status link_failed(enum espalier_status status, const char *doing, struct espalier_error *error)
{
    if (status == ESPALIER_ERR_NO_DEVICE)
        return espalier_fail(error, status, "the device was unplugged (while %s)", doing);
    if (status == ESPALIER_ERR_CANCELLED)
        return espalier_fail(error, status, "cancelled (while %s)", doing);
    return espalier_fail(error, status, "the link to the device failed while %s", doing);
}

/* Sends all of it. ESPALIER_ERR_TIMEOUT if the device does not take them. */
static enum espalier_status send_bytes(struct espalier_link *link, const uint8_t *bytes, size_t size,
                                       struct espalier_error *error)
{
    size_t done = 0;
    link->babble = 0;
    while (done < size) {
        size_t sent = 0;
        enum espalier_status status = link->transport.send(link->transport.context, bytes + done, size - done, &sent);
        if (status == ESPALIER_ERR_TIMEOUT)
            return status;
        if (status != ESPALIER_OK)
            return link_failed(status, "sending", error);
        done += sent;
    }
    return ESPALIER_OK;
}

static enum espalier_status send_frame(struct espalier_link *link, const struct espalier_frame *frame,
                                       struct espalier_error *error)
{
    uint8_t bytes[ESPALIER_FRAME_MAX];
    return send_bytes(link, bytes, espalier_frame_encode(frame, bytes), error);
}

/* As much as a frame that an earlier host broke off may lack. The device would give that up by itself after TIMEOUT
 * cycles without a byte, but those pass slowly on a simulated board, and every attempt begins them anew. */
static enum espalier_status send_filler(struct espalier_link *link, struct espalier_error *error)
{
    static const uint8_t filler[ESPALIER_FRAME_MAX] = {0};
    return send_bytes(link, filler, sizeof filler, error);
}

/* Takes note of a run's end, whatever else is being waited for. */
static void note_done(struct espalier_link *link)
{
    const struct espalier_frame *frame = &link->frame;
    if (frame->type != ESPALIER_RSP_DONE || frame->sequence != link->run_sequence || frame->size != 1)
        return;
    link->run_ended = true;
    link->run_status = frame->payload[0];
}

/* Waits for the next frame. ESPALIER_ERR_TIMEOUT if none comes; a device that does not stop talking is as good as
 * silent. */
static enum espalier_status receive_frame(struct espalier_link *link, struct espalier_error *error)
{
    while (!espalier_frame_next(&link->decoder, &link->frame)) {
        size_t room, received = 0;
        if (link->babble > BABBLE)
            return ESPALIER_ERR_TIMEOUT;
        uint8_t *bytes = espalier_frame_room(&link->decoder, &room);
        enum espalier_status status = link->transport.receive(link->transport.context, bytes, room, true, &received);
        if (status == ESPALIER_ERR_TIMEOUT)
            return status;
        if (status != ESPALIER_OK)
            return link_failed(status, "receiving", error);
        link->decoder.size += received;
        link->babble += received;
    }
    note_done(link);
    return ESPALIER_OK;
}

/* Judges link->frame, with @p under_way requests from link->sequence on waiting for answers; *distance receives which
 * of them it answers. A DONE confirms the RUN that it ends. */
static enum verdict judge(const struct espalier_link *link, size_t under_way, size_t *distance)
{
    const struct espalier_frame *frame = &link->frame;
    *distance = (uint8_t)(frame->sequence - link->sequence);
    bool ours = *distance < under_way;
    if (frame->type == ESPALIER_RSP_ACK || frame->type == ESPALIER_RSP_DATA || frame->type == ESPALIER_RSP_DONE)
        return ours ? CONFIRMED : UNRELATED;
    if (frame->type != ESPALIER_RSP_NAK || frame->size != 2)
        return UNRELATED;
    if (frame->payload[0] == ESPALIER_NAK_CRC || frame->payload[0] == ESPALIER_NAK_SEQUENCE)
        return DAMAGED; /* also if it answers no request known here: its header may have been garbage */
    return ours ? REFUSED : UNRELATED;
}

/* One round of asking: sends the request, and waits for what becomes of it. Silence counts as damage. */
static enum espalier_status ask_once(struct espalier_link *link, const struct espalier_frame *request,
                                     enum verdict *verdict, struct espalier_error *error)
{
    size_t distance;
    enum espalier_status status = send_frame(link, request, error);
    do {
        if (status == ESPALIER_OK)
            status = receive_frame(link, error);
        *verdict = status == ESPALIER_OK ? judge(link, 1, &distance) : DAMAGED;
    } while (*verdict == UNRELATED);
    return status == ESPALIER_ERR_TIMEOUT ? ESPALIER_OK : status;
}

/* Finds out how many of the @p under_way requests have been carried out, and moves link->sequence behind them. A
 * request with a number that the device cannot expect is answered with the number that it does expect, and behind the
 * answers to everything sent before. */
static enum espalier_status resynchronize(struct espalier_link *link, size_t under_way, size_t *carried_out,
                                          struct espalier_error *error)
{
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct espalier_frame probe = {.type = ESPALIER_REQ_COUNTERS};
        probe.sequence = (uint8_t)(link->sequence + FAR + attempt);
        enum espalier_status status = send_frame(link, &probe, error);
        while (status == ESPALIER_OK) {
            status = receive_frame(link, error);
            const struct espalier_frame *frame = &link->frame;
            if (status != ESPALIER_OK || frame->type != ESPALIER_RSP_NAK || frame->size != 2)
                continue;
            if (frame->payload[0] == ESPALIER_NAK_SEQUENCE && frame->sequence == probe.sequence) {
                *carried_out = (uint8_t)(frame->payload[1] - link->sequence);
                link->sequence = frame->payload[1];
                return *carried_out <= under_way ? ESPALIER_OK : lost(link, "has lost the session", error);
            }
            if (frame->payload[0] == ESPALIER_NAK_CRC)
                break; /* a broken frame may have swallowed the probe */
        }
        if (status != ESPALIER_OK && status != ESPALIER_ERR_TIMEOUT)
            return status;
    }
    return lost(link, "does not answer", error);
}

/* Forgets bytes of earlier times. */
static void discard_old(struct espalier_link *link)
{
    uint8_t bytes[256];
    size_t received = 1;
    link->decoder.size = 0;
    link->decoder.foreign = false;
    for (size_t discarded = 0; received > 0 && discarded <= BABBLE; discarded += received) {
        received = 0;
        if (link->transport.receive(link->transport.context, bytes, sizeof bytes, false, &received) != ESPALIER_OK)
            break;
    }
}

/* Of a device that does not confirm HELLO or RESET. */
static enum espalier_status no_answer(struct espalier_link *link, struct espalier_error *error)
{
    unsigned version = link->decoder.foreign_version;
    if (!link->decoder.foreign)
        return lost(link, "does not answer", error);
    link->in_session = false;
    return espalier_fail(error, ESPALIER_ERR_DEVICE,
                         "the device speaks version %u of the frame protocol, and this program version %u: update %s",
                         version, ESPALIER_VERSION,
                         version > ESPALIER_VERSION ? "this program" : "the device's bitstream or firmware");
}

enum espalier_status espalier_link_begin(struct espalier_link *link, uint8_t type, struct espalier_error *error)
{
    discard_old(link);
    link->sequence = (uint8_t)(link->sequence + FAR);
    link->run_ended = true;
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct espalier_frame request = {.type = type, .sequence = ++link->sequence};
        enum verdict verdict;
        enum espalier_status status = attempt == 1 ? send_filler(link, error) : ESPALIER_OK;
        if (status == ESPALIER_OK || status == ESPALIER_ERR_TIMEOUT)
            status = ask_once(link, &request, &verdict, error);
        if (status != ESPALIER_OK)
            return status;
        if (verdict == REFUSED)
            return refused(link, type, error);
        if (verdict == CONFIRMED && (type != ESPALIER_REQ_HELLO || link->frame.type == ESPALIER_RSP_DATA)) {
            link->sequence++;
            link->in_session = true;
            return ESPALIER_OK;
        }
    }
    return no_answer(link, error);
}

enum espalier_status espalier_link_ask(struct espalier_link *link, uint8_t type, const void *payload, size_t size,
                                       bool wants_data, struct espalier_error *error)
{
    struct espalier_frame request = {.type = type, .size = size};
    if (size > 0)
        memcpy(request.payload, payload, size);
    if (type == ESPALIER_REQ_RUN) {
        link->run_sequence = link->sequence;
        link->run_ended = false;
    }
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        enum verdict verdict;
        request.sequence = link->sequence;
        enum espalier_status status = ask_once(link, &request, &verdict, error);
        if (status != ESPALIER_OK)
            return status;
        if (verdict == REFUSED)
            return refused(link, type, error);
        if (verdict != CONFIRMED)
            continue;
        link->sequence++;
        if (!wants_data || link->frame.type == ESPALIER_RSP_DATA)
            return ESPALIER_OK; /* else DATA was lost, and is asked for under a new number */
    }
    return lost(link, "does not confirm a request", error);
}

/* The requests of a batch that are under way: [confirmed, sent). link->sequence is the number of the first. */
struct progress {
    size_t confirmed, sent;
    unsigned troubles; /* since the last request that stays confirmed */
};

static enum espalier_status fill_window(struct espalier_link *link, const struct espalier_batch *batch,
                                        struct progress *progress, struct espalier_error *error)
{
    struct espalier_frame request;
    const size_t window = batch->window > 0 ? batch->window : WINDOW;
    while (progress->sent < batch->count && progress->sent - progress->confirmed < window) {
        batch->make(batch->context, progress->sent, &request);
        request.sequence = (uint8_t)(link->sequence + (progress->sent - progress->confirmed));
        enum espalier_status status = send_frame(link, &request, error);
        if (status != ESPALIER_OK)
            return status;
        progress->sent++;
    }
    return ESPALIER_OK;
}

/* Something was lost: goes on from what has been carried out, or begins again. */
static enum espalier_status step_back(struct espalier_link *link, const struct espalier_batch *batch,
                                      struct progress *progress, struct espalier_error *error)
{
    size_t carried_out;
    if (++progress->troubles > ATTEMPTS)
        return lost(link, "does not confirm requests", error);
    enum espalier_status status = resynchronize(link, progress->sent - progress->confirmed, &carried_out, error);
    if (status != ESPALIER_OK)
        return status;
    progress->confirmed = batch->resumable ? progress->confirmed + carried_out : 0;
    progress->sent = progress->confirmed;
    return ESPALIER_OK;
}

/* Deals with one answer, or with its absence. */
static enum espalier_status advance(struct espalier_link *link, const struct espalier_batch *batch,
                                    struct progress *progress, struct espalier_error *error)
{
    size_t distance;
    enum espalier_status status = receive_frame(link, error);
    if (status == ESPALIER_ERR_TIMEOUT)
        return step_back(link, batch, progress, error);
    if (status != ESPALIER_OK)
        return status;
    struct espalier_frame request;
    switch (judge(link, progress->sent - progress->confirmed, &distance)) {
    case CONFIRMED:
        link->sequence = (uint8_t)(link->sequence + distance + 1);
        progress->confirmed += distance + 1;
        progress->troubles = batch->resumable ? 0 : progress->troubles;
        return ESPALIER_OK;
    case DAMAGED:
        return step_back(link, batch, progress, error);
    case REFUSED:
        if (batch->beside_run && link->frame.payload[0] == ESPALIER_NAK_SPACE)
            return espalier_link_wait(link, error); /* the run is over, and will have said so */
        batch->make(batch->context, progress->confirmed + distance, &request);
        return refused(link, request.type, error);
    case UNRELATED:
    default:
        return ESPALIER_OK;
    }
}

enum espalier_status espalier_link_send(struct espalier_link *link, const struct espalier_batch *batch, size_t first,
                                        struct espalier_error *error)
{
    struct progress progress = {.confirmed = first, .sent = first};
    enum espalier_status status = ESPALIER_OK;
    while (status == ESPALIER_OK && progress.confirmed < batch->count && !(batch->beside_run && link->run_ended)) {
        status = fill_window(link, batch, &progress, error);
        if (status == ESPALIER_ERR_TIMEOUT)
            return lost(link, "takes no more bytes", error);
        if (status == ESPALIER_OK)
            status = advance(link, batch, &progress, error);
    }
    if (status == ESPALIER_OK && progress.confirmed < progress.sent) /* the run ended before */
        status = step_back(link, batch, &progress, error);
    if (status != ESPALIER_OK)
        link->in_session = false; /* requests may be under way */
    return status;
}

/* Asks a device that has been silent for the link's patience whether its run still goes on: only then is a request that
 * is in sequence refused as BUSY. */
static enum espalier_status ask_whether_busy(struct espalier_link *link, struct espalier_error *error)
{
    struct espalier_frame request = {.type = ESPALIER_REQ_COUNTERS};
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        enum verdict verdict;
        request.sequence = link->sequence;
        enum espalier_status status = ask_once(link, &request, &verdict, error);
        if (status != ESPALIER_OK)
            return status;
        if (verdict == REFUSED && link->frame.payload[0] == ESPALIER_NAK_BUSY)
            return ESPALIER_OK;
        if (verdict == CONFIRMED) { /* the run is over: DONE came before this answer, or has been lost */
            link->sequence++;
            return link->run_ended ? ESPALIER_OK : lost(link, "has ended its run without saying so", error);
        }
    }
    return lost(link, "does not answer during its run", error);
}

enum espalier_status espalier_link_wait(struct espalier_link *link, struct espalier_error *error)
{
    for (unsigned silences = 0; !link->run_ended; silences++) {
        enum espalier_status status = ESPALIER_OK;
        while (status == ESPALIER_OK && !link->run_ended)
            status = receive_frame(link, error);
        if (status == ESPALIER_ERR_TIMEOUT && silences == SILENCES)
            return lost(link, "does not end its run", error);
        if (status == ESPALIER_ERR_TIMEOUT)
            status = ask_whether_busy(link, error);
        if (status != ESPALIER_OK)
            return status;
    }
    return ESPALIER_OK;
}
