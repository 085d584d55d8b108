/** The simulated boards: the RTL core under Verilator behind a byte link. C interface; frames are the only way in and
 * out. */
#ifndef ESPALIER_SIM_H
#define ESPALIER_SIM_H

#include <espalier/device.h>

/** One simulated board that this program was built with. */
struct espalier_sim_board {
    const char *name;    /**< "up5k", "ecp5-25k", ... */
    const char *summary; /**< one line for a person */
};

/** The boards, @p count of them; the first is the default. Static storage. */
const struct espalier_sim_board *espalier_sim_boards(size_t *count);

/** Powers up a simulated board and gives the link to it. Boards are independent; each may live in its own thread.
 *  @param board       a name from espalier_sim_boards, or NULL for the default
 *  @param trace_path  FST file to write waves to, or NULL
 *  @param out         receives the transport; its close function powers the board down
 *  @return ESPALIER_ERR_RANGE for an unknown board (the message lists those there are) */
enum espalier_status espalier_sim_open(const char *board, const char *trace_path, struct espalier_transport *out,
                                       struct espalier_error *error);

/** Clock cycles that the board behind @p transport has simulated since power-up. */
uint64_t espalier_sim_cycles(const struct espalier_transport *transport);

#endif
