`default_nettype none
// Turns weight codes into weights (rule A2): through the layer's codebook of int8 entries, or by extending the code's sign.
// Latency: one cycle from i_code to o_weight.
module codebook (
    input  wire       i_clk,
    // Layer
    input  wire       i_has_codebook,
    input  wire [3:0] i_value_bits, // 1 to 8; at most 4 with a codebook
    // Filling
    input  wire       i_write,
    input  wire [3:0] i_write_index,
    input  wire [7:0] i_write_weight,
    // Lookup; bits of the code above i_value_bits are ignored
    input  wire [7:0] i_code,
    output wire [7:0] o_weight
);

    reg  [7:0] above; // ones above the code; constant in a layer
    wire [7:0] entry;
    reg  [7:0] code_q;

    always @(posedge i_clk) above <= 8'hFF << i_value_bits;

    ram_1r1w #(.WIDTH(8), .DEPTH(16)) entries (
        .i_clk(i_clk),
        .i_write(i_write), .i_write_addr(i_write_index), .i_write_data(i_write_weight),
        .i_read(1'b1), .i_read_addr(i_code[3:0] & ~above[3:0]), .o_read_data(entry)
    );

    always @(posedge i_clk) code_q <= i_code & ~above;

    wire       sign     = |(code_q & ~above & {1'b1, above[7:1]});
    wire [7:0] extended = code_q | ({8{sign}} & above);

    assign o_weight = i_has_codebook ? entry : extended;

endmodule
`default_nettype wire
