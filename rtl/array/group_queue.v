// What belongs to the two halves of the step list: their state, the steps in
// them and the biases of their rows.
//
// A half is free (the decoder may fill it), full (the array may replay it) or
// replayed (its last steps are still on their way, so it is not yet free):
//   i_group_done: free -> full   i_replayed: full -> replayed   i_release: -> free
`default_nettype none
module group_queue #(
    parameter LANES      = 2,
    parameter LIST_DEPTH = 1024,
    parameter ACC_BITS   = 24
) (
    input  wire                             i_clk,
    input  wire                             i_reset,
    // Decoder
    input  wire                             i_write_half,
    output wire                             o_half_free,
    input  wire                             i_bias_write,
    input  wire [23:0]                      i_bias,
    input  wire                             i_count_write,
    input  wire [$clog2(LANES+1)-1:0]       i_lane,
    input  wire [$clog2(LIST_DEPTH):0]      i_count,
    input  wire                             i_group_done,
    input  wire [$clog2(LANES+1)-1:0]       i_group_lanes,
    // Replay
    input  wire                             i_read_half,
    output wire                             o_full,
    output wire [$clog2(LIST_DEPTH):0]      o_steps,        // of the longest list
    output wire [LANES*($clog2(LIST_DEPTH)+1)-1:0] o_counts,
    output wire [$clog2(LANES+1)-1:0]       o_group_lanes,
    input  wire                             i_replayed,
    input  wire                             i_release,
    input  wire                             i_release_half,
    output wire [LANES*ACC_BITS-1:0]        o_biases        // of i_release_half
);
    localparam COUNT_BITS = $clog2(LIST_DEPTH) + 1;
    localparam LANE_BITS  = $clog2(LANES + 1);

    reg [1:0]                  full, taken;
    reg [COUNT_BITS-1:0]       steps_0, steps_1;
    reg [LANE_BITS-1:0]        lanes_0, lanes_1;
    reg [COUNT_BITS-1:0]       longest;      // of the group being decoded

    assign o_half_free   = !taken[i_write_half];
    assign o_full        = full[i_read_half];
    assign o_steps       = i_read_half ? steps_1 : steps_0;
    assign o_group_lanes = i_read_half ? lanes_1 : lanes_0;

    always @(posedge i_clk) begin
        if (i_count_write)
            longest <= i_lane == {LANE_BITS{1'b0}} || i_count > longest ? i_count : longest;
        if (i_group_done) begin
            full[i_write_half]  <= 1'b1;
            taken[i_write_half] <= 1'b1;
            if (i_write_half) begin
                steps_1 <= longest;
                lanes_1 <= i_group_lanes;
            end else begin
                steps_0 <= longest;
                lanes_0 <= i_group_lanes;
            end
        end
        if (i_replayed)
            full[i_read_half] <= 1'b0;
        if (i_release)
            taken[i_release_half] <= 1'b0;
        if (i_reset) begin
            full  <= 2'b00;
            taken <= 2'b00;
        end
    end

    genvar n;
    generate
        for (n = 0; n < LANES; n = n + 1) begin : lane
            reg [COUNT_BITS-1:0] count_0, count_1;
            reg [ACC_BITS-1:0]   bias_0, bias_1;
            wire mine = i_lane == n;
            always @(posedge i_clk) begin
                if (i_count_write && mine && !i_write_half) count_0 <= i_count;
                if (i_count_write && mine && i_write_half)  count_1 <= i_count;
                if (i_bias_write && mine && !i_write_half)  bias_0 <= {{(ACC_BITS-23){i_bias[23]}}, i_bias[22:0]};
                if (i_bias_write && mine && i_write_half)   bias_1 <= {{(ACC_BITS-23){i_bias[23]}}, i_bias[22:0]};
            end
            assign o_counts[COUNT_BITS*n +: COUNT_BITS] = i_read_half ? count_1 : count_0;
            assign o_biases[ACC_BITS*n +: ACC_BITS]     = i_release_half ? bias_1 : bias_0;
        end
    endgenerate
endmodule
`default_nettype wire
