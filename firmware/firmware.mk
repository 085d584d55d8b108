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

# Its tests, check_firmware_*: a host, an FPGA and a device in C (tests/firmware), or the accelerator itself, Verilated (sim/spi.mk)
FIRMWARE_TEST_OBJECTS = $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/firmware/*.c))
FIRMWARE_TESTS = $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/check_firmware_*.c))
$(FIRMWARE_TEST_OBJECTS) $(FIRMWARE_TESTS:=.o): CPPFLAGS += -Ifirmware/bridge -Ifirmware/pico_ice -DESPALIER_BUILD_DIR='"$(abspath $(BUILD))"'
$(BUILD)/tests/check_firmware_%: $(BUILD)/tests/check_firmware_%.o $(FIRMWARE_TEST_OBJECTS) $(BUILD)/tests/support/support.o $(SPI_LIBRARY) $(BRIDGE_LIBRARY) $(LIBRARY)
	$(CXX) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LDLIBS)

# Makes of a bitstream what the boot loader of an RP2040 takes
UF2 = $(BUILD)/uf2
$(BUILD)/firmware/tools/%.o: CPPFLAGS += -Ifirmware/bridge -Ifirmware/pico_ice
$(UF2): $(BUILD)/firmware/tools/uf2.o $(BRIDGE_LIBRARY)
	$(CC) $(LDFLAGS) -o $@ $^
$(BUILD)/tests/check_firmware_files: | $(UF2) # runs it
$(BUILD)/firmware/bitstream.uf2: $(UF2) $(BITSTREAM)
	@mkdir -p $(@D)
	$(UF2) $(BITSTREAM) $@
