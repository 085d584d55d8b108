// The transaction layer: tokens for this device, the data packets and handshakes that belong to them, and who answers.
//
// Two endpoints, 0 (usb_control) and 1 (usb_bulk), speak the same language:
//   IN   o_in_begin; two cycles later i_*_in_answer says NAK, STALL or YES, and for YES the packet is i_*_toggle, then i_*_byte for as
//        long as i_*_more, each taken with o_in_next (32 cycles apart). o_in_ack if the host has confirmed it; otherwise the host
//        will ask again, and must get the same packet.
//   OUT  o_out_begin; then o_out_byte_valid with the bytes; then o_out_end if the packet was good, and the cycle after
//        i_*_out_answer says NAK, STALL or YES. Without o_out_end (a damaged packet, more than 64 bytes, or a SETUP that is not DATA0 with
//        eight) nothing is answered, and the next o_out_begin starts over.
// o_setup goes with o_out_begin and stands until the next token: a SETUP is always confirmed. o_count is the number of bytes so far,
//        and stops at 64.
// Answers begin 2 to 4 bit times after the end of the host's packet.
`default_nettype none
`include "usb.vh"

module usb_transaction (
    input  wire       i_clk,
    input  wire       i_reset,         // also while the bus is reset
    // Receiver
    input  wire       i_silent,
    input  wire [3:0] i_rx_pid,
    input  wire [6:0] i_rx_address,
    input  wire [3:0] i_rx_endpoint,
    input  wire       i_rx_byte_valid,
    input  wire       i_rx_end,
    input  wire       i_rx_good,
    // Transmitter
    output reg        o_tx_start,
    output reg  [3:0] o_tx_pid,
    output reg        o_tx_more,
    output reg  [7:0] o_tx_byte,
    input  wire       i_tx_next,
    input  wire       i_tx_busy,
    // Device
    input  wire [6:0] i_address,
    input  wire       i_configured,    // endpoint 1 exists
    // Endpoints
    output reg        o_endpoint,      // the one that the transaction is with
    output reg        o_setup,
    output reg        o_in_begin,
    output wire       o_in_next,
    output reg        o_in_ack,
    output reg        o_out_begin,
    output wire       o_out_byte_valid,
    output reg        o_out_end,
    output wire       o_out_toggle,    // DATA1, with the bytes and at o_out_end
    output reg  [6:0] o_count,
    // Endpoint 0
    input  wire [1:0] i_control_in_answer,
    input  wire       i_control_toggle,
    input  wire       i_control_more,
    input  wire [7:0] i_control_byte,
    input  wire [1:0] i_control_out_answer,
    // Endpoint 1
    input  wire [1:0] i_bulk_in_answer,
    input  wire       i_bulk_toggle,
    input  wire       i_bulk_more,
    input  wire [7:0] i_bulk_byte,
    input  wire [1:0] i_bulk_out_answer
);
    localparam [2:0] IDLE   = 3'd0,
                     DATA   = 3'd1,    // OUT or SETUP: waits for the data packet
                     ASK_IN = 3'd2,    // the endpoint considers, two cycles each
                     ASK_OUT = 3'd3,
                     REPLY  = 3'd4,    // a handshake goes out
                     SEND   = 3'd5,    // a data packet goes out
                     SENT   = 3'd6;    // waits for the host's ACK

    reg [2:0] state;
    reg       asked;                   // second cycle of ASK_IN and ASK_OUT
    reg       over;                    // more bytes than a packet has
    reg       ours;                    // address and endpoint of the last token are

    // The receiver has address and endpoint long before the end of a token
    always @(posedge i_clk)
        ours <= i_rx_address == i_address && i_rx_endpoint[3:1] == 3'd0 && (!i_rx_endpoint[0] || i_configured);

    wire good_token = i_rx_end && i_rx_good && i_rx_pid[1:0] == `USB_KIND_TOKEN;
    wire good_data  = i_rx_end && i_rx_good && i_rx_pid[1:0] == `USB_KIND_DATA;
    wire token_in   = i_rx_pid[3:2] == 2'b10;
    wire token_sof  = i_rx_pid[3:2] == 2'b01;
    wire setup      = i_rx_pid[3:2] == 2'b11;
    wire fits       = !over && (!o_setup || (o_count == 7'd8 && !i_rx_pid[3]));
    wire taken      = good_data && state == DATA && fits;
    wire accepted   = good_token && ours && !token_sof && !(setup && i_rx_endpoint[0]);

    always @(posedge i_clk)
        if (i_reset) state <= IDLE;
        else case (state)
            ASK_IN:  if (asked) state <= in_answer == `USB_ANSWER_YES ? SEND : REPLY;
            ASK_OUT: if (asked) state <= REPLY;
            REPLY:   if (!i_tx_busy && !o_tx_start) state <= IDLE;
            SEND:    if (!i_tx_busy && !o_tx_start) state <= SENT;
            default: // IDLE, DATA, SENT: whatever comes ends what was waited for
                     if (accepted)                          state <= token_in ? ASK_IN : DATA;
                     else if (taken)                        state <= ASK_OUT;
                     else if (i_rx_end || i_silent)         state <= IDLE;
        endcase

    always @(posedge i_clk) asked <= (state == ASK_IN || state == ASK_OUT) && !asked;

    always @(posedge i_clk)
        if (accepted) begin
            o_endpoint <= i_rx_endpoint[0];
            o_setup    <= setup;
        end

    always @(posedge i_clk) begin
        o_in_begin  <= accepted && token_in;
        o_out_begin <= accepted && !token_in;
        o_out_end   <= taken;
        o_in_ack    <= i_rx_end && i_rx_good && i_rx_pid == `USB_PID_ACK && state == SENT;
    end

    always @(posedge i_clk)
        if (o_in_begin || o_out_begin)                           o_count <= 7'd0;
        else if ((i_tx_next || o_out_byte_valid) && !o_count[6]) o_count <= o_count + 7'd1;

    always @(posedge i_clk)
        if (o_out_begin)                         over <= 1'b0;
        else if (o_out_byte_valid && o_count[6]) over <= 1'b1;

    assign o_out_byte_valid = i_rx_byte_valid && state == DATA;
    assign o_out_toggle     = i_rx_pid[3];
    assign o_in_next        = i_tx_next;
    always @(posedge i_clk) begin
        o_tx_more <= o_endpoint ? i_bulk_more : i_control_more;
        o_tx_byte <= o_endpoint ? i_bulk_byte : i_control_byte;
    end

    // The answer
    wire [1:0] in_answer  = o_endpoint ? i_bulk_in_answer  : i_control_in_answer;
    wire [1:0] out_answer = o_endpoint ? i_bulk_out_answer : i_control_out_answer;
    wire       toggle     = o_endpoint ? i_bulk_toggle     : i_control_toggle;

    always @(posedge i_clk) o_tx_start <= asked && !i_reset;

    always @(posedge i_clk)
        if (asked)
            if (state == ASK_IN)
                o_tx_pid <= in_answer == `USB_ANSWER_YES   ? {toggle, 3'b011}
                          : in_answer == `USB_ANSWER_STALL ? `USB_PID_STALL : `USB_PID_NAK;
            else
                o_tx_pid <= out_answer == `USB_ANSWER_YES   ? `USB_PID_ACK
                          : out_answer == `USB_ANSWER_STALL ? `USB_PID_STALL : `USB_PID_NAK;
endmodule

`default_nettype wire
