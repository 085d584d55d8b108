`default_nettype none
// Two products of signed bytes that share nothing: o_product_0 = a_0 * b_0, o_product_1 = a_1 * b_1.
// Latency: two cycles (operand registers, product registers), a new pair every cycle; i_clk never stops.
// VENDOR = 1 is one iCE40 UltraPlus DSP block in its dual 8x8 mode, whose own registers are used. Otherwise, and in simulation,
// plain Verilog: yosys infers one MULT18X18D a product on an ECP5 (VENDOR = 2), and logic without DSPs (VENDOR = 0, iCE40 HX/LP).
// There is exactly one register behind a product: with two, yosys' DSP inference is known to break the netlist.
module mul8_pair #(
    /* verilator lint_off UNUSEDPARAM */ // used when SYNTHESIS is defined
    parameter VENDOR = 0 // 0, 2: inferred; 1: SB_MAC16
    /* verilator lint_on UNUSEDPARAM */
) (
    input  wire               i_clk,
    input  wire signed [7:0]  i_a_0,
    input  wire signed [7:0]  i_b_0,
    input  wire signed [7:0]  i_a_1,
    input  wire signed [7:0]  i_b_1,
    output wire signed [15:0] o_product_0,
    output wire signed [15:0] o_product_1
);

`ifdef SYNTHESIS
    localparam PRIMITIVE = VENDOR == 1;
`else
    localparam PRIMITIVE = 0;
`endif
    generate
        if (PRIMITIVE != 0) begin : g_mac16
`ifdef SYNTHESIS
            SB_MAC16 #(
                .A_REG(1'b1), .B_REG(1'b1), .TOP_8x8_MULT_REG(1'b1), .BOT_8x8_MULT_REG(1'b1),
                .TOPOUTPUT_SELECT(2'b10), .BOTOUTPUT_SELECT(2'b10),
                .MODE_8x8(1'b1), .A_SIGNED(1'b1), .B_SIGNED(1'b1)
            ) block (
                .CLK(i_clk), .CE(1'b1), .A({i_a_1, i_a_0}), .B({i_b_1, i_b_0}), .C(16'h0), .D(16'h0),
                .AHOLD(1'b0), .BHOLD(1'b0), .CHOLD(1'b0), .DHOLD(1'b0),
                .IRSTTOP(1'b0), .IRSTBOT(1'b0), .ORSTTOP(1'b0), .ORSTBOT(1'b0),
                .OLOADTOP(1'b0), .OLOADBOT(1'b0), .ADDSUBTOP(1'b0), .ADDSUBBOT(1'b0),
                .OHOLDTOP(1'b0), .OHOLDBOT(1'b0), .CI(1'b0), .ACCUMCI(1'b0), .SIGNEXTIN(1'b0),
                .O({o_product_1, o_product_0}), .CO(), .ACCUMCO(), .SIGNEXTOUT()
            );
`endif
        end else begin : g_plain
            reg signed [7:0]  a_0_q, b_0_q, a_1_q, b_1_q;
            reg signed [15:0] product_0_q, product_1_q;
            always @(posedge i_clk) begin
                a_0_q <= i_a_0;
                b_0_q <= i_b_0;
                a_1_q <= i_a_1;
                b_1_q <= i_b_1;
            end
            always @(posedge i_clk) begin
                product_0_q <= a_0_q * b_0_q;
                product_1_q <= a_1_q * b_1_q;
            end
            assign o_product_0 = product_0_q;
            assign o_product_1 = product_1_q;
        end
    endgenerate

endmodule
`default_nettype wire
