// Writing side of a clock_crossing for packets: bytes become visible to the reader when their packet is committed, or never.
//
// i_commit and i_discard come without i_write. A committed packet becomes visible a byte a cycle. o_room tells, a cycle late, that a packet
// of 64 bytes fits; who writes more than that after it was low, or more than 64, overwrites what has not been read.
`default_nettype none

module packet_writer #(
    parameter ADDRESS_BITS = 8           // of the clock_crossing, 7 or more
) (
    input  wire                    i_clk,
    input  wire                    i_reset,
    // Packets
    output reg                     o_room,
    input  wire                    i_write,
    input  wire                    i_discard,
    input  wire                    i_commit,
    // clock_crossing
    output wire [ADDRESS_BITS-1:0] o_addr,
    output reg  [ADDRESS_BITS:0]   o_written,
    input  wire [ADDRESS_BITS:0]   i_freed
);
    reg [ADDRESS_BITS:0] next, committed;

    always @(posedge i_clk)
        if (i_reset)        next <= {ADDRESS_BITS+1{1'b0}};
        else if (i_discard) next <= committed;
        else if (i_write)   next <= next + 1'b1;

    always @(posedge i_clk)
        if (i_reset)       committed <= {ADDRESS_BITS+1{1'b0}};
        else if (i_commit) committed <= next;

    always @(posedge i_clk)
        if (i_reset)                     o_written <= {ADDRESS_BITS+1{1'b0}};
        else if (o_written != committed) o_written <= o_written + 1'b1;

    // Room for 64: at most 2^ADDRESS_BITS - 64 are held
    wire [ADDRESS_BITS:0] held = committed - i_freed;
    always @(posedge i_clk) o_room <= !held[ADDRESS_BITS] && !(&held[ADDRESS_BITS-1:6] && held[5:0] != 6'd0);

    assign o_addr = next[ADDRESS_BITS-1:0];
endmodule

`default_nettype wire
