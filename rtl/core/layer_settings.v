`default_nettype none
`include "protocol.vh"
// The layer descriptors (protocol.vh), and the current layer's in registers.
// i_load (one cycle) reads descriptor i_layer; o_loaded (one cycle) says that it is complete, o_legal then whether this build can run
// it. Words that only one block wants have no register here: o_word, o_word_number and o_word_data show every word as it is read, and
// the block takes it from there.
module layer_settings #(
    parameter LAYERS      = 8,    // descriptors held
    parameter TABLE_DEPTH = 1024, // columns of a layer
    parameter LIST_DEPTH  = 1024, // steps of a group, shared index
    parameter FORMATS     = 7,    // bit n: format n is built
    parameter ADDR_BITS   = 14,
    parameter VENDOR      = 0
) (
    input  wire                 i_clk,
    input  wire                 i_reset,
    // Descriptor memory, written by the link
    input  wire                 i_write,
    input  wire [15:0]          i_write_addr, // layer * 32 + word
    input  wire [15:0]          i_write_data,
    // Control
    input  wire                 i_load,
    input  wire [7:0]           i_layer,
    output reg                  o_loaded,
    output reg                  o_legal,
    // The words as they are read
    output reg                  o_word,
    output reg  [4:0]           o_word_number,
    output wire [15:0]          o_word_data,
    // The layer
    output reg  [1:0]           o_format,
    output reg                  o_relu,
    output reg                  o_raw,
    output reg                  o_has_codebook,
    output reg  [3:0]           o_value_bits,
    output reg  [3:0]           o_gap_bits,
    output reg  [3:0]           o_count_bits,
    output reg  [4:0]           o_bias_bits,
    output reg  [4:0]           o_bias_shift,
    output reg  [$clog2(TABLE_DEPTH):0] o_columns,
    output reg  [$clog2(TABLE_DEPTH):0] o_kept,
    output reg  [ADDR_BITS-1:0] o_out_row,
    output reg  [ADDR_BITS-1:0] o_out_channel
);

    localparam MEMORY_BITS = $clog2(LAYERS * 32);
    localparam TABLE_BITS  = $clog2(TABLE_DEPTH);
    wire [2:0] built = FORMATS[2:0];

    // ---- Reading, a word a cycle

    reg                    loading_q;
    reg  [4:0]             number_q;
    wire [15:0]            data = o_word_data;
    wire [MEMORY_BITS-1:0] read_addr;
    wire [7:0]             layer_unused;

    assign {layer_unused, read_addr} = {{(MEMORY_BITS - 5){1'b0}}, i_layer, number_q};

    // An ECP5 has LUTs to spare, but no block RAM
    ram_1r1w #(.WIDTH(16), .DEPTH(LAYERS * 32), .LUT_RAM(VENDOR == 2)) descriptors (
        .i_clk(i_clk), .i_write(i_write), .i_write_addr(i_write_addr[MEMORY_BITS-1:0]), .i_write_data(i_write_data),
        .i_read(1'b1), .i_read_addr(read_addr), .o_read_data(o_word_data)
    );

    always @(posedge i_clk)
        if (i_reset) begin
            {loading_q, o_word, o_loaded} <= 3'b000;
        end else begin
            if (i_load) loading_q <= 1'b1;
            else if (number_q == `ESPALIER_LAYER_WORDS - 1) loading_q <= 1'b0;
            o_word   <= loading_q;
            o_loaded <= o_word && !loading_q;
        end

    always @(posedge i_clk) begin
        number_q      <= loading_q ? number_q + 5'd1 : 5'd0;
        o_word_number <= number_q;
    end

    // ---- Registers

    always @(posedge i_clk)
        if (o_word)
            case (o_word_number)
                `ESPALIER_LAYER_FORMAT:
                    {o_value_bits, o_has_codebook, o_raw, o_relu, o_format} <= {data[11:7], data[5:4], data[1:0]};
                `ESPALIER_LAYER_WIDTHS:      {o_bias_bits, o_count_bits, o_gap_bits} <= data[12:0];
                `ESPALIER_LAYER_POOL:        o_bias_shift  <= data[4:0];
                `ESPALIER_LAYER_COLUMNS:     o_columns     <= data[TABLE_BITS:0];
                `ESPALIER_LAYER_OUT_ROW:     o_out_row     <= data[ADDR_BITS-1:0];
                `ESPALIER_LAYER_OUT_CHANNEL: o_out_channel <= data[ADDR_BITS-1:0];
                `ESPALIER_LAYER_KEPT:        o_kept        <= data[TABLE_BITS:0];
                default: ; // words without a register
            endcase

    // ---- What this build can run, checked word by word. That K' suits K is checked when the keep flags have been read

    wire       low_zero  = data[7:0] == 8'd0;
    wire       high_zero = data[15:8] == 8'd0;
    wire [3:0] value_bits = data[11:8];
    wire       in_table   = data >> TABLE_BITS == 16'd0 || data == TABLE_DEPTH[15:0];
    reg        word_legal;

    always @*
        case (o_word_number)
            `ESPALIER_LAYER_FORMAT:
                word_legal = value_bits != 4'd0 && value_bits <= (data[7] ? 4'd4 : 4'd8) && data[1:0] != 2'd3 && built[data[1:0]];
            `ESPALIER_LAYER_WIDTHS:
                word_legal = data[12:8] <= 5'd16 && (o_format != `ESPALIER_FORMAT_GAP ||
                             (data[3:0] != 4'd0 && data[3:0] <= 4'd12 && data[7:4] != 4'd0));
            `ESPALIER_LAYER_POOL:
                word_legal = data[10:8] != 3'd0 && data[10:8] <= (o_raw ? 3'd1 : 3'd4) && !data[4];
            `ESPALIER_LAYER_ROWS:     word_legal = !low_zero || !high_zero;
            `ESPALIER_LAYER_COLUMNS:  word_legal = (!low_zero || !high_zero) && in_table;
            `ESPALIER_LAYER_KERNEL:   word_legal = !low_zero && !high_zero;
            `ESPALIER_LAYER_OUT_SIZE: word_legal = !low_zero && !high_zero;
            `ESPALIER_LAYER_KEPT:
                word_legal = in_table && (LIST_DEPTH >= TABLE_DEPTH || o_format == `ESPALIER_FORMAT_GAP || {16'd0, data} <= LIST_DEPTH);
            default:                  word_legal = 1'b1;
        endcase

    always @(posedge i_clk)
        if (i_load) o_legal <= 1'b1;
        else if (o_word && !word_legal) o_legal <= 1'b0;

    wire unused = &{1'b0, i_write_addr, layer_unused};

endmodule
`default_nettype wire
