# Make rules of the simulated boards: every line of rtl/board/builds.txt becomes a Verilated model and a shim around it. Those below the
# line "# Below" are no boards of build/espalier: images.mk has them.
# sim/shim.cpp is compiled once a board, told the model's class (BOARD_CLASS), header (BOARD_HEADER) and C symbol (BOARD_SYMBOL).

BUILDS_TXT = rtl/board/builds.txt
BOARDS := $(shell sed -n '/^\# Below/q; s/^\([a-z][a-z0-9-]*\) .*/\1/p' $(BUILDS_TXT))
board_params = $(shell sed -n 's/^$(1)  *\([^\#]*\)\#.*/\1/p' $(BUILDS_TXT))
board_symbol = $(subst -,_,$(1))
VERILATOR ?= verilator
VERILATOR_ROOT_DIR = $(shell $(VERILATOR) --getenv VERILATOR_ROOT 2>/dev/null)
VERILATOR_FLAGS = --cc --trace-fst -O3 --x-assign unique --x-initial unique -Wno-fatal $(RTL_INCLUDES)
# What Verilator writes is one function of tens of kilobytes, in which gcc spills three times as much as clang: a quarter of the speed.
# The other compiler serves where there is no clang, and for sanitizers, whose runtime is that of the compiler that links.
MODEL_CXX := $(if $(SANITIZE),$(CXX),$(or $(shell command -v clang++ 2>/dev/null),$(CXX)))
# What Verilator and GTKWave wrote makes misaligned accesses and shifts negative numbers: UBSan is off for it, AddressSanitizer
# is not. The shim, which is ours, includes their headers: only their misaligned accesses are let through there.
MODEL_SANITIZE = $(if $(SANITIZE),$(SANITIZE) -fno-sanitize=undefined)
SHIM_SANITIZE = $(if $(SANITIZE),$(SANITIZE) -fno-sanitize=alignment)
SIM_CXXFLAGS = -std=c++17 $(OPT) -g -fPIC -MMD -MP -pthread -Wall -Wextra $(SHIM_SANITIZE)

BOARD_MODELS = $(foreach b,$(BOARDS),$(BUILD)/verilated/$(b)/model.a)
BOARD_SHIMS = $(foreach b,$(BOARDS),$(BUILD)/sim/shim_$(b).o)
SIM_OBJECTS = $(patsubst %.c,$(BUILD)/%.o,$(wildcard sim/*.c))
SIM_LIBRARY = $(BUILD)/libespalier_sim.a
BOARDS_INC = $(BUILD)/include/espalier_sim_boards.inc

# X(symbol, "name", "summary") for a board, in shell.
board_entries = sed -n "s/^\($(1)\) .*\# *\(.*\)$$/\1|\2/p" $(BUILDS_TXT) | while IFS='|' read -r name text; do \
    echo "X($$(echo $$name | tr - _), \"$$name\", \"$$text\")"; done
$(BOARDS_INC): $(BUILDS_TXT)
	@mkdir -p $(@D)
	for board in $(BOARDS); do $(call board_entries,$$board); done > $@

# A build's parameters, in a file that only their change touches
$(BUILD)/verilated/%/row: $(BUILDS_TXT)
	@mkdir -p $(@D)
	@echo "$(call board_params,$*)" | cmp -s - $@ || echo "$(call board_params,$*)" > $@

MODEL_MAKE = $(MAKE) --no-print-directory -C $(@D) -f V$(call board_symbol,$*).mk CXXFLAGS="-std=c++17 -fPIC" \
    OPT_FAST="$(OPT) $(MODEL_SANITIZE)" OPT_SLOW="-O0 $(MODEL_SANITIZE)" OPT_GLOBAL="$(OPT) $(MODEL_SANITIZE)"
CORE_RTL = $(filter-out rtl/link/% rtl/board/%,$(RTL))
$(BUILD)/verilated/%/model.a: $(CORE_RTL) $(BUILD)/verilated/%/row sim/rules.mk
	@mkdir -p $(@D)
	@rm -f $(@D)/*.[ao] # else what other flags or another compiler made of the same RTL would stay
	$(VERILATOR) $(VERILATOR_FLAGS) --top-module espalier_core --prefix V$(call board_symbol,$*) --Mdir $(@D) \
	    $(addprefix -G,$(call board_params,$*)) rtl/core/espalier_core.v
	$(MODEL_MAKE) V$(call board_symbol,$*)__ALL.a CXX="$(MODEL_CXX)"
	$(MODEL_MAKE) verilated.o verilated_fst_c.o verilated_threads.o CXX="$(CXX)"
	cd $(@D) && cp V$(call board_symbol,$*)__ALL.a model.a

# Of a board, and the folder of its model
shim_flags = $(SIM_CXXFLAGS) -Isim -I$(2) -isystem $(VERILATOR_ROOT_DIR)/include -isystem $(VERILATOR_ROOT_DIR)/include/vltstd \
    -DBOARD_CLASS=V$(call board_symbol,$(1)) -DBOARD_HEADER='"V$(call board_symbol,$(1)).h"' -DBOARD_SYMBOL=espalier_shim_$(call board_symbol,$(1))
$(BUILD)/sim/shim_%.o: sim/shim.cpp $(BUILD)/verilated/%/model.a
	@mkdir -p $(@D)
	$(CXX) $(call shim_flags,$*,$(BUILD)/verilated/$*) -c $< -o $@

$(SIM_OBJECTS): $(BOARDS_INC)

# The runtime of Verilator is the same for all boards: the first one's objects serve all.
VERILATED_RUNTIME = $(addprefix $(BUILD)/verilated/$(firstword $(BOARDS))/,verilated.o verilated_fst_c.o verilated_threads.o)
$(SIM_LIBRARY): $(SIM_OBJECTS) $(BOARD_SHIMS) $(BOARD_MODELS)
	@rm -f $@
	for model in $(BOARD_MODELS); do echo "addlib $$model"; done | \
	    { echo "create $@"; cat; for object in $(SIM_OBJECTS) $(BOARD_SHIMS) $(VERILATED_RUNTIME); do echo "addmod $$object"; done; echo save; echo end; } | $(AR) -M
