`default_nettype none
// The weight memory: a ring of 32-bit words that the link fills and the bit unpacker reads.
//
// Filling: i_write appends a word; i_commit makes all appended words visible (with i_write: that word, too), i_discard forgets
// them; i_rewind empties the memory. o_space words may still be appended.
// Reading: i_start begins a run. Resident: it reads from the first word and frees nothing. Streamed: the ring is emptied first,
// and a word is free again once it is read. o_exhausted: every visible word has left this module.
// A pointer is a word address and the parity of its rounds, so that full and empty differ.
module weight_memory #(
    parameter WORDS = 1024 // 512 to 32,768
) (
    input  wire        i_clk,
    input  wire        i_reset,
    // Filling
    input  wire        i_write,
    input  wire [31:0] i_write_data,
    input  wire        i_commit,
    input  wire        i_discard,
    input  wire        i_rewind,
    output reg  [15:0] o_space,     // one cycle late
    // Reading
    input  wire        i_start,
    input  wire        i_streamed,  // of this run, from i_start on; low again behind i_rewind
    output wire        o_exhausted,
    output reg         o_word_valid,
    input  wire        i_word_ready,
    output wire [31:0] o_word_data
);

    localparam ADDR_BITS = $clog2(WORDS);
    localparam LAST = WORDS - 1;

    function [ADDR_BITS:0] after; // the pointer behind a pointer
        input [ADDR_BITS:0] pointer;
        after = pointer[ADDR_BITS-1:0] == LAST[ADDR_BITS-1:0] ? {!pointer[ADDR_BITS], {ADDR_BITS{1'b0}}} : pointer + 1'b1;
    endfunction

    reg [ADDR_BITS:0] write_q, commit_q, read_q;

    wire empty = i_reset || i_rewind || (i_start && i_streamed);
    wire fetch = read_q != commit_q && (!o_word_valid || i_word_ready);

    wire [ADDR_BITS:0] written = i_write ? after(write_q) : write_q;

    always @(posedge i_clk)
        if (empty) write_q <= {(ADDR_BITS + 1){1'b0}};
        else if (i_discard) write_q <= commit_q;
        else write_q <= written;

    always @(posedge i_clk)
        if (empty) commit_q <= {(ADDR_BITS + 1){1'b0}};
        else if (i_commit) commit_q <= written;

    always @(posedge i_clk)
        if (empty || i_start) read_q <= {(ADDR_BITS + 1){1'b0}};
        else if (fetch) read_q <= after(read_q);

    always @(posedge i_clk)
        if (empty || i_start) o_word_valid <= 1'b0;
        else if (!o_word_valid || i_word_ready) o_word_valid <= fetch;

    assign o_exhausted = read_q == commit_q && !o_word_valid;

    // Words from the oldest that must be kept to the end
    wire [ADDR_BITS:0] oldest = i_streamed ? read_q : {(ADDR_BITS + 1){1'b0}};
    wire [16:0]        behind = {{(17 - ADDR_BITS){1'b0}}, oldest[ADDR_BITS-1:0]} - {{(17 - ADDR_BITS){1'b0}}, write_q[ADDR_BITS-1:0]};
    wire [16:0]        whole  = oldest[ADDR_BITS] == write_q[ADDR_BITS] ? WORDS[16:0] : 17'd0;
    wire [16:0]        space  = behind + whole;

    always @(posedge i_clk) o_space <= space[15:0];

    // An odd number of words is a power of two and a rest: two memories cost less logic than one of an odd size
    localparam WHOLE = (1 << ADDR_BITS) == WORDS ? WORDS : 1 << (ADDR_BITS - 1);
    localparam REST  = WORDS - WHOLE;

    wire [31:0] whole_data;

    ram_1r1w #(.WIDTH(32), .DEPTH(WHOLE)) whole_words (
        .i_clk(i_clk), .i_write(i_write && (REST == 0 || !write_q[ADDR_BITS-1])),
        .i_write_addr(write_q[$clog2(WHOLE)-1:0]), .i_write_data(i_write_data),
        .i_read(fetch), .i_read_addr(read_q[$clog2(WHOLE)-1:0]), .o_read_data(whole_data)
    );
    generate
        if (REST == 0) begin : g_whole
            assign o_word_data = whole_data;
        end else begin : g_rest
            wire [31:0] rest_data;
            reg         rest_q;
            ram_1r1w #(.WIDTH(32), .DEPTH(REST)) rest_words (
                .i_clk(i_clk), .i_write(i_write && write_q[ADDR_BITS-1]),
                .i_write_addr(write_q[$clog2(REST)-1:0]), .i_write_data(i_write_data),
                .i_read(fetch), .i_read_addr(read_q[$clog2(REST)-1:0]), .o_read_data(rest_data)
            );
            always @(posedge i_clk)
                if (fetch) rest_q <= read_q[ADDR_BITS-1];
            assign o_word_data = rest_q ? rest_data : whole_data;
        end
    endgenerate

    wire unused = &{1'b0, space[16]};

endmodule
`default_nettype wire
