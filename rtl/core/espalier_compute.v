`default_nettype none
`include "protocol.vh"
// All of the computing: memories, decoder, array and sequencer. ../README.md has the drawing and the table of the ports,
// which the frame part drives, and of the parameters.
module espalier_compute #(
    parameter LANES           = 2,
    parameter POSITIONS       = 8,
    parameter PORTS           = 1,
    parameter ACT_SINGLE_PORT = 1,
    parameter ACT_WORDS       = 16384,
    parameter WEIGHT_WORDS    = 1280,
    parameter LAYERS          = 8,
    parameter TABLE_DEPTH     = 1024,
    parameter LIST_DEPTH      = 1024,
    parameter PRIVATE_DEPTH   = 512,
    parameter FORMATS         = 7,
    parameter ACC_BITS        = 24,
    parameter DRAIN           = 1,
    parameter VENDOR          = 0
) (
    input  wire                   i_clk,
    input  wire                   i_reset,
    // Layer descriptors
    input  wire                   i_layer_write,
    input  wire [15:0]            i_layer_addr,
    input  wire [15:0]            i_layer_data,
    // Activations, while no run
    input  wire                   i_act_write,
    input  wire [15:0]            i_act_addr,
    input  wire [7:0]             i_act_slot,
    input  wire [7:0]             i_act_data,
    input  wire                   i_act_read,
    output wire                   o_act_valid,
    output wire [8*POSITIONS-1:0] o_act_data,
    // Weights
    input  wire                   i_weight_write,
    input  wire [31:0]            i_weight_data,
    input  wire                   i_weight_commit,
    input  wire                   i_weight_discard,
    input  wire                   i_weight_rewind,
    output wire [15:0]            o_weight_space,
    // Run
    input  wire                   i_run_start,
    input  wire [7:0]             i_run_layers,
    input  wire [7:0]             i_run_slots,
    input  wire                   i_run_streamed,
    input  wire                   i_run_abort,
    output wire                   o_run_busy,
    output wire                   o_run_done,
    output wire [7:0]             o_run_status,
    // Event counters, while no run
    input  wire [4:0]             i_counter_index,
    output wire [31:0]            o_counter_value
);

    localparam ADDR_BITS    = $clog2(ACT_WORDS);
    localparam TABLE_BITS   = $clog2(TABLE_DEPTH);
    localparam STEP_BITS    = $clog2(LIST_DEPTH);
    localparam WIDER        = TABLE_BITS > STEP_BITS ? TABLE_BITS : STEP_BITS;
    localparam HAS_PRIVATE  = (FORMATS >> `ESPALIER_FORMAT_GAP) % 2;
    localparam PASS         = LANES * (POSITIONS / DRAIN);
    localparam DRAIN_CYCLES = PASS > 8 ? PASS : 8;

    // ---- Run

    reg       streamed_q;
    reg [4:0] slots_q;

    always @(posedge i_clk)
        if (i_run_start) streamed_q <= i_run_streamed;
        else if (i_weight_rewind || i_run_abort) streamed_q <= 1'b0; // what comes now is for a resident run

    always @(posedge i_clk)
        if (i_run_start) slots_q <= i_run_slots[4:0];

    wire                 idle, layer_load, layer_loaded, layer_legal, layer_word, layer_start, layer_done;
    wire                 prologue_done, for_positions, rows_start, in_rows, clear_write, bad_stream, overflow, settled;
    wire [7:0]           layer;
    wire [4:0]           layer_word_number;
    wire [15:0]          layer_word_data;
    wire [ADDR_BITS-1:0] clear_addr;
    reg                  underrun;

    sequencer #(.ADDR_BITS(ADDR_BITS)) run (
        .i_clk(i_clk), .i_reset(i_reset), .i_start(i_run_start), .i_layers(i_run_layers), .i_abort(i_run_abort),
        .o_busy(o_run_busy), .o_done(o_run_done), .o_status(o_run_status), .o_idle(idle),
        .o_load(layer_load), .o_layer(layer), .i_loaded(layer_loaded), .i_legal(layer_legal),
        .i_word(layer_word), .i_word_number(layer_word_number), .i_word_data(layer_word_data),
        .o_layer_start(layer_start), .i_prologue_done(prologue_done), .o_positions(for_positions), .o_rows_start(rows_start),
        .o_rows(in_rows), .i_layer_done(layer_done), .o_clear_write(clear_write), .o_clear_addr(clear_addr),
        .i_underrun(underrun), .i_bad_stream(bad_stream || overflow), .i_settled(settled)
    );

    wire [1:0]           format;
    wire                 relu, raw, has_codebook;
    wire [3:0]           value_bits, gap_bits, count_bits;
    wire [4:0]           bias_bits, bias_shift;
    wire [TABLE_BITS:0]  columns, kept;
    wire [ADDR_BITS-1:0] out_row, out_channel;
    reg                  private_index; // constant in a layer, and long there before it is needed

    always @(posedge i_clk) private_index <= HAS_PRIVATE != 0 && format == `ESPALIER_FORMAT_GAP;

    layer_settings #(
        .LAYERS(LAYERS), .TABLE_DEPTH(TABLE_DEPTH), .LIST_DEPTH(LIST_DEPTH), .FORMATS(FORMATS), .ADDR_BITS(ADDR_BITS),
        .VENDOR(VENDOR)
    ) settings (
        .i_clk(i_clk), .i_reset(idle),
        .i_write(i_layer_write), .i_write_addr(i_layer_addr), .i_write_data(i_layer_data),
        .i_load(layer_load), .i_layer(layer), .o_loaded(layer_loaded), .o_legal(layer_legal),
        .o_word(layer_word), .o_word_number(layer_word_number), .o_word_data(layer_word_data),
        .o_format(format), .o_relu(relu), .o_raw(raw), .o_has_codebook(has_codebook), .o_value_bits(value_bits),
        .o_gap_bits(gap_bits), .o_count_bits(count_bits), .o_bias_bits(bias_bits), .o_bias_shift(bias_shift),
        .o_columns(columns), .o_kept(kept), .o_out_row(out_row), .o_out_channel(out_channel)
    );

    // ---- Weight stream

    wire        word_valid, word_ready, exhausted, bits_valid, bits_take, bits_ask, bits_back, bits_dry, filler;
    wire [31:0] word_data;
    wire [4:0]  bits_next_width;
    wire [19:0] bits;

    weight_memory #(.WORDS(WEIGHT_WORDS)) weights (
        .i_clk(i_clk), .i_reset(i_reset), .i_write(i_weight_write), .i_write_data(i_weight_data),
        .i_commit(i_weight_commit), .i_discard(i_weight_discard), .i_rewind(i_weight_rewind || i_run_abort),
        .o_space(o_weight_space), .i_start(i_run_start), .i_streamed(i_run_start ? i_run_streamed : streamed_q),
        .o_exhausted(exhausted), .o_word_valid(word_valid), .i_word_ready(word_ready && !idle), .o_word_data(word_data)
    );
    bit_unpacker unpacker (
        .i_clk(i_clk), .i_reset(idle), .i_word_valid(word_valid && !idle), .o_word_ready(word_ready), .i_word_data(word_data),
        .i_take(bits_take), .i_next_width(bits_next_width), .o_valid(bits_valid), .o_dry(bits_dry), .o_bits(bits), .o_ask(bits_ask),
        .i_back(bits_back), .i_back_width(filler ? value_bits : 4'd0)
    );

    // ---- Decoder, codebook, column table

    wire                  column_valid, column_keep, codebook_write, bias_write, list_free, group_begin;
    wire                  entry, row_end, group_end, fill_last_group, starved, value, gap;
    wire [TABLE_BITS:0]   columns_kept;
    wire [15:0]           bias;
    wire [7:0]            mult, code, codebook_entry, weight;
    wire [4:0]            shift, other_bits;
    wire [3:0]            codebook_index, bias_lane;
    wire [1:0]            bias_group;
    wire [TABLE_BITS-1:0] entry_column;
    wire [STEP_BITS-1:0]  step;
    wire [WIDER-1:0]      step_wide = {{(WIDER - STEP_BITS){1'b0}}, step};
    wire [ADDR_BITS-1:0]  offset;

    stream_decoder #(.LANES(LANES), .COLUMN_BITS(TABLE_BITS), .FORMATS(FORMATS)) decoder (
        .i_clk(i_clk), .i_reset(idle), .i_start(layer_start),
        .i_rows_load(layer_word && layer_word_number == `ESPALIER_LAYER_ROWS), .i_rows(layer_word_data),
        .i_format(format), .i_has_codebook(has_codebook), .i_value_bits(value_bits), .i_gap_bits(gap_bits),
        .i_count_bits(count_bits), .i_bias_bits(bias_bits), .i_columns(columns), .i_kept(kept),
        .o_prologue_done(prologue_done), .o_bad(bad_stream),
        .o_take(bits_take), .o_next_width(bits_next_width), .o_back(bits_back), .i_valid(bits_valid), .i_ask(bits_ask), .i_bits(bits),
        .o_column_valid(column_valid), .o_column_keep(column_keep), .i_columns_kept(columns_kept),
        .o_mult(mult), .o_shift(shift), .o_codebook_write(codebook_write), .o_codebook_index(codebook_index),
        .o_codebook_entry(codebook_entry),
        .o_bias_write(bias_write), .o_bias(bias), .o_bias_group(bias_group), .o_bias_lane(bias_lane),
        .i_list_free(list_free && in_rows), .o_group_begin(group_begin),
        .o_entry(entry), .o_code(code), .o_column(entry_column), .o_row_end(row_end), .o_group_end(group_end),
        .o_last_group(fill_last_group), .o_starved(starved), .o_value(value), .o_filler(filler), .o_gap(gap), .o_other_bits(other_bits)
    );
    codebook codes (
        .i_clk(i_clk), .i_has_codebook(has_codebook), .i_value_bits(value_bits),
        .i_write(codebook_write), .i_write_index(codebook_index), .i_write_weight(codebook_entry),
        .i_code(code), .o_weight(weight)
    );
    wire                 advance, window_first, window_last, row_last, last;
    wire [ADDR_BITS-1:0] walked; // a column's offset, or a position's first activation

    layer_walker #(.ADDR_BITS(ADDR_BITS)) walker (
        .i_clk(i_clk), .i_positions(for_positions),
        .i_word(layer_word), .i_word_number(layer_word_number), .i_word_data(layer_word_data),
        .i_start(layer_start || rows_start), .i_advance(column_valid || advance),
        .o_window_first(window_first), .o_window_last(window_last), .o_row_last(row_last), .o_last(last), .o_addr(walked)
    );
    // Looked up while decoding with a private index, while replaying with a shared one
    column_table #(.DEPTH(TABLE_DEPTH), .ADDR_BITS(ADDR_BITS)) offsets_of_columns (
        .i_clk(i_clk), .i_start(layer_start), .i_column(column_valid), .i_keep(column_keep), .i_offset(walked),
        .o_kept(columns_kept), .i_lookup(private_index ? entry_column : step_wide[TABLE_BITS-1:0]), .o_offset(offset)
    );

    always @(posedge i_clk) underrun <= !idle && starved && bits_dry && exhausted && !streamed_q;

    // ---- Step lists and their replay

    wire                       list_ready, no_steps, list_last_group, replayed, list_release;
    wire [STEP_BITS:0]         steps;
    wire [LANES-1:0]           group_rows, step_lanes;
    wire [PORTS*ADDR_BITS-1:0] step_offsets, read_addr;
    wire [8*LANES-1:0]         step_weights;

    step_list #(
        .LANES(LANES), .PORTS(PORTS), .LIST_DEPTH(LIST_DEPTH), .PRIVATE_DEPTH(PRIVATE_DEPTH), .HAS_PRIVATE(HAS_PRIVATE),
        .ADDR_BITS(ADDR_BITS)
    ) list (
        .i_clk(i_clk), .i_reset(idle), .i_private(private_index), .i_kept({{(15 - TABLE_BITS){1'b0}}, kept}),
        .o_free(list_free), .i_group_begin(group_begin), .i_entry(entry), .i_row_end(row_end), .i_group_end(group_end),
        .i_last_group(fill_last_group), .i_weight(weight), .i_offset(offset), .o_overflow(overflow),
        .o_ready(list_ready), .o_steps(steps), .o_no_steps(no_steps), .o_rows(group_rows), .o_last_group(list_last_group),
        .i_replayed(replayed), .i_release(list_release),
        .i_step(step), .o_lanes(step_lanes), .o_offsets(step_offsets), .o_weights(step_weights)
    );

    wire             block, read, close, drain_start, busy, blocked, draining;
    wire             drain_first, drain_window_last, drain_row_last, drain_last, drain_layer_last;
    wire [LANES-1:0] add, drain_rows, lane_steps;

    replay #(
        .LANES(LANES), .STEP_BITS(STEP_BITS), .ADDR_BITS(ADDR_BITS), .PORTS(PORTS), .DRAIN_CYCLES(DRAIN_CYCLES)
    ) replayer (
        .i_clk(i_clk), .i_reset(idle), .i_private(private_index), .i_raw(raw),
        .i_ready(list_ready), .i_steps(steps), .i_no_steps(no_steps), .i_rows(group_rows), .i_last_group(list_last_group),
        .o_replayed(replayed), .o_release(list_release), .o_step(step), .i_lanes(step_lanes), .i_offsets(step_offsets),
        .i_offset(offset), .i_window_first(window_first), .i_window_last(window_last), .i_row_last(row_last), .i_last(last),
        .i_base(walked), .o_advance(advance), .i_block(block), .o_read(read), .o_read_addr(read_addr), .o_add(add), .o_close(close),
        .o_drain(drain_start), .o_drain_first(drain_first), .o_drain_window_last(drain_window_last),
        .o_drain_row_last(drain_row_last), .o_drain_last(drain_last), .o_drain_layer_last(drain_layer_last),
        .o_drain_rows(drain_rows), .o_busy(busy), .o_blocked(blocked), .o_draining(draining), .o_lane_steps(lane_steps)
    );

    // ---- Lanes and drain. The chain runs from lane to lane, and from the last lane back to the first

    wire [(LANES+1)*DRAIN*ACC_BITS-1:0] chain /*verilator split_var*/; // a ring, but every place is a register
    wire [PORTS*8*POSITIONS-1:0]        words;
    wire [8*POSITIONS-1:0]              drain_data;
    wire [ADDR_BITS-1:0]                drain_addr;
    wire                                shift_chain, drain_block, drain_write;

    assign chain[LANES*DRAIN*ACC_BITS +: DRAIN*ACC_BITS] = chain[DRAIN*ACC_BITS-1:0];

    genvar g;
    generate
        for (g = 0; g < LANES; g = g + 1) begin : g_lane
            lane #(.POSITIONS(POSITIONS), .ACC_BITS(ACC_BITS), .DRAIN(DRAIN), .VENDOR(VENDOR)) row (
                .i_clk(i_clk), .i_clear(idle), .i_weight(step_weights[8*g +: 8]),
                .i_word(words[(PORTS == 1 ? 0 : g)*8*POSITIONS +: 8*POSITIONS]), .i_add(add[g]), .i_close(close),
                .i_shift(shift_chain), .i_chain(chain[(g+1)*DRAIN*ACC_BITS +: DRAIN*ACC_BITS]),
                .o_chain(chain[g*DRAIN*ACC_BITS +: DRAIN*ACC_BITS])
            );
        end
    endgenerate

    drain #(.LANES(LANES), .POSITIONS(POSITIONS), .ACC_BITS(ACC_BITS), .DRAIN(DRAIN), .ADDR_BITS(ADDR_BITS)) drainer (
        .i_clk(i_clk), .i_reset(idle),
        .i_out_load(layer_word && layer_word_number == `ESPALIER_LAYER_OUT_BASE), .i_out_base(layer_word_data[ADDR_BITS-1:0]),
        .i_mult(mult), .i_shift(shift), .i_bias_shift(bias_shift), .i_relu(relu), .i_raw(raw),
        .i_out_row(out_row), .i_out_channel(out_channel), .o_layer_done(layer_done),
        .i_bias_write(bias_write), .i_bias_group(bias_group), .i_bias_lane(bias_lane), .i_bias(bias),
        .i_start(drain_start), .i_first(drain_first), .i_window_last(drain_window_last), .i_row_last(drain_row_last),
        .i_last(drain_last), .i_layer_last(drain_layer_last), .i_rows(drain_rows),
        .o_shift(shift_chain), .i_chain(chain[DRAIN*ACC_BITS-1:0]),
        .o_block(drain_block), .o_write(drain_write), .o_write_addr(drain_addr), .o_write_data(drain_data)
    );

    assign block = ACT_SINGLE_PORT != 0 && drain_block;

    // ---- Activation memory: the array and the drain in a run, the host between runs

    wire [POSITIONS-1:0] host_slot = {{(POSITIONS - 1){1'b0}}, 1'b1} << i_act_slot[3:0];
    reg                  act_valid_q;

    activation_memory #(
        .POSITIONS(POSITIONS), .PORTS(PORTS), .SINGLE_PORT(ACT_SINGLE_PORT), .WORDS(ACT_WORDS), .VENDOR(VENDOR)
    ) activations (
        .i_clk(i_clk), .i_write(o_run_busy ? clear_write || drain_write : i_act_write),
        .i_write_slots(host_slot | {POSITIONS{o_run_busy}}),
        .i_write_addr(!o_run_busy ? i_act_addr[ADDR_BITS-1:0] : clear_write ? clear_addr : drain_addr),
        .i_write_data(o_run_busy ? drain_data & {(8*POSITIONS){!clear_write}} : {POSITIONS{i_act_data}}),
        .i_read_addrs(o_run_busy ? read_addr : {PORTS{i_act_addr[ADDR_BITS-1:0]}}), .o_read_data(words)
    );

    always @(posedge i_clk) act_valid_q <= i_act_read && !i_reset;

    generate
        if (VENDOR == 2) begin : g_host_stage // reading an ECP5's block RAM takes half a cycle, the way to the link the other half
            reg                   valid_q;
            reg [8*POSITIONS-1:0] data_q;
            always @(posedge i_clk) valid_q <= act_valid_q && !i_reset;
            always @(posedge i_clk) if (act_valid_q) data_q <= words[8*POSITIONS-1:0]; // else yosys shares a lane's operands
            assign o_act_valid = valid_q;
            assign o_act_data  = data_q;
        end else begin : g_host
            assign o_act_valid = act_valid_q;
            assign o_act_data  = words[8*POSITIONS-1:0];
        end
    endgenerate

    // ---- Events. A cycle of a run is busy or one kind of stall

    reg       all_issued_q; // every step of the layer
    wire      waiting = in_rows && !all_issued_q && !list_ready; // for a group
    reg [4:0] lane_reads;
    reg [8:0] multiplies;
    integer   n;

    always @(posedge i_clk)
        if (layer_start) all_issued_q <= 1'b0;
        else if (replayed && list_last_group) all_issued_q <= 1'b1;

    always @* begin
        multiplies = 9'd0;
        lane_reads = 5'd0;
        for (n = 0; n < LANES; n = n + 1) begin
            multiplies = multiplies + ({4'd0, slots_q} & {9{lane_steps[n]}});
            lane_reads = lane_reads + {4'd0, lane_steps[n]};
        end
        // Copies of the memory are read one a lane with a private index; else they are read alike, as one
        if (PORTS == 1 || !private_index) lane_reads = {4'd0, |lane_steps};
    end

    event_counters #(.LANES(LANES), .POSITIONS(POSITIONS)) events (
        .i_clk(i_clk), .i_reset(i_reset), .i_start(i_run_start), .i_run(!idle), .i_hold(!o_run_busy), .o_settled(settled),
        .i_busy(busy), .i_setup(!busy && !blocked && !draining && !waiting), .i_decode(waiting && !starved),
        .i_stream(waiting && starved), .i_drain(draining), .i_port(blocked),
        .i_multiplies(multiplies), .i_act_reads(lane_reads), .i_filler(filler),
        .i_act_write(clear_write || drain_write), .i_value_bits(value ? value_bits : 4'd0), .i_index_bits(gap ? gap_bits : 4'd0),
        .i_other_bits(other_bits), .i_index(i_counter_index), .o_value(o_counter_value)
    );

    wire unused = &{1'b0, i_act_addr, i_act_slot, i_run_slots, read, step_wide};

endmodule
`default_nettype wire
