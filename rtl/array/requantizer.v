// Requantizes one accumulator a cycle: rules A3 (bias added here), A5 and A6 of
// ARITHMETIC.md. For a raw layer it gives byte i_raw_byte of the sum instead.
// Latency REQUANTIZER_LATENCY = 5 cycles. Layer settings are stable while used.
//
//   1: acc + bias   2: two half products by 4 bits of mult   3: their sum
//   4: shift right by `shift`, one fraction bit kept   5: round half up, saturate
`default_nettype none
module requantizer #(
    parameter ACC_BITS = 24
) (
    input  wire                i_clk,
    // Value
    input  wire [ACC_BITS-1:0] i_acc,
    input  wire [ACC_BITS-1:0] i_bias,
    input  wire [1:0]          i_raw_byte,   // with i_acc
    output reg  [7:0]          o_value,
    // Layer
    input  wire [7:0]          i_mult,
    input  wire [4:0]          i_shift,
    input  wire                i_relu,
    input  wire                i_raw
);
    localparam HALF = ACC_BITS + 4;      // acc * 4 bits
    localparam WIDE = ACC_BITS + 9;      // acc * 8 bits, one fraction bit

    reg signed [ACC_BITS-1:0] sum;
    reg signed [HALF-1:0]     product_low, product_high;
    reg signed [WIDE-1:0]     product;   // twice the product: a fraction bit below
    reg signed [WIDE-1:0]     shifted;
    reg [1:0]                 byte_1, byte_2, byte_3;

    wire signed [4:0] mult_low  = {1'b0, i_raw ? 4'd1 : i_mult[3:0]};
    wire signed [4:0] mult_high = {1'b0, i_raw ? 4'd0 : i_mult[7:4]};
    wire [4:0]        shift     = i_raw ? {byte_3, 3'd0} : i_shift;

    wire signed [HALF:0]   full_low  = sum * mult_low;
    wire signed [HALF:0]   full_high = sum * mult_high;
    wire signed [WIDE-1:0] wide_low  = {{(WIDE-HALF-1){product_low[HALF-1]}}, product_low, 1'b0};
    wire signed [WIDE-1:0] wide_high = {product_high, 5'd0};

    // shifted has the fraction bit lowest; rounding adds half a unit and drops it
    wire        [WIDE-1:0] half_up = shifted + {{(WIDE-1){1'b0}}, 1'b1};
    wire        [WIDE-1:0] rounded = {half_up[WIDE-1], half_up[WIDE-1:1]};
    wire too_high = !rounded[WIDE-1] && |rounded[WIDE-2:7];
    wire too_low  = rounded[WIDE-1] && (i_relu || !(&rounded[WIDE-2:7]));

    always @(posedge i_clk) begin
        sum          <= i_acc + i_bias;
        product_low  <= full_low[HALF-1:0];
        product_high <= full_high[HALF-1:0];
        product      <= wide_low + wide_high;
        shifted      <= product >>> shift;
        o_value      <= i_raw    ? shifted[8:1]
                      : too_high ? 8'h7F
                      : too_low  ? (i_relu ? 8'h00 : 8'h80)
                      :            rounded[7:0];
        byte_1       <= i_raw_byte;
        byte_2       <= byte_1;
        byte_3       <= byte_2;
    end

    wire unused = &{1'b0, full_low[HALF], full_high[HALF]};
endmodule
`default_nettype wire
