/* Transfers of a USB device: the driver through an unmodified libusb, with umockdev/mock_usb.h between it and the
 * simulated board `tiny`. */
#include "faults/level.h"
#include "support/drive.h"
#include "umockdev/mock_usb.h"

#include <espalier_sim.h>

/* In the order of enum mock_fate, from MOCK_VANISH on. */
static const struct fault_kind kinds[] = {
    {"unplugged", 0.02, 0.01},    {"not accepted", 0.11, 0.05},
    {"STALL", 0.11, 0.05},        {"failed", 0.11, 0.05},
    {"lost", 0.05, 0.02},         {"a bit flipped", 0.11, 0.05},
    {"repeated", 0.11, 0.05},     {"in two parts, or half of it", 0.11, 0.05},
    {"empty", 0.11, 0.05},        {"NAK for a while", 0.14, 0.2},
    {"NAK for ever", 0.02, 0.01},
};

struct fates {
    enum mock_fate fate;
    double rate;
    struct espalier_random random;
};

static enum mock_fate decide(void *context, uint64_t number, bool in)
{
    struct fates *fates = context;
    (void)number;
    (void)in;
    return espalier_random_uniform(&fates->random) < fates->rate ? fates->fate : MOCK_SERVE;
}

static struct fault_session run(size_t kind, uint64_t seed, struct fault_tasks *tasks)
{
    struct espalier_error error = {0};
    struct fates fates = {.fate = (enum mock_fate)(MOCK_VANISH + kind), .rate = kinds[kind].rate};
    struct mock_spec spec = {
        .address = 3, .serial = "A1", .product = "Espalier accelerator", .fate = decide, .context = &fates};
    espalier_random_seed(&fates.random, seed);
    if (espalier_sim_open("tiny", NULL, &spec.behind, &error) != ESPALIER_OK)
        return (struct fault_session){.status = error.status};
    struct task *task = &tasks->tasks[espalier_random_below(&fates.random, FAULT_TASKS)];
    struct mock_bus *bus = mock_bus_open();
    struct mock_device *device = mock_plug(bus, &spec);
    const struct drive_report report = drive_usb_session("A1", DRIVE_IMPATIENCE, task, &error);
    const struct mock_tally tally = mock_tally(device);
    mock_unplug(bus, device);
    mock_forget(device);
    mock_bus_close(bus);
    spec.behind.close(spec.behind.context);
    return (struct fault_session){.faults = tally.fates[fates.fate],
                                  .status = report.status,
                                  .wrong = report.wrong,
                                  .late = drive_is_late(&report, DRIVE_IMPATIENCE / 1e3),
                                  .leaked = tally.claims + tally.flying_in + tally.flying_out > 0};
}

const struct fault_level fault_transfers = {
    .name = "transfer", .share = 0.02, .kinds = kinds, .count = sizeof kinds / sizeof kinds[0], .run = run};
