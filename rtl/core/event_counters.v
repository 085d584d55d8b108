`default_nettype none
`include "protocol.vh"
// The event counters 0 to 15 (protocol.vh).
//
// An event is counted in a few bits that wrap around; a memory holds the 32-bit totals, as two halves. An engine goes round the
// events, two cycles each, and moves each total on until its lowest bits are the small count: a round is short enough for the small
// count to tell how far it has moved, so nothing need ever be taken out of it.
// i_start zeroes all counts. o_settled: no event has come for a whole round, so the totals are complete. While i_hold is high
// (no run) o_value is the total of i_index, four cycles after i_index is set.
module event_counters #(
    parameter LANES     = 2,
    parameter POSITIONS = 8
) (
    input  wire        i_clk,
    input  wire        i_reset,
    input  wire        i_start,
    input  wire        i_run,         // a cycle of a run: the events below count
    input  wire        i_hold,
    output wire        o_settled,
    // Exactly one of these in a cycle of a run
    input  wire        i_busy,
    input  wire        i_setup,
    input  wire        i_decode,
    input  wire        i_stream,
    input  wire        i_drain,
    input  wire        i_port,
    // Any of these
    input  wire [8:0]  i_multiplies,
    input  wire [4:0]  i_act_reads,
    input  wire        i_filler,
    input  wire        i_act_write,
    input  wire [3:0]  i_value_bits,
    input  wire [3:0]  i_index_bits,
    input  wire [4:0]  i_other_bits,
    // Reading
    input  wire [4:0]  i_index,
    output reg  [31:0] o_value
);

    localparam ROUND = 32; // cycles
    localparam ONES  = $clog2(ROUND + 1);
    localparam MANY  = $clog2(ROUND * (LANES * POSITIONS > 20 ? LANES * POSITIONS : 20) + 1);

    // ---- Small counts: ONES bits where an event adds 1 at the most, MANY bits elsewhere

    wire [16*9-1:0] increments;
    assign increments[9*`ESPALIER_COUNT_CYCLES       +: 9] = 9'd1;
    assign increments[9*`ESPALIER_COUNT_BUSY         +: 9] = {8'd0, i_busy};
    assign increments[9*`ESPALIER_COUNT_STALL_SETUP  +: 9] = {8'd0, i_setup};
    assign increments[9*`ESPALIER_COUNT_STALL_DECODE +: 9] = {8'd0, i_decode};
    assign increments[9*`ESPALIER_COUNT_STALL_STREAM +: 9] = {8'd0, i_stream};
    assign increments[9*`ESPALIER_COUNT_STALL_DRAIN  +: 9] = {8'd0, i_drain};
    assign increments[9*`ESPALIER_COUNT_STALL_PORT   +: 9] = {8'd0, i_port};
    assign increments[9*`ESPALIER_COUNT_MULTIPLIES   +: 9] = i_multiplies;
    assign increments[9*`ESPALIER_COUNT_FILLERS      +: 9] = {8'd0, i_filler};
    assign increments[9*`ESPALIER_COUNT_ACT_READS    +: 9] = {4'd0, i_act_reads};
    assign increments[9*`ESPALIER_COUNT_ACT_WRITES   +: 9] = {8'd0, i_act_write};
    assign increments[9*`ESPALIER_COUNT_VALUE_BITS   +: 9] = {5'd0, i_value_bits};
    assign increments[9*`ESPALIER_COUNT_INDEX_BITS   +: 9] = {5'd0, i_index_bits};
    assign increments[9*`ESPALIER_COUNT_OTHER_BITS   +: 9] = {4'd0, i_other_bits};
    assign increments[9*`ESPALIER_COUNT_ACC_UPDATES  +: 9] = i_multiplies;
    assign increments[9*`ESPALIER_COUNT_LIST_READS   +: 9] = i_busy ? LANES[8:0] : 9'd0;

    localparam [15:0] ADDS_MANY = 16'd1 << `ESPALIER_COUNT_MULTIPLIES | 16'd1 << `ESPALIER_COUNT_ACT_READS |
                                  16'd1 << `ESPALIER_COUNT_VALUE_BITS | 16'd1 << `ESPALIER_COUNT_INDEX_BITS |
                                  16'd1 << `ESPALIER_COUNT_OTHER_BITS | 16'd1 << `ESPALIER_COUNT_ACC_UPDATES |
                                  16'd1 << `ESPALIER_COUNT_LIST_READS;

    wire [16*16-1:0] counts;   // 16 bits apart: a plain multiplexer
    wire [15:0]      products; // accumulator updates, too: a lane without a weight adds nothing

    genvar g;
    generate
        for (g = 0; g < 16; g = g + 1) begin : g_event
            localparam BITS = ADDS_MANY[g] ? MANY : ONES;
            wire [MANY-1:0] increment;
            if (MANY > 9) begin : g_wide
                assign increment = {{(MANY - 9){1'b0}}, increments[9*g +: 9]};
            end else begin : g_narrow
                assign increment = increments[9*g +: MANY];
            end
            if (g == `ESPALIER_COUNT_ACC_UPDATES) begin : g_same
                assign counts[16*g +: 16] = products;
                wire unused = &{1'b0, increment};
            end else begin : g_own
                reg [BITS-1:0] count_q;
                always @(posedge i_clk)
                    if (i_reset || i_start) count_q <= {BITS{1'b0}};
                    else if (i_run) count_q <= count_q + increment[BITS-1:0];
                if (BITS < MANY) begin : g_extend
                    wire unused = &{1'b0, increment};
                end
                assign counts[16*g +: 16] = {{(16 - BITS){1'b0}}, count_q};
                if (g == `ESPALIER_COUNT_MULTIPLIES) begin : g_products
                    assign products = {{(16 - BITS){1'b0}}, count_q};
                end
            end
        end
    endgenerate

    // ---- Totals, low half of an event at an even turn, high half at the next. A turn reads a half, the next one adds to it: what the
    // small count has moved to the low one, and a carry to the high one

    reg  [4:0]      next_q, turn_q, added_turn_q;
    reg             fresh_q; // the first round: the memory's contents mean nothing
    reg             work_q;
    reg  [MANY-1:0] count_q; // of the event of this turn
    reg  [MANY-1:0] moved_q;
    reg  [15:0]     half_q;
    reg             carry_q;
    wire [15:0]     read_half;

    wire            work      = fresh_q || !i_hold;
    wire [15:0]     half      = fresh_q ? 16'd0 : read_half;
    wire [MANY-1:0] moved     = (count_q - half[MANY-1:0]) & {{(MANY - ONES){ADDS_MANY[turn_q[4:1]]}}, {ONES{1'b1}}};
    wire [16:0]     sum       = {1'b0, half_q} + (added_turn_q[0] ? {16'd0, carry_q} : {{(17 - MANY){1'b0}}, moved_q});

    ram_1r1w #(.WIDTH(16), .DEPTH(32)) totals (
        .i_clk(i_clk),
        .i_write(work_q), .i_write_addr(added_turn_q), .i_write_data(sum[15:0]),
        .i_read(1'b1), .i_read_addr({work ? next_q[4:1] : i_index[3:0], next_q[0]}), .o_read_data(read_half)
    );

    always @(posedge i_clk)
        if (i_reset || i_start) {turn_q, next_q} <= {5'd0, 5'd1};
        else {turn_q, next_q} <= {next_q, next_q + 5'd1};

    always @(posedge i_clk)
        if (i_reset || i_start) fresh_q <= 1'b1;
        else if (turn_q == 5'd31) fresh_q <= 1'b0;

    always @(posedge i_clk)
        if (i_reset || i_start) count_q <= {MANY{1'b0}};
        else count_q <= counts[16*next_q[4:1] +: MANY];

    always @(posedge i_clk) begin
        work_q       <= work && !i_reset && !i_start;
        added_turn_q <= turn_q;
        half_q       <= half;
        moved_q      <= moved;
        carry_q      <= sum[16];
    end

    always @(posedge i_clk)
        if (turn_q[0]) o_value[31:16] <= read_half;
        else o_value[15:0] <= read_half;

    // ---- Whole rounds without events

    reg [1:0] quiet_q;
    assign o_settled = quiet_q[1];

    always @(posedge i_clk)
        if (i_reset || i_start || i_run) quiet_q <= 2'b00;
        else if (turn_q == 5'd31) quiet_q <= {quiet_q[0], 1'b1};

    wire unused = &{1'b0, i_index[4]};

endmodule
`default_nettype wire
