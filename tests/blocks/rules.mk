# Make rules of the blocks under test: every line of blocks.txt becomes a Verilated model, all of them together one library, which
# tests/check_block_*.c use (block.h). They need no simulated board, so that a change of the RTL is tested in seconds.
# One compilation of all models, without debugging information, is several times quicker than one each.

BLOCKS_DIR = $(BUILD)/tests/blocks
BLOCKS_LIBRARY = $(BLOCKS_DIR)/libblocks.a
BLOCKS_CXXFLAGS = -std=c++17 -O1 -I$(BLOCKS_DIR) -isystem $(VERILATOR_ROOT_DIR)/include -isystem $(VERILATOR_ROOT_DIR)/include/vltstd
BLOCKS_OBJECTS = $(addprefix $(BLOCKS_DIR)/,block.o arithmetic.o shim.o models.o verilated.o verilated_threads.o)

$(BLOCKS_DIR)/models.inc: tests/blocks/blocks.txt tests/blocks/verilate tests/blocks/rules.mk $(RTL)
	@mkdir -p $(@D)
	VERILATOR="$(VERILATOR)" tests/blocks/verilate $< $(@D) -O3 --x-assign unique --x-initial unique -Wno-fatal $(RTL_INCLUDES)

$(BLOCKS_DIR)/models.o: $(BLOCKS_DIR)/models.inc
	$(CXX) $(BLOCKS_CXXFLAGS) $(MODEL_SANITIZE) -c $(@D)/models.cpp -o $@
$(BLOCKS_DIR)/verilated.o $(BLOCKS_DIR)/verilated_threads.o: tests/blocks/rules.mk
	@mkdir -p $(@D)
	$(CXX) $(BLOCKS_CXXFLAGS) $(MODEL_SANITIZE) -c $(VERILATOR_ROOT_DIR)/include/$(basename $(@F)).cpp -o $@
$(BLOCKS_DIR)/shim.o: tests/blocks/shim.cpp tests/blocks/shim.h $(BLOCKS_DIR)/models.inc
	$(CXX) $(BLOCKS_CXXFLAGS) -Wall -Wextra $(SHIM_SANITIZE) -c $< -o $@

$(BLOCKS_LIBRARY): $(BLOCKS_OBJECTS)
	@rm -f $@
	$(AR) rcs $@ $^
$(BUILD)/tests/check_block_%: $(BUILD)/tests/check_block_%.o $(BUILD)/tests/support/support.o $(BLOCKS_LIBRARY) $(LIBRARY)
	$(CXX) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LDLIBS)
$(BUILD)/tests/check_block_links: $(BUILD)/tests/support/serial.o
