// A first-in first-out buffer for bytes, one clock: a byte in and a byte out a cycle. A byte can leave two cycles after it came.
//
// i_write while it is full is lost: o_full and o_held tell before. o_held counts what is in the memory; the byte on offer at the output
// is one more.
// DEPTH   power of two, 4 to 4096; 512 is one block RAM of an iCE40
`default_nettype none

module byte_fifo #(
    parameter DEPTH = 512
) (
    input  wire                     i_clk,
    input  wire                     i_reset,
    // In
    input  wire                     i_write,
    input  wire [7:0]               i_data,
    output wire                     o_full,
    output reg  [$clog2(DEPTH):0]   o_held,
    // Out
    output reg                      o_valid,
    input  wire                     i_ready,
    output wire [7:0]               o_data
);
    localparam BITS = $clog2(DEPTH);

    reg [BITS-1:0] write_at, read_at;
    wire           write = i_write && !o_full;
    wire           read  = o_held != {BITS+1{1'b0}} && (!o_valid || i_ready);

    assign o_full = o_held[BITS];

    always @(posedge i_clk)
        if (i_reset)    write_at <= {BITS{1'b0}};
        else if (write) write_at <= write_at + 1'b1;

    always @(posedge i_clk)
        if (i_reset)   read_at <= {BITS{1'b0}};
        else if (read) read_at <= read_at + 1'b1;

    always @(posedge i_clk)
        if (i_reset)            o_held <= {BITS+1{1'b0}};
        else if (write && !read) o_held <= o_held + 1'b1;
        else if (read && !write) o_held <= o_held - 1'b1;

    always @(posedge i_clk)
        if (i_reset)                  o_valid <= 1'b0;
        else if (!o_valid || i_ready) o_valid <= read;

    ram_1r1w #(.WIDTH(8), .DEPTH(DEPTH)) memory (
        .i_clk(i_clk), .i_write(write), .i_write_addr(write_at), .i_write_data(i_data),
        .i_read(read), .i_read_addr(read_at), .o_read_data(o_data)
    );
endmodule

`default_nettype wire
