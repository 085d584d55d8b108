// All of the computing: memories, decoders, array and sequencer, between the
// ports that the frame part drives (the table in rtl/README.md).
`default_nettype none
`include "protocol.vh"
module espalier_compute #(
    parameter LANES           = 2,
    parameter POSITIONS       = 8,
    parameter PORTS           = 1,
    parameter ACT_SINGLE_PORT = 1,
    parameter ACT_WORDS       = 16384,
    parameter WEIGHT_WORDS    = 1024,
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
    input  wire                   i_layer_write,
    input  wire [15:0]            i_layer_addr,
    input  wire [15:0]            i_layer_data,
    input  wire                   i_act_write,
    input  wire [15:0]            i_act_addr,
    input  wire [7:0]             i_act_slot,
    input  wire [7:0]             i_act_data,
    input  wire                   i_act_read,
    output wire                   o_act_valid,
    output wire [8*POSITIONS-1:0] o_act_data,
    input  wire                   i_weight_write,
    input  wire [31:0]            i_weight_data,
    input  wire                   i_weight_commit,
    input  wire                   i_weight_discard,
    input  wire                   i_weight_rewind,
    output wire [15:0]            o_weight_space,
    input  wire                   i_run_start,
    input  wire [7:0]             i_run_layers,
    input  wire [7:0]             i_run_slots,
    input  wire                   i_run_streamed,
    input  wire                   i_run_abort,
    output wire                   o_run_busy,
    output wire                   o_run_done,
    output wire [7:0]             o_run_status,
    input  wire [4:0]             i_counter_index,
    output wire [31:0]            o_counter_value
);
    localparam ADDR_BITS    = $clog2(ACT_WORDS);
    localparam TABLE_BITS   = $clog2(TABLE_DEPTH);
    localparam LIST_BITS    = $clog2(LIST_DEPTH);
    localparam LANE_BITS    = $clog2(LANES + 1);
    localparam PRIVATE      = (FORMATS & 4) != 0;
    localparam DRAIN_CYCLES = LANES * (POSITIONS / DRAIN);

    // ---- Run settings
    reg       streamed;
    reg [4:0] slots;
    always @(posedge i_clk)
        if (i_run_start) begin
            streamed <= i_run_streamed;
            slots    <= i_run_slots[4:0];
        end

    // ---- Sequencer and layer settings
    wire                 quiesce, counting, in_rows, settled, load, loaded, legal, prologue, prologue_taking;
    wire [7:0]           layer;
    wire [4:0]           prologue_need;
    wire [7:0]           mult;
    wire [4:0]           shift;
    wire                 book_write, table_start, table_filling, table_wrong, clear_write, rows_start, decode_error, layer_done;
    wire [3:0]           book_addr;
    wire [ADDR_BITS-1:0] clear_addr;
    wire                 have, underrun;
    wire [19:0]          bits;

    wire [1:0]           format;
    wire                 relu, raw, has_codebook;
    wire [3:0]           value_bits, gap_bits, count_bits;
    wire [4:0]           bias_bits, bias_shift;
    wire [2:0]           pool;
    wire [15:0]          rows, columns, kept, clear_words;
    wire [7:0]           kernel_width, kernel_height, out_width, out_height;
    wire [ADDR_BITS-1:0] in_row, in_channel, in_base, step_x, step_y, pool_step_x, pool_step_y;
    wire [ADDR_BITS-1:0] out_base, out_row, out_channel, clear_base;

    sequencer #(.ADDR_BITS(ADDR_BITS)) run (
        .i_clk(i_clk), .i_reset(i_reset), .i_start(i_run_start), .i_layers(i_run_layers), .i_abort(i_run_abort),
        .o_busy(o_run_busy), .o_done(o_run_done), .o_status(o_run_status), .o_quiesce(quiesce), .o_counting(counting),
        .o_in_rows(in_rows), .i_settled(settled),
        .o_load(load), .o_layer(layer), .i_loaded(loaded), .i_legal(legal), .i_has_codebook(has_codebook),
        .i_value_bits(value_bits), .i_clear_base(clear_base), .i_clear_words(clear_words),
        .o_prologue(prologue), .o_need(prologue_need), .o_taking(prologue_taking), .i_have(have), .i_bits(bits[7:0]),
        .i_underrun(underrun), .o_mult(mult), .o_shift(shift), .o_book_write(book_write), .o_book_addr(book_addr),
        .o_table_start(table_start), .i_table_filling(table_filling), .i_table_wrong(table_wrong),
        .o_clear_write(clear_write), .o_clear_addr(clear_addr),
        .o_rows_start(rows_start), .i_decode_error(decode_error), .i_layer_done(layer_done)
    );
    layer_settings #(
        .LAYERS(LAYERS), .TABLE_DEPTH(TABLE_DEPTH), .LIST_DEPTH(LIST_DEPTH), .FORMATS(FORMATS), .ADDR_BITS(ADDR_BITS)
    ) settings (
        .i_clk(i_clk), .i_reset(i_reset),
        .i_write(i_layer_write), .i_write_addr(i_layer_addr), .i_write_data(i_layer_data),
        .i_load(load), .i_layer(layer), .o_loaded(loaded), .o_legal(legal),
        .o_format(format), .o_relu(relu), .o_raw(raw), .o_has_codebook(has_codebook), .o_value_bits(value_bits),
        .o_gap_bits(gap_bits), .o_count_bits(count_bits), .o_bias_bits(bias_bits), .o_bias_shift(bias_shift), .o_pool(pool),
        .o_rows(rows), .o_columns(columns), .o_kept(kept), .o_kernel_width(kernel_width), .o_kernel_height(kernel_height),
        .o_in_row(in_row), .o_in_channel(in_channel), .o_in_base(in_base), .o_step_x(step_x), .o_step_y(step_y),
        .o_pool_step_x(pool_step_x), .o_pool_step_y(pool_step_y), .o_out_width(out_width), .o_out_height(out_height),
        .o_out_base(out_base), .o_out_row(out_row), .o_out_channel(out_channel),
        .o_clear_base(clear_base), .o_clear_words(clear_words)
    );

    // ---- Weight stream: memory, unpacker, and who takes its bits
    wire        word_valid, word_ready, exhausted;
    wire [31:0] word_data;
    weight_memory #(.WORDS(WEIGHT_WORDS)) weights (
        .i_clk(i_clk), .i_reset(i_reset), .i_write(i_weight_write), .i_write_data(i_weight_data),
        .i_commit(i_weight_commit), .i_discard(i_weight_discard), .i_rewind(i_weight_rewind || i_run_abort),
        .o_space(o_weight_space), .i_start(i_run_start), .i_streamed(i_run_start ? i_run_streamed : streamed),
        .o_exhausted(exhausted), .o_word_valid(word_valid), .i_word_ready(word_ready && !quiesce), .o_word_data(word_data)
    );

    wire        rows_taking, rows_waits, table_taking, column_bits, keep;
    wire [4:0]  rows_need, rows_take;
    wire [4:0]  table_need = {4'd0, column_bits};
    wire [4:0]  need   = prologue ? prologue_need : table_filling ? table_need : rows_need;
    wire [4:0]  take   = prologue ? prologue_need : table_filling ? table_need : rows_take;
    wire        taking = prologue_taking || table_taking || rows_taking;
    bit_unpacker unpacker (
        .i_clk(i_clk), .i_reset(quiesce), .i_word_valid(word_valid && !quiesce), .o_word_ready(word_ready), .i_word_data(word_data),
        .i_need(need), .o_have(have), .o_bits(bits), .i_taking(taking), .i_take(take)
    );

    // A resident stream that is wanted after its end
    wire      wanting = (prologue || table_filling || rows_waits) && !have;
    reg [2:0] dry;
    assign underrun = &dry;
    always @(posedge i_clk)
        if (quiesce || streamed || !wanting || !exhausted || word_valid)
            dry <= 3'd0;
        else
            dry <= dry + 3'd1;

    wire [4:0]  entry_need, entry_take;
    wire [11:0] entry_skip;
    wire        entry_filler, entry_private;
    wire [7:0]  entry_code;
    format_select #(.FORMATS(FORMATS)) formats (
        .i_format(format), .i_bits(bits), .i_value_bits(value_bits), .i_gap_bits(gap_bits), .o_column_bits(column_bits),
        .o_keep(keep), .o_need(entry_need), .o_take(entry_take), .o_skip(entry_skip), .o_filler(entry_filler),
        .o_code(entry_code), .o_private(entry_private)
    );

    // ---- Column table, codebook
    wire [TABLE_BITS-1:0] decode_table_addr;
    wire [LIST_BITS-1:0]  replay_index;
    wire [ADDR_BITS-1:0]  table_offset;
    wire [TABLE_BITS+LIST_BITS-1:0] replay_index_wide = {{TABLE_BITS{1'b0}}, replay_index};
    column_table #(.TABLE_DEPTH(TABLE_DEPTH), .ADDR_BITS(ADDR_BITS)) table_of_columns (
        .i_clk(i_clk), .i_reset(quiesce), .i_start(table_start), .o_filling(table_filling), .o_kept_wrong(table_wrong),
        .i_columns(columns), .i_kept(kept), .i_kernel_width(kernel_width), .i_kernel_height(kernel_height),
        .i_in_row(in_row), .i_in_channel(in_channel), .i_have(have), .o_taking(table_taking), .i_keep(keep),
        .i_read_addr(entry_private ? decode_table_addr : replay_index_wide[TABLE_BITS-1:0]), .o_read_offset(table_offset)
    );
    wire [3:0] decode_book_addr;
    wire [7:0] book_weight;
    ram_1r1w #(.WIDTH(8), .DEPTH(16)) codebook (
        .i_clk(i_clk), .i_write(book_write), .i_write_addr(book_addr), .i_write_data(bits[7:0]),
        .i_read(1'b1), .i_read_addr(decode_book_addr), .o_read_data(book_weight)
    );

    // ---- Rows: decoder, step list, group queue
    wire                 write_half, half_free, group_done, list_write, bias_write, count_write;
    wire [LANE_BITS-1:0] list_lane, row_lane, done_lanes;
    wire [LIST_BITS-1:0] list_index;
    wire [7:0]           list_weight;
    wire [ADDR_BITS-1:0] list_offset;
    wire [23:0]          bias;
    wire [LIST_BITS:0]   count;
    wire                 event_value, event_index, event_filler, event_other;
    row_decoder #(
        .LANES(LANES), .PORTS(PORTS), .LIST_DEPTH(LIST_DEPTH), .PRIVATE_DEPTH(PRIVATE_DEPTH), .TABLE_DEPTH(TABLE_DEPTH),
        .ADDR_BITS(ADDR_BITS)
    ) decoder (
        .i_clk(i_clk), .i_reset(quiesce), .i_start(rows_start), .i_half_free(half_free), .o_half(write_half),
        .o_group_done(group_done), .o_error(decode_error), .o_waits(rows_waits),
        .i_rows(rows), .i_columns(entry_private ? columns : kept), .i_kept(kept), .i_count_bits(count_bits),
        .i_bias_bits(bias_bits), .i_bias_shift(bias_shift), .i_value_bits(value_bits), .i_has_codebook(has_codebook),
        .i_entry_need(entry_need), .i_entry_take(entry_take), .i_entry_skip(entry_skip), .i_entry_filler(entry_filler),
        .i_entry_code(entry_code), .i_private(entry_private),
        .i_bits(bits), .i_have(have), .o_need(rows_need), .o_taking(rows_taking), .o_take(rows_take),
        .o_table_addr(decode_table_addr), .i_table_offset(table_offset), .o_book_addr(decode_book_addr), .i_book_weight(book_weight),
        .o_write(list_write), .o_write_lane(list_lane), .o_write_index(list_index), .o_write_weight(list_weight),
        .o_write_offset(list_offset), .o_bias_write(bias_write), .o_bias(bias), .o_row_lane(row_lane),
        .o_count_write(count_write), .o_count(count), .o_group_lanes(done_lanes),
        .o_event_value(event_value), .o_event_index(event_index), .o_event_filler(event_filler), .o_event_other(event_other)
    );

    wire                        read_half, full, replayed, release_group, release_half;
    wire [LIST_BITS:0]          steps;
    wire [LANES*(LIST_BITS+1)-1:0] counts;
    wire [LANE_BITS-1:0]        group_lanes;
    wire [LANES*ACC_BITS-1:0]   biases;
    group_queue #(.LANES(LANES), .LIST_DEPTH(LIST_DEPTH), .ACC_BITS(ACC_BITS)) groups (
        .i_clk(i_clk), .i_reset(quiesce), .i_write_half(write_half), .o_half_free(half_free),
        .i_bias_write(bias_write), .i_bias(bias), .i_count_write(count_write), .i_lane(row_lane), .i_count(count),
        .i_group_done(group_done), .i_group_lanes(done_lanes),
        .i_read_half(read_half), .o_full(full), .o_steps(steps), .o_counts(counts), .o_group_lanes(group_lanes),
        .i_replayed(replayed), .i_release(release_group), .i_release_half(release_half), .o_biases(biases)
    );
    wire [8*LANES-1:0]         step_weights;
    wire [ADDR_BITS*PORTS-1:0] step_offsets;
    step_list #(
        .LANES(LANES), .PORTS(PORTS), .LIST_DEPTH(LIST_DEPTH), .PRIVATE_DEPTH(PRIVATE_DEPTH), .PRIVATE(PRIVATE), .ADDR_BITS(ADDR_BITS)
    ) list (
        .i_clk(i_clk), .i_write(list_write), .i_write_private(entry_private), .i_write_half(write_half), .i_write_lane(list_lane),
        .i_write_index(list_index), .i_write_weight(list_weight), .i_write_offset(list_offset),
        .i_read_half(read_half), .i_read_index(replay_index), .o_weights(step_weights), .o_offsets(step_offsets)
    );

    // ---- Array: replay, positions, lanes, drain
    wire                       advance, last_position, read, add, last, step, wait_drain, wait_port, inhibit;
    wire [ADDR_BITS-1:0]       base;
    wire [ADDR_BITS*PORTS-1:0] read_addrs;
    wire [8*LANES-1:0]         lane_weights;
    wire [LANE_BITS-1:0]       step_lanes, step_reads;
    position_walker #(.ADDR_BITS(ADDR_BITS)) positions (
        .i_clk(i_clk), .i_restart(rows_start), .i_advance(advance), .o_base(base), .o_last(last_position),
        .i_in_base(in_base), .i_step_x(step_x), .i_step_y(step_y), .i_pool_step_x(pool_step_x), .i_pool_step_y(pool_step_y),
        .i_pool(pool), .i_out_width(out_width), .i_out_height(out_height)
    );
    replay #(
        .LANES(LANES), .PORTS(PORTS), .LIST_DEPTH(LIST_DEPTH), .ADDR_BITS(ADDR_BITS), .DRAIN_CYCLES(DRAIN_CYCLES)
    ) replayer (
        .i_clk(i_clk), .i_reset(quiesce), .i_private(entry_private), .i_raw(raw), .i_inhibit(inhibit),
        .o_half(read_half), .i_full(full), .i_steps(steps), .i_counts(counts), .i_group_lanes(group_lanes),
        .o_replayed(replayed), .o_release(release_group), .o_release_half(release_half),
        .i_base(base), .i_last_position(last_position), .o_advance(advance),
        .o_index(replay_index), .i_weights(step_weights), .i_offsets(step_offsets), .i_table_offset(table_offset),
        .o_read(read), .o_read_addrs(read_addrs), .o_weights(lane_weights), .o_add(add), .o_last(last),
        .o_event_step(step), .o_event_drain(wait_drain), .o_event_port(wait_port),
        .o_event_lanes(step_lanes), .o_event_reads(step_reads)
    );

    wire                               chain_shift, write_soon, word_write, word_taken;
    wire [ACC_BITS*DRAIN*(LANES+1)-1:0] chain /* verilator split_var */;        // lane n's output at n
    wire [ADDR_BITS-1:0]               word_addr;
    wire [8*POSITIONS-1:0]             word_out;
    wire [8*POSITIONS*PORTS-1:0]       words_in;
    assign chain[ACC_BITS*DRAIN*LANES +: ACC_BITS*DRAIN] = chain[ACC_BITS*DRAIN-1:0];
    genvar n;
    generate
        for (n = 0; n < LANES; n = n + 1) begin : lanes
            lane #(.POSITIONS(POSITIONS), .ACC_BITS(ACC_BITS), .DRAIN(DRAIN), .VENDOR(VENDOR)) row (
                .i_clk(i_clk), .i_clear(quiesce), .i_weight(lane_weights[8*n +: 8]),
                .i_word(words_in[8*POSITIONS*(PORTS == 1 ? 0 : n) +: 8*POSITIONS]), .i_add(add), .i_last(last),
                .i_shift(chain_shift), .i_chain(chain[ACC_BITS*DRAIN*(n+1) +: ACC_BITS*DRAIN]),
                .o_chain(chain[ACC_BITS*DRAIN*n +: ACC_BITS*DRAIN])
            );
        end
    endgenerate
    drain #(.LANES(LANES), .POSITIONS(POSITIONS), .DRAIN(DRAIN), .ACC_BITS(ACC_BITS), .ADDR_BITS(ADDR_BITS)) drainer (
        .i_clk(i_clk), .i_reset(quiesce), .i_start(rows_start), .i_load(last), .i_biases(biases), .o_shift(chain_shift),
        .i_chain(chain[ACC_BITS*DRAIN-1:0]), .o_write_soon(write_soon), .o_write(word_write), .o_write_addr(word_addr),
        .o_write_data(word_out), .i_write_taken(word_taken), .o_layer_done(layer_done),
        .i_rows(rows), .i_mult(mult), .i_shift(shift), .i_relu(relu), .i_raw(raw), .i_pool(pool), .i_out_width(out_width),
        .i_out_height(out_height), .i_out_base(out_base), .i_out_row(out_row), .i_out_channel(out_channel)
    );

    wire unused = &{1'b0, i_act_addr, i_act_slot, i_run_slots, replay_index_wide};

    // ---- Activation memory: the drain, clearing and the host write; the array and the host read
    assign inhibit    = ACT_SINGLE_PORT != 0 && write_soon;
    assign word_taken = word_write && (ACT_SINGLE_PORT == 0 || !read);
    wire [POSITIONS-1:0] host_slot = {{(POSITIONS-1){1'b0}}, 1'b1} << i_act_slot[3:0];
    wire                 write     = i_act_write || clear_write || word_taken;
    activation_memory #(
        .POSITIONS(POSITIONS), .PORTS(PORTS), .SINGLE_PORT(ACT_SINGLE_PORT), .WORDS(ACT_WORDS), .VENDOR(VENDOR)
    ) activations (
        .i_clk(i_clk), .i_write(write),
        .i_write_slots(o_run_busy ? {POSITIONS{1'b1}} : host_slot),
        .i_write_addr(!o_run_busy ? i_act_addr[ADDR_BITS-1:0] : clear_write ? clear_addr : word_addr),
        .i_write_data(!o_run_busy ? {POSITIONS{i_act_data}} : clear_write ? {(8*POSITIONS){1'b0}} : word_out),
        .i_read_addrs(o_run_busy ? read_addrs : {PORTS{i_act_addr[ADDR_BITS-1:0]}}), .o_read_data(words_in)
    );
    reg act_valid;
    always @(posedge i_clk)
        act_valid <= i_act_read && !i_reset;
    assign o_act_valid = act_valid;
    assign o_act_data  = words_in[8*POSITIONS-1:0];

    // ---- Event counters. Every cycle of a run is busy or one kind of stall.
    wire stall_setup  = !in_rows || (!full && !more_groups);
    wire stall_none   = in_rows && !step && !wait_drain && !wait_port && !stall_setup;
    wire stall_stream = stall_none && rows_waits;
    wire stall_decode = stall_none && !rows_waits;
    reg  more_groups;                       // the decoder has rows left, or its group has not been handed over
    reg  [15:0] rows_to_come;
    always @(posedge i_clk) begin
        if (rows_start)
            rows_to_come <= rows;
        else if (group_done)
            rows_to_come <= rows_to_come - {{(16-LANE_BITS){1'b0}}, done_lanes};
        more_groups <= rows_start || rows_to_come != 16'd0;
    end

    // Increments are registered: they are counted a cycle late, all alike
    reg [8:0] singles;
    reg [8:0] multiplies, updates;
    reg [4:0] reads, value_taken, index_taken, other_taken, list_reads;
    localparam [4:0] LANES_5 = LANES[4:0];
    wire [4:0] filler_or_weight_index = entry_filler ? entry_take : entry_take - {1'b0, value_bits};
    always @(posedge i_clk) begin
        singles     <= {9{counting}} & {clear_write || word_taken, event_filler, wait_port, wait_drain, stall_stream, stall_decode,
                                        stall_setup, step, 1'b1};
        multiplies  <= step ? {{(9-LANE_BITS){1'b0}}, step_lanes} * {4'd0, slots} : 9'd0;
        updates     <= step ? {4'd0, LANES_5} * {4'd0, slots} : 9'd0;
        reads       <= step ? {{(5-LANE_BITS){1'b0}}, step_reads} : 5'd0;
        list_reads  <= step ? LANES_5 : 5'd0;
        value_taken <= event_value ? {1'b0, value_bits} : 5'd0;
        index_taken <= event_index ? filler_or_weight_index : 5'd0;
        other_taken <= prologue_taking || table_taking || event_other ? take : 5'd0;
    end
    event_counters counters (
        .i_clk(i_clk), .i_reset(i_reset), .i_clear(i_run_start), .i_hold(!o_run_busy), .o_settled(settled),
        .i_singles(singles), .i_multiplies(multiplies), .i_act_reads(reads), .i_value_bits(value_taken), .i_index_bits(index_taken),
        .i_other_bits(other_taken), .i_acc_updates(updates), .i_list_reads(list_reads), .i_index(i_counter_index),
        .o_value(o_counter_value)
    );
endmodule
`default_nettype wire
