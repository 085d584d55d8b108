# Make rules of the simulated boards on a serial line: rtl/board/espalier_uart.v with the parameters of a line of builds.txt, behind
# uart_shim.cpp (uart_model.h). `tiny` is slow beside its line, 12 cycles a bit, and `up5k` has as few as a bit may have.

UART_DIR = $(BUILD)/uart
UART_MODELS = tiny up5k
UART_CLOCK = 12000000
UART_BAUD_tiny = 1000000
UART_BAUD_up5k = 3000000
# A byte takes 120 cycles on the line of `tiny`, and its patience inside a frame must be longer than that
UART_OTHER_tiny = -GTIMEOUT=65536

$(UART_DIR)/%/model.a: $(RTL) $(BUILDS_TXT) sim/uart.mk
	@mkdir -p $(@D)
	@rm -f $(@D)/*.[ao]
	$(VERILATOR) $(USB_VERILATOR_FLAGS) $(addprefix -G,$(filter-out $(if $(UART_OTHER_$*),TIMEOUT=%),$(call board_params,$*))) $(UART_OTHER_$*) \
	    -GCLOCK=$(UART_CLOCK) -GBAUD=$(UART_BAUD_$*) --top-module espalier_uart --prefix Vuart_$* --Mdir $(@D) rtl/board/espalier_uart.v
	+$(USB_MAKE_MODEL) -C $(@D) -f Vuart_$*.mk Vuart_$*__ALL.a CXX="$(MODEL_CXX)"
	+$(USB_MAKE_MODEL) -C $(@D) -f Vuart_$*.mk verilated.o verilated_threads.o
	cp $(@D)/Vuart_$*__ALL.a $@

$(UART_DIR)/%/shim.o: sim/uart_shim.cpp sim/uart_model.h $(UART_DIR)/%/model.a
	$(CXX) $(USB_CXXFLAGS) -I$(@D) -DMODEL_CLASS=Vuart_$* -DMODEL_HEADER='"Vuart_$*.h"' -DMODEL_SYMBOL=uart_model_$* \
	    -DMODEL_CLOCK=$(UART_CLOCK) -DMODEL_BAUD=$(UART_BAUD_$*) -c $< -o $@

UART_LIBRARY = $(UART_DIR)/libuart.a
$(UART_LIBRARY): $(foreach m,$(UART_MODELS),$(UART_DIR)/$(m)/shim.o $(UART_DIR)/$(m)/model.a)
	@rm -f $@
	{ echo "create $@"; for m in $(UART_MODELS); do echo "addlib $(UART_DIR)/$$m/model.a"; echo "addmod $(UART_DIR)/$$m/shim.o"; done; echo save; echo end; } | $(AR) -M
