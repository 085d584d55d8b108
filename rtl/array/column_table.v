`default_nettype none
// The column table: entry j is the activation offset of the layer's j-th kept column. Column (c, ky, kx) lies at
// c * IN_CHANNEL + ky * IN_ROW + kx from a window's first activation; the offset is found by walking, a column a cycle.
// Between i_start and the layer's last column, every cycle with i_column passes one column, which is entered if i_keep.
// Latency of a lookup: one cycle.
module column_table #(
    parameter DEPTH     = 1024, // columns, power of two
    parameter ADDR_BITS = 14
) (
    input  wire                     i_clk,
    // Layer
    input  wire                     i_start,
    input  wire [7:0]               i_kernel_width,
    input  wire [7:0]               i_kernel_height,
    input  wire [ADDR_BITS-1:0]     i_in_row,
    input  wire [ADDR_BITS-1:0]     i_in_channel,
    // Filling
    input  wire                     i_column,
    input  wire                     i_keep,
    output wire [15:0]              o_kept,   // columns entered since i_start
    // Lookup
    input  wire [$clog2(DEPTH)-1:0] i_lookup,
    output wire [ADDR_BITS-1:0]     o_offset
);

    localparam INDEX_BITS = $clog2(DEPTH);

    reg [INDEX_BITS:0] kept_q;
    reg [7:0]          kx_left_q, ky_left_q; // of the current row and channel, with the current column

    wire                 last_kx = kx_left_q == 8'd1;
    wire                 last_ky = ky_left_q == 8'd1;
    wire [ADDR_BITS-1:0] offset;

    assign o_kept = {{(15 - INDEX_BITS){1'b0}}, kept_q};

    always @(posedge i_clk)
        if (i_start) kept_q <= {(INDEX_BITS + 1){1'b0}};
        else if (i_column && i_keep) kept_q <= kept_q + 1'b1;

    always @(posedge i_clk)
        if (i_start || (i_column && last_kx)) kx_left_q <= i_kernel_width;
        else if (i_column) kx_left_q <= kx_left_q - 8'd1;

    always @(posedge i_clk)
        if (i_start || (i_column && last_kx && last_ky)) ky_left_q <= i_kernel_height;
        else if (i_column && last_kx) ky_left_q <= ky_left_q - 8'd1;

    address_walker #(.ADDR_BITS(ADDR_BITS)) walker (
        .i_clk(i_clk), .i_restart(i_start), .i_base({ADDR_BITS{1'b0}}),
        .i_advance(i_column), .i_level({last_kx && last_ky, last_kx && !last_ky}),
        .i_step_0({{(ADDR_BITS - 1){1'b0}}, 1'b1}), .i_step_1(i_in_row), .i_step_2(i_in_channel), .i_step_3({ADDR_BITS{1'b0}}),
        .o_addr(offset)
    );

    ram_1r1w #(.WIDTH(ADDR_BITS), .DEPTH(DEPTH)) table_memory (
        .i_clk(i_clk),
        .i_write(i_column && i_keep), .i_write_addr(kept_q[INDEX_BITS-1:0]), .i_write_data(offset),
        .i_read(1'b1), .i_read_addr(i_lookup), .o_read_data(o_offset)
    );

endmodule
`default_nettype wire
