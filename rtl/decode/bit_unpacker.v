`default_nettype none
// Turns the packed weight stream (STREAM.md) into fields of any width from 0 to 20 bits, one field a cycle.
// Two words form a ring of 64 bits; the field on offer starts at a bit offset into it. A word that has been left is replaced two
// cycles later, so fields of up to 11 bits never wait while words arrive; wider ones wait a cycle now and then.
// Where the field on offer ends is kept too, and that is why a field's width is wanted with the take of the one before it.
// In the cycle after a take, i_back gives the last i_back_width bits of the field back (a field that has turned out to be a shorter
// one); with a width of 0 it may come in any cycle but one that asks. Either way the next cycle asks for the width again.
module bit_unpacker (
    input  wire        i_clk,
    input  wire        i_reset,      // the cycle after it asks for the first width
    // Packed words, least significant bit first
    input  wire        i_word_valid,
    output wire        o_word_ready,
    input  wire [31:0] i_word_data,
    // The field on offer
    input  wire        i_take,       // takes it, if o_valid
    input  wire [4:0]  i_next_width, // of the field that follows it
    output wire        o_valid,      // its bits are there; no bits always are. Not in the cycle that asks for a width
    output wire        o_dry,        // no more bits will be there until a word enters
    output wire [19:0] o_bits,       // what follows the last field; not masked to the width
    output reg         o_ask,        // nothing is on offer: i_next_width is that of the field in the next cycle
    // Giving back
    input  wire        i_back,       // in place of i_take
    input  wire [3:0]  i_back_width  // 0 to 8, at most the width of the field
);

    reg [31:0] even_q, odd_q;
    reg [5:0]  offset_q;              // the first bit of the field on offer
    reg [5:0]  last_q;                // and the last one; of no bits, the one before
    reg        no_bits_q;             // the field has none
    reg        fill_odd_q;            // where the next word goes
    reg        valid_q, more_valid_q; // the word of the offset, and the other one
    reg        left_q;                // a word has just been left, and may be needed again

    wire [5:0] after = last_q + 6'd1;
    wire       take  = i_take && o_valid && !i_back;
    wire       leave = take && after[5] != offset_q[5];
    wire       load  = i_word_valid && o_word_ready;

    assign o_word_ready = !more_valid_q && !left_q;
    assign o_valid      = no_bits_q || (valid_q && (more_valid_q || last_q[5] == offset_q[5]));
    assign o_dry        = !o_valid && !more_valid_q && !i_word_valid;

    wire [50:0] from_word = offset_q[5] ? {even_q[18:0], odd_q} : {odd_q[18:0], even_q};

    bit_window #(.IN(51), .OUT(20), .OFFSET(5)) window (.i_data(from_word), .i_offset(offset_q[4:0]), .o_bits(o_bits));

    always @(posedge i_clk)
        if (i_reset) {offset_q, last_q} <= {6'd0, 6'd63};
        else if (i_back) last_q <= offset_q + {2'b11, ~i_back_width}; // the bit before what is given back
        else if (take || o_ask) begin
            offset_q <= after;
            last_q   <= last_q + {1'b0, i_next_width};
        end

    always @(posedge i_clk) begin
        o_ask <= i_reset || i_back;
        if (take || o_ask) no_bits_q <= i_next_width == 5'd0;
    end

    always @(posedge i_clk)
        if (i_reset) {more_valid_q, valid_q, left_q} <= 3'b000;
        else begin
            left_q <= leave;
            if (i_back && left_q && offset_q[4:0] < {1'b0, i_back_width}) {more_valid_q, valid_q} <= {valid_q, 1'b1};
            else if (leave) {more_valid_q, valid_q} <= {1'b0, more_valid_q || load};
            else if (load) {more_valid_q, valid_q} <= {valid_q, 1'b1};
        end

    always @(posedge i_clk)
        if (i_reset) fill_odd_q <= 1'b0;
        else if (load) fill_odd_q <= !fill_odd_q;

    always @(posedge i_clk) begin
        if (load && !fill_odd_q) even_q <= i_word_data;
        if (load && fill_odd_q) odd_q <= i_word_data;
    end

endmodule
`default_nettype wire
