# Make rules of tools with other simulated boards in them than build/espalier has. Everything but the models is the same: client, frames, command line.
#
# $(BUILD)/board-images/espalier   the builds that only boards use: those below the line "# Below" of builds.txt
# $(BUILD)/gate/espalier           netlists of builds, as yosys made them, on yosys' own models of the cells (scripts/gate-netlist)

IMAGE_BOARDS := $(shell sed -n '/^\# Below/,$$ s/^\([a-z][a-z0-9-]*\) .*/\1/p' $(BUILDS_TXT))
GATE_BOARDS = up5k-link ecp5-25k

# ---- netlists: as rules.mk does it for builds
$(BUILD)/gate/%/netlist.v: $(CORE_RTL) $(BUILD)/verilated/%/row scripts/gate-netlist scripts/fpga.py
	BUILD=$(BUILD) scripts/gate-netlist $* $(@D)

# yosys' models and netlists are full of what -Wall would complain of. Waves show the ports alone: all nets would be most of the code
$(BUILD)/gate/%/model.a: $(BUILD)/gate/%/netlist.v sim/cells/ecp5_blocks.v sim/images.mk
	@rm -f $(@D)/*.[ao]
	$(VERILATOR) --cc --trace-fst --trace-depth 1 -O3 --x-assign unique --x-initial unique -Wno-fatal -Wno-lint -Wno-style -Wno-UNOPTFLAT -Wno-MODDUP \
	    --top-module espalier_core --prefix V$(call board_symbol,$*) --Mdir $(@D) -f $(@D)/cells.f $<
	$(MODEL_MAKE) V$(call board_symbol,$*)__ALL.a CXX="$(MODEL_CXX)"
	$(MODEL_MAKE) verilated.o verilated_fst_c.o verilated_threads.o CXX="$(CXX)"
	cd $(@D) && cp V$(call board_symbol,$*)__ALL.a model.a

$(BUILD)/gate/%/shim.o: sim/shim.cpp $(BUILD)/gate/%/model.a
	$(CXX) $(call shim_flags,$*,$(@D)) -c $< -o $@

# ---- tools: folder, boards, their shims, their models
define image_tool
$(BUILD)/$(1)/include/espalier_sim_boards.inc: $(BUILDS_TXT) sim/images.mk
	@mkdir -p $$(@D)
	for board in $(2); do $$(call board_entries,$$$$board); done > $$@
$(BUILD)/$(1)/sim.o: sim/sim.c $(BUILD)/$(1)/include/espalier_sim_boards.inc | $(PROTOCOL_H) $(USB_IDS_H)
	$(CC) -I$(BUILD)/$(1)/include $(CPPFLAGS) $(CFLAGS) -c $$< -o $$@
$(BUILD)/$(1)/espalier: $(TOOL_OBJECTS) $(BUILD)/$(1)/sim.o $(filter-out %/sim.o,$(SIM_OBJECTS)) $(3) $(4) $(LIBRARY)
	$(CXX) $(LDFLAGS) -o $$@ $$^ $(addprefix $(dir $(firstword $(4))),verilated.o verilated_fst_c.o verilated_threads.o) $(LDLIBS)
endef
$(eval $(call image_tool,board-images,$(IMAGE_BOARDS),$(IMAGE_BOARDS:%=$(BUILD)/sim/shim_%.o),$(IMAGE_BOARDS:%=$(BUILD)/verilated/%/model.a)))
$(eval $(call image_tool,gate,$(GATE_BOARDS),$(GATE_BOARDS:%=$(BUILD)/gate/%/shim.o),$(GATE_BOARDS:%=$(BUILD)/gate/%/model.a)))
