`default_nettype none
`include "protocol.vh"
// Takes a run from its start to its end, layer by layer: reads the descriptor, lets the decoder fill codebook and column table, reads
// the descriptor again for the positions, clears the output's words, lets the rows be computed, and waits for the drain to say
// that the layer's last word is written. A fault ends the run with its status; i_abort ends it without a report. Between runs,
// and while the counters settle, o_idle holds the blocks in reset.
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
    input  wire                 i_prologue_done,
    output reg                  o_positions,    // the descriptor is read, or has been, for the positions
    output wire                 o_rows_start,
    output wire                 o_rows,         // rows may be computed
    input  wire                 i_layer_done,
    output wire                 o_clear_write,  // clears o_clear_addr
    output reg  [ADDR_BITS-1:0] o_clear_addr,
    // Faults
    input  wire                 i_underrun,
    input  wire                 i_bad_stream,
    // event_counters
    input  wire                 i_settled
);

    localparam IDLE     = 3'd0; // no run
    localparam LOAD     = 3'd1; // the descriptor is read for the columns
    localparam PROLOGUE = 3'd2; // codebook and column table are filled
    localparam RELOAD   = 3'd3; // the descriptor is read for the positions
    localparam CLEAR    = 3'd4; // the output's words are cleared
    localparam ROWS     = 3'd5; // decoder, array and drain work
    localparam SETTLE   = 3'd6; // the run is over, the counters collect the rest

    reg [2:0]  state_q;
    reg [7:0]  layers_left_q;
    reg [15:0] clear_left_q;
    reg        clearing_q; // words are left to be cleared

    wire last_layer = layers_left_q <= 8'd1;
    wire fault      = (i_underrun || i_bad_stream) && !o_idle;

    assign o_busy        = state_q != IDLE;
    assign o_idle        = state_q == IDLE || state_q == SETTLE;
    assign o_layer_start = state_q == LOAD && i_loaded && i_legal;
    assign o_clear_write = clearing_q;
    assign o_rows_start  = state_q == CLEAR && !clearing_q;
    assign o_rows        = state_q == ROWS;

    always @(posedge i_clk)
        if (i_reset || i_abort) state_q <= IDLE;
        else if (fault) state_q <= SETTLE;
        else
            case (state_q)
                IDLE:     if (i_start) state_q <= i_layers == 8'd0 ? SETTLE : LOAD;
                LOAD:     if (i_loaded) state_q <= i_legal ? PROLOGUE : SETTLE;
                PROLOGUE: if (i_prologue_done) state_q <= RELOAD;
                RELOAD:   if (i_loaded) state_q <= CLEAR;
                CLEAR:    if (!clearing_q) state_q <= ROWS;
                ROWS:     if (i_layer_done) state_q <= last_layer ? SETTLE : LOAD;
                SETTLE:   if (i_settled) state_q <= IDLE;
                default:  state_q <= IDLE;
            endcase

    always @(posedge i_clk)
        if (i_start) o_status <= `ESPALIER_RUN_OK;
        else if (state_q == LOAD && i_loaded && !i_legal) o_status <= `ESPALIER_RUN_BAD_LAYER;
        else if (fault) o_status <= i_bad_stream ? `ESPALIER_RUN_BAD_STREAM : `ESPALIER_RUN_UNDERRUN;

    always @(posedge i_clk)
        o_done <= state_q == SETTLE && i_settled && !i_reset && !i_abort;

    always @(posedge i_clk) begin
        o_load <= (state_q == IDLE && i_start) || (state_q == PROLOGUE && i_prologue_done) || (state_q == ROWS && i_layer_done);
        if (o_load) o_positions <= state_q == RELOAD;
        if (state_q == IDLE) begin
            o_layer       <= 8'd0;
            layers_left_q <= i_layers;
        end else if (state_q == ROWS && i_layer_done) begin
            o_layer       <= o_layer + 8'd1;
            layers_left_q <= layers_left_q - 8'd1;
        end
    end

    always @(posedge i_clk)
        if (i_reset || i_abort || fault) clearing_q <= 1'b0;
        else if (state_q == RELOAD) clearing_q <= i_loaded && clear_left_q != 16'd0;
        else if (clear_left_q == 16'd1) clearing_q <= 1'b0;

    always @(posedge i_clk) begin
        if (i_word && i_word_number == `ESPALIER_LAYER_CLEAR_BASE) o_clear_addr <= i_word_data[ADDR_BITS-1:0];
        else if (o_clear_write) o_clear_addr <= o_clear_addr + 1'b1;
        if (i_word && i_word_number == `ESPALIER_LAYER_CLEAR_WORDS) clear_left_q <= i_word_data;
        else if (o_clear_write) clear_left_q <= clear_left_q - 16'd1;
    end

endmodule
`default_nettype wire
