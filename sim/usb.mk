# Make rules of the simulated USB devices: two Verilated models behind usb_shim.cpp (usb_model.h). `link` is rtl/link/usb_link.v alone, for the
# tests in tests/check_usb_*.c, which need nothing else of the simulation; `board` has the core of the board up5k behind it.

USB_DIR = $(BUILD)/usb
USB_OBJECTS = $(addprefix $(BUILD)/sim/,usb_bus.o usb_wire.o usb_host.o usb_port.o usb_transport.o)
USB_CXXFLAGS = -std=c++17 $(OPT) -g -fPIC -MMD -MP -Wall -Wextra $(SHIM_SANITIZE) -Isim -isystem $(VERILATOR_ROOT_DIR)/include -isystem $(VERILATOR_ROOT_DIR)/include/vltstd
USB_VERILATOR_FLAGS = --cc -O3 --x-assign unique --x-initial unique -Wno-fatal $(RTL_INCLUDES)
USB_MAKE_MODEL = $(MAKE) --no-print-directory OPT_FAST="$(OPT) $(MODEL_SANITIZE)" OPT_SLOW="-O0 $(MODEL_SANITIZE)" OPT_GLOBAL="$(OPT) $(MODEL_SANITIZE)" CXXFLAGS=-fPIC

# The core is slow to compile and to run: it gets the parameters of the default board.
USB_PARAMETERS_board = $(addprefix -G,$(call board_params,$(firstword $(BOARDS))))
USB_TOP_link = link/usb_link
USB_TOP_board = board/espalier_usb
USB_SCOPE_link = usb_link
USB_SCOPE_board = espalier_usb.link
USB_DEFINES_link = -DMODEL_STREAMS
# A serial number is part of a bitstream: simulated boards are told apart by writing over it, all of the same length.
USB_SERIAL_link = 1
USB_SERIAL_board = SIM0001

$(USB_DIR)/%/model.a: $(RTL) $(BUILDS_TXT) sim/usb.mk sim/usb_serial.vlt
	@mkdir -p $(@D)
	@rm -f $(@D)/*.[ao] # else what other flags or another compiler made of the same RTL would stay
	$(VERILATOR) $(USB_VERILATOR_FLAGS) $(USB_PARAMETERS_$*) '-GSERIAL="$(USB_SERIAL_$*)"' --top-module $(notdir $(USB_TOP_$*)) \
	    --prefix Vusb_$* --Mdir $(@D) sim/usb_serial.vlt rtl/$(USB_TOP_$*).v
	+$(USB_MAKE_MODEL) -C $(@D) -f Vusb_$*.mk Vusb_$*__ALL.a CXX="$(MODEL_CXX)"
	+$(USB_MAKE_MODEL) -C $(@D) -f Vusb_$*.mk verilated.o verilated_threads.o CXX="$(CXX)"
	cp $(@D)/Vusb_$*__ALL.a $@

$(USB_DIR)/%/shim.o: sim/usb_shim.cpp sim/usb_model.h $(USB_DIR)/%/model.a
	$(CXX) $(USB_CXXFLAGS) -I$(@D) -DMODEL_CLASS=Vusb_$* -DMODEL_HEADER='"Vusb_$*.h"' -DMODEL_SYMBOL=usb_model_$* \
	    -DMODEL_SERIAL='"$(USB_SERIAL_$*)"' -DMODEL_DESCRIPTORS='"TOP.$(USB_SCOPE_$*).device.descriptors.g_block"' $(USB_DEFINES_$*) -c $< -o $@

USB_LIBRARIES = $(USB_DIR)/libusb_link.a $(USB_DIR)/libusb_board.a
$(USB_LIBRARIES): $(USB_DIR)/libusb_%.a: $(USB_OBJECTS) $(USB_DIR)/%/shim.o $(USB_DIR)/%/model.a
	@rm -f $@
	{ echo "create $@"; echo "addlib $(USB_DIR)/$*/model.a"; for object in $(USB_OBJECTS) $(USB_DIR)/$*/shim.o \
	    $(USB_DIR)/$*/verilated.o $(USB_DIR)/$*/verilated_threads.o; do echo "addmod $$object"; done; echo save; echo end; } | $(AR) -M

# ---- espalier-sim: simulated boards as USB devices for others (sim/usbip) ----

USBIP_OBJECTS = $(patsubst %.c,$(BUILD)/%.o,$(wildcard sim/usbip/*.c))
USBIP = $(BUILD)/espalier-sim
$(USBIP): $(USBIP_OBJECTS) $(USB_DIR)/libusb_board.a $(LIBRARY)
	$(CXX) $(LDFLAGS) -o $@ $^ -lm
build-all: $(USBIP)

# ---- tests ----

$(BUILD)/tests/check_usb_%: $(BUILD)/tests/check_usb_%.o $(BUILD)/tests/support/support.o $(BUILD)/tests/support/usb.o $(USB_DIR)/libusb_link.a $(LIBRARY)
	$(CXX) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LDLIBS)
$(BUILD)/tests/check_usb_board: $(BUILD)/tests/check_usb_board.o $(BUILD)/tests/support/support.o $(USB_DIR)/libusb_board.a $(LIBRARY)
	$(CXX) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LDLIBS)

# The server in a process of its own, and its sessions in the test's
USBIP_TEST_OBJECTS = $(addprefix $(BUILD)/tests/support/,support.o task.o random_model.o usbip_client.o) \
    $(filter-out %/main.o %/server.o,$(USBIP_OBJECTS))
$(BUILD)/tests/check_usbip_garbage.o: CPPFLAGS += -Isim/usbip
$(BUILD)/tests/check_usbip $(BUILD)/tests/check_usbip_garbage: %: %.o $(USBIP_TEST_OBJECTS) $(USB_DIR)/libusb_board.a $(LIBRARY) | $(USBIP)
	$(CXX) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LDLIBS)
