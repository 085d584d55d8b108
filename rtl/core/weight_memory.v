// The weight memory: a ring of 32-bit words that the link fills and the bit
// unpacker reads.
//
// Writing: i_write appends a word; i_commit makes all appended words visible
// (with i_write: that word too), i_discard forgets them; i_rewind empties
// the memory. o_space words may still be appended.
// Reading: i_start begins a run. Resident: reading starts at the first word and
// frees nothing. Streamed (i_streamed): the ring is emptied, and words are freed
// as they are read. o_exhausted: every visible word has been read.
//
// WORDS  2 to 32,768
`default_nettype none
module weight_memory #(
    parameter WORDS = 1024
) (
    input  wire        i_clk,
    input  wire        i_reset,
    // Link side
    input  wire        i_write,
    input  wire [31:0] i_write_data,
    input  wire        i_commit,
    input  wire        i_discard,
    input  wire        i_rewind,
    output wire [15:0] o_space,
    // Reader
    input  wire        i_start,
    input  wire        i_streamed,    // stable during a run
    output wire        o_exhausted,
    output reg         o_word_valid,
    input  wire        i_word_ready,
    output wire [31:0] o_word_data
);
    localparam ADDR_BITS  = $clog2(WORDS);
    localparam COUNT_BITS = $clog2(WORDS + 1);

    reg [ADDR_BITS-1:0]  write_addr, commit_addr, read_addr;
    reg [COUNT_BITS-1:0] stored;     // visible words that take space
    reg [COUNT_BITS-1:0] appended;   // words not yet visible
    reg [COUNT_BITS-1:0] unread;     // visible words ahead of read_addr

    wire                  pop        = o_word_valid && i_word_ready;
    wire [ADDR_BITS-1:0]  write_next = write_addr == WORDS[ADDR_BITS-1:0] - 1'b1 ? {ADDR_BITS{1'b0}} : write_addr + 1'b1;
    wire [ADDR_BITS-1:0]  read_next  = read_addr == WORDS[ADDR_BITS-1:0] - 1'b1 ? {ADDR_BITS{1'b0}} : read_addr + 1'b1;
    wire [COUNT_BITS-1:0] appended_now = appended + {{(COUNT_BITS-1){1'b0}}, i_write};
    wire [COUNT_BITS-1:0] arriving     = i_commit ? appended_now : {COUNT_BITS{1'b0}};
    wire [COUNT_BITS-1:0] popped       = {{(COUNT_BITS-1){1'b0}}, pop};
    wire [COUNT_BITS-1:0] space        = WORDS[COUNT_BITS-1:0] - stored - appended;

    assign o_space     = {{(16-COUNT_BITS){1'b0}}, space};
    assign o_exhausted = unread == {COUNT_BITS{1'b0}};

    wire empty_all = i_reset || i_rewind || (i_start && i_streamed);
    always @(posedge i_clk) begin
        if (i_write)
            write_addr <= write_next;
        appended <= i_commit || i_discard ? {COUNT_BITS{1'b0}} : appended_now;
        if (i_commit)
            commit_addr <= i_write ? write_next : write_addr;
        else if (i_discard)
            write_addr <= commit_addr;
        stored <= stored + arriving - (i_streamed ? popped : {COUNT_BITS{1'b0}});
        unread <= unread + arriving - popped;
        if (pop)
            read_addr <= read_next;
        // The word at read_addr is on o_word_data if it was there, and not taken, a cycle ago
        o_word_valid <= !pop && unread != {COUNT_BITS{1'b0}};
        if (i_start) begin
            read_addr    <= {ADDR_BITS{1'b0}};
            unread       <= stored;
            o_word_valid <= 1'b0;
        end
        if (empty_all) begin
            write_addr   <= {ADDR_BITS{1'b0}};
            commit_addr  <= {ADDR_BITS{1'b0}};
            read_addr    <= {ADDR_BITS{1'b0}};
            stored       <= {COUNT_BITS{1'b0}};
            appended     <= {COUNT_BITS{1'b0}};
            unread       <= {COUNT_BITS{1'b0}};
            o_word_valid <= 1'b0;
        end
    end

    ram_1r1w #(.WIDTH(32), .DEPTH(WORDS)) ring (
        .i_clk(i_clk), .i_write(i_write), .i_write_addr(write_addr), .i_write_data(i_write_data),
        .i_read(1'b1), .i_read_addr(read_addr), .o_read_data(o_word_data)
    );
endmodule
`default_nettype wire
