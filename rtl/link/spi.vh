// The numbers of a transfer on the SPI link: spi_slave.v says what they mean. Lines have the form of rtl/frame/protocol.vh: the master's
// header is made from them.
`define ESPALIER_SPI_MARK   8'hE5 // byte 2 from the device: a line that is stuck, or another design behind it, does not give this
`define ESPALIER_SPI_HEADER 3 // bytes of a transfer before those of the streams
`define ESPALIER_SPI_MOST   255 // bytes of a stream in one transfer at the most
