// One layer's descriptor in registers: read word by word from the descriptor
// memory, then stable while the layer runs.
//
// i_load (one cycle) starts reading descriptor i_layer; o_loaded (one cycle)
// follows ESPALIER_LAYER_WORDS + 1 cycles later. o_legal says whether this build
// can run it. The words are those of protocol.vh.
`default_nettype none
`include "protocol.vh"
module layer_settings #(
    parameter LAYERS      = 8,
    parameter TABLE_DEPTH = 1024,
    parameter LIST_DEPTH  = 1024,
    parameter FORMATS     = 7,
    parameter ADDR_BITS   = 14
) (
    input  wire                 i_clk,
    input  wire                 i_reset,
    // Descriptor memory, written by the link
    input  wire                 i_write,
    input  wire [15:0]          i_write_addr,       // layer * 32 + word
    input  wire [15:0]          i_write_data,
    // Control
    input  wire                 i_load,
    input  wire [7:0]           i_layer,
    output reg                  o_loaded,
    output wire                 o_legal,
    // Settings
    output reg  [1:0]           o_format,
    output reg                  o_relu,
    output reg                  o_raw,
    output reg                  o_has_codebook,
    output reg  [3:0]           o_value_bits,
    output reg  [3:0]           o_gap_bits,
    output reg  [3:0]           o_count_bits,
    output reg  [4:0]           o_bias_bits,
    output reg  [4:0]           o_bias_shift,
    output reg  [2:0]           o_pool,
    output reg  [15:0]          o_rows,
    output reg  [15:0]          o_columns,
    output reg  [15:0]          o_kept,
    output reg  [7:0]           o_kernel_width,
    output reg  [7:0]           o_kernel_height,
    output reg  [ADDR_BITS-1:0] o_in_row,
    output reg  [ADDR_BITS-1:0] o_in_channel,
    output reg  [ADDR_BITS-1:0] o_in_base,
    output reg  [ADDR_BITS-1:0] o_step_x,
    output reg  [ADDR_BITS-1:0] o_step_y,
    output reg  [ADDR_BITS-1:0] o_pool_step_x,
    output reg  [ADDR_BITS-1:0] o_pool_step_y,
    output reg  [7:0]           o_out_width,
    output reg  [7:0]           o_out_height,
    output reg  [ADDR_BITS-1:0] o_out_base,
    output reg  [ADDR_BITS-1:0] o_out_row,
    output reg  [ADDR_BITS-1:0] o_out_channel,
    output reg  [ADDR_BITS-1:0] o_clear_base,
    output reg  [15:0]          o_clear_words
);
    localparam MEMORY_BITS = $clog2(LAYERS * 32);

    reg         loading;
    reg  [4:0]  word, word_q;        // being read, and whose data are here
    reg         word_here;
    wire [15:0] data;

    wire [MEMORY_BITS+7:0] read_addr = {{MEMORY_BITS{1'b0}}, i_layer} * 32 + {{(MEMORY_BITS+3){1'b0}}, word};
    ram_1r1w #(.WIDTH(16), .DEPTH(LAYERS * 32)) memory (
        .i_clk(i_clk), .i_write(i_write), .i_write_addr(i_write_addr[MEMORY_BITS-1:0]), .i_write_data(i_write_data),
        .i_read(1'b1), .i_read_addr(read_addr[MEMORY_BITS-1:0]), .o_read_data(data)
    );

    always @(posedge i_clk) begin
        if (i_load) begin
            loading <= 1'b1;
            word    <= 5'd0;
        end else if (loading) begin
            word    <= word + 5'd1;
            loading <= word != `ESPALIER_LAYER_WORDS - 1;
        end
        word_q    <= word;
        word_here <= loading;
        o_loaded  <= word_here && !loading;
        if (i_reset) begin
            loading   <= 1'b0;
            word_here <= 1'b0;
            o_loaded  <= 1'b0;
        end
        if (word_here)
            case (word_q)
            `ESPALIER_LAYER_FORMAT: begin
                o_format       <= data[1:0];
                o_relu         <= data[4];
                o_raw          <= data[5];
                o_has_codebook <= data[7];
                o_value_bits   <= data[11:8];
            end
            `ESPALIER_LAYER_WIDTHS: begin
                o_gap_bits   <= data[3:0];
                o_count_bits <= data[7:4];
                o_bias_bits  <= data[12:8];
            end
            `ESPALIER_LAYER_POOL: begin
                o_bias_shift <= data[4:0];
                o_pool       <= data[10:8];
            end
            `ESPALIER_LAYER_ROWS:        o_rows        <= data;
            `ESPALIER_LAYER_COLUMNS:     o_columns     <= data;
            `ESPALIER_LAYER_KERNEL: begin
                o_kernel_width  <= data[7:0];
                o_kernel_height <= data[15:8];
            end
            `ESPALIER_LAYER_IN_ROW:      o_in_row      <= data[ADDR_BITS-1:0];
            `ESPALIER_LAYER_IN_CHANNEL:  o_in_channel  <= data[ADDR_BITS-1:0];
            `ESPALIER_LAYER_IN_BASE:     o_in_base     <= data[ADDR_BITS-1:0];
            `ESPALIER_LAYER_STEP_X:      o_step_x      <= data[ADDR_BITS-1:0];
            `ESPALIER_LAYER_STEP_Y:      o_step_y      <= data[ADDR_BITS-1:0];
            `ESPALIER_LAYER_POOL_STEP_X: o_pool_step_x <= data[ADDR_BITS-1:0];
            `ESPALIER_LAYER_POOL_STEP_Y: o_pool_step_y <= data[ADDR_BITS-1:0];
            `ESPALIER_LAYER_OUT_SIZE: begin
                o_out_width  <= data[7:0];
                o_out_height <= data[15:8];
            end
            `ESPALIER_LAYER_OUT_BASE:    o_out_base    <= data[ADDR_BITS-1:0];
            `ESPALIER_LAYER_OUT_ROW:     o_out_row     <= data[ADDR_BITS-1:0];
            `ESPALIER_LAYER_OUT_CHANNEL: o_out_channel <= data[ADDR_BITS-1:0];
            `ESPALIER_LAYER_CLEAR_BASE:  o_clear_base  <= data[ADDR_BITS-1:0];
            `ESPALIER_LAYER_CLEAR_WORDS: o_clear_words <= data;
            `ESPALIER_LAYER_KEPT:        o_kept        <= data;
            default: ;
            endcase
    end

    wire [3:0] formats     = FORMATS[3:0];
    wire       is_private  = o_format == `ESPALIER_FORMAT_GAP;
    wire       shape_legal = o_rows != 16'd0 && o_columns != 16'd0 && o_columns <= TABLE_DEPTH[15:0] && o_kept <= o_columns
                           && o_kernel_width != 8'd0 && o_kernel_height != 8'd0 && o_out_width != 8'd0 && o_out_height != 8'd0
                           && o_pool >= 3'd1 && o_pool <= 3'd4 && !(o_raw && o_pool != 3'd1);
    wire       width_legal = o_value_bits >= 4'd1 && o_value_bits <= 4'd8 && !(o_has_codebook && o_value_bits > 4'd4)
                           && o_bias_bits <= 5'd16 && o_bias_shift <= 5'd15
                           && (is_private ? o_gap_bits >= 4'd1 && o_gap_bits <= 4'd12 && o_count_bits != 4'd0
                                          : o_kept <= LIST_DEPTH[15:0]);
    assign o_legal = shape_legal && width_legal && formats[o_format];

    wire unused = &{1'b0, i_write_addr[15:MEMORY_BITS], read_addr[MEMORY_BITS+7:MEMORY_BITS]};
endmodule
`default_nettype wire
