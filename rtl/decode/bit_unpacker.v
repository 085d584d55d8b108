// Turns packed 32-bit words into a window of the stream's next 20 bits.
//
// Words come in least significant bit first. The window shows the next bits in
// o_bits[0], o_bits[1], ...; o_have says that the next i_need of them have
// arrived. The user takes i_take bits (at most i_need, and only while o_have)
// in a cycle with i_taking. Any width up to 20 bits a cycle while words arrive
// at one every two cycles.
`default_nettype none
module bit_unpacker (
    input  wire        i_clk,
    input  wire        i_reset,        // forgets the words held
    // Packed words
    input  wire        i_word_valid,
    output wire        o_word_ready,
    input  wire [31:0] i_word_data,
    // Window
    input  wire [4:0]  i_need,         // 0 to 20
    output wire        o_have,
    output wire [19:0] o_bits,
    input  wire        i_taking,
    input  wire [4:0]  i_take          // 0 to 20
);
    reg [31:0] low, high;              // the window starts in `low`
    reg        low_valid, high_valid;
    reg [4:0]  position;               // bit of `low` that comes next

    wire [5:0] end_of_need = {1'b0, position} + {1'b0, i_need};
    wire [5:0] moved       = {1'b0, position} + {1'b0, i_take};
    wire       spent       = i_taking && moved[5];

    wire [63:0] joined  = {high, low};
    wire [63:0] shifted = joined >> position;

    assign o_bits       = shifted[19:0];
    assign o_have       = (low_valid && (high_valid || end_of_need <= 6'd32)) || i_need == 5'd0;
    assign o_word_ready = !high_valid;

    always @(posedge i_clk) begin
        if (i_taking)
            position <= moved[4:0];
        if (spent) begin
            low       <= high_valid ? high : i_word_data;
            low_valid <= high_valid || i_word_valid;
        end else if (!low_valid) begin
            low       <= i_word_data;
            low_valid <= i_word_valid;
        end
        if (spent || !low_valid)
            high_valid <= 1'b0;
        else if (!high_valid)
            high_valid <= i_word_valid;
        if (!high_valid)
            high <= i_word_data;
        if (i_reset) begin
            position   <= 5'd0;
            low_valid  <= 1'b0;
            high_valid <= 1'b0;
        end
    end

    wire unused = &{1'b0, shifted[63:20]};
endmodule
`default_nettype wire
