// Packets to the line: SYNC, identifier, data, CRC16, bit stuffing, NRZI, end of packet.
//
// i_start (while not o_busy) sends a packet with the identifier i_pid, which holds while o_busy. Behind a data identifier go bytes for
// as long as i_more is high; each is taken in the cycle in which o_next is high, 32 cycles apart at the least. The first edge
// follows i_start by five cycles; o_busy falls when the line is let go.
`default_nettype none
`include "usb.vh"

module usb_transmitter (
    input  wire       i_clk,           // 48 MHz
    input  wire       i_reset,
    // Packet
    input  wire       i_start,
    input  wire [3:0] i_pid,
    input  wire       i_more,          // a byte follows
    input  wire [7:0] i_byte,
    output reg        o_next,          // i_byte has been taken
    output wire       o_busy,
    // Pins
    output reg        o_dp,
    output reg        o_dn,
    output reg        o_oe
);
    localparam [2:0] IDLE = 3'd0,
                     SYNC = 3'd1,
                     PID  = 3'd2,
                     DATA = 3'd3,
                     CRC  = 3'd4,
                     SE0  = 3'd5,      // two bits
                     J    = 3'd6;      // one bit, then the line is let go

    reg [2:0] state;
    reg [1:0] phase;                   // cycles of the bit
    reg [7:0] shift;                   // next bit at the bottom
    reg [3:0] count;                   // bits of the byte, or of the CRC
    reg [2:0] ones;                    // in a row
    wire      crc_top;

    // A bit begins every four cycles, with tick; what it will be is settled well before, in registers
    reg  tick, tick_plain, byte_end;   // a bit begins; it is no stuffed one; it is the last one of its byte
    reg  last, stuff, value;
    wire bit_begins = phase == 2'd2;
    wire body       = state == DATA || (state == PID && i_pid[1:0] == `USB_KIND_DATA);

    // A CRC has 16 bits; SE0 two, and its third is the beginning of J, which ends with the bit after it
    wire [3:0] final_bit = state == CRC ? 4'd15 : state == SE0 ? 4'd2 : state == J ? 4'd0 : 4'd7;

    always @(posedge i_clk) begin
        stuff      <= ones == 3'd6;
        last       <= count == final_bit;
        value      <= !stuff && (state == CRC ? !crc_top : shift[0]);
        tick       <= bit_begins;
        tick_plain <= bit_begins && !stuff;
        byte_end   <= bit_begins && !stuff && last;
        o_next     <= byte_end && body && i_more;
    end

    assign o_busy = state != IDLE;

    /* verilator lint_off PINCONNECTEMPTY */ // o_right is for receiving
    usb_crc #(.WIDTH(16), .POLYNOMIAL(16'h8005), .RESIDUAL(16'h800D)) crc16 (
        .i_clk(i_clk), .i_clear(state == PID), .i_feed(tick_plain && (state == DATA || state == CRC)),
        .i_bit(state == CRC ? crc_top : shift[0]), .o_top(crc_top), .o_right()
    );
    /* verilator lint_on PINCONNECTEMPTY */

    always @(posedge i_clk)
        if (state == IDLE) phase <= 2'd0;
        else               phase <= phase + 2'd1;

    always @(posedge i_clk)
        if (i_reset) state <= IDLE;
        else case (state)
            IDLE:    if (i_start)  state <= SYNC;
            SYNC:    if (byte_end) state <= PID;
            PID:     if (byte_end) state <= !body ? SE0 : i_more ? DATA : CRC;
            DATA:    if (byte_end && !i_more) state <= CRC;
            CRC:     if (byte_end) state <= SE0;
            SE0:     if (byte_end) state <= J;
            J:       if (byte_end) state <= IDLE;
            default: state <= IDLE;
        endcase

    always @(posedge i_clk)
        if (state == IDLE || byte_end) count <= 4'd0;
        else if (tick_plain)           count <= count + 4'd1;

    always @(posedge i_clk)
        if (state == IDLE)
            shift <= 8'h80;            // SYNC
        else if (byte_end)
            shift <= state == SYNC ? {~i_pid, i_pid} : i_byte;
        else if (tick_plain)
            shift <= {1'b0, shift[7:1]};

    always @(posedge i_clk)
        if (state == IDLE) ones <= 3'd0;
        else if (tick)     ones <= value && state != SE0 ? ones + 3'd1 : 3'd0;

    // Line; a stuffed bit that the last bits of a packet ask for goes before SE0
    always @(posedge i_clk)
        if (i_reset || state == IDLE) begin
            {o_dp, o_dn} <= 2'b10;
            o_oe         <= 1'b0;
        end else if (tick) begin
            o_oe <= 1'b1;
            if (state == SE0 && tick_plain) {o_dp, o_dn} <= {byte_end, 1'b0};
            else if (!value && state != J)  {o_dp, o_dn} <= {o_dn, o_dp};
        end
endmodule

`default_nettype wire
