// The device's end of the link: takes request frames from a byte stream, works the computing part through the ports that
// rtl/README.md lists, and gives answer frames back. PROTOCOL.md is its specification, protocol.vh has the numbers.
//
//     i_rx --> frame_receiver --> frame_commands <--> computing part
//     o_tx <-- frame_sender <---- frame_answer <----- activations, counters, capabilities
//
// Both streams move a byte a cycle at the most. The counters of link bytes live here.
// Parameters: those of rtl/README.md, for the capability descriptor and the range checks, and
//   TIMEOUT    cycles of silence that end a broken frame, a power of two, 2 to 2^31
//   CLOCK_KHZ  clock as built, told to the host; 0 if simulated
`default_nettype none
`include "protocol.vh"

module frame_port #(
    parameter LANES         = 2,
    parameter POSITIONS     = 8,
    parameter PORTS         = 1,
    parameter ACT_WORDS     = 16384,
    parameter WEIGHT_WORDS  = 2048,
    parameter LAYERS        = 8,
    parameter TABLE_DEPTH   = 1024,
    parameter LIST_DEPTH    = 1024,
    parameter PRIVATE_DEPTH = 512,
    parameter FORMATS       = 7,
    parameter ACC_BITS      = 24,
    parameter DRAIN         = 1,
    parameter TIMEOUT       = 4194304,
    parameter CLOCK_KHZ     = 0
) (
    input  wire                   i_clk,
    input  wire                   i_reset,
    // Link
    input  wire                   i_rx_valid,
    output wire                   o_rx_ready,
    input  wire [7:0]             i_rx_data,
    output wire                   o_tx_valid,
    input  wire                   i_tx_ready,
    output wire [7:0]             o_tx_data,
    // Layer descriptors
    output wire                   o_layer_write,
    output wire [15:0]            o_layer_addr,
    output wire [15:0]            o_layer_data,
    // Activations
    output wire                   o_act_write,
    output wire [15:0]            o_act_addr,
    output wire [7:0]             o_act_slot,
    output wire [7:0]             o_act_data,
    output wire                   o_act_read,
    input  wire                   i_act_valid,
    input  wire [8*POSITIONS-1:0] i_act_data,
    // Weights
    output wire                   o_weight_write,
    output wire [31:0]            o_weight_data,
    output wire                   o_weight_commit,
    output wire                   o_weight_discard,
    output wire                   o_weight_rewind,
    input  wire [15:0]            i_weight_space,
    // Runs
    output wire                   o_run_start,
    output wire [7:0]             o_run_layers,
    output wire [7:0]             o_run_slots,
    output wire                   o_run_streamed,
    output wire                   o_run_abort,
    input  wire                   i_run_busy,
    input  wire                   i_run_done,
    input  wire [7:0]             i_run_status,
    // Event counters
    output wire [4:0]             o_counter_index,
    input  wire [31:0]            i_counter_value
);
    wire        active, foreign, payload_valid, payload_ready, frame_end, good, release_frame;
    wire [7:0]  request_type, request_sequence, payload_data;
    wire [10:0] length;
    frame_receiver #(.TIMEOUT(TIMEOUT)) receiver (
        .i_clk(i_clk), .i_reset(i_reset),
        .i_rx_valid(i_rx_valid), .o_rx_ready(o_rx_ready), .i_rx_data(i_rx_data),
        .o_active(active), .o_foreign(foreign), .o_type(request_type), .o_sequence(request_sequence), .o_length(length),
        .o_payload_valid(payload_valid), .i_payload_ready(payload_ready), .o_payload_data(payload_data),
        .o_end(frame_end), .o_good(good), .i_release(release_frame)
    );

    wire        answer_start, answer_idle, act_next, session;
    wire [2:0]  answer_kind;
    wire [7:0]  answer_sequence, answer_error, expected, run_status;
    wire [10:0] answer_words;
    wire [15:0] address;
    wire [31:0] data;
    frame_commands #(.POSITIONS(POSITIONS), .ACT_WORDS(ACT_WORDS), .LAYERS(LAYERS)) commands (
        .i_clk(i_clk), .i_reset(i_reset),
        .i_active(active), .i_foreign(foreign), .i_type(request_type), .i_sequence(request_sequence), .i_length(length),
        .i_payload_valid(payload_valid), .o_payload_ready(payload_ready), .i_payload_data(payload_data),
        .i_end(frame_end), .i_good(good), .o_release(release_frame),
        .o_answer_start(answer_start), .i_answer_idle(answer_idle), .o_answer_kind(answer_kind),
        .o_answer_sequence(answer_sequence), .o_answer_words(answer_words), .o_answer_error(answer_error),
        .o_expected(expected), .o_run_status(run_status), .i_act_next(act_next), .o_session(session),
        .o_layer_write(o_layer_write), .o_act_write(o_act_write), .o_address(address), .o_act_slot(o_act_slot),
        .o_data(data), .o_weight_write(o_weight_write), .o_weight_commit(o_weight_commit),
        .o_weight_discard(o_weight_discard), .o_weight_rewind(o_weight_rewind), .i_weight_space(i_weight_space),
        .o_run_start(o_run_start), .o_run_layers(o_run_layers), .o_run_slots(o_run_slots),
        .o_run_streamed(o_run_streamed), .o_run_abort(o_run_abort), .i_run_busy(i_run_busy),
        .i_run_done(i_run_done), .i_run_status(i_run_status)
    );
    assign o_layer_addr  = address;
    assign o_layer_data  = data[31:16];
    assign o_act_addr    = address;
    assign o_act_data    = data[31:24];
    assign o_weight_data = data;

    wire [4:0]  index;
    wire [31:0] capability;
    capabilities #(
        .LANES(LANES), .POSITIONS(POSITIONS), .PORTS(PORTS), .ACT_WORDS(ACT_WORDS), .WEIGHT_WORDS(WEIGHT_WORDS),
        .LAYERS(LAYERS), .TABLE_DEPTH(TABLE_DEPTH), .LIST_DEPTH(LIST_DEPTH), .PRIVATE_DEPTH(PRIVATE_DEPTH),
        .FORMATS(FORMATS), .ACC_BITS(ACC_BITS), .DRAIN(DRAIN), .CLOCK_KHZ(CLOCK_KHZ)
    ) descriptor (.i_index(index[3:0]), .o_word(capability));

    // Counted a cycle late, to keep the handshakes off the carry chains
    reg        moved_in, moved_out;
    reg [31:0] link_in, link_out;
    always @(posedge i_clk) begin
        moved_in  <= i_rx_valid && o_rx_ready;
        moved_out <= o_tx_valid && i_tx_ready;
        link_in   <= i_reset || session ? 32'd0 : link_in  + {31'd0, moved_in};
        link_out  <= i_reset || session ? 32'd0 : link_out + {31'd0, moved_out};
    end

    assign o_counter_index = index;
    frame_answer #(.POSITIONS(POSITIONS)) answer (
        .i_clk(i_clk), .i_reset(i_reset),
        .i_start(answer_start), .o_idle(answer_idle), .i_kind(answer_kind), .i_sequence(answer_sequence),
        .i_words(answer_words), .i_error(answer_error), .i_expected(expected), .i_run_status(run_status),
        .o_index(index), .i_capability(capability),
        .i_counter(i_counter_value), .i_link_in(link_in), .i_link_out(link_out),
        .o_act_read(o_act_read), .o_act_next(act_next), .i_act_valid(i_act_valid), .i_act_data(i_act_data),
        .o_tx_valid(o_tx_valid), .i_tx_ready(i_tx_ready), .o_tx_data(o_tx_data)
    );
endmodule

`default_nettype wire
