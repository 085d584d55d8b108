`default_nettype none
// Memory with one write port and one registered read port, inferred as block RAM (small ones as LUT RAM where a chip has it; larger
// ones too, with LUT_RAM).
// Latency: one cycle from i_read to o_read_data, which holds while i_read is low. Contents are undefined after power-up.
// Reading an address in the very cycle in which it is written gives either value: no user of this module relies on it.
module ram_1r1w #(
    parameter WIDTH   = 8,   // bits of a word
    parameter DEPTH   = 512, // words, 2 or more
    parameter LUT_RAM = 0    // 1: LUT RAM whatever its size, on a chip that has it (ECP5)
) (
    input  wire                     i_clk,
    // Write
    input  wire                     i_write,
    input  wire [$clog2(DEPTH)-1:0] i_write_addr,
    input  wire [WIDTH-1:0]         i_write_data,
    // Read
    input  wire                     i_read,
    input  wire [$clog2(DEPTH)-1:0] i_read_addr,
    output reg  [WIDTH-1:0]         o_read_data
);

    generate
        if (LUT_RAM != 0) begin : g_lut
            (* no_rw_check, ram_style = "distributed" *) reg [WIDTH-1:0] words [0:DEPTH-1];
            always @(posedge i_clk) if (i_write) words[i_write_addr] <= i_write_data;
            always @(posedge i_clk) if (i_read) o_read_data <= words[i_read_addr];
        end else begin : g_any
            (* no_rw_check *) reg [WIDTH-1:0] words [0:DEPTH-1];
            always @(posedge i_clk) if (i_write) words[i_write_addr] <= i_write_data;
            always @(posedge i_clk) if (i_read) o_read_data <= words[i_read_addr];
        end
    endgenerate

endmodule
`default_nettype wire
