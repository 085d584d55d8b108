// Dense decoder: every weight is stored, no index.
//
// The interface of all decoders (combinational; `row_decoder` owns the state):
//   columns phase: each column of the layer takes o_column_bits (0 or 1) bits
//                  of the window and is kept if o_keep
//   rows phase:    an entry asks for o_need bits in the window and takes o_take;
//                  it moves the column counter by o_skip, and unless o_filler
//                  it is a weight with code o_code (not masked to its width)
//   o_private:     entries carry their own index, rows start with a count
`default_nettype none
module decode_dense (
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
    assign o_column_bits = 1'b0;
    assign o_keep        = 1'b1;
    assign o_need        = {1'b0, i_value_bits};
    assign o_take        = {1'b0, i_value_bits};
    assign o_skip        = 12'd0;
    assign o_filler      = 1'b0;
    assign o_code        = i_bits[7:0];
    assign o_private     = 1'b0;

    wire unused = &{1'b0, i_bits[19:8]};
endmodule
`default_nettype wire
