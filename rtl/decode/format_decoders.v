`default_nettype none
`include "protocol.vh"
// The format decoders of a build behind one interface, that of decode_dense.v: i_format says which of them is asked.
// A build without a format has no logic for it; layers of that format are refused (layer_settings.v) and never get here.
module format_decoders #(
    parameter COLUMN_BITS = 10, // column_table's address width
    parameter FORMATS     = 7   // bit n: the decoder of format n is built
) (
    input  wire                   i_clk,
    input  wire                   i_reset,
    // Layer
    input  wire [1:0]             i_format,
    input  wire [3:0]             i_value_bits,
    input  wire [3:0]             i_gap_bits,
    input  wire [COLUMN_BITS:0]   i_columns,
    // Columns
    output wire                   o_flag_width,
    output wire                   o_keep,
    // Entries
    output wire                   o_counted,
    output reg  [4:0]             o_width,
    // Taken
    input  wire                   i_taken,
    input  wire [19:0]            i_taken_field,
    input  wire                   i_row_end,
    output wire                   o_filler,
    output wire [7:0]             o_code,
    output wire [COLUMN_BITS-1:0] o_column,
    output wire                   o_bad
);

    // All outputs of a decoder side by side, so that one of three is a mask and an or
    localparam OUTPUTS = 1 + 1 + 1 + 5 + 1 + 8 + COLUMN_BITS + 1;

    wire [OUTPUTS-1:0] dense, structured, gap;

    wire [4:0] chosen_width;

    always @(posedge i_clk) o_width <= chosen_width; // constant in a layer, and long there before it is needed

    assign {o_flag_width, o_keep, o_counted, chosen_width, o_filler, o_code, o_column, o_bad} =
        (dense      & {OUTPUTS{i_format == `ESPALIER_FORMAT_DENSE}}) |
        (structured & {OUTPUTS{i_format == `ESPALIER_FORMAT_STRUCTURED}}) |
        (gap        & {OUTPUTS{i_format == `ESPALIER_FORMAT_GAP}});

    generate
        if ((FORMATS >> `ESPALIER_FORMAT_DENSE) % 2 == 1) begin : g_dense
            wire                   flag_width, keep, counted, filler, bad;
            wire [4:0]             width;
            wire [7:0]             code;
            wire [COLUMN_BITS-1:0] column;
            assign dense = {flag_width, keep, counted, width, filler, code, column, bad};
            decode_dense #(.COLUMN_BITS(COLUMN_BITS)) decoder (
                .i_clk(i_clk), .i_reset(i_reset),
                .i_value_bits(i_value_bits), .i_gap_bits(i_gap_bits), .i_columns(i_columns),
                .o_flag_width(flag_width), .o_keep(keep),
                .o_counted(counted), .o_width(width),
                .i_taken(i_taken), .i_taken_field(i_taken_field), .i_row_end(i_row_end), .o_filler(filler),
                .o_code(code), .o_column(column), .o_bad(bad)
            );
        end else begin : g_no_dense
            assign dense = {OUTPUTS{1'b0}};
        end
        if ((FORMATS >> `ESPALIER_FORMAT_STRUCTURED) % 2 == 1) begin : g_structured
            wire                   flag_width, keep, counted, filler, bad;
            wire [4:0]             width;
            wire [7:0]             code;
            wire [COLUMN_BITS-1:0] column;
            assign structured = {flag_width, keep, counted, width, filler, code, column, bad};
            decode_structured #(.COLUMN_BITS(COLUMN_BITS)) decoder (
                .i_clk(i_clk), .i_reset(i_reset),
                .i_value_bits(i_value_bits), .i_gap_bits(i_gap_bits), .i_columns(i_columns),
                .o_flag_width(flag_width), .o_keep(keep),
                .o_counted(counted), .o_width(width),
                .i_taken(i_taken), .i_taken_field(i_taken_field), .i_row_end(i_row_end), .o_filler(filler),
                .o_code(code), .o_column(column), .o_bad(bad)
            );
        end else begin : g_no_structured
            assign structured = {OUTPUTS{1'b0}};
        end
        if ((FORMATS >> `ESPALIER_FORMAT_GAP) % 2 == 1) begin : g_gap
            wire                   flag_width, keep, counted, filler, bad;
            wire [4:0]             width;
            wire [7:0]             code;
            wire [COLUMN_BITS-1:0] column;
            // It counts columns from row to row: entries of other formats, which may look like its fillers, are none of its own
            assign gap = {flag_width, keep, counted, width, filler, code, column, bad};
            decode_gap #(.COLUMN_BITS(COLUMN_BITS)) decoder (
                .i_clk(i_clk), .i_reset(i_reset),
                .i_value_bits(i_value_bits), .i_gap_bits(i_gap_bits), .i_columns(i_columns),
                .o_flag_width(flag_width), .o_keep(keep),
                .o_counted(counted), .o_width(width),
                .i_taken(i_taken && i_format == `ESPALIER_FORMAT_GAP), .i_taken_field(i_taken_field), .i_row_end(i_row_end),
                .o_filler(filler),
                .o_code(code), .o_column(column), .o_bad(bad)
            );
        end else begin : g_no_gap
            assign gap = {OUTPUTS{1'b0}};
        end
    endgenerate

endmodule
`default_nettype wire
