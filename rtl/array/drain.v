`default_nettype none
// Drains the sums of a position while the next one accumulates: bias, requantization, pooling maximum, and a word of POSITIONS bytes
// for every row at the end of a pooling window. Raw layers write the sum's three bytes as three words instead.
//
// The lanes' chain goes round once a position (raw: three times), DRAIN values a cycle, lane 0 first. The maxima of a window
// wait in a chain of bytes of the same length, which moves with it: the last POSITIONS bytes that entered it are the word of the
// lane that has just passed.
// Stages, counted from i_start (three cycles after the position's close is issued): 1 the bias is addressed, 3 the value leaves the
// lanes' chain, 4 it has its bias, 9 it is a byte, 10 the byte is in its chain and its word is written. A position may start
// DRAIN_CYCLES after the one before, 8 or more, so that a register holds a position's flags for stages 1 to 7, another for 8.
module drain #(
    parameter LANES     = 2,
    parameter POSITIONS = 8,  // a multiple of DRAIN
    parameter ACC_BITS  = 24,
    parameter DRAIN     = 1,  // values a cycle
    parameter ADDR_BITS = 14
) (
    input  wire                      i_clk,
    input  wire                      i_reset,
    // Layer
    input  wire                      i_out_load,    // i_out_base is there, before the layer's first position
    input  wire [ADDR_BITS-1:0]      i_out_base,
    input  wire [7:0]                i_mult,
    input  wire [4:0]                i_shift,
    input  wire [4:0]                i_bias_shift,
    input  wire                      i_relu,
    input  wire                      i_raw,
    input  wire [ADDR_BITS-1:0]      i_out_row,
    input  wire [ADDR_BITS-1:0]      i_out_channel,
    output wire                      o_layer_done,  // the layer's last word is written
    // Biases, from the decoder
    input  wire                      i_bias_write,
    input  wire [1:0]                i_bias_group,
    input  wire [3:0]                i_bias_lane,
    input  wire [15:0]               i_bias,
    // Position
    input  wire                      i_start,
    input  wire                      i_first,       // of its window
    input  wire                      i_window_last,
    input  wire                      i_row_last,
    input  wire                      i_last,        // of its group
    input  wire                      i_layer_last,
    input  wire [LANES-1:0]          i_rows,        // lanes that have a row
    // The lanes' chain
    output wire                      o_shift,
    input  wire [DRAIN*ACC_BITS-1:0] i_chain,
    // Activation memory
    output wire                      o_block,       // two cycles before o_write
    output wire                      o_write,
    output wire [ADDR_BITS-1:0]      o_write_addr,
    output wire [8*POSITIONS-1:0]    o_write_data
);

    localparam BEATS     = POSITIONS / DRAIN;            // of a lane
    localparam BEAT_BITS = BEATS > 1 ? $clog2(BEATS) : 1;
    localparam LANE_BITS = LANES > 1 ? $clog2(LANES) : 1;
    localparam FLAGS     = 5 + LANES;

    function [ADDR_BITS-1:0] times_lanes; // by adding: a product would become a DSP on an ECP5
        input [ADDR_BITS-1:0] value;
        integer n;
        begin
            times_lanes = {ADDR_BITS{1'b0}};
            for (n = 0; n < 5; n = n + 1)
                if (LANES[n]) times_lanes = times_lanes + (value << n);
        end
    endfunction

    genvar g;

    // ---- Stage 1: which value is next

    reg                 running_q;
    reg [BEAT_BITS-1:0] beat_q;
    reg [LANE_BITS-1:0] lane_q;
    reg [1:0]           round_q;
    reg [1:0]           group_q;  // of the run, modulo 4
    reg                 last_1_q; // position of its group
    reg [FLAGS-1:0]     flags_1_q;

    wire word_end     = {{(32 - BEAT_BITS){1'b0}}, beat_q} == BEATS - 1;
    wire round_end    = word_end && {{(32 - LANE_BITS){1'b0}}, lane_q} == LANES - 1;
    wire position_end = round_end && (!i_raw || round_q == 2'd2);

    always @(posedge i_clk)
        if (i_reset) running_q <= 1'b0;
        else if (i_start) running_q <= 1'b1;
        else if (position_end) running_q <= 1'b0;

    always @(posedge i_clk)
        if (i_start || word_end) beat_q <= {BEAT_BITS{1'b0}};
        else beat_q <= beat_q + 1'b1;

    always @(posedge i_clk)
        if (i_start || round_end) lane_q <= {LANE_BITS{1'b0}};
        else if (word_end) lane_q <= lane_q + 1'b1;

    always @(posedge i_clk)
        if (i_start) round_q <= 2'd0;
        else if (round_end) round_q <= round_q + 2'd1;

    always @(posedge i_clk)
        if (i_reset) begin
            group_q  <= 2'd0;
            last_1_q <= 1'b0;
        end else if (i_start) begin
            group_q  <= group_q + {1'b0, last_1_q};
            last_1_q <= i_last;
        end

    always @(posedge i_clk)
        if (i_start) flags_1_q <= {i_first, i_window_last, i_row_last, i_last, i_layer_last, i_rows};

    // ---- The stages' tags

    reg [9:2] valid_at_q;
    reg [8:2] word_end_at_q, round_end_at_q, position_end_at_q;

    always @(posedge i_clk)
        if (i_reset) valid_at_q <= 8'd0;
        else valid_at_q <= {valid_at_q[8:2], running_q};

    always @(posedge i_clk) begin
        word_end_at_q     <= {word_end_at_q[7:2], word_end};
        round_end_at_q    <= {round_end_at_q[7:2], round_end};
        position_end_at_q <= {position_end_at_q[7:2], position_end};
    end

    assign o_shift = valid_at_q[3];

    // ---- Stages 1 to 4: bias (rule A3). Four groups of biases are there: being decoded, replayed, drained, and one to spare

    wire [15:0]         bias;
    reg  [ACC_BITS-1:0] bias_q;

    ram_1r1w #(.WIDTH(16), .DEPTH(4 << LANE_BITS)) biases (
        .i_clk(i_clk),
        .i_write(i_bias_write), .i_write_addr({i_bias_group, i_bias_lane[LANE_BITS-1:0]}), .i_write_data(i_bias),
        .i_read(1'b1), .i_read_addr({group_q, lane_q}), .o_read_data(bias)
    );

    always @(posedge i_clk) bias_q <= {{(ACC_BITS - 16){bias[15]}}, bias} << i_bias_shift;

    // ---- Stages 4 to 9: requantization

    reg  [1:0] round_7_q;
    wire [4:0] shift = i_raw ? {round_7_q, 3'b000} : i_shift;

    always @(posedge i_clk)
        if (i_reset) round_7_q <= 2'd0;
        else if (valid_at_q[7] && round_end_at_q[7]) round_7_q <= position_end_at_q[7] ? 2'd0 : round_7_q + 2'd1;

    wire [8*DRAIN-1:0] bytes;

    generate
        for (g = 0; g < DRAIN; g = g + 1) begin : g_value
            reg [ACC_BITS-1:0] sum_q;
            always @(posedge i_clk) sum_q <= i_chain[g*ACC_BITS +: ACC_BITS] + bias_q;
            requantizer #(.ACC_BITS(ACC_BITS)) quantizer (
                .i_clk(i_clk), .i_mult(i_mult), .i_relu(i_relu), .i_raw(i_raw),
                .i_value(sum_q), .i_shift(shift), .o_byte(bytes[8*g +: 8])
            );
        end
    endgenerate

    // ---- Stage 8: what is to be done with a word; the position's flags come with its first value

    reg              fresh_q; // the next value at stage 7 is the first of its position
    reg  [LANES-1:0] lane_8_q; // one-hot
    reg              first_q, window_last_q, row_last_q, last_q, layer_last_q;
    reg  [LANES-1:0] rows_q;

    always @(posedge i_clk)
        if (i_reset) fresh_q <= 1'b1;
        else if (valid_at_q[7]) fresh_q <= position_end_at_q[7];

    always @(posedge i_clk)
        if (valid_at_q[7] && fresh_q) {first_q, window_last_q, row_last_q, last_q, layer_last_q, rows_q} <= flags_1_q;

    always @(posedge i_clk)
        if (i_reset || (valid_at_q[8] && round_end_at_q[8])) lane_8_q <= {{(LANES - 1){1'b0}}, 1'b1};
        else if (valid_at_q[8] && word_end_at_q[8]) lane_8_q <= lane_8_q << 1;

    wire       word_done = valid_at_q[8] && word_end_at_q[8] && window_last_q;
    wire       write     = word_done && |(lane_8_q & rows_q);
    wire       done      = valid_at_q[8] && position_end_at_q[8] && layer_last_q;
    wire [1:0] level     = !round_end_at_q[8] ? 2'd0 : !position_end_at_q[8] ? 2'd1 : last_q ? 2'd3 : row_last_q ? 2'd2 : 2'd1;

    assign o_block = write;

    // ---- Stage 9: pooling maximum (rule A7)

    localparam CHAIN = LANES * POSITIONS; // bytes

    reg                      first_9_q;
    reg  [8*CHAIN-1:0]       maxima_q;  // newest lowest; of the values of a cycle slot 0 highest
    wire [8*DRAIN-1:0]       newest;
    wire [8*(CHAIN+DRAIN)-1:0] moving = {maxima_q, newest};

    always @(posedge i_clk) first_9_q <= first_q;

    generate
        for (g = 0; g < DRAIN; g = g + 1) begin : g_maximum
            wire [7:0] oldest = maxima_q[8*(CHAIN-1-g) +: 8];
            wire       keep   = !first_9_q && $signed(oldest) > $signed(bytes[8*g +: 8]);
            assign newest[8*(DRAIN-1-g) +: 8] = keep ? oldest : bytes[8*g +: 8];
        end
    endgenerate

    always @(posedge i_clk)
        if (valid_at_q[9]) maxima_q <= moving[8*CHAIN-1:0];

    // ---- Stage 10: the word

    reg [1:0] write_q, word_done_q, done_q;
    reg [3:0] level_q;

    always @(posedge i_clk)
        if (i_reset) {write_q, word_done_q, done_q} <= 6'd0;
        else begin
            write_q     <= {write_q[0], write};
            word_done_q <= {word_done_q[0], word_done};
            done_q      <= {done_q[0], done};
        end

    always @(posedge i_clk) level_q <= {level_q[1:0], level};

    // Loops, innermost first: lanes; windows of a row, or bytes of a raw sum; rows of windows; groups
    address_walker #(.ADDR_BITS(ADDR_BITS)) walker (
        .i_clk(i_clk), .i_restart(i_out_load), .i_base(i_out_base), .i_advance(word_done_q[1]), .i_level(level_q[3:2]),
        .i_step_0(i_out_channel), .i_step_1({{(ADDR_BITS - 1){1'b0}}, 1'b1}), .i_step_2(i_out_row),
        .i_step_3(times_lanes(i_out_channel)), .o_addr(o_write_addr)
    );

    assign o_write      = write_q[1];
    assign o_layer_done = done_q[1];

    generate
        for (g = 0; g < POSITIONS; g = g + 1) begin : g_slot
            assign o_write_data[8*g +: 8] = maxima_q[8*(POSITIONS-1-g) +: 8];
        end
    endgenerate

    wire unused = &{1'b0, i_bias_lane, moving};

endmodule
`default_nettype wire
