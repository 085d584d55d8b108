/* Bytes on a serial line, bit by bit, between an FTDI chip (umockdev/mock_ftdi.h) and the RTL of
 * rtl/board/espalier_uart.v with the core of the board `tiny`; above the chip the driver through an unmodified libusb.
 */
#include "faults/level.h"
#include "support/drive.h"
#include "umockdev/mock_ftdi.h"

/* In the order of enum mock_ftdi_fault. */
static const struct fault_kind kinds[] = {
    {"byte with a bit flipped", 0.2, 0.003}, {"byte lost", 0.2, 0.003},           {"byte repeated", 0.2, 0.003},
    {"byte without a stop bit", 0.2, 0.003}, {"overrun of the chip", 0.2, 0.003},
};

enum { PATIENCE = 500 };          /* milliseconds */
static const double LINE = 0.052; /* seconds that the line adds to the patience: usb.h */

static struct fault_session run(size_t kind, uint64_t seed, struct fault_tasks *tasks)
{
    struct espalier_error error = {0};
    struct espalier_random random;
    espalier_random_seed(&random, seed);
    const struct mock_ftdi_spec chip = {.kind = espalier_random_below(&random, 2),
                                        .board = &uart_model_tiny,
                                        .off = 0.04 * espalier_random_uniform(&random) - 0.02,
                                        .phase = espalier_random_uniform(&random),
                                        .seed = seed,
                                        .rate = MOCK_BYTE_FAULTS * kinds[kind].rate,
                                        .kinds = 1u << kind};
    struct task *task = &tasks->tasks[espalier_random_below(&random, FAULT_TASKS)];
    struct mock_ftdi *ftdi = mock_ftdi_open(&chip);
    struct mock_bus *bus = mock_bus_open();
    const struct mock_spec spec = {.body = mock_ftdi_body(chip.kind),
                                   .address = 3,
                                   .serial = "IB1",
                                   .product = "A board",
                                   .kernel_driver = "ftdi_sio",
                                   .behind = mock_ftdi_transport(ftdi)};
    struct mock_device *device = mock_plug(bus, &spec);
    const struct drive_report report = drive_usb_session("ftdi:IB1", PATIENCE, task, &error);
    const struct mock_tally tally = mock_tally(device);
    const uint64_t faults = mock_ftdi_tally(ftdi).faults[kind];
    mock_unplug(bus, device);
    mock_forget(device);
    mock_bus_close(bus);
    mock_ftdi_close(ftdi);
    return (struct fault_session){.faults = faults,
                                  .status = report.status,
                                  .wrong = report.wrong,
                                  .late = drive_is_late(&report, PATIENCE / 1e3 + LINE),
                                  .leaked = tally.claims + tally.flying_in + tally.flying_out > 0 ||
                                            tally.drivers != spec.body->interfaces};
}

const struct fault_level fault_line = {
    .name = "line", .share = 0.005, .kinds = kinds, .count = sizeof kinds / sizeof kinds[0], .run = run};
