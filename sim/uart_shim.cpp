// A Verilated board on a serial line behind the C interface of uart_model.h. Compiled once a model, which is told by
// MODEL_HEADER, MODEL_CLASS, MODEL_SYMBOL, MODEL_CLOCK and MODEL_BAUD (sim/uart.mk).
#include MODEL_HEADER
#include <memory>
#include <new>
#include <verilated.h>

extern "C" {
#include "uart_model.h"
extern const struct uart_model MODEL_SYMBOL;
}

namespace
{

constexpr int RESET_CYCLES = 4;
constexpr int RANDOM_POWER_UP = 2;

struct Board {
    VerilatedContext context;
    std::unique_ptr<MODEL_CLASS> top;

    void cycle()
    {
        top->i_clk = 1;
        top->eval();
        top->i_clk = 0;
        top->eval();
    }
};

void power_down(void *model)
{
    auto *board = static_cast<Board *>(model);
    board->top->final();
    delete board;
}

void *power_up(uint32_t seed)
{
    try {
        auto board = std::make_unique<Board>();
        board->context.randReset(RANDOM_POWER_UP);
        board->context.randSeed(static_cast<int>(seed >> 1) | 1);
        board->top = std::make_unique<MODEL_CLASS>(&board->context);
        board->top->i_clk = 0;
        board->top->i_rx = 1;
        board->top->i_cts_n = 1;
        board->top->i_reset = 1;
        for (int n = 0; n < RESET_CYCLES; n++)
            board->cycle();
        board->top->i_reset = 0;
        return board.release();
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

void clock_once(void *model, bool rx, bool cts_n, uart_pins *pins)
{
    auto *board = static_cast<Board *>(model);
    MODEL_CLASS &top = *board->top;
    top.i_rx = rx;
    top.i_cts_n = cts_n;
    board->cycle();
    *pins = {!!top.o_tx, !!top.o_rts_n, !!top.o_run_busy, !!top.o_overrun, !!top.o_broken};
}

} // namespace

const struct uart_model MODEL_SYMBOL = {MODEL_CLOCK, MODEL_BAUD, power_up, clock_once, power_down};
