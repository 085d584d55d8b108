// Replays the step list for every output position of every row group: one step
// a cycle, no gap between steps, positions or groups.
//
// Stages: 0 issue (list and column-table addresses), 1 list data arrive,
// 2 activation address, 3 activation word arrives: operands to the lanes,
// 5 products are added (o_add, o_last). A position's last step waits until the
// drain will be done with the position before: it takes DRAIN_CYCLES (three times
// as many for a raw layer) from one o_last to the next. i_inhibit holds back the
// issue of this cycle, so that stage 2 is empty two cycles later (o_read low).
// A group without steps issues one step with all lanes off a position.
`default_nettype none
module replay #(
    parameter LANES        = 2,
    parameter PORTS        = 1,
    parameter LIST_DEPTH   = 1024,
    parameter ADDR_BITS    = 14,
    parameter DRAIN_CYCLES = 16
) (
    input  wire                          i_clk,
    input  wire                          i_reset,
    input  wire                          i_private,
    input  wire                          i_raw,
    input  wire                          i_inhibit,
    // Group queue
    output reg                           o_half,
    input  wire                          i_full,
    input  wire [$clog2(LIST_DEPTH):0]   i_steps,
    input  wire [LANES*($clog2(LIST_DEPTH)+1)-1:0] i_counts,
    input  wire [$clog2(LANES+1)-1:0]    i_group_lanes,
    output wire                          o_replayed,
    output wire                          o_release,
    output wire                          o_release_half, // also the half whose biases belong to o_last
    // Position walker
    input  wire [ADDR_BITS-1:0]          i_base,
    input  wire                          i_last_position,
    output wire                          o_advance,
    // Stage 0 and 1: step list and column table
    output wire [$clog2(LIST_DEPTH)-1:0] o_index,
    input  wire [8*LANES-1:0]            i_weights,
    input  wire [ADDR_BITS*PORTS-1:0]    i_offsets,
    input  wire [ADDR_BITS-1:0]          i_table_offset,
    // Stage 2: activation memory
    output wire                          o_read,
    output reg  [ADDR_BITS*PORTS-1:0]    o_read_addrs,
    // Stage 3 and 5: lanes
    output reg  [8*LANES-1:0]            o_weights,
    output wire                          o_add,
    output wire                          o_last,
    // Events
    output wire                          o_event_step,
    output wire                          o_event_drain,      // a step waits for the drain
    output wire                          o_event_port,       // a step waits for the memory's port
    output wire [$clog2(LANES+1)-1:0]    o_event_lanes,      // lanes with a stored weight in this step
    output wire [$clog2(LANES+1)-1:0]    o_event_reads       // activation words read by this step
);
    localparam INDEX_BITS  = $clog2(LIST_DEPTH);
    localparam LANE_BITS   = $clog2(LANES + 1);
    localparam CREDIT_BITS = $clog2(3 * DRAIN_CYCLES + 1);

    reg [INDEX_BITS:0]    index;
    reg [CREDIT_BITS-1:0] credit;      // cycles until a last step may be issued
    localparam RAW_CYCLES = 3 * DRAIN_CYCLES;
    wire [CREDIT_BITS-1:0] drain_cycles = i_raw ? RAW_CYCLES[CREDIT_BITS-1:0] : DRAIN_CYCLES[CREDIT_BITS-1:0];

    wire empty     = i_steps == {(INDEX_BITS+1){1'b0}};
    wire last_step = empty || index == i_steps - 1'b1;
    wire blocked   = last_step && credit != {CREDIT_BITS{1'b0}};
    wire issue     = i_full && !i_inhibit && !blocked;

    assign o_index        = index[INDEX_BITS-1:0];
    assign o_advance      = issue && last_step;
    assign o_replayed     = o_advance && i_last_position;
    assign o_event_step   = issue;
    assign o_event_port   = i_full && i_inhibit;
    assign o_event_drain  = i_full && !i_inhibit && blocked;

    // Lanes that take part in this step
    wire [LANES-1:0] on;
    genvar n;
    generate
        for (n = 0; n < LANES; n = n + 1) begin : lane_on
            wire in_group = n < i_group_lanes;
            wire has_step = index < i_counts[(INDEX_BITS+1)*n +: INDEX_BITS+1];
            assign on[n] = in_group && !empty && (has_step || !i_private || PORTS == 1);
        end
    endgenerate
    reg [LANE_BITS-1:0] on_count;
    integer k;
    always @* begin
        on_count = {LANE_BITS{1'b0}};
        for (k = 0; k < LANES; k = k + 1)
            on_count = on_count + {{(LANE_BITS-1){1'b0}}, on[k]};
    end
    wire [LANE_BITS-1:0] one = {{(LANE_BITS-1){1'b0}}, !empty};
    assign o_event_lanes = i_private && PORTS == 1 ? one : on_count;
    assign o_event_reads = PORTS == 1 ? one : i_private ? on_count : empty ? {LANE_BITS{1'b0}} : PORTS[LANE_BITS-1:0];

    always @(posedge i_clk) begin
        if (issue)
            index <= last_step ? {(INDEX_BITS+1){1'b0}} : index + 1'b1;
        if (o_advance)
            credit <= drain_cycles - 1'b1;
        else if (credit != {CREDIT_BITS{1'b0}})
            credit <= credit - 1'b1;
        if (o_replayed)
            o_half <= !o_half;
        if (i_reset) begin
            index  <= {(INDEX_BITS+1){1'b0}};
            o_half <= 1'b0;
            credit <= {CREDIT_BITS{1'b0}};
        end
    end

    // The pipeline behind the issue; bit 0 of the shift registers is stage 1
    reg [4:0]           valid, last, group_end, half;
    reg [LANES-1:0]     on_1, on_2;
    reg [ADDR_BITS-1:0] base_1;
    reg [8*LANES-1:0]   weights_2;
    always @(posedge i_clk) begin
        valid     <= i_reset ? 5'd0 : {valid[3:0], issue};
        last      <= {last[3:0], last_step};
        group_end <= {group_end[3:0], last_step && i_last_position};
        half      <= {half[3:0], o_half};
        on_1      <= on;
        on_2      <= on_1;
        base_1    <= i_base;
        weights_2 <= i_weights;
    end

    generate
        for (n = 0; n < PORTS; n = n + 1) begin : address
            always @(posedge i_clk)
                o_read_addrs[ADDR_BITS*n +: ADDR_BITS] <= base_1 + (i_private ? i_offsets[ADDR_BITS*n +: ADDR_BITS] : i_table_offset);
        end
        for (n = 0; n < LANES; n = n + 1) begin : operand
            always @(posedge i_clk)
                o_weights[8*n +: 8] <= on_2[n] ? weights_2[8*n +: 8] : 8'd0;
        end
    endgenerate

    assign o_read         = valid[1];
    assign o_add          = valid[4];
    assign o_last         = valid[4] && last[4];
    assign o_release      = valid[4] && group_end[4];
    assign o_release_half = half[4];
endmodule
`default_nettype wire
