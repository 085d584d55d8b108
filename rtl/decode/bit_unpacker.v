`default_nettype none
// Turns the packed weight stream (STREAM.md) into fields of any width from 0 to 20 bits, one field a cycle.
// Two words are held; the field on offer starts at a bit offset into the first. A word enters when the second place is empty, so
// fields of up to 16 bits never wait while words arrive; wider ones wait a cycle now and then.
// The width to take is chosen late: i_width unless i_short says, in the same cycle, that only i_short_width bits are wanted
// (a filler). i_width, the larger of the two, decides whether there are enough bits; no bits are always there.
module bit_unpacker (
    input  wire        i_clk,
    input  wire        i_reset,
    // Packed words, least significant bit first
    input  wire        i_word_valid,
    output wire        o_word_ready,
    input  wire [31:0] i_word_data,
    // The field on offer
    input  wire [4:0]  i_width,
    input  wire [4:0]  i_short_width,
    input  wire        i_short,
    input  wire        i_take,       // takes it, if o_valid
    output wire        o_valid,      // i_width bits are there
    output wire        o_dry,        // no more bits will be there until a word enters
    output wire [19:0] o_bits        // what follows the last field; not masked to the width
);

    reg [31:0] first_q, second_q;
    reg        first_valid_q, second_valid_q;
    reg [4:0]  offset_q;

    wire [5:0]  after_width = {1'b0, offset_q} + {1'b0, i_width};
    wire [5:0]  after_short = {1'b0, offset_q} + {1'b0, i_short_width};
    wire [5:0]  after       = i_short ? after_short : after_width;
    wire        take        = i_take && o_valid;
    wire        leave       = (take && after[5]) || !first_valid_q; // the second word becomes the first

    assign o_word_ready = !second_valid_q;
    assign o_valid      = (first_valid_q && (second_valid_q || !after_width[5] || after_width[4:0] == 5'd0)) || i_width == 5'd0;
    assign o_dry        = !o_valid && !second_valid_q && !i_word_valid;

    bit_window #(.IN(64), .OUT(20), .OFFSET(5)) window (.i_data({second_q, first_q}), .i_offset(offset_q), .o_bits(o_bits));

    always @(posedge i_clk)
        if (take) offset_q <= after[4:0];
        else if (!first_valid_q) offset_q <= 5'd0;

    always @(posedge i_clk)
        if (i_reset) begin
            first_valid_q  <= 1'b0;
            second_valid_q <= 1'b0;
        end else begin
            if (leave) first_valid_q <= second_valid_q;
            if (leave || !second_valid_q) second_valid_q <= i_word_valid && !second_valid_q;
        end

    always @(posedge i_clk) begin
        if (leave) first_q <= second_q;
        if (!second_valid_q) second_q <= i_word_data;
    end

endmodule
`default_nettype wire
