`default_nettype none
// Decoder of the gap format (non-structured): a row has a count; an entry is a gap and a code, or a gap of all ones, which is a
// filler without a code (STREAM.md). The interface is that of all format decoders (decode_dense.v).
module decode_gap #(
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

    localparam SUM_BITS = (COLUMN_BITS > 12 ? COLUMN_BITS : 12) + 2; // a column, a gap and one, without overflow

    reg [11:0] not_gap; // ones above the gap field; constant in a layer, and long there before it is needed

    always @(posedge i_clk) not_gap <= 12'hFFF << i_gap_bits;

    assign o_flag_width = 1'b0;
    assign o_keep       = 1'b1;
    assign o_counted    = 1'b1;
    assign o_width      = {1'b0, i_gap_bits} + {1'b0, i_value_bits};
    assign o_filler     = &(i_taken_field[11:0] | not_gap);

    // The column after the last weight or filler of the row
    reg  [SUM_BITS-1:0] column_q;
    wire [SUM_BITS-1:0] column = column_q + {{(SUM_BITS - 12){1'b0}}, i_taken_field[11:0] & ~not_gap};
    wire [SUM_BITS-1:0] after  = column + {{(SUM_BITS - 1){1'b0}}, !o_filler};

    always @(posedge i_clk)
        if (i_reset || (i_row_end && !o_filler)) column_q <= {SUM_BITS{1'b0}};
        else if (i_taken) column_q <= after;

    // What the entry taken last reached: checked a cycle later, and for the last weight of a row too
    reg [SUM_BITS-1:0] reached_q;

    always @(posedge i_clk)
        if (i_reset || !i_taken) reached_q <= {SUM_BITS{1'b0}};
        else reached_q <= after;

    bit_window #(.IN(20), .OUT(8), .OFFSET(4)) code_window (.i_data(i_taken_field), .i_offset(i_gap_bits), .o_bits(o_code));

    assign o_column = column[COLUMN_BITS-1:0];
    // A weight in column K leaves K + 1 behind; a filler that reaches K is followed by such a weight
    assign o_bad    = reached_q > {{(SUM_BITS - COLUMN_BITS - 1){1'b0}}, i_columns};

endmodule
`default_nettype wire
