/* espalier-sim --usbip as a client meets it: a server in a process of its own, and a client written from the protocol
 * (support/usbip_client.h). What it says of the device is compared with what the bus-level host reads from another
 * board of the same kind; what the board computes, with the reference engine. */
#include "support/support.h"
#include "support/task.h"
#include "support/usbip_client.h"

#include <errno.h>
#include <espalier/dataset.h>
#include <espalier/measure.h>
#include <frame.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <usb_host.h>

enum { ADDRESS = 5, ANSWER = 76 /* bytes of the answer to HELLO */ };

static struct usbip_process server;
static struct usbip_reply reply;

static void start(unsigned boards)
{
    usbip_process_start(&server, boards);
}

static void end(void)
{
    usbip_process_end(&server, SIGTERM);
}

static struct usbip_client attach(const char *bus_id)
{
    return usbip_client_attach(&server, bus_id);
}

static struct usbip_client attach_configured(const char *bus_id)
{
    struct usbip_client client = attach(bus_id);
    usbip_client_configure(&client);
    return client;
}

/* The next reply, to a transfer. */
static void expect(const struct usbip_client *client, uint32_t sequence, bool in, int status, uint32_t length)
{
    usbip_client_reply(client, in, &reply);
    ck_assert_uint_eq(reply.command, 3);
    ck_assert_uint_eq(reply.sequence, sequence);
    ck_assert_int_eq(reply.status, status);
    ck_assert_uint_eq(reply.length, length);
}

static void expect_unlinked(const struct usbip_client *client, uint32_t sequence, int status)
{
    usbip_client_reply(client, false, &reply);
    ck_assert_uint_eq(reply.command, 4);
    ck_assert_uint_eq(reply.sequence, sequence);
    ck_assert_int_eq(reply.status, status);
}

static uint32_t submit_in(struct usbip_client *client, uint32_t length)
{
    return usbip_client_submit(client, 1, true, 0, NULL, length, NULL);
}

static uint32_t submit_out(struct usbip_client *client, const void *data, uint32_t length)
{
    return usbip_client_submit(client, 1, false, 0, data, length, NULL);
}

static uint32_t say_hello(struct usbip_client *client)
{
    const struct espalier_frame hello = {.type = ESPALIER_REQ_HELLO, .sequence = 9};
    uint8_t bytes[ESPALIER_FRAME_MAX];
    const size_t size = espalier_frame_encode(&hello, bytes);
    return submit_out(client, bytes, (uint32_t)size);
}

/* ---- another board of the same kind, on a bus of the test's own ---- */

struct twin {
    struct usb_bus bus;
    struct usb_host host;
};

static struct twin *open_twin(const char *serial)
{
    struct twin *twin = calloc(1, sizeof *twin);
    ck_assert(twin && usb_bus_open(&twin->bus, &usb_model_board, (uint32_t)test_seed(), 0, 0.3, 30));
    ck_assert(usb_model_board.set_serial(twin->bus.device, serial));
    usb_host_open(&twin->host, &twin->bus, test_seed());
    twin->host.frames = true;
    usb_host_idle(&twin->host, 1000);
    ck_assert(usb_host_enumerate(&twin->host, ADDRESS));
    return twin;
}

static void close_twin(struct twin *twin)
{
    usb_bus_close(&twin->bus);
    free(twin);
}

/* The same request to both, with the same outcome. */
static void compare_request(struct usbip_client *client, struct twin *twin, const struct usb_setup *setup)
{
    uint8_t given[1024] = {0}, right[1024] = {0};
    const int got =
        usbip_client_control(client, setup->type, setup->request, setup->value, setup->index, setup->length, given);
    int expected = usb_host_control(&twin->host, *setup, right);
    expected = expected == USB_STALLED ? -EPIPE : expected;
    ck_assert_msg(got == expected, "request %02x %02x %04x %04x %u: %d, not %d", setup->type, setup->request,
                  setup->value, setup->index, setup->length, got, expected);
    ck_assert_mem_eq(given, right, sizeof given);
}

/* ---- what it says of itself ---- */

static uint32_t big_endian(const uint8_t *at, unsigned bytes)
{
    uint32_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | *at++;
    return value;
}

/* An entry of the list, as usbip_protocol.rst has it: 0x138 bytes and 4 an interface. */
static void check_entry(const uint8_t entry[0x138 + 4], unsigned index, struct twin *twin)
{
    uint8_t device[18], configuration[64];
    char bus_id[32] = {0};
    snprintf(bus_id, sizeof bus_id, "1-%u", index + 1);
    ck_assert_int_eq(usb_host_control(&twin->host, (struct usb_setup){0x80, 6, 0x0100, 0, 18}, device), 18);
    ck_assert_int_eq(usb_host_control(&twin->host, (struct usb_setup){0x80, 6, 0x0200, 0, 64}, configuration), 32);
    ck_assert(entry[0] == '/' && memchr(entry, 0, 256));
    ck_assert_mem_eq(entry + 0x100, bus_id, 32);
    ck_assert_uint_eq(big_endian(entry + 0x120, 4), 1);
    ck_assert_uint_gt(big_endian(entry + 0x124, 4), 0);
    ck_assert_uint_eq(big_endian(entry + 0x128, 4), 2); /* full speed */
    for (unsigned n = 0; n < 3; n++)                    /* vendor, product, release: little-endian on the bus */
        ck_assert_uint_eq(big_endian(entry + 0x12C + 2 * n, 2), (uint32_t)(device[8 + 2 * n] | device[9 + 2 * n] << 8));
    ck_assert_mem_eq(entry + 0x132, device + 4, 3);
    ck_assert_uint_eq(entry[0x135], 0); /* nobody has configured it */
    ck_assert_uint_eq(entry[0x136], device[17]);
    ck_assert_uint_eq(entry[0x137], configuration[4]);
    ck_assert_mem_eq(entry + 0x138, configuration + 9 + 5, 3);
    ck_assert_uint_eq(entry[0x13B], 0);
}

START_TEST(the_list_tells_what_the_descriptors_say)
{
    static const uint8_t request[8] = {0x01, 0x11, 0x80, 0x05}, header[12] = {0x01, 0x11, 0, 5, 0, 0, 0, 0, 0, 0, 0, 3};
    uint8_t bytes[12 + 3 * (0x138 + 4) + 1];
    struct twin *twin = open_twin("SIM0001");
    start(3);
    struct usbip_client client = usbip_client_connect(&server);
    usbip_client_send(&client, request, sizeof request);
    ck_assert_uint_eq(usbip_client_receive(&client, bytes, sizeof bytes), sizeof bytes - 1); /* it closes then */
    ck_assert_mem_eq(bytes, header, sizeof header);
    for (unsigned n = 0; n < 3; n++)
        check_entry(bytes + 12 + n * (0x138 + 4), n, twin);
    usbip_client_close(&client);
    end();
    close_twin(twin);
}
END_TEST

START_TEST(descriptors_are_those_that_the_bus_level_host_reads)
{
    struct twin *twin = open_twin("SIM0002");
    start(2);
    struct usbip_client client = attach_configured("1-2");
    client.packets = UINT32_MAX;
    for (unsigned value = 0; value < 8; value++) {
        const struct usb_setup string = {0x80, 6, (uint16_t)(0x0300 | value), 0x0409, 255};
        compare_request(&client, twin, &string);
    }
    for (unsigned kind = 0; kind < 18; kind++)
        for (unsigned length = 0; length <= 255; length += length < 20 ? 1 : 47) {
            const struct usb_setup setup = {0x80, 6, (uint16_t)(kind << 8), 0, (uint16_t)length};
            compare_request(&client, twin, &setup);
        }
    compare_request(&client, twin, &(const struct usb_setup){0xC0, 0x4D, 0, 7, 1024});
    compare_request(&client, twin, &(const struct usb_setup){0xC0, 0x57, 1, 2, 255});
    usbip_client_close(&client);
    end();
    close_twin(twin);
}
END_TEST

/* A request that may well be one of the standard ones, but not SET_ADDRESS: that, the twin's host would have to follow.
 */
static struct usb_setup random_request(struct espalier_random *random)
{
    static const uint8_t types[] = {0x80, 0x81, 0x82, 0x00, 0x01, 0x02, 0xC0, 0x23};
    static const uint8_t requests[] = {0, 1, 3, 6, 7, 8, 9, 10, 11, 12, 0x4D};
    const uint16_t index = (uint16_t[]){0, 0, 1, 0x81, 0x80, 7, 0x100}[espalier_random_below(random, 7)];
    struct usb_setup setup = {.type = types[espalier_random_below(random, sizeof types)],
                              .request = requests[espalier_random_below(random, sizeof requests)],
                              .value = (uint16_t)espalier_random_below(random, 4),
                              .index = index};
    if (espalier_random_below(random, 4) == 0)
        setup.value = (uint16_t)(espalier_random_below(random, 18) << 8);
    if (setup.type & 0x80)
        setup.length = (uint16_t)espalier_random_below(random, 300);
    else if (espalier_random_below(random, 8) == 0)
        setup.length = (uint16_t)espalier_random_below(random, 100);
    return setup;
}

START_TEST(any_request_has_the_outcome_that_it_has_on_the_bus)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed() + 1);
    struct twin *twin = open_twin("SIM0001");
    start(1);
    struct usbip_client client = attach_configured("1-1");
    for (uint32_t n = 0; n < test_scale(3000); n++) {
        const struct usb_setup setup = random_request(&random);
        compare_request(&client, twin, &setup);
    }
    usbip_client_close(&client);
    end();
    close_twin(twin);
}
END_TEST

/* ---- a whole session ---- */

enum { DIGITS = 4, PIXELS = 28 * 28 };

static struct task make_digits(struct espalier_random *random)
{
    struct espalier_error error = {0};
    struct espalier_model *model;
    struct espalier_dataset set;
    test_ok(espalier_model_load(ESPALIER_DATA_DIR "/models/lenet5-structured.esp", &model, &error));
    struct task task = make_task(random, model, test_scale(10) == 10 ? DIGITS : 1);
    test_ok(espalier_dataset_read(ESPALIER_DATA_DIR "/t10k-images-idx3-ubyte.gz",
                                  ESPALIER_DATA_DIR "/t10k-labels-idx1-ubyte.gz", &set, &error));
    test_ok(espalier_dataset_draw(&set, task.count, test_seed(), &error));
    ck_assert_uint_eq(task.inputs, PIXELS);
    memcpy(task.pixels, set.pixels, task.count * task.inputs);
    espalier_dataset_free(&set);
    for (uint32_t n = 0; n < task.count; n++)
        espalier_engine_run(task.engine, task.pixels + n * PIXELS, task.logits + n * task.outputs);
    return task;
}

static void classify(const char *bus_id, struct task *task)
{
    struct espalier_error error = {0};
    struct espalier_device *device;
    struct usbip_client client = attach_configured(bus_id);
    struct espalier_transport transport = usbip_client_transport(&client);
    test_ok(espalier_device_open(&transport, &device, &error));
    test_ok(espalier_device_load(device, task->model, &error));
    for (unsigned again = 0; again < 2; again++) {
        test_ok(run_task(device, task, &error));
        check_task(task, bus_id);
    }
    espalier_device_close(device);
}

START_TEST(digits_have_the_logits_of_the_reference_engine_and_so_again_after_reattaching)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    struct task task = make_digits(&random);
    start(1);
    classify("1-1", &task);
    classify("1-1", &task);
    end();
    free_task(&task);
}
END_TEST

static void *classify_on_the_second(void *task)
{
    classify("1-2", task);
    return NULL;
}

START_TEST(two_boards_serve_two_clients_at_once)
{
    struct espalier_random random;
    pthread_t thread;
    espalier_random_seed(&random, test_seed() + 2);
    struct task tasks[2] = {make_digits(&random), make_digits(&random)};
    start(2);
    ck_assert_int_eq(pthread_create(&thread, NULL, classify_on_the_second, &tasks[1]), 0);
    classify("1-1", &tasks[0]);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    end();
    free_task(&tasks[0]);
    free_task(&tasks[1]);
}
END_TEST

static double seconds(void *context)
{
    struct timespec time;
    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* By the clock, and by what the server needed of a processor, which other work on the machine does not change. */
START_TEST(the_link_is_measured)
{
    const struct espalier_clock clock = {.now = seconds};
    const uint32_t bytes = test_scale(40000);
    struct espalier_error error = {0};
    struct espalier_link_figures figures;
    struct rusage used;
    start(1);
    struct usbip_client client = attach_configured("1-1");
    struct espalier_transport transport = usbip_client_transport(&client);
    test_ok(espalier_link_measure(&transport, &clock, bytes, 10, &figures, &error));
    end();
    ck_assert_int_eq(getrusage(RUSAGE_CHILDREN, &used), 0);
    const double processor = (double)used.ru_utime.tv_sec + 1e-6 * (double)used.ru_utime.tv_usec;
    printf("usbip: %.1f KB/s out, %.1f KB/s in, a round trip %.1f ms; %u bytes each way took %.2f s of a processor\n",
           figures.out / 1e3, figures.in / 1e3, 1e3 * figures.median, bytes, processor);
    ck_assert(figures.out > 0 && figures.in > 0);
}
END_TEST

/* ---- transfers under way ---- */

START_TEST(endpoints_do_not_wait_for_each_other)
{
    static const uint8_t status[8] = {0x80, 0, 0, 0, 0, 0, 2, 0};
    start(1);
    struct usbip_client client = attach_configured("1-1");
    const uint32_t first = submit_in(&client, 512), second = submit_in(&client, 512);
    const uint32_t control = usbip_client_submit(&client, 0, true, 0, NULL, 2, status);
    expect(&client, control, true, 0, 2);
    const uint32_t hello = say_hello(&client);
    expect(&client, hello, false, 0, 12);
    expect(&client, first, true, 0, ANSWER);
    ck_assert_uint_eq(reply.data[0], ESPALIER_SYNC);
    expect(&client, say_hello(&client), false, 0, 12);
    expect(&client, second, true, 0, ANSWER);
    usbip_client_close(&client);
    end();
}
END_TEST

START_TEST(many_transfers_of_an_endpoint_end_in_order)
{
    enum { MANY = 100 };
    uint32_t in[MANY], out[MANY];
    unsigned ins = 0, outs = 0, bytes = 0;
    start(1);
    struct usbip_client client = attach_configured("1-1");
    for (unsigned n = 0; n < MANY; n++)
        in[n] = submit_in(&client, 512);
    for (unsigned n = 0; n < MANY; n++)
        out[n] = say_hello(&client);
    while (outs < MANY || bytes < MANY * ANSWER) {
        uint8_t header[48], data[512]; /* which may hold several answers: a pipe knows no frames */
        ck_assert_uint_eq(usbip_client_receive(&client, header, sizeof header), sizeof header);
        const uint32_t sequence = big_endian(header + 4, 4), length = big_endian(header + 0x18, 4);
        ck_assert_uint_eq(big_endian(header + 0x14, 4), 0);
        if (outs < MANY && sequence == out[outs]) {
            outs++;
            continue;
        }
        ck_assert(ins < MANY && sequence == in[ins++]);
        ck_assert_uint_le(length, sizeof data);
        ck_assert_uint_eq(usbip_client_receive(&client, data, length), length);
        bytes += length;
    }
    ck_assert_uint_eq(bytes, MANY * ANSWER);
    usbip_client_close(&client);
    end();
}
END_TEST

START_TEST(a_pending_transfer_is_unlinked_without_a_trace)
{
    start(1);
    struct usbip_client client = attach_configured("1-1");
    const uint32_t first = submit_in(&client, 512), second = submit_in(&client, 512);
    expect_unlinked(&client, usbip_client_unlink(&client, first), -ECONNRESET);
    expect_unlinked(&client, usbip_client_unlink(&client, first), 0);
    expect_unlinked(&client, usbip_client_unlink(&client, 4711), 0);
    const uint32_t hello = say_hello(&client);
    expect(&client, hello, false, 0, 12);
    expect(&client, second, true, 0, ANSWER);
    expect_unlinked(&client, usbip_client_unlink(&client, hello), 0);
    usbip_client_close(&client);
    end();
}
END_TEST

/* Whether and how far it has come depends on the clock, but nobody is left in doubt. check_usb_port knows more. */
START_TEST(a_transfer_unlinked_in_its_middle_tells_how_far_it_came)
{
    enum { BYTES = 1 << 20 };
    static uint8_t zeros[BYTES];
    start(1);
    struct usbip_client client = attach_configured("1-1");
    const uint32_t begun = submit_out(&client, zeros, BYTES), unlink = usbip_client_unlink(&client, begun);
    usbip_client_reply(&client, false, &reply);
    if (reply.command == 3) {
        ck_assert_uint_eq(reply.sequence, begun);
        ck_assert_int_eq(reply.status, -ECONNRESET);
        ck_assert(reply.length > 0 && reply.length < BYTES);
        expect_unlinked(&client, unlink, 0);
    } else {
        ck_assert_uint_eq(reply.sequence, unlink);
        ck_assert_int_eq(reply.status, -ECONNRESET);
    }
    expect(&client, say_hello(&client), false, 0, 12);
    usbip_client_close(&client);
    end();
}
END_TEST

START_TEST(short_transfers_overflows_and_stalls_have_the_status_of_linux)
{
    start(1);
    struct usbip_client client = attach_configured("1-1");
    expect(&client, say_hello(&client), false, 0, 12);
    expect(&client, usbip_client_submit(&client, 1, true, 0x0001, NULL, 512, NULL), true, -EREMOTEIO, ANSWER);
    expect(&client, say_hello(&client), false, 0, 12);
    expect(&client, submit_in(&client, 10), true, -EOVERFLOW, 0);
    expect(&client, submit_in(&client, 512), true, 0, ANSWER);
    ck_assert_int_eq(usbip_client_control(&client, 0x02, 3, 0, 0x81, 0, NULL), 0);
    expect(&client, submit_in(&client, 512), true, -EPIPE, 0);
    ck_assert_int_eq(usbip_client_control(&client, 0x02, 1, 0, 0x81, 0, NULL), 0);
    expect(&client, say_hello(&client), false, 0, 12);
    expect(&client, submit_in(&client, 512), true, 0, ANSWER);
    expect(&client, usbip_client_submit(&client, 3, true, 0, NULL, 512, NULL), true, -ENOENT, 0);
    expect(&client, usbip_client_submit(&client, 2, false, 0, "abc", 3, NULL), false, -ENOENT, 0);
    ck_assert_int_eq(usbip_client_control(&client, 0x80, 6, 0x0700, 0, 10, reply.data), -EPIPE);
    usbip_client_close(&client);
    end();
}
END_TEST

START_TEST(empty_packets_end_transfers_both_ways)
{
    enum { MANY = 16 }; /* 12 bytes there and 76 back: whole packets both ways */
    const struct espalier_frame hello = {.type = ESPALIER_REQ_HELLO, .sequence = 9};
    uint8_t bytes[MANY * 12 + ESPALIER_FRAME_MAX];
    size_t size = 0;
    for (unsigned n = 0; n < MANY; n++)
        size += espalier_frame_encode(&hello, bytes + size);
    ck_assert_uint_eq(size % 64 + MANY * ANSWER % 64, 0);
    start(1);
    struct usbip_client client = attach_configured("1-1");
    const uint32_t out = usbip_client_submit(&client, 1, false, 0x0040, bytes, (uint32_t)size, NULL);
    expect(&client, out, false, 0, (uint32_t)size);
    expect(&client, submit_in(&client, 4096), true, 0, MANY * ANSWER);
    expect(&client, say_hello(&client), false, 0, 12);
    expect(&client, submit_in(&client, 4096), true, 0, ANSWER);
    usbip_client_close(&client);
    end();
}
END_TEST

/* ---- attaching ---- */

START_TEST(a_board_has_one_client_at_a_time_and_is_reset_for_the_next)
{
    uint8_t byte;
    start(2);
    struct usbip_client client = attach_configured("1-1");
    ck_assert_int_eq(usbip_client_control(&client, 0x02, 3, 0, 0x81, 0, NULL), 0); /* halt */
    submit_in(&client, 512);
    expect(&client, client.sequence, true, -EPIPE, 0);
    struct usbip_client second = usbip_client_connect(&server), other = attach("1-2"), nobody;
    ck_assert_uint_eq(usbip_client_import(&second, "1-1"), 2); /* ST_DEV_BUSY */
    ck_assert_uint_eq(usbip_client_receive(&second, &byte, 1), 0);
    usbip_client_close(&second);
    nobody = usbip_client_connect(&server);
    ck_assert_uint_eq(usbip_client_import(&nobody, "1-3"), 4); /* ST_NODEV */
    usbip_client_close(&nobody);
    submit_in(&client, 512); /* left under way */
    shutdown(client.socket, SHUT_WR);
    while (usbip_client_receive(&client, &byte, 1) > 0) /* until it has noticed */
        ;
    usbip_client_close(&client);
    client = attach("1-1");
    ck_assert_int_eq(usbip_client_control(&client, 0x80, 8, 0, 0, 1, &byte), 1);
    ck_assert_uint_eq(byte, 0);
    usbip_client_configure(&client);
    expect(&client, say_hello(&client), false, 0, 12);
    expect(&client, submit_in(&client, 512), true, 0, ANSWER);
    usbip_client_close(&client);
    usbip_client_close(&other);
    end();
    ck_assert_msg(strstr(server.errors, "1-1 is attached elsewhere") && strstr(server.errors, "no board 1-3"), "%s",
                  server.errors);
}
END_TEST

START_TEST(a_server_that_ends_ends_its_clients)
{
    uint8_t byte;
    start(1);
    struct usbip_client client = attach_configured("1-1");
    submit_in(&client, 512);
    usbip_process_end(&server, SIGINT);
    ck_assert_uint_eq(usbip_client_receive(&client, &byte, 1), 0);
    usbip_client_close(&client);
}
END_TEST

/* ---- the command, and somebody else's client ---- */

static int run(const char *command, char *text, size_t size)
{
    FILE *pipe = popen(command, "r");
    ck_assert(pipe != NULL);
    text[fread(text, 1, size - 1, pipe)] = '\0';
    const int status = pclose(pipe);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(bad_options_are_told_with_what_mends_them)
{
    static const struct {
        const char *options, *word;
        int code;
    } cases[] = {
        {"--help", "usbip attach", 0},
        {"", "--usbip", 2},
        {"--usbip --boards 17", "1 to 16", 2},
        {"--usbip --boards 0", "1 to 16", 2},
        {"--usbip --port 65536", "65535", 2},
        {"--usbip --port", "needs a value", 2},
        {"--usbip --seed x", "--seed", 2},
        {"--usbip --frobnicate", "--frobnicate", 2},
        {"--usbip 1-1", "1-1", 2},
        {"--usbip --port 0 --bind localhost", "--bind", 1},
        {"--usbip --port 0 --bind 192.0.2.1", "192.0.2.1", 1},
    };
    char command[512], text[8192];
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        snprintf(command, sizeof command, "'%s' %s 2>&1", usbip_program(), cases[n].options);
        ck_assert_int_eq(run(command, text, sizeof text), cases[n].code);
        ck_assert_msg(strstr(text, cases[n].word), "%s: %s", cases[n].options, text);
    }
    start(1);
    snprintf(command, sizeof command, "'%s' --usbip --port %u 2>&1", usbip_program(), server.port);
    ck_assert_int_eq(run(command, text, sizeof text), 1);
    ck_assert_msg(strstr(text, "in use"), "%s", text);
    end();
}
END_TEST

/* Attaching is the kernel's business and needs root: not here. */
START_TEST(usbip_of_linux_lists_the_boards)
{
    char command[256], text[8192];
    if (run("PATH=$PATH:/usr/sbin command -v usbip", text, sizeof text) != 0) {
        puts("usbip: the program usbip is not installed (scripts/setup test): not tried");
        return;
    }
    start(2);
    snprintf(command, sizeof command, "PATH=$PATH:/usr/sbin usbip --tcp-port %u list -r 127.0.0.1 2>&1", server.port);
    ck_assert_int_eq(run(command, text, sizeof text), 0);
    for (unsigned n = 1; n <= 2; n++) {
        char line[32];
        snprintf(line, sizeof line, "1-%u: ", n);
        const char *at = strstr(text, line);
        ck_assert_msg(at && strstr(at, "(1209:0001)") && strstr(at, "(ff/00/00)"), "%s", text);
    }
    end();
    ck_assert_msg(strlen(server.errors) == 0, "%s", server.errors);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_list_tells_what_the_descriptors_say,
        descriptors_are_those_that_the_bus_level_host_reads,
        any_request_has_the_outcome_that_it_has_on_the_bus,
        digits_have_the_logits_of_the_reference_engine_and_so_again_after_reattaching,
        two_boards_serve_two_clients_at_once,
        the_link_is_measured,
        endpoints_do_not_wait_for_each_other,
        many_transfers_of_an_endpoint_end_in_order,
        a_pending_transfer_is_unlinked_without_a_trace,
        a_transfer_unlinked_in_its_middle_tells_how_far_it_came,
        short_transfers_overflows_and_stalls_have_the_status_of_linux,
        empty_packets_end_transfers_both_ways,
        a_board_has_one_client_at_a_time_and_is_reset_for_the_next,
        a_server_that_ends_ends_its_clients,
        bad_options_are_told_with_what_mends_them,
        usbip_of_linux_lists_the_boards,
    };
    return test_run("usbip", tests, sizeof tests / sizeof tests[0]);
}
