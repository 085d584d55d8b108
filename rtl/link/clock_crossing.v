// Where bytes cross from one clock to another: the only module of the design with two clocks.
//
// A memory with a write port in one domain and a read port in the other, and the two pointers that must be known on both sides. The
// writer's pointer tells how far words may be read, the reader's how far they may be written again. A pointer goes over in Gray
// code, so it must move by one or not at all in a cycle; it arrives three to four cycles of the other clock later, binary again.
// Whoever uses this decides what a pointer counts: packet_writer, packet_reader, stream_writer and stream_reader do.
// Both sides must be in reset at the same time for a few cycles of the slower clock; which leaves it first does not matter.
// ADDRESS_BITS   2^ADDRESS_BITS bytes; pointers have a bit more, to tell full from empty
// LUT_RAM        1: the memory is LUT RAM, on a chip that has it (ECP5), and no block RAM
`default_nettype none

module clock_crossing #(
    parameter ADDRESS_BITS = 8,
    parameter LUT_RAM      = 0
) (
    // Writer
    input  wire                    i_write_clk,
    input  wire                    i_write_reset,
    input  wire                    i_write,
    input  wire [ADDRESS_BITS-1:0] i_write_addr,
    input  wire [7:0]              i_write_data,
    input  wire [ADDRESS_BITS:0]   i_written,      // words before it may be read
    output reg  [ADDRESS_BITS:0]   o_freed,        // words before it may be overwritten
    // Reader
    input  wire                    i_read_clk,
    input  wire                    i_read_reset,
    input  wire                    i_read,
    input  wire [ADDRESS_BITS-1:0] i_read_addr,
    output reg  [7:0]              o_read_data,    // a cycle after i_read; holds without it
    output reg  [ADDRESS_BITS:0]   o_written,
    input  wire [ADDRESS_BITS:0]   i_freed
);
    function [ADDRESS_BITS:0] binary;
        input [ADDRESS_BITS:0] gray;
        integer                n;
        begin
            binary = gray;
            for (n = ADDRESS_BITS - 1; n >= 0; n = n - 1)
                binary[n] = binary[n+1] ^ gray[n];
        end
    endfunction

    generate
        if (LUT_RAM != 0) begin : g_lut
            (* no_rw_check, ram_style = "distributed" *) reg [7:0] words [0:(1<<ADDRESS_BITS)-1];
            always @(posedge i_write_clk) if (i_write) words[i_write_addr] <= i_write_data;
            always @(posedge i_read_clk) if (i_read) o_read_data <= words[i_read_addr];
        end else begin : g_block
            (* no_rw_check *) reg [7:0] words [0:(1<<ADDRESS_BITS)-1];
            always @(posedge i_write_clk) if (i_write) words[i_write_addr] <= i_write_data;
            always @(posedge i_read_clk) if (i_read) o_read_data <= words[i_read_addr];
        end
    endgenerate

    // Writer's pointer to the reader
    reg [ADDRESS_BITS:0] written_gray, written_meta, written_seen;
    always @(posedge i_write_clk)
        if (i_write_reset) written_gray <= {ADDRESS_BITS+1{1'b0}};
        else               written_gray <= i_written ^ (i_written >> 1);
    always @(posedge i_read_clk) {written_seen, written_meta} <= {written_meta, written_gray};
    always @(posedge i_read_clk)
        if (i_read_reset) o_written <= {ADDRESS_BITS+1{1'b0}};
        else              o_written <= binary(written_seen);

    // Reader's pointer to the writer
    reg [ADDRESS_BITS:0] freed_gray, freed_meta, freed_seen;
    always @(posedge i_read_clk)
        if (i_read_reset) freed_gray <= {ADDRESS_BITS+1{1'b0}};
        else              freed_gray <= i_freed ^ (i_freed >> 1);
    always @(posedge i_write_clk) {freed_seen, freed_meta} <= {freed_meta, freed_gray};
    always @(posedge i_write_clk)
        if (i_write_reset) o_freed <= {ADDRESS_BITS+1{1'b0}};
        else               o_freed <= binary(freed_seen);
endmodule

`default_nettype wire
