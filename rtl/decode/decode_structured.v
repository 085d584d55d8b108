// Structured decoder: one keep list a layer, a bit a column; its rows then hold
// codes for the kept columns only, like dense rows of a smaller layer.
// Interface: see decode_dense.
`default_nettype none
module decode_structured (
    input  wire [19:0] i_bits,
    input  wire [3:0]  i_value_bits,    // 1 to 8
    output wire        o_column_bits,
    output wire        o_keep,
    output wire [4:0]  o_need,
    output wire [4:0]  o_take,
    output wire [11:0] o_skip,
    output wire        o_filler,
    output wire [7:0]  o_code,
    output wire        o_private
);
    assign o_column_bits = 1'b1;
    assign o_keep        = i_bits[0];
    assign o_need        = {1'b0, i_value_bits};
    assign o_take        = {1'b0, i_value_bits};
    assign o_skip        = 12'd0;
    assign o_filler      = 1'b0;
    assign o_code        = i_bits[7:0];
    assign o_private     = 1'b0;

    wire unused = &{1'b0, i_bits[19:8]};
endmodule
`default_nettype wire
