// The event counters 0 to 15 of protocol.vh.
//
// Events gather in small pending counts; a round-robin engine adds one of them
// to its 32-bit total in a RAM every two cycles. i_clear (one cycle) starts
// zeroing all totals; o_settled says that neither zeroing nor pending counts are
// left. i_hold rests the engine (only while settled and without events); o_value
// is then the total of i_index, one cycle after it.
`default_nettype none
module event_counters (
    input  wire         i_clk,
    input  wire         i_reset,
    input  wire         i_clear,
    input  wire         i_hold,
    output wire         o_settled,
    input  wire [8:0]   i_singles,      // events 0 to 6, then 8 and 10: one bit each
    input  wire [8:0]   i_multiplies,
    input  wire [4:0]   i_act_reads,
    input  wire [4:0]   i_value_bits,
    input  wire [4:0]   i_index_bits,
    input  wire [4:0]   i_other_bits,
    input  wire [8:0]   i_acc_updates,
    input  wire [4:0]   i_list_reads,
    input  wire [4:0]   i_index,
    output wire [31:0]  o_value
);
    localparam EVENTS = 16;
    localparam PENDING_BITS = 15;       // 9-bit increments over 2 * EVENTS cycles

    wire [9*EVENTS-1:0] increments = {
        {4'd0, i_list_reads},           // 15
        i_acc_updates,                  // 14
        {4'd0, i_other_bits},           // 13
        {4'd0, i_index_bits},           // 12
        {4'd0, i_value_bits},           // 11
        {8'd0, i_singles[8]},           // 10 activation writes
        {4'd0, i_act_reads},            // 9
        {8'd0, i_singles[7]},           // 8 fillers
        i_multiplies,                   // 7
        {8'd0, i_singles[6]}, {8'd0, i_singles[5]}, {8'd0, i_singles[4]}, {8'd0, i_singles[3]},
        {8'd0, i_singles[2]}, {8'd0, i_singles[1]}, {8'd0, i_singles[0]}
    };

    reg  [4:0]  turn;                   // event, and which of its two cycles
    reg  [4:0]  quiet;                  // turns in a row that found nothing, 16 at the most
    reg  [4:0]  clearing;               // turns left that write zero
    wire [3:0]  event_now = turn[4:1];
    wire        storing   = turn[0];

    wire [EVENTS*PENDING_BITS-1:0] pendings;
    wire [PENDING_BITS-1:0]        pending_now = pendings[event_now*PENDING_BITS +: PENDING_BITS];
    reg  [PENDING_BITS-1:0]        taken;
    wire [31:0]                    total;
    assign o_value   = total;
    assign o_settled = clearing == 5'd0 && quiet[4];

    genvar n;
    generate
        for (n = 0; n < EVENTS; n = n + 1) begin : gather
            localparam BITS = n == 7 || n == 14 ? 15 : n == 9 || n == 15 || (n >= 11 && n <= 13) ? 11 : 6;
            reg  [BITS-1:0] count;
            wire [8:0]      increment = increments[9*n +: 9];
            wire [BITS-1:0] step;
            if (BITS < 9) begin : narrow
                wire unused = &{1'b0, increment[8:BITS]};
                assign step = increment[BITS-1:0];
            end else begin : wide
                assign step = {{(BITS-9){1'b0}}, increment};
            end
            wire mine = !storing && event_now == n && !i_hold;
            always @(posedge i_clk)
                if (i_reset || i_clear)
                    count <= {BITS{1'b0}};
                else
                    count <= (mine ? {BITS{1'b0}} : count) + step;
            if (BITS < PENDING_BITS) begin : pad
                assign pendings[n*PENDING_BITS +: PENDING_BITS] = {{(PENDING_BITS-BITS){1'b0}}, count};
            end else begin : full
                assign pendings[n*PENDING_BITS +: PENDING_BITS] = count;
            end
        end
    endgenerate

    always @(posedge i_clk) begin
        turn <= i_hold ? 5'd0 : turn + 5'd1;
        if (!storing)
            taken <= pending_now;
        if (storing && !i_hold) begin
            quiet <= taken != {PENDING_BITS{1'b0}} || clearing != 5'd0 ? 5'd0 : quiet[4] ? quiet : quiet + 5'd1;
            if (clearing != 5'd0)
                clearing <= clearing - 5'd1;
        end
        if (i_clear) begin
            clearing <= 5'd16;
            quiet    <= 5'd0;
            turn     <= 5'd0;
        end
        if (i_reset) begin
            turn     <= 5'd0;
            quiet    <= 5'd16;
            clearing <= 5'd0;
        end
    end

    // Events of the turns that write zero are kept: they are the start of the new total
    wire [31:0] taken_wide = {{(32-PENDING_BITS){1'b0}}, taken};
    ram_1r1w #(.WIDTH(32), .DEPTH(EVENTS)) totals (
        .i_clk(i_clk),
        .i_write(storing && !i_hold), .i_write_addr(event_now),
        .i_write_data(clearing != 5'd0 ? taken_wide : total + taken_wide),
        .i_read(1'b1), .i_read_addr(i_hold ? i_index[3:0] : event_now), .o_read_data(total)
    );

    wire unused = &{1'b0, i_index[4]};
endmodule
`default_nettype wire
