#include "blocks/block.h"
#include "support/support.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Check writes to a file at every ck_assert: what happens in every cycle only calls it to fail. */

enum { RESET_CYCLES = 4 };

static struct block_port *find(struct block *block, const char *name)
{
    for (struct block_port *port = block->ports; port < block->ports + BLOCK_PORTS && port->name; port++)
        if (strcmp(port->name, name) == 0)
            return port;
    return NULL;
}

static struct block_port *must_find(struct block *block, const char *name)
{
    struct block_port *port = find(block, name);
    if (!port)
        ck_abort_msg("%s: no port %s", block->model->module, name);
    return port;
}

static void power_up(struct block *block, const struct block_model *model)
{
    memset(block, 0, sizeof *block);
    block->model = model;
    espalier_random_seed(&block->random, test_seed() + (uint64_t)(model - block_models));
    block->state = model->power_up(espalier_random_below(&block->random, UINT32_MAX), block->ports);
    ck_assert_msg(block->state != NULL, "out of memory");
    for (struct block_port *port = block->ports; port < block->ports + BLOCK_PORTS && port->name; port++)
        if (strncmp(port->name, "i_", 2) == 0)
            memset(port->data, 0, (port->bits + 7) / 8);
    block->changed = true;
    if (!find(block, "i_reset"))
        return;
    block_set(block, "i_reset", 1);
    for (int n = 0; n < RESET_CYCLES; n++)
        block_clock(block);
    block_set(block, "i_reset", 0);
}

bool block_next(struct block *block, const char *module)
{
    const struct block_model *model = block_models;
    if (block->state) {
        block->model->power_down(block->state);
        block->state = NULL;
        model = block->model + 1;
    }
    while (model < block_models + block_model_count && strcmp(model->module, module) != 0)
        model++;
    ck_assert_msg(block->model || model < block_models + block_model_count, "no %s in tests/blocks/blocks.txt", module);
    if (model == block_models + block_model_count)
        return false;
    power_up(block, model);
    return true;
}

unsigned block_parameter(const struct block *block, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = block->model->parameters; at; at = strchr(at, ' ')) {
        at += strspn(at, " ");
        if (strncmp(at, name, length) == 0 && at[length] == '=')
            return (unsigned)strtoul(at + length + 1, NULL, 10);
    }
    ck_abort_msg("%s: blocks.txt gives no %s", block->model->module, name);
    return 0;
}

static uint8_t *window(struct block *block, const char *name, unsigned first, unsigned bits)
{
    const struct block_port *port = must_find(block, name);
    if (bits > 64 || first + bits > port->bits)
        ck_abort_msg("%s: %s is not that wide", block->model->module, name);
    return port->data;
}

void block_set_bits(struct block *block, const char *name, unsigned first, unsigned bits, uint64_t value)
{
    uint8_t *bytes = window(block, name, first, bits);
    for (unsigned bit = first; bit < first + bits; bit++, value >>= 1)
        bytes[bit / 8] = (uint8_t)((bytes[bit / 8] & ~(1u << bit % 8)) | (unsigned)(value & 1) << bit % 8);
    block->changed = true;
}

void block_set(struct block *block, const char *name, uint64_t value)
{
    block_set_bits(block, name, 0, must_find(block, name)->bits, value);
}

uint64_t block_draw(struct block *block, const char *name)
{
    uint64_t value = espalier_random_bits(&block->random);
    block_set(block, name, value);
    return block_get(block, name);
}

static void settle(struct block *block)
{
    if (block->changed)
        block->model->evaluate(block->state);
    block->changed = false;
}

uint64_t block_get_bits(struct block *block, const char *name, unsigned first, unsigned bits)
{
    const uint8_t *bytes = window(block, name, first, bits);
    uint64_t value = 0;
    settle(block);
    for (unsigned bit = first; bit < first + bits; bit++)
        value |= (uint64_t)(bytes[bit / 8] >> bit % 8 & 1) << (bit - first);
    return value;
}

uint64_t block_get(struct block *block, const char *name)
{
    return block_get_bits(block, name, 0, must_find(block, name)->bits);
}

void block_clock(struct block *block)
{
    settle(block);
    block_set(block, "i_clk", 1);
    settle(block);
    block_set(block, "i_clk", 0);
    block->cycles++;
}

bool block_chance(struct block *block, double probability)
{
    return espalier_random_uniform(&block->random) < probability;
}

uint32_t block_below(struct block *block, uint32_t bound)
{
    return espalier_random_below(&block->random, bound);
}

void block_expect_bits(struct block *block, const char *port, unsigned first, unsigned bits, uint64_t expected)
{
    uint64_t got = block_get_bits(block, port, first, bits);
    if (got != expected)
        ck_abort_msg("%s %s, cycle %" PRIu64 ": %s from bit %u is %#" PRIx64 ", not %#" PRIx64, block->model->module,
                     block->model->parameters, block->cycles, port, first, got, expected);
}

void block_expect(struct block *block, const char *port, uint64_t expected)
{
    block_expect_bits(block, port, 0, must_find(block, port)->bits, expected);
}
