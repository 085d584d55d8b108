`default_nettype none
// Turns weight codes into weights (rule A2): through the layer's codebook of int8 entries, or, without one, as they are.
// Latency: one cycle from i_code to o_weight.
module codebook (
    input  wire       i_clk,
    // Layer
    input  wire       i_has_codebook,
    // Filling
    input  wire       i_write,
    input  wire [3:0] i_write_index,
    input  wire [7:0] i_write_weight,
    // Lookup
    input  wire [7:0] i_code,   // extended by zeros with a codebook, by its sign without
    output wire [7:0] o_weight
);

    wire [7:0] entry;
    reg  [7:0] code_q;

    ram_1r1w #(.WIDTH(8), .DEPTH(16)) entries (
        .i_clk(i_clk),
        .i_write(i_write), .i_write_addr(i_write_index), .i_write_data(i_write_weight),
        .i_read(1'b1), .i_read_addr(i_code[3:0]), .o_read_data(entry)
    );

    always @(posedge i_clk) code_q <= i_code;

    assign o_weight = i_has_codebook ? entry : code_q;

endmodule
`default_nettype wire
