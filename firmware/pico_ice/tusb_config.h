/* TinyUSB: a full-speed device of no class of its own (usb.c has the driver). */
#ifndef ESPALIER_TUSB_CONFIG_H
#define ESPALIER_TUSB_CONFIG_H

#define CFG_TUD_ENABLED 1
#define CFG_TUSB_RHPORT0_MODE (OPT_MODE_DEVICE | OPT_MODE_FULL_SPEED)
#define CFG_TUD_ENDPOINT0_SIZE 64

#endif
