// A byte link as an SPI slave, mode 0, most significant bit first, for boards with a microcontroller between USB and the FPGA.
//
//     i_mosi --> shift --> byte_fifo --> o_valid, i_ready, o_data
//     o_miso <-- shift <-- byte_fifo <-- i_valid, o_ready, i_data
//
// One transfer while i_cs_n is low, both ways at once:
//     byte     master to device                        device to master
//     0        anything                                room: bytes that the device will take in this transfer, 0 to 255
//     1        anything                                there: bytes that the device will give in this transfer, 0 to 255
//     2        count: bytes that follow, at most room  ESPALIER_SPI_MARK (spi.vh): a device is there
//     3 ...    count bytes, then anything              `there` bytes, then 0
// A transfer may be ended after any byte: what has been clocked whole has been delivered, what has not stays for the next one. More than
// room bytes are ignored. room and there hold what was so when i_cs_n fell.
//
// The pins are sampled with i_clk: i_sck must be high and low for 5 cycles each at the least (6 MHz with 60), and the first rising edge
// must follow the falling i_cs_n by 8 cycles, the next transfer the end of the one before by as many. o_miso changes 3 to 4 cycles
// after the falling edge. o_miso_oe is for a bus with other slaves.
// DEPTH   bytes buffered each way, power of two, 4 to 4096
`default_nettype none
`include "spi.vh"

module spi_slave #(
    parameter DEPTH = 512
) (
    input  wire       i_clk,
    input  wire       i_reset,
    // Pins, asynchronous
    input  wire       i_cs_n,
    input  wire       i_sck,
    input  wire       i_mosi,
    output wire       o_miso,
    output wire       o_miso_oe,
    // Streams
    output wire       o_valid,
    input  wire       i_ready,
    output wire [7:0] o_data,
    input  wire       i_valid,
    output wire       o_ready,
    input  wire [7:0] i_data
);
    localparam BITS = $clog2(DEPTH);
    localparam [31:0] ALL = DEPTH;

    // Pins
    reg cs_n_meta, cs_n, sck_meta, sck, sck_q, mosi_meta, mosi;
    always @(posedge i_clk) begin
        {cs_n, cs_n_meta}      <= {cs_n_meta, i_cs_n};
        {sck_q, sck, sck_meta} <= {sck, sck_meta, i_sck};
        {mosi, mosi_meta}      <= {mosi_meta, i_mosi};
    end
    reg selected;                      // a cycle behind cs_n: in that cycle what stock was taken reaches out_shift
    always @(posedge i_clk) selected <= !cs_n && !i_reset;
    wire rises = selected && sck && !sck_q;
    wire falls = selected && !sck && sck_q;

    // Stock
    wire [BITS:0] in_held, out_held;
    wire          out_valid, out_full;
    wire [15:0]   room_now  = ALL[15:0] - {{15-BITS{1'b0}}, in_held};
    wire [15:0]   there_now = {{15-BITS{1'b0}}, out_held} + {15'd0, out_valid};
    reg  [7:0]    room, there;
    always @(posedge i_clk)
        if (cs_n || i_reset) begin
            room  <= |room_now[15:8] ? 8'd255 : room_now[7:0];
            there <= |there_now[15:8] ? 8'd255 : there_now[7:0];
        end

    // Where in the transfer: bytes 0, 1, 2, then 3 for good
    reg [2:0] bits;
    reg [1:0] place;
    wire      byte_end = rises && bits == 3'd7;
    always @(posedge i_clk)
        if (!selected)  bits <= 3'd0;
        else if (rises) bits <= bits + 3'd1;
    always @(posedge i_clk)
        if (!selected)                      place <= 2'd0;
        else if (byte_end && place != 2'd3) place <= place + 2'd1;

    // In
    reg  [6:0] in_shift;
    wire [7:0] in_byte = {in_shift, mosi};
    reg  [7:0] in_left;                // bytes that are still meant and have room
    wire       in_write = byte_end && place == 2'd3 && in_left != 8'd0;
    always @(posedge i_clk)
        if (rises) in_shift <= in_byte[6:0];
    always @(posedge i_clk)
        if (byte_end && place == 2'd2)     in_left <= in_byte > room ? room : in_byte;
        else if (in_write)                 in_left <= in_left - 8'd1;

    /* verilator lint_off PINCONNECTEMPTY */ // room is looked up before
    byte_fifo #(.DEPTH(DEPTH)) in_buffer (
        .i_clk(i_clk), .i_reset(i_reset), .i_write(in_write), .i_data(in_byte), .o_full(), .o_held(in_held),
        .o_valid(o_valid), .i_ready(i_ready), .o_data(o_data)
    );
    /* verilator lint_on PINCONNECTEMPTY */

    // Out: the byte's first bit stands before its first rising edge; a falling edge brings the next bit, or the next byte
    reg  [7:0] out_shift;
    reg  [7:0] out_left;
    wire [7:0] out_byte;
    wire       out_given = byte_end && place == 2'd3 && out_left != 8'd0;
    always @(posedge i_clk)
        if (byte_end && place == 2'd1) out_left <= there;
        else if (out_given)            out_left <= out_left - 8'd1;
    always @(posedge i_clk)
        if (!selected)
            out_shift <= room;
        else if (falls)
            out_shift <= bits != 3'd0     ? {out_shift[6:0], 1'b0}
                       : place == 2'd1    ? there
                       : place == 2'd2    ? `ESPALIER_SPI_MARK
                       : out_left != 8'd0 ? out_byte : 8'd0;

    byte_fifo #(.DEPTH(DEPTH)) out_buffer (
        .i_clk(i_clk), .i_reset(i_reset), .i_write(i_valid), .i_data(i_data), .o_full(out_full), .o_held(out_held),
        .o_valid(out_valid), .i_ready(out_given), .o_data(out_byte)
    );
    assign o_ready   = !out_full;
    assign o_miso    = out_shift[7];
    assign o_miso_oe = selected;
endmodule

`default_nettype wire
