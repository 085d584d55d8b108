// Walks the output positions of a row group in pooling order (oy, ox, py, px)
// and gives each one's base: the activation address of its window's first word.
//
// o_base is valid from the cycle after i_restart or i_advance. o_last says that
// it is the group's last position; i_advance then begins the next group.
`default_nettype none
module position_walker #(
    parameter ADDR_BITS = 14
) (
    input  wire                 i_clk,
    input  wire                 i_restart,
    input  wire                 i_advance,
    output reg  [ADDR_BITS-1:0] o_base,
    output wire                 o_last,
    // Layer
    input  wire [ADDR_BITS-1:0] i_in_base,
    input  wire [ADDR_BITS-1:0] i_step_x,
    input  wire [ADDR_BITS-1:0] i_step_y,
    input  wire [ADDR_BITS-1:0] i_pool_step_x,
    input  wire [ADDR_BITS-1:0] i_pool_step_y,
    input  wire [2:0]           i_pool,
    input  wire [7:0]           i_out_width,
    input  wire [7:0]           i_out_height
);
    reg [2:0]           px, py;
    reg [7:0]           ox, oy;
    reg [ADDR_BITS-1:0] sub_row, window, line;   // bases of this (oy, ox, py), (oy, ox), (oy)

    wire end_px = px == i_pool - 3'd1;
    wire end_py = py == i_pool - 3'd1;
    wire end_ox = ox == i_out_width - 8'd1;
    wire end_oy = oy == i_out_height - 8'd1;

    assign o_last = end_px && end_py && end_ox && end_oy;

    // The one adder: the innermost counter that does not wrap chooses what moves by which step.
    wire [ADDR_BITS-1:0] from = !end_px ? o_base   : !end_py ? sub_row  : !end_ox ? window        : line;
    wire [ADDR_BITS-1:0] step = !end_px ? i_step_x : !end_py ? i_step_y : !end_ox ? i_pool_step_x : i_pool_step_y;
    wire [ADDR_BITS-1:0] next = i_restart || o_last ? i_in_base : from + step;

    wire move_sub_row = end_px;
    wire move_window  = end_px && end_py;
    wire move_line    = end_px && end_py && end_ox;

    always @(posedge i_clk)
        if (i_restart || i_advance) begin
            o_base <= next;
            px     <= i_restart || end_px ? 3'd0 : px + 3'd1;
            if (i_restart || move_sub_row) begin
                sub_row <= next;
                py      <= i_restart || end_py ? 3'd0 : py + 3'd1;
            end
            if (i_restart || move_window) begin
                window <= next;
                ox     <= i_restart || end_ox ? 8'd0 : ox + 8'd1;
            end
            if (i_restart || move_line) begin
                line <= next;
                oy   <= i_restart || end_oy ? 8'd0 : oy + 8'd1;
            end
        end
endmodule
`default_nettype wire
