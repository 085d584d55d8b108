// Non-structured decoder: each weight carries its gap (relative index). A gap
// field of all ones is a filler: it moves on by its value and has no code.
// Interface: see decode_dense.
`default_nettype none
module decode_gap (
    input  wire [19:0] i_bits,
    input  wire [3:0]  i_value_bits,    // 1 to 8
    input  wire [3:0]  i_gap_bits,      // 1 to 12
    output wire        o_column_bits,
    output wire        o_keep,
    output wire [4:0]  o_need,
    output wire [4:0]  o_take,
    output wire [11:0] o_skip,
    output wire        o_filler,
    output wire [7:0]  o_code,
    output wire        o_private
);
    wire [11:0] mask  = ~(12'hFFF << i_gap_bits);
    wire [19:0] codes = i_bits >> i_gap_bits;

    assign o_column_bits = 1'b0;
    assign o_keep        = 1'b1;
    assign o_need        = {1'b0, i_gap_bits} + {1'b0, i_value_bits};
    assign o_take        = o_filler ? {1'b0, i_gap_bits} : o_need;
    assign o_skip        = i_bits[11:0] & mask;
    assign o_filler      = &(i_bits[11:0] | ~mask);
    assign o_code        = codes[7:0];
    assign o_private     = 1'b1;

    wire unused = &{1'b0, codes[19:8]};
endmodule
`default_nettype wire
