// Gives the drain's words their addresses, in the order in which they come:
// groups, then pooled positions (oy, ox), then raw passes, then lanes.
//
// i_start begins a layer. i_word: a lane's word has ended in a position whose
// pooling window is complete; o_addr and o_valid (the lane has a row) are those
// of that word, in the same cycle. o_done: this was the layer's last word.
`default_nettype none
module output_walker #(
    parameter LANES     = 2,
    parameter ADDR_BITS = 14
) (
    input  wire                 i_clk,
    input  wire                 i_start,
    input  wire                 i_word,
    output wire [ADDR_BITS-1:0] o_addr,
    output wire                 o_valid,
    output wire                 o_done,
    // Layer
    input  wire [15:0]          i_rows,
    input  wire                 i_raw,
    input  wire [7:0]           i_out_width,
    input  wire [7:0]           i_out_height,
    input  wire [ADDR_BITS-1:0] i_out_base,
    input  wire [ADDR_BITS-1:0] i_out_row,
    input  wire [ADDR_BITS-1:0] i_out_channel
);
    localparam LANE_BITS = $clog2(LANES + 1);

    reg [15:0]          rows_left;      // from this group on
    reg [LANE_BITS-1:0] lane;
    reg [1:0]           pass;
    reg [7:0]           ox, oy;
    reg [ADDR_BITS-1:0] group, line, cell_addr, addr;

    wire end_lane = lane == LANES[LANE_BITS-1:0] - 1'b1;
    wire end_pass = !i_raw || pass == 2'd2;
    wire end_ox   = ox == i_out_width - 8'd1;
    wire end_oy   = oy == i_out_height - 8'd1;
    wire end_rows = rows_left <= LANES[15:0];

    assign o_addr  = addr;
    assign o_valid = {{(16-LANE_BITS){1'b0}}, lane} < rows_left;
    assign o_done  = i_word && end_lane && end_pass && end_ox && end_oy && end_rows;

    // After the last lane: the next pass, cell, line or group. The next group's base is summed up
    // while the group's last position goes by, one channel pitch a lane.
    wire in_last_cell = end_ox && end_oy && pass == 2'd0;
    wire [ADDR_BITS-1:0] group_next = in_last_cell ? group + i_out_channel : group;
    wire [ADDR_BITS-1:0] cell_step  = {{(ADDR_BITS-2){1'b0}}, i_raw ? 2'd3 : 2'd1};
    wire [ADDR_BITS-1:0] cell_next  = !end_pass ? cell_addr
                                    : !end_ox   ? cell_addr + cell_step
                                    : !end_oy   ? line + i_out_row
                                    :             group_next;
    wire [1:0]           pass_next  = end_pass ? 2'd0 : pass + 2'd1;

    always @(posedge i_clk)
        if (i_start) begin
            rows_left <= i_rows;
            lane      <= {LANE_BITS{1'b0}};
            pass      <= 2'd0;
            ox        <= 8'd0;
            oy        <= 8'd0;
            group     <= i_out_base;
            line      <= i_out_base;
            cell_addr <= i_out_base;
            addr      <= i_out_base;
        end else if (i_word) begin
            group <= group_next;
            lane  <= end_lane ? {LANE_BITS{1'b0}} : lane + 1'b1;
            addr  <= end_lane ? cell_next + {{(ADDR_BITS-2){1'b0}}, pass_next} : addr + i_out_channel;
            if (end_lane) begin
                pass      <= pass_next;
                cell_addr <= cell_next;
                if (end_pass) begin
                    ox <= end_ox ? 8'd0 : ox + 8'd1;
                    if (end_ox) begin
                        oy   <= end_oy ? 8'd0 : oy + 8'd1;
                        line <= cell_next;
                        if (end_oy)
                            rows_left <= rows_left - LANES[15:0];
                    end
                end
            end
        end
endmodule
`default_nettype wire
