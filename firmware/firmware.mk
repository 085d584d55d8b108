# Make rules of the firmware: its portable part (firmware/bridge) as a library for the tests here, and the image for the board, which
# scripts/firmware builds with a cross compiler.

BRIDGE_LIBRARY = $(BUILD)/libespalier_bridge.a
BRIDGE_OBJECTS = $(patsubst %.c,$(BUILD)/%.o,$(wildcard firmware/bridge/*.c))

$(USB_DESCRIPTORS_H): scripts/descriptor-header firmware/print_descriptors.v rtl/link/usb_descriptors.v rtl/link/usb.vh
	@mkdir -p $(@D)
	scripts/descriptor-header > $@
$(BUILD)/firmware/bridge/%.o: OPT = -O2 -ffreestanding
$(BRIDGE_OBJECTS): $(USB_DESCRIPTORS_H)
$(BRIDGE_LIBRARY): $(BRIDGE_OBJECTS)
	@rm -f $@
	$(AR) rcs $@ $^
