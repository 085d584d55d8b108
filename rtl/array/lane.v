`default_nettype none
// One lane: a row's weight times the POSITIONS bytes of an activation word, POSITIONS accumulators, and this lane's part of the
// drain chain, into which the accumulators are copied when a position is complete.
// Latency: operands are multiplied in two cycles (mul8_pair); i_add and i_close go with the products, two cycles after the operands.
// i_close comes in a cycle of its own (i_add low): it copies the sums to the chain and clears the accumulators.
// The chain gives and takes DRAIN values a cycle with i_shift, slot 0 first. A value is a sum of products modulo 2^ACC_BITS; rule A4
// keeps the true sum inside.
module lane #(
    parameter POSITIONS = 8,  // slots, a multiple of DRAIN
    parameter ACC_BITS  = 24,
    parameter DRAIN     = 1,
    parameter VENDOR    = 0
) (
    input  wire                      i_clk,
    input  wire                      i_clear, // empties the accumulators
    // Operands
    input  wire [7:0]                i_weight,
    input  wire [8*POSITIONS-1:0]    i_word,
    // With the products
    input  wire                      i_add,
    input  wire                      i_close,
    // Chain
    input  wire                      i_shift,
    input  wire [DRAIN*ACC_BITS-1:0] i_chain,
    output wire [DRAIN*ACC_BITS-1:0] o_chain
);

    // An odd slot at the end has half a pair
    localparam PAIRS = (POSITIONS + 1) / 2;

    wire [16*PAIRS-1:0] word = {{(16*PAIRS - 8*POSITIONS){1'b0}}, i_word};
    wire [32*PAIRS-1:0] products;

    // Chain values by slot; those past the last slot come from the next lane
    wire [(POSITIONS+DRAIN)*ACC_BITS-1:0] chain;

    assign chain[POSITIONS*ACC_BITS +: DRAIN*ACC_BITS] = i_chain;
    assign o_chain = chain[DRAIN*ACC_BITS-1:0];

    genvar g;
    generate
        for (g = 0; g < PAIRS; g = g + 1) begin : g_pair
            mul8_pair #(.VENDOR(VENDOR)) multipliers (
                .i_clk(i_clk), .i_a_0(word[16*g +: 8]), .i_b_0(i_weight), .i_a_1(word[16*g+8 +: 8]), .i_b_1(i_weight),
                .o_product_0(products[32*g +: 16]), .o_product_1(products[32*g+16 +: 16])
            );
        end
        for (g = 0; g < POSITIONS; g = g + 1) begin : g_slot
            reg [ACC_BITS-1:0] sum_q, chain_q;

            always @(posedge i_clk)
                if (i_clear || i_close) sum_q <= {ACC_BITS{1'b0}};
                else if (i_add) sum_q <= sum_q + {{(ACC_BITS - 16){products[16*g+15]}}, products[16*g +: 16]};

            always @(posedge i_clk)
                if (i_close) chain_q <= sum_q;
                else if (i_shift) chain_q <= chain[(g+DRAIN)*ACC_BITS +: ACC_BITS];

            assign chain[g*ACC_BITS +: ACC_BITS] = chain_q;
        end
    endgenerate

    wire unused = &{1'b0, products};

endmodule
`default_nettype wire
