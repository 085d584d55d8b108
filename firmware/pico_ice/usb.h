/** The bridge as a device on TinyUSB. */
#ifndef ESPALIER_PICO_ICE_USB_H
#define ESPALIER_PICO_ICE_USB_H

#include "supervisor.h"

/** @param supervisor  must outlive the program */
void usb_init(struct supervisor *supervisor);

/** Does what the host has asked for, and gives the controller what it may have. */
void usb_step(void);

/** @return whether the bus sleeps */
bool usb_asleep(void);

#endif
