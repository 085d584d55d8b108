// Two byte-wide memories of 16,384 words side by side with one port: a write or
// a read in a cycle, never both. One SB_SPRAM256KA of an iCE40 UltraPlus.
//
// Read data appear one cycle after the address of a cycle without a write, and
// hold no meaning after a cycle with one. Contents start undefined.
//
// VENDOR  1: instantiate the primitive when SYNTHESIS is defined; otherwise the
//         behavioural twin
// DEPTH   words, up to 16,384
`default_nettype none
module ram_single #(
    /* verilator lint_off UNUSEDPARAM */ // used when SYNTHESIS is defined
    parameter VENDOR = 0,
    /* verilator lint_on UNUSEDPARAM */
    parameter DEPTH  = 16384
) (
    input  wire                     i_clk,
    input  wire                     i_write,
    input  wire [1:0]               i_write_mask,   // one bit a byte
    input  wire [$clog2(DEPTH)-1:0] i_addr,
    input  wire [15:0]              i_write_data,
    output wire [15:0]              o_read_data
);
`ifdef SYNTHESIS
    localparam PRIMITIVE = VENDOR == 1;
`else
    localparam PRIMITIVE = 0;
`endif
    generate
        if (PRIMITIVE) begin : spram
`ifdef SYNTHESIS
            wire [13:0] addr;
            assign addr = {{(14-$clog2(DEPTH)){1'b0}}, i_addr};
            SB_SPRAM256KA block (
                .CLOCK(i_clk), .ADDRESS(addr), .DATAIN(i_write_data), .DATAOUT(o_read_data), .WREN(i_write),
                .MASKWREN({{2{i_write_mask[1]}}, {2{i_write_mask[0]}}}),
                .CHIPSELECT(1'b1), .STANDBY(1'b0), .SLEEP(1'b0), .POWEROFF(1'b1)
            );
`endif
        end else begin : twin
            reg [7:0] low  [0:DEPTH-1];
            reg [7:0] high [0:DEPTH-1];
            reg [7:0] low_q, high_q;
            always @(posedge i_clk)
                if (i_write) begin
                    if (i_write_mask[0]) low[i_addr] <= i_write_data[7:0];
                end else
                    low_q <= low[i_addr];
            always @(posedge i_clk)
                if (i_write) begin
                    if (i_write_mask[1]) high[i_addr] <= i_write_data[15:8];
                end else
                    high_q <= high[i_addr];
            assign o_read_data = {high_q, low_q};
        end
    endgenerate
endmodule
`default_nettype wire
