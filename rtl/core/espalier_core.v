// The accelerator behind a byte link: frames in, frames out. Everything a board adds is pins, clock, reset and link.
//
// i_rx and o_tx are the link's byte streams (a byte a cycle at the most), o_run_busy is high while a run is under way.
// rtl/README.md lists the parameters and how the two halves talk to each other; rtl/frame/PROTOCOL.md what crosses the link.
`default_nettype none

module espalier_core #(
    parameter LANES           = 2,
    parameter POSITIONS       = 8,
    parameter PORTS           = 1,
    parameter ACT_SINGLE_PORT = 1,
    parameter ACT_WORDS       = 16384,
    parameter WEIGHT_WORDS    = 2048,
    parameter LAYERS          = 8,
    parameter TABLE_DEPTH     = 1024,
    parameter LIST_DEPTH      = 1024,
    parameter PRIVATE_DEPTH   = 512,
    parameter FORMATS         = 7,
    parameter ACC_BITS        = 24,
    parameter DRAIN           = 1,
    parameter VENDOR          = 0,
    parameter TIMEOUT         = 4194304,   // cycles of silence that end a broken frame
    parameter CLOCK_KHZ       = 0          // clock as built, 0 if simulated
) (
    input  wire       i_clk,
    input  wire       i_reset,
    // Link
    input  wire       i_rx_valid,
    output wire       o_rx_ready,
    input  wire [7:0] i_rx_data,
    output wire       o_tx_valid,
    input  wire       i_tx_ready,
    output wire [7:0] o_tx_data,
    // For a board's light, and for a simulator's patience
    output wire       o_run_busy
);
    // Illegal parameters stop elaboration: the missing module's name says why
    generate
        if (LANES < 1 || LANES > 16) begin : check_LANES
            illegal_LANES_is_not_1_to_16 stop ();
        end
        if (POSITIONS < 1 || POSITIONS > 16) begin : check_POSITIONS
            illegal_POSITIONS_is_not_1_to_16 stop ();
        end
        if (DRAIN < 1 || POSITIONS % DRAIN != 0) begin : check_DRAIN
            illegal_DRAIN_does_not_divide_POSITIONS stop ();
        end
        if (PORTS != 1 && PORTS != LANES) begin : check_PORTS
            illegal_PORTS_is_neither_1_nor_LANES stop ();
        end
        if (ACT_SINGLE_PORT != 0 && PORTS != 1) begin : check_ACT_SINGLE_PORT
            illegal_ACT_SINGLE_PORT_needs_PORTS_1 stop ();
        end
        if (ACT_WORDS < 1 || ACT_WORDS > 65536) begin : check_ACT_WORDS
            illegal_ACT_WORDS_is_not_1_to_65536 stop ();
        end
        if (WEIGHT_WORDS < 512 || WEIGHT_WORDS > 32768) begin : check_WEIGHT_WORDS
            illegal_WEIGHT_WORDS_is_not_512_to_32768 stop ();
        end
        if (LAYERS < 1 || LAYERS > 64) begin : check_LAYERS
            illegal_LAYERS_is_not_1_to_64 stop ();
        end
        if ((TABLE_DEPTH & (TABLE_DEPTH - 1)) != 0 || TABLE_DEPTH < 16 || TABLE_DEPTH > 32768) begin : check_TABLE_DEPTH
            illegal_TABLE_DEPTH_is_no_power_of_two_from_16_to_32768 stop ();
        end
        if ((LIST_DEPTH & (LIST_DEPTH - 1)) != 0) begin : check_LIST_DEPTH
            illegal_LIST_DEPTH_is_no_power_of_two stop ();
        end
        if ((PRIVATE_DEPTH & (PRIVATE_DEPTH - 1)) != 0 || PRIVATE_DEPTH > LIST_DEPTH) begin : check_PRIVATE_DEPTH
            illegal_PRIVATE_DEPTH_is_no_power_of_two_up_to_LIST_DEPTH stop ();
        end
        if (FORMATS < 1 || FORMATS > 7) begin : check_FORMATS
            illegal_FORMATS_is_not_1_to_7 stop ();
        end
        if ((TIMEOUT & (TIMEOUT - 1)) != 0) begin : check_TIMEOUT
            illegal_TIMEOUT_is_no_power_of_two stop ();
        end
    endgenerate

    wire                   layer_write, act_write, act_read, act_valid;
    wire [15:0]            layer_addr, layer_data, act_addr;
    wire [7:0]             act_slot, act_byte;
    wire [8*POSITIONS-1:0] act_word;
    wire                   weight_write, weight_commit, weight_discard, weight_rewind;
    wire [31:0]            weight_data;
    wire [15:0]            weight_space;
    wire                   run_start, run_streamed, run_abort, run_done;
    wire [7:0]             run_layers, run_slots, run_status;
    wire [4:0]             counter_index;
    wire [31:0]            counter_value;

    frame_port #(
        .LANES(LANES), .POSITIONS(POSITIONS), .PORTS(PORTS), .ACT_WORDS(ACT_WORDS), .WEIGHT_WORDS(WEIGHT_WORDS),
        .LAYERS(LAYERS), .TABLE_DEPTH(TABLE_DEPTH), .LIST_DEPTH(LIST_DEPTH), .PRIVATE_DEPTH(PRIVATE_DEPTH),
        .FORMATS(FORMATS), .ACC_BITS(ACC_BITS), .DRAIN(DRAIN), .TIMEOUT(TIMEOUT), .CLOCK_KHZ(CLOCK_KHZ)
    ) port (
        .i_clk(i_clk), .i_reset(i_reset),
        .i_rx_valid(i_rx_valid), .o_rx_ready(o_rx_ready), .i_rx_data(i_rx_data),
        .o_tx_valid(o_tx_valid), .i_tx_ready(i_tx_ready), .o_tx_data(o_tx_data),
        .o_layer_write(layer_write), .o_layer_addr(layer_addr), .o_layer_data(layer_data),
        .o_act_write(act_write), .o_act_addr(act_addr), .o_act_slot(act_slot), .o_act_data(act_byte),
        .o_act_read(act_read), .i_act_valid(act_valid), .i_act_data(act_word),
        .o_weight_write(weight_write), .o_weight_data(weight_data), .o_weight_commit(weight_commit),
        .o_weight_discard(weight_discard), .o_weight_rewind(weight_rewind), .i_weight_space(weight_space),
        .o_run_start(run_start), .o_run_layers(run_layers), .o_run_slots(run_slots), .o_run_streamed(run_streamed),
        .o_run_abort(run_abort), .i_run_busy(o_run_busy), .i_run_done(run_done), .i_run_status(run_status),
        .o_counter_index(counter_index), .i_counter_value(counter_value)
    );

    espalier_compute #(
        .LANES(LANES), .POSITIONS(POSITIONS), .PORTS(PORTS), .ACT_SINGLE_PORT(ACT_SINGLE_PORT), .ACT_WORDS(ACT_WORDS),
        .WEIGHT_WORDS(WEIGHT_WORDS), .LAYERS(LAYERS), .TABLE_DEPTH(TABLE_DEPTH), .LIST_DEPTH(LIST_DEPTH),
        .PRIVATE_DEPTH(PRIVATE_DEPTH), .FORMATS(FORMATS), .ACC_BITS(ACC_BITS), .DRAIN(DRAIN), .VENDOR(VENDOR)
    ) compute (
        .i_clk(i_clk), .i_reset(i_reset),
        .i_layer_write(layer_write), .i_layer_addr(layer_addr), .i_layer_data(layer_data),
        .i_act_write(act_write), .i_act_addr(act_addr), .i_act_slot(act_slot), .i_act_data(act_byte),
        .i_act_read(act_read), .o_act_valid(act_valid), .o_act_data(act_word),
        .i_weight_write(weight_write), .i_weight_data(weight_data), .i_weight_commit(weight_commit),
        .i_weight_discard(weight_discard), .i_weight_rewind(weight_rewind), .o_weight_space(weight_space),
        .i_run_start(run_start), .i_run_layers(run_layers), .i_run_slots(run_slots), .i_run_streamed(run_streamed),
        .i_run_abort(run_abort), .o_run_busy(o_run_busy), .o_run_done(run_done), .o_run_status(run_status),
        .i_counter_index(counter_index), .o_counter_value(counter_value)
    );
endmodule

`default_nettype wire
