# Make rules of the simulated USB devices: two Verilated models behind usb_shim.cpp (usb_model.h). `link` is rtl/link/usb_link.v alone, for the
# tests in tests/check_usb_*.c, which need nothing else of the simulation; `board` has the core of the board up5k behind it.

USB_DIR = $(BUILD)/usb
USB_OBJECTS = $(addprefix $(BUILD)/sim/,usb_bus.o usb_wire.o usb_host.o)
USB_LINK_LIBRARY = $(USB_DIR)/libusb_link.a
USB_CXXFLAGS = -std=c++17 $(OPT) -g -fPIC -MMD -MP -Wall -Wextra $(SHIM_SANITIZE) -Isim -isystem $(VERILATOR_ROOT_DIR)/include -isystem $(VERILATOR_ROOT_DIR)/include/vltstd
USB_VERILATOR_FLAGS = --cc -O3 --x-assign unique --x-initial unique -Wno-fatal $(RTL_INCLUDES)
USB_MAKE_MODEL = $(MAKE) --no-print-directory OPT_FAST="$(OPT) $(MODEL_SANITIZE)" OPT_SLOW="-O0 $(MODEL_SANITIZE)" OPT_GLOBAL="$(OPT) $(MODEL_SANITIZE)" CXXFLAGS=-fPIC

$(USB_DIR)/link/model.a: $(RTL) sim/usb.mk
	@mkdir -p $(@D)
	$(VERILATOR) $(USB_VERILATOR_FLAGS) --top-module usb_link --prefix Vusb_link --Mdir $(@D) rtl/link/usb_link.v
	$(USB_MAKE_MODEL) -C $(@D) -f Vusb_link.mk Vusb_link__ALL.a verilated.o verilated_threads.o
	cp $(@D)/Vusb_link__ALL.a $@

$(USB_DIR)/link/shim.o: sim/usb_shim.cpp sim/usb_model.h $(USB_DIR)/link/model.a
	$(CXX) $(USB_CXXFLAGS) -I$(@D) -DMODEL_CLASS=Vusb_link -DMODEL_HEADER='"Vusb_link.h"' -DMODEL_SYMBOL=usb_model_link -DMODEL_STREAMS -c $< -o $@

$(USB_LINK_LIBRARY): $(USB_OBJECTS) $(USB_DIR)/link/shim.o $(USB_DIR)/link/model.a
	@rm -f $@
	{ echo "create $@"; echo "addlib $(USB_DIR)/link/model.a"; for object in $(USB_OBJECTS) $(USB_DIR)/link/shim.o \
	    $(USB_DIR)/link/verilated.o $(USB_DIR)/link/verilated_threads.o; do echo "addmod $$object"; done; echo save; echo end; } | $(AR) -M

$(BUILD)/tests/check_usb_%: $(BUILD)/tests/check_usb_%.o $(BUILD)/tests/support/support.o $(BUILD)/tests/support/usb.o $(USB_LINK_LIBRARY) $(LIBRARY)
	$(CXX) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LDLIBS)
