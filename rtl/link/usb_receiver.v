// Bits from the line to packets: NRZI, SYNC, bit stuffing, packet identifier, checks, end of packet.
//
// o_end pulses when SE0 has ended, whatever the packet was; o_good says that it was whole: identifier and its inverse agree, a
// token has two bytes and a right CRC5, data have a right CRC16, a handshake has nothing, and no bit was stuffed wrongly. One bit
// between the last byte and SE0 is allowed (a hub may stretch the last bit, 7.1.9.1).
// The bytes of a data packet come before it is known whether they are good, each when two more have followed, so the CRC never shows.
// A packet begins out of idle only: what follows an error is not looked at until SE0, or silence.
`default_nettype none
`include "usb.vh"

module usb_receiver (
    input  wire       i_clk,
    input  wire       i_reset,         // also while the device itself is sending
    // Line
    input  wire       i_strobe,
    input  wire       i_level,
    input  wire       i_se0,
    input  wire       i_silent,
    // Packet
    output reg  [3:0] o_pid,           // from its identifier on
    output reg  [6:0] o_address,       // of a token, at o_end
    output reg  [3:0] o_endpoint,
    output reg        o_byte_valid,    // a byte of a data packet
    output wire [7:0] o_byte,
    output reg        o_end,
    output reg        o_good           // holds at o_end
);
    localparam [2:0] IDLE = 3'd0,      // J
                     SYNC = 3'd1,
                     PID  = 3'd2,
                     BODY = 3'd3,
                     BAD  = 3'd4,      // waits for SE0 or silence
                     LAST = 3'd5;      // SE0, waits for its end

    reg [2:0]  state;
    reg        level_q;                // of the bit before
    reg [2:0]  ones;                   // in a row, stops at 7
    reg        stuff;                  // ones is 6
    reg [2:0]  count;                  // bits of the byte
    reg [23:0] shift;                  // newest bit on top
    reg        byte_done;              // shift ends in a whole byte
    reg [1:0]  bytes;                  // behind the identifier, stops at 3
    reg        crc5_right, crc16_right;

    wire value  = i_level == level_q;  // NRZI
    wire packet = state == PID || state == BODY;
    wire take   = i_strobe && packet && !stuff;
    wire crc5_now, crc16_now;
    /* verilator lint_off PINCONNECTEMPTY */ // o_top is for sending
    usb_crc #(.WIDTH(5), .POLYNOMIAL(5'h05), .RESIDUAL(5'h0C)) crc5 (
        .i_clk(i_clk), .i_clear(state == PID), .i_feed(take), .i_bit(value), .o_top(), .o_right(crc5_now)
    );
    usb_crc #(.WIDTH(16), .POLYNOMIAL(16'h8005), .RESIDUAL(16'h800D)) crc16 (
        .i_clk(i_clk), .i_clear(state == PID), .i_feed(take), .i_bit(value), .o_top(), .o_right(crc16_now)
    );
    /* verilator lint_on PINCONNECTEMPTY */

    always @(posedge i_clk)
        if (i_reset || i_se0) level_q <= 1'b1;   // J follows SE0
        else if (i_strobe)    level_q <= i_level;

    always @(posedge i_clk)
        if (i_reset || i_se0) ones <= 3'd0;
        else if (i_strobe)    ones <= !value ? 3'd0 : ones == 3'd7 ? 3'd7 : ones + 3'd1;

    always @(posedge i_clk)
        if (i_reset || i_se0) stuff <= 1'b0;
        else if (i_strobe)    stuff <= value && ones == 3'd5;

    always @(posedge i_clk)
        if (i_strobe && (!packet || !stuff)) shift <= {value, shift[23:1]};

    always @(posedge i_clk)
        if (state == SYNC) count <= 3'd0;
        else if (take)     count <= count + 3'd1;

    always @(posedge i_clk) byte_done <= take && count == 3'd7 && !i_reset;

    wire pid_right = shift[23:20] == ~shift[19:16];

    always @(posedge i_clk)
        if (i_reset) state <= IDLE;
        else case (state)
            IDLE:    if (i_strobe && !value) state <= SYNC;
            SYNC:    if (i_se0)                  state <= LAST;
                     else if (i_strobe && value) state <= shift[23:19] == 5'd0 ? PID : BAD;
            PID:     if (i_se0)                            state <= LAST;
                     else if (i_strobe && stuff && value)  state <= BAD;
                     else if (byte_done)                   state <= pid_right ? BODY : BAD;
            BODY:    if (i_se0)                            state <= LAST;
                     else if (i_strobe && stuff && value)  state <= BAD;
            BAD:     if (i_se0)         state <= LAST;
                     else if (i_silent) state <= IDLE;
            LAST:    if (!i_se0) state <= IDLE;
            default: state <= IDLE;
        endcase

    always @(posedge i_clk)
        if (state == PID && byte_done) o_pid <= shift[19:16];

    always @(posedge i_clk)
        if (state == PID)                                    bytes <= 2'd0;
        else if (state == BODY && byte_done && bytes != 2'd3) bytes <= bytes + 2'd1;

    always @(posedge i_clk)
        if (byte_done) {crc5_right, crc16_right} <= {crc5_now, crc16_now};

    always @(posedge i_clk)
        if (byte_done && bytes == 2'd1) {o_endpoint, o_address} <= shift[18:8];

    // Data; the byte stands for as long as it takes the next bit to arrive
    assign o_byte = shift[7:0];
    always @(posedge i_clk)
        o_byte_valid <= state == BODY && byte_done && bytes[1] && o_pid[1:0] == `USB_KIND_DATA;

    // Verdict
    always @(posedge i_clk) o_end <= state == LAST && !i_se0 && !i_reset;

    always @(posedge i_clk)
        if (state == BODY)
            case (o_pid[1:0])
                `USB_KIND_TOKEN:     o_good <= bytes == 2'd2 && crc5_right && count[2:1] == 2'd0;
                `USB_KIND_DATA:      o_good <= bytes[1] && crc16_right && count[2:1] == 2'd0;
                `USB_KIND_HANDSHAKE: o_good <= bytes == 2'd0 && count[2:1] == 2'd0;
                default:             o_good <= 1'b0;
            endcase
        else if (state != LAST)
            o_good <= 1'b0;
endmodule

`default_nettype wire
