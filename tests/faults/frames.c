/* Frames between the client and the simulated board `tiny`, inside this program: each frame, either way, may be
 * damaged, lost, repeated, held back behind the next one, or replaced by one that means something else. */
#include "faults/level.h"
#include "support/drive.h"
#include "support/wire.h"

#include <espalier_sim.h>
#include <malloc.h>
#include <string.h>

enum kind {
    FLIP,
    LOSE_BYTE,
    ADD_BYTE,
    CUT,
    LOSE,
    REPEAT,
    REORDER,
    GARBAGE,
    FOREIGN,
    NONSENSE,
    STALL,
    RESET,
    POWER,
    UNPLUG
};

static const struct fault_kind kinds[] = {
    [FLIP] = {"bits flipped", 0.2, 0.35},
    [LOSE_BYTE] = {"a byte lost", 0.1, 0.35},
    [ADD_BYTE] = {"a byte too many", 0.1, 0.35},
    [CUT] = {"cut off", 0.1, 0.35},
    [LOSE] = {"lost", 0.1, 0.35},
    [REPEAT] = {"repeated", 0.156, 0.5},
    [REORDER] = {"behind the next one", 0.1, 0.35},
    [GARBAGE] = {"garbage before it", 0.05, 0.3},
    [FOREIGN] = {"older or newer version", 0.02, 0.1},
    [NONSENSE] = {"nonsense before it", 0.06, 0.3},
    [STALL] = {"nothing taken for a while", 0.005, 0.06},
    [RESET] = {"reset by somebody else", 0.005, 0.05},
    [POWER] = {"power lost", 0.002, 0.04},
    [UNPLUG] = {"unplugged", 0.002, 0.05},
};

enum {
    PATIENCE = 100, /* polls of 16 cycles: longer than the board is silent in a broken frame */
    READY = 1 << 14
};

struct link {
    struct espalier_transport inner;
    struct espalier_random random;
    enum kind kind;
    double rate;
    uint64_t faults;
    unsigned silences; /* waits that ended with nothing */
    bool gone;
    uint8_t sequence; /* of the last request */
    uint8_t held[2][WIRE_FRAME_MAX];
    size_t held_size[2]; /* out, in */
    uint8_t raw[2 * WIRE_FRAME_MAX];
    size_t raw_size; /* from the board, not yet a frame */
    uint8_t ready[READY];
    size_t first, last; /* for the client */
};

static uint32_t below(struct link *link, uint32_t limit)
{
    return espalier_random_below(&link->random, limit);
}

/* Passes bytes on, to the board or to the client. */
static void pass(struct link *link, bool in, const uint8_t *bytes, size_t size)
{
    if (in && link->last + size <= READY) {
        memcpy(link->ready + link->last, bytes, size);
        link->last += size;
    }
    for (size_t done = 0, sent = 1; !in && done < size && sent > 0; done += sent)
        if (link->inner.send(link->inner.context, bytes + done, size - done, &sent) != ESPALIER_OK)
            break;
}

static void pass_frame(struct link *link, bool in, const struct wire_frame *frame)
{
    uint8_t bytes[WIRE_FRAME_MAX];
    pass(link, in, bytes, wire_encode(frame, bytes));
}

/* A whole frame that means nothing where it stands: what the client could believe of the board it says of requests long
 * past, or refuses. */
static struct wire_frame nonsense(struct link *link, bool in)
{
    uint8_t payload[64];
    const uint8_t far = (uint8_t)(link->sequence + 100 + below(link, 50));
    const uint8_t any = (uint8_t)below(link, 256);
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)below(link, 256);
    if (!in)
        return wire_frame((uint8_t)(3 + below(link, 253)), far, payload, below(link, 65));
    switch (below(link, 3)) {
    case 0:
        return wire_frame(ESPALIER_RSP_NAK, any, payload, 2);
    case 1:
        return wire_frame((uint8_t)below(link, 0x81), any, payload, below(link, 65));
    default:
        return wire_frame((uint8_t)(ESPALIER_RSP_ACK + below(link, 4)), far, payload, below(link, 65));
    }
}

static struct wire_frame decode(const uint8_t *bytes, size_t size)
{
    struct wire_frame frame = wire_frame(bytes[1], bytes[2], bytes + 8, size - 12);
    return frame;
}

static void break_down(struct link *link)
{
    struct espalier_error error = {0};
    switch (link->kind) {
    case RESET:
        pass_frame(link, false,
                   &(struct wire_frame){.type = ESPALIER_REQ_RESET,
                                        .version = ESPALIER_VERSION,
                                        .sequence = (uint8_t)(link->sequence + 128)});
        break;
    case POWER:
        link->inner.close(link->inner.context);
        link->gone = espalier_sim_open("tiny", NULL, &link->inner, &error) != ESPALIER_OK;
        link->raw_size = 0;
        break;
    default:
        link->gone = true;
    }
}

/* Passes on what damage makes of a frame. */
static void spoil(struct link *link, bool in, const uint8_t *bytes, size_t size)
{
    uint8_t copy[WIRE_FRAME_MAX + 1];
    const size_t at = below(link, (uint32_t)size);
    struct wire_frame other;
    memcpy(copy, bytes, size);
    switch (link->kind) {
    case FLIP:
        for (uint32_t i = 0, count = 1 + below(link, 3); i < count; i++)
            copy[below(link, (uint32_t)size)] ^= (uint8_t)(1u << below(link, 8));
        pass(link, in, copy, size);
        break;
    case LOSE_BYTE:
        memmove(copy + at, bytes + at + 1, size - at - 1);
        pass(link, in, copy, size - 1);
        break;
    case ADD_BYTE:
        copy[at] = (uint8_t)below(link, 256);
        memcpy(copy + at + 1, bytes + at, size - at);
        pass(link, in, copy, size + 1);
        break;
    case CUT:
        pass(link, in, copy, at);
        break;
    case REPEAT:
        pass(link, in, bytes, size);
        pass(link, in, bytes, size);
        break;
    case REORDER:
        memcpy(link->held[in], bytes, size);
        link->held_size[in] = size;
        break;
    case GARBAGE:
        for (size_t i = 0; i < 40; i++)
            copy[i] = (uint8_t)(below(link, 8) ? below(link, 256) : ESPALIER_SYNC);
        pass(link, in, copy, 1 + below(link, 40));
        pass(link, in, bytes, size);
        break;
    case FOREIGN:
        other = decode(bytes, size);
        other.version = (uint8_t)(ESPALIER_VERSION - 1 + 2 * below(link, 2));
        pass_frame(link, in, &other);
        break;
    case NONSENSE:
        other = nonsense(link, in);
        pass_frame(link, in, &other);
        pass(link, in, bytes, size);
        break;
    case LOSE:
    default:
        break;
    }
}

/* A whole frame is on its way. */
static void carry(struct link *link, bool in, const uint8_t *bytes, size_t size)
{
    const size_t held = link->held_size[in];
    link->held_size[in] = 0;
    if (held == 0 && link->kind < STALL && espalier_random_uniform(&link->random) < link->rate) {
        link->faults++;
        spoil(link, in, bytes, size);
    } else {
        pass(link, in, bytes, size);
    }
    if (held > 0)
        pass(link, in, link->held[in], held);
}

static enum espalier_status link_send(void *context, const uint8_t *bytes, size_t size, size_t *sent)
{
    struct link *link = context;
    *sent = 0;
    if (!link->gone && link->kind >= STALL && espalier_random_uniform(&link->random) < link->rate) {
        link->faults++;
        if (link->kind == STALL) {
            link->silences++;
            return ESPALIER_ERR_TIMEOUT;
        }
        break_down(link);
    }
    if (link->gone)
        return ESPALIER_ERR_NO_DEVICE;
    link->sequence = bytes[2];
    carry(link, false, bytes, size);
    *sent = size;
    return ESPALIER_OK;
}

/* Takes what the board says, as frames: it says nothing else. */
static void listen(struct link *link)
{
    size_t received = 0;
    if (link->inner.receive(link->inner.context, link->raw + link->raw_size, sizeof link->raw - link->raw_size, false,
                            &received) != ESPALIER_OK)
        return;
    link->raw_size += received;
    while (link->raw_size >= 8) {
        const size_t size = 12 + (link->raw[4] | (size_t)link->raw[5] << 8);
        if (link->raw_size < size)
            break;
        carry(link, true, link->raw, size);
        link->raw_size -= size;
        memmove(link->raw, link->raw + size, link->raw_size);
    }
}

static enum espalier_status link_receive(void *context, uint8_t *bytes, size_t size, bool wait, size_t *received)
{
    struct link *link = context;
    *received = 0;
    if (link->gone)
        return ESPALIER_ERR_NO_DEVICE;
    if (link->first == link->last) {
        link->first = link->last = 0;
        for (unsigned polls = 0; link->last == 0 && polls < (wait ? PATIENCE : 1); polls++)
            listen(link);
    }
    const size_t there = link->last - link->first;
    *received = there < size ? there : size;
    memcpy(bytes, link->ready + link->first, *received);
    link->first += *received;
    link->silences += wait && there == 0;
    return wait && there == 0 ? ESPALIER_ERR_TIMEOUT : ESPALIER_OK;
}

static void link_close(void *context)
{
    struct link *link = context;
    link->inner.close(link->inner.context);
}

static struct fault_session run(size_t kind, uint64_t seed, struct fault_tasks *tasks)
{
    struct espalier_error error = {0};
    static struct link link;
    const size_t before = mallinfo2().uordblks;
    link = (struct link){.kind = (enum kind)kind, .rate = kinds[kind].rate};
    espalier_random_seed(&link.random, seed);
    if (espalier_sim_open("tiny", NULL, &link.inner, &error) != ESPALIER_OK)
        return (struct fault_session){.status = error.status};
    const struct espalier_transport transport = {
        .context = &link, .send = link_send, .receive = link_receive, .close = link_close};
    const struct drive_report report = drive_session(&transport, &tasks->tasks[below(&link, FAULT_TASKS)], &error);
    return (struct fault_session){.faults = link.faults,
                                  .status = report.status,
                                  .wrong = report.wrong,
                                  .late = link.silences > DRIVE_RUNNING,
                                  .leaked = mallinfo2().uordblks > before};
}

const struct fault_level fault_frames = {
    .name = "frame", .share = 0.915, .kinds = kinds, .count = sizeof kinds / sizeof kinds[0], .run = run};
