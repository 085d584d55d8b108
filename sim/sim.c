/** The simulated boards behind struct espalier_transport. Sending and receiving are what makes time pass: the clock
 *  runs while bytes move and while somebody waits for them. */
#include "espalier_sim.h"
#include "shim.h"
#include <stdlib.h>
#include <string.h>

#define X(symbol, name, summary) extern const struct espalier_shim espalier_shim_##symbol;
#include <espalier_sim_boards.inc>
#undef X

static const struct espalier_sim_board boards[] = {
#define X(symbol, name, summary) {name, summary},
#include <espalier_sim_boards.inc>
#undef X
};

static const struct espalier_shim *const shims[] = {
#define X(symbol, name, summary) &espalier_shim_##symbol,
#include <espalier_sim_boards.inc>
#undef X
};

enum {
    BOARD_COUNT = sizeof boards / sizeof boards[0],
    BUFFER_BYTES =
        8192,        /**< bytes that came while others were being sent: more than the answers of all frames in flight */
    POLL_CYCLES = 16 /**< time that passes when somebody looks for bytes without waiting */
};

/** Quiet cycles until a wait is given up. The device breaks its own silence in a frame after 2^22. */
static const uint64_t PATIENCE = UINT64_C(1) << 24;
static const uint64_t PATIENCE_BUSY = UINT64_C(1) << 26;

struct board {
    const struct espalier_shim *shim;
    void *model;
    uint64_t cycles;
    uint8_t buffer[BUFFER_BYTES]; /**< received and not yet asked for: [first, last) */
    size_t first, last;
};

const struct espalier_sim_board *espalier_sim_boards(size_t *count)
{
    *count = BOARD_COUNT;
    return boards;
}

/** Runs the clock with what the buffer has room for. @p patience_busy bounds quiet cycles during a run */
static void clock_board(struct board *board, struct espalier_shim_burst *burst, uint64_t patience,
                        uint64_t patience_busy)
{
    if (board->first > 0) {
        memmove(board->buffer, board->buffer + board->first, board->last - board->first);
        board->last -= board->first;
        board->first = 0;
    }
    burst->receive = board->buffer + board->last;
    burst->receive_size = BUFFER_BYTES - board->last;
    burst->patience = patience;
    burst->patience_busy = patience_busy;
    board->shim->clock(board->model, burst);
    board->last += burst->received;
    board->cycles += burst->cycles;
}

static enum espalier_status sim_send(void *context, const uint8_t *bytes, size_t size, size_t *sent)
{
    struct board *board = context;
    struct espalier_shim_burst burst = {.send = bytes, .send_size = size};
    clock_board(board, &burst, PATIENCE, PATIENCE_BUSY);
    *sent = burst.sent;
    return burst.sent > 0 || size == 0 ? ESPALIER_OK : ESPALIER_ERR_TIMEOUT;
}

static enum espalier_status sim_receive(void *context, uint8_t *bytes, size_t size, bool wait, size_t *received)
{
    struct board *board = context;
    if (board->first == board->last) {
        struct espalier_shim_burst burst = {.send_size = 0};
        clock_board(board, &burst, wait ? PATIENCE : POLL_CYCLES, wait ? PATIENCE_BUSY : POLL_CYCLES);
    }
    size_t there = board->last - board->first;
    *received = there < size ? there : size;
    memcpy(bytes, board->buffer + board->first, *received);
    board->first += *received;
    return wait && there == 0 ? ESPALIER_ERR_TIMEOUT : ESPALIER_OK;
}

static void sim_close(void *context)
{
    struct board *board = context;
    board->shim->power_down(board->model);
    free(board);
}

/** Index of the board called @p name, or BOARD_COUNT. */
static size_t find_board(const char *name)
{
    size_t index = 0;
    while (index < BOARD_COUNT && strcmp(boards[index].name, name) != 0)
        index++;
    return index;
}

static enum espalier_status unknown_board(const char *name, struct espalier_error *error)
{
    char list[128] = "";
    for (size_t n = 0; n < BOARD_COUNT; n++) {
        if (strlen(list) + strlen(boards[n].name) + 3 > sizeof list)
            break;
        if (n > 0)
            strcat(list, ", ");
        strcat(list, boards[n].name);
    }
    return espalier_fail(error, ESPALIER_ERR_RANGE, "there is no simulated board \"%.32s\"; there are: %s", name, list);
}

enum espalier_status espalier_sim_open(const char *name, const char *trace_path, struct espalier_transport *out,
                                       struct espalier_error *error)
{
    size_t index = name ? find_board(name) : 0;
    if (index == BOARD_COUNT)
        return unknown_board(name, error);
    struct board *board = calloc(1, sizeof *board);
    if (!board)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "board %s: out of memory", boards[index].name);
    board->shim = shims[index];
    board->model = board->shim->power_up(trace_path);
    if (!board->model) {
        free(board);
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "board %s: out of memory", boards[index].name);
    }
    *out = (struct espalier_transport){.context = board, .send = sim_send, .receive = sim_receive, .close = sim_close};
    return ESPALIER_OK;
}

uint64_t espalier_sim_cycles(const struct espalier_transport *transport)
{
    const struct board *board = transport->context;
    return board->cycles;
}
