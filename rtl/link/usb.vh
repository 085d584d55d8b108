// The numbers of USB 2.0 that more than one module needs, and who this device says it is. The chapters are those of the USB 2.0
// specification. Lines of the second part have the form of rtl/frame/protocol.vh: a host's header can be made from them.

// ---- Packet identifiers (8.3.1); the two low bits tell the kind: 01 token, 11 data, 10 handshake, 00 special
`define USB_PID_OUT     4'b0001
`define USB_PID_IN      4'b1001
`define USB_PID_SETUP   4'b1101
`define USB_PID_DATA0   4'b0011
`define USB_PID_DATA1   4'b1011
`define USB_PID_ACK     4'b0010
`define USB_PID_NAK     4'b1010
`define USB_PID_STALL   4'b1110
`define USB_KIND_TOKEN     2'b01
`define USB_KIND_DATA      2'b11
`define USB_KIND_HANDSHAKE 2'b10

// ---- What an endpoint answers to a token
`define USB_ANSWER_NAK   2'd0
`define USB_ANSWER_STALL 2'd1
`define USB_ANSWER_YES   2'd2     // IN: a data packet; OUT: ACK

// ---- Descriptors in the ROM: what usb_control asks usb_descriptors for
`define USB_ENTRY_DEVICE        4'd0
`define USB_ENTRY_CONFIGURATION 4'd1
`define USB_ENTRY_BOS           4'd2
`define USB_ENTRY_MICROSOFT     4'd3   // Microsoft OS 2.0 descriptor set
`define USB_ENTRY_STRINGS       4'd4   // and the three behind it: languages, manufacturer, product, serial number
`define USB_ENTRY_ZERO          4'd8   // the bytes 0, 0
`define USB_ENTRY_ONE           4'd9   // the bytes 1, 0
`define USB_ENTRY_ZERO_SHORT    4'd10  // the byte 0
`define USB_ENTRY_ONE_SHORT     4'd11  // the byte 1

// ---- Who the device is. 0x1209/0x0001 is the pair that pid.codes sets aside for tests: nothing may be sold or given away
// with it. usb_descriptors has parameters for another pair.
`define ESPALIER_USB_VENDOR           16'h1209 // idVendor (pid.codes)
`define ESPALIER_USB_PRODUCT          16'h0001 // idProduct (pid.codes' test pair)
`define ESPALIER_USB_RELEASE          16'h0100 // bcdDevice
`define ESPALIER_USB_INTERFACE        8'h00 // the one interface
`define ESPALIER_USB_CONFIGURATION    8'h01 // the one configuration
`define ESPALIER_USB_ENDPOINT_OUT     8'h01 // bulk, bytes for the accelerator
`define ESPALIER_USB_ENDPOINT_IN      8'h81 // bulk, bytes from the accelerator
`define ESPALIER_USB_PACKET           64 // bytes in a packet at the most, all endpoints
`define ESPALIER_USB_VENDOR_MICROSOFT 8'h4D // bRequest of the vendor request that reads the Microsoft OS 2.0 descriptor set
`define ESPALIER_USB_VENDOR_WEBUSB    8'h57 // bRequest of WebUSB's vendor requests; there is no landing page, so all are refused
