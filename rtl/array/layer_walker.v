`default_nettype none
`include "protocol.vh"
// Walks what a layer's activations are read by, in the two parts of a layer, one after the other:
//   columns    (c, ky, kx) -> c * IN_CHANNEL + ky * IN_ROW + kx, for the column table
//   positions  pooling windows in rows (oy, ox), and inside a window its positions (py, px), so that a window's maximum can be
//              taken on the way: from IN_BASE by STEP_X and STEP_Y, POOL_STEP_X and POOL_STEP_Y
// The descriptor is read once for each part: i_word shows its words, i_positions says for which part. i_start goes to the first
// column or position, i_advance to the next; after the last position comes the first again, for the next group of rows.
// The flags tell of the current position. o_addr comes one cycle later than they: it is the one of the cycle before.
module layer_walker #(
    parameter ADDR_BITS = 14
) (
    input  wire                 i_clk,
    // Descriptor words
    input  wire                 i_positions,
    input  wire                 i_word,
    input  wire [4:0]           i_word_number,
    input  wire [15:0]          i_word_data,
    // Walk
    input  wire                 i_start,
    input  wire                 i_advance,
    output wire                 o_window_first, // first position of its window
    output wire                 o_window_last,
    output wire                 o_row_last,     // last window of its row of windows
    output wire                 o_last,         // last position of the layer
    output wire [ADDR_BITS-1:0] o_addr          // one cycle later
);

    // ---- Descriptor: how often each loop goes round, innermost first, and by which step

    reg [7:0]           count_0_q, count_1_q, count_2_q, count_3_q;
    reg [ADDR_BITS-1:0] base_q, step_0_q, step_1_q, step_2_q, step_3_q;

    wire [4:0]           number = i_word_number;
    wire [ADDR_BITS-1:0] addr   = i_word_data[ADDR_BITS-1:0];
    wire [7:0]           pool   = {5'd0, i_word_data[10:8]};

    always @(posedge i_clk)
        if (i_word) begin
            if (number == (i_positions ? `ESPALIER_LAYER_POOL : `ESPALIER_LAYER_KERNEL)) begin
                count_0_q <= i_positions ? pool : i_word_data[7:0];
                count_1_q <= i_positions ? pool : i_word_data[15:8];
            end
            if (number == `ESPALIER_LAYER_OUT_SIZE) {count_3_q, count_2_q} <= i_word_data;
            if (number == `ESPALIER_LAYER_IN_BASE) base_q <= i_positions ? addr : {ADDR_BITS{1'b0}};
            if (number == `ESPALIER_LAYER_STEP_X) step_0_q <= i_positions ? addr : {{(ADDR_BITS - 1){1'b0}}, 1'b1};
            if (number == (i_positions ? `ESPALIER_LAYER_STEP_Y : `ESPALIER_LAYER_IN_ROW)) step_1_q <= addr;
            if (number == (i_positions ? `ESPALIER_LAYER_POOL_STEP_X : `ESPALIER_LAYER_IN_CHANNEL)) step_2_q <= addr;
            if (number == `ESPALIER_LAYER_POOL_STEP_Y) step_3_q <= addr;
        end

    // ---- Loops. The channels' has no end of its own: the decoder knows the number of columns

    reg [7:0] left_0_q, left_1_q, left_2_q, left_3_q; // with the current iteration
    reg       window_first_q;

    wire last_0 = left_0_q == 8'd1;
    wire last_1 = left_1_q == 8'd1;
    wire last_2 = left_2_q == 8'd1 && i_positions;
    wire last_3 = left_3_q == 8'd1;

    assign o_window_first = window_first_q;
    assign o_window_last  = last_0 && last_1;
    assign o_row_last     = last_2;
    assign o_last         = last_0 && last_1 && last_2 && last_3;

    // i_advance is the latest of these
    wire end_0 = i_advance && last_0;
    wire end_1 = i_advance && (last_0 && last_1);
    wire end_2 = i_advance && (last_0 && last_1 && last_2);
    wire end_3 = i_advance && (last_0 && last_1 && last_2 && last_3);

    always @(posedge i_clk)
        if (i_start || end_0) left_0_q <= count_0_q;
        else if (i_advance) left_0_q <= left_0_q - 8'd1;

    always @(posedge i_clk)
        if (i_start || end_1) left_1_q <= count_1_q;
        else if (end_0) left_1_q <= left_1_q - 8'd1;

    always @(posedge i_clk)
        if (i_start || end_2) left_2_q <= count_2_q;
        else if (end_1) left_2_q <= left_2_q - 8'd1;

    always @(posedge i_clk)
        if (i_start || end_3) left_3_q <= count_3_q;
        else if (end_2) left_3_q <= left_3_q - 8'd1;

    always @(posedge i_clk)
        if (i_start) window_first_q <= 1'b1;
        else if (i_advance) window_first_q <= o_window_last;

    // ---- The address follows a cycle behind

    reg       advance_q, restart_q;
    reg [1:0] level_q;

    always @(posedge i_clk) begin
        advance_q <= i_advance;
        restart_q <= i_start || end_3;
        level_q   <= !last_0 ? 2'd0 : !last_1 ? 2'd1 : !last_2 ? 2'd2 : 2'd3;
    end

    address_walker #(.ADDR_BITS(ADDR_BITS)) walker (
        .i_clk(i_clk), .i_restart(restart_q), .i_base(base_q), .i_advance(advance_q), .i_level(level_q),
        .i_step_0(step_0_q), .i_step_1(step_1_q), .i_step_2(step_2_q), .i_step_3(step_3_q), .o_addr(o_addr)
    );

endmodule
`default_nettype wire
