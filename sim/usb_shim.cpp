// A Verilated USB device behind the C interface of usb_model.h. Compiled once a model, which is told by MODEL_HEADER,
// MODEL_CLASS and MODEL_SYMBOL (sim/usb.mk); MODEL_STREAMS says that it has streams, else it has the core behind it;
// MODEL_DESCRIPTORS is the scope of the ROM of usb_descriptors.v, MODEL_SERIAL the serial number it was built with.
#include MODEL_HEADER
#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <verilated.h>
#include <verilated_syms.h>

extern "C" {
#include "usb_model.h"
extern const struct usb_model MODEL_SYMBOL;
}

namespace
{

constexpr int RANDOM_POWER_UP = 2;

struct Device {
    VerilatedContext context;
    std::unique_ptr<MODEL_CLASS> top;
};

void power_down(void *model)
{
    auto *device = static_cast<Device *>(model);
    device->top->final();
    delete device;
}

void reset(void *model, bool asserted)
{
    auto &top = *static_cast<Device *>(model)->top;
    top.i_usb_reset = asserted;
    top.i_reset = asserted;
}

void *power_up(uint32_t seed)
{
    try {
        auto device = std::make_unique<Device>();
        device->context.randReset(RANDOM_POWER_UP);
        device->context.randSeed(static_cast<int>(seed >> 1) | 1);
        device->top = std::make_unique<MODEL_CLASS>(&device->context);
        device->top->i_usb_clk = 0;
        device->top->i_clk = 0;
        device->top->i_dp = 0;
        device->top->i_dn = 0;
#ifdef MODEL_STREAMS
        device->top->i_valid = 0;
        device->top->i_ready = 0;
        device->top->i_data = 0;
#endif
        reset(device.get(), true);
        device->top->eval();
        return device.release();
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

void usb_clock(void *model, bool dp, bool dn, usb_pins *pins)
{
    auto &top = *static_cast<Device *>(model)->top;
    top.i_dp = dp;
    top.i_dn = dn;
    top.i_usb_clk = 1;
    top.eval();
    top.i_usb_clk = 0;
    top.eval();
    *pins = {!!top.o_dp, !!top.o_dn, !!top.o_oe, !!top.o_pull_up, !!top.o_suspended, !!top.o_configured};
}

bool core_clock(void *model, usb_stream *stream)
{
    auto &top = *static_cast<Device *>(model)->top;
#ifdef MODEL_STREAMS
    top.i_valid = stream->give;
    top.i_data = stream->give_byte;
    top.i_ready = stream->take;
    top.eval();
    stream->given = stream->give && top.o_ready;
    stream->taken = stream->take && top.o_valid;
    stream->taken_byte = top.o_data;
#else
    (void)stream;
#endif
    top.i_clk = 1;
    top.eval();
    top.i_clk = 0;
    top.eval();
#ifdef MODEL_STREAMS
    return false;
#else
    return top.o_run_busy;
#endif
}

// A string descriptor's length, type and UTF-16 text.
std::string string_descriptor(const std::string &text)
{
    std::string bytes{static_cast<char>(2 + 2 * text.size()), 3};
    for (char c : text)
        bytes += {c, '\0'};
    return bytes;
}

bool set_serial(void *model, const char *serial)
{
    const std::string before = string_descriptor(MODEL_SERIAL), after = string_descriptor(serial);
    const bool printable = std::all_of(serial, serial + std::char_traits<char>::length(serial),
                                       [](char c) { return c > ' ' && c <= '~'; });
    if (!printable || after.size() != before.size())
        return false;
    const VerilatedScope *scope = static_cast<Device *>(model)->context.scopeFind(MODEL_DESCRIPTORS);
    const VerilatedVar *rom = scope ? scope->varFind("rom") : nullptr;
    if (!rom)
        return false;
    auto *begin = static_cast<char *>(rom->datap());
    auto *end = begin + rom->totalSize();
    auto *place = std::search(begin, end, before.begin(), before.end());
    if (place == end)
        return false;
    std::copy(after.begin(), after.end(), place);
    return true;
}

} // namespace

const struct usb_model MODEL_SYMBOL = {power_up, reset, usb_clock, core_clock, set_serial, power_down};
