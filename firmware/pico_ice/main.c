/* The bridge on a pico-ice. Everything is done in turns; no turn takes longer than a transfer on SPI, some hundred
 * bytes of configuration, or the check of a bitstream: the watchdog begins anew if one does. */
#include "board.h"
#include "usb.h"

#include <hardware/watchdog.h>

enum { WATCHDOG_MILLISECONDS = 1000 };

int main(void)
{
    static struct supervisor supervisor;
    board_init();
    watchdog_enable(WATCHDOG_MILLISECONDS, true);
    supervisor_start(&supervisor, &board_ports, board_bitstream_area(), BITSTREAM_AREA_BYTES);
    usb_init(&supervisor);
    for (;;) {
        usb_step();
        supervisor_step(&supervisor, usb_asleep());
        board_light(supervisor.condition);
        watchdog_update();
    }
}
