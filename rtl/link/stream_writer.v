// Writing side of a clock_crossing for a byte stream: a byte a cycle while there is room.
`default_nettype none

module stream_writer #(
    parameter ADDRESS_BITS = 8           // of the clock_crossing
) (
    input  wire                    i_clk,
    input  wire                    i_reset,
    // Stream
    input  wire                    i_valid,
    output reg                     o_ready,
    // clock_crossing
    output wire                    o_write,
    output wire [ADDRESS_BITS-1:0] o_addr,
    output reg  [ADDRESS_BITS:0]   o_written,
    input  wire [ADDRESS_BITS:0]   i_freed
);
    assign o_write = i_valid && o_ready;
    assign o_addr  = o_written[ADDRESS_BITS-1:0];

    always @(posedge i_clk)
        if (i_reset)      o_written <= {ADDRESS_BITS+1{1'b0}};
        else if (o_write) o_written <= o_written + 1'b1;

    // The byte of this very cycle is not counted yet: all but two must be free
    wire [ADDRESS_BITS:0] held = o_written - i_freed;
    always @(posedge i_clk) o_ready <= !i_reset && !held[ADDRESS_BITS] && !(&held[ADDRESS_BITS-1:1]);
endmodule

`default_nettype wire
