#include "board.h"

#include "pins.h"

#include <hardware/gpio.h>
#include <hardware/spi.h>
#include <pico/time.h>

enum {
    LINK_HERTZ = 2000000,    /* a tenth of the FPGA's clock at its slowest, and a margin (../README.md) */
    SELECT_MICROSECONDS = 1, /* spi_slave.v wants 8 cycles of the FPGA's clock */
    HALF_CYCLES = 4,         /* of 8 ns: half a period of SCK while configuring; 20 ns at the least */
    FLASH_SLEEP = 0xB9,      /* W25Q32: power-down, so that it drives nothing while its CS serves as SS */
    FLASH_SLEEP_MICROSECONDS = 3
};

/* ---- link ---- */

static void link_select(void *context, bool selected)
{
    (void)context;
    gpio_put(PIN_LINK_CS, !selected);
    busy_wait_us(SELECT_MICROSECONDS);
}

static void link_exchange(void *context, const uint8_t *out, uint8_t *in, size_t size)
{
    (void)context;
    spi_write_read_blocking(spi0, out, in, size);
}

/* ---- configuration ---- */

static void drive(unsigned pin, bool level)
{
    gpio_put(pin, level);
    gpio_set_dir(pin, GPIO_OUT);
}

static void release(unsigned pin)
{
    gpio_set_dir(pin, GPIO_IN);
}

static void clock_out(unsigned pin, const uint8_t *bytes, size_t size)
{
    for (size_t n = 0; n < size; n++)
        for (unsigned bit = 8; bit-- > 0;) {
            gpio_put(pin, bytes[n] >> bit & 1);
            busy_wait_at_least_cycles(HALF_CYCLES);
            gpio_put(PIN_CONFIG_SCK, true);
            busy_wait_at_least_cycles(HALF_CYCLES);
            gpio_put(PIN_CONFIG_SCK, false);
        }
}

static void config_select(void *context, bool selected)
{
    (void)context;
    gpio_put(PIN_CONFIG_SS, !selected);
    busy_wait_at_least_cycles(HALF_CYCLES);
}

static void config_reset(void *context, bool down)
{
    (void)context;
    drive(PIN_CONFIG_RESET, !down);
}

static void send_flash_to_sleep(void)
{
    const uint8_t command = FLASH_SLEEP;
    drive(PIN_CONFIG_SO, false);
    config_select(NULL, true);
    clock_out(PIN_CONFIG_SO, &command, sizeof command);
    config_select(NULL, false);
    release(PIN_CONFIG_SO);
    busy_wait_us(FLASH_SLEEP_MICROSECONDS);
}

static void config_begin(void *context)
{
    config_reset(context, true);
    drive(PIN_CONFIG_SCK, false);
    drive(PIN_CONFIG_SS, true);
    send_flash_to_sleep();
    drive(PIN_CONFIG_SI, false);
    config_select(context, true);
}

static void config_end(void *context)
{
    (void)context;
    release(PIN_CONFIG_SI);
    release(PIN_CONFIG_SCK);
    release(PIN_CONFIG_SS);
}

static void config_send(void *context, const uint8_t *bytes, size_t size)
{
    (void)context;
    clock_out(PIN_CONFIG_SI, bytes, size);
}

static bool config_done(void *context)
{
    (void)context;
    return gpio_get(PIN_CONFIG_DONE);
}

static uint32_t microseconds(void *context)
{
    (void)context;
    return time_us_32();
}

const struct supervisor_ports board_ports = {
    .spi = {.select = link_select, .exchange = link_exchange},
    .config = {.begin = config_begin,
               .end = config_end,
               .reset = config_reset,
               .select = config_select,
               .send = config_send,
               .done = config_done},
    .clock = {.microseconds = microseconds},
};

/* ---- the rest ---- */

void board_init(void)
{
    static const uint8_t inputs[] = {PIN_CONFIG_SI,   PIN_CONFIG_SS,   PIN_CONFIG_SCK, PIN_CONFIG_SO,
                                     PIN_CONFIG_DONE, PIN_LIGHT_GREEN, PIN_LIGHT_RED,  PIN_LIGHT_BLUE};
    for (size_t n = 0; n < sizeof inputs; n++) {
        gpio_init(inputs[n]); /* an input that would be driven low */
        gpio_disable_pulls(inputs[n]);
    }
    gpio_init(PIN_CONFIG_RESET);
    config_reset(NULL, true);
    gpio_init(PIN_LINK_CS);
    drive(PIN_LINK_CS, true);
    spi_init(spi0, LINK_HERTZ);
    gpio_set_function(PIN_LINK_SCK, GPIO_FUNC_SPI);
    gpio_set_function(PIN_LINK_MOSI, GPIO_FUNC_SPI);
    gpio_set_function(PIN_LINK_MISO, GPIO_FUNC_SPI);
}

void board_light(enum condition condition)
{
    const bool running = condition == CONDITION_RUNNING, loading = condition == CONDITION_LOADING;
    gpio_set_dir(PIN_LIGHT_GREEN, running);
    gpio_set_dir(PIN_LIGHT_BLUE, loading);
    gpio_set_dir(PIN_LIGHT_RED, !running && !loading);
}

const uint8_t *board_bitstream_area(void)
{
    return (const uint8_t *)BITSTREAM_ADDRESS;
}
