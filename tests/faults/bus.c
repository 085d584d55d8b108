/* Packets on D+ and D-, bit by bit, between a host (sim/usb_host.h) and the RTL of rtl/board/espalier_usb.v with the
 * core of the board `up5k`. */
#include "faults/level.h"
#include "support/drive.h"

#include <malloc.h>
#include <usb_transport.h>

/* In the order of enum usb_fault, from USB_FAULT_FLIP on; what follows is the host's own. */
static const struct fault_kind kinds[] = {
    {"packet with a bit flipped", 0.2, 0.2},   {"packet cut, with an end", 0.15, 0.2},
    {"packet cut, without an end", 0.15, 0.2}, {"packet lost", 0.15, 0.2},
    {"pulse before a packet", 0.1, 0.2},       {"packet too long", 0.1, 0.2},
    {"answer not understood", 0.1, 0.2},       {"storm of NAKs", 0.05, 0.02},
};
enum { DEAF = USB_FAULTS - 1, STORM };

static const double PATIENCE = 0.4; /* seconds of the bus: sim/usb_transport.c */

static void inflict(struct espalier_usb_cable *cable, size_t kind)
{
    double rate = kinds[kind].rate;

    if (kind == DEAF) {
        cable->deafness = rate;
    } else if (kind == STORM) {
        cable->stalls = rate;
    } else {
        cable->fault = (enum usb_fault)(1 + kind);
        cable->fault_rate = rate;
    }
}

static struct fault_session run(size_t kind, uint64_t seed, struct fault_tasks *tasks)
{
    struct espalier_error error = {0};
    struct espalier_transport transport;
    struct espalier_random random;
    struct espalier_usb_history history = {0};
    const size_t before = mallinfo2().uordblks;
    espalier_random_seed(&random, seed);
    struct espalier_usb_cable cable = {.model = &usb_model_board,
                                       .seed = seed,
                                       .ppm = 5000 * espalier_random_uniform(&random) - 2500,
                                       .core_megahertz = 12 + 36 * espalier_random_uniform(&random),
                                       .history = &history};
    inflict(&cable, kind);
    struct task *task = &tasks->tasks[espalier_random_below(&random, FAULT_TASKS)];
    if (espalier_usb_cable_open(&cable, &transport, &error) != ESPALIER_OK)
        return (struct fault_session){.status = error.status};
    const struct drive_report report = drive_session(&transport, task, &error);
    return (struct fault_session){.faults = history.faults,
                                  .status = report.status,
                                  .wrong = report.wrong,
                                  .late = history.seconds > DRIVE_RUNNING * PATIENCE,
                                  .leaked = mallinfo2().uordblks > before};
}

const struct fault_level fault_bus = {
    .name = "bus", .share = 0.06, .kinds = kinds, .count = sizeof kinds / sizeof kinds[0], .run = run};
