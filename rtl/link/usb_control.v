// Endpoint 0: the requests of chapter 9. usb_transaction tells how an endpoint speaks.
//
// A SETUP's eight bytes are kept, looked up in a few steps (NAK meanwhile), and become one of three things: a read of bytes of the
// descriptor ROM (short answers are in it too), a write without data, carried out as it is accepted, SET_ADDRESS when its status stage has
// been confirmed; or a refusal, STALL until the next SETUP. There are no requests with data to the device.
//
// What is refused: everything that chapter 9 does not ask of a full-speed device with one configuration, one interface and no
// alternate settings; requests to the interface or endpoint 1 while not configured; and legal requests with illegal values.
`default_nettype none
`include "usb.vh"

module usb_control (
    input  wire       i_clk,
    input  wire       i_reset,         // also while the bus is reset
    // usb_transaction, while the transaction is with this endpoint
    input  wire       i_chosen,
    input  wire       i_setup,
    input  wire       i_in_begin,
    input  wire       i_in_next,
    input  wire       i_in_ack,
    input  wire       i_out_begin,
    input  wire       i_out_byte_valid,
    input  wire [7:0] i_out_byte,
    input  wire       i_out_end,
    input  wire [2:0] i_count,         // bytes of the packet so far, low bits
    input  wire       i_full,          // they are as many as a packet has
    output reg  [1:0] o_in_answer,
    output reg        o_in_toggle,
    output wire       o_in_more,       // the byte is the ROM's
    output reg  [1:0] o_out_answer,
    // usb_descriptors
    output reg  [3:0] o_entry,
    input  wire [8:0] i_offset,
    input  wire [7:0] i_length,
    output reg  [8:0] o_rom_addr,
    // What the host has set
    output reg  [6:0] o_address,
    output reg        o_configured,
    output reg        o_out_halted,
    output reg        o_in_halted,
    output wire       o_out_restart,
    output wire       o_in_restart
);
    // ---- The SETUP packet
    reg [7:0]  kind, request;          // bmRequestType, bRequest
    reg [15:0] value;
    reg [7:0]  index, length;          // low bytes of wIndex and wLength
    reg        index_high, length_high; // the high ones are not 0

    wire setup_byte = i_chosen && i_setup && i_out_byte_valid;
    always @(posedge i_clk)
        if (setup_byte)
            case (i_count)
                3'd0:    kind        <= i_out_byte;
                3'd1:    request     <= i_out_byte;
                3'd2:    value[7:0]  <= i_out_byte;
                3'd3:    value[15:8] <= i_out_byte;
                3'd4:    index       <= i_out_byte;
                3'd5:    index_high  <= i_out_byte != 8'd0;
                3'd6:    length      <= i_out_byte;
                default: length_high <= i_out_byte != 8'd0;
            endcase

    // ---- Looked up in four steps after it
    reg [4:1] step;
    always @(posedge i_clk)
        if (i_reset || i_out_begin) step <= 4'd0;
        else                        step <= {step[3:1], i_chosen && i_setup && i_out_end};

    // 1: what it is
    localparam [3:0] NONE             = 4'd0, DESCRIPTOR        = 4'd1, STATUS_DEVICE = 4'd2, STATUS_INTERFACE = 4'd3,
                     STATUS_ENDPOINT  = 4'd4, GET_CONFIGURATION = 4'd5, GET_INTERFACE = 4'd6, SET_ADDRESS      = 4'd7,
                     SET_CONFIGURATION = 4'd8, SET_INTERFACE    = 4'd9, CLEAR_HALT    = 4'd10, SET_HALT        = 4'd11,
                     MICROSOFT        = 4'd12;
    reg [3:0] what;
    reg       value_0, value_01, value_low_0, index_0, index_7, endpoint_0, endpoint_1, length_0;

    always @(posedge i_clk)
        case ({kind, request})
            16'h8006: what <= DESCRIPTOR;
            16'h8000: what <= STATUS_DEVICE;
            16'h8100: what <= STATUS_INTERFACE;
            16'h8200: what <= STATUS_ENDPOINT;
            16'h8008: what <= GET_CONFIGURATION;
            16'h810A: what <= GET_INTERFACE;
            16'h0005: what <= SET_ADDRESS;
            16'h0009: what <= SET_CONFIGURATION;
            16'h010B: what <= SET_INTERFACE;
            16'h0201: what <= CLEAR_HALT;
            16'h0203: what <= SET_HALT;
            {8'hC0, `ESPALIER_USB_VENDOR_MICROSOFT}: what <= MICROSOFT;
            default:  what <= NONE;
        endcase

    always @(posedge i_clk) begin
        value_0     <= value == 16'd0;
        value_01    <= value[15:1] == 15'd0;
        value_low_0 <= value[7:0] == 8'd0;
        index_0     <= index == 8'd0 && !index_high;
        index_7     <= index == 8'd7 && !index_high;
        endpoint_0  <= index[6:0] == 7'd0 && !index_high;
        endpoint_1  <= index[6:0] == 7'd1 && !index_high;
        length_0    <= length == 8'd0 && !length_high;
    end

    // 2: whether it can be, and what is read
    reg  legal;
    wire plain  = value_0 && index_0;
    wire ready = o_configured && length_0;
    wire halted = endpoint_1 && (index[7] ? o_in_halted : o_out_halted);

    always @(posedge i_clk)
        case (what)
            DESCRIPTOR:
                case (value[15:8])
                    8'd1, 8'd2, 8'd15: legal <= value_low_0;
                    8'd3:              legal <= value[7:2] == 6'd0;
                    default:           legal <= 1'b0;
                endcase
            STATUS_DEVICE, GET_CONFIGURATION: legal <= plain;
            STATUS_INTERFACE, GET_INTERFACE:  legal <= plain && o_configured;
            STATUS_ENDPOINT:                  legal <= value_0 && (endpoint_0 || (endpoint_1 && o_configured));
            SET_ADDRESS:                      legal <= value[15:7] == 9'd0 && index_0 && length_0;
            SET_CONFIGURATION:                legal <= value_01 && index_0 && length_0;
            SET_INTERFACE:                    legal <= plain && ready;
            CLEAR_HALT, SET_HALT:             legal <= value_0 && endpoint_1 && ready;
            MICROSOFT:                        legal <= value_0 && index_7;
            default:                          legal <= 1'b0;
        endcase

    always @(posedge i_clk)
        case (what)
            DESCRIPTOR:        o_entry <= value[8] ? (value[9] ? (value[10] ? `USB_ENTRY_BOS : `USB_ENTRY_STRINGS | {2'd0, value[1:0]})
                                                               : `USB_ENTRY_DEVICE) : `USB_ENTRY_CONFIGURATION;
            MICROSOFT:         o_entry <= `USB_ENTRY_MICROSOFT;
            GET_CONFIGURATION: o_entry <= o_configured ? `USB_ENTRY_ONE_SHORT : `USB_ENTRY_ZERO_SHORT;
            GET_INTERFACE:     o_entry <= `USB_ENTRY_ZERO_SHORT;
            default:           o_entry <= halted ? `USB_ENTRY_ONE : `USB_ENTRY_ZERO;
        endcase

    // 3: how long the answer is; 4: what is done
    reg [7:0] shorter;
    always @(posedge i_clk) shorter <= length_high || length > i_length ? i_length : length;

    wire carried_out  = step[4] && legal;
    wire to_interface = carried_out && (what == SET_CONFIGURATION || what == SET_INTERFACE);
    wire to_endpoint  = carried_out && (what == CLEAR_HALT || what == SET_HALT);
    assign o_out_restart = to_interface || (to_endpoint && what == CLEAR_HALT && !index[7]);
    assign o_in_restart  = to_interface || (to_endpoint && what == CLEAR_HALT && index[7]);

    always @(posedge i_clk)
        if (i_reset)                                        o_configured <= 1'b0;
        else if (carried_out && what == SET_CONFIGURATION) o_configured <= value[0];

    always @(posedge i_clk)
        if (i_reset || to_interface)         o_out_halted <= 1'b0;
        else if (to_endpoint && !index[7]) o_out_halted <= what == SET_HALT;

    always @(posedge i_clk)
        if (i_reset || to_interface)        o_in_halted <= 1'b0;
        else if (to_endpoint && index[7]) o_in_halted <= what == SET_HALT;

    always @(posedge i_clk)
        if (i_reset)                                                          o_address <= 7'd0;
        else if (i_chosen && i_in_ack && state == WRITE && what == SET_ADDRESS) o_address <= value[6:0];

    // ---- The transfer
    localparam [2:0] REFUSED = 3'd0,
                     LOOKUP  = 3'd1,   // a SETUP has come, or is about to
                     READ    = 3'd2,   // data stage, until the host begins the status stage
                     DONE    = 3'd3,   // status stage of a read
                     WRITE   = 3'd4;   // status stage of a write
    reg [2:0] state;
    always @(posedge i_clk)
        if (i_reset)                                      state <= REFUSED;
        else if (i_chosen && i_setup && i_out_begin)      state <= LOOKUP;
        else if (step[4])                                 state <= !legal ? REFUSED : kind[7] ? READ : WRITE;
        else if (i_chosen && i_out_end && state == READ) state <= DONE;

    always @(posedge i_clk)
        case (state)
            LOOKUP:  o_in_answer <= `USB_ANSWER_NAK;
            READ:    o_in_answer <= `USB_ANSWER_YES;
            WRITE:   o_in_answer <= `USB_ANSWER_YES;
            default: o_in_answer <= `USB_ANSWER_STALL;
        endcase

    always @(posedge i_clk)
        if (i_setup) o_out_answer <= `USB_ANSWER_YES;
        else case (state)
            LOOKUP:  o_out_answer <= `USB_ANSWER_NAK;
            READ:    o_out_answer <= `USB_ANSWER_YES;
            DONE:    o_out_answer <= `USB_ANSWER_YES;
            default: o_out_answer <= `USB_ANSWER_STALL;
        endcase

    // The first packet of either stage is DATA1
    always @(posedge i_clk)
        if (i_setup)                    o_in_toggle <= 1'b1;
        else if (i_chosen && i_in_ack) o_in_toggle <= !o_in_toggle;

    // ---- What is read: confirmed bytes end at base, the packet is at o_rom_addr, all of it ends at stop
    reg [8:0] base, stop;
    always @(posedge i_clk)
        if (step[4])                   base <= i_offset;
        else if (i_chosen && i_in_ack) base <= o_rom_addr;

    always @(posedge i_clk)
        if (step[4]) stop <= i_offset + {1'b0, shorter};

    always @(posedge i_clk)
        if (i_in_begin)     o_rom_addr <= base;
        else if (i_in_next) o_rom_addr <= o_rom_addr + 9'd1;

    assign o_in_more = state == READ && o_rom_addr != stop && !i_full;
endmodule

`default_nettype wire
