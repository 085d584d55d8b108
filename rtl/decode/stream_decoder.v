`default_nettype none
// Decodes a layer of the weight stream (STREAM.md): scale, codebook and keep flags first, then the rows, one entry a cycle.
// What is common to all formats is here; how flags and entries are read is asked of the format's decoder.
//
// A field is taken in one cycle and reaches codebook and biases in the next (the "taken" outputs), the step lists in the one after that. Rows form groups of
// LANES; a group is begun when the step list has room for it (i_list_free). A row takes a cycle for every weight, three for a filler
// (what follows an entry is looked at before it is known whether that was a filler, and then once more), and one each for a count
// and a bias; a row without entries takes one cycle in their place, and one more unless it ends its group.
module stream_decoder #(
    parameter LANES       = 2,  // rows of a group, 1 to 16
    parameter COLUMN_BITS = 10, // column_table's address width, 4 to 15
    parameter FORMATS     = 7   // bit n: the decoder of format n is built
) (
    input  wire                   i_clk,
    input  wire                   i_reset,
    // Layer: constant from i_start until all its rows are decoded
    input  wire                   i_start,
    input  wire                   i_rows_load,     // i_rows is there, before i_start
    input  wire [15:0]            i_rows,
    input  wire [1:0]             i_format,
    input  wire                   i_has_codebook,
    input  wire [3:0]             i_value_bits,
    input  wire [3:0]             i_gap_bits,
    input  wire [3:0]             i_count_bits,
    input  wire [4:0]             i_bias_bits,
    input  wire [COLUMN_BITS:0]   i_columns,
    input  wire [COLUMN_BITS:0]   i_kept,
    output reg                    o_prologue_done, // one cycle: codebook and column table are complete
    output reg                    o_bad,           // the stream has left its layer
    // bit_unpacker
    output wire                   o_take,
    output wire [4:0]             o_next_width,
    output wire                   o_back,          // the code's bits of the field taken last, if o_filler
    input  wire                   i_valid,
    input  wire                   i_ask,
    input  wire [19:0]            i_bits,
    // column_table, taken
    output reg                    o_column_valid,  // one column of the layer
    output wire                   o_column_keep,
    input  wire [COLUMN_BITS:0]   i_columns_kept,  // columns kept, two cycles later
    // Scale and codebook, taken
    output reg  [7:0]             o_mult,
    output reg  [4:0]             o_shift,
    output reg                    o_codebook_write,
    output reg  [3:0]             o_codebook_index,
    output wire [7:0]             o_codebook_entry,
    // Bias of a lane
    output reg                    o_bias_write,
    output wire [15:0]            o_bias,
    output reg  [1:0]             o_bias_group,    // group of the run, modulo 4
    output reg  [3:0]             o_bias_lane,
    // step_list: entries come two cycles after they were taken
    input  wire                   i_list_free,     // there is room for a group
    output wire                   o_group_begin,   // and it is used from now on
    output reg                    o_entry,         // a weight: its code and, with a private index, its column
    output reg  [7:0]             o_code,
    output reg  [COLUMN_BITS-1:0] o_column,
    output reg                    o_row_end,       // the lane's list is complete, with this entry or without one
    output reg                    o_group_end,     // so is the group's
    output reg                    o_last_group,    // which is the layer's last
    // Events
    output reg                    o_starved,       // bits were wanted, in the cycle before, and not there
    output wire                   o_value,         // a weight was taken
    output wire                   o_filler,
    output wire                   o_gap,           // a gap field was taken
    output reg  [4:0]             o_other_bits     // bits taken as anything but a value or a gap
);

    localparam IDLE     = 3'd0; // no layer, or all its rows are decoded
    localparam SCALE    = 3'd1; // mult and shift
    localparam CODEBOOK = 3'd2; // codebook entries
    localparam COLUMNS  = 3'd3; // keep flags; column_table takes a column a cycle
    localparam GROUP    = 3'd4; // waits for room for a group
    localparam COUNT    = 3'd5; // a row's count
    localparam BIAS     = 3'd6; // a row's bias
    localparam ENTRIES  = 3'd7; // a row's entries

    localparam LEFT_BITS = COLUMN_BITS + 1;

    localparam [4:0] SCALE_WIDTH = 5'd13; // mult and shift

    reg [2:0]           state_q;
    reg [4:0]           width_q;     // of the state's field, which IDLE and GROUP already know
    reg [LEFT_BITS-1:0] left_q;      // codebook entries, columns or entries of the row still to come
    reg                 empty_q;     // the row has no entries
    reg [15:0]          rows_left_q; // rows still to come, with the current one
    reg                 last_row_q;  // it is the last one

    // ---- The format's decoder

    reg        taken_scale_q, taken_count_q, taken_entry_q, taken_columns_q, columns_end_q;
    reg        row_end_q, group_end_q, last_group_q;
    wire       flag_width, keep, counted, no_code, left_layer;
    wire [4:0] entry_width;
    wire [7:0] code;
    wire [COLUMN_BITS-1:0] column;

    format_decoders #(.COLUMN_BITS(COLUMN_BITS), .FORMATS(FORMATS)) decoders (
        .i_clk(i_clk), .i_reset(i_reset),
        .i_format(i_format), .i_value_bits(i_value_bits), .i_gap_bits(i_gap_bits), .i_columns(i_columns),
        .o_flag_width(flag_width), .o_keep(keep),
        .o_counted(counted), .o_width(entry_width),
        .i_taken(taken_entry_q), .i_taken_field(field_q), .i_row_end(row_end_q), .o_filler(no_code),
        .o_code(code), .o_column(column), .o_bad(left_layer)
    );

    // ---- Which field is next, and when it is taken. Every entry is taken as a weight. One that turns out to be a filler, a cycle
    // later, keeps that cycle's field from being taken and brings the entries of its row back. That is known late in a cycle, as is
    // that bits are there: the next state and its width are ready before, and only then chosen

    wire       filler = taken_entry_q && no_code; // the field taken last
    wire       skip   = state_q == ENTRIES && empty_q;
    wire       want   = state_q != IDLE && state_q != GROUP && !skip && !i_ask;
    wire       taken  = want && i_valid && !filler;
    wire       one    = left_q[LEFT_BITS-1:1] == {COLUMN_BITS{1'b0}}; // or none
    wire [2:0] row    = counted ? COUNT : BIAS;                       // the first field of a row
    reg  [2:0] next;
    reg        may_leave;                                             // with a field taken now
    reg        leave;                                                 // anyhow

    assign o_take        = want;
    assign o_back        = filler || skip;
    assign o_group_begin = state_q == GROUP && i_list_free && !filler;

    always @* begin
        next      = state_q;
        may_leave = 1'b1;
        leave     = 1'b0;
        case (state_q)
            IDLE:     begin next = SCALE; leave = i_start; end
            SCALE:    next = i_has_codebook ? CODEBOOK : COLUMNS;
            CODEBOOK: begin next = COLUMNS; may_leave = one; end
            COLUMNS:  begin next = GROUP; may_leave = one; end
            GROUP:    begin next = row; leave = i_list_free; end
            COUNT:    next = BIAS;
            BIAS:     next = ENTRIES;
            default:  begin next = last_row_q ? IDLE : last_lane ? GROUP : row; may_leave = one; leave = skip; end
        endcase
    end

    wire row_end = skip || (state_q == ENTRIES && taken && one);

    wire [4:0] row_width = counted ? {1'b0, i_count_bits} : i_bias_bits;
    reg  [4:0] next_width; // of the state that may follow

    always @*
        case (state_q)
            IDLE:     next_width = SCALE_WIDTH;
            SCALE:    next_width = i_has_codebook ? 5'd8 : {4'd0, flag_width};
            CODEBOOK: next_width = {4'd0, flag_width};
            COLUMNS,
            GROUP:    next_width = row_width;
            COUNT:    next_width = i_bias_bits;
            BIAS:     next_width = entry_width;
            default:  next_width = last_row_q ? SCALE_WIDTH : row_width;
        endcase

    assign o_next_width = i_ask || !may_leave ? width_q : next_width;

    always @(posedge i_clk)
        if (i_reset) begin
            state_q <= IDLE;
            width_q <= SCALE_WIDTH;
        end else if (filler) begin
            state_q <= ENTRIES;
            width_q <= entry_width;
        end else if (leave || (taken && may_leave)) begin
            state_q <= next;
            width_q <= next_width;
        end

    always @(posedge i_clk)
        if (filler) left_q <= left_q + 1'b1;
        else
            case (state_q)
                SCALE:    left_q <= i_has_codebook ? {{COLUMN_BITS{1'b0}}, 1'b1} << i_value_bits : i_columns;
                CODEBOOK: if (taken) left_q <= one ? i_columns : left_q - 1'b1;
                COLUMNS:  if (taken) left_q <= left_q - 1'b1;
                BIAS:     left_q <= !counted ? i_kept : taken_count_q ? count[LEFT_BITS-1:0] : left_q;
                ENTRIES:  if (taken) left_q <= left_q - 1'b1;
                default:  left_q <= left_q;
            endcase

    always @(posedge i_clk)
        if (state_q == BIAS && !counted) empty_q <= i_kept == {LEFT_BITS{1'b0}};
        else if (taken_count_q) empty_q <= count[LEFT_BITS-1:0] == {LEFT_BITS{1'b0}};

    wire [15:0] count = field_q[15:0] & ~above_count;

    // ---- Rows and lanes, a cycle behind: no row is that short

    wire last_lane = o_bias_lane == LANES[3:0] - 4'd1;

    wire row_ended   = row_end_q && !filler;
    wire group_ended = group_end_q && !filler;

    always @(posedge i_clk)
        if (i_rows_load) {rows_left_q, last_row_q} <= {i_rows, i_rows == 16'd1};
        else if (row_ended) {rows_left_q, last_row_q} <= {rows_left_q - 16'd1, rows_left_q == 16'd2};

    always @(posedge i_clk)
        if (i_reset || group_ended) o_bias_lane <= 4'd0;
        else if (row_ended) o_bias_lane <= o_bias_lane + 4'd1;

    always @(posedge i_clk)
        if (i_reset) o_bias_group <= 2'd0;
        else if (group_ended) o_bias_group <= o_bias_group + 2'd1;

    // ---- The field as taken, one cycle later

    reg [19:0] field_q;

    always @(posedge i_clk) field_q <= i_bits;

    always @(posedge i_clk)
        if (i_reset) begin
            {taken_scale_q, taken_count_q, taken_entry_q, taken_columns_q, columns_end_q} <= 5'd0;
            {o_column_valid, o_starved} <= 2'b00;
            {row_end_q, group_end_q, o_entry, o_row_end, o_group_end, o_codebook_write, o_bias_write} <= 7'd0;
            o_other_bits <= 5'd0;
        end else begin
            taken_scale_q    <= state_q == SCALE && taken;
            taken_count_q    <= state_q == COUNT && taken;
            taken_entry_q    <= state_q == ENTRIES && taken;
            o_column_valid   <= state_q == COLUMNS && taken;
            taken_columns_q  <= state_q == COLUMNS && taken && one;
            columns_end_q    <= taken_columns_q;
            o_starved        <= want && !i_valid && !filler;
            o_codebook_write <= state_q == CODEBOOK && taken;
            o_bias_write     <= state_q == BIAS && taken;
            row_end_q        <= row_end;
            group_end_q      <= row_end && (last_lane || last_row_q);
            {o_entry, o_row_end, o_group_end} <= {o_value, row_ended, group_ended};
            o_other_bits     <= taken && state_q != ENTRIES ? width_q : 5'd0;
        end

    always @(posedge i_clk) begin
        {o_last_group, last_group_q} <= {last_group_q, last_row_q};
        o_code   <= code;
        o_column <= column;
        if (taken_scale_q) {o_shift, o_mult} <= field_q[12:0];
        if (state_q == SCALE) o_codebook_index <= 4'd0;
        else if (o_codebook_write) o_codebook_index <= o_codebook_index + 4'd1;
    end

    assign o_column_keep    = keep;
    assign o_codebook_entry = field_q[7:0];
    assign o_value          = taken_entry_q && !no_code;
    assign o_filler         = filler;
    assign o_gap            = counted && taken_entry_q;

    // Masks of up to 16 bits, from four bits of the width: 16 has the four bits of 0, which no mask is wanted for
    reg  [15:0] above_count, above_bias; // constant in a layer
    wire [3:0]  bias_top  = i_bias_bits[3:0] - 4'd1;
    wire        bias_sign = field_q[{1'b0, bias_top}];

    always @(posedge i_clk) begin
        above_count <= 16'hFFFF << i_count_bits;
        above_bias  <= i_bias_bits[3:0] == 4'd0 ? 16'h0000 : 16'hFFFF << i_bias_bits[3:0];
    end

    assign o_bias = (i_bias_bits == 5'd0) ? 16'd0 : (field_q[15:0] & ~above_bias) | ({16{bias_sign}} & above_bias);

    // ---- Prologue and errors. A count of more than K leaves the layer with one of its weights, if left_q can hold it

    always @(posedge i_clk)
        if (i_reset) o_prologue_done <= 1'b0;
        else o_prologue_done <= columns_end_q;

    always @(posedge i_clk)
        if (i_reset) o_bad <= 1'b0;
        else if (left_layer || (taken_count_q && |(count >> LEFT_BITS)) || (o_prologue_done && i_columns_kept != i_kept)) o_bad <= 1'b1;

endmodule
`default_nettype wire
