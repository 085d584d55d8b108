/* The USB driver, through an unmodified libusb, on a USB device that is the RTL's own: umockdev answers the ioctls of
 * usbfs (umockdev/mock_usb.h), a bus-level host carries each transfer over D+ and D- (sim/usb_port.h), and rtl/link and
 * the core of the board up5k are what answers it. */
#include "support/support.h"
#include "support/task.h"
#include "umockdev/mock_usb.h"

#include <espalier/dataset.h>
#include <espalier/usb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 30000, PIXELS = 28 * 28 }; /* milliseconds: the simulated bus is slow, and the machine may be busy */

static const char serial[] = "SIM0042";

struct rig {
    struct mock_bus *bus;
    struct usb_port port;
    struct mock_spec spec;
    struct mock_device *device;
};

static void plug(struct rig *rig)
{
    ck_assert(usb_port_reset(&rig->port));
    ck_assert_int_eq(usb_port_control(&rig->port, (struct usb_setup){0x00, 9, 1, 0, 0}, NULL), 0);
    rig->device = mock_plug(rig->bus, &rig->spec);
}

static void unplug(struct rig *rig)
{
    mock_unplug(rig->bus, rig->device);
    mock_forget(rig->device);
}

static struct rig *open_rig(void)
{
    struct rig *rig = calloc(1, sizeof *rig);
    ck_assert(rig);
    rig->bus = mock_bus_open();
    rig->spec = (struct mock_spec){.address = 3, .port = &rig->port};
    ck_assert(usb_port_open(&rig->port, &usb_model_board, test_seed(), 30, serial));
    plug(rig);
    return rig;
}

static void close_rig(struct rig *rig)
{
    ck_assert_msg(rig->port.host.violation == NULL, "%s", rig->port.host.violation);
    unplug(rig);
    usb_port_close(&rig->port);
    mock_bus_close(rig->bus);
    free(rig);
}

/* Some digits, in all slots of the board in a full run. */
static struct task make_digits(void)
{
    struct espalier_error error = {0};
    struct espalier_random random;
    struct espalier_model *model;
    struct espalier_dataset set;
    espalier_random_seed(&random, test_seed());
    test_ok(espalier_model_load(ESPALIER_DATA_DIR "/models/lenet5-structured.esp", &model, &error));
    struct task task = make_task(&random, model, test_scale(10) == 10 ? 8 : 1);
    test_ok(espalier_dataset_read(ESPALIER_DATA_DIR "/t10k-images-idx3-ubyte.gz",
                                  ESPALIER_DATA_DIR "/t10k-labels-idx1-ubyte.gz", &set, &error));
    test_ok(espalier_dataset_draw(&set, task.count, test_seed(), &error));
    memcpy(task.pixels, set.pixels, task.count * task.inputs);
    espalier_dataset_free(&set);
    for (uint32_t n = 0; n < task.count; n++)
        espalier_engine_run(task.engine, task.pixels + n * PIXELS, task.logits + n * task.outputs);
    return task;
}

static enum espalier_status classify(struct task *task, struct espalier_error *error)
{
    struct espalier_transport transport;
    struct espalier_device *device = NULL;
    enum espalier_status status = espalier_usb_open(serial, PATIENCE, &transport, error);
    if (status == ESPALIER_OK)
        status = espalier_device_open(&transport, &device, error);
    if (status == ESPALIER_OK)
        status = espalier_device_load(device, task->model, error);
    if (status == ESPALIER_OK)
        status = run_task(device, task, error);
    if (status == ESPALIER_OK)
        check_task(task, "over the RTL's USB");
    espalier_device_close(device);
    return status;
}

START_TEST(libusb_reads_the_strings_that_the_rtl_holds)
{
    struct espalier_error error = {0};
    struct espalier_usb_info *list;
    size_t count;
    struct rig *rig = open_rig();
    test_ok(espalier_usb_list(&list, &count, &error));
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(list[0].serial, serial);
    ck_assert_str_eq(list[0].product, "Espalier accelerator");
    ck_assert_int_eq(list[0].state, ESPALIER_USB_FREE);
    free(list);
    close_rig(rig);
}
END_TEST

START_TEST(digits_have_the_logits_of_the_reference_engine_each_time_the_device_is_opened)
{
    struct espalier_error error = {0};
    struct rig *rig = open_rig();
    struct task task = make_digits();
    for (unsigned n = 0; n < 2; n++)
        test_ok(classify(&task, &error));
    const struct mock_tally tally = mock_tally(rig->device);
    ck_assert_uint_eq(tally.flying_in + tally.flying_out + tally.claims, 0);
    ck_assert_uint_ge(tally.most_in, 2);
    free_task(&task);
    close_rig(rig);
}
END_TEST

START_TEST(a_bad_cable_changes_no_logit)
{
    struct espalier_error error = {0};
    struct rig *rig = open_rig();
    struct task task = make_digits();
    rig->port.host.fault_rate = rig->port.host.deafness = 0.01;
    test_ok(classify(&task, &error));
    ck_assert_uint_gt(rig->port.host.faults, 0);
    free_task(&task);
    close_rig(rig);
}
END_TEST

START_TEST(halted_endpoints_are_cleared)
{
    for (unsigned in = 0; in < 2; in++) {
        struct espalier_error error = {0};
        struct rig *rig = open_rig();
        struct task task = make_digits();
        const struct usb_setup halt = {0x02, 3, 0, in ? 0x81 : 0x01, 0};
        ck_assert_int_eq(usb_port_control(&rig->port, halt, NULL), 0);
        test_ok(classify(&task, &error));
        free_task(&task);
        close_rig(rig);
    }
}
END_TEST

struct vanishing {
    uint64_t at;
};

static enum mock_fate vanish_at(void *context, uint64_t number, bool in)
{
    const struct vanishing *vanishing = context;
    (void)in;
    return number == vanishing->at ? MOCK_VANISH : MOCK_SERVE;
}

START_TEST(a_device_unplugged_in_the_middle_is_missed_and_comes_back)
{
    struct espalier_error error = {0};
    struct espalier_random random;
    espalier_random_seed(&random, test_seed() + 1);
    struct rig *rig = open_rig();
    struct task task = make_digits();
    unplug(rig);
    for (uint32_t n = 0; n < test_scale(10); n++) {
        struct vanishing vanishing = {.at = espalier_random_below(&random, 40)};
        rig->spec.fate = vanish_at;
        rig->spec.context = &vanishing;
        plug(rig);
        ck_assert_int_eq(classify(&task, &error), ESPALIER_ERR_NO_DEVICE);
        unplug(rig);
    }
    rig->spec.fate = NULL;
    plug(rig);
    test_ok(classify(&task, &error));
    free_task(&task);
    close_rig(rig);
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const tests[] = {
        libusb_reads_the_strings_that_the_rtl_holds,
        digits_have_the_logits_of_the_reference_engine_each_time_the_device_is_opened,
        a_bad_cable_changes_no_logit,
        halted_endpoints_are_cleared,
        a_device_unplugged_in_the_middle_is_missed_and_comes_back,
    };
    (void)argc;
    mock_usb_enter(argv);
    return test_run("driver_rtl", tests, sizeof tests / sizeof tests[0]);
}
