`default_nettype none
// Walks the output positions of a layer: pooling windows in rows (oy, ox), and inside a window its positions (py, px), so that a
// window's maximum can be taken on the way. i_advance leaves the current position; after the layer's last position comes the
// first again (for the next group of rows).
// The flags tell of the current position. o_base, the activation address of its first column, comes one cycle later than they:
// it is the base of what is issued in the cycle before.
module position_walker #(
    parameter ADDR_BITS = 14
) (
    input  wire                 i_clk,
    // Layer
    input  wire                 i_start,
    input  wire [2:0]           i_pool,        // edge of a window, 1 to 4
    input  wire [7:0]           i_out_width,   // windows
    input  wire [7:0]           i_out_height,
    input  wire [ADDR_BITS-1:0] i_in_base,
    input  wire [ADDR_BITS-1:0] i_step_x,
    input  wire [ADDR_BITS-1:0] i_step_y,
    input  wire [ADDR_BITS-1:0] i_pool_step_x,
    input  wire [ADDR_BITS-1:0] i_pool_step_y,
    // Position
    input  wire                 i_advance,
    output wire                 o_window_first, // first position of its window
    output wire                 o_window_last,
    output wire                 o_row_last,     // last window of its row of windows
    output wire                 o_last,         // last position of the layer
    output wire [ADDR_BITS-1:0] o_base          // one cycle later
);

    reg [2:0] px_left_q, py_left_q;
    reg [7:0] ox_left_q, oy_left_q;
    reg       window_first_q;

    wire last_px = px_left_q == 3'd1;
    wire last_py = py_left_q == 3'd1;
    wire last_oy = oy_left_q == 8'd1;

    assign o_window_first = window_first_q;
    assign o_window_last  = last_px && last_py;
    assign o_row_last     = ox_left_q == 8'd1;
    assign o_last         = o_window_last && o_row_last && last_oy;

    always @(posedge i_clk)
        if (i_start || (i_advance && last_px)) px_left_q <= i_pool;
        else if (i_advance) px_left_q <= px_left_q - 3'd1;

    always @(posedge i_clk)
        if (i_start || (i_advance && o_window_last)) py_left_q <= i_pool;
        else if (i_advance && last_px) py_left_q <= py_left_q - 3'd1;

    always @(posedge i_clk)
        if (i_start || (i_advance && o_window_last && o_row_last)) ox_left_q <= i_out_width;
        else if (i_advance && o_window_last) ox_left_q <= ox_left_q - 8'd1;

    always @(posedge i_clk)
        if (i_start || (i_advance && o_last)) oy_left_q <= i_out_height;
        else if (i_advance && o_window_last && o_row_last) oy_left_q <= oy_left_q - 8'd1;

    always @(posedge i_clk)
        if (i_start) window_first_q <= 1'b1;
        else if (i_advance) window_first_q <= o_window_last;

    // The address follows a cycle behind
    reg       advance_q, restart_q;
    reg [1:0] level_q;

    always @(posedge i_clk) begin
        advance_q <= i_advance;
        restart_q <= i_start || (i_advance && o_last);
        level_q   <= !last_px ? 2'd0 : !last_py ? 2'd1 : !o_row_last ? 2'd2 : 2'd3;
    end

    address_walker #(.ADDR_BITS(ADDR_BITS)) walker (
        .i_clk(i_clk), .i_restart(restart_q), .i_base(i_in_base), .i_advance(advance_q), .i_level(level_q),
        .i_step_0(i_step_x), .i_step_1(i_step_y), .i_step_2(i_pool_step_x), .i_step_3(i_pool_step_y), .o_addr(o_base)
    );

endmodule
`default_nettype wire
