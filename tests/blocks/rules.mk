# Make rules of the blocks under test: every line of blocks.txt becomes a Verilated model, all of them together one library, which
# every test program may use (block.h). One compilation of all models is several times quicker than one each.

BLOCKS_DIR = $(BUILD)/tests/blocks
BLOCKS_LIBRARY = $(BLOCKS_DIR)/libblocks.a
BLOCKS_CXXFLAGS = -std=c++17 -O1 -g -I$(BLOCKS_DIR) -isystem $(VERILATOR_ROOT_DIR)/include -isystem $(VERILATOR_ROOT_DIR)/include/vltstd

$(BLOCKS_DIR)/models.inc: tests/blocks/blocks.txt tests/blocks/verilate tests/blocks/rules.mk $(RTL)
	@mkdir -p $(@D)
	VERILATOR="$(VERILATOR)" tests/blocks/verilate $< $(@D) -O3 --x-assign unique --x-initial unique -Wno-fatal $(RTL_INCLUDES)

$(BLOCKS_DIR)/models.o: $(BLOCKS_DIR)/models.inc
	$(CXX) $(BLOCKS_CXXFLAGS) $(MODEL_SANITIZE) -c $(@D)/models.cpp -o $@

$(BLOCKS_DIR)/shim.o: tests/blocks/shim.cpp tests/blocks/shim.h $(BLOCKS_DIR)/models.inc
	$(CXX) $(BLOCKS_CXXFLAGS) -Wall -Wextra $(SHIM_SANITIZE) -c $< -o $@

$(BLOCKS_LIBRARY): $(addprefix $(BLOCKS_DIR)/,block.o shim.o models.o)
	@rm -f $@
	$(AR) rcs $@ $^
