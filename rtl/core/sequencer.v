`default_nettype none
`include "protocol.vh"
// Takes a run from its start to its end, layer by layer: reads the descriptor, starts the blocks, clears the output's words, and waits
// for the drain to say that the layer's last word is written. A fault ends the run with its status; i_abort ends it without a
// report. Between runs, and while the counters settle, o_idle holds the blocks in reset.
module sequencer #(
    parameter ADDR_BITS = 14
) (
    input  wire                 i_clk,
    input  wire                 i_reset,
    // Run
    input  wire                 i_start,
    input  wire [7:0]           i_layers,
    input  wire                 i_abort,
    output wire                 o_busy,
    output reg                  o_done,         // one cycle
    output reg  [7:0]           o_status,       // of the last run
    output wire                 o_idle,
    // layer_settings
    output reg                  o_load,         // with o_layer
    output reg  [7:0]           o_layer,
    input  wire                 i_loaded,
    input  wire                 i_legal,
    input  wire                 i_word,
    input  wire [4:0]           i_word_number,
    input  wire [15:0]          i_word_data,
    // Layer
    output wire                 o_layer_start,
    input  wire                 i_layer_done,
    output wire                 o_cleared,      // the output's words are clear: rows may be computed
    output wire                 o_clear_write,  // clears o_clear_addr
    output reg  [ADDR_BITS-1:0] o_clear_addr,
    // Faults
    input  wire                 i_underrun,
    input  wire                 i_bad_stream,
    // event_counters
    input  wire                 i_settled
);

    localparam IDLE   = 2'd0; // no run
    localparam LOAD   = 2'd1; // the descriptor is read
    localparam LAYER  = 2'd2; // the blocks work
    localparam SETTLE = 2'd3; // the run is over, the counters collect the rest

    reg [1:0]  state_q;
    reg [7:0]  layers_left_q;
    reg [15:0] clear_left_q;

    wire last_layer = layers_left_q <= 8'd1;

    assign o_busy        = state_q != IDLE;
    assign o_idle        = state_q == IDLE || state_q == SETTLE;
    assign o_layer_start = state_q == LOAD && i_loaded && i_legal;
    assign o_cleared     = clear_left_q == 16'd0;
    assign o_clear_write = state_q == LAYER && !o_cleared;

    always @(posedge i_clk)
        if (i_reset || i_abort) state_q <= IDLE;
        else
            case (state_q)
                IDLE:    if (i_start) state_q <= i_layers == 8'd0 ? SETTLE : LOAD;
                LOAD:    if (i_loaded) state_q <= i_legal ? LAYER : SETTLE;
                LAYER:   if (i_underrun || i_bad_stream) state_q <= SETTLE;
                         else if (i_layer_done) state_q <= last_layer ? SETTLE : LOAD;
                SETTLE:  if (i_settled) state_q <= IDLE;
                default: state_q <= IDLE;
            endcase

    always @(posedge i_clk)
        if (i_start) o_status <= `ESPALIER_RUN_OK;
        else if (state_q == LOAD && i_loaded && !i_legal) o_status <= `ESPALIER_RUN_BAD_LAYER;
        else if (state_q == LAYER && i_bad_stream) o_status <= `ESPALIER_RUN_BAD_STREAM;
        else if (state_q == LAYER && i_underrun) o_status <= `ESPALIER_RUN_UNDERRUN;

    always @(posedge i_clk)
        o_done <= state_q == SETTLE && i_settled && !i_reset && !i_abort;

    always @(posedge i_clk) begin
        o_load <= (state_q == IDLE && i_start) || (state_q == LAYER && i_layer_done && !last_layer);
        if (state_q == IDLE) begin
            o_layer       <= 8'd0;
            layers_left_q <= i_layers;
        end else if (state_q == LAYER && i_layer_done) begin
            o_layer       <= o_layer + 8'd1;
            layers_left_q <= layers_left_q - 8'd1;
        end
    end

    always @(posedge i_clk) begin
        if (i_word && i_word_number == `ESPALIER_LAYER_CLEAR_BASE) o_clear_addr <= i_word_data[ADDR_BITS-1:0];
        else if (o_clear_write) o_clear_addr <= o_clear_addr + 1'b1;
        if (i_word && i_word_number == `ESPALIER_LAYER_CLEAR_WORDS) clear_left_q <= i_word_data;
        else if (o_clear_write) clear_left_q <= clear_left_q - 16'd1;
    end

endmodule
`default_nettype wire
