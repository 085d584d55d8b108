/** Espalier devices on USB: finding them, and a transport to one, over libusb-1.0. A device is one by itself, or a
 * board whose UART ends in an FTDI chip (FT2232H, FT231X), which is driven by its own requests: there is no tty.
 *
 * Threads: nothing here is global. Every function makes its own libusb context, so all may be called from any threads
 * at once. A transport has its own context too and belongs to one thread at a time; only espalier_usb_cancel may be
 * called from another thread (not from a signal handler) while the transport is open. Events are handled in the calls
 * themselves: no thread is started but those of libusb. */
#ifndef ESPALIER_USB_H
#define ESPALIER_USB_H

#include <espalier/device.h>

#include <stddef.h>

enum espalier_usb_kind {
    ESPALIER_USB_BOARD,  /**< an Espalier device: its descriptors say so */
    ESPALIER_USB_ADAPTER /**< an FTDI chip: whether there is a board behind it, only the answer to HELLO tells */
};

/** What stands in the way of opening a device. */
enum espalier_usb_state {
    ESPALIER_USB_FREE,   /**< nothing */
    ESPALIER_USB_DENIED, /**< this user may not open it */
    ESPALIER_USB_BUSY,   /**< another program has it */
    ESPALIER_USB_DRIVER, /**< a driver of the kernel has it (an adapter's driver steps aside when it is opened) */
    ESPALIER_USB_BROKEN  /**< it does not answer as a USB device must */
};

struct espalier_usb_info {
    enum espalier_usb_kind kind;
    uint16_t vendor_id, product_id;
    unsigned bus, address;
    char path[40];    /**< the way from the bus to it, "1-4.2": the same as long as nobody plugs it elsewhere */
    char serial[44];  /**< serial number; empty if it could not be read */
    char product[44]; /**< product string; the same */
    enum espalier_usb_state state;
};

/** A state in a word or two, for a table. */
const char *espalier_usb_state_name(enum espalier_usb_state state);

/** Lists the devices that are plugged in. To learn its state, each is opened and claimed for a moment.
 *  @param out  receives [count] descriptions, to be freed with free(); NULL if there are none
 *  @return ESPALIER_OK also if there are none; ESPALIER_ERR_IO if libusb does not work here, ESPALIER_ERR_MEMORY */
enum espalier_status espalier_usb_list(struct espalier_usb_info **out, size_t *count, struct espalier_error *error);

/** Fills @p error with what stands in the way of opening a device and with what mends it.
 *  @return ESPALIER_ERR_PERMISSION, ESPALIER_ERR_BUSY or ESPALIER_ERR_IO; ESPALIER_OK if it is free (error untouched)
 */
enum espalier_status espalier_usb_explain(const struct espalier_usb_info *info, struct espalier_error *error);

enum { ESPALIER_USB_RULE_BYTES = 128, ESPALIER_USB_PATIENCE = 1000 };

/** The line of a udev rules file that lets the person at the keyboard open devices like this one: one of those of
 *  host/usb/70-espalier.rules. */
void espalier_usb_rule(const struct espalier_usb_info *info, char line[ESPALIER_USB_RULE_BYTES]);

/** Opens the link to a device. Nothing is sent yet: espalier_device_open says HELLO.
 *
 *  Transfers are kept under way both ways: bytes sent are queued and travel while the caller goes on, and the bus is
 *  listened to all the time. A wait ends with ESPALIER_ERR_TIMEOUT when @p patience has passed since bytes were last
 *  given to send; opening and loading a device that has fallen silent gives up within 20 times that, a run, which may
 *  legally take longer than any wait, within 150 times. After ESPALIER_ERR_NO_DEVICE (unplugged) or
 *  ESPALIER_ERR_CANCELLED every call fails at once: close, and open again when it is back. Stalled and failing
 * transfers are begun again a few times, their bytes lost (which the frames on top repair), then give ESPALIER_ERR_IO.
 *
 *  A serial adapter is set to 8 data bits, no parity, one stop bit. A driver of the kernel that serves it steps aside
 * and has it back after close. On its line, what is under way takes time: the patience grows by that.
 *
 *  @param which     a serial number or a path of espalier_usb_list; NULL or "any": the first that is free. Of a serial
 *                   adapter, "ftdi:" and the same ("ftdi:any" only if there is one), then settings if they are needed:
 *                   ",baud=N" (9600 to 12000000; ESPALIER_UART_BAUD if not told), ",port=A" (a chip with several ports;
 * if not told, the one that boards use for the UART), ",flow=rts" (RTS and CTS are wired; if not told, the client has
 * no more under way than the device keeps)
 *  @param patience  in milliseconds, at least 1; ESPALIER_USB_PATIENCE suits a board. A device breaks its own silence
 *                   within a frame after 2^22 cycles: 350 ms at 12 MHz
 *  @param out       receives the transport; its close function gives the device back within a second
 *  @return ESPALIER_ERR_NO_DEVICE, ESPALIER_ERR_PERMISSION, ESPALIER_ERR_BUSY, ESPALIER_ERR_IO: the message tells what
 *          mends it; ESPALIER_ERR_RANGE if several devices have this serial number or the chip cannot do this rate;
 *          ESPALIER_ERR_MEMORY */
enum espalier_status espalier_usb_open(const char *which, uint32_t patience, struct espalier_transport *out,
                                       struct espalier_error *error);

/** Makes the call under way on @p transport, and all that follow, return ESPALIER_ERR_CANCELLED. From any thread. */
void espalier_usb_cancel(const struct espalier_transport *transport);

#endif
