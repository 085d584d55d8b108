// CRC-32 (IEEE 802.3, reflected polynomial 0xEDB88320) over a byte stream, one byte a cycle.
//
// o_low is the low byte of the register before the final inversion, so ~o_low is the next byte of the checksum; i_shift
// moves on to the byte after it. Feeding ~o_low itself is the same as shifting and then mixing in a constant, so that the two
// bytes of a header check need no register of their own either:
//     a byte equal to ~state[7:0] is fed  ->  new state[7:0] = old state[15:8] ^ 8'h8D
// Who feeds such a byte knows how it differs from o_low, and may say so (i_relative) instead of waiting for it.
// i_clear goes before i_shift, i_shift before i_feed; what they give is there one cycle later.
`default_nettype none

module crc32 (
    input  wire        i_clk,
    input  wire        i_clear,        // back to the state before the first byte
    input  wire        i_shift,        // drop the low byte
    input  wire        i_feed,         // take i_data
    input  wire [7:0]  i_data,
    input  wire        i_relative,     // i_data is the byte ^ o_low
    output wire [7:0]  o_low
);
    function [31:0] fed;
        input [31:0] mixed;            // the register, its low byte ^ the byte fed
        integer      n;
        begin
            fed = mixed;
            for (n = 0; n < 8; n = n + 1)
                fed = {1'b0, fed[31:1]} ^ (fed[0] ? 32'hEDB88320 : 32'd0);
        end
    endfunction

    reg [31:0] state;
    always @(posedge i_clk)
        if (i_clear)      state <= 32'hFFFFFFFF;
        else if (i_shift) state <= {8'hFF, state[31:8]};
        else if (i_feed)  state <= fed({state[31:8], i_data ^ (state[7:0] & {8{!i_relative}})});

    assign o_low = state[7:0];
endmodule

`default_nettype wire
