`default_nettype none
// Decoder of the structured format: a keep flag a column, once a layer; an entry of a row is a code, for the kept columns only
// (STREAM.md). The interface is that of all format decoders (decode_dense.v).
module decode_structured #(
    parameter COLUMN_BITS = 10 // column_table's address width
) (
    input  wire                   i_clk,
    input  wire                   i_reset,
    // Layer
    input  wire [3:0]             i_value_bits,
    input  wire [3:0]             i_gap_bits,
    input  wire [COLUMN_BITS:0]   i_columns,
    // Columns
    output wire                   o_flag_width,
    output wire                   o_keep,
    // Entries
    output wire                   o_counted,
    output wire [4:0]             o_width,
    // Taken
    input  wire                   i_taken,
    input  wire [19:0]            i_taken_field,
    input  wire                   i_row_end,
    output wire                   o_filler,
    output wire [7:0]             o_code,
    output wire [COLUMN_BITS-1:0] o_column,
    output wire                   o_bad
);

    assign o_flag_width = 1'b1;
    assign o_keep       = i_taken_field[0];
    assign o_counted    = 1'b0;
    assign o_width      = {1'b0, i_value_bits};
    assign o_filler     = 1'b0;
    assign o_code       = i_taken_field[7:0];
    assign o_column     = {COLUMN_BITS{1'b0}}; // the index is shared: entry j is kept column j
    assign o_bad        = 1'b0;

    wire unused = &{1'b0, i_clk, i_reset, i_gap_bits, i_columns, i_taken, i_taken_field, i_row_end};

endmodule
`default_nettype wire
