/** The pico-ice behind the bridge's ports. */
#ifndef ESPALIER_PICO_ICE_BOARD_H
#define ESPALIER_PICO_ICE_BOARD_H

#include "supervisor.h"

/** Where the bitstream lies in the flash: behind the image's MiB (espalier_pico_ice.h); firmware/tools/uf2.c writes it
 * there. */
#include "layout.h"

extern const struct supervisor_ports board_ports;

/** Sets all pins: nothing is driven up but CS of the link. */
void board_init(void);

/** Shows the condition: green running, blue being loaded, red a fault. */
void board_light(enum condition condition);

/** The bitstream's area, BITSTREAM_AREA_BYTES. */
const uint8_t *board_bitstream_area(void);

#endif
