/** For tests of rtl/link/usb_link.v: a device on a simulated cable, and an application behind it that gives and takes
 * bytes at random and keeps what it took. */
#ifndef ESPALIER_TEST_USB_H
#define ESPALIER_TEST_USB_H

#include <usb_host.h>

enum { USB_TEST_BYTES = 1 << 17 };

struct usb_test {
    struct usb_bus bus;
    struct usb_host host;
    struct espalier_random random; /**< of the application */
    double give_rate,
        take_rate;  /**< of cycles in which a byte is offered, or taken; whether it is, changes in bursts */
    unsigned burst; /**< cycles that a mood lasts at the most, 1 or more */
    unsigned give_left, take_left;
    bool giving, taking;
    uint8_t *give; /**< [USB_TEST_BYTES] what it gives: give_size bytes, given so far */
    size_t give_size, given;
    uint8_t *taken; /**< [USB_TEST_BYTES] what it took */
    size_t taken_size;
};

/** Powers up a device, connected and idle. @p extra makes another seed of the test's one. */
void usb_test_open(struct usb_test *test, uint64_t extra, double ppm, double phase, double core_megahertz);
void usb_test_close(struct usb_test *test);
/** Fails the test if the device has done what it must not do. */
void usb_test_check(const struct usb_test *test);

/** A control transfer whose outcome is known. */
void usb_expect_read(struct usb_test *test, struct usb_setup setup, const uint8_t *bytes, int size);
void usb_expect_done(struct usb_test *test, struct usb_setup setup);
void usb_expect_stall(struct usb_test *test, struct usb_setup setup);

/** Fails the test unless it enumerates. */
void usb_test_enumerate(struct usb_test *test);

#endif
