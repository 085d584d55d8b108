// Carries requests out: judges a frame's header and arguments, lets its payload take effect while it arrives, acts on the
// verdict behind it, and orders the answer. PROTOCOL.md has the rules, request_rules what a request may look like.
//
// One frame at a time: the receiver is held from a frame's end until its answer has left. DONE goes out between two frames.
// Of a frame that is refused nothing is written; its payload is swallowed. A WEIGHTS frame is let in as a whole:
// it waits before its payload, for room in the ring of a streamed run, and for no longer than that run.
// All outputs to the computing part are registered.
// Legal: see request_rules.
`default_nettype none
`include "protocol.vh"

module frame_commands #(
    parameter POSITIONS = 8,
    parameter ACT_WORDS = 16384,
    parameter LAYERS    = 8
) (
    input  wire        i_clk,
    input  wire        i_reset,
    // From frame_receiver
    input  wire        i_active,
    input  wire        i_foreign,
    input  wire [7:0]  i_type,
    input  wire [7:0]  i_sequence,
    input  wire [10:0] i_length,
    input  wire        i_payload_valid,
    output wire        o_payload_ready,
    input  wire [7:0]  i_payload_data,
    input  wire        i_end,
    input  wire        i_good,
    output wire        o_release,
    // To frame_answer
    output wire        o_answer_start,
    input  wire        i_answer_idle,
    output reg  [2:0]  o_answer_kind,
    output wire [7:0]  o_answer_sequence,
    output wire [10:0] o_answer_words,
    output wire [7:0]  o_answer_error,
    output reg  [7:0]  o_expected,         // sequence number expected next
    output reg  [7:0]  o_run_status,
    input  wire        i_act_next,         // a word has been read: on to the next address
    output reg         o_session,          // one cycle: HELLO or RESET begins a session
    // To the computing part: rtl/README.md
    output reg         o_layer_write,
    output reg         o_act_write,
    output reg  [15:0] o_address,          // of layer words and activation words
    output reg  [7:0]  o_act_slot,
    output wire [31:0] o_data,             // the last four bytes, newest on top: a byte, a layer word or a weight word
    output reg         o_weight_write,
    output reg         o_weight_commit,
    output reg         o_weight_discard,
    output reg         o_weight_rewind,
    input  wire [15:0] i_weight_space,
    output reg         o_run_start,
    output wire [7:0]  o_run_layers,
    output wire [7:0]  o_run_slots,
    output wire        o_run_streamed,
    output reg         o_run_abort,
    input  wire        i_run_busy,
    input  wire        i_run_done,
    input  wire [7:0]  i_run_status
);
    `include "answer_kinds.vh"

    localparam [3:0] IDLE      = 4'd0,     // waits for a frame, or for a run to have ended
                     HEADER    = 4'd1,     // judges type, sequence, length
                     ARGUMENTS = 4'd2,     // gathers the first payload bytes
                     RANGE_1   = 4'd3,     // request_rules judges them
                     RANGE_2   = 4'd4,
                     ADMIT     = 4'd5,     // judgement; WEIGHTS waits for room
                     PAYLOAD   = 4'd6,     // the rest takes effect, or is swallowed
                     VERDICT   = 4'd7,     // acts on a good frame
                     SETTLE    = 4'd8,     // waits for an aborted run to be gone, then orders the answer
                     ANSWER    = 4'd9;     // waits for the answer to leave

    localparam [7:0] NONE = 8'd0;
    localparam [4:0] LAST_WORD = `ESPALIER_LAYER_WORDS - 1;

    reg [3:0]  state;
    reg [7:0]  fault;                      // an error of a NAK, or NONE
    reg        duplicate;                  // the request executed just before, once more
    reg [31:0] gathered;
    reg [2:0]  arguments_left;
    reg [1:0]  phase;                      // bytes of the present word taken
    reg        synchronized;               // there has been a HELLO or RESET
    reg        running, streamed;          // a run is under way
    reg        done_waits;                 // it has ended, and the host has not been told yet
    reg [7:0]  run_sequence;

    // The type, decoded: it is there long before the frame is active
    reg is_hello, is_reset, is_layers, is_act, is_rewind, is_weights, is_run, is_read, is_counters;
    always @(posedge i_clk) begin
        is_hello    <= i_type == `ESPALIER_REQ_HELLO;
        is_reset    <= i_type == `ESPALIER_REQ_RESET;
        is_layers   <= i_type == `ESPALIER_REQ_LAYERS;
        is_act      <= i_type == `ESPALIER_REQ_ACTIVATIONS;
        is_rewind   <= i_type == `ESPALIER_REQ_WEIGHTS_REWIND;
        is_weights  <= i_type == `ESPALIER_REQ_WEIGHTS;
        is_run      <= i_type == `ESPALIER_REQ_RUN;
        is_read     <= i_type == `ESPALIER_REQ_READ;
        is_counters <= i_type == `ESPALIER_REQ_COUNTERS;
    end
    wire known = is_hello || is_reset || is_layers || is_act || is_rewind || is_weights || is_run || is_read || is_counters;

    wire [2:0] argument_bytes;
    wire       length_right, in_range;
    request_rules #(.POSITIONS(POSITIONS), .ACT_WORDS(ACT_WORDS), .LAYERS(LAYERS)) rules (
        .i_clk(i_clk), .i_judge(state == RANGE_1 || state == RANGE_2), .i_is_layers(is_layers), .i_is_act(is_act),
        .i_is_weights(is_weights), .i_is_read(is_read), .i_is_run(is_run), .i_length(i_length), .i_arguments(gathered),
        .o_length_right(length_right), .o_argument_bytes(argument_bytes), .o_in_range(in_range)
    );

    wire takes_over = is_hello || is_reset;                  // begins a new sequence
    wire in_order   = takes_over || (synchronized && i_sequence == o_expected);
    wire again      = synchronized && i_sequence == o_expected - 8'd1;
    wire served     = !running || takes_over || (is_weights && streamed);
    wire refused    = fault != NONE || duplicate;

    wire has_room   = {7'd0, i_length[10:2]} <= i_weight_space;
    wire taken      = i_payload_valid && o_payload_ready;
    wire effective  = taken && state == PAYLOAD && !refused;
    wire execute    = state == VERDICT && i_good && !refused;
    wire give_done  = state == IDLE && done_waits;

    // Layer descriptors lie 32 words apart
    wire [4:0] address_step = o_layer_write && o_address[4:0] == LAST_WORD ? 5'd31 - LAST_WORD + 5'd1 : 5'd1;

    assign o_payload_ready   = state == PAYLOAD || (state == ARGUMENTS && arguments_left != 3'd0);
    assign o_answer_start    = state == SETTLE && (running || !i_run_busy);
    assign o_release         = state == ANSWER && i_answer_idle && o_answer_kind != KIND_DONE;
    assign o_answer_sequence = o_answer_kind == KIND_DONE ? run_sequence : i_sequence;
    assign o_answer_words    = gathered[26:16];
    assign o_answer_error    = fault;
    assign o_data            = gathered;
    assign o_run_layers      = gathered[7:0];
    assign o_run_slots       = gathered[15:8];
    assign o_run_streamed    = gathered[16];

    always @(posedge i_clk)
        if (i_reset) state <= IDLE;
        else case (state)
            IDLE:      if (give_done)     state <= SETTLE;
                       else if (i_active) state <= HEADER;
            HEADER:    state <= ARGUMENTS;
            ARGUMENTS: if (arguments_left == 3'd0 || refused) state <= RANGE_1;
                       else if (i_end)                        state <= VERDICT;
            RANGE_1:   state <= RANGE_2;
            RANGE_2:   state <= ADMIT;
            ADMIT:     if (!is_weights || refused || has_room || !running) state <= PAYLOAD;
            PAYLOAD:   if (i_end) state <= VERDICT;
            VERDICT:   state <= SETTLE;
            SETTLE:    if (o_answer_start) state <= ANSWER;
            ANSWER:    if (i_answer_idle) state <= IDLE;
            default:   state <= IDLE;
        endcase

    // Judgement, the most telling error first
    always @(posedge i_clk)
        case (state)
            HEADER: begin
                duplicate <= !i_foreign && !in_order && again;
                fault     <= i_foreign     ? `ESPALIER_NAK_TYPE
                           : !in_order     ? (again ? NONE : `ESPALIER_NAK_SEQUENCE)
                           : !known        ? `ESPALIER_NAK_TYPE
                           : !served       ? `ESPALIER_NAK_BUSY
                           : !length_right ? `ESPALIER_NAK_LENGTH : NONE;
            end
            ADMIT:
                if (!refused && !in_range)
                    fault <= `ESPALIER_NAK_RANGE;
                else if (!refused && is_weights && !running && !has_room)
                    fault <= `ESPALIER_NAK_SPACE;
            VERDICT:
                if (!i_good) fault <= `ESPALIER_NAK_CRC;
            default: ;
        endcase

    // Arguments and data
    always @(posedge i_clk) begin
        if (taken) gathered <= {i_payload_data, gathered[31:8]};

        if (state == HEADER)                      arguments_left <= argument_bytes;
        else if (taken && state == ARGUMENTS)     arguments_left <= arguments_left - 3'd1;

        if (state == ADMIT)                       phase <= 2'd0;
        else if (effective)                       phase <= phase + 2'd1;

        if (state == ADMIT)                       o_act_slot <= gathered[23:16];

        if (state == ADMIT)                       o_address <= is_layers ? {3'd0, gathered[23:16], 5'd0} : gathered[15:0];
        else if (o_layer_write || o_act_write || i_act_next)
                                                  o_address <= o_address + {11'd0, address_step};

        o_layer_write  <= effective && is_layers && phase[0];
        o_act_write    <= effective && is_act;
        o_weight_write <= effective && is_weights && phase == 2'd3;
    end

    // Execution
    always @(posedge i_clk) begin
        o_weight_commit  <= !i_reset && execute && is_weights;
        o_weight_discard <= !i_reset && state == VERDICT && !i_good && is_weights;
        o_weight_rewind  <= !i_reset && execute && (is_rewind || is_reset);
        o_run_start      <= !i_reset && execute && is_run;
        o_run_abort      <= !i_reset && execute && takes_over && (running || i_run_busy);
        o_session        <= !i_reset && execute && takes_over;
    end

    always @(posedge i_clk)
        if (give_done)             o_answer_kind <= KIND_DONE;
        else if (state == VERDICT) o_answer_kind <= !i_good || fault != NONE ? KIND_NAK
                                                  : duplicate  ? KIND_ACK
                                                  : is_hello   ? KIND_CAPS
                                                  : is_counters ? KIND_COUNT
                                                  : is_read    ? KIND_READ : KIND_ACK;

    always @(posedge i_clk)
        if (i_reset) begin
            synchronized <= 1'b0;
            o_expected   <= 8'd0;
        end else if (execute) begin
            synchronized <= 1'b1;
            o_expected   <= i_sequence + 8'd1;
        end

    always @(posedge i_clk) begin
        if (i_reset || (execute && takes_over)) begin
            running    <= 1'b0;
            done_waits <= 1'b0;
        end else if (execute && is_run) begin
            running    <= 1'b1;
        end else if (running && i_run_done) begin
            running    <= 1'b0;
            done_waits <= 1'b1;
        end else if (give_done) begin
            done_waits <= 1'b0;
        end

        if (execute && is_run) begin
            run_sequence <= i_sequence;
            streamed     <= gathered[16];
        end
        if (i_run_done) o_run_status <= i_run_status;
    end
endmodule

`default_nettype wire
