`default_nettype none
// Replays a group's steps for every output position: one step a cycle while nothing holds it back. After a position's last step
// comes the close, a cycle of its own in which the sums go to the drain; a position without steps is a close alone.
//
// Stages, counted from the issue: 1 the step's offset is there, 2 the activation is addressed, 3 it is there, 5 the products are
// added. The drain may be given a position every DRAIN_CYCLES (three times as many for a raw layer): a close waits for that at the
// issue, so nothing behind it ever stalls. i_block withholds the step of this cycle, and with it the read of stage 2.
module replay #(
    parameter LANES        = 2,
    parameter STEP_BITS    = 10, // of a step's number
    parameter ADDR_BITS    = 14,
    parameter PORTS        = 1,
    parameter DRAIN_CYCLES = 16  // 2 or more
) (
    input  wire                       i_clk,
    input  wire                       i_reset,
    // Layer
    input  wire                       i_private,
    input  wire                       i_raw,
    // step_list
    input  wire                       i_ready,
    input  wire [STEP_BITS:0]         i_steps,
    input  wire                       i_no_steps,
    input  wire [LANES-1:0]           i_rows,
    input  wire                       i_last_group,
    output wire                       o_replayed,
    output wire                       o_release,
    output wire [STEP_BITS-1:0]       o_step,
    input  wire [LANES-1:0]           i_lanes,     // these three at stage 1
    input  wire [PORTS*ADDR_BITS-1:0] i_offsets,   // private index
    input  wire [ADDR_BITS-1:0]       i_offset,    // shared index, from column_table
    // layer_walker
    input  wire                       i_window_first,
    input  wire                       i_window_last,
    input  wire                       i_row_last,
    input  wire                       i_last,
    input  wire [ADDR_BITS-1:0]       i_base,      // at stage 1
    output wire                       o_advance,
    // Activation memory, at stage 2
    input  wire                       i_block,     // no step in this cycle
    output wire                       o_read,
    output reg  [PORTS*ADDR_BITS-1:0] o_read_addr,
    // Lanes, at stage 5
    output wire [LANES-1:0]           o_add,
    output wire                       o_close,
    // Drain, at stage 3 of a close: the position that is closed
    output wire                       o_drain,
    output reg                        o_drain_first,       // of its window
    output reg                        o_drain_window_last,
    output reg                        o_drain_row_last,
    output reg                        o_drain_last,        // of its group
    output reg                        o_drain_layer_last,
    output reg  [LANES-1:0]           o_drain_rows,        // lanes that have a row
    // Events
    output wire                       o_busy,      // a step is issued
    output wire                       o_blocked,   // it would be, but for i_block
    output wire                       o_draining,  // a close, or waiting for it
    output wire [LANES-1:0]           o_lane_steps // lanes with a weight, at stage 2
);

    localparam TIMER_BITS = $clog2(3 * DRAIN_CYCLES);
    localparam WAIT       = DRAIN_CYCLES - 1; // cycles between two closes
    localparam WAIT_RAW   = 3 * DRAIN_CYCLES - 1;

    // ---- Issue

    reg [STEP_BITS-1:0]  step_q;
    reg                  past_last_q;
    reg [TIMER_BITS-1:0] timer_q; // cycles until the drain can be given a position

    wire [STEP_BITS:0] next_step = {1'b0, step_q} + 1'b1;

    wire at_close = past_last_q || i_no_steps;
    wire step     = i_ready && !at_close && !i_block;
    wire close    = i_ready && at_close && timer_q == {TIMER_BITS{1'b0}};

    assign o_step     = step_q;
    assign o_advance  = close;
    assign o_replayed = close && i_last;
    assign o_busy     = step;
    assign o_blocked  = i_ready && !at_close && i_block;
    assign o_draining = i_ready && at_close;

    always @(posedge i_clk)
        if (i_reset || close) {past_last_q, step_q} <= {(STEP_BITS + 1){1'b0}};
        else if (step) {past_last_q, step_q} <= {next_step == i_steps, next_step[STEP_BITS-1:0]};

    always @(posedge i_clk)
        if (i_reset) timer_q <= {TIMER_BITS{1'b0}};
        else if (close) timer_q <= i_raw ? WAIT_RAW[TIMER_BITS-1:0] : WAIT[TIMER_BITS-1:0];
        else if (timer_q != {TIMER_BITS{1'b0}}) timer_q <= timer_q - 1'b1;

    always @(posedge i_clk)
        if (close) begin
            o_drain_first       <= i_window_first;
            o_drain_window_last <= i_window_last;
            o_drain_row_last    <= i_row_last;
            o_drain_last        <= i_last;
            o_drain_layer_last  <= i_last && i_last_group;
            o_drain_rows        <= i_rows;
        end

    // ---- Stages

    reg [5:1]       step_at_q, close_at_q;
    reg             replayed_q, release_q;
    reg [LANES-1:0] lanes_2_q, lanes_3_q, lanes_4_q, lanes_5_q;

    always @(posedge i_clk)
        if (i_reset) begin
            step_at_q  <= 5'd0;
            close_at_q <= 5'd0;
            {replayed_q, release_q} <= 2'b00;
        end else begin
            step_at_q  <= {step_at_q[4:1], step};
            close_at_q <= {close_at_q[4:1], close};
            {replayed_q, release_q} <= {o_replayed, replayed_q}; // at stage 2 the last weights have been addressed
        end

    always @(posedge i_clk) begin
        lanes_2_q <= i_lanes;
        lanes_3_q <= lanes_2_q;
        lanes_4_q <= lanes_3_q;
        lanes_5_q <= lanes_4_q;
    end

    genvar g;
    generate
        for (g = 0; g < PORTS; g = g + 1) begin : g_port
            always @(posedge i_clk)
                o_read_addr[g*ADDR_BITS +: ADDR_BITS] <= i_base + (i_private ? i_offsets[g*ADDR_BITS +: ADDR_BITS] : i_offset);
        end
    endgenerate

    assign o_release    = release_q;
    assign o_read       = step_at_q[2];
    assign o_add        = lanes_5_q & {LANES{step_at_q[5]}};
    assign o_close      = close_at_q[5];
    assign o_drain      = close_at_q[3];
    assign o_lane_steps = lanes_2_q & {LANES{step_at_q[2]}};

endmodule
`default_nettype wire
