// Composes an answer: fetches the words it is made of, one after the other, and hands their bytes to the sender.
//
// i_start (while o_idle) begins an answer of i_kind; i_sequence, i_words, i_error, i_expected and i_run_status hold until
// o_idle is back. A word of activations is asked for with o_act_read (i_act_valid brings it, however late), and stays until
// o_act_next asks for the address of the next; a counter is taken COUNTER_WAIT cycles after its index. No word is kept here: its
// bytes are chosen from where it comes from. They leave one a cycle; the next word takes the memory's latency and two cycles on top.
// Legal: POSITIONS 1 to 16.
`default_nettype none
`include "protocol.vh"

module frame_answer #(
    parameter POSITIONS = 8
) (
    input  wire                   i_clk,
    input  wire                   i_reset,
    // What to answer
    input  wire                   i_start,
    output wire                   o_idle,
    input  wire [2:0]             i_kind,          // answer_kinds.vh
    input  wire [7:0]             i_sequence,
    input  wire [10:0]            i_words,         // activation words of KIND_READ
    input  wire [7:0]             i_error,         // of KIND_NAK
    input  wire [7:0]             i_expected,      // of KIND_NAK
    input  wire [7:0]             i_run_status,    // of KIND_DONE
    // Where words come from
    output wire [4:0]             o_index,         // of a counter or a capability word
    input  wire [31:0]            i_capability,
    input  wire [31:0]            i_counter,
    input  wire [31:0]            i_link_in,
    input  wire [31:0]            i_link_out,
    output wire                   o_act_read,
    output wire                   o_act_next,
    input  wire                   i_act_valid,
    input  wire [8*POSITIONS-1:0] i_act_data,
    // Link
    output wire                   o_tx_valid,
    input  wire                   i_tx_ready,
    output wire [7:0]             o_tx_data
);
    `include "answer_kinds.vh"

    localparam [1:0] IDLE  = 2'd0,
                     WANT  = 2'd1,     // no word at hand: asks for one when the sender wants payload
                     FETCH = 2'd2,     // waits for the word
                     BYTES = 2'd3;     // hands its bytes over

    localparam [2:0]  COUNTER_WAIT = 3'd5;
    /* verilator lint_off WIDTH */ // parameters are 32 bits wide; their legal values fit
    localparam [4:0]  ACT_BYTES    = POSITIONS;
    localparam [10:0] CAPS_BYTES   = 4 * `ESPALIER_CAPS_WORDS;
    localparam [10:0] COUNT_BYTES  = 4 * `ESPALIER_COUNTERS;
    /* verilator lint_on WIDTH */

    reg  [1:0] state;
    reg  [4:0] number;                 // bytes of the word that have been chosen
    reg  [4:0] index;
    reg  [2:0] waited;
    reg  [7:0] chosen;

    wire sender_idle, in_payload, payload_ready;
    wire given    = state == BYTES && payload_ready;
    wire reading  = i_kind == KIND_READ;
    wire fetched  = reading              ? i_act_valid
                  : i_kind == KIND_COUNT ? waited == COUNTER_WAIT : 1'b1;
    wire word_end = given && number == (reading ? ACT_BYTES : 5'd4);

    assign o_idle     = state == IDLE;
    assign o_index    = index;
    assign o_act_read = state == WANT && in_payload && reading;
    assign o_act_next = word_end && reading;

    // By hand: yosys would take a DSP block for it
    function [10:0] times_positions;
        input [10:0] words;
        integer      n;
        begin
            times_positions = 11'd0;
            for (n = 0; n < 5; n = n + 1)
                if (ACT_BYTES[n]) times_positions = times_positions + (words << n);
        end
    endfunction

    reg [7:0]  answer_type;            // for the sender, which starts a cycle after i_start
    reg [10:0] length;
    always @(posedge i_clk)
        case (i_kind)
            KIND_ACK:   begin answer_type <= `ESPALIER_RSP_ACK;  length <= 11'd0;  end
            KIND_NAK:   begin answer_type <= `ESPALIER_RSP_NAK;  length <= 11'd2;  end
            KIND_DONE:  begin answer_type <= `ESPALIER_RSP_DONE; length <= 11'd1;  end
            KIND_CAPS:  begin answer_type <= `ESPALIER_RSP_DATA; length <= CAPS_BYTES;  end
            KIND_COUNT: begin answer_type <= `ESPALIER_RSP_DATA; length <= COUNT_BYTES; end
            default:    begin answer_type <= `ESPALIER_RSP_DATA; length <= times_positions(i_words); end
        endcase

    // The sender's count of bytes says when the answer is complete
    always @(posedge i_clk)
        if (i_reset) state <= IDLE;
        else case (state)
            IDLE:    if (i_start) state <= WANT;
            WANT:    if (in_payload)       state <= FETCH;
                     else if (sender_idle) state <= IDLE;
            FETCH:   if (fetched) state <= BYTES;
            default: if (!in_payload || word_end) state <= WANT;
        endcase

    always @(posedge i_clk) begin
        waited <= state == FETCH ? waited + 3'd1 : 3'd0;
        if (state == IDLE) index <= 5'd0;
        else if (word_end) index <= index + 5'd1;
        if (state == WANT)                    number <= 5'd0;
        else if (given || (state == FETCH && fetched)) number <= number + 5'd1;
    end

    // ---- The byte that is next

    function [7:0] byte_of;
        input [31:0] word;
        input [1:0]  n;
        byte_of = word[{n, 3'd0} +: 8];
    endfunction

    wire [127:0] act_bytes  = {{(128 - 8 * POSITIONS){1'b0}}, i_act_data};
    wire [7:0]   act        = act_bytes[{number[3:0], 3'd0} +: 8];
    wire [7:0]   link_in    = byte_of(i_link_in, number[1:0]);
    wire [7:0]   link_out   = byte_of(i_link_out, number[1:0]);
    wire [7:0]   event_byte = byte_of(i_counter, number[1:0]);
    wire [7:0]   counter    = index == `ESPALIER_COUNT_LINK_IN  ? link_in
                            : index == `ESPALIER_COUNT_LINK_OUT ? link_out : event_byte;

    always @(posedge i_clk)
        if (state == FETCH || given)
            case (i_kind)
                KIND_NAK:   chosen <= number[0] ? i_expected : i_error;
                KIND_DONE:  chosen <= i_run_status;
                KIND_CAPS:  chosen <= byte_of(i_capability, number[1:0]);
                KIND_COUNT: chosen <= counter;
                default:    chosen <= act;
            endcase

    frame_sender sender (
        .i_clk(i_clk), .i_reset(i_reset),
        .i_start(state == IDLE && i_start), .o_idle(sender_idle),
        .i_type(answer_type), .i_sequence(i_sequence), .i_length(length),
        .o_in_payload(in_payload), .i_payload_valid(state == BYTES), .o_payload_ready(payload_ready),
        .i_payload_data(chosen),
        .o_tx_valid(o_tx_valid), .i_tx_ready(i_tx_ready), .o_tx_data(o_tx_data)
    );
endmodule

`default_nettype wire
