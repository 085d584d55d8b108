// Bit recovery on D+ / D-: four samples a bit, a digital phase-locked loop, and what the line says by keeping still.
//
// A change between J and K sets the phase; a bit is taken one sample behind the sample that showed the change, and from then on
// every four. So a bit is taken 1 to 2 samples after it began, and two successive edges may be 1 sample late or 2 early against
// each other (a sample is a quarter of a bit). Seven bits without an edge at 2,500 ppm drift by 0.07 samples. A sample with D+ equal
// to D- is no change of level: skew between the two lines makes such samples, and they only delay the edge.
//
// o_strobe comes with o_level (1 is J, 0 is K) four to five samples after the pins had that level, and never with SE0.
// o_se0 is high from the third sample in SE0 on. The levels o_silent, o_bus_reset and o_suspended fall with the next change.
`default_nettype none

module usb_line (
    input  wire i_clk,                 // 48 MHz
    input  wire i_reset,
    // Pins, asynchronous
    input  wire i_dp,
    input  wire i_dn,
    // Bits
    output reg  o_strobe,
    output reg  o_level,
    output wire o_se0,
    // Stillness
    output reg  o_silent,              // no change for 18 bit times: no answer comes any more
    output reg  o_bus_reset,           // SE0 for 2.7 us
    output reg  o_suspended            // J for 3.07 ms
);
    // Two flip-flops a pin, and a third sample to see a change against
    reg dp_meta, dn_meta, dp, dn, dp_q, dn_q;
    always @(posedge i_clk) {dp_meta, dn_meta} <= {i_dp, i_dn};
    always @(posedge i_clk) {dp, dn} <= {dp_meta, dn_meta};
    always @(posedge i_clk) {dp_q, dn_q} <= {dp, dn};

    // Phase
    reg       level;
    reg [1:0] phase;                   // samples since the bit's second one
    wire      level_now = dp == dn ? level : dp;
    wire      turned    = level_now != level;

    always @(posedge i_clk)
        if (i_reset) level <= 1'b1;
        else         level <= level_now;

    always @(posedge i_clk)
        if (i_reset || turned) phase <= 2'd0;
        else                   phase <= phase + 2'd1;

    always @(posedge i_clk)
        if (i_reset) o_strobe <= 1'b0;
        else         o_strobe <= phase == 2'd0 && !turned && (dp || dn);

    always @(posedge i_clk) o_level <= level_now;

    // SE0
    reg [1:0] se0_samples;             // stops at 3
    always @(posedge i_clk)
        if (i_reset || dp || dn) se0_samples <= 2'd0;
        else if (!o_se0)         se0_samples <= se0_samples + 2'd1;
    assign o_se0 = se0_samples == 2'd3;

    // Stillness: cycles since the last change of either line, until suspended
    reg [17:0] still;
    reg        changed;
    always @(posedge i_clk) changed <= i_reset || dp != dp_q || dn != dn_q;

    always @(posedge i_clk)
        if (changed)           still <= 18'd0;
        else if (!o_suspended) still <= still + 18'd1;

    always @(posedge i_clk)
        if (changed)                   o_silent <= 1'b0;
        else if (still[6] && still[3]) o_silent <= 1'b1;

    always @(posedge i_clk)
        if (i_reset || !o_se0) o_bus_reset <= 1'b0;
        else if (still[7])     o_bus_reset <= 1'b1;

    always @(posedge i_clk)
        if (changed)                                       o_suspended <= 1'b0;
        else if (still[17] && still[14] && dp_q && !dn_q) o_suspended <= 1'b1;
endmodule

`default_nettype wire
