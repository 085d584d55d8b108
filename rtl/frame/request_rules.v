// What a request may look like: a known type, a payload length that suits it, arguments in range (protocol.vh).
//
// The first group of outputs follows i_type and i_length at once. o_in_range follows i_arguments two cycles later;
// i_arguments holds the last four payload bytes taken, the newest on top, so it holds a request's arguments when
// o_argument_bytes of them have been taken.
// Legal: POSITIONS 1 to 16, ACT_WORDS 1 to 65,536, LAYERS 1 to 64.
`default_nettype none
`include "protocol.vh"

module request_rules #(
    parameter POSITIONS = 8,
    parameter ACT_WORDS = 16384,
    parameter LAYERS    = 8
) (
    input  wire        i_clk,
    input  wire [7:0]  i_type,
    input  wire [10:0] i_length,
    input  wire [31:0] i_arguments,
    output reg         o_known,
    output reg         o_length_right,
    output reg  [2:0]  o_argument_bytes,   // 0, 2 or 4
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

    // value <= limit, decided by the highest bit that differs. A constant limit leaves a few LUTs; `<=` would take a carry chain.
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

    always @(*) begin
        o_known          = 1'b1;
        o_length_right   = i_length == 11'd0;
        o_argument_bytes = 3'd0;
        case (i_type)
            `ESPALIER_REQ_HELLO, `ESPALIER_REQ_RESET, `ESPALIER_REQ_WEIGHTS_REWIND, `ESPALIER_REQ_COUNTERS: ;
            `ESPALIER_REQ_LAYERS:          begin o_length_right = layers_fit;            o_argument_bytes = 3'd2; end
            `ESPALIER_REQ_ACTIVATIONS:     begin o_length_right = i_length > 11'd4;      o_argument_bytes = 3'd4; end
            `ESPALIER_REQ_WEIGHTS:               o_length_right = i_length[1:0] == 2'd0;
            `ESPALIER_REQ_RUN,
            `ESPALIER_REQ_READ:            begin o_length_right = i_length == 11'd4;     o_argument_bytes = 3'd4; end
            default:                             o_known        = 1'b0;
        endcase
    end

    wire [7:0] byte0 = i_arguments[7:0];
    wire [7:0] byte1 = i_arguments[15:8];
    wire [7:0] byte2 = i_arguments[23:16];
    wire [7:0] byte3 = i_arguments[31:24];

    wire is_layers = i_type == `ESPALIER_REQ_LAYERS;
    wire is_act    = i_type == `ESPALIER_REQ_ACTIVATIONS;
    wire is_read   = i_type == `ESPALIER_REQ_READ;

    // First cycle: the end of the span of memory that a request touches, and what is to be checked besides
    wire [10:0] first_units = {1'b0, byte2, 2'd0} + {3'd0, byte2};
    wire [15:0] span_start  = is_layers ? {5'd0, first_units} : {byte1, byte0};
    wire [15:0] span_count  = is_layers ? {9'd0, units} : is_act ? {5'd0, i_length} : {byte3, byte2};
    reg  [16:0] span_end;
    reg         rest_right;
    always @(posedge i_clk) begin
        span_end <= {1'b0, span_start} + {1'b0, span_count};
        case (i_type)
            `ESPALIER_REQ_LAYERS:      rest_right <= byte3 == 8'd0;
            `ESPALIER_REQ_ACTIVATIONS: rest_right <= byte3 == 8'd0 && at_most({9'd0, byte2}, SLOT_LIMIT - 17'd1);
            `ESPALIER_REQ_READ:        rest_right <= {byte3, byte2} != 16'd0 && at_most({1'b0, byte3, byte2}, READ_LIMIT);
            `ESPALIER_REQ_RUN:         rest_right <= byte3 == 8'd0 && byte2[7:1] == 7'd0
                                                  && byte1 != 8'd0 && at_most({9'd0, byte1}, SLOT_LIMIT)
                                                  && byte0 != 8'd0 && at_most({9'd0, byte0}, LAYER_LIMIT);
            default:                   rest_right <= 1'b1;
        endcase
    end

    // Second cycle: compare with the end of that memory; the length of ACTIVATIONS counts the arguments too
    wire fits = is_layers ? at_most(span_end, LAYERS_LIMIT)
              : is_act    ? at_most(span_end, ACT_LIMIT + 17'd4)
              : is_read   ? at_most(span_end, ACT_LIMIT) : 1'b1;
    always @(posedge i_clk) o_in_range <= rest_right && fits;
endmodule

`default_nettype wire
