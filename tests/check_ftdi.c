/* Boards behind an FTDI chip: the USB driver through an unmodified libusb (umockdev/mock_usb.h), a chip that does what
 * such chips do (umockdev/mock_ftdi.h), and behind its lines the RTL of rtl/board/espalier_uart.v, bit by bit. Every
 * result is compared with the reference engine, whatever happens on the line. */
#include "commands.h"
#include "support/drive.h"
#include "support/support.h"
#include "tool.h"
#include "umockdev/mock_ftdi.h"

#include <espalier/uart.h>
#include <espalier/usb.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct espalier_random seeded(uint64_t extra)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed() + extra);
    return random;
}

/* ---- a chip on the bus ---- */

struct rig {
    struct mock_bus *bus;
    struct mock_ftdi *ftdi;
    struct mock_device *device;
    struct mock_spec spec;
};

static void plug(struct rig *rig, const struct mock_ftdi_spec *chip, unsigned address, const char *serial)
{
    rig->ftdi = mock_ftdi_open(chip);
    rig->spec.body = mock_ftdi_body(chip->kind);
    rig->spec.address = address;
    rig->spec.serial = serial;
    rig->spec.product = "A board, or not";
    rig->spec.kernel_driver = "ftdi_sio";
    rig->spec.behind = mock_ftdi_transport(rig->ftdi);
    rig->device = mock_plug(rig->bus, &rig->spec);
}

static void unplug(struct rig *rig)
{
    mock_unplug(rig->bus, rig->device);
    mock_forget(rig->device);
    mock_ftdi_close(rig->ftdi);
}

/* Fails unless the chip has been given back as it was found. */
static void check_given_back(const struct rig *rig)
{
    const struct mock_tally tally = mock_tally(rig->device);
    ck_assert_uint_eq(tally.claims + tally.flying_in + tally.flying_out, 0);
    ck_assert_uint_eq(tally.drivers, rig->spec.body->interfaces);
}

static const char *name_of(enum mock_ftdi_kind kind)
{
    return kind == MOCK_FT2232H ? "FT2232H" : "FT231X";
}

/* ---- finding and setting up ---- */

START_TEST(adapters_are_listed_and_their_driver_is_left_alone)
{
    struct espalier_error error = {0};
    struct espalier_usb_info *list;
    size_t count;
    struct rig rigs[2] = {{.bus = mock_bus_open()}};
    rigs[1].bus = rigs[0].bus;
    for (unsigned i = 0; i < 2; i++) {
        const struct mock_ftdi_spec chip = {.kind = i, .seed = test_seed()};
        plug(&rigs[i], &chip, 3 + i, i ? "DU2" : "IB1");
    }
    test_ok(espalier_usb_list(&list, &count, &error));
    ck_assert_uint_eq(count, 2);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(list[i].kind, ESPALIER_USB_ADAPTER);
        ck_assert_int_eq(list[i].state, ESPALIER_USB_FREE);
        ck_assert_str_eq(list[i].serial, list[i].address == 3 ? "IB1" : "DU2");
        ck_assert_uint_eq(list[i].vendor_id, 0x0403);
    }
    free(list);
    for (unsigned i = 0; i < 2; i++) {
        check_given_back(&rigs[i]);
        unplug(&rigs[i]);
    }
    mock_bus_close(rigs[0].bus);
}
END_TEST

START_TEST(the_driver_of_the_port_steps_aside_and_comes_back)
{
    for (unsigned kind = 0; kind < 2; kind++) {
        struct espalier_error error = {0};
        struct espalier_transport transport;
        struct rig rig = {.bus = mock_bus_open()};
        const struct mock_ftdi_spec chip = {.kind = kind, .seed = test_seed()};
        plug(&rig, &chip, 3, "IB1");
        test_ok(espalier_usb_open("ftdi:IB1", DRIVE_PATIENCE, &transport, &error));
        const struct mock_tally tally = mock_tally(rig.device);
        ck_assert_uint_eq(tally.claims, 1);
        ck_assert_uint_eq(tally.drivers, rig.spec.body->interfaces - 1);
        ck_assert_uint_eq(transport.room, ESPALIER_UART_DEPTH);
        drive_refusal("ftdi:any", ESPALIER_ERR_BUSY, "another program");
        transport.close(transport.context);
        check_given_back(&rig);
        ck_assert_uint_eq(mock_ftdi_tally(rig.ftdi).refused, 0);
        ck_assert_uint_eq(mock_ftdi_tally(rig.ftdi).latency, 1);
        test_ok(espalier_usb_open("ftdi:1-3,flow=rts", DRIVE_PATIENCE, &transport, &error));
        ck_assert_uint_eq(transport.room, 0);
        transport.close(transport.context);
        unplug(&rig);
        mock_bus_close(rig.bus);
    }
}
END_TEST

START_TEST(what_stands_in_the_way_of_an_adapter_is_told)
{
    char rule[ESPALIER_USB_RULE_BYTES];
    const struct espalier_usb_info info = {.vendor_id = 0x0403, .product_id = 0x6010};
    const struct mock_ftdi_spec chip = {.kind = MOCK_FT2232H, .seed = test_seed()},
                                other = {.kind = MOCK_FT231X, .seed = test_seed(), .broken = true};
    struct rig rig = {.bus = mock_bus_open()}, second = {.bus = rig.bus};
    drive_refusal("ftdi:any", ESPALIER_ERR_NO_DEVICE, "lsusb -d 0403:");
    plug(&rig, &chip, 3, "IB1");
    drive_refusal(NULL, ESPALIER_ERR_NO_DEVICE, "--device ftdi:any");
    drive_refusal("ftdi:IB2", ESPALIER_ERR_NO_DEVICE, "no serial adapter with serial number or path IB2");
    drive_refusal("ftdi:any,port=C", ESPALIER_ERR_NO_DEVICE, "port");
    drive_refusal("ftdi:any,port=AB", ESPALIER_ERR_RANGE, "A, B, C or D");
    drive_refusal("ftdi:any,baud=12", ESPALIER_ERR_RANGE, "9600 to 12000000");
    drive_refusal("ftdi:any,baud=1000000x", ESPALIER_ERR_RANGE, "9600 to 12000000");
    drive_refusal("ftdi:any,baud", ESPALIER_ERR_RANGE, "no setting \"baud\"");
    drive_refusal("ftdi:any,parity=even", ESPALIER_ERR_RANGE, "[,baud=N]");
    drive_refusal("ftdi:any,flow=", ESPALIER_ERR_RANGE, "rts or none");
    espalier_usb_rule(&info, rule);
    mock_deny(rig.bus, rig.device);
    drive_refusal("ftdi:any", ESPALIER_ERR_PERMISSION, rule);
    mock_allow(rig.bus, rig.device);
    plug(&second, &other, 4, "DU2");
    drive_refusal("ftdi:any", ESPALIER_ERR_RANGE, "2 serial adapters");
    drive_refusal("ftdi:DU2", ESPALIER_ERR_IO, "baud rate");
    drive_refusal("ftdi:DU2,baud=5000000", ESPALIER_ERR_RANGE, "a FT231X cannot do 5000000 baud");
    check_given_back(&rig);
    check_given_back(&second);
    unplug(&rig);
    unplug(&second);
    mock_bus_close(rig.bus);
}
END_TEST

/* What the divisor that the chip was told makes of its clock is the rate, or the rate was refused and no divisor does.
 */
START_TEST(every_baud_rate_is_met_within_a_percent_or_refused)
{
    static const uint32_t usual[] = {9600,    19200,   57600,   115200,  230400,  460800,  921600,  1000000,  1500000,
                                     2000000, 2500000, 3000000, 3500000, 4000000, 6000000, 8000000, 10000000, 12000000};
    enum { USUAL = sizeof usual / sizeof usual[0] };
    struct espalier_random random = seeded(1);
    for (unsigned kind = 0; kind < 2; kind++) {
        struct rig rig = {.bus = mock_bus_open()};
        const struct mock_ftdi_spec chip = {.kind = kind, .seed = test_seed()};
        const double clock = kind == MOCK_FT2232H ? 12e6 : 3e6;
        unsigned met = 0;
        plug(&rig, &chip, 3, "IB1");
        for (uint32_t i = 0; i < USUAL + test_scale(100); i++) {
            char which[64];
            struct espalier_error error = {0};
            struct espalier_transport transport;
            const double drawn = 9600 * pow(1250, espalier_random_uniform(&random));
            const uint32_t baud = i < USUAL ? usual[i] : (uint32_t)drawn;
            snprintf(which, sizeof which, "ftdi:any,baud=%u", baud);
            double nearest = fabs(clock / baud - 1), eighths = floor(8 * clock / baud);
            nearest = fmin(nearest, fabs(clock / 1.5 / baud - 1));
            for (double e = fmax(16, eighths); e <= fmax(16, eighths + 1); e++)
                nearest = fmin(nearest, fabs(8 * clock / e / baud - 1));
            enum espalier_status status = espalier_usb_open(which, DRIVE_PATIENCE, &transport, &error);
            if (status == ESPALIER_OK) {
                const double told = mock_ftdi_tally(rig.ftdi).baud;
                ck_assert_msg(fabs(told / baud - 1) < 0.0101, "%s: %u baud, told %f", name_of(kind), baud, told);
                transport.close(transport.context);
                met++;
            } else {
                ck_assert_int_eq(status, ESPALIER_ERR_RANGE);
                ck_assert_msg(nearest > 0.0099, "%s: %u baud refused: %s", name_of(kind), baud, error.message);
            }
        }
        ck_assert_uint_gt(met, USUAL / 3);
        check_given_back(&rig);
        unplug(&rig);
        mock_bus_close(rig.bus);
    }
}
END_TEST

/* ---- good lines ---- */

/* Seconds that a line of @p baud adds to the patience: usb.h. */
static double line_seconds(double baud)
{
    return 5 * 1036 * 10 / baud;
}

START_TEST(random_models_are_bit_exact_at_all_phases_and_2_percent_off)
{
    struct espalier_random random = seeded(2);
    for (uint32_t i = 0; i < test_scale(20); i++) {
        struct espalier_error error = {0};
        struct rig rig = {.bus = mock_bus_open()};
        const struct mock_ftdi_spec chip = {.kind = i % 2,
                                            .board = &uart_model_tiny,
                                            .off = 0.02 * ((int)(i / 2 % 3) - 1),
                                            .phase = espalier_random_uniform(&random),
                                            .wired = i / 4 % 2,
                                            .seed = test_seed() + i};
        struct task task = drive_task(&random);
        plug(&rig, &chip, 3, "IB1");
        enum espalier_status status = drive_through(chip.wired ? "ftdi:IB1,flow=rts" : "ftdi:IB1", DRIVE_PATIENCE,
                                                    line_seconds(1e6), &task, &error);
        ck_assert_msg(status == ESPALIER_OK, "%s, %g off, phase %g: %s", name_of(chip.kind), chip.off, chip.phase,
                      error.message);
        const struct mock_ftdi_tally tally = mock_ftdi_tally(rig.ftdi);
        ck_assert_uint_eq(tally.overruns + tally.full + tally.bad, 0);
        check_given_back(&rig);
        unplug(&rig);
        free_task(&task);
        mock_bus_close(rig.bus);
    }
}
END_TEST

/* A dense layer for the board `up5k`: streamed, for it is six times the weight memory, and with so many positions that
 * the array takes more cycles for a weight than the line does for its byte. So the board holds weights back. */
static struct task slow_task(struct espalier_random *random)
{
    struct espalier_error error = {0};
    struct espalier_model *model;
    test_ok(espalier_model_create(1, &model, &error));
    struct espalier_layer *layer = &model->layers[0];
    layer->format = ESPALIER_DENSE;
    layer->in_channels = layer->in_height = layer->in_width = 16;
    layer->kernel_height = layer->kernel_width = 3;
    layer->stride = 1;
    layer->pool = 4;
    layer->rows = 200;
    layer->value_bits = layer->bias_bits = 8;
    layer->mult = 200;
    layer->shift = 17;
    test_ok(espalier_layer_allocate(layer, &error));
    const size_t columns = espalier_layer_columns(layer);
    model->dense_weights = layer->rows * columns;
    for (size_t i = 0; i < layer->rows * columns; i++) {
        layer->mask[i] = 1;
        layer->weights[i] = (int8_t)((int)espalier_random_below(random, 256) - 128);
    }
    return make_task(random, model, 1);
}

/* With RTS the chip stops, without it the client must not have more under way than the board keeps. */
START_TEST(weights_that_the_board_holds_back_overrun_nothing_with_and_without_rts)
{
    struct espalier_random random = seeded(3);
    for (unsigned wired = 0; wired < 2; wired++) {
        struct espalier_error error = {0};
        struct rig rig = {.bus = mock_bus_open()};
        const struct mock_ftdi_spec chip = {
            .kind = MOCK_FT2232H, .board = &uart_model_up5k, .wired = wired, .phase = 0.3, .seed = test_seed() + wired};
        struct task task = slow_task(&random);
        plug(&rig, &chip, 3, "IB1");
        enum espalier_status status = drive_through(wired ? "ftdi:IB1,baud=3000000,flow=rts" : "ftdi:IB1,baud=3000000",
                                                    DRIVE_PATIENCE, line_seconds(3e6), &task, &error);
        ck_assert_msg(status == ESPALIER_OK, "%s", error.message);
        ck_assert_uint_eq(mock_ftdi_tally(rig.ftdi).overruns, 0);
        unplug(&rig);
        free_task(&task);
        mock_bus_close(rig.bus);
    }
}
END_TEST

/* LeNet-5 on the board's fast rate, at both ends of the tolerance, by the tool. */
START_TEST(the_tool_classifies_on_a_board_behind_a_chip)
{
    static const char model[] = ESPALIER_DATA_DIR "/models/lenet5-structured.esp";
    static const double offs[] = {0, 0.02, -0.02};
    const char *const devices[] = {"devices", "--json", NULL};
    char text[4096], expected[4096];
    for (uint32_t i = 0; i < 1 + test_scale(10) / 5; i++) {
        char image[16];
        const struct mock_ftdi_spec chip = {
            .kind = i % 2, .board = &uart_model_up5k, .off = offs[i], .phase = 0.37 * i, .seed = test_seed()};
        struct rig rig = {.bus = mock_bus_open()};
        snprintf(image, sizeof image, "IDX:%u", (unsigned)((test_seed() + i) % 10000));
        const char *const on_device[] = {"run", model, image, "--device", "ftdi:IB1,baud=3000000", "--json", NULL};
        const char *const in_engine[] = {"run", model, image, "--json", NULL};
        plug(&rig, &chip, 3, "IB1");
        ck_assert_int_eq(drive_tool(espalier_cmd_devices, devices, text, sizeof text), TOOL_OK);
        ck_assert_msg(strstr(text, "\"adapter\"") && strstr(text, "\"ftdi:IB1\""), "%s", text);
        ck_assert_int_eq(drive_tool(espalier_cmd_run, in_engine, expected, sizeof expected), TOOL_OK);
        ck_assert_int_eq(drive_tool(espalier_cmd_run, on_device, text, sizeof text), TOOL_OK);
        ck_assert_msg(strstr(text, "\"engine\": \"device\"") && strstr(expected, "\"logits\""), "%s", text);
        ck_assert_str_eq(strstr(text, "\"logits\""), strstr(expected, "\"logits\"")); /* and mismatches: 0 */
        check_given_back(&rig);
        unplug(&rig);
        mock_bus_close(rig.bus);
    }
}
END_TEST

/* ---- bad ones ---- */

START_TEST(nothing_behind_the_chip_is_given_up)
{
    for (unsigned kind = 0; kind < 2; kind++) {
        struct espalier_error error = {0};
        struct espalier_device *device;
        struct rig rig = {.bus = mock_bus_open()};
        const struct mock_ftdi_spec chip = {.kind = kind, .seed = test_seed()};
        plug(&rig, &chip, 3, "IB1");
        const double begin = drive_now();
        ck_assert_int_eq(drive_open("ftdi:IB1", DRIVE_IMPATIENCE, &device, &error), ESPALIER_ERR_TIMEOUT);
        drive_check_bound(begin, DRIVE_OPENING * (DRIVE_IMPATIENCE / 1e3 + line_seconds(1e6)), "opening");
        ck_assert_uint_gt(mock_ftdi_tally(rig.ftdi).empty, 10); /* status bytes are no answer */
        check_given_back(&rig);
        unplug(&rig);
        mock_bus_close(rig.bus);
    }
}
END_TEST

/* Each kind of damage, both ways, rare: repaired, and heard of where the chip or the board tells. */
START_TEST(damage_of_every_kind_on_the_line_is_repaired)
{
    struct espalier_random random = seeded(4);
    for (unsigned fault = 0; fault < MOCK_BYTE_FAULTS; fault++) {
        uint64_t faults = 0, bad = 0, told = 0;
        for (uint32_t i = 0; i < test_scale(5) || faults == 0; i++) {
            struct espalier_error error = {0};
            struct rig rig = {.bus = mock_bus_open()};
            const struct mock_ftdi_spec chip = {.kind = i % 2,
                                                .board = &uart_model_tiny,
                                                .phase = 0.5,
                                                .seed = test_seed() + 100 * fault + i,
                                                .rate = MOCK_BYTE_FAULTS * 3e-4,
                                                .kinds = 1u << fault};
            struct task task = drive_task(&random);
            plug(&rig, &chip, 3, "IB1");
            enum espalier_status status = drive_through("ftdi:IB1", DRIVE_PATIENCE, line_seconds(1e6), &task, &error);
            ck_assert_msg(status == ESPALIER_OK, "fault %u: %s", fault, error.message);
            const struct mock_ftdi_tally tally = mock_ftdi_tally(rig.ftdi);
            faults += tally.faults[fault];
            bad += tally.bad;
            told += tally.status[1];
            check_given_back(&rig);
            unplug(&rig);
            free_task(&task);
            mock_bus_close(rig.bus);
        }
        ck_assert(fault != MOCK_BYTE_BROKEN || bad + told > 0);
        ck_assert(fault != MOCK_BYTE_OVERRUN || told > 0);
    }
}
END_TEST

START_TEST(on_a_ruined_line_results_are_right_or_errors)
{
    struct espalier_random random = seeded(5);
    uint32_t right = 0, errors = 0;
    for (uint32_t i = 0; i < test_scale(10); i++) {
        struct espalier_error error = {0};
        struct rig rig = {.bus = mock_bus_open()};
        const struct mock_ftdi_spec chip = {.kind = i % 2,
                                            .board = &uart_model_tiny,
                                            .seed = test_seed() + 1000 + i,
                                            .rate = i % 2 ? 0.005 : 0.05,
                                            .kinds = ~0u};
        struct task task = drive_task(&random);
        plug(&rig, &chip, 3, "IB1");
        enum espalier_status status = drive_through("ftdi:IB1", DRIVE_IMPATIENCE, line_seconds(1e6), &task, &error);
        ck_assert_msg(status == ESPALIER_OK || status == ESPALIER_ERR_TIMEOUT || status == ESPALIER_ERR_DEVICE,
                      "status %d: %s", (int)status, error.message);
        right += status == ESPALIER_OK;
        errors += status != ESPALIER_OK;
        check_given_back(&rig);
        unplug(&rig);
        free_task(&task);
        mock_bus_close(rig.bus);
    }
    printf("a ruined line: %u right, %u errors\n", right, errors);
    ck_assert(errors > 0);
}
END_TEST

static enum mock_fate vanish_at(void *context, uint64_t number, bool in)
{
    (void)in;
    return number == *(uint64_t *)context ? MOCK_VANISH : MOCK_SERVE;
}

START_TEST(an_unplugged_chip_is_missed_at_once)
{
    struct espalier_random random = seeded(6);
    struct task task = drive_task(&random);
    for (uint64_t i = 0; i < test_scale(20); i++) {
        struct espalier_error error = {0};
        uint64_t at = espalier_random_below(&random, 200);
        struct rig rig = {.bus = mock_bus_open(), .spec = {.fate = vanish_at, .context = &at}};
        const struct mock_ftdi_spec chip = {.kind = i % 2, .board = &uart_model_tiny, .seed = test_seed()};
        plug(&rig, &chip, 3, "IB1");
        const double begin = drive_now();
        enum espalier_status status = drive_through("ftdi:IB1", DRIVE_PATIENCE, line_seconds(1e6), &task, &error);
        ck_assert_msg(status == ESPALIER_OK || (status == ESPALIER_ERR_NO_DEVICE && strstr(error.message, "unplugged")),
                      "transfer %u: %s", (unsigned)at, error.message);
        drive_check_bound(begin, 3, "missing the chip");
        ck_assert_uint_eq(mock_tally(rig.device).flying_in + mock_tally(rig.device).flying_out, 0);
        unplug(&rig);
        mock_bus_close(rig.bus);
    }
    free_task(&task);
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const tests[] = {
        adapters_are_listed_and_their_driver_is_left_alone,
        the_driver_of_the_port_steps_aside_and_comes_back,
        what_stands_in_the_way_of_an_adapter_is_told,
        every_baud_rate_is_met_within_a_percent_or_refused,
        random_models_are_bit_exact_at_all_phases_and_2_percent_off,
        weights_that_the_board_holds_back_overrun_nothing_with_and_without_rts,
        the_tool_classifies_on_a_board_behind_a_chip,
        nothing_behind_the_chip_is_given_up,
        damage_of_every_kind_on_the_line_is_repaired,
        on_a_ruined_line_results_are_right_or_errors,
        an_unplugged_chip_is_missed_at_once,
    };
    (void)argc;
    mock_usb_enter(argv);
    return test_run("ftdi", tests, sizeof tests / sizeof tests[0]);
}
