`default_nettype none
// Requantization of a sum to a byte (rules A5 and A6), or byte i_shift / 8 of the sum itself (raw layers, rule A8).
// Latency: five cycles from i_value to o_byte, one value a cycle; i_shift goes with the value three cycles before.
//
// A DSP is not at hand for this product, so the multiplier is recoded to five radix-4 digits of -1, 0, 1 or 2 (one LUT a bit each):
// a digit of 3 becomes -1 and a carry into the next. -v is ~v + 1; the ones are put where a summand is known to be 0.
// Round half up is the bit below the result: floor((v + 2^(s-1)) / 2^s) = floor(v / 2^s) + bit s-1 of v.
module requantizer #(
    parameter ACC_BITS = 24
) (
    input  wire                i_clk,
    // Layer
    input  wire [7:0]          i_mult,
    input  wire                i_relu,
    input  wire                i_raw,
    // Value
    input  wire [ACC_BITS-1:0] i_value,
    input  wire [4:0]          i_shift, // three cycles after i_value
    output reg  [7:0]          o_byte
);

    localparam TERM    = ACC_BITS + 1; // a digit's product
    localparam PAIR    = ACC_BITS + 4; // two digits' product
    localparam PRODUCT = ACC_BITS + 9; // of ACC_BITS signed and 8 bits unsigned, with room for the sum before its last term

    // ---- Digits of the multiplier, constant in a layer

    function [2:0] digit; // carry out and digit modulo 4, of two bits m and a carry in
        input [1:0] m;
        input       carry;
        digit = {m[1] && (m[0] || carry), m[1] ^ (m[0] && carry), m[0] ^ carry};
    endfunction

    wire [7:0] mult = i_raw ? 8'd1 : i_mult;
    wire [2:0] digit_0 = digit(mult[1:0], 1'b0);
    wire [2:0] digit_1 = digit(mult[3:2], digit_0[2]);
    wire [2:0] digit_2 = digit(mult[5:4], digit_1[2]);
    wire [2:0] digit_3 = digit(mult[7:6], digit_2[2]);

    // The multiplier is there long before the first value
    reg [7:0] digits_q;
    reg [3:0] minus_q;
    reg       carry_q;

    always @(posedge i_clk) begin
        digits_q <= {digit_3[1:0], digit_2[1:0], digit_1[1:0], digit_0[1:0]};
        minus_q  <= {&digit_3[1:0], &digit_2[1:0], &digit_1[1:0], &digit_0[1:0]};
        carry_q  <= digit_3[2];
    end

    function [TERM-1:0] term; // 0, value, 2 * value or ~value
        input [1:0]          select;
        input [ACC_BITS-1:0] value;
        begin
            case (select)
                2'd0:    term = {TERM{1'b0}};
                2'd1:    term = {value[ACC_BITS-1], value};
                2'd2:    term = {value, 1'b0};
                default: term = ~{value[ACC_BITS-1], value};
            endcase
        end
    endfunction

    // ---- Product, in three cycles

    wire [TERM-1:0] term_0 = term(digits_q[1:0], i_value);
    wire [TERM-1:0] term_1 = term(digits_q[3:2], i_value);
    wire [TERM-1:0] term_2 = term(digits_q[5:4], i_value);
    wire [TERM-1:0] term_3 = term(digits_q[7:6], i_value);

    reg [PAIR-1:0]     low_q, high_q;
    reg [ACC_BITS-1:0] top_q, top_qq;
    reg [PRODUCT-1:0]  sum_q, product_q;

    wire [PRODUCT-1:0] low  = {{(PRODUCT - PAIR){low_q[PAIR-1]}}, low_q};
    wire [PRODUCT-1:0] high = {{(PRODUCT - PAIR - 4){high_q[PAIR-1]}}, high_q, 1'b0, minus_q[1], 2'b00};
    wire [PRODUCT-1:0] top  = {{(PRODUCT - ACC_BITS - 8){top_qq[ACC_BITS-1]}}, top_qq, 1'b0, minus_q[3], 6'b000000};

    always @(posedge i_clk) begin
        low_q  <= {{3{term_0[TERM-1]}}, term_0} + {term_1[TERM-1], term_1, 2'b00} + {{(PAIR - 1){1'b0}}, minus_q[0]};
        high_q <= {{3{term_2[TERM-1]}}, term_2} + {term_3[TERM-1], term_3, 2'b00} + {{(PAIR - 1){1'b0}}, minus_q[2]};
        top_q  <= i_value & {ACC_BITS{carry_q}};
        sum_q  <= low + high;
        top_qq <= top_q;
        product_q <= sum_q + top;
    end

    // ---- Shift by bytes, with one more bit below. What does not fit 17 bits saturates in the end: clip it here

    wire [PRODUCT:0] doubled  = {product_q, 1'b0};
    wire [PRODUCT:0] shifted  = $signed(doubled) >>> {i_shift[4:3], 3'b000};
    wire             sign     = product_q[PRODUCT-1];
    wire             overflow = !i_raw && shifted[PRODUCT:16] != {(PRODUCT - 15){sign}};

    reg [16:0] clipped_q;
    reg [2:0]  shift_q;

    always @(posedge i_clk) begin
        clipped_q <= overflow ? {sign, {16{!sign}}} : shifted[16:0];
        shift_q   <= i_shift[2:0];
    end

    // ---- Shift by bits, round, saturate. Whether a value is out of range is seen before it is rounded; 127 and a half alone is not

    wire [16:0] fine     = $signed(clipped_q) >>> shift_q; // the lowest bit is the one below the result
    wire        negative = fine[16];
    wire [7:0]  rounded  = fine[8:1] + {7'd0, fine[0] && !i_raw};
    wire        above    = |fine[15:8] || rounded[7];      // of a value that is not negative
    wire        below    = !(&fine[15:8]);                 // of a negative one: -128 at the most

    always @(posedge i_clk)
        if (i_raw) o_byte <= rounded;
        else if (negative && i_relu) o_byte <= 8'd0;
        else if (negative) o_byte <= below ? 8'h80 : rounded;
        else o_byte <= above ? 8'h7F : rounded;

endmodule
`default_nettype wire
