`default_nettype none
// Memory with a single port that reads or writes in a cycle. The word is made of bytes, each with its own write enable.
// Latency: one cycle from i_addr to o_read_data; o_read_data is undefined after a cycle with i_write. Contents are undefined
// after power-up. VENDOR = 1 uses the iCE40 UltraPlus' SB_SPRAM256KA (16,384 x 16 bits, a pair of bytes each);
// otherwise, and in simulation, the memory is plain Verilog.
module ram_1rw #(
    parameter BYTES  = 8,     // bytes of a word
    parameter DEPTH  = 16384, // words; at most 16,384 with VENDOR = 1
    parameter VENDOR = 0      // 0, 2: inferred; 1: SB_SPRAM256KA
) (
    input  wire                     i_clk,
    input  wire [$clog2(DEPTH)-1:0] i_addr,
    input  wire                     i_write,
    input  wire [BYTES-1:0]         i_write_mask, // the bytes that are written
    input  wire [8*BYTES-1:0]       i_write_data,
    output wire [8*BYTES-1:0]       o_read_data
);

    genvar g;
    generate
`ifdef SYNTHESIS
        if (VENDOR == 1) begin : g_spram
            localparam BLOCKS = (BYTES + 1) / 2;
            wire [16*BLOCKS-1:0] write_data = {{(16*BLOCKS - 8*BYTES){1'b0}}, i_write_data};
            wire [2*BLOCKS-1:0]  write_mask = {{(2*BLOCKS - BYTES){1'b0}}, i_write_mask};
            wire [16*BLOCKS-1:0] read_data;
            assign o_read_data = read_data[8*BYTES-1:0];
            for (g = 0; g < BLOCKS; g = g + 1) begin : g_block
                SB_SPRAM256KA block (
                    .CLOCK(i_clk), .CHIPSELECT(1'b1), .STANDBY(1'b0), .SLEEP(1'b0), .POWEROFF(1'b1),
                    .ADDRESS({{(14 - $clog2(DEPTH)){1'b0}}, i_addr}), .WREN(i_write),
                    .MASKWREN({{2{write_mask[2*g+1]}}, {2{write_mask[2*g]}}}),
                    .DATAIN(write_data[16*g +: 16]), .DATAOUT(read_data[16*g +: 16])
                );
            end
        end else
`endif
        begin : g_inferred
            for (g = 0; g < BYTES; g = g + 1) begin : g_byte
                reg [7:0] words [0:DEPTH-1];
                reg [7:0] read_q;
                always @(posedge i_clk)
                    if (i_write) begin
                        if (i_write_mask[g]) words[i_addr] <= i_write_data[8*g +: 8];
                    end else read_q <= words[i_addr];
                assign o_read_data[8*g +: 8] = read_q;
            end
        end
    endgenerate

endmodule
`default_nettype wire
