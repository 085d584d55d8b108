// The capability descriptor: what this build is, a word an index (protocol.vh, ESPALIER_CAPS_*). Combinational.
`default_nettype none
`include "protocol.vh"

module capabilities #(
    parameter LANES         = 2,
    parameter POSITIONS     = 8,
    parameter PORTS         = 1,
    parameter ACT_WORDS     = 16384,
    parameter WEIGHT_WORDS  = 2048,
    parameter LAYERS        = 8,
    parameter TABLE_DEPTH   = 1024,
    parameter LIST_DEPTH    = 1024,
    parameter PRIVATE_DEPTH = 512,
    parameter FORMATS       = 7,
    parameter ACC_BITS      = 24,
    parameter DRAIN         = 1,
    parameter CLOCK_KHZ     = 0
) (
    input  wire [3:0]  i_index,
    output reg  [31:0] o_word
);
    always @(*)
        case (i_index)
            `ESPALIER_CAPS_MAGIC:         o_word = "LPSE";                 // first byte lowest: reads "ESPL"
            `ESPALIER_CAPS_LANES:         o_word = LANES;
            `ESPALIER_CAPS_POSITIONS:     o_word = POSITIONS;
            `ESPALIER_CAPS_PORTS:         o_word = PORTS;
            `ESPALIER_CAPS_ACT_WORDS:     o_word = ACT_WORDS;
            `ESPALIER_CAPS_WEIGHT_BYTES:  o_word = 4 * WEIGHT_WORDS;
            `ESPALIER_CAPS_LAYERS:        o_word = LAYERS;
            `ESPALIER_CAPS_TABLE_DEPTH:   o_word = TABLE_DEPTH;
            `ESPALIER_CAPS_LIST_DEPTH:    o_word = LIST_DEPTH;
            `ESPALIER_CAPS_PRIVATE_DEPTH: o_word = PRIVATE_DEPTH;
            `ESPALIER_CAPS_FORMATS:       o_word = FORMATS;
            `ESPALIER_CAPS_ACC_BITS:      o_word = ACC_BITS;
            `ESPALIER_CAPS_DRAIN:         o_word = DRAIN;
            `ESPALIER_CAPS_CLOCK_KHZ:     o_word = CLOCK_KHZ;
            `ESPALIER_CAPS_PAYLOAD_MAX:   o_word = `ESPALIER_PAYLOAD_MAX;
            `ESPALIER_CAPS_COUNTERS:      o_word = `ESPALIER_COUNTERS;
            default:                      o_word = 32'd0;
        endcase
endmodule

`default_nettype wire
