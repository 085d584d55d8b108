# Make rules of the simulated USB devices: two Verilated models behind usb_shim.cpp (usb_model.h). `link` is rtl/link/usb_link.v alone, for the
# tests in tests/check_usb_*.c, which need nothing else of the simulation; `board` has the core of the board up5k behind it.

USB_DIR = $(BUILD)/usb
USB_OBJECTS = $(addprefix $(BUILD)/sim/,usb_bus.o usb_wire.o usb_host.o usb_transport.o)
USB_CXXFLAGS = -std=c++17 $(OPT) -g -fPIC -MMD -MP -Wall -Wextra $(SHIM_SANITIZE) -Isim -isystem $(VERILATOR_ROOT_DIR)/include -isystem $(VERILATOR_ROOT_DIR)/include/vltstd
USB_VERILATOR_FLAGS = --cc -O3 --x-assign unique --x-initial unique -Wno-fatal $(RTL_INCLUDES)
USB_MAKE_MODEL = $(MAKE) --no-print-directory OPT_FAST="$(OPT) $(MODEL_SANITIZE)" OPT_SLOW="-O0 $(MODEL_SANITIZE)" OPT_GLOBAL="$(OPT) $(MODEL_SANITIZE)" CXXFLAGS=-fPIC

# The core is slow to compile and to run: it gets the parameters of the default board.
USB_PARAMETERS_board = $(addprefix -G,$(call board_params,$(firstword $(BOARDS))))
USB_TOP_link = link/usb_link
USB_TOP_board = board/espalier_usb
USB_DEFINES_link = -DMODEL_STREAMS

$(USB_DIR)/%/model.a: $(RTL) $(BUILDS_TXT) sim/usb.mk
	@mkdir -p $(@D)
	$(VERILATOR) $(USB_VERILATOR_FLAGS) $(USB_PARAMETERS_$*) --top-module $(notdir $(USB_TOP_$*)) --prefix Vusb_$* --Mdir $(@D) rtl/$(USB_TOP_$*).v
	+$(USB_MAKE_MODEL) -C $(@D) -f Vusb_$*.mk Vusb_$*__ALL.a verilated.o verilated_threads.o
	cp $(@D)/Vusb_$*__ALL.a $@

$(USB_DIR)/%/shim.o: sim/usb_shim.cpp sim/usb_model.h $(USB_DIR)/%/model.a
	$(CXX) $(USB_CXXFLAGS) -I$(@D) -DMODEL_CLASS=Vusb_$* -DMODEL_HEADER='"Vusb_$*.h"' -DMODEL_SYMBOL=usb_model_$* $(USB_DEFINES_$*) -c $< -o $@

USB_LIBRARIES = $(USB_DIR)/libusb_link.a $(USB_DIR)/libusb_board.a
$(USB_LIBRARIES): $(USB_DIR)/libusb_%.a: $(USB_OBJECTS) $(USB_DIR)/%/shim.o $(USB_DIR)/%/model.a
	@rm -f $@
	{ echo "create $@"; echo "addlib $(USB_DIR)/$*/model.a"; for object in $(USB_OBJECTS) $(USB_DIR)/$*/shim.o \
	    $(USB_DIR)/$*/verilated.o $(USB_DIR)/$*/verilated_threads.o; do echo "addmod $$object"; done; echo save; echo end; } | $(AR) -M

$(BUILD)/tests/check_usb_%: $(BUILD)/tests/check_usb_%.o $(BUILD)/tests/support/support.o $(BUILD)/tests/support/usb.o $(USB_DIR)/libusb_link.a $(LIBRARY)
	$(CXX) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LDLIBS)
$(BUILD)/tests/check_usb_board: $(BUILD)/tests/check_usb_board.o $(BUILD)/tests/support/support.o $(USB_DIR)/libusb_board.a $(LIBRARY)
	$(CXX) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LDLIBS)
