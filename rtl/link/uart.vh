// What both ends of a UART must agree on. Lines have the form of rtl/frame/protocol.vh: the host's <espalier/uart.h> is made from them.
`define ESPALIER_UART_BAUD   1000000 // bits a second, unless a board and the host are told otherwise
`define ESPALIER_UART_DEPTH  512 // bytes that the device keeps while its core holds back: without RTS, more under way may be lost
