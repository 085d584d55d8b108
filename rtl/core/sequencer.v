// The layer sequencer: takes a run from its start to its end, layer by layer.
//
// For each layer: descriptor -> mult and shift -> codebook -> column table ->
// clearing -> rows (decoder, replay and drain work by themselves until the
// drain reports the layer done). Every fault ends the run with its status;
// i_abort ends it without a report. o_quiesce holds the blocks behind in reset
// between runs.
`default_nettype none
`include "protocol.vh"
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
    output reg                  o_done,
    output reg  [7:0]           o_status,
    output wire                 o_quiesce,
    output wire                 o_counting,       // the run's cycles are being counted
    output wire                 o_in_rows,        // the array's turn
    input  wire                 i_settled,        // event counters
    // Layer settings
    output reg                  o_load,
    output reg  [7:0]           o_layer,
    input  wire                 i_loaded,
    input  wire                 i_legal,
    input  wire                 i_has_codebook,
    input  wire [3:0]           i_value_bits,
    input  wire [ADDR_BITS-1:0] i_clear_base,
    input  wire [15:0]          i_clear_words,
    // Bit window, while o_prologue
    output wire                 o_prologue,
    output wire [4:0]           o_need,
    output wire                 o_taking,
    input  wire                 i_have,
    input  wire [7:0]           i_bits,
    input  wire                 i_underrun,
    // What the prologue sets
    output reg  [7:0]           o_mult,
    output reg  [4:0]           o_shift,
    output wire                 o_book_write,
    output wire [3:0]           o_book_addr,
    output reg                  o_table_start,
    input  wire                 i_table_filling,
    input  wire                 i_table_wrong,
    output wire                 o_clear_write,
    output reg  [ADDR_BITS-1:0] o_clear_addr,
    // Rows
    output reg                  o_rows_start,
    input  wire                 i_decode_error,
    input  wire                 i_layer_done
);
    localparam [3:0] IDLE   = 4'd0,   // no run
                     LOAD   = 4'd1,   // descriptor being read
                     CHECK  = 4'd2,   // is it legal?
                     MULT   = 4'd3,   // taking mult
                     SHIFT  = 4'd4,   // taking shift
                     BOOK   = 4'd5,   // taking codebook entries
                     TABLE  = 4'd6,   // column table being filled
                     CLEAR  = 4'd7,   // zeroing the output's words
                     ROWS   = 4'd8,   // decoder, replay and drain at work
                     NEXT   = 4'd9,   // layer finished
                     SETTLE = 4'd10;  // counters gather what is pending
    reg [3:0]  state;
    reg [7:0]  layers_left;
    reg [3:0]  book_entry;
    reg [15:0] clear_left;

    wire [4:0] book_last = (5'd1 << i_value_bits[2:0]) - 5'd1;

    assign o_busy        = state != IDLE;
    assign o_quiesce     = state == IDLE || state == SETTLE;
    assign o_counting    = state != IDLE && state != SETTLE;
    assign o_in_rows     = state == ROWS;
    assign o_prologue    = state == MULT || state == SHIFT || state == BOOK;
    assign o_need        = state == SHIFT ? 5'd5 : o_prologue ? 5'd8 : 5'd0;
    assign o_taking      = o_prologue && i_have;
    assign o_book_write  = state == BOOK && i_have;
    assign o_book_addr   = book_entry;
    assign o_clear_write = state == CLEAR && clear_left != 16'd0;

    always @(posedge i_clk) begin
        o_load        <= 1'b0;
        o_table_start <= 1'b0;
        o_rows_start  <= 1'b0;
        o_done        <= 1'b0;
        case (state)
        IDLE:
            if (i_start) begin
                o_status    <= `ESPALIER_RUN_OK;
                o_layer     <= 8'd0;
                o_load      <= 1'b1;
                layers_left <= i_layers;
                state       <= LOAD;
            end
        LOAD:
            if (i_loaded)
                state <= CHECK;
        CHECK: begin
            state <= MULT;
            if (!i_legal) begin
                o_status <= `ESPALIER_RUN_BAD_LAYER;
                state    <= SETTLE;
            end
        end
        MULT:
            if (i_have) begin
                o_mult <= i_bits;
                state  <= SHIFT;
            end
        SHIFT: begin
            book_entry <= 4'd0;
            if (i_have) begin
                o_shift       <= i_bits[4:0];
                o_table_start <= !i_has_codebook;
                state         <= i_has_codebook ? BOOK : TABLE;
            end
        end
        BOOK:
            if (i_have) begin
                book_entry <= book_entry + 4'd1;
                if (book_entry == book_last[3:0]) begin
                    o_table_start <= 1'b1;
                    state         <= TABLE;
                end
            end
        TABLE: begin
            o_clear_addr <= i_clear_base;
            clear_left   <= i_clear_words;
            if (!o_table_start && !i_table_filling) begin
                state <= CLEAR;
                if (i_table_wrong) begin
                    o_status <= `ESPALIER_RUN_BAD_STREAM;
                    state    <= SETTLE;
                end
            end
        end
        CLEAR: begin
            clear_left   <= clear_left - 16'd1;
            o_clear_addr <= o_clear_addr + 1'b1;
            if (clear_left == 16'd0) begin
                o_rows_start <= 1'b1;
                state        <= ROWS;
            end
        end
        ROWS:
            if (i_decode_error) begin
                o_status <= `ESPALIER_RUN_BAD_STREAM;
                state    <= SETTLE;
            end else if (i_layer_done)
                state <= NEXT;
        NEXT: begin
            o_layer     <= o_layer + 8'd1;
            layers_left <= layers_left - 8'd1;
            o_load      <= layers_left != 8'd1;
            state       <= layers_left != 8'd1 ? LOAD : SETTLE;
        end
        SETTLE:
            if (i_settled) begin
                o_done <= 1'b1;
                state  <= IDLE;
            end
        default:
            state <= IDLE;
        endcase
        if (i_underrun && o_counting) begin
            o_status <= `ESPALIER_RUN_UNDERRUN;
            state    <= SETTLE;
        end
        if (i_reset || i_abort) begin
            state  <= IDLE;
            o_load <= 1'b0;
            o_done <= 1'b0;
        end
    end

    wire unused = &{1'b0, book_last[4], i_value_bits[3]};
endmodule
`default_nettype wire
