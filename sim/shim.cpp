// The one piece of C++: a Verilated model behind the C interface of shim.h. Compiled once a board, which is told by
// BOARD_HEADER, BOARD_CLASS and BOARD_SYMBOL (sim/rules.mk).
#include BOARD_HEADER
#include <memory>
#include <new>
#include <verilated.h>
#include <verilated_fst_c.h>

extern "C" {
#include "shim.h"
extern const struct espalier_shim BOARD_SYMBOL;
}

namespace
{

constexpr int RESET_CYCLES = 4;

// Registers and memories without a reset power up at random, as in a chip: nothing may depend on them.
constexpr int RANDOM_POWER_UP = 2;
constexpr int POWER_UP_SEED = 1;

struct Board {
    VerilatedContext context;
    std::unique_ptr<BOARD_CLASS> core;
    std::unique_ptr<VerilatedFstC> trace;

    void half_cycle(bool clock_level)
    {
        core->i_clk = clock_level;
        core->eval();
        if (trace)
            trace->dump(context.time());
        context.timeInc(1);
    }
    void cycle()
    {
        half_cycle(false);
        half_cycle(true);
    }
};

void power_down(void *model)
{
    auto *board = static_cast<Board *>(model);
    if (board->trace)
        board->trace->close();
    board->core->final();
    delete board;
}

void *power_up(const char *trace_path)
{
    try {
        auto board = std::make_unique<Board>();
        board->context.randReset(RANDOM_POWER_UP);
        board->context.randSeed(POWER_UP_SEED);
        board->context.traceEverOn(trace_path != nullptr);
        board->core = std::make_unique<BOARD_CLASS>(&board->context);
        if (trace_path) {
            board->trace = std::make_unique<VerilatedFstC>();
            board->core->trace(board->trace.get(), 99);
            board->trace->open(trace_path);
        }
        board->core->i_rx_valid = 0;
        board->core->i_tx_ready = 0;
        board->core->i_reset = 1;
        for (int n = 0; n < RESET_CYCLES; n++)
            board->cycle();
        board->core->i_reset = 0;
        board->half_cycle(false);
        return board.release();
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

// The clock is low between bursts, and what leaves the core depends on its registers alone: a handshake can be judged
// before the rising edge that carries it out.
void clock_burst(void *model, struct espalier_shim_burst *burst)
{
    auto *board = static_cast<Board *>(model);
    BOARD_CLASS &core = *board->core;
    const bool sending = burst->send_size > 0;
    uint64_t quiet = 0, cycles = 0;
    while (quiet < (core.o_run_busy ? burst->patience_busy : burst->patience)) {
        const bool offered = burst->sent < burst->send_size, room = burst->received < burst->receive_size;
        if (sending ? !offered : burst->received > 0 && !(core.o_tx_valid && room))
            break;
        core.i_rx_valid = offered;
        if (offered)
            core.i_rx_data = burst->send[burst->sent];
        core.i_tx_ready = room;
        core.i_clk = 0;
        core.eval();
        const bool in = offered && core.o_rx_ready, out = room && core.o_tx_valid;
        if (out)
            burst->receive[burst->received++] = core.o_tx_data;
        burst->sent += in;
        quiet = in || out ? 0 : quiet + 1;
        board->half_cycle(true);
        if (board->trace)
            board->half_cycle(false);
        cycles++;
    }
    core.i_rx_valid = 0;
    core.i_tx_ready = 0;
    burst->cycles = cycles;
}

} // namespace

const struct espalier_shim BOARD_SYMBOL = {power_up, clock_burst, power_down};
