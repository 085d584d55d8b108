`default_nettype none
// An address that walks through four nested loops by adding, without a multiplier. Level 0 is the innermost loop.
// i_advance with i_level n: the address becomes the one from which level n's loop last started an iteration, plus i_step_n; the
// loops inside it start over from there. i_restart: the address becomes i_base and all loops start over.
// Latency: o_addr changes with the next cycle. Who says when which loop ends is the caller's business.
module address_walker #(
    parameter ADDR_BITS = 14
) (
    input  wire                 i_clk,
    input  wire                 i_restart,
    input  wire [ADDR_BITS-1:0] i_base,
    input  wire                 i_advance,
    input  wire [1:0]           i_level,
    input  wire [ADDR_BITS-1:0] i_step_0,
    input  wire [ADDR_BITS-1:0] i_step_1,
    input  wire [ADDR_BITS-1:0] i_step_2,
    input  wire [ADDR_BITS-1:0] i_step_3,
    output wire [ADDR_BITS-1:0] o_addr
);

    reg [ADDR_BITS-1:0] start_0_q, start_1_q, start_2_q, start_3_q; // of the current iteration of each loop

    wire [ADDR_BITS-1:0] start_low  = i_level[0] ? start_1_q : start_0_q;
    wire [ADDR_BITS-1:0] start_high = i_level[0] ? start_3_q : start_2_q;
    wire [ADDR_BITS-1:0] step_low   = i_level[0] ? i_step_1 : i_step_0;
    wire [ADDR_BITS-1:0] step_high  = i_level[0] ? i_step_3 : i_step_2;
    wire [ADDR_BITS-1:0] start      = i_level[1] ? start_high : start_low;
    wire [ADDR_BITS-1:0] step       = i_level[1] ? step_high : step_low;
    wire [ADDR_BITS-1:0] next  = i_restart ? i_base : start + step;

    assign o_addr = start_0_q;

    always @(posedge i_clk) begin
        if (i_restart || i_advance) start_0_q <= next;
        if (i_restart || (i_advance && |i_level)) start_1_q <= next;
        if (i_restart || (i_advance && i_level[1])) start_2_q <= next;
        if (i_restart || (i_advance && &i_level)) start_3_q <= next;
    end

endmodule
`default_nettype wire
