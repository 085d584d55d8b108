// A Verilated accelerator behind the C interface of spi_model.h.
#include "Vspi_board.h"
#include <memory>
#include <new>
#include <verilated.h>

extern "C" {
#include "spi_model.h"
extern const struct spi_model spi_model_board;
}

namespace
{

constexpr int RANDOM_POWER_UP = 2;

struct Device {
    VerilatedContext context;
    std::unique_ptr<Vspi_board> top;
};

void power_down(void *model)
{
    auto *device = static_cast<Device *>(model);
    device->top->final();
    delete device;
}

void reset(void *model, bool asserted)
{
    static_cast<Device *>(model)->top->i_reset = asserted;
}

void *power_up(uint32_t seed)
{
    try {
        auto device = std::make_unique<Device>();
        device->context.randReset(RANDOM_POWER_UP);
        device->context.randSeed(static_cast<int>(seed >> 1) | 1);
        device->top = std::make_unique<Vspi_board>(&device->context);
        device->top->i_clk = 0;
        reset(device.get(), true);
        device->top->eval();
        return device.release();
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

void clock_once(void *model, spi_pins *pins)
{
    auto &top = *static_cast<Device *>(model)->top;
    top.i_cs_n = pins->cs_n;
    top.i_sck = pins->sck;
    top.i_mosi = pins->mosi;
    top.i_clk = 1;
    top.eval();
    top.i_clk = 0;
    top.eval();
    pins->miso = top.o_miso;
    pins->miso_oe = top.o_miso_oe;
}

} // namespace

const struct spi_model spi_model_board = {power_up, reset, clock_once, power_down};
