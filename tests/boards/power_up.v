// A board's top from power-up on, pins and all: nothing may be driven before clock and reset are good, nor after the PLL has lost its lock.
//
// tests/check_boards.c says which board:
//   BOARD              its top
//   PINS, CONNECTIONS  how many ports it has, and `.name(pin[n])` for each
//   INPUTS             mask of the inputs
//   CLOCK              mask of the one that is the oscillator; 0: the oscillator is inside the chip
//   SPEAKS             number of the pin that must be driven once the board is up, with all inputs low
`timescale 1ns / 1ns
module power_up_bench;
    localparam NANOSECONDS = 20;       // half a cycle
    localparam RESET       = 1024;     // cycles that power_up promises
    localparam PATIENCE    = 8192;

    wire [`PINS-1:0] pin;
    reg              clock = 1'b0;
    integer          cycles;
    genvar           n;
    generate
        for (n = 0; n < `PINS; n = n + 1) begin : g_pin
            if ((`CLOCK >> n) & 1)       assign pin[n] = clock;
            else if ((`INPUTS >> n) & 1) assign pin[n] = 1'b0;
        end
    endgenerate

    `BOARD dut (`CONNECTIONS);

    // Whether no pin is driven, those that the bench drives left out
    function quiet;
        input [`PINS-1:0] pins;
        integer           i;
        begin
            quiet = 1'b1;
            for (i = 0; i < `PINS; i = i + 1)
                if (!((`INPUTS >> i) & 1) && pins[i] !== 1'bz) quiet = 1'b0;
        end
    endfunction

    task fail;
        input [8*64-1:0] what;
        begin
            $display("power_up: %0s: pins %b after %0d cycles", what, pin, cycles);
            $finish_and_return(1);
        end
    endtask

    task tick;
        begin
            clock = 1'b1;
`ifndef EXTERNAL_CLOCK
            dut.oscillator.level = 1'b1;
`endif
            #NANOSECONDS clock = 1'b0;
`ifndef EXTERNAL_CLOCK
            dut.oscillator.level = 1'b0;
`endif
            #NANOSECONDS cycles = cycles + 1;
        end
    endtask

    initial begin
        cycles = 0;
        #1000 if (!quiet(pin)) fail("driven without a clock");
        while (dut.start.o_reset === 1'b1 && cycles < PATIENCE) begin
            if (!quiet(pin)) fail("driven in reset");
            tick;
        end
        if (cycles < RESET) fail("reset is short");
        if (cycles == PATIENCE) fail("reset never ends");
        while (pin[`SPEAKS] === 1'bz && cycles < PATIENCE) tick;
        if (cycles == PATIENCE) fail("silent");
        if (pin[`SPEAKS] === 1'bx) fail("driven with an unknown level");
`ifdef EXTERNAL_CLOCK
        force dut.pll.o_locked = 1'b0;
        #1 if (!quiet(pin)) fail("driven without the PLL's lock");
`endif
        $display("power_up: good, %0d cycles", cycles);
        $finish_and_return(0);
    end
endmodule
