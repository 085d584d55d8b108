// Decodes the rows of a layer, one entry a cycle, into step-list writes.
//
// Started by i_start (one cycle) after the prologue; a row group is LANES rows,
// the last may have fewer. For each group it waits until half `o_half` of the
// step list is free (i_half_free), decodes the rows one after another, then
// hands the half over with o_group_done (one cycle, all its writes done).
// o_error: a column or count left the layer.
//
// An entry passes the column table and the codebook (both with synchronous
// reads) on its way: o_write comes four cycles after its bits were taken.
//
// LANES, PORTS, LIST_DEPTH, PRIVATE_DEPTH, ADDR_BITS as in rtl/README.md.
`default_nettype none
module row_decoder #(
    parameter LANES         = 2,
    parameter PORTS         = 1,
    parameter LIST_DEPTH    = 1024,
    parameter PRIVATE_DEPTH = 512,
    parameter TABLE_DEPTH   = 1024,
    parameter ADDR_BITS     = 14
) (
    input  wire                           i_clk,
    input  wire                           i_reset,
    // Control
    input  wire                           i_start,
    input  wire                           i_half_free,
    output reg                            o_half,
    output wire                           o_group_done,
    output reg                            o_error,
    output wire                           o_waits,          // wants bits that have not arrived
    // Layer, stable while decoding
    input  wire [15:0]                    i_rows,
    input  wire [15:0]                    i_columns,        // table entries that exist
    input  wire [15:0]                    i_kept,           // entries of a row, shared index
    input  wire [3:0]                     i_count_bits,
    input  wire [4:0]                     i_bias_bits,
    input  wire [4:0]                     i_bias_shift,
    input  wire [3:0]                     i_value_bits,
    input  wire                           i_has_codebook,
    // Format decoder
    input  wire [4:0]                     i_entry_need,
    input  wire [4:0]                     i_entry_take,
    input  wire [11:0]                    i_entry_skip,
    input  wire                           i_entry_filler,
    input  wire [7:0]                     i_entry_code,
    input  wire                           i_private,
    // Bit window
    input  wire [19:0]                    i_bits,
    input  wire                           i_have,
    output reg  [4:0]                     o_need,
    output wire                           o_taking,
    output reg  [4:0]                     o_take,
    // Column table and codebook, data one cycle after the address
    output wire [$clog2(TABLE_DEPTH)-1:0] o_table_addr,
    input  wire [ADDR_BITS-1:0]           i_table_offset,
    output wire [3:0]                     o_book_addr,
    input  wire [7:0]                     i_book_weight,
    // Step-list writes
    output reg                            o_write,
    output reg  [$clog2(LANES+1)-1:0]     o_write_lane,
    output reg  [$clog2(LIST_DEPTH)-1:0]  o_write_index,
    output reg  [7:0]                     o_write_weight,
    output reg  [ADDR_BITS-1:0]           o_write_offset,
    // Row and group headers
    output reg                            o_bias_write,     // with o_row_lane
    output reg  [23:0]                    o_bias,
    output wire [$clog2(LANES+1)-1:0]     o_row_lane,
    output reg                            o_count_write,    // steps of o_row_lane's list so far (PORTS = 1: of the group)
    output wire [$clog2(LIST_DEPTH):0]    o_count,
    output wire [$clog2(LANES+1)-1:0]     o_group_lanes,    // rows of the group, with o_group_done
    // Events, one cycle each with the bits taken
    output wire                           o_event_value,
    output wire                           o_event_index,
    output wire                           o_event_filler,
    output wire                           o_event_other
);
    localparam LANE_BITS  = $clog2(LANES + 1);
    localparam INDEX_BITS = $clog2(LIST_DEPTH);

    localparam [2:0] IDLE  = 3'd0,  // no layer
                     WAIT  = 3'd1,  // for a free half
                     COUNT = 3'd2,  // a row's count (private index only)
                     BIAS  = 3'd3,  // a row's bias
                     ENTRY = 3'd4,  // a row's entries
                     ROW   = 3'd5,  // row finished
                     FLUSH = 3'd6;  // group finished, writes on their way
    reg [2:0]            state;
    reg [15:0]           rows_left;
    reg [LANE_BITS-1:0]  lane;
    reg [15:0]           entries_left;
    reg [15:0]           column;      // column or table index of the next entry
    reg [INDEX_BITS:0]   index;       // list index of the next entry
    reg [2:0]            flush;

    wire entry_needed = state == ENTRY && entries_left != 16'd0;
    wire list_full    = i_private ? index >= PRIVATE_DEPTH[INDEX_BITS:0] : index >= LIST_DEPTH[INDEX_BITS:0];

    always @* begin
        case (state)
        COUNT:   begin o_need = {1'b0, i_count_bits}; o_take = {1'b0, i_count_bits}; end
        BIAS:    begin o_need = i_bias_bits; o_take = i_bias_bits; end
        ENTRY:   begin o_need = i_entry_need; o_take = i_entry_take; end
        default: begin o_need = 5'd0; o_take = 5'd0; end
        endcase
    end
    wire asking = state == COUNT || state == BIAS || entry_needed;
    assign o_taking = asking && i_have;
    assign o_waits  = asking && !i_have;

    wire take_entry  = entry_needed && i_have;
    wire take_weight = take_entry && !i_entry_filler;
    wire [15:0] column_now = column + {4'd0, i_entry_skip};

    assign o_event_value  = take_weight;
    assign o_event_index  = take_entry && i_private;
    assign o_event_filler = take_entry && i_entry_filler;
    assign o_event_other  = o_taking && state != ENTRY;

    // A field of the window, masked and (bias) sign-extended by (x ^ s) - s
    wire [15:0] count_field = i_bits[15:0] & ~(16'hFFFF << i_count_bits);
    wire [15:0] bias_field  = i_bits[15:0] & ~(16'hFFFF << i_bias_bits);
    wire [15:0] bias_sign   = i_bias_bits == 5'd0 ? 16'd0 : 16'd1 << (i_bias_bits - 5'd1);
    reg  [15:0] bias_value;
    wire [23:0] bias_wide   = {{8{bias_value[15]}}, bias_value};

    assign o_row_lane    = lane;
    assign o_group_lanes = lane;
    assign o_count       = index;
    assign o_group_done  = state == FLUSH && flush == 3'd0;

    reg bias_taken;
    always @(posedge i_clk) begin
        bias_taken    <= state == BIAS && i_have;
        bias_value    <= (bias_field ^ bias_sign) - bias_sign;
        o_bias_write  <= bias_taken;
        o_bias        <= bias_wide << i_bias_shift;
    end

    always @(posedge i_clk) begin
        o_count_write <= 1'b0;
        case (state)
        IDLE:
            if (i_start) begin
                rows_left <= i_rows;
                state     <= WAIT;
            end
        WAIT: begin
            lane  <= {LANE_BITS{1'b0}};
            index <= {(INDEX_BITS+1){1'b0}};
            if (i_half_free)
                state <= i_private ? COUNT : BIAS;
        end
        COUNT:
            if (i_have) begin
                entries_left <= count_field;
                state        <= BIAS;
            end
        BIAS: begin
            column <= 16'd0;
            if (!i_private)
                entries_left <= i_kept;
            if (!i_private || (PORTS != 1))
                index <= {(INDEX_BITS+1){1'b0}};
            if (i_have)
                state <= ENTRY;
        end
        ENTRY: begin
            if (take_entry)
                column <= i_entry_filler ? column_now : column_now + 16'd1;
            if (take_weight) begin
                entries_left <= entries_left - 16'd1;
                index        <= index + 1'b1;
            end
            if (entries_left == 16'd0 || (take_weight && entries_left == 16'd1)) begin
                o_count_write <= 1'b1;
                state         <= ROW;
            end
            if (take_entry && (column_now >= i_columns || (take_weight && list_full)))
                o_error <= 1'b1;
        end
        ROW: begin
            // o_count_write has used `lane` and `index` in this cycle
            lane      <= lane + 1'b1;
            rows_left <= rows_left - 16'd1;
            flush     <= 3'd2;
            if (rows_left == 16'd1 || lane == LANES[LANE_BITS-1:0] - 1'b1)
                state <= FLUSH;
            else
                state <= i_private ? COUNT : BIAS;
        end
        FLUSH: begin
            flush <= flush - 3'd1;
            if (flush == 3'd0) begin
                o_half <= !o_half;
                state  <= rows_left == 16'd0 ? IDLE : WAIT;
            end
        end
        default:
            state <= IDLE;
        endcase
        if (i_reset) begin
            state  <= IDLE;
            o_half <= 1'b0;
        end
        if (i_reset || i_start)
            o_error <= 1'b0;
    end

    // The way of an entry: table and codebook address, their data, the write
    reg                   e1_weight, e2_weight;
    reg [15:0]            e1_column;
    reg [7:0]             e1_code, e2_code;
    reg [LANE_BITS-1:0]   e1_lane, e2_lane;
    reg [INDEX_BITS-1:0]  e1_index, e2_index;
    wire [7:0] code_mask = ~(8'hFF << i_value_bits);
    wire [7:0] code_sign = 8'd1 << (i_value_bits - 4'd1);

    assign o_table_addr = e1_column[$clog2(TABLE_DEPTH)-1:0];
    assign o_book_addr  = e1_code[3:0];

    always @(posedge i_clk) begin
        e1_weight <= take_weight;
        e1_column <= column_now;
        e1_code   <= i_entry_code & code_mask;
        e1_lane   <= lane;
        e1_index  <= index[INDEX_BITS-1:0];
        e2_weight <= e1_weight;
        e2_code   <= (e1_code ^ code_sign) - code_sign;
        e2_lane   <= e1_lane;
        e2_index  <= e1_index;
        o_write        <= e2_weight && !i_reset;
        o_write_lane   <= e2_lane;
        o_write_index  <= e2_index;
        o_write_weight <= i_has_codebook ? i_book_weight : e2_code;
        o_write_offset <= i_table_offset;
        if (i_reset) begin
            e1_weight <= 1'b0;
            e2_weight <= 1'b0;
        end
    end

    wire unused = &{1'b0, i_bits[19:16], e1_column[15:$clog2(TABLE_DEPTH)]};
endmodule
`default_nettype wire
