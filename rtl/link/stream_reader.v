// Reading side of a clock_crossing for a byte stream: a byte a cycle while there are some. The byte is the crossing's o_read_data.
`default_nettype none

module stream_reader #(
    parameter ADDRESS_BITS = 8           // of the clock_crossing
) (
    input  wire                    i_clk,
    input  wire                    i_reset,
    // Stream
    output reg                     o_valid,
    input  wire                    i_ready,
    // clock_crossing
    output wire                    o_read,
    output wire [ADDRESS_BITS-1:0] o_addr,
    input  wire [ADDRESS_BITS:0]   i_written,
    output reg  [ADDRESS_BITS:0]   o_freed
);
    assign o_read = (!o_valid || i_ready) && o_freed != i_written;
    assign o_addr = o_freed[ADDRESS_BITS-1:0];

    always @(posedge i_clk)
        if (i_reset)     o_freed <= {ADDRESS_BITS+1{1'b0}};
        else if (o_read) o_freed <= o_freed + 1'b1;

    always @(posedge i_clk)
        if (i_reset)                 o_valid <= 1'b0;
        else if (!o_valid || i_ready) o_valid <= o_read;
endmodule

`default_nettype wire
