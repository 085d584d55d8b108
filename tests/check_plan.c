/* Plans against a device made of its descriptors alone: an interpreter that knows memory, addresses and the
 * descriptor's words (rtl/frame/protocol.vh), but no layer shapes. What it computes must be what the reference engine
 * computes. */
#include "support/random_model.h"
#include "support/support.h"

#include <espalier/device.h>
#include <espalier/engine.h>
#include <espalier/pack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct espalier_random seeded(uint64_t extra)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed() + extra);
    return random;
}

/* A device with room for every random model. */
static struct espalier_capabilities roomy(void)
{
    return (struct espalier_capabilities){.words = {[ESPALIER_CAPS_LANES] = 3,
                                                    [ESPALIER_CAPS_POSITIONS] = 8,
                                                    [ESPALIER_CAPS_PORTS] = 1,
                                                    [ESPALIER_CAPS_ACT_WORDS] = 65536,
                                                    [ESPALIER_CAPS_WEIGHT_BYTES] = 8192,
                                                    [ESPALIER_CAPS_LAYERS] = 64,
                                                    [ESPALIER_CAPS_TABLE_DEPTH] = 65536,
                                                    [ESPALIER_CAPS_LIST_DEPTH] = 65536,
                                                    [ESPALIER_CAPS_PRIVATE_DEPTH] = 65536,
                                                    [ESPALIER_CAPS_FORMATS] = 7,
                                                    [ESPALIER_CAPS_ACC_BITS] = 24,
                                                    [ESPALIER_CAPS_PAYLOAD_MAX] = 1024}};
}

/* ---- the interpreter ---- */

struct machine {
    const struct espalier_plan *plan;
    const uint16_t *words;              /* the present layer's descriptor */
    const struct espalier_layer *layer; /* for its weights and its scale */
    uint8_t *memory;                    /* [plan->act_words] */
    uint8_t *written;                   /* [plan->act_words] 1 = by the present layer */
};

static uint32_t word(const struct machine *machine, unsigned index)
{
    return machine->words[index];
}

/* ck_assert reports to another process even when it holds: too slow for every access. */
static void require(bool holds, const char *what)
{
    if (!holds)
        ck_abort_msg("%s", what);
}

static void store(struct machine *machine, size_t address, uint32_t value)
{
    require(address < machine->plan->act_words, "a layer writes beyond the plan's activation words");
    machine->memory[address] = (uint8_t)value;
    machine->written[address] = 1;
}

/* The address of what column @p column reads, from the position's base. */
static size_t column_offset(const struct machine *machine, size_t column)
{
    size_t width = word(machine, ESPALIER_LAYER_KERNEL) & 255, height = word(machine, ESPALIER_LAYER_KERNEL) >> 8;
    size_t channel = column / (width * height), y = column / width % height, x = column % width;
    return channel * word(machine, ESPALIER_LAYER_IN_CHANNEL) + y * word(machine, ESPALIER_LAYER_IN_ROW) + x;
}

static int32_t accumulate(const struct machine *machine, size_t row, size_t base)
{
    size_t columns = word(machine, ESPALIER_LAYER_COLUMNS);
    int32_t acc = machine->layer->bias[row];
    for (size_t column = 0; column < columns; column++) {
        size_t address = base + column_offset(machine, column);
        require(address < machine->plan->act_words, "a layer reads beyond the plan's activation words");
        require(!machine->written[address], "a layer reads what it has written");
        acc += machine->layer->weights[row * columns + column] * (int8_t)machine->memory[address];
    }
    return acc;
}

static int32_t requantize(const struct machine *machine, int32_t acc)
{
    int64_t scaled = (int64_t)acc * machine->layer->mult, unit = INT64_C(1) << machine->layer->shift;
    int64_t low = word(machine, ESPALIER_LAYER_FORMAT) & 0x10 ? 0 : -128;
    int64_t value = (scaled + unit / 2) / unit - ((scaled + unit / 2) % unit < 0);
    return (int32_t)(value < low ? low : value > 127 ? 127 : value);
}

static size_t base_of(const struct machine *machine, size_t oy, size_t ox, size_t py, size_t px)
{
    return word(machine, ESPALIER_LAYER_IN_BASE) + oy * word(machine, ESPALIER_LAYER_POOL_STEP_Y) +
           ox * word(machine, ESPALIER_LAYER_POOL_STEP_X) + py * word(machine, ESPALIER_LAYER_STEP_Y) +
           px * word(machine, ESPALIER_LAYER_STEP_X);
}

static void run_cell(struct machine *machine, size_t row, size_t oy, size_t ox)
{
    uint32_t pool = word(machine, ESPALIER_LAYER_POOL) >> 8;
    size_t address = word(machine, ESPALIER_LAYER_OUT_BASE) + row * word(machine, ESPALIER_LAYER_OUT_CHANNEL) +
                     oy * word(machine, ESPALIER_LAYER_OUT_ROW);
    if (word(machine, ESPALIER_LAYER_FORMAT) & 0x20) {
        uint32_t acc = (uint32_t)accumulate(machine, row, base_of(machine, oy, ox, 0, 0));
        for (uint32_t byte = 0; byte < 3; byte++)
            store(machine, address + 3 * ox + byte, acc >> 8 * byte);
        return;
    }
    int32_t best = INT32_MIN;
    for (size_t py = 0; py < pool; py++)
        for (size_t px = 0; px < pool; px++) {
            int32_t value = requantize(machine, accumulate(machine, row, base_of(machine, oy, ox, py, px)));
            best = value > best ? value : best;
        }
    store(machine, address + ox, (uint32_t)best);
}

static void run_layer(struct machine *machine)
{
    uint32_t width = word(machine, ESPALIER_LAYER_OUT_SIZE) & 255, height = word(machine, ESPALIER_LAYER_OUT_SIZE) >> 8;
    memset(machine->written, 0, machine->plan->act_words);
    for (size_t i = 0; i < word(machine, ESPALIER_LAYER_CLEAR_WORDS); i++)
        store(machine, word(machine, ESPALIER_LAYER_CLEAR_BASE) + i, 0);
    for (size_t row = 0; row < word(machine, ESPALIER_LAYER_ROWS); row++)
        for (size_t oy = 0; oy < height; oy++)
            for (size_t ox = 0; ox < width; ox++)
                run_cell(machine, row, oy, ox);
}

/* The padded image at input_base. Everything else holds what nobody may rely on. */
static void load_image(struct machine *machine, const struct espalier_layer *first, const uint8_t *pixels,
                       struct espalier_random *random)
{
    for (size_t i = 0; i < machine->plan->act_words; i++)
        machine->memory[i] = (uint8_t)espalier_random_below(random, 256);
    size_t address = machine->plan->input_base;
    for (int channel = 0; channel < first->in_channels; channel++)
        for (int y = -first->pad; y < first->in_height + first->pad; y++)
            for (int x = -first->pad; x < first->in_width + first->pad; x++) {
                bool inside = y >= 0 && y < first->in_height && x >= 0 && x < first->in_width;
                require(address < machine->plan->act_words, "the image lies beyond the plan's activation words");
                machine->memory[address++] =
                    inside ? pixels[(channel * first->in_height + y) * first->in_width + x] / 2 : 0;
            }
}

static int32_t output_value(const struct machine *machine, size_t row, size_t y, size_t x)
{
    const uint8_t *at = machine->memory + word(machine, ESPALIER_LAYER_OUT_BASE) +
                        row * word(machine, ESPALIER_LAYER_OUT_CHANNEL) + y * word(machine, ESPALIER_LAYER_OUT_ROW);
    if (!machine->layer->raw)
        return (int8_t)at[x];
    int32_t value = at[3 * x] + at[3 * x + 1] * 256 + at[3 * x + 2] * 65536;
    return value >= 1 << 23 ? value - (1 << 24) : value;
}

static void check_outputs(const struct machine *machine, const int32_t *logits)
{
    size_t height = espalier_layer_out_height(machine->layer), width = espalier_layer_out_width(machine->layer);
    for (size_t row = 0; row < machine->layer->rows; row++)
        for (size_t y = 0; y < height; y++)
            for (size_t x = 0; x < width; x++)
                require(output_value(machine, row, y, x) == logits[(row * height + y) * width + x],
                        "an output is wrong");
}

static int32_t *engine_logits(const struct espalier_model *model, const uint8_t *pixels)
{
    struct espalier_error error = {0};
    struct espalier_engine *engine;
    const struct espalier_layer *last = &model->layers[model->layer_count - 1];
    int32_t *logits =
        calloc((size_t)last->rows * espalier_layer_out_height(last) * espalier_layer_out_width(last), sizeof *logits);
    ck_assert(logits != NULL);
    test_ok(espalier_engine_create(model, &engine, &error));
    espalier_engine_run(engine, pixels, logits);
    espalier_engine_free(engine);
    return logits;
}

static void interpret(const struct espalier_model *model, const struct espalier_plan *plan,
                      struct espalier_random *random)
{
    struct machine machine = {.plan = plan, .memory = malloc(plan->act_words), .written = malloc(plan->act_words)};
    ck_assert(machine.memory && machine.written);
    uint8_t *pixels = random_image(random, model);
    int32_t *logits = engine_logits(model, pixels);
    load_image(&machine, &model->layers[0], pixels, random);
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        machine.layer = &model->layers[i];
        machine.words = plan->layers[i];
        run_layer(&machine);
    }
    check_outputs(&machine, logits);
    free(machine.memory);
    free(machine.written);
    free(pixels);
    free(logits);
}

START_TEST(descriptors_alone_compute_what_the_engine_computes)
{
    struct espalier_random random = seeded(1);
    struct espalier_error error = {0};
    struct random_model_limits limits = random_model_defaults();
    struct espalier_capabilities device = roomy();
    for (uint32_t i = 0; i < test_scale(300); i++) {
        struct espalier_model *model = random_model(&random, &limits);
        struct espalier_plan plan;
        test_ok(espalier_plan_create(model, &device, &plan, &error));
        ck_assert_uint_eq(plan.layer_count, model->layer_count);
        interpret(model, &plan, &random);
        espalier_plan_free(&plan);
        espalier_model_free(model);
    }
}
END_TEST

/* ---- what a descriptor says of the weights ---- */

START_TEST(descriptors_tell_the_decoder_the_layer_s_widths)
{
    struct espalier_random random = seeded(2);
    struct espalier_error error = {0};
    struct random_model_limits limits = random_model_defaults();
    struct espalier_capabilities device = roomy();
    for (uint32_t i = 0; i < test_scale(300); i++) {
        struct espalier_model *model = random_model(&random, &limits);
        struct espalier_plan plan;
        test_ok(espalier_plan_create(model, &device, &plan, &error));
        for (uint32_t n = 0; n < model->layer_count; n++) {
            const struct espalier_layer *layer = &model->layers[n];
            const uint16_t *words = plan.layers[n];
            size_t columns = espalier_layer_columns(layer), kept = 0;
            for (size_t k = 0; k < columns; k++)
                kept += layer->keep[k] != 0;
            ck_assert_uint_eq(words[ESPALIER_LAYER_FORMAT] & 3, layer->format);
            ck_assert_uint_eq(words[ESPALIER_LAYER_FORMAT] >> 7 & 1, layer->has_codebook);
            ck_assert_uint_eq(words[ESPALIER_LAYER_FORMAT] >> 8, layer->value_bits);
            ck_assert_uint_eq(words[ESPALIER_LAYER_WIDTHS] & 15, layer->gap_bits);
            ck_assert_uint_eq(words[ESPALIER_LAYER_WIDTHS] >> 4 & 15, layer->count_bits);
            ck_assert_uint_eq(words[ESPALIER_LAYER_WIDTHS] >> 8, layer->bias_bits);
            ck_assert_uint_eq(words[ESPALIER_LAYER_POOL] & 31, layer->bias_shift);
            ck_assert_uint_eq(words[ESPALIER_LAYER_KEPT], layer->format == ESPALIER_STRUCTURED ? kept : columns);
        }
        espalier_plan_free(&plan);
        espalier_model_free(model);
    }
}
END_TEST

/* ---- fitting ---- */

static enum espalier_status plan_for(const struct espalier_model *model, const struct espalier_capabilities *device,
                                     struct espalier_plan *plan, struct espalier_error *error)
{
    error->message[0] = '\0';
    enum espalier_status status = espalier_plan_create(model, device, plan, error);
    if (status != ESPALIER_OK)
        ck_assert_msg(plan->layers == NULL && error->message[0] != '\0',
                      "a failed plan holds something or says nothing");
    return status;
}

/* Steps of the longest row group, counted weight by weight. */
static uint32_t longest_group(const struct espalier_model *model, bool shared, uint32_t lanes, bool one_port)
{
    uint32_t longest = 0;
    for (uint32_t n = 0; n < model->layer_count; n++) {
        const struct espalier_layer *layer = &model->layers[n];
        size_t columns = espalier_layer_columns(layer);
        if (shared == (layer->format == ESPALIER_GAP))
            continue;
        for (size_t group = 0; group < layer->rows; group += lanes) {
            uint32_t sum = 0, most = 0;
            for (size_t row = group; row < group + lanes && row < layer->rows; row++) {
                uint32_t stored = 0;
                for (size_t k = 0; k < columns; k++)
                    stored += layer->mask[row * columns + k];
                sum += stored;
                most = stored > most ? stored : most;
            }
            uint32_t steps = shared || !one_port ? most : sum;
            longest = steps > longest ? steps : longest;
        }
    }
    return longest;
}

static uint32_t most_columns(const struct espalier_model *model)
{
    size_t most = 0;
    for (uint32_t n = 0; n < model->layer_count; n++)
        most = espalier_layer_columns(&model->layers[n]) > most ? espalier_layer_columns(&model->layers[n]) : most;
    return (uint32_t)most;
}

/* The least a device needs of each size, to the unit: with it the model fits, with one less it does not, and the
 * message tells both numbers. */
static void check_edge(const struct espalier_model *model, struct espalier_capabilities device, unsigned index,
                       uint32_t least)
{
    struct espalier_error error = {0};
    struct espalier_plan plan;
    char needed[32], available[32];
    device.words[index] = least;
    test_ok(plan_for(model, &device, &plan, &error));
    espalier_plan_free(&plan);
    if (least == 0)
        return;
    device.words[index] = least - 1;
    ck_assert_int_eq(plan_for(model, &device, &plan, &error), ESPALIER_ERR_FIT);
    snprintf(needed, sizeof needed, " %u ", least);
    snprintf(available, sizeof available, "%u", least - 1);
    ck_assert_msg(strstr(error.message, needed) && strstr(error.message, available), "%u: %s", least, error.message);
}

START_TEST(a_model_fits_exactly_what_it_needs_and_no_less)
{
    struct espalier_random random = seeded(3);
    struct espalier_error error = {0};
    struct random_model_limits limits = random_model_defaults();
    for (uint32_t i = 0; i < test_scale(200); i++) {
        struct espalier_model *model = random_model(&random, &limits);
        struct espalier_capabilities device = roomy();
        struct espalier_plan plan;
        bool one_port = espalier_random_below(&random, 2);
        device.words[ESPALIER_CAPS_LANES] = 1 + espalier_random_below(&random, 6);
        device.words[ESPALIER_CAPS_PORTS] = one_port ? 1 : device.words[ESPALIER_CAPS_LANES];
        one_port = device.words[ESPALIER_CAPS_PORTS] == 1;
        test_ok(espalier_plan_create(model, &device, &plan, &error));
        uint32_t act_words = plan.act_words, lanes = device.words[ESPALIER_CAPS_LANES];
        espalier_plan_free(&plan);
        check_edge(model, device, ESPALIER_CAPS_ACT_WORDS, act_words);
        check_edge(model, device, ESPALIER_CAPS_LAYERS, model->layer_count);
        check_edge(model, device, ESPALIER_CAPS_TABLE_DEPTH, most_columns(model));
        check_edge(model, device, ESPALIER_CAPS_LIST_DEPTH, longest_group(model, true, 1, false));
        check_edge(model, device, ESPALIER_CAPS_PRIVATE_DEPTH, longest_group(model, false, lanes, one_port));
        for (uint32_t n = 0; n < model->layer_count; n++) {
            struct espalier_capabilities without = device;
            without.words[ESPALIER_CAPS_FORMATS] &= ~(UINT32_C(1) << model->layers[n].format);
            ck_assert_int_eq(plan_for(model, &without, &plan, &error), ESPALIER_ERR_FIT);
        }
        espalier_model_free(model);
    }
}
END_TEST

START_TEST(weights_are_streamed_when_they_exceed_the_memory)
{
    struct espalier_random random = seeded(4);
    struct espalier_error error = {0};
    struct random_model_limits limits = random_model_defaults();
    for (uint32_t i = 0; i < test_scale(50); i++) {
        struct espalier_model *model = random_model(&random, &limits);
        struct espalier_capabilities device = roomy();
        struct espalier_packed packed;
        struct espalier_plan plan;
        test_ok(espalier_pack(model, &packed, &error));
        for (uint32_t less = 0; less <= 4; less += 4) {
            device.words[ESPALIER_CAPS_WEIGHT_BYTES] = (uint32_t)packed.size - less;
            test_ok(espalier_plan_create(model, &device, &plan, &error));
            ck_assert_int_eq(plan.streamed, less > 0);
            espalier_plan_free(&plan);
        }
        espalier_packed_free(&packed);
        espalier_model_free(model);
    }
}
END_TEST

static void shape(struct espalier_layer *layer, uint16_t channels, uint16_t edge, uint8_t kernel, uint8_t pool,
                  uint16_t rows)
{
    struct espalier_error error = {0};
    *layer = (struct espalier_layer){.in_channels = channels,
                                     .in_height = edge,
                                     .in_width = edge,
                                     .kernel_height = kernel,
                                     .kernel_width = kernel,
                                     .stride = 1,
                                     .pool = pool,
                                     .rows = rows,
                                     .relu = true,
                                     .format = ESPALIER_DENSE,
                                     .value_bits = 8,
                                     .mult = 1};
    test_ok(espalier_layer_allocate(layer, &error));
}

START_TEST(dense_lenet5_fits_4096_activation_words)
{
    struct espalier_error error = {0};
    struct espalier_capabilities device = roomy();
    struct espalier_model *model;
    struct espalier_plan plan;
    test_ok(espalier_model_create(4, &model, &error));
    shape(&model->layers[0], 1, 28, 5, 2, 20);
    shape(&model->layers[1], 20, 12, 5, 2, 50);
    shape(&model->layers[2], 50, 4, 4, 1, 500);
    shape(&model->layers[3], 500, 1, 1, 1, 10);
    model->dense_weights = 430500;
    model->layers[3].raw = true;
    model->layers[3].relu = false;
    device.words[ESPALIER_CAPS_ACT_WORDS] = 4096;
    device.words[ESPALIER_CAPS_TABLE_DEPTH] = device.words[ESPALIER_CAPS_LIST_DEPTH] = 1024;
    test_ok(espalier_plan_create(model, &device, &plan, &error));
    ck_assert_uint_eq(plan.act_words, 20 * 12 * 12 + 50 * 4 * 4);
    espalier_plan_free(&plan);
    espalier_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        descriptors_alone_compute_what_the_engine_computes,
        descriptors_tell_the_decoder_the_layer_s_widths,
        a_model_fits_exactly_what_it_needs_and_no_less,
        weights_are_streamed_when_they_exceed_the_memory,
        dense_lenet5_fits_4096_activation_words,
    };
    return test_run("plan", tests, sizeof tests / sizeof tests[0]);
}
