// The column table: entry j is the activation offset of the layer's j-th kept
// column, (c, ky, kx) -> c * in_channel + ky * in_row + kx.
//
// Filled once a layer, one column a cycle, by counting (no multiplier): i_start
// for one cycle, then o_filling until every column has been seen. For each
// column it waits for i_have and takes i_column_bits bits (o_taking), and
// stores the offset if i_keep. Reading: data one cycle after the address.
// o_kept_wrong: the keep list does not have i_kept ones.
//
// TABLE_DEPTH, ADDR_BITS as in rtl/README.md.
`default_nettype none
module column_table #(
    parameter TABLE_DEPTH = 1024,
    parameter ADDR_BITS   = 14
) (
    input  wire                           i_clk,
    input  wire                           i_reset,
    // Filling
    input  wire                           i_start,
    output reg                            o_filling,
    output reg                            o_kept_wrong,
    input  wire [15:0]                    i_columns,
    input  wire [15:0]                    i_kept,
    input  wire [7:0]                     i_kernel_width,
    input  wire [7:0]                     i_kernel_height,
    input  wire [ADDR_BITS-1:0]           i_in_row,
    input  wire [ADDR_BITS-1:0]           i_in_channel,
    input  wire                           i_have,
    output wire                           o_taking,
    input  wire                           i_keep,
    // Reading
    input  wire [$clog2(TABLE_DEPTH)-1:0] i_read_addr,
    output wire [ADDR_BITS-1:0]           o_read_offset
);
    localparam TABLE_BITS = $clog2(TABLE_DEPTH);

    reg [15:0]          columns_left;
    reg [TABLE_BITS:0]  stored;
    reg [7:0]           kx, ky;
    reg [ADDR_BITS-1:0] offset, row_offset, channel_offset;

    wire last_x = kx == i_kernel_width - 8'd1;
    wire last_y = ky == i_kernel_height - 8'd1;
    wire [ADDR_BITS-1:0] next_row     = row_offset + i_in_row;
    wire [ADDR_BITS-1:0] next_channel = channel_offset + i_in_channel;

    assign o_taking = o_filling && i_have;

    always @(posedge i_clk) begin
        if (i_start) begin
            o_filling      <= 1'b1;
            o_kept_wrong   <= 1'b0;
            columns_left   <= i_columns;
            stored         <= {(TABLE_BITS+1){1'b0}};
            kx             <= 8'd0;
            ky             <= 8'd0;
            offset         <= {ADDR_BITS{1'b0}};
            row_offset     <= {ADDR_BITS{1'b0}};
            channel_offset <= {ADDR_BITS{1'b0}};
        end else if (o_taking) begin
            columns_left <= columns_left - 16'd1;
            stored       <= stored + {{TABLE_BITS{1'b0}}, i_keep};
            kx           <= last_x ? 8'd0 : kx + 8'd1;
            offset       <= last_x ? (last_y ? next_channel : next_row) : offset + 1'b1;
            if (last_x) begin
                ky         <= last_y ? 8'd0 : ky + 8'd1;
                row_offset <= last_y ? next_channel : next_row;
            end
            if (last_x && last_y)
                channel_offset <= next_channel;
            if (columns_left == 16'd1) begin
                o_filling    <= 1'b0;
                o_kept_wrong <= {{(15-TABLE_BITS){1'b0}}, stored} + {15'd0, i_keep} != i_kept;
            end
        end
        if (i_reset) begin
            o_filling    <= 1'b0;
            o_kept_wrong <= 1'b0;
        end
    end

    ram_1r1w #(.WIDTH(ADDR_BITS), .DEPTH(TABLE_DEPTH)) table_ram (
        .i_clk(i_clk),
        .i_write(o_taking && i_keep), .i_write_addr(stored[TABLE_BITS-1:0]), .i_write_data(offset),
        .i_read(1'b1), .i_read_addr(i_read_addr), .o_read_data(o_read_offset)
    );
endmodule
`default_nettype wire
