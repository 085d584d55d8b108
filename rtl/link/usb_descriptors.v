// Who the device says it is: all descriptors in one table, a ROM of 512 bytes (a block RAM), and where each is in it.
//
// o_byte follows i_addr by a cycle. o_offset and o_length follow i_entry (usb.vh, USB_ENTRY_*) in the same cycle.
// VENDOR, PRODUCT, RELEASE        idVendor, idProduct, bcdDevice; see usb.vh for the values that are only for tests
// MANUFACTURER, NAME, SERIAL      strings, ASCII, 1 to 40 characters; every board of a desk needs a SERIAL of its own
// MILLIAMPERES                    what is asked of the bus, 2 to 500, even
// LUT_RAM                         1: the ROM is logic, not a block RAM
`default_nettype none
`include "usb.vh"

module usb_descriptors #(
    parameter [15:0]     VENDOR       = `ESPALIER_USB_VENDOR,
    parameter [15:0]     PRODUCT      = `ESPALIER_USB_PRODUCT,
    parameter [15:0]     RELEASE      = `ESPALIER_USB_RELEASE,
    parameter [8*40-1:0] MANUFACTURER = "Espalier",
    parameter [8*40-1:0] NAME         = "Espalier accelerator",
    parameter [8*40-1:0] SERIAL       = "1",
    parameter            MILLIAMPERES = 250,
    parameter            LUT_RAM      = 0
) (
    input  wire       i_clk,
    input  wire [8:0] i_addr,
    output reg  [7:0] o_byte,
    input  wire [3:0] i_entry,
    output reg  [8:0] o_offset,
    output reg  [7:0] o_length
);
    // ---- Words and strings as USB writes them
    function [15:0] w;                 // a word, low byte first
        input [15:0] word;
        w = {word[7:0], word[15:8]};
    endfunction

    /* verilator lint_off UNUSEDSIGNAL */ // of a constant, the bits above
    function [7:0] b;                  // a number as a byte
        input integer number;
        b = number[7:0];
    endfunction

    function [8:0] a;                  // a number as an address
        input integer number;
        a = number[8:0];
    endfunction
    /* verilator lint_on UNUSEDSIGNAL */

    function integer characters;       // a Verilog string stands at the bottom of its vector, zeros above
        input [8*40-1:0] text;
        integer          n;
        begin
            characters = 0;
            for (n = 0; n < 40; n = n + 1)
                if (text[8*n +: 8] != 8'd0) characters = n + 1;
        end
    endfunction

    function [16*40-1:0] wide;         // in UTF-16
        input [8*40-1:0] text;
        integer          n;
        for (n = 0; n < 40; n = n + 1)
            wide[16*n +: 16] = {text[8*n +: 8], 8'd0};
    endfunction

    localparam [8*40-1:0]  PROPERTY          = "DeviceInterfaceGUIDs";
    localparam [8*40-1:0]  INTERFACE_GUID    = "{9E5C1F3B-6A57-4B1E-8C53-E59A11E2D0C4}";   // of all Espaliers, made for them
    localparam [16*40-1:0] WIDE_MANUFACTURER = wide(MANUFACTURER),
                           WIDE_NAME         = wide(NAME),
                           WIDE_SERIAL       = wide(SERIAL),
                           WIDE_PROPERTY     = wide(PROPERTY),
                           WIDE_GUID         = wide(INTERFACE_GUID);

    // ---- Lengths
    localparam DEVICE_BYTES        = 18,
               CONFIGURATION_BYTES = 9 + 9 + 7 + 7,
               BOS_BYTES           = 5 + 28 + 24,
               MICROSOFT_BYTES     = 10 + 20 + 132,
               LANGUAGES_BYTES     = 4,
               MANUFACTURER_CHARS  = characters(MANUFACTURER), MANUFACTURER_BYTES = 2 + 2 * MANUFACTURER_CHARS,
               NAME_CHARS          = characters(NAME),         NAME_BYTES         = 2 + 2 * NAME_CHARS,
               SERIAL_CHARS        = characters(SERIAL),       SERIAL_BYTES       = 2 + 2 * SERIAL_CHARS;

    generate
        if (MANUFACTURER_CHARS < 1 || NAME_CHARS < 1 || SERIAL_CHARS < 1) begin : check_strings
            illegal_empty_string stop ();
        end
        if (MILLIAMPERES < 2 || MILLIAMPERES > 500) begin : check_MILLIAMPERES
            illegal_MILLIAMPERES_is_not_2_to_500 stop ();
        end
    endgenerate

    localparam [7:0]  PACKET              = `ESPALIER_USB_PACKET;
    localparam [15:0] TOTAL_CONFIGURATION = CONFIGURATION_BYTES,
                      TOTAL_BOS           = BOS_BYTES,
                      TOTAL_MICROSOFT     = MICROSOFT_BYTES;
    localparam [31:0] WINDOWS_8_1 = {w(16'h0000), w(16'h0603)};

    // ---- The table
    localparam [8*DEVICE_BYTES-1:0] DEVICE = {                      // 9.6.1
        8'd18, 8'd1, w(16'h0210),                                   // 2.1: there is a BOS
        8'h00, 8'h00, 8'h00, PACKET,                                // class told by the interface
        w(VENDOR), w(PRODUCT), w(RELEASE),
        8'd1, 8'd2, 8'd3, 8'd1};                                    // strings, one configuration

    localparam [8*CONFIGURATION_BYTES-1:0] CONFIGURATION = {        // 9.6.3 to 9.6.6
        8'd9, 8'd2, w(TOTAL_CONFIGURATION), 8'd1, `ESPALIER_USB_CONFIGURATION, 8'd0, 8'h80, b(MILLIAMPERES / 2),   // powered by the bus
        8'd9, 8'd4, `ESPALIER_USB_INTERFACE, 8'd0, 8'd2, 8'hFF, 8'h00, 8'h00, 8'd0,                   // vendor's class
        8'd7, 8'd5, `ESPALIER_USB_ENDPOINT_OUT, 8'h02, w({8'd0, PACKET}), 8'd0,                     // bulk
        8'd7, 8'd5, `ESPALIER_USB_ENDPOINT_IN, 8'h02, w({8'd0, PACKET}), 8'd0};

    localparam [8*BOS_BYTES-1:0] BOS = {                            // binary device object store: two platform capabilities
        8'd5, 8'd15, w(TOTAL_BOS), 8'd2,
        8'd28, 8'd16, 8'd5, 8'd0,                                   // Microsoft OS 2.0: D8DD60DF-4589-4CC7-9CD2-659D9E648A9F
        128'hDF60DDD8_8945_C74C_9CD2659D9E648A9F,
        WINDOWS_8_1, w(TOTAL_MICROSOFT), `ESPALIER_USB_VENDOR_MICROSOFT, 8'd0,
        8'd24, 8'd16, 8'd5, 8'd0,                                   // WebUSB: 3408B638-09A9-47A0-8BFD-A0768815B665
        128'h38B60834_A909_A047_8BFDA0768815B665,
        w(16'h0100), `ESPALIER_USB_VENDOR_WEBUSB, 8'd0};            // no landing page

    localparam [8*MICROSOFT_BYTES-1:0] MICROSOFT = {                // Microsoft OS 2.0 descriptor set
        w(16'd10), w(16'd0), WINDOWS_8_1, w(TOTAL_MICROSOFT),
        w(16'd20), w(16'd3), "WINUSB", 16'd0, 64'd0,                // compatible id
        w(16'd132), w(16'd4), w(16'd7),                             // registry property: a list of strings
        w(16'd42), WIDE_PROPERTY[16*20-1:0], 16'd0,
        w(16'd80), WIDE_GUID[16*38-1:0], 16'd0, 16'd0};

    localparam [8*LANGUAGES_BYTES-1:0]    LANGUAGES           = {8'd4, 8'd3, w(16'h0409)};
    localparam [8*MANUFACTURER_BYTES-1:0] STRING_MANUFACTURER = {b(MANUFACTURER_BYTES), 8'd3, WIDE_MANUFACTURER[16*MANUFACTURER_CHARS-1:0]};
    localparam [8*NAME_BYTES-1:0]         STRING_NAME         = {b(NAME_BYTES), 8'd3, WIDE_NAME[16*NAME_CHARS-1:0]};
    localparam [8*SERIAL_BYTES-1:0]       STRING_SERIAL       = {b(SERIAL_BYTES), 8'd3, WIDE_SERIAL[16*SERIAL_CHARS-1:0]};

    // ---- Where it stands
    localparam AT_DEVICE        = 0,
               AT_CONFIGURATION = AT_DEVICE + DEVICE_BYTES,
               AT_BOS           = AT_CONFIGURATION + CONFIGURATION_BYTES,
               AT_MICROSOFT     = AT_BOS + BOS_BYTES,
               AT_LANGUAGES     = AT_MICROSOFT + MICROSOFT_BYTES,
               AT_MANUFACTURER  = AT_LANGUAGES + LANGUAGES_BYTES,
               AT_NAME          = AT_MANUFACTURER + MANUFACTURER_BYTES,
               AT_SERIAL        = AT_NAME + NAME_BYTES,
               AT_ONE           = AT_SERIAL + SERIAL_BYTES,
               AT_ZERO          = AT_ONE + 1;
    localparam TOTAL = DEVICE_BYTES + CONFIGURATION_BYTES + BOS_BYTES + MICROSOFT_BYTES + LANGUAGES_BYTES + MANUFACTURER_BYTES +
                       NAME_BYTES + SERIAL_BYTES + 3;
    localparam [8*TOTAL-1:0] TABLE = {DEVICE, CONFIGURATION, BOS, MICROSOFT, LANGUAGES, STRING_MANUFACTURER, STRING_NAME, STRING_SERIAL,
                                      8'd1, 8'd0, 8'd0};

    generate
        if (TOTAL > 512) begin : check_total
            illegal_strings_do_not_fit_512_bytes stop ();
        end
    endgenerate

    always @(*)
        case (i_entry)
            `USB_ENTRY_DEVICE:         {o_offset, o_length} = {a(AT_DEVICE), b(DEVICE_BYTES)};
            `USB_ENTRY_CONFIGURATION:  {o_offset, o_length} = {a(AT_CONFIGURATION), b(CONFIGURATION_BYTES)};
            `USB_ENTRY_BOS:            {o_offset, o_length} = {a(AT_BOS), b(BOS_BYTES)};
            `USB_ENTRY_MICROSOFT:      {o_offset, o_length} = {a(AT_MICROSOFT), b(MICROSOFT_BYTES)};
            `USB_ENTRY_STRINGS:        {o_offset, o_length} = {a(AT_LANGUAGES), b(LANGUAGES_BYTES)};
            `USB_ENTRY_STRINGS | 4'd1: {o_offset, o_length} = {a(AT_MANUFACTURER), b(MANUFACTURER_BYTES)};
            `USB_ENTRY_STRINGS | 4'd2: {o_offset, o_length} = {a(AT_NAME), b(NAME_BYTES)};
            `USB_ENTRY_STRINGS | 4'd3: {o_offset, o_length} = {a(AT_SERIAL), b(SERIAL_BYTES)};
            `USB_ENTRY_ZERO:           {o_offset, o_length} = {a(AT_ZERO), 8'd2};
            `USB_ENTRY_ONE:            {o_offset, o_length} = {a(AT_ONE), 8'd2};
            `USB_ENTRY_ZERO_SHORT:     {o_offset, o_length} = {a(AT_ZERO), 8'd1};
            default:                   {o_offset, o_length} = {a(AT_ONE), 8'd1};
        endcase

    // Logic, or a block RAM that the bitstream fills
    integer n;
    generate
        if (LUT_RAM != 0) begin : g_logic
            (* ram_style = "logic" *) reg [7:0] rom [0:511];
            initial
                for (n = 0; n < 512; n = n + 1)
                    rom[n] = n < TOTAL ? TABLE[8*((TOTAL-1-n) & 511) +: 8] : 8'd0;
            always @(posedge i_clk) o_byte <= rom[i_addr];
        end else begin : g_block
            reg [7:0] rom [0:511];
            initial
                for (n = 0; n < 512; n = n + 1)
                    rom[n] = n < TOTAL ? TABLE[8*((TOTAL-1-n) & 511) +: 8] : 8'd0;
            always @(posedge i_clk) o_byte <= rom[i_addr];
        end
    endgenerate
endmodule

`default_nettype wire
