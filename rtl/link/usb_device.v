// A USB 2.0 full-speed device on bare D+ and D-: endpoint 0, a bulk pipe for packets to the device, and one for packets from it.
//
//     i_dp, i_dn --> usb_line --> usb_receiver ----> usb_transaction <--> usb_control <--> usb_descriptors
//     o_dp, o_dn <-- usb_transmitter <------------------+     ^--------> usb_bulk <--> packet_writer, packet_reader
//
// One clock of 48 MHz. usb_link puts the buffers and the clock crossing behind it. The tristate belongs to the board:
// drive the pins with o_dp and o_dn while o_oe is high. o_pull_up asks for the 1.5 kOhm from D+ to 3.3 V.
`default_nettype none
`include "usb.vh"

module usb_device #(
    parameter [15:0]     VENDOR       = `ESPALIER_USB_VENDOR,   // these are usb_descriptors'
    parameter [15:0]     PRODUCT      = `ESPALIER_USB_PRODUCT,
    parameter [15:0]     RELEASE      = `ESPALIER_USB_RELEASE,
    parameter [8*40-1:0] SERIAL       = "1",
    parameter            MILLIAMPERES = 250,
    parameter            LUT_RAM      = 0
) (
    input  wire       i_clk,           // 48 MHz
    input  wire       i_reset,
    // Pins
    input  wire       i_dp,
    input  wire       i_dn,
    output wire       o_dp,
    output wire       o_dn,
    output wire       o_oe,
    output reg        o_pull_up,
    // State of the bus
    output wire       o_suspended,
    output wire       o_configured,
    // packet_writer
    input  wire       i_out_room,
    output wire       o_out_write,
    output wire [7:0] o_out_data,
    output wire       o_out_discard,
    output wire       o_out_commit,
    // packet_reader
    input  wire [6:0] i_in_there,
    output wire       o_in_next,
    output wire       o_in_rewind,
    output wire       o_in_commit,
    input  wire [7:0] i_in_data
);
    wire       strobe, level, se0, silent, bus_reset;
    wire [3:0] rx_pid, rx_endpoint, tx_pid, entry;
    wire [6:0] rx_address, address, count;
    wire [7:0] rx_byte, tx_byte, rom_byte, entry_length;
    wire [8:0] rom_addr, entry_offset;
    wire       rx_byte_valid, rx_end, rx_good, tx_start, tx_more, tx_next, tx_busy;
    wire       endpoint, setup, in_begin, in_next, in_ack, out_begin, out_byte_valid, out_end, out_toggle;
    wire       control_toggle, control_more, bulk_toggle, bulk_more;
    wire [1:0] control_in_answer, control_out_answer, bulk_in_answer, bulk_out_answer;
    wire       out_halted, in_halted, out_restart, in_restart;

    reg reset;                         // of all that a reset of the bus resets
    always @(posedge i_clk) reset <= i_reset || bus_reset;
    reg deaf;                          // what the device itself says is not for it
    always @(posedge i_clk) deaf <= reset || tx_busy || o_oe;
    always @(posedge i_clk) o_pull_up <= !i_reset;

    usb_line line (
        .i_clk(i_clk), .i_reset(i_reset), .i_dp(i_dp), .i_dn(i_dn), .o_strobe(strobe), .o_level(level), .o_se0(se0),
        .o_silent(silent), .o_bus_reset(bus_reset), .o_suspended(o_suspended)
    );

    usb_receiver receiver (
        .i_clk(i_clk), .i_reset(deaf), .i_strobe(strobe), .i_level(level), .i_se0(se0), .i_silent(silent),
        .o_pid(rx_pid), .o_address(rx_address), .o_endpoint(rx_endpoint), .o_byte_valid(rx_byte_valid), .o_byte(rx_byte),
        .o_end(rx_end), .o_good(rx_good)
    );

    usb_transmitter transmitter (
        .i_clk(i_clk), .i_reset(reset), .i_start(tx_start), .i_pid(tx_pid), .i_more(tx_more), .i_byte(tx_byte),
        .o_next(tx_next), .o_busy(tx_busy), .o_dp(o_dp), .o_dn(o_dn), .o_oe(o_oe)
    );

    usb_transaction transaction (
        .i_clk(i_clk), .i_reset(reset), .i_silent(silent),
        .i_rx_pid(rx_pid), .i_rx_address(rx_address), .i_rx_endpoint(rx_endpoint), .i_rx_byte_valid(rx_byte_valid),
        .i_rx_end(rx_end), .i_rx_good(rx_good),
        .o_tx_start(tx_start), .o_tx_pid(tx_pid), .o_tx_more(tx_more), .o_tx_byte(tx_byte), .i_tx_next(tx_next), .i_tx_busy(tx_busy),
        .i_address(address), .i_configured(o_configured),
        .o_endpoint(endpoint), .o_setup(setup), .o_in_begin(in_begin), .o_in_next(in_next), .o_in_ack(in_ack),
        .o_out_begin(out_begin), .o_out_byte_valid(out_byte_valid), .o_out_end(out_end), .o_out_toggle(out_toggle), .o_count(count),
        .i_control_in_answer(control_in_answer), .i_control_toggle(control_toggle), .i_control_more(control_more),
        .i_control_byte(rom_byte), .i_control_out_answer(control_out_answer),
        .i_bulk_in_answer(bulk_in_answer), .i_bulk_toggle(bulk_toggle), .i_bulk_more(bulk_more),
        .i_bulk_byte(i_in_data), .i_bulk_out_answer(bulk_out_answer)
    );

    usb_control control (
        .i_clk(i_clk), .i_reset(reset), .i_chosen(!endpoint), .i_setup(setup),
        .i_in_begin(in_begin), .i_in_next(in_next), .i_in_ack(in_ack),
        .i_out_begin(out_begin), .i_out_byte_valid(out_byte_valid), .i_out_byte(rx_byte), .i_out_end(out_end),
        .i_count(count[2:0]), .i_full(count[6]),
        .o_in_answer(control_in_answer), .o_in_toggle(control_toggle), .o_in_more(control_more), .o_out_answer(control_out_answer),
        .o_entry(entry), .i_offset(entry_offset), .i_length(entry_length), .o_rom_addr(rom_addr),
        .o_address(address), .o_configured(o_configured), .o_out_halted(out_halted), .o_in_halted(in_halted),
        .o_out_restart(out_restart), .o_in_restart(in_restart)
    );

    usb_descriptors #(
        .VENDOR(VENDOR), .PRODUCT(PRODUCT), .RELEASE(RELEASE), .SERIAL(SERIAL), .MILLIAMPERES(MILLIAMPERES),
        .LUT_RAM(LUT_RAM)
    ) descriptors (
        .i_clk(i_clk), .i_addr(rom_addr), .o_byte(rom_byte), .i_entry(entry), .o_offset(entry_offset), .o_length(entry_length)
    );

    assign o_out_data = rx_byte;
    usb_bulk bulk (
        .i_clk(i_clk), .i_reset(reset), .i_out_halted(out_halted), .i_in_halted(in_halted),
        .i_out_restart(out_restart), .i_in_restart(in_restart), .i_chosen(endpoint),
        .i_in_begin(in_begin), .i_in_next(in_next), .i_in_ack(in_ack),
        .i_out_begin(out_begin), .i_out_byte_valid(out_byte_valid), .i_out_end(out_end), .i_out_toggle(out_toggle), .i_count(count),
        .o_in_answer(bulk_in_answer), .o_in_toggle(bulk_toggle), .o_in_more(bulk_more), .o_out_answer(bulk_out_answer),
        .i_out_room(i_out_room), .o_out_write(o_out_write), .o_out_discard(o_out_discard), .o_out_commit(o_out_commit),
        .i_in_there(i_in_there), .o_in_next(o_in_next), .o_in_rewind(o_in_rewind), .o_in_commit(o_in_commit)
    );
endmodule

`default_nettype wire
