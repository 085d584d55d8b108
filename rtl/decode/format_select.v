// The decoders that this build has, and the choice of one by the layer's format.
//
// FORMATS  bit n: format n of protocol.vh is built. A layer of a format that is
//          not built must not be run (the sequencer refuses it).
`default_nettype none
module format_select #(
    parameter FORMATS = 7
) (
    input  wire [1:0]  i_format,
    input  wire [19:0] i_bits,
    input  wire [3:0]  i_value_bits,
    input  wire [3:0]  i_gap_bits,
    output wire        o_column_bits,
    output wire        o_keep,
    output wire [4:0]  o_need,
    output wire [4:0]  o_take,
    output wire [11:0] o_skip,
    output wire        o_filler,
    output wire [7:0]  o_code,
    output wire        o_private
);
    // {column_bits, keep, need, take, skip, filler, code, private} of each format
    localparam WIDTH = 1 + 1 + 5 + 5 + 12 + 1 + 8 + 1;
    wire [WIDTH-1:0] dense, structured, gap;

    generate
        if ((FORMATS & 1) != 0) begin : with_dense
            wire             column_bits, keep, filler, is_private;
            wire [4:0]       need, take;
            wire [11:0]      skip;
            wire [7:0]       code;
            decode_dense decoder (
                .i_bits(i_bits), .i_value_bits(i_value_bits), .o_column_bits(column_bits), .o_keep(keep),
                .o_need(need), .o_take(take), .o_skip(skip), .o_filler(filler), .o_code(code), .o_private(is_private)
            );
            assign dense = i_format == 2'd0 ? {column_bits, keep, need, take, skip, filler, code, is_private} : {WIDTH{1'b0}};
        end else begin : without_dense
            assign dense = {WIDTH{1'b0}};
        end
        if ((FORMATS & 2) != 0) begin : with_structured
            wire             column_bits, keep, filler, is_private;
            wire [4:0]       need, take;
            wire [11:0]      skip;
            wire [7:0]       code;
            decode_structured decoder (
                .i_bits(i_bits), .i_value_bits(i_value_bits), .o_column_bits(column_bits), .o_keep(keep),
                .o_need(need), .o_take(take), .o_skip(skip), .o_filler(filler), .o_code(code), .o_private(is_private)
            );
            assign structured = i_format == 2'd1 ? {column_bits, keep, need, take, skip, filler, code, is_private} : {WIDTH{1'b0}};
        end else begin : without_structured
            assign structured = {WIDTH{1'b0}};
        end
        if ((FORMATS & 4) != 0) begin : with_gap
            wire             column_bits, keep, filler, is_private;
            wire [4:0]       need, take;
            wire [11:0]      skip;
            wire [7:0]       code;
            decode_gap decoder (
                .i_bits(i_bits), .i_value_bits(i_value_bits), .i_gap_bits(i_gap_bits), .o_column_bits(column_bits), .o_keep(keep),
                .o_need(need), .o_take(take), .o_skip(skip), .o_filler(filler), .o_code(code), .o_private(is_private)
            );
            assign gap = i_format == 2'd2 ? {column_bits, keep, need, take, skip, filler, code, is_private} : {WIDTH{1'b0}};
        end else begin : without_gap
            assign gap = {WIDTH{1'b0}};
        end
    endgenerate

    assign {o_column_bits, o_keep, o_need, o_take, o_skip, o_filler, o_code, o_private} = dense | structured | gap;
endmodule
`default_nettype wire
