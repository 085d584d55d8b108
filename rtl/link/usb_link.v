// USB as a byte link: the device in its clock of 48 MHz, the two streams in the clock of whoever uses them.
//
//     usb_device --> packet_writer --> clock_crossing --> stream_reader --> o_valid, i_ready, o_data    (bulk OUT)
//     usb_device <-- packet_reader <-- clock_crossing <-- stream_writer <-- i_valid, o_ready, i_data    (bulk IN)
//
// Every byte of the host comes out once and in order, and every byte given here reaches the host once and in order. Both clocks' resets
// must be asserted together. Nothing is emptied when the bus is reset: what was confirmed is delivered.
// BUFFER_BITS   2^BUFFER_BITS bytes each way, 7 or more; two packets at the least, so that one arrives while one is taken
// LUT_RAM       1: no block RAM at all: buffers in LUT RAM and descriptors in logic (ECP5)
`default_nettype none
`include "usb.vh"

module usb_link #(
    parameter            BUFFER_BITS  = 8,
    parameter            LUT_RAM      = 0,
    parameter [15:0]     VENDOR       = `ESPALIER_USB_VENDOR,   // these are usb_descriptors'
    parameter [15:0]     PRODUCT      = `ESPALIER_USB_PRODUCT,
    parameter [15:0]     RELEASE      = `ESPALIER_USB_RELEASE,
    parameter [8*40-1:0] SERIAL       = "1",
    parameter            MILLIAMPERES = 250
) (
    // USB
    input  wire       i_usb_clk,       // 48 MHz
    input  wire       i_usb_reset,
    input  wire       i_dp,
    input  wire       i_dn,
    output wire       o_dp,
    output wire       o_dn,
    output wire       o_oe,
    output wire       o_pull_up,
    output wire       o_suspended,
    output wire       o_configured,
    // Streams
    input  wire       i_clk,
    input  wire       i_reset,
    output wire       o_valid,
    input  wire       i_ready,
    output wire [7:0] o_data,
    input  wire       i_valid,
    output wire       o_ready,
    input  wire [7:0] i_data
);
    generate
        if (BUFFER_BITS < 7) begin : check_BUFFER_BITS
            illegal_BUFFER_BITS_is_less_than_7 stop ();
        end
    endgenerate

    wire                   out_room, out_write, out_discard, out_commit, out_read;
    wire [7:0]             out_data, in_data;
    wire [BUFFER_BITS-1:0] out_write_addr, out_read_addr, in_write_addr, in_read_addr;
    wire [BUFFER_BITS:0]   out_written, out_written_seen, out_freed, out_freed_seen;
    wire [BUFFER_BITS:0]   in_written, in_written_seen, in_freed, in_freed_seen;
    wire [6:0]             in_there;
    wire                   in_next, in_rewind, in_commit, in_write;

    usb_device #(
        .VENDOR(VENDOR), .PRODUCT(PRODUCT), .RELEASE(RELEASE), .SERIAL(SERIAL), .MILLIAMPERES(MILLIAMPERES),
        .LUT_RAM(LUT_RAM)
    ) device (
        .i_clk(i_usb_clk), .i_reset(i_usb_reset), .i_dp(i_dp), .i_dn(i_dn), .o_dp(o_dp), .o_dn(o_dn), .o_oe(o_oe),
        .o_pull_up(o_pull_up), .o_suspended(o_suspended), .o_configured(o_configured),
        .i_out_room(out_room), .o_out_write(out_write), .o_out_data(out_data), .o_out_discard(out_discard), .o_out_commit(out_commit),
        .i_in_there(in_there), .o_in_next(in_next), .o_in_rewind(in_rewind), .o_in_commit(in_commit), .i_in_data(in_data)
    );

    // Bulk OUT
    packet_writer #(.ADDRESS_BITS(BUFFER_BITS)) out_writer (
        .i_clk(i_usb_clk), .i_reset(i_usb_reset), .o_room(out_room), .i_write(out_write), .i_discard(out_discard),
        .i_commit(out_commit), .o_addr(out_write_addr), .o_written(out_written), .i_freed(out_freed_seen)
    );
    clock_crossing #(.ADDRESS_BITS(BUFFER_BITS), .LUT_RAM(LUT_RAM)) out_crossing (
        .i_write_clk(i_usb_clk), .i_write_reset(i_usb_reset), .i_write(out_write), .i_write_addr(out_write_addr),
        .i_write_data(out_data), .i_written(out_written), .o_freed(out_freed_seen),
        .i_read_clk(i_clk), .i_read_reset(i_reset), .i_read(out_read), .i_read_addr(out_read_addr), .o_read_data(o_data),
        .o_written(out_written_seen), .i_freed(out_freed)
    );
    stream_reader #(.ADDRESS_BITS(BUFFER_BITS)) out_reader (
        .i_clk(i_clk), .i_reset(i_reset), .o_valid(o_valid), .i_ready(i_ready), .o_read(out_read), .o_addr(out_read_addr),
        .i_written(out_written_seen), .o_freed(out_freed)
    );

    // Bulk IN
    stream_writer #(.ADDRESS_BITS(BUFFER_BITS)) in_writer (
        .i_clk(i_clk), .i_reset(i_reset), .i_valid(i_valid), .o_ready(o_ready), .o_write(in_write), .o_addr(in_write_addr),
        .o_written(in_written), .i_freed(in_freed_seen)
    );
    clock_crossing #(.ADDRESS_BITS(BUFFER_BITS), .LUT_RAM(LUT_RAM)) in_crossing (
        .i_write_clk(i_clk), .i_write_reset(i_reset), .i_write(in_write), .i_write_addr(in_write_addr), .i_write_data(i_data),
        .i_written(in_written), .o_freed(in_freed_seen),
        .i_read_clk(i_usb_clk), .i_read_reset(i_usb_reset), .i_read(1'b1), .i_read_addr(in_read_addr), .o_read_data(in_data),
        .o_written(in_written_seen), .i_freed(in_freed)
    );
    packet_reader #(.ADDRESS_BITS(BUFFER_BITS)) in_reader (
        .i_clk(i_usb_clk), .i_reset(i_usb_reset), .o_there(in_there), .i_next(in_next), .i_rewind(in_rewind),
        .i_commit(in_commit), .o_addr(in_read_addr), .i_written(in_written_seen), .o_freed(in_freed)
    );
endmodule

`default_nettype wire
