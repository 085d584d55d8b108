// The double-buffered step list: what the decoder writes once and the array
// replays for every output position.
//
// Each lane has a weight memory. With a private-index format (PRIVATE = 1 if
// the build has one) each port has an offset memory besides. Reads give data
// one cycle after the address; a half is never read and written at once.
//   shared index:               lane l's weight j goes to memory l, entry j
//   private index, PORTS = LANES: the same, with its offset to port l
//   private index, PORTS = 1:   entry j of every lane's memory is written, zero
//                               for the lanes that the weight is not for
`default_nettype none
module step_list #(
    parameter LANES         = 2,
    parameter PORTS         = 1,
    parameter LIST_DEPTH    = 1024,
    parameter PRIVATE_DEPTH = 512,
    parameter PRIVATE       = 1,
    parameter ADDR_BITS     = 14
) (
    input  wire                          i_clk,
    // Writing
    input  wire                          i_write,
    input  wire                          i_write_private,
    input  wire                          i_write_half,
    input  wire [$clog2(LANES+1)-1:0]    i_write_lane,
    input  wire [$clog2(LIST_DEPTH)-1:0] i_write_index,
    input  wire [7:0]                    i_write_weight,
    input  wire [ADDR_BITS-1:0]          i_write_offset,
    // Reading
    input  wire                          i_read_half,
    input  wire [$clog2(LIST_DEPTH)-1:0] i_read_index,
    output wire [8*LANES-1:0]            o_weights,
    output wire [ADDR_BITS*PORTS-1:0]    o_offsets
);
    localparam PRIVATE_BITS = $clog2(PRIVATE_DEPTH);
    genvar n;
    generate
        for (n = 0; n < LANES; n = n + 1) begin : lane
            wire mine   = i_write_lane == n;
            wire others = i_write_private && PORTS == 1;
            ram_1r1w #(.WIDTH(8), .DEPTH(2 * LIST_DEPTH)) weights (
                .i_clk(i_clk),
                .i_write(i_write && (mine || others)), .i_write_addr({i_write_half, i_write_index}),
                .i_write_data(mine ? i_write_weight : 8'd0),
                .i_read(1'b1), .i_read_addr({i_read_half, i_read_index}), .o_read_data(o_weights[8*n +: 8])
            );
        end
        for (n = 0; n < PORTS; n = n + 1) begin : port
            if (PRIVATE != 0) begin : with_offsets
                wire mine = i_write_lane == n || PORTS == 1;
                ram_1r1w #(.WIDTH(ADDR_BITS), .DEPTH(2 * PRIVATE_DEPTH)) offsets (
                    .i_clk(i_clk),
                    .i_write(i_write && i_write_private && mine),
                    .i_write_addr({i_write_half, i_write_index[PRIVATE_BITS-1:0]}), .i_write_data(i_write_offset),
                    .i_read(1'b1), .i_read_addr({i_read_half, i_read_index[PRIVATE_BITS-1:0]}), .o_read_data(o_offsets[ADDR_BITS*n +: ADDR_BITS])
                );
            end else begin : without_offsets
                assign o_offsets[ADDR_BITS*n +: ADDR_BITS] = {ADDR_BITS{1'b0}};
            end
        end
        if (PRIVATE == 0) begin : shared_only
            wire unused = &{1'b0, i_write_offset};
        end
    endgenerate
endmodule
`default_nettype wire
