// D+, D- and the pull-up's pin. Until i_ready nothing is driven: the host sees no device.
//
// The pull-up's pin feeds 1.5 kOhm to D+ and is driven high or not at all, so it never fights the host's pull-down.
`default_nettype none
module usb_pads (
    input  wire i_ready,
    // usb_device
    output wire o_dp,
    output wire o_dn,
    input  wire i_dp,
    input  wire i_dn,
    input  wire i_oe,
    input  wire i_pull_up,
    // Pins
    inout  wire io_dp,
    inout  wire io_dn,
    output wire o_pull_up
);
    assign io_dp     = i_ready && i_oe ? i_dp : 1'bz;
    assign io_dn     = i_ready && i_oe ? i_dn : 1'bz;
    assign o_pull_up = i_ready && i_pull_up ? 1'b1 : 1'bz;
    assign o_dp      = io_dp;
    assign o_dn      = io_dn;
endmodule
`default_nettype wire
