// A byte link over an asynchronous serial line (8 bits, no parity, 1 stop bit), for boards whose USB ends in an FTDI chip.
//
//     i_rx, o_rts_n --> uart_receiver --> byte_fifo --> o_valid, i_ready, o_data
//     o_tx, i_cts_n <-- uart_transmitter <------------- i_valid, o_ready, i_data
//
// Flow control is by RTS / CTS, active low, both ways: o_rts_n rises when fewer than MARGIN bytes of the buffer are free, and what the other
// side still sends then has room; nothing is sent while i_cts_n is high. Where RTS is not wired, the sender must not have more than
// DEPTH bytes under way that the core may hold back; a byte that finds the buffer full is lost (o_overrun), which the frames notice.
// All pins belong to i_clk: the line is sampled, no other clock is in it.
// DIVIDER   cycles a bit, 4 or more: round(clock / baud rate)
// DEPTH     bytes buffered, power of two
// MARGIN    bytes that may come after o_rts_n has risen; an FTDI chip stops within a few
`default_nettype none

module uart #(
    parameter DIVIDER = 10,
    parameter DEPTH   = 512,
    parameter MARGIN  = 32
) (
    input  wire       i_clk,
    input  wire       i_reset,
    // Pins
    input  wire       i_rx,
    output wire       o_tx,
    output reg        o_rts_n,         // low: send
    input  wire       i_cts_n,         // low: the other side takes bytes; tie to 0 where it is not wired
    // Streams
    output wire       o_valid,
    input  wire       i_ready,
    output wire [7:0] o_data,
    input  wire       i_valid,
    output wire       o_ready,
    input  wire [7:0] i_data,
    // For a board's light
    output wire       o_overrun,       // one cycle a byte lost for want of room
    output wire       o_broken         // one cycle a byte dropped for want of a stop bit
);
    generate
        if (DIVIDER < 4) begin : check_DIVIDER
            illegal_DIVIDER_is_less_than_4 stop ();
        end
        if (MARGIN < 1 || MARGIN >= DEPTH) begin : check_MARGIN
            illegal_MARGIN_is_not_1_to_less_than_DEPTH stop ();
        end
    endgenerate

    localparam BITS = $clog2(DEPTH);
    localparam [31:0] ENOUGH = DEPTH - MARGIN;

    wire          came, full;
    wire [7:0]    byte_in;
    wire [BITS:0] held;

    uart_receiver #(.DIVIDER(DIVIDER)) receiver (
        .i_clk(i_clk), .i_reset(i_reset), .i_rx(i_rx), .o_valid(came), .o_data(byte_in), .o_broken(o_broken)
    );

    byte_fifo #(.DEPTH(DEPTH)) buffer (
        .i_clk(i_clk), .i_reset(i_reset), .i_write(came), .i_data(byte_in), .o_full(full), .o_held(held),
        .o_valid(o_valid), .i_ready(i_ready), .o_data(o_data)
    );
    assign o_overrun = came && full;

    always @(posedge i_clk)
        if (i_reset) o_rts_n <= 1'b1;
        else         o_rts_n <= held >= ENOUGH[BITS:0];

    reg cts_meta, cts_n;
    always @(posedge i_clk) {cts_n, cts_meta} <= {cts_meta, i_cts_n};

    uart_transmitter #(.DIVIDER(DIVIDER)) transmitter (
        .i_clk(i_clk), .i_reset(i_reset), .i_valid(i_valid), .o_ready(o_ready), .i_data(i_data), .i_hold(cts_n), .o_tx(o_tx)
    );
endmodule

`default_nettype wire
