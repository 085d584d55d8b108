# Make rules of the simulated accelerator behind SPI: one Verilated model, rtl/board/espalier_spi.v with the parameters of the default board, behind spi_shim.cpp
# (spi_model.h). Flags as those of usb.mk, which comes first. A broken frame is over after 2^16 cycles of silence, not 2^22: tests break many.

SPI_DIR = $(BUILD)/spi
SPI_LIBRARY = $(SPI_DIR)/libspi_board.a
SPI_MODEL_PARTS = $(addprefix $(SPI_DIR)/,verilated.o verilated_threads.o)

$(SPI_DIR)/model.a: $(RTL) $(BUILDS_TXT) sim/spi.mk
	@mkdir -p $(@D)
	$(VERILATOR) $(USB_VERILATOR_FLAGS) $(USB_PARAMETERS_board) -GTIMEOUT=65536 --top-module espalier_spi --prefix Vspi_board --Mdir $(@D) rtl/board/espalier_spi.v
	+$(USB_MAKE_MODEL) -C $(@D) -f Vspi_board.mk Vspi_board__ALL.a verilated.o verilated_threads.o
	cp $(@D)/Vspi_board__ALL.a $@

$(SPI_DIR)/shim.o: sim/spi_shim.cpp sim/spi_model.h $(SPI_DIR)/model.a
	$(CXX) $(USB_CXXFLAGS) -I$(@D) -c $< -o $@

$(SPI_LIBRARY): $(BUILD)/sim/spi_bus.o $(SPI_DIR)/shim.o $(SPI_DIR)/model.a
	@rm -f $@
	{ echo "create $@"; echo "addlib $(SPI_DIR)/model.a"; for object in $(BUILD)/sim/spi_bus.o $(SPI_DIR)/shim.o $(SPI_MODEL_PARTS); do \
	    echo "addmod $$object"; done; echo save; echo end; } | $(AR) -M
