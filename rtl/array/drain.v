// Drains the shadow chain: DRAIN values a cycle go through the requantizers and
// the pooling maximum, and at the end of a pooling window each lane's word of
// POSITIONS bytes is written.
//
// i_load: the chain has just been loaded in this cycle (lanes' i_last); DRAIN_CYCLES
// = LANES * POSITIONS / DRAIN cycles of o_shift follow, three times as many for
// a raw layer (a pass a byte). The next i_load comes no sooner than in the
// last of these cycles. The chain is circular: o_chain feeds its far end.
// A word waits in o_write until i_write_taken; o_write_soon says one cycle
// before that it will. i_write_taken must come before the next word.
// o_layer_done: the layer's last word is written. i_start begins a layer.
`default_nettype none
module drain #(
    parameter LANES     = 2,
    parameter POSITIONS = 8,
    parameter DRAIN     = 1,
    parameter ACC_BITS  = 24,
    parameter ADDR_BITS = 14
) (
    input  wire                       i_clk,
    input  wire                       i_reset,
    input  wire                       i_start,
    // Shadow chain
    input  wire                       i_load,
    input  wire [LANES*ACC_BITS-1:0]  i_biases,       // with i_load
    output wire                       o_shift,
    input  wire [ACC_BITS*DRAIN-1:0]  i_chain,
    // Activation memory
    output wire                       o_write_soon,
    output reg                        o_write,
    output reg  [ADDR_BITS-1:0]       o_write_addr,
    output reg  [8*POSITIONS-1:0]     o_write_data,
    input  wire                       i_write_taken,
    output wire                       o_layer_done,
    // Layer
    input  wire [15:0]                i_rows,
    input  wire [7:0]                 i_mult,
    input  wire [4:0]                 i_shift,
    input  wire                       i_relu,
    input  wire                       i_raw,
    input  wire [2:0]                 i_pool,
    input  wire [7:0]                 i_out_width,
    input  wire [7:0]                 i_out_height,
    input  wire [ADDR_BITS-1:0]       i_out_base,
    input  wire [ADDR_BITS-1:0]       i_out_row,
    input  wire [ADDR_BITS-1:0]       i_out_channel
);
    localparam BEATS     = POSITIONS / DRAIN;          // of a lane's word
    localparam BEAT_BITS = $clog2(BEATS + 1);
    localparam LANE_BITS = $clog2(LANES + 1);
    localparam LATENCY   = 5;                          // of requantizer

    // ---- Head: moves the chain and the biases, one beat a cycle
    reg                      active;
    reg [BEAT_BITS-1:0]      beat;
    reg [LANE_BITS-1:0]      lane;
    reg [1:0]                pass;
    reg [2:0]                px, py;                   // of the next position
    reg                      pool_first, pool_last;    // of this one
    reg [LANES*ACC_BITS-1:0] biases;                   // this lane's lowest

    wire end_beat = beat == BEATS[BEAT_BITS-1:0] - 1'b1;
    wire end_lane = lane == LANES[LANE_BITS-1:0] - 1'b1;
    wire end_pass = !i_raw || pass == 2'd2;
    wire end_px   = px == i_pool - 3'd1;
    wire end_py   = py == i_pool - 3'd1;

    assign o_shift = active;

    wire [(LANES+1)*ACC_BITS-1:0] biases_moving = {biases[ACC_BITS-1:0], biases};
    always @(posedge i_clk) begin
        if (i_load) begin
            active     <= 1'b1;
            beat       <= {BEAT_BITS{1'b0}};
            lane       <= {LANE_BITS{1'b0}};
            pass       <= 2'd0;
            biases     <= i_biases;
            pool_first <= px == 3'd0 && py == 3'd0;
            pool_last  <= end_px && end_py;
            px         <= end_px ? 3'd0 : px + 3'd1;
            if (end_px)
                py <= end_py ? 3'd0 : py + 3'd1;
        end else if (active) begin
            beat <= end_beat ? {BEAT_BITS{1'b0}} : beat + 1'b1;
            if (end_beat) begin
                biases <= biases_moving[(LANES+1)*ACC_BITS-1:ACC_BITS];
                lane   <= end_lane ? {LANE_BITS{1'b0}} : lane + 1'b1;
                if (end_lane) begin
                    pass   <= pass + 2'd1;
                    active <= !end_pass;
                end
            end
        end
        if (i_reset || i_start) begin
            active <= 1'b0;
            px     <= 3'd0;
            py     <= 3'd0;
        end
    end

    // ---- Requantizers
    wire [8*DRAIN-1:0] values;
    genvar n;
    generate
        for (n = 0; n < DRAIN; n = n + 1) begin : unit
            requantizer #(.ACC_BITS(ACC_BITS)) requantize (
                .i_clk(i_clk), .i_acc(i_chain[ACC_BITS*n +: ACC_BITS]), .i_bias(biases[ACC_BITS-1:0]), .i_raw_byte(pass),
                .o_value(values[8*n +: 8]), .i_mult(i_mult), .i_shift(i_shift), .i_relu(i_relu), .i_raw(i_raw)
            );
        end
    endgenerate

    // What each beat is, alongside the requantizers: valid, last of a word, first and last of its window
    reg [LATENCY-1:0] tag_valid, tag_word, tag_first, tag_last;
    always @(posedge i_clk) begin
        tag_valid <= i_reset ? {LATENCY{1'b0}} : {tag_valid[LATENCY-2:0], active};
        tag_word  <= {tag_word[LATENCY-2:0], end_beat};
        tag_first <= {tag_first[LATENCY-2:0], pool_first};
        tag_last  <= {tag_last[LATENCY-2:0], pool_last};
    end

    // ---- Tail: the pooling maximum of every lane and slot, a circular chain in step with the beats
    reg  [8*LANES*POSITIONS-1:0]         best;
    wire [8*DRAIN-1:0]                   better;
    wire [8*(LANES*POSITIONS+DRAIN)-1:0] best_moving = {better, best};
    generate
        for (n = 0; n < DRAIN; n = n + 1) begin : maximum
            wire signed [7:0] old_value = best[8*n +: 8];
            wire signed [7:0] new_value = values[8*n +: 8];
            assign better[8*n +: 8] = tag_first[LATENCY-1] || new_value > old_value ? new_value : old_value;
        end
    endgenerate

    wire beat_out = tag_valid[LATENCY-1];
    wire word_out = beat_out && tag_word[LATENCY-1] && tag_last[LATENCY-1];
    wire row_exists, layer_end;
    wire [ADDR_BITS-1:0] word_addr;
    output_walker #(.LANES(LANES), .ADDR_BITS(ADDR_BITS)) walker (
        .i_clk(i_clk), .i_start(i_start), .i_word(word_out), .o_addr(word_addr), .o_valid(row_exists), .o_done(layer_end),
        .i_rows(i_rows), .i_raw(i_raw), .i_out_width(i_out_width), .i_out_height(i_out_height),
        .i_out_base(i_out_base), .i_out_row(i_out_row), .i_out_channel(i_out_channel)
    );

    // The word is the top of the chain after its last beat
    reg ended;
    wire unused = &{1'b0, biases_moving[ACC_BITS-1:0], best_moving[8*DRAIN-1:0]};
    assign o_write_soon = word_out && row_exists;
    assign o_layer_done = ended && !o_write;
    always @(posedge i_clk) begin
        if (beat_out)
            best <= best_moving[8*(LANES*POSITIONS+DRAIN)-1:8*DRAIN];
        if (o_write_soon) begin
            o_write      <= 1'b1;
            o_write_addr <= word_addr;
            o_write_data <= best_moving[8*(LANES*POSITIONS+DRAIN)-1 -: 8*POSITIONS];
        end else if (i_write_taken)
            o_write <= 1'b0;
        ended <= (ended || layer_end) && !o_layer_done;
        if (i_reset || i_start) begin
            o_write <= 1'b0;
            ended   <= 1'b0;
        end
    end
endmodule
`default_nettype wire
