/* Laying a model out for a device.
 *
 * Buffer i holds layer i's padded input, which is what layer i - 1 writes; the last buffer holds the last layer's
 * output. A layer's input and output are alive at the same time, so even buffers lie at the bottom of the activation
 * memory and odd ones at its top. A padded plane's border (halo) is zero because the host sends it (buffer 0) or
 * because the layer that writes the buffer clears it first. */
#include <espalier/device.h>
#include <espalier/pack.h>

#include <stdlib.h>
#include <string.h>

struct buffer {
    uint64_t channels, height, width; /* padded plane */
    uint64_t pad;                     /* border on each side */
    uint64_t element;                 /* words of one value */
    uint64_t base;                    /* word address */
};

struct layout {
    const struct espalier_model *model;
    const struct espalier_capabilities *device;
    struct espalier_error *error;
    struct buffer buffers[ESPALIER_LAYERS_MAX + 1];
};

/* ---- what a device must offer ---- */

/* Most steps of a row group: the kept columns (shared index), which all lanes take at once. */
static uint64_t shared_steps(const struct espalier_layer *layer, const struct espalier_capabilities *device)
{
    (void)device;
    size_t columns = espalier_layer_columns(layer);
    uint64_t kept = 0;
    for (size_t column = 0; column < columns; column++)
        kept += layer->keep[column];
    return layer->format == ESPALIER_GAP ? 0 : kept;
}

static uint64_t stored_in_row(const struct espalier_layer *layer, size_t row)
{
    size_t columns = espalier_layer_columns(layer);
    uint64_t stored = 0;
    for (size_t column = 0; column < columns; column++)
        stored += layer->mask[row * columns + column];
    return stored;
}

/* Most steps of a row group in one port, private index: its lanes' weights side by side (a port each) or one behind
 * another (one port for all). */
static uint64_t private_steps(const struct espalier_layer *layer, const struct espalier_capabilities *device)
{
    bool side_by_side = device->words[ESPALIER_CAPS_PORTS] > 1;
    uint64_t most = 0, group = 0;
    for (size_t row = 0; layer->format == ESPALIER_GAP && row < layer->rows; row++) {
        uint64_t stored = stored_in_row(layer, row);
        bool first_lane = row % device->words[ESPALIER_CAPS_LANES] == 0;
        group = side_by_side || first_lane ? stored : group + stored;
        most = group > most ? group : most;
    }
    return most;
}

static uint64_t columns_of(const struct espalier_layer *layer, const struct espalier_capabilities *device)
{
    (void)device;
    return espalier_layer_columns(layer);
}

/* What each layer needs of a memory. The memories are powers of two, so the next one that fits can be named. */
static const struct layer_limit {
    unsigned capability;
    uint64_t (*needed)(const struct espalier_layer *layer, const struct espalier_capabilities *device);
    const char *what;
    const char *parameter;
} layer_limits[] = {
    {ESPALIER_CAPS_TABLE_DEPTH, columns_of, "columns", "TABLE_DEPTH"},
    {ESPALIER_CAPS_LIST_DEPTH, shared_steps, "kept columns", "LIST_DEPTH"},
    {ESPALIER_CAPS_PRIVATE_DEPTH, private_steps, "weights of one row group in one port", "PRIVATE_DEPTH"},
};

static enum espalier_status check_layer(const struct layout *layout, uint32_t index)
{
    const struct espalier_layer *layer = &layout->model->layers[index];
    const uint32_t *words = layout->device->words;
    if (!(words[ESPALIER_CAPS_FORMATS] >> layer->format & 1))
        return espalier_fail(layout->error, ESPALIER_ERR_FIT, "layer %u: the device was built without the %s format",
                             index + 1, espalier_format_name(layer->format));
    for (size_t i = 0; i < sizeof layer_limits / sizeof layer_limits[0]; i++) {
        const struct layer_limit *limit = &layer_limits[i];
        uint64_t needed = limit->needed(layer, layout->device), fitting = 1;
        while (fitting < needed)
            fitting *= 2;
        if (needed > words[limit->capability])
            return espalier_fail(layout->error, ESPALIER_ERR_FIT,
                                 "layer %u: needs room for %llu %s, the device has %u (%s=%llu would fit)", index + 1,
                                 (unsigned long long)needed, limit->what, words[limit->capability], limit->parameter,
                                 (unsigned long long)fitting);
    }
    return ESPALIER_OK;
}

static enum espalier_status check_device(const struct layout *layout)
{
    enum { ACC_BITS_NEEDED = 24 }; /* rule A4 */
    const uint32_t *words = layout->device->words;
    if (words[ESPALIER_CAPS_ACC_BITS] < ACC_BITS_NEEDED)
        return espalier_fail(layout->error, ESPALIER_ERR_FIT, "accumulators of %d bits are needed, the device has %u",
                             ACC_BITS_NEEDED, words[ESPALIER_CAPS_ACC_BITS]);
    if (layout->model->layer_count > words[ESPALIER_CAPS_LAYERS])
        return espalier_fail(layout->error, ESPALIER_ERR_FIT, "the model has %u layers, the device holds %u",
                             layout->model->layer_count, words[ESPALIER_CAPS_LAYERS]);
    enum espalier_status status = ESPALIER_OK;
    for (uint32_t i = 0; status == ESPALIER_OK && i < layout->model->layer_count; i++)
        status = check_layer(layout, i);
    return status;
}

/* ---- where activations lie ---- */

static uint64_t plane(const struct buffer *buffer)
{
    return buffer->height * buffer->width * buffer->element;
}

static uint64_t size_of(const struct buffer *buffer)
{
    return buffer->channels * plane(buffer);
}

static void shape_buffers(struct layout *layout)
{
    uint32_t count = layout->model->layer_count;
    for (uint32_t i = 0; i < count; i++) {
        const struct espalier_layer *layer = &layout->model->layers[i];
        layout->buffers[i] = (struct buffer){.channels = layer->in_channels,
                                             .height = layer->in_height + 2u * layer->pad,
                                             .width = layer->in_width + 2u * layer->pad,
                                             .pad = layer->pad,
                                             .element = 1};
    }
    const struct espalier_layer *last = &layout->model->layers[count - 1];
    layout->buffers[count] = (struct buffer){.channels = last->rows,
                                             .height = espalier_layer_out_height(last),
                                             .width = espalier_layer_out_width(last),
                                             .element = last->raw ? ESPALIER_RAW_BYTES : 1};
}

/* Buffers meet in pairs: the largest pair decides. */
static enum espalier_status place_buffers(struct layout *layout, struct espalier_plan *plan)
{
    uint64_t needed = 0, available = layout->device->words[ESPALIER_CAPS_ACT_WORDS];
    uint32_t widest = 0;
    for (uint32_t i = 0; i < layout->model->layer_count; i++) {
        uint64_t pair = size_of(&layout->buffers[i]) + size_of(&layout->buffers[i + 1]);
        widest = pair > needed ? i : widest;
        needed = pair > needed ? pair : needed;
    }
    if (needed > available)
        return espalier_fail(layout->error, ESPALIER_ERR_FIT,
                             "layer %u: input and output take %llu activation words, the device has %llu", widest + 1,
                             (unsigned long long)needed, (unsigned long long)available);
    for (uint32_t i = 0; i <= layout->model->layer_count; i++)
        layout->buffers[i].base = i % 2 == 0 ? 0 : needed - size_of(&layout->buffers[i]);
    plan->input_base = (uint32_t)layout->buffers[0].base;
    plan->act_words = (uint32_t)needed;
    return ESPALIER_OK;
}

/* ---- descriptors ---- */

/* A word of a descriptor is fields side by side; this puts one of them where it belongs. */
static uint64_t field(uint64_t value, unsigned bit)
{
    return value << bit;
}

static void describe_weights(const struct espalier_layer *layer, const struct espalier_capabilities *device,
                             uint64_t words[ESPALIER_LAYER_WORDS])
{
    words[ESPALIER_LAYER_FORMAT] = field(layer->format, 0) | field(layer->relu, 4) | field(layer->raw, 5) |
                                   field(layer->has_codebook, 7) | field(layer->value_bits, 8);
    words[ESPALIER_LAYER_WIDTHS] = field(layer->gap_bits, 0) | field(layer->count_bits, 4) | field(layer->bias_bits, 8);
    words[ESPALIER_LAYER_POOL] = field(layer->bias_shift, 0) | field(layer->pool, 8);
    words[ESPALIER_LAYER_ROWS] = layer->rows;
    words[ESPALIER_LAYER_COLUMNS] = espalier_layer_columns(layer);
    words[ESPALIER_LAYER_KERNEL] = field(layer->kernel_width, 0) | field(layer->kernel_height, 8);
    words[ESPALIER_LAYER_KEPT] =
        layer->format == ESPALIER_GAP ? words[ESPALIER_LAYER_COLUMNS] : shared_steps(layer, device);
}

static void describe_places(const struct espalier_layer *layer, const struct buffer *in, const struct buffer *out,
                            uint64_t words[ESPALIER_LAYER_WORDS])
{
    uint64_t step_x = layer->stride, step_y = layer->stride * in->width, out_row = out->width * out->element;
    words[ESPALIER_LAYER_IN_ROW] = in->width;
    words[ESPALIER_LAYER_IN_CHANNEL] = plane(in);
    words[ESPALIER_LAYER_IN_BASE] = in->base;
    words[ESPALIER_LAYER_STEP_X] = step_x;
    words[ESPALIER_LAYER_STEP_Y] = step_y;
    words[ESPALIER_LAYER_POOL_STEP_X] = step_x * layer->pool;
    words[ESPALIER_LAYER_POOL_STEP_Y] = step_y * layer->pool;
    words[ESPALIER_LAYER_OUT_BASE] = out->base + out->pad * out_row + out->pad * out->element;
    words[ESPALIER_LAYER_OUT_ROW] = out_row;
    words[ESPALIER_LAYER_OUT_CHANNEL] = plane(out);
    words[ESPALIER_LAYER_CLEAR_BASE] = out->pad > 0 ? out->base : 0;
    words[ESPALIER_LAYER_CLEAR_WORDS] = out->pad > 0 ? size_of(out) : 0;
}

static enum espalier_status describe(const struct layout *layout, uint32_t index, uint16_t out[ESPALIER_LAYER_WORDS])
{
    const struct espalier_layer *layer = &layout->model->layers[index];
    uint64_t words[ESPALIER_LAYER_WORDS] = {0};
    uint64_t height = espalier_layer_out_height(layer), width = espalier_layer_out_width(layer);
    if (height > UINT8_MAX || width > UINT8_MAX)
        return espalier_fail(layout->error, ESPALIER_ERR_FIT, "layer %u: an output of %llux%llu, at most %dx%d fit",
                             index + 1, (unsigned long long)height, (unsigned long long)width, UINT8_MAX, UINT8_MAX);
    words[ESPALIER_LAYER_OUT_SIZE] = field(width, 0) | field(height, 8);
    describe_weights(layer, layout->device, words);
    describe_places(layer, &layout->buffers[index], &layout->buffers[index + 1], words);
    for (size_t i = 0; i < ESPALIER_LAYER_WORDS; i++) {
        if (words[i] > UINT16_MAX)
            return espalier_fail(layout->error, ESPALIER_ERR_FIT,
                                 "layer %u: %llu does not fit word %zu of the layer descriptor, which has 16 bits",
                                 index + 1, (unsigned long long)words[i], i);
        out[i] = (uint16_t)words[i];
    }
    return ESPALIER_OK;
}

static enum espalier_status describe_all(const struct layout *layout, struct espalier_plan *plan)
{
    plan->layer_count = layout->model->layer_count;
    plan->layers = calloc(plan->layer_count, sizeof *plan->layers);
    if (!plan->layers)
        return espalier_fail(layout->error, ESPALIER_ERR_MEMORY, "no memory for %u layer descriptors",
                             plan->layer_count);
    enum espalier_status status = ESPALIER_OK;
    for (uint32_t i = 0; status == ESPALIER_OK && i < plan->layer_count; i++)
        status = describe(layout, i, plan->layers[i]);
    return status;
}

static enum espalier_status choose_streaming(const struct layout *layout, struct espalier_plan *plan)
{
    struct espalier_packed packed;
    enum espalier_status status = espalier_pack(layout->model, &packed, layout->error);
    if (status == ESPALIER_OK)
        plan->streamed = packed.size > layout->device->words[ESPALIER_CAPS_WEIGHT_BYTES];
    espalier_packed_free(&packed);
    return status;
}

enum espalier_status espalier_plan_create(const struct espalier_model *model,
                                          const struct espalier_capabilities *capabilities, struct espalier_plan *out,
                                          struct espalier_error *error)
{
    struct layout layout = {.model = model, .device = capabilities, .error = error};
    memset(out, 0, sizeof *out);
    enum espalier_status status = check_device(&layout);
    if (status == ESPALIER_OK) {
        shape_buffers(&layout);
        status = place_buffers(&layout, out);
    }
    if (status == ESPALIER_OK)
        status = describe_all(&layout, out);
    if (status == ESPALIER_OK)
        status = choose_streaming(&layout, out);
    if (status != ESPALIER_OK)
        espalier_plan_free(out);
    return status;
}

void espalier_plan_free(struct espalier_plan *plan)
{
    free(plan->layers);
    memset(plan, 0, sizeof *plan);
}
