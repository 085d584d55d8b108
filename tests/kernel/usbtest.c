/* Asks Linux's module usbtest, the USB developers' own test driver, to run one of its tests on a device that it is
 * bound to. Usage: usbtest /dev/bus/usb/BUS/DEVICE TEST ITERATIONS LENGTH VARY DEPTH */
#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* As drivers/usb/misc/usbtest.c has it. */
struct usbtest_param {
    uint32_t test, iterations, length, vary, depth;
    int64_t seconds, microseconds;
};
#define USBTEST_REQUEST _IOWR('U', 100, struct usbtest_param)

enum { ARGUMENTS = 7 };

int main(int argc, char **argv)
{
    if (argc != ARGUMENTS) {
        fputs("usage: usbtest /dev/bus/usb/BUS/DEVICE TEST ITERATIONS LENGTH VARY DEPTH\n", stderr);
        return 2;
    }
    uint32_t numbers[ARGUMENTS - 2];
    for (int n = 0; n < ARGUMENTS - 2; n++)
        numbers[n] = (uint32_t)strtoul(argv[n + 2], NULL, 10);
    struct usbtest_param param = {numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], 0, 0};
    struct usbdevfs_ioctl call = {.ifno = 0, .ioctl_code = (int)USBTEST_REQUEST, .data = &param};
    int device = open(argv[1], O_RDWR);
    if (device < 0 || ioctl(device, USBDEVFS_IOCTL, &call) < 0) {
        perror("usbtest");
        return 1;
    }
    printf("test %u, %u times: passed, %.3f s\n", param.test, param.iterations,
           (double)param.seconds + 1e-6 * (double)param.microseconds);
    close(device);
    return 0;
}
