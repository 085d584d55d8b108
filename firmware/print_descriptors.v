// Prints the descriptors of rtl/link/usb_descriptors.v as C arrays: the firmware shows the host the same device. Run by scripts/descriptor-header.
`default_nettype none
`include "usb.vh"

module print_descriptors;
    reg        clk = 1'b0;
    reg  [8:0] addr;
    reg  [3:0] entry;
    wire [7:0] data, length;
    wire [8:0] offset;
    integer    n;

    usb_descriptors descriptors (
        .i_clk(clk), .i_addr(addr), .o_byte(data), .i_entry(entry), .o_offset(offset), .o_length(length)
    );

    task print;
        input [3:0]      which;
        input [8*16-1:0] name;
        begin
            entry = which;
            #1 $write("static const uint8_t usb_descriptor_%0s[%0d] = {", name, length);
            for (n = 0; n < length; n = n + 1) begin
                addr = offset + n[8:0];
                clk  = 1'b0;
                #1 clk = 1'b1;
                #1 if (n > 0) $write(", ");
                $write("%0d", data);
            end
            $write("};\n");
        end
    endtask

    initial begin
        print(`USB_ENTRY_DEVICE, "device");
        print(`USB_ENTRY_CONFIGURATION, "configuration");
        print(`USB_ENTRY_BOS, "bos");
        print(`USB_ENTRY_MICROSOFT, "microsoft");
        print(`USB_ENTRY_STRINGS, "languages");
        print(`USB_ENTRY_STRINGS | 4'd1, "manufacturer");
        print(`USB_ENTRY_STRINGS | 4'd2, "product");
    end
endmodule

`default_nettype wire
