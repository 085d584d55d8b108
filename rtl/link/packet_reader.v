// Reading side of a clock_crossing for packets: what has been read is freed when it is committed, and can be read again until then.
//
// o_there is the number of bytes behind the committed ones, 64 at the most, some cycles late. The byte at the pointer is at the
// crossing's o_read_data two cycles after i_rewind or i_next. Freed bytes go back to the writer one a cycle.
`default_nettype none

module packet_reader #(
    parameter ADDRESS_BITS = 8           // of the clock_crossing, 7 or more
) (
    input  wire                    i_clk,
    input  wire                    i_reset,
    // Packets
    output reg  [6:0]              o_there,
    input  wire                    i_next,
    input  wire                    i_rewind,     // back to what is not committed
    input  wire                    i_commit,
    // clock_crossing
    output wire [ADDRESS_BITS-1:0] o_addr,
    input  wire [ADDRESS_BITS:0]   i_written,
    output reg  [ADDRESS_BITS:0]   o_freed
);
    reg [ADDRESS_BITS:0] next, committed;

    always @(posedge i_clk)
        if (i_reset)       next <= {ADDRESS_BITS+1{1'b0}};
        else if (i_rewind) next <= committed;
        else if (i_next)   next <= next + 1'b1;

    always @(posedge i_clk)
        if (i_reset)       committed <= {ADDRESS_BITS+1{1'b0}};
        else if (i_commit) committed <= next;

    always @(posedge i_clk)
        if (i_reset)                   o_freed <= {ADDRESS_BITS+1{1'b0}};
        else if (o_freed != committed) o_freed <= o_freed + 1'b1;

    wire [ADDRESS_BITS:0] waiting = i_written - committed;
    always @(posedge i_clk) o_there <= |waiting[ADDRESS_BITS:6] ? 7'd64 : {1'b0, waiting[5:0]};

    assign o_addr = next[ADDRESS_BITS-1:0];
endmodule

`default_nettype wire
