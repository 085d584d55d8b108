// Twins of the two cells of an ECP5 of which yosys has no model, as far as yosys' own netlists use them. Their types are renamed before
// (scripts/gate-netlist), for yosys' files name the cells as black boxes. Illegal parameters stop elaboration.
// Sources: how yosys maps memories and products onto the cells (techlibs, brams_map_16kd.v and dsp_map_18x18.v), and Lattice FPGA-TN-02204.
`default_nettype none

// A block RAM as yosys maps ram_1r1w onto it, DP16KD: port A writes, port B reads. It holds 2,048 units of 9 bits. Bits 13 to 3 of an
// address count units; a port of 18 or 36 bits spans two or four, and A's lowest address bits enable them one by one; a port of 4 bits or
// fewer sees a part of a unit's low 8 bits. Bits 35 to 18 are always the B pins.
module espalier_dp16kd #(
    parameter DATA_WIDTH_A = 18,
    parameter DATA_WIDTH_B = 18,
    parameter REGMODE_A    = "NOREG",
    parameter REGMODE_B    = "NOREG"
) (
    input wire DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0,
    input wire ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
    input wire DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
    input wire ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
    output wire DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0,
    output wire DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0,
    input  wire CLKA, CEA, OCEA, WEA, RSTA, CSA0, CSA1, CSA2,
    input  wire CLKB, CEB, OCEB, WEB, RSTB, CSB0, CSB1, CSB2
);
    generate
        if (REGMODE_A != "NOREG" || REGMODE_B != "NOREG") begin : check_REGMODE
            illegal_REGMODE_is_not_NOREG stop ();
        end
        if ((DATA_WIDTH_A == 36) != (DATA_WIDTH_B == 36)) begin : check_DATA_WIDTH
            illegal_only_one_port_of_36_bits stop ();
        end
    endgenerate

    wire [35:0] in     = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
                          DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
    wire [13:0] addr_a = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
    wire [13:0] addr_b = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
    // All that stays as it is in our netlists; a memory that uses more does not work here. OCEA says nothing: nobody reads A
    wire        chosen = OCEB && ~|{RSTA, RSTB, WEB, CSA0, CSA1, CSA2, CSB0, CSB1, CSB2};

    reg [8:0]  units [0:2047];
    reg [35:0] out;

    // The word that port B reads
    function [35:0] look;
        input [13:0] addr;
        integer      i;
        reg   [10:0] unit;
        begin
            look = 36'd0;
            unit = addr[13:3] & ~(DATA_WIDTH_B > 9 ? DATA_WIDTH_B / 9 - 1 : 0);
            for (i = 0; i < 4; i = i + 1)
                if (i == 0 || i < DATA_WIDTH_B / 9) look[9*i +: 9] = units[unit + i];
            if (DATA_WIDTH_B < 9) look = (look >> (addr[2:0] & ~(DATA_WIDTH_B - 1))) & ((1 << DATA_WIDTH_B) - 1);
        end
    endfunction

    // A unit after port A has written to it; number says which of the port's units it is
    function [8:0] changed;
        input integer number;
        input [8:0]   old;
        reg   [8:0]   mask;
        reg   [2:0]   place;
        begin
            place   = addr_a[2:0] & ~(DATA_WIDTH_A - 1);
            mask    = ((1 << DATA_WIDTH_A) - 1) << place;
            changed = DATA_WIDTH_A < 9 ? (old & ~mask) | ((in[8:0] << place) & mask)
                    : DATA_WIDTH_A == 9 || addr_a[number] ? in[9*number +: 9] : old;
        end
    endfunction

    integer     n;
    wire [10:0] unit_a = addr_a[13:3] & ~(DATA_WIDTH_A > 9 ? DATA_WIDTH_A / 9 - 1 : 0);
    always @(posedge CLKA)
        for (n = 0; n < 4; n = n + 1)
            if (chosen && CEA && WEA && (n == 0 || n < DATA_WIDTH_A / 9))
                units[unit_a + n] <= changed(n, units[unit_a + n]);
    always @(posedge CLKB) if (chosen && CEB) out <= look(addr_b);

    // 36 bits go out at both ports' pins, fewer at B's
    assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0} = out[17:0];
    assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0} =
        DATA_WIDTH_B == 36 ? out[35:18] : out[17:0];
endmodule

// A product of two 18-bit numbers, MULT18X18D without its registers.
module espalier_mult18x18d (
    input wire A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
    input wire B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
    input wire C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
    output wire P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15, P14, P13, P12, P11,
    P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0,
    input  wire SIGNEDA, SIGNEDB, SOURCEA, SOURCEB
);
    wire signed [18:0] a = {SIGNEDA && A17, A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
    wire signed [18:0] b = {SIGNEDB && B17, B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
    wire signed [37:0] product = a * b;
    assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15, P14, P13, P12, P11,
        P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = product[35:0];
    wire unused = ^{SOURCEA, SOURCEB, C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0, product[37:36]};
endmodule
`default_nettype wire
