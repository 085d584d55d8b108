`default_nettype none
// Decodes a layer of the weight stream (STREAM.md): scale, codebook and keep flags first, then the rows, one entry a cycle.
// What is common to all formats is here; how flags and entries are read is asked of the format's decoder.
//
// A field is taken in one cycle and reaches codebook, biases and step lists in the next (the "taken" outputs). Rows form groups of
// LANES; a group is begun when the step list has room for it (i_list_free). A row takes its entries' cycles, fillers included,
// and one each for a count and a bias; a row without entries takes one cycle in their place.
module stream_decoder #(
    parameter LANES       = 2,  // rows of a group, 1 to 16
    parameter COLUMN_BITS = 10, // column_table's address width
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
    input  wire [15:0]            i_columns,
    input  wire [15:0]            i_kept,
    output reg                    o_prologue_done, // codebook and column table are complete
    output reg                    o_bad,           // the stream has left its layer
    // bit_unpacker
    output reg  [4:0]             o_width,
    output wire [4:0]             o_short_width,
    output wire                   o_short,
    output wire                   o_take,
    input  wire                   i_valid,
    input  wire [19:0]            i_bits,
    // column_table
    output wire                   o_column_valid,  // one column of the layer
    output wire                   o_column_keep,
    input  wire [15:0]            i_columns_kept,  // columns kept so far
    // Scale and codebook, taken
    output reg  [7:0]             o_mult,
    output reg  [4:0]             o_shift,
    output reg                    o_codebook_write,
    output reg  [3:0]             o_codebook_index,
    output wire [7:0]             o_codebook_entry,
    // Bias of a lane
    output wire                   o_bias_write,
    output wire [15:0]            o_bias,
    output reg  [1:0]             o_bias_group,    // group of the run, modulo 4
    output reg  [3:0]             o_bias_lane,
    // step_list, taken
    input  wire                   i_list_free,     // there is room for a group
    output wire                   o_group_begin,   // and it is used from now on
    output reg                    o_entry,         // a weight: its code and, with a private index, its column
    output wire [7:0]             o_code,
    output wire [COLUMN_BITS-1:0] o_column,
    output reg                    o_row_end,       // the lane's list is complete, with this entry or without one
    output reg                    o_group_end,     // so is the group's
    output reg                    o_last_group,    // which is the layer's last
    // Events
    output wire                   o_starved,       // bits are wanted and not there
    output reg                    o_filler,
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

    reg [2:0]  state_q;
    reg [15:0] left_q;      // codebook entries, columns or entries of the row still to come
    reg [15:0] rows_left_q; // rows still to come, with the current one

    // ---- The format's decoder

    reg        taken_entry_q, taken_bias_q, taken_columns_q;
    wire       flag_width, keep, counted, short, left_layer;
    wire [4:0] entry_width;

    format_decoders #(.COLUMN_BITS(COLUMN_BITS), .FORMATS(FORMATS)) decoders (
        .i_clk(i_clk), .i_reset(i_reset),
        .i_format(i_format), .i_value_bits(i_value_bits), .i_gap_bits(i_gap_bits), .i_columns(i_columns),
        .o_flag_width(flag_width), .o_keep(keep),
        .i_bits(i_bits), .o_counted(counted), .o_width(entry_width), .o_short_width(o_short_width), .o_short(short),
        .i_taken(taken_entry_q), .i_taken_short(o_filler), .i_taken_field(field_q), .i_row_end(o_row_end),
        .o_code(o_code), .o_column(o_column), .o_bad(left_layer)
    );

    // ---- Which field is next, and when it is taken

    wire        want    = state_q != IDLE && state_q != GROUP && !(state_q == ENTRIES && left_q == 16'd0);
    wire        taken   = want && i_valid;
    wire        filler  = state_q == ENTRIES && short;
    wire        one     = left_q <= 16'd1;
    wire        row_end = state_q == ENTRIES && (taken ? one && !filler : left_q == 16'd0);
    wire        last_lane = o_bias_lane == LANES[3:0] - 4'd1;
    wire        last_row  = rows_left_q == 16'd1;

    wire [2:0] state_bias = i_bias_bits != 5'd0 ? BIAS : ENTRIES;
    wire [2:0] state_row  = counted ? COUNT : state_bias; // the first field of a row

    assign o_take         = want;
    assign o_short        = filler;
    assign o_starved      = want && !i_valid;
    assign o_column_valid = state_q == COLUMNS && taken;
    assign o_column_keep  = keep;
    assign o_group_begin  = state_q == GROUP && i_list_free;

    always @* begin
        o_width = entry_width;
        case (state_q)
            SCALE:    o_width = 5'd13;
            CODEBOOK: o_width = 5'd8;
            COLUMNS:  o_width = {4'd0, flag_width};
            COUNT:    o_width = {1'b0, i_count_bits};
            BIAS:     o_width = i_bias_bits;
            default:  o_width = entry_width;
        endcase
    end

    always @(posedge i_clk)
        if (i_reset) state_q <= IDLE;
        else
            case (state_q)
                IDLE:     if (i_start) state_q <= SCALE;
                SCALE:    if (taken) state_q <= i_has_codebook ? CODEBOOK : COLUMNS;
                CODEBOOK: if (taken && one) state_q <= COLUMNS;
                COLUMNS:  if (taken && one) state_q <= GROUP;
                GROUP:    if (i_list_free) state_q <= state_row;
                COUNT:    if (taken) state_q <= state_bias;
                BIAS:     if (taken) state_q <= ENTRIES;
                ENTRIES:  if (row_end) state_q <= last_row ? IDLE : last_lane ? GROUP : state_row;
                default:  state_q <= IDLE;
            endcase

    always @(posedge i_clk)
        case (state_q)
            SCALE:    left_q <= i_has_codebook ? 16'd1 << i_value_bits : i_columns;
            CODEBOOK: if (taken) left_q <= one ? i_columns : left_q - 16'd1;
            COLUMNS:  if (taken) left_q <= left_q - 16'd1;
            COUNT:    left_q <= {1'b0, i_bits[14:0] & ~above[14:0]};
            ENTRIES:  if (row_end) left_q <= i_kept; else if (taken && !filler) left_q <= left_q - 16'd1;
            default:  if (!counted && state_q == GROUP) left_q <= i_kept;
        endcase

    always @(posedge i_clk)
        if (i_rows_load) rows_left_q <= i_rows;
        else if (row_end) rows_left_q <= rows_left_q - 16'd1;

    always @(posedge i_clk)
        if (i_reset) begin
            o_bias_lane  <= 4'd0;
            o_bias_group <= 2'd0;
        end else if (row_end) begin
            o_bias_lane  <= last_lane || last_row ? 4'd0 : o_bias_lane + 4'd1;
            o_bias_group <= last_lane || last_row ? o_bias_group + 2'd1 : o_bias_group;
        end

    // ---- The field as taken, one cycle later: extended to 20 bits by its sign (biases, weights) or by zeros

    wire [19:0] above    = 20'hFFFFF << o_width;
    wire [19:0] top      = ~above & {1'b1, above[19:1]};
    wire        negative = |(i_bits & top) && (state_q == BIAS || (state_q == ENTRIES && !i_has_codebook));
    reg  [19:0] field_q;

    always @(posedge i_clk) field_q <= (i_bits & ~above) | ({20{negative}} & above);

    always @(posedge i_clk)
        if (i_reset) begin
            {taken_entry_q, o_entry, o_filler, taken_columns_q} <= 4'd0;
            {o_row_end, o_group_end, o_codebook_write, taken_bias_q} <= 4'd0;
            o_other_bits <= 5'd0;
        end else begin
            taken_entry_q    <= state_q == ENTRIES && taken;
            o_entry          <= state_q == ENTRIES && taken && !filler;
            o_filler         <= state_q == ENTRIES && taken && filler;
            taken_columns_q  <= state_q == COLUMNS && taken && one;
            o_codebook_write <= state_q == CODEBOOK && taken;
            taken_bias_q     <= state_q == BIAS && taken;
            o_row_end        <= row_end;
            o_group_end      <= row_end && (last_lane || last_row);
            o_other_bits     <= taken && state_q != ENTRIES ? o_width : 5'd0;
        end

    always @(posedge i_clk) begin
        o_last_group <= last_row;
        if (state_q == SCALE) {o_shift, o_mult} <= i_bits[12:0];
        if (state_q == SCALE) o_codebook_index <= 4'd0;
        else if (o_codebook_write) o_codebook_index <= o_codebook_index + 4'd1;
    end

    assign o_bias           = field_q[15:0] & {16{i_bias_bits != 5'd0}};
    assign o_codebook_entry = field_q[7:0];
    assign o_gap  = taken_entry_q && counted;

    // A row without a bias has zero, written while its entries are taken
    assign o_bias_write = taken_bias_q || (state_q == ENTRIES && i_bias_bits == 5'd0);

    // ---- Prologue and errors. A count of more than K leaves the layer with one of its weights, so it needs no check of its own

    always @(posedge i_clk)
        if (i_reset || i_start) o_prologue_done <= 1'b0;
        else if (taken_columns_q) o_prologue_done <= 1'b1;

    always @(posedge i_clk)
        if (i_reset) o_bad <= 1'b0;
        else if (left_layer || (taken_columns_q && i_columns_kept != i_kept)) o_bad <= 1'b1;

endmodule
`default_nettype wire
