/** What lies where in the flash of the RP2040, as its addresses. */
#ifndef ESPALIER_PICO_ICE_LAYOUT_H
#define ESPALIER_PICO_ICE_LAYOUT_H

#define FLASH_BASE 0x10000000u
#define BITSTREAM_ADDRESS 0x10100000u /* behind the image's MiB */
#define BITSTREAM_AREA_BYTES                                                                                           \
    0x40000u /* an UP5K's has some 104,000 bytes; small enough to be checked in a fraction of a second */

#endif
