# Espalier. `make help` lists the targets; README.md tells the story. Everything that is built goes to $(BUILD).

BUILD   ?= build
JOBS    ?= $(shell nproc)
OPT     ?= -O2
SANITIZE ?=
IMAGES  ?= 240
GATE_IMAGES ?= 8
SEED    ?= 1
SEEDS   ?= 1
TARGET  ?= up5k
BOARD   ?= icebreaker
SERIAL  ?= 1

WARNINGS = -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
CPPFLAGS += -Ihost/include -I$(BUILD)/include -Isim -Ihost/lib -Ihost/train $(LIBUSB_CFLAGS) -D_POSIX_C_SOURCE=200809L \
            -DESPALIER_SOURCE_DIR='"$(CURDIR)"' -DESPALIER_DATA_DIR='"$(CURDIR)/tests/data"'
CFLAGS  += -std=c11 $(OPT) -g -fPIC -MMD -MP -pthread $(WARNINGS) $(SANITIZE)
LDFLAGS += -pthread $(SANITIZE)
LDLIBS  += $(LIBUSB_LIBS) -lopenblas -lpng -lz -lm
# Asked when they are needed: set-up has installed them by then
LIBUSB_CFLAGS = $(shell pkg-config --cflags libusb-1.0 2>/dev/null)
LIBUSB_LIBS = $(shell pkg-config --libs libusb-1.0 2>/dev/null || echo -lusb-1.0)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all help setup demo usbip usbip-kernel test test-sanitize faults lint format data quick models models-lenet5 firmware build-firmware firmware-emulate bench bench-train synth synth-link bitstream flash board-images board-table gate-level clean build-all build-tests

all: setup-demo ## build the libraries, the simulated boards and the tool (default)
	@$(MAKE) --no-print-directory -j$(JOBS) build-all

help: ## list the targets
	@echo "Espalier: usage: make [target] [VARIABLE=value]"; echo
	@grep -hE '^[a-z][a-z0-9-]*:.*##' Makefile | sed -E 's/^([a-z0-9-]+):.*## *(.*)$$/\1\t\2/' | \
	    while IFS="$$(printf '\t')" read -r name text; do printf '  %-16s %s\n' "$$name" "$$text"; done
	@echo; echo "Variables: IMAGES (demo images, now $(IMAGES)), SEED ($(SEED)), TARGET (synth: up5k, hx8k, ecp5-25k), BOARD (bitstream, flash: a line of rtl/board/boards.txt; $(BOARD)), SERIAL (of the device on USB; $(SERIAL)), SEEDS (models, models-fashion: 1; bitstream: 1), JOBS ($(JOBS)), BUILD ($(BUILD)), BITSTREAM (firmware), FAULT_COUNT (faults), GATE_IMAGES (gate-level)"

# ---- set-up: each target installs only what it needs ---------------------------------------------------------------

setup: ## install everything any target needs
	@scripts/setup all
setup-%:
	@scripts/setup $*

# ---- the library: host/lib (the core), host/train (training and compression), host/usb (devices on USB) -------------

PROTOCOL_H = $(BUILD)/include/espalier/protocol.h
USB_IDS_H = $(BUILD)/include/espalier/usb_ids.h
UART_H = $(BUILD)/include/espalier/uart.h
SPI_H = $(BUILD)/include/espalier/spi.h
USB_DESCRIPTORS_H = $(BUILD)/include/espalier/usb_descriptors.h
NUMBERS_H = $(PROTOCOL_H) $(USB_IDS_H) $(UART_H) $(SPI_H)
LIB_OBJECTS = $(patsubst %.c,$(BUILD)/%.o,$(wildcard host/lib/*.c host/train/*/*.c host/usb/*.c))
LIBRARY = $(BUILD)/libespalier.a
SHARED = $(BUILD)/libespalier.so

$(PROTOCOL_H): rtl/frame/protocol.vh
$(USB_IDS_H): rtl/link/usb.vh
$(UART_H): rtl/link/uart.vh
$(SPI_H): rtl/link/spi.vh
$(NUMBERS_H): scripts/protocol-header
	@mkdir -p $(@D)
	scripts/protocol-header $(filter %.vh,$^) > $@

$(BUILD)/host/lib/%.o: OPT = -O3
$(BUILD)/host/train/%.o: OPT = -O3 -march=native -ffp-contract=off -fno-trapping-math -fno-math-errno
$(BUILD)/%.o: %.c | $(NUMBERS_H)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(LIBRARY): $(LIB_OBJECTS)
	@rm -f $@
	$(AR) rcs $@ $^
$(SHARED): $(LIB_OBJECTS)
	$(CC) $(LDFLAGS) -shared -o $@ $^ $(LDLIBS)

# ---- the simulated boards: one Verilated model a line of rtl/board/builds.txt ----------------------------------------

RTL = $(wildcard rtl/*/*.v rtl/*/*.vh)
RTL_INCLUDES = $(addprefix -I,$(patsubst %/,%,$(wildcard rtl/*/)))
include sim/rules.mk

# ---- the tool --------------------------------------------------------------------------------------------------------

TOOL_OBJECTS = $(patsubst %.c,$(BUILD)/%.o,$(wildcard host/tool/*.c))
TOOL = $(BUILD)/espalier
$(TOOL): $(TOOL_OBJECTS) $(SIM_LIBRARY) $(LIBRARY)
	$(CXX) $(LDFLAGS) -o $@ $^ $(LDLIBS)

include sim/images.mk

build-all: $(LIBRARY) $(SHARED) $(TOOL)

# ---- the main job ----------------------------------------------------------------------------------------------------

demo: all ## run the shipped models on real digits in the RTL, compare with the reference engine, print the table
	@$(TOOL) compare --show-digits 4 --board up5k --board ecp5-25k --count $(IMAGES) --seed $(SEED) $(DEMO_FLAGS) \
	    tests/data/models/lenet5-dense8.esp tests/data/models/lenet5-structured.esp tests/data/models/lenet5-gap.esp

usbip: setup-demo ## serve a simulated board as a USB device over USB/IP, for usbip attach (USBIP_FLAGS="--boards 2 --port 3241"); Ctrl-C ends it
	@$(MAKE) --no-print-directory -j$(JOBS) $(USBIP)
	@exec $(USBIP) --usbip $(USBIP_FLAGS)

usbip-kernel: setup-demo setup-vm ## attach the simulated board by Linux's own vhci-hcd, in a virtual machine: lsusb and espalier must see and use it
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/espalier $(USBIP)
	@BUILD=$(BUILD) scripts/usbip-kernel

# ---- tests -----------------------------------------------------------------------------------------------------------

# tests/support/usb.c drives a model that only the programs of sim/usb.mk have
TEST_SUPPORT = $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/usb.c,$(wildcard tests/support/*.c)))
TEST_TOOL_OBJECTS = $(filter-out %/main.o,$(TOOL_OBJECTS))
TESTS = $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/check_*.c))
CHECK_LIBS = $(shell pkg-config --libs check 2>/dev/null || echo -lcheck)
$(BUILD)/tests/%.o: CPPFLAGS += -Itests -Ihost/tool
include tests/blocks/rules.mk
include sim/usb.mk
include sim/spi.mk
include sim/uart.mk
include firmware/firmware.mk
$(BUILD)/tests/check_%: $(BUILD)/tests/check_%.o $(TEST_SUPPORT) $(TEST_TOOL_OBJECTS) $(SIM_LIBRARY) $(LIBRARY)
	$(CXX) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(CHECK_LIBS) $(LDLIBS)
$(addprefix $(BUILD)/tests/,check_tool check_resume check_quick): | $(TOOL) # run it
# Devices on USB that are not there, for the tests of the driver, which start themselves again under umockdev-wrapper
MOCK_USB = $(BUILD)/tests/umockdev/mock_usb.o
MOCK_FTDI = $(BUILD)/tests/umockdev/mock_ftdi.o $(UART_LIBRARY)
$(BUILD)/tests/umockdev/%.o: CPPFLAGS += $(subst -I,-isystem ,$(shell pkg-config --cflags umockdev-1.0 2>/dev/null))
$(BUILD)/tests/check_driver: $(MOCK_USB)
$(BUILD)/tests/check_ftdi: $(MOCK_USB) $(MOCK_FTDI)
# The campaign of faults goes over all levels: transfers, frames, D+ and D-, a serial line
FAULTS = $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/main.c,$(wildcard tests/faults/*.c)))
$(BUILD)/tests/check_faults $(BUILD)/tests/faults/faults: $(FAULTS) $(MOCK_USB) $(MOCK_FTDI) $(USB_OBJECTS) $(USB_DIR)/board/shim.o $(USB_DIR)/board/model.a
$(BUILD)/tests/faults/faults: $(BUILD)/tests/faults/main.o $(TEST_SUPPORT) $(TEST_TOOL_OBJECTS) $(SIM_LIBRARY) $(LIBRARY)
	$(CXX) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(CHECK_LIBS) $(LDLIBS)
$(addprefix $(BUILD)/tests/,check_driver check_driver_rtl check_ftdi check_faults faults/faults): LDLIBS += $(shell pkg-config --libs umockdev-1.0 2>/dev/null)
# and with the RTL's own USB device behind libusb
$(BUILD)/tests/check_driver_rtl: $(BUILD)/tests/check_driver_rtl.o $(MOCK_USB) $(addprefix $(BUILD)/tests/support/,support.o task.o random_model.o) \
    $(USB_DIR)/libusb_board.a $(LIBRARY)
	$(CXX) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LDLIBS)

build-tests: build-all $(TESTS)

test: setup-test ## install what the tests need, build, run every test
	@$(MAKE) --no-print-directory -j$(JOBS) build-tests
	@BUILD=$(BUILD) scripts/run-tests $(TESTS)

test-sanitize: setup-test ## the same under AddressSanitizer and UndefinedBehaviorSanitizer, in build/sanitize
	@$(MAKE) --no-print-directory -j$(JOBS) build-tests BUILD=build/sanitize OPT=-O1 $(SANITIZE_FLAGS)
	@BUILD=build/sanitize ESPALIER_TEST_SCALE=small scripts/run-tests $(patsubst $(BUILD)/%,build/sanitize/%,$(TESTS))
SANITIZE_FLAGS = SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"

FAULT_COUNT ?= 100000
faults: setup-test ## inject FAULT_COUNT faults (100,000), over all levels of the link, and compare every result; table, build/faults.json; SEED draws them
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/tests/faults/faults
	@$(BUILD)/tests/faults/faults $(FAULT_COUNT) $(SEED) $(BUILD)/faults.json

# ---- quality ---------------------------------------------------------------------------------------------------------

lint: setup-lint $(NUMBERS_H) $(USB_DESCRIPTORS_H) $(BOARDS_INC) ## Verilator -Wall, yosys and Icarus on the RTL; clang warnings and the format check on the C
	@BUILD=$(BUILD) scripts/lint
format: setup-lint ## format the C with the pinned clang-format
	@scripts/lint --format

# ---- data and models -------------------------------------------------------------------------------------------------

data: setup-data ## obtain MNIST (four IDX files, checksums pinned) into build/data
	@BUILD=$(BUILD) scripts/data
quick: all data ## the complete pipeline in little: train, compress in all formats, pack, run in the engine and the RTL (3 minutes)
	@BUILD=$(BUILD) scripts/models --quick
models: all data ## train LeNet-5 and make the shipped models again; SEEDS=3: mean and range over three seeds
	@BUILD=$(BUILD) SEEDS=$(SEEDS) scripts/models
models-lenet5: models ## the same
models-fashion: all setup-fashion ## train and compress the same network on Fashion-MNIST; SEEDS as above
	@BUILD=$(BUILD) SEEDS=$(SEEDS) scripts/models --fashion

# ---- firmware --------------------------------------------------------------------------------------------------------

firmware: setup-firmware ## build the image for the pico-ice's microcontroller into build/firmware; BITSTREAM=FILE: the FPGA's bitstream for it too
	@$(MAKE) --no-print-directory build-firmware
build-firmware: $(NUMBERS_H) $(USB_DESCRIPTORS_H) $(if $(BITSTREAM),$(BUILD)/firmware/bitstream.uf2)
	@BUILD=$(BUILD) scripts/firmware
firmware-emulate: firmware ## run that image under an emulator of the microcontroller: it enumerates, configures an FPGA and moves bytes
	@scripts/setup emulate
	@$(MAKE) --no-print-directory $(UF2)
	@BUILD=$(BUILD) scripts/firmware-emulate

# ---- measuring -------------------------------------------------------------------------------------------------------

bench: all ## time the simulator and the reference engine
	@BUILD=$(BUILD) MODEL_CXX="$(MODEL_CXX)" scripts/bench
bench-train: all data setup-torch ## time an epoch of training beside PyTorch's
	@BUILD=$(BUILD) scripts/bench-train
synth: setup-synth ## yosys and nextpnr on the core: TARGET=up5k|hx8k|ecp5-25k; figures in build/synth/TARGET.json
	@BUILD=$(BUILD) scripts/synth $(TARGET) --jobs $(JOBS)
synth-link: setup-synth ## the same on the USB device, the UART and the SPI slave alone; figures in build/synth/link-TARGET.json
	@BUILD=$(BUILD) scripts/synth-link $(TARGET)

# ---- boards ----------------------------------------------------------------------------------------------------------

bitstream: setup-synth ## yosys, nextpnr and packer for a board: BOARD=icebreaker|pico_ice|tinyfpga_bx|orangecrab_25f|ulx3s_85f; SEEDS=3: Fmax over so many seeds
	@BUILD=$(BUILD) scripts/bitstream $(BOARD) --serial $(SERIAL) $(if $(filter-out 1,$(SEEDS)),--every-seed --seeds $(SEEDS))
flash: setup-flash $(UF2) ## write the bitstream of BOARD into it with the board's usual tool
	@BUILD=$(BUILD) scripts/flash $(BOARD)
board-images: setup-demo ## the tool with the simulated twins of those builds that only boards use: build/board-images/espalier
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/board-images/espalier
board-table: all board-images ## the README's table of the boards whose bitstreams are built
	@BUILD=$(BUILD) scripts/board-table
gate-level: setup-synth setup-demo ## netlists of an iCE40 and an ECP5 build, on yosys' cell models, classify digits; compared with the reference engine
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/gate/espalier
	@for board in $(GATE_BOARDS); do for model in structured gap dense8; do \
	    echo "gate level: $$board, lenet5-$$model:"; \
	    $(BUILD)/gate/espalier eval tests/data/models/lenet5-$$model.esp --engine rtl --board $$board --count $(GATE_IMAGES) --seed $(SEED) --threads 1 || exit; \
	done; done

clean: ## remove what was built; data, trained models and tools in build/ stay
	rm -rf $(BUILD)/bitstream $(BUILD)/gate $(BUILD)/board-images $(BUILD)/host $(BUILD)/sim $(BUILD)/usb $(BUILD)/spi $(BUILD)/uart $(BUILD)/firmware $(BUILD)/pico-ice $(BUILD)/tests $(BUILD)/verilated $(BUILD)/include $(BUILD)/sanitize $(BUILD)/synth \
	    $(LIBRARY) $(SHARED) $(TOOL) $(USBIP) $(BUILD)/libespalier_sim.a $(BRIDGE_LIBRARY) $(UF2)

# Dependency files are by-products of compiling: never targets of a rule.
%.d: ;
-include $(shell find $(BUILD)/host $(BUILD)/sim $(BUILD)/usb $(BUILD)/spi $(BUILD)/uart $(BUILD)/firmware $(BUILD)/gate $(BUILD)/board-images $(BUILD)/tests -name '*.d' 2>/dev/null)
