// Bytes from an asynchronous line: a start bit (0), eight bits, least significant first, a stop bit (1).
//
// Each bit is taken in its middle, counted from the falling edge of the start bit, so the sender's rate may be off by 4 %. A start bit that is
// gone by its middle was noise; a byte whose stop bit is not 1 is dropped (o_broken), and the next one begins after the line has been 1.
// DIVIDER   cycles a bit, 4 or more
`default_nettype none

module uart_receiver #(
    parameter DIVIDER = 10
) (
    input  wire       i_clk,
    input  wire       i_reset,
    input  wire       i_rx,            // pin, asynchronous
    output reg        o_valid,         // one cycle a byte
    output wire [7:0] o_data,          // with o_valid
    output reg        o_broken         // one cycle a byte dropped
);
    localparam BITS = $clog2(DIVIDER);
    localparam [31:0] WHOLE = DIVIDER - 1, HALF = (DIVIDER - 1) / 2;
    localparam [1:0] IDLE = 2'd0,      // waits for the start bit
                     BYTE = 2'd1,      // start bit, eight bits, stop bit
                     LOST = 2'd2;      // waits for 1

    reg meta, rx;
    always @(posedge i_clk) {rx, meta} <= {meta, i_rx};

    reg [1:0]      state;
    reg [BITS-1:0] left;               // cycles to the middle of the next bit
    reg [3:0]      count;              // bits taken: the start bit is 0, the stop bit 9
    reg [8:0]      shift;              // newest on top
    wire           middle = left == {BITS{1'b0}};

    always @(posedge i_clk)
        if (state == IDLE || middle) left <= state == IDLE ? HALF[BITS-1:0] : WHOLE[BITS-1:0];
        else                         left <= left - 1'b1;

    always @(posedge i_clk)
        if (state == IDLE) count <= 4'd0;
        else if (middle)   count <= count + 4'd1;

    always @(posedge i_clk)
        if (middle) shift <= {rx, shift[8:1]};

    always @(posedge i_clk)
        if (i_reset) state <= LOST;
        else case (state)
            IDLE:    if (!rx) state <= BYTE;
            BYTE:    if (middle && count == 4'd0 && rx) state <= IDLE;
                     else if (middle && count == 4'd9)  state <= rx ? IDLE : LOST;
            LOST:    if (rx) state <= IDLE;
            default: state <= LOST;
        endcase

    // The stop bit has been shifted in when o_valid is high
    assign o_data = shift[7:0];
    always @(posedge i_clk) begin
        o_valid  <= state == BYTE && middle && count == 4'd9 && rx && !i_reset;
        o_broken <= state == BYTE && middle && count == 4'd9 && !rx && !i_reset;
    end
endmodule

`default_nettype wire
