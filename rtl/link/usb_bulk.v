// Endpoint 1: the two bulk pipes. OUT packets go into a buffer that can take back what turned out damaged (packet_writer), IN packets
// come from one that can go back to what was not confirmed (packet_reader). usb_transaction tells how an endpoint speaks.
//
// OUT  NAK unless there is room for a whole packet when the token comes. A packet with the toggle of the one before it is its repetition:
//      confirmed, not stored.
// IN   A packet has what is there when it is first asked for, 64 bytes at the most, and keeps its length until it is confirmed.
//      After a full one, an empty one ends the host's transfer if there is nothing more. NAK if there is nothing to say.
// A halted pipe answers STALL. i_*_restart sets a pipe's toggle back to DATA0; an unconfirmed IN packet stays to be sent.
`default_nettype none
`include "usb.vh"

module usb_bulk (
    input  wire       i_clk,
    input  wire       i_reset,         // also while the bus is reset
    // usb_control
    input  wire       i_out_halted,
    input  wire       i_in_halted,
    input  wire       i_out_restart,
    input  wire       i_in_restart,
    // usb_transaction, while the transaction is with this endpoint
    input  wire       i_chosen,
    input  wire       i_in_begin,
    input  wire       i_in_next,
    input  wire       i_in_ack,
    input  wire       i_out_begin,
    input  wire       i_out_byte_valid,
    input  wire       i_out_end,
    input  wire       i_out_toggle,
    input  wire [6:0] i_count,
    output wire [1:0] o_in_answer,
    output wire       o_in_toggle,
    output wire       o_in_more,
    output reg  [1:0] o_out_answer,
    // packet_writer
    input  wire       i_out_room,      // for a packet
    output wire       o_out_write,
    output wire       o_out_discard,
    output wire       o_out_commit,
    // packet_reader
    input  wire [6:0] i_in_there,      // bytes not confirmed yet, stops at 64
    output wire       o_in_next,
    output wire       o_in_rewind,
    output wire       o_in_commit
);
    // OUT
    reg  out_toggle, out_room;
    wire out_new = i_out_toggle == out_toggle;

    always @(posedge i_clk)
        if (i_reset || i_out_restart) out_toggle <= 1'b0;
        else if (o_out_commit)        out_toggle <= !out_toggle;

    always @(posedge i_clk)
        if (i_out_begin) out_room <= i_out_room && !i_out_halted;

    assign o_out_write   = i_chosen && i_out_byte_valid && out_room && out_new && !i_count[6];
    assign o_out_discard = i_chosen && i_out_begin;
    assign o_out_commit  = i_chosen && i_out_end && out_room && out_new;
    // The toggle turns with the commit: judged in the same cycle
    always @(posedge i_clk)
        if (i_out_end)
            o_out_answer <= i_out_halted         ? `USB_ANSWER_STALL
                          : out_new && !out_room ? `USB_ANSWER_NAK : `USB_ANSWER_YES;

    // IN
    reg       in_toggle, in_pending, in_full;
    reg [6:0] in_length;
    wire      in_acked = i_chosen && i_in_ack;
    wire      in_fresh = i_chosen && i_in_begin && !in_pending;

    always @(posedge i_clk)
        if (i_reset || i_in_restart) in_toggle <= 1'b0;
        else if (in_acked)           in_toggle <= !in_toggle;

    // in_pending: in_length is that of a packet that the host may have
    always @(posedge i_clk)
        if (i_reset || in_acked)                                          in_pending <= 1'b0;
        else if (in_fresh && !i_in_halted && (i_in_there != 7'd0 || in_full)) in_pending <= 1'b1;

    always @(posedge i_clk)
        if (in_fresh) in_length <= i_in_there;

    // The last packet was full: the host's transfer is not at its end
    always @(posedge i_clk)
        if (i_reset)       in_full <= 1'b0;
        else if (in_acked) in_full <= in_length[6];

    assign o_in_answer = i_in_halted ? `USB_ANSWER_STALL : in_pending ? `USB_ANSWER_YES : `USB_ANSWER_NAK;
    assign o_in_toggle = in_toggle;
    assign o_in_more   = i_count != in_length;
    assign o_in_next   = i_chosen && i_in_next;
    assign o_in_rewind = i_chosen && i_in_begin;
    assign o_in_commit = in_acked;
endmodule

`default_nettype wire
