// What a request may look like: a payload length that suits its type, arguments in range (protocol.vh).
//
// i_is_* say which request it is; without any of them it is one that has no payload. o_length_right and o_argument_bytes
// follow them and i_length at once, o_in_range follows i_arguments two cycles later, while i_judge is high. i_arguments holds
// the last four payload bytes taken, the newest on top: a request's arguments when o_argument_bytes have been taken.
// Legal: POSITIONS 1 to 16, ACT_WORDS 1 to 65,536, LAYERS 1 to 64.
`default_nettype none
`include "protocol.vh"

module request_rules #(
    parameter POSITIONS = 8,
    parameter ACT_WORDS = 16384,
    parameter LAYERS    = 8
) (
    input  wire        i_clk,
    input  wire        i_judge,
    input  wire        i_is_layers,
    input  wire        i_is_act,
    input  wire        i_is_weights,
    input  wire        i_is_read,
    input  wire        i_is_run,
    input  wire [10:0] i_length,
    input  wire [31:0] i_arguments,
    output wire        o_length_right,
    output wire [2:0]  o_argument_bytes,   // 0, 2 or 4
    output reg         o_in_range
);
    // A layer descriptor is 40 bytes = 5 units of 8 bytes, so that layer counts need no division
    /* verilator lint_off WIDTH */ // parameters are 32 bits wide; their legal values fit
    localparam [16:0] LAYERS_LIMIT = 5 * LAYERS;
    localparam [16:0] ACT_LIMIT    = ACT_WORDS;
    localparam [16:0] READ_LIMIT   = `ESPALIER_PAYLOAD_MAX / POSITIONS;
    localparam [16:0] SLOT_LIMIT   = POSITIONS;
    localparam [16:0] LAYER_LIMIT  = LAYERS;
    /* verilator lint_on WIDTH */

    // value <= limit, decided by the highest bit that differs. A constant limit leaves a few LUTs where `<=` would take
    // a carry chain.
    function at_most;
        input [16:0] value;
        input [16:0] limit;
        integer      n;
        begin
            at_most = 1'b1;
            for (n = 0; n < 17; n = n + 1)
                if (value[n] != limit[n]) at_most = limit[n];
        end
    endfunction

    // LAYERS: 2 argument bytes and at least one descriptor. The units of 8 bytes are a multiple of 5 if the sum of their
    // count's hexadecimal digits is, because 16 leaves 1 when divided by 5.
    wire [6:0] units      = i_length[9:3];
    wire [4:0] digit_sum  = {1'b0, units[3:0]} + {2'b0, units[6:4]};
    wire       whole      = digit_sum == 5'd5 || digit_sum == 5'd10 || digit_sum == 5'd15 || digit_sum == 5'd20;
    wire       layers_fit = whole && i_length[2:0] == 3'd2 && !i_length[10];

    assign o_length_right   = i_is_layers           ? layers_fit
                            : i_is_act              ? i_length > 11'd4
                            : i_is_weights          ? i_length[1:0] == 2'd0
                            : i_is_read || i_is_run ? i_length == 11'd4 : i_length == 11'd0;
    assign o_argument_bytes = i_is_layers ? 3'd2 : i_is_act || i_is_read || i_is_run ? 3'd4 : 3'd0;

    wire [7:0] byte0 = i_arguments[7:0];
    wire [7:0] byte1 = i_arguments[15:8];
    wire [7:0] byte2 = i_arguments[23:16];
    wire [7:0] byte3 = i_arguments[31:24];

    // First cycle: the end of the span of memory that a request touches, and what is to be checked besides
    wire [10:0] first_units = {1'b0, byte2, 2'd0} + {3'd0, byte2};
    wire [15:0] span_start  = i_is_layers ? {5'd0, first_units} : {byte1, byte0};
    wire [15:0] span_count  = i_is_layers ? {9'd0, units} : i_is_act ? {5'd0, i_length} : {byte3, byte2};
    reg  [16:0] span_end;
    reg         rest_right;
    always @(posedge i_clk)
        if (i_judge) begin
            span_end   <= {1'b0, span_start} + {1'b0, span_count};
            rest_right <= i_is_layers ? byte3 == 8'd0
                        : i_is_act    ? byte3 == 8'd0 && at_most({9'd0, byte2}, SLOT_LIMIT - 17'd1)
                        : i_is_read   ? {byte3, byte2} != 16'd0 && at_most({1'b0, byte3, byte2}, READ_LIMIT)
                        : i_is_run    ? byte3 == 8'd0 && byte2[7:1] == 7'd0
                                        && byte1 != 8'd0 && at_most({9'd0, byte1}, SLOT_LIMIT)
                                        && byte0 != 8'd0 && at_most({9'd0, byte0}, LAYER_LIMIT)
                        : 1'b1;
        end

    // Second cycle: compare with the end of that memory; the length of ACTIVATIONS counts the arguments too
    always @(posedge i_clk)
        if (i_judge)
            o_in_range <= rest_right && (i_is_layers ? at_most(span_end, LAYERS_LIMIT)
                                       : i_is_act    ? at_most(span_end, ACT_LIMIT + 17'd4)
                                       : i_is_read   ? at_most(span_end, ACT_LIMIT) : 1'b1);
endmodule

`default_nettype wire
