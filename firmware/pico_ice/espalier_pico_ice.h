/* The pico-ice for the Pico SDK, whose assembler reads this too: preprocessor lines only. The flash is a W25Q32 of 4
 * MiB (Board/Rev3/pico-ice.kicad_sch, U2); the image gets the first MiB, so that the linker refuses one that would
 * reach the bitstream (board.h). */
#ifndef ESPALIER_PICO_ICE_H
#define ESPALIER_PICO_ICE_H

// pico_cmake_set PICO_PLATFORM = rp2040

#define PICO_BOOT_STAGE2_CHOOSE_W25Q080 1
#define PICO_FLASH_SPI_CLKDIV 2
#define PICO_FLASH_SIZE_BYTES (1 * 1024 * 1024)

#endif
