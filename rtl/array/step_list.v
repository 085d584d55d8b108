`default_nettype none
// The step lists: what the array replays for every output position. Two halves, each a group of LANES rows: the decoder fills one
// while the array replays the other.
//   shared index   step j has a weight for each lane; its activation offset is entry j of the column table (not in here)
//   private index  a weight brings its offset. With PORTS = LANES each lane has its own list, and step j is entry j of each;
//                  with PORTS = 1 the lanes' weights stand one behind another and a step belongs to one lane
// A half is taken by i_group_begin, ready for replay after i_group_end, left by i_replayed (all its steps are issued) and free
// again with i_release (their weights have been read, too).
module step_list #(
    parameter LANES         = 2,
    parameter PORTS         = 1,    // 1 or LANES
    parameter LIST_DEPTH    = 1024, // steps of a half, shared index; power of two
    parameter PRIVATE_DEPTH = 512,  // steps of a half in one port, private index; power of two, at most LIST_DEPTH
    parameter HAS_PRIVATE   = 1,    // a format with a private index is built
    parameter ADDR_BITS     = 14
) (
    input  wire                          i_clk,
    input  wire                          i_reset,
    // Layer
    input  wire                          i_private,
    input  wire [15:0]                   i_kept,       // steps of a group, shared index
    // Decoder
    output wire                          o_free,
    input  wire                          i_group_begin,
    input  wire                          i_entry,
    input  wire                          i_row_end,
    input  wire                          i_group_end,
    input  wire                          i_last_group,
    input  wire [7:0]                    i_weight,     // these two one cycle after i_entry
    input  wire [ADDR_BITS-1:0]          i_offset,
    output reg                           o_overflow,   // a group has more steps than fit
    // Replay: the half that is next
    output reg                           o_ready,      // low for a cycle between two groups
    output wire [$clog2(LIST_DEPTH):0]   o_steps,
    output reg                           o_no_steps,
    output wire [LANES-1:0]              o_rows,       // lanes that have a row
    output wire                          o_last_group,
    input  wire                          i_replayed,
    input  wire                          i_release,
    // Lookup of a step: lanes and offsets one cycle later, weights three cycles later
    input  wire [$clog2(LIST_DEPTH)-1:0] i_step,
    output wire [LANES-1:0]              o_lanes,      // lanes that have a weight in this step
    output wire [PORTS*ADDR_BITS-1:0]    o_offsets,    // private index only
    output wire [8*LANES-1:0]            o_weights
);

    localparam STEP_BITS    = $clog2(LIST_DEPTH);
    localparam PRIVATE_BITS = $clog2(PRIVATE_DEPTH);
    localparam TAG_BITS     = LANES > 1 ? $clog2(LANES) : 1;
    localparam COUNT_BITS   = STEP_BITS + 1;
    localparam ONE_LIST     = PORTS == 1; // private lists stand one behind another

    genvar g;

    // ---- Halves

    reg [1:0] taken_q, ready_q;
    reg       begin_half_q, fill_half_q, replay_half_q, release_half_q;
    reg       entry_q, row_end_q, group_end_q, last_group_q;

    assign o_free  = !taken_q[begin_half_q];

    always @(posedge i_clk)
        if (i_reset) begin
            taken_q <= 2'b00;
            ready_q <= 2'b00;
            {begin_half_q, fill_half_q, replay_half_q, release_half_q} <= 4'b0000;
        end else begin
            if (i_group_begin) taken_q[begin_half_q] <= 1'b1;
            if (i_release) taken_q[release_half_q] <= 1'b0;
            if (group_end_q) ready_q[fill_half_q] <= 1'b1;
            if (i_replayed) ready_q[replay_half_q] <= 1'b0;
            begin_half_q   <= begin_half_q ^ i_group_begin;
            fill_half_q    <= fill_half_q ^ group_end_q;
            replay_half_q  <= replay_half_q ^ i_replayed;
            release_half_q <= release_half_q ^ i_release;
        end

    // With o_steps, which are chosen a cycle before they are compared with
    always @(posedge i_clk)
        if (i_reset) o_ready <= 1'b0;
        else o_ready <= ready_q[replay_half_q] && !i_replayed;

    // ---- Filling, with the weight and offset of the entry one cycle before

    reg  [STEP_BITS:0] fill_step_q;
    reg  [LANES-1:0]   fill_lane_q; // one-hot
    wire [STEP_BITS:0] fill_count = fill_step_q + {{STEP_BITS{1'b0}}, entry_q};
    wire               restart    = group_end_q || (row_end_q && !(i_private && ONE_LIST));

    always @(posedge i_clk)
        if (i_reset) begin
            {entry_q, row_end_q, group_end_q} <= 3'b000;
            fill_step_q <= {(STEP_BITS + 1){1'b0}};
            fill_lane_q <= {{(LANES - 1){1'b0}}, 1'b1};
        end else begin
            {entry_q, row_end_q, group_end_q} <= {i_entry, i_row_end, i_group_end};
            fill_step_q <= restart ? {(STEP_BITS + 1){1'b0}} : fill_count;
            if (group_end_q) fill_lane_q <= {{(LANES - 1){1'b0}}, 1'b1};
            else if (row_end_q) fill_lane_q <= fill_lane_q << 1;
        end

    always @(posedge i_clk) last_group_q <= i_last_group;

    // ---- What belongs to a half

    reg [LANES-1:0] rows_0_q, rows_1_q; // those up to the lane in which the group ended
    reg [1:0]       last_q;

    wire [LANES-1:0] rows_filled = fill_lane_q | (fill_lane_q - 1'b1);

    always @(posedge i_clk)
        if (group_end_q) begin
            last_q[fill_half_q] <= last_group_q;
            if (fill_half_q) rows_1_q <= rows_filled;
            else             rows_0_q <= rows_filled;
        end

    assign o_rows       = replay_half_q ? rows_1_q : rows_0_q;
    assign o_last_group = last_q[replay_half_q];

    // ---- Weights

    wire [STEP_BITS:0] replay_addr = {replay_half_q, i_step};
    reg  [STEP_BITS:0] weight_addr_q, weight_addr_qq;
    reg  [LANES-1:0]   lanes_shared_q;

    always @(posedge i_clk) begin
        weight_addr_q  <= replay_addr;
        weight_addr_qq <= weight_addr_q;
        lanes_shared_q <= o_rows;
    end

    generate
        for (g = 0; g < LANES; g = g + 1) begin : g_weights
            ram_1r1w #(.WIDTH(8), .DEPTH(2 * LIST_DEPTH)) weights (
                .i_clk(i_clk),
                .i_write(entry_q && (fill_lane_q[g] || (i_private && ONE_LIST))),
                .i_write_addr({fill_half_q, fill_step_q[STEP_BITS-1:0]}), .i_write_data(i_weight),
                .i_read(1'b1), .i_read_addr(weight_addr_qq), .o_read_data(o_weights[8*g +: 8])
            );
        end
    endgenerate

    // ---- Private lists: offsets, lengths, and which lane a step is for

    generate
        if (HAS_PRIVATE == 0) begin : g_shared_only
            assign o_steps   = i_kept[STEP_BITS:0];
            always @(posedge i_clk) o_no_steps <= o_steps == {COUNT_BITS{1'b0}};
            assign o_lanes   = lanes_shared_q;
            assign o_offsets = {(PORTS * ADDR_BITS){1'b0}};
            always @* o_overflow = 1'b0;
            wire unused = &{1'b0, i_private, i_offset, fill_count};
        end else begin : g_private
            reg  [COUNT_BITS-1:0] longest_q, steps_0_q, steps_1_q, steps_q; // steps_q: of the half that is replayed
            wire [COUNT_BITS-1:0] steps = ONE_LIST || fill_count > longest_q ? fill_count : longest_q;
            wire [PRIVATE_BITS:0] fill_addr = {fill_half_q, fill_step_q[PRIVATE_BITS-1:0]};
            wire [PRIVATE_BITS:0] read_addr = {replay_half_q, i_step[PRIVATE_BITS-1:0]};
            wire [LANES-1:0]      lanes;

            wire [COUNT_BITS-1:0] steps_now = !i_private ? i_kept[STEP_BITS:0] : replay_half_q ? steps_1_q : steps_0_q;

            always @(posedge i_clk) {o_no_steps, steps_q} <= {steps_now == {COUNT_BITS{1'b0}}, steps_now};

            assign o_steps = steps_q;
            assign o_lanes = i_private ? lanes : lanes_shared_q;

            always @(posedge i_clk)
                if (i_reset || group_end_q) longest_q <= {COUNT_BITS{1'b0}};
                else if (row_end_q) longest_q <= steps;

            always @(posedge i_clk)
                if (group_end_q) begin
                    if (fill_half_q) steps_1_q <= steps;
                    else             steps_0_q <= steps;
                end

            always @(posedge i_clk)
                if (i_reset) o_overflow <= 1'b0;
                else if (i_private && entry_q && |fill_step_q[STEP_BITS:PRIVATE_BITS]) o_overflow <= 1'b1;

            if (ONE_LIST) begin : g_one
                wire [TAG_BITS-1:0] tag;
                reg  [TAG_BITS-1:0] fill_tag_q; // number of fill_lane_q
                always @(posedge i_clk)
                    if (i_reset || group_end_q) fill_tag_q <= {TAG_BITS{1'b0}};
                    else if (row_end_q) fill_tag_q <= fill_tag_q + 1'b1;
                ram_1r1w #(.WIDTH(TAG_BITS + ADDR_BITS), .DEPTH(2 * PRIVATE_DEPTH)) offsets (
                    .i_clk(i_clk), .i_write(entry_q), .i_write_addr(fill_addr), .i_write_data({fill_tag_q, i_offset}),
                    .i_read(1'b1), .i_read_addr(read_addr), .o_read_data({tag, o_offsets})
                );
                assign lanes = {{(LANES - 1){1'b0}}, 1'b1} << tag;
            end else begin : g_own
                for (g = 0; g < LANES; g = g + 1) begin : g_lane
                    reg [COUNT_BITS-1:0] count_0_q, count_1_q; // entries of this lane
                    reg                  lane_q;
                    always @(posedge i_clk) begin
                        // A lane that has no row in this group is cleared by the row before it ever ends
                        if (group_end_q && !rows_filled[g] && !fill_half_q) count_0_q <= {COUNT_BITS{1'b0}};
                        if (group_end_q && !rows_filled[g] && fill_half_q) count_1_q <= {COUNT_BITS{1'b0}};
                        if (row_end_q && fill_lane_q[g] && !fill_half_q) count_0_q <= fill_count;
                        if (row_end_q && fill_lane_q[g] && fill_half_q) count_1_q <= fill_count;
                        lane_q <= {1'b0, i_step} < (replay_half_q ? count_1_q : count_0_q);
                    end
                    assign lanes[g] = lane_q;
                    ram_1r1w #(.WIDTH(ADDR_BITS), .DEPTH(2 * PRIVATE_DEPTH)) offsets (
                        .i_clk(i_clk), .i_write(entry_q && fill_lane_q[g]), .i_write_addr(fill_addr), .i_write_data(i_offset),
                        .i_read(1'b1), .i_read_addr(read_addr), .o_read_data(o_offsets[g*ADDR_BITS +: ADDR_BITS])
                    );
                end
            end
        end
    endgenerate

    wire unused_kept = &{1'b0, i_kept};

endmodule
`default_nettype wire
