`default_nettype none
// The column table: entry j is the activation offset of the layer's j-th kept column. Between i_start and the layer's last
// column, every cycle with i_column passes a column, which is entered if i_keep; its offset comes a cycle later.
// Latency of a lookup: one cycle.
module column_table #(
    parameter DEPTH     = 1024, // columns, power of two
    parameter ADDR_BITS = 14
) (
    input  wire                     i_clk,
    // Filling
    input  wire                     i_start,
    input  wire                     i_column,
    input  wire                     i_keep,
    input  wire [ADDR_BITS-1:0]     i_offset, // one cycle later
    output wire [$clog2(DEPTH):0]   o_kept,   // columns entered since i_start, two cycles later
    // Lookup
    input  wire [$clog2(DEPTH)-1:0] i_lookup,
    output wire [ADDR_BITS-1:0]     o_offset
);

    localparam INDEX_BITS = $clog2(DEPTH);

    reg                enter_q;
    reg [INDEX_BITS:0] kept_q;

    assign o_kept = kept_q;

    always @(posedge i_clk) enter_q <= i_column && i_keep;

    always @(posedge i_clk)
        if (i_start) kept_q <= {(INDEX_BITS + 1){1'b0}};
        else if (enter_q) kept_q <= kept_q + 1'b1;

    ram_1r1w #(.WIDTH(ADDR_BITS), .DEPTH(DEPTH)) table_memory (
        .i_clk(i_clk),
        .i_write(enter_q), .i_write_addr(kept_q[INDEX_BITS-1:0]), .i_write_data(i_offset),
        .i_read(1'b1), .i_read_addr(i_lookup), .o_read_data(o_offset)
    );

endmodule
`default_nettype wire
