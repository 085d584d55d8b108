// The activation memory: words of POSITIONS bytes, one byte a slot.
//
// One write (any bytes of one word) and PORTS reads a cycle, from PORTS copies
// that are written together. SINGLE_PORT = 1 (one copy): a cycle either writes
// or reads, and the data after a write hold no meaning. Read data appear one
// cycle after the address. Contents start undefined.
//
// WORDS  words; SINGLE_PORT with VENDOR = 1: SB_SPRAM256KA, WORDS <= 16,384
`default_nettype none
module activation_memory #(
    parameter POSITIONS   = 8,
    parameter PORTS       = 1,
    parameter SINGLE_PORT = 1,
    parameter WORDS       = 16384,
    parameter VENDOR      = 0
) (
    input  wire                           i_clk,
    input  wire                           i_write,
    input  wire [POSITIONS-1:0]           i_write_slots,
    input  wire [$clog2(WORDS)-1:0]       i_write_addr,
    input  wire [8*POSITIONS-1:0]         i_write_data,
    input  wire [PORTS*$clog2(WORDS)-1:0] i_read_addrs,
    output wire [PORTS*8*POSITIONS-1:0]   o_read_data
);
    localparam ADDR_BITS = $clog2(WORDS);
    genvar port, slot;
    generate
        if (SINGLE_PORT != 0) begin : single
            localparam PAIRS = (POSITIONS + 1) / 2;
            wire [16*PAIRS-1:0] read_data;
            for (slot = 0; slot < PAIRS; slot = slot + 1) begin : pair
                wire        two  = 2*slot + 1 < POSITIONS;
                wire [7:0]  high = i_write_data[8*(two ? 2*slot + 1 : 2*slot) +: 8];
                wire [1:0]  mask = {two && i_write_slots[two ? 2*slot + 1 : 2*slot], i_write_slots[2*slot]};
                ram_single #(.VENDOR(VENDOR), .DEPTH(WORDS)) memory (
                    .i_clk(i_clk), .i_write(i_write), .i_write_mask(mask),
                    .i_addr(i_write ? i_write_addr : i_read_addrs[ADDR_BITS-1:0]),
                    .i_write_data({high, i_write_data[16*slot +: 8]}), .o_read_data(read_data[16*slot +: 16])
                );
            end
            assign o_read_data = read_data[8*POSITIONS-1:0];
        end else begin : copies
            for (port = 0; port < PORTS; port = port + 1) begin : copy
                for (slot = 0; slot < POSITIONS; slot = slot + 1) begin : slots
                    ram_1r1w #(.WIDTH(8), .DEPTH(WORDS)) memory (
                        .i_clk(i_clk), .i_write(i_write && i_write_slots[slot]), .i_write_addr(i_write_addr),
                        .i_write_data(i_write_data[8*slot +: 8]),
                        .i_read(1'b1), .i_read_addr(i_read_addrs[ADDR_BITS*port +: ADDR_BITS]),
                        .o_read_data(o_read_data[8*(POSITIONS*port + slot) +: 8])
                    );
                end
            end
        end
    endgenerate
endmodule
`default_nettype wire
