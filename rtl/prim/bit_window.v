`default_nettype none
// The OUT bits of i_data from bit i_offset on (those past the end are 0). Combinational.
// Largest step first: every later step then has fewer bits to move, which halves the logic of a plain shift when OUT is small.
module bit_window #(
    parameter IN     = 64, // bits looked into
    parameter OUT    = 20, // bits shown, at most IN
    parameter OFFSET = 5   // bits of i_offset
) (
    input  wire [IN-1:0]     i_data,
    input  wire [OFFSET-1:0] i_offset,
    output wire [OUT-1:0]    o_bits
);

    reg [IN-1:0] row;
    integer      n;

    always @* begin
        row = i_data;
        for (n = OFFSET - 1; n >= 0; n = n - 1)
            if (i_offset[n]) row = row >> (1 << n);
    end

    assign o_bits = row[OUT-1:0];

    wire unused = &{1'b0, row};

endmodule
`default_nettype wire
