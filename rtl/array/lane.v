// One lane: a row's weight times the POSITIONS bytes of an activation word,
// POSITIONS accumulators, and this lane's segment of the shadow chain.
//
// Timing, from the cycle in which operands are given (i_weight, i_word):
// two cycles later their products are added if i_add, so i_add, i_last come two
// cycles after the operands. i_last (with i_add): the sum goes to the shadow
// chain and the accumulators return to 0. i_shift moves the chain on by DRAIN
// values, lowest slot first; the shadow is never loaded and shifted at once.
// Values are ACC_BITS wide and do not overflow (rule A4).
`default_nettype none
module lane #(
    parameter POSITIONS = 8,
    parameter ACC_BITS  = 24,
    parameter DRAIN     = 1,
    parameter VENDOR    = 0
) (
    input  wire                      i_clk,
    input  wire                      i_clear,      // accumulators to 0
    input  wire [7:0]                i_weight,
    input  wire [8*POSITIONS-1:0]    i_word,
    input  wire                      i_add,
    input  wire                      i_last,
    input  wire                      i_shift,
    input  wire [ACC_BITS*DRAIN-1:0] i_chain,
    output wire [ACC_BITS*DRAIN-1:0] o_chain
);
    reg  [ACC_BITS*POSITIONS-1:0] shadow;
    wire [ACC_BITS*POSITIONS-1:0] sums;
    wire [16*POSITIONS-1:0]       products;

    genvar slot;
    generate
        for (slot = 0; slot < POSITIONS; slot = slot + 2) begin : pair
            localparam ODD = slot + 1 < POSITIONS;
            wire [15:0] product_high;
            mul8_pair #(.VENDOR(VENDOR)) multiplier (
                .i_clk(i_clk), .i_a_0(i_word[8*slot +: 8]), .i_b_0(i_weight), .i_a_1(i_word[8*(ODD ? slot + 1 : slot) +: 8]), .i_b_1(i_weight),
                .o_product_0(products[16*slot +: 16]), .o_product_1(product_high)
            );
            if (ODD) begin : high
                assign products[16*(slot+1) +: 16] = product_high;
            end else begin : none
                wire unused = &{1'b0, product_high};
            end
        end
        for (slot = 0; slot < POSITIONS; slot = slot + 1) begin : accumulator
            reg  [ACC_BITS-1:0] value;
            wire [15:0]         product = products[16*slot +: 16];
            assign sums[ACC_BITS*slot +: ACC_BITS] = value + {{(ACC_BITS-16){product[15]}}, product};
            always @(posedge i_clk)
                if (i_clear || (i_add && i_last))
                    value <= {ACC_BITS{1'b0}};
                else if (i_add)
                    value <= sums[ACC_BITS*slot +: ACC_BITS];
        end
    endgenerate

    wire [ACC_BITS*(POSITIONS+DRAIN)-1:0] moving = {i_chain, shadow};
    always @(posedge i_clk)
        if (i_add && i_last)
            shadow <= sums;
        else if (i_shift)
            shadow <= moving[ACC_BITS*(POSITIONS+DRAIN)-1:ACC_BITS*DRAIN];

    assign o_chain = shadow[ACC_BITS*DRAIN-1:0];

    wire unused = &{1'b0, moving[ACC_BITS*DRAIN-1:0]};
endmodule
`default_nettype wire
