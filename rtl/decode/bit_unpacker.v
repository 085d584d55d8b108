`default_nettype none
// Turns the packed weight stream (STREAM.md) into fields of any width from 0 to 20 bits, one field a cycle.
// Two words are held; the field on offer starts at a bit offset into the first. A word enters when the second place is empty, so
// fields of up to 16 bits never wait while words arrive; wider ones wait a cycle now and then.
// In the cycle after a take, i_back gives the last i_back_width bits of the field back (a field that has turned out to be a shorter
// one): nothing is taken then, and the field on offer in the cycle after that starts with them. A word's last eight bits are kept
// for that when the word leaves.
module bit_unpacker (
    input  wire        i_clk,
    input  wire        i_reset,
    // Packed words, least significant bit first
    input  wire        i_word_valid,
    output wire        o_word_ready,
    input  wire [31:0] i_word_data,
    // The field on offer
    input  wire [4:0]  i_width,
    input  wire        i_take,       // takes it, if o_valid
    output wire        o_valid,      // i_width bits are there; no bits always are
    output wire        o_dry,        // no more bits will be there until a word enters
    output wire [19:0] o_bits,       // what follows the last field; not masked to the width
    // Giving back
    input  wire        i_back,       // in place of i_take
    input  wire [3:0]  i_back_width  // 0 to 8
);

    reg [31:0] first_q, second_q;
    reg [7:0]  before_q; // the end of the word that left last
    reg        first_valid_q, second_valid_q;
    reg [5:0]  offset_q; // into the first word; -8 to -1: into before_q

    wire       negative = offset_q[5];
    wire [6:0] after    = {negative, offset_q} + {2'b00, i_width};
    wire       beyond   = after[6:5] == 2'b01; // the second word has the next field
    wire       take     = i_take && o_valid && !i_back;
    wire       leave    = take && beyond;
    wire       advance  = leave || !first_valid_q; // the second word becomes the first

    assign o_word_ready = !second_valid_q;
    assign o_valid      = (first_valid_q && (second_valid_q || !beyond || after[4:0] == 5'd0)) || i_width == 5'd0;
    assign o_dry        = !o_valid && !second_valid_q && !i_word_valid;

    wire [26:0] from_byte; // from the byte in which the field starts

    bit_window #(.IN(64), .OUT(27), .STEP(8), .OFFSET(2)) bytes (
        .i_data({second_q, first_q}), .i_offset(offset_q[4:3]), .o_bits(from_byte)
    );
    bit_window #(.IN(27), .OUT(20), .STEP(1), .OFFSET(3)) bits (
        .i_data(negative ? {first_q[18:0], before_q} : from_byte), .i_offset(offset_q[2:0]), .o_bits(o_bits)
    );

    always @(posedge i_clk)
        if (i_reset) offset_q <= 6'd0;
        else if (i_back) offset_q <= offset_q - {2'b00, i_back_width};
        else if (take) offset_q <= {after[6], after[4:0]};

    always @(posedge i_clk)
        if (i_reset) begin
            first_valid_q  <= 1'b0;
            second_valid_q <= 1'b0;
        end else begin
            if (advance) first_valid_q <= second_valid_q;
            if (advance || !second_valid_q) second_valid_q <= i_word_valid && !second_valid_q;
        end

    always @(posedge i_clk) begin
        if (leave) before_q <= first_q[31:24];
        if (advance) first_q <= second_q;
        if (!second_valid_q) second_q <= i_word_data;
    end

endmodule
`default_nettype wire
