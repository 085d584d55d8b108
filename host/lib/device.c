/* The client of a device: loads a model, runs it on images, reads back what it computed.
 *
 * A run is: activations, RUN, weights (streamed models only), DONE, READ. Damage on the link is repaired by the link
 * (link.h); if that fails, the device is reset, loaded again, and the whole run repeated, a bounded number of times. */
#include "capabilities.h"
#include "link.h"

#include <espalier/pack.h>

#include <stdlib.h>
#include <string.h>

enum {
    RUN_ATTEMPTS = 4,
    LAYERS_ARGUMENTS = 2, /* bytes before the data of a LAYERS request, and so on */
    ACTIVATIONS_ARGUMENTS = 4,
    RUN_ARGUMENTS = 4,
    READ_ARGUMENTS = 4,
    LAYER_BYTES = 2 * ESPALIER_LAYER_WORDS
};

struct espalier_device {
    struct espalier_link link;
    struct espalier_capabilities capabilities;
    const struct espalier_model *model; /* NULL until one is loaded */
    struct espalier_plan plan;
    struct espalier_packed packed;
    bool established; /* the device holds the model's layers, and its weights if they are resident */
};

static size_t at_most(size_t value, size_t limit)
{
    return value < limit ? value : limit;
}

static uint32_t capability(const struct espalier_device *device, unsigned index)
{
    return device->capabilities.words[index];
}

static size_t payload_max(const struct espalier_device *device)
{
    return at_most(capability(device, ESPALIER_CAPS_PAYLOAD_MAX), ESPALIER_PAYLOAD_MAX);
}

static void put16(uint8_t *bytes, size_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static uint32_t get32(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* ---- opening ---- */

enum espalier_status espalier_device_open(const struct espalier_transport *transport, struct espalier_device **out,
                                          struct espalier_error *error)
{
    *out = NULL;
    struct espalier_device *device = calloc(1, sizeof *device);
    if (!device) {
        transport->close(transport->context);
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "no memory for a device");
    }
    device->link.transport = *transport;
    enum espalier_status status = espalier_link_begin(&device->link, ESPALIER_REQ_HELLO, error);
    if (status == ESPALIER_OK)
        status = espalier_capabilities_read(&device->link.frame, &device->capabilities, error);
    if (status != ESPALIER_OK) {
        espalier_device_close(device);
        return status;
    }
    *out = device;
    return ESPALIER_OK;
}

void espalier_device_close(struct espalier_device *device)
{
    if (!device)
        return;
    device->link.transport.close(device->link.transport.context);
    espalier_plan_free(&device->plan);
    espalier_packed_free(&device->packed);
    free(device);
}

const struct espalier_capabilities *espalier_device_capabilities(const struct espalier_device *device)
{
    return &device->capabilities;
}

/* ---- weights ---- */

/* A stretch of the weight stream, in WEIGHTS requests; before resident ones the memory is emptied. */
struct weights {
    const uint8_t *bytes;
    size_t size, chunk;
    bool rewind; /* request 0 is WEIGHTS_REWIND */
};

static void make_weights(const void *context, size_t index, struct espalier_frame *request)
{
    const struct weights *weights = context;
    request->type = ESPALIER_REQ_WEIGHTS_REWIND;
    request->size = 0;
    if (weights->rewind && index-- == 0)
        return;
    size_t done = index * weights->chunk;
    request->type = ESPALIER_REQ_WEIGHTS;
    request->size = at_most(weights->size - done, weights->chunk);
    memcpy(request->payload, weights->bytes + done, request->size);
}

/* Requests of weights that may be under way beside a run, and how long they are, where nothing but its own count stops
 * the host (transport.room): one is waited for while the next is on its way, and the questions that the link asks of a
 * device that waits for long have room behind them. */
enum { WEIGHTS_KEPT = 2 };

static size_t weights_chunk(const struct espalier_device *device)
{
    const size_t most = payload_max(device) / 4 * 4, room = device->link.transport.room;
    if (!device->plan.streamed || room == 0)
        return most;
    const size_t each = (room > ESPALIER_LINK_QUESTIONS ? room - ESPALIER_LINK_QUESTIONS : 0) / WEIGHTS_KEPT;
    return each < ESPALIER_FRAME_OVERHEAD + 4 ? 4 : at_most((each - ESPALIER_FRAME_OVERHEAD) / 4 * 4, most);
}

/* Sends @p size bytes of the stream: resident, or beside a run that reads them. */
static enum espalier_status send_weights(struct espalier_device *device, size_t size, struct espalier_error *error)
{
    const struct weights weights = {
        .bytes = device->packed.bytes, .size = size, .chunk = weights_chunk(device), .rewind = !device->plan.streamed};
    const struct espalier_batch batch = {
        .count = (size + weights.chunk - 1) / weights.chunk + weights.rewind,
        .window = device->plan.streamed && device->link.transport.room > 0 ? WEIGHTS_KEPT : 0,
        .make = make_weights,
        .context = &weights,
        .resumable = true,
        .beside_run = device->plan.streamed};
    return espalier_link_send(&device->link, &batch, 0, error);
}

/* The stream's bytes up to the end of layer @p layers. */
static size_t stream_size(const struct espalier_device *device, uint32_t layers)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < layers; i++)
        bits += device->packed.layers[i].total_bits;
    return (size_t)((bits + 31) / 32 * 4);
}

/* ---- layers and activations ---- */

/* What a run starts from. The image in each slot is cut into ACTIVATIONS requests; LAYERS go before them in the batch,
 * because a damaged request may have written anywhere in either memory. */
struct start {
    const struct espalier_device *device;
    const uint8_t *pixels;
    size_t image_words; /* of the padded input */
    size_t layers_a_request, layer_requests;
    size_t words_a_request, requests_a_slot;
};

static struct start make_start(const struct espalier_device *device, const uint8_t *pixels)
{
    const struct espalier_layer *first = &device->model->layers[0];
    size_t height = first->in_height + 2u * first->pad, width = first->in_width + 2u * first->pad;
    struct start start = {.device = device, .pixels = pixels, .image_words = first->in_channels * height * width};
    start.layers_a_request = (payload_max(device) - LAYERS_ARGUMENTS) / LAYER_BYTES;
    start.layer_requests = (device->plan.layer_count + start.layers_a_request - 1) / start.layers_a_request;
    start.words_a_request = payload_max(device) - ACTIVATIONS_ARGUMENTS;
    start.requests_a_slot = (start.image_words + start.words_a_request - 1) / start.words_a_request;
    return start;
}

static void make_layers(const struct start *start, size_t index, struct espalier_frame *request)
{
    const struct espalier_plan *plan = &start->device->plan;
    size_t first = index * start->layers_a_request;
    size_t count = at_most(plan->layer_count - first, start->layers_a_request);
    request->type = ESPALIER_REQ_LAYERS;
    request->size = LAYERS_ARGUMENTS + count * LAYER_BYTES;
    put16(request->payload, first);
    for (size_t i = 0; i < count * ESPALIER_LAYER_WORDS; i++)
        put16(request->payload + LAYERS_ARGUMENTS + 2 * i,
              plan->layers[first + i / ESPALIER_LAYER_WORDS][i % ESPALIER_LAYER_WORDS]);
}

/* Word @p index of the padded input: rule A1, and zero in the border. */
static uint8_t input_word(const struct espalier_layer *first, const uint8_t *image, size_t index)
{
    size_t height = first->in_height + 2u * first->pad, width = first->in_width + 2u * first->pad;
    size_t channel = index / (height * width), y = index / width % height, x = index % width;
    if (y < first->pad || y >= first->pad + first->in_height || x < first->pad || x >= first->pad + first->in_width)
        return 0;
    return image[(channel * first->in_height + y - first->pad) * first->in_width + x - first->pad] >> 1;
}

static void make_activations(const struct start *start, size_t index, struct espalier_frame *request)
{
    const struct espalier_layer *first = &start->device->model->layers[0];
    size_t slot = index / start->requests_a_slot, done = index % start->requests_a_slot * start->words_a_request;
    size_t count = at_most(start->image_words - done, start->words_a_request);
    const uint8_t *image = start->pixels + slot * first->in_channels * first->in_height * first->in_width;
    request->type = ESPALIER_REQ_ACTIVATIONS;
    request->size = ACTIVATIONS_ARGUMENTS + count;
    put16(request->payload, start->device->plan.input_base + done);
    put16(request->payload + 2, slot);
    for (size_t i = 0; i < count; i++)
        request->payload[ACTIVATIONS_ARGUMENTS + i] = input_word(first, image, done + i);
}

static void make_start_request(const void *context, size_t index, struct espalier_frame *request)
{
    const struct start *start = context;
    if (index < start->layer_requests)
        make_layers(start, index, request);
    else
        make_activations(start, index - start->layer_requests, request);
}

static enum espalier_status send_layers(struct espalier_device *device, struct espalier_error *error)
{
    const struct start start = make_start(device, NULL);
    const struct espalier_batch batch = {.count = start.layer_requests, .make = make_start_request, .context = &start};
    return espalier_link_send(&device->link, &batch, 0, error);
}

static enum espalier_status send_images(struct espalier_device *device, const uint8_t *pixels, uint32_t count,
                                        struct espalier_error *error)
{
    const struct start start = make_start(device, pixels);
    const struct espalier_batch batch = {
        .count = start.layer_requests + count * start.requests_a_slot, .make = make_start_request, .context = &start};
    return espalier_link_send(&device->link, &batch, start.layer_requests, error);
}

/* ---- loading and running ---- */

/* Weights first: what damages them is refused, while a damaged request of another kind is repaired by sending
 * the layers again. */
static enum espalier_status establish(struct espalier_device *device, struct espalier_error *error)
{
    enum espalier_status status = ESPALIER_OK;
    if (!device->plan.streamed)
        status = send_weights(device, device->packed.size, error);
    if (status == ESPALIER_OK)
        status = send_layers(device, error);
    device->established = status == ESPALIER_OK;
    return status;
}

static enum espalier_status judge_run(const struct espalier_device *device, struct espalier_error *error)
{
    static const char *const text[] = {
        [ESPALIER_RUN_UNDERRUN] = "the weight stream ended inside a layer",
        [ESPALIER_RUN_BAD_STREAM] = "a column index or entry count of the weight stream left its layer",
        [ESPALIER_RUN_BAD_LAYER] = "a layer descriptor that this device cannot run",
    };
    uint8_t code = device->link.run_status;
    if (code == ESPALIER_RUN_OK)
        return ESPALIER_OK;
    return espalier_fail(error, ESPALIER_ERR_DEVICE, "the run failed: %s (status %u)",
                         code < sizeof text / sizeof text[0] ? text[code] : "unknown", code);
}

/* Reads @p count activation words from @p base on into @p words, [count][POSITIONS]. */
static enum espalier_status read_words(struct espalier_device *device, size_t base, size_t count, uint8_t *words,
                                       struct espalier_error *error)
{
    size_t positions = capability(device, ESPALIER_CAPS_POSITIONS), chunk = payload_max(device) / positions;
    for (size_t done = 0; done < count; done += chunk) {
        size_t now = at_most(count - done, chunk);
        uint8_t arguments[READ_ARGUMENTS];
        put16(arguments, base + done);
        put16(arguments + 2, now);
        enum espalier_status status =
            espalier_link_ask(&device->link, ESPALIER_REQ_READ, arguments, sizeof arguments, true, error);
        if (status != ESPALIER_OK)
            return status;
        if (device->link.frame.size != now * positions)
            return espalier_fail(error, ESPALIER_ERR_DEVICE, "the device gave %zu bytes for %zu activation words",
                                 device->link.frame.size, now);
        memcpy(words + done * positions, device->link.frame.payload, now * positions);
    }
    return ESPALIER_OK;
}

/* Where the outputs of a layer lie. */
struct output {
    size_t rows, height, width;
    size_t base, row_pitch, channel_pitch, element;
    size_t words; /* from the first to the last */
};

static struct output output_of(const struct espalier_device *device, uint32_t index)
{
    const struct espalier_layer *layer = &device->model->layers[index];
    const uint16_t *words = device->plan.layers[index];
    struct output output = {.rows = layer->rows,
                            .height = espalier_layer_out_height(layer),
                            .width = espalier_layer_out_width(layer),
                            .base = words[ESPALIER_LAYER_OUT_BASE],
                            .row_pitch = words[ESPALIER_LAYER_OUT_ROW],
                            .channel_pitch = words[ESPALIER_LAYER_OUT_CHANNEL],
                            .element = layer->raw ? ESPALIER_RAW_BYTES : 1};
    output.words = (output.rows - 1) * output.channel_pitch + (output.height - 1) * output.row_pitch +
                   output.width * output.element;
    return output;
}

/* A value of 1 or 3 bytes, a word each, sign-extended. */
static int32_t gather(const uint8_t *word, size_t positions, size_t bytes)
{
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint32_t)word[i * positions] << 8 * i;
    uint32_t sign = UINT32_C(1) << (8 * bytes - 1);
    return (int32_t)(value ^ sign) - (int32_t)sign;
}

/* Reads a layer's outputs: [count][rows][height][width]. */
static enum espalier_status read_outputs(struct espalier_device *device, uint32_t index, uint32_t count,
                                         int32_t *values, struct espalier_error *error)
{
    const struct output output = output_of(device, index);
    size_t positions = capability(device, ESPALIER_CAPS_POSITIONS);
    uint8_t *words = malloc(output.words * positions);
    if (!words)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "no memory for %zu activation words", output.words);
    enum espalier_status status = read_words(device, output.base, output.words, words, error);
    for (size_t slot = 0; status == ESPALIER_OK && slot < count; slot++)
        for (size_t row = 0; row < output.rows; row++)
            for (size_t y = 0; y < output.height; y++)
                for (size_t x = 0; x < output.width; x++) {
                    size_t word = row * output.channel_pitch + y * output.row_pitch + x * output.element;
                    *values++ = gather(words + word * positions + slot, positions, output.element);
                }
    free(words);
    return status;
}

struct run {
    const uint8_t *pixels;
    uint32_t count, layers;
    int32_t *values; /* receives the last layer's outputs */
};

static enum espalier_status run_once(struct espalier_device *device, const struct run *run,
                                     struct espalier_error *error)
{
    const uint8_t arguments[RUN_ARGUMENTS] = {(uint8_t)run->layers, (uint8_t)run->count, device->plan.streamed, 0};
    enum espalier_status status = send_images(device, run->pixels, run->count, error);
    if (status == ESPALIER_OK)
        status = espalier_link_ask(&device->link, ESPALIER_REQ_RUN, arguments, sizeof arguments, false, error);
    if (status == ESPALIER_OK && device->plan.streamed)
        status = send_weights(device, stream_size(device, run->layers), error);
    if (status == ESPALIER_OK)
        status = espalier_link_wait(&device->link, error);
    if (status == ESPALIER_OK)
        status = judge_run(device, error);
    if (status == ESPALIER_OK)
        status = read_outputs(device, run->layers - 1, run->count, run->values, error);
    return status;
}

/* Gets the model into the device if it is not there, and carries out @p run unless it is NULL; again from a RESET on if
 * the device has been lost on the way. A device that does not answer RESET is given up. */
static enum espalier_status persist(struct espalier_device *device, const struct run *run, struct espalier_error *error)
{
    enum espalier_status status = ESPALIER_ERR_TIMEOUT;
    for (unsigned attempt = 0; attempt < RUN_ATTEMPTS && status == ESPALIER_ERR_TIMEOUT; attempt++) {
        if (!device->link.in_session) {
            device->established = false;
            status = espalier_link_begin(&device->link, ESPALIER_REQ_RESET, error);
            if (status != ESPALIER_OK)
                return status;
        }
        status = device->established ? ESPALIER_OK : establish(device, error);
        if (status == ESPALIER_OK && run)
            status = run_once(device, run, error);
    }
    return status;
}

enum espalier_status espalier_device_load(struct espalier_device *device, const struct espalier_model *model,
                                          struct espalier_error *error)
{
    struct espalier_plan plan = {0};
    struct espalier_packed packed = {0};
    enum espalier_status status = espalier_pack(model, &packed, error);
    if (status == ESPALIER_OK)
        status = espalier_plan_create(model, &device->capabilities, &plan, error);
    if (status != ESPALIER_OK) {
        espalier_packed_free(&packed);
        return status;
    }
    espalier_plan_free(&device->plan);
    espalier_packed_free(&device->packed);
    device->plan = plan;
    device->packed = packed;
    device->model = model;
    device->established = false;
    status = persist(device, NULL, error);
    if (status != ESPALIER_OK)
        device->model = NULL;
    return status;
}

static enum espalier_status run_layers(struct espalier_device *device, const struct run *run,
                                       struct espalier_error *error)
{
    uint32_t positions = capability(device, ESPALIER_CAPS_POSITIONS);
    if (!device->model)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "no model has been loaded into the device");
    if (run->count == 0 || run->count > positions)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "the device runs 1 to %u images at a time, not %u", positions,
                             run->count);
    if (run->layers == 0 || run->layers > device->model->layer_count)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "the model has layers 1 to %u, not %u",
                             device->model->layer_count, run->layers);
    return persist(device, run, error);
}

enum espalier_status espalier_device_run(struct espalier_device *device, const uint8_t *pixels, uint32_t count,
                                         int32_t *logits, struct espalier_error *error)
{
    uint32_t layers = device->model ? device->model->layer_count : 0;
    const struct run run = {.pixels = pixels, .count = count, .layers = layers, .values = logits};
    return run_layers(device, &run, error);
}

enum espalier_status espalier_device_run_to(struct espalier_device *device, const uint8_t *pixels, uint32_t count,
                                            uint32_t layers, int8_t *activations, struct espalier_error *error)
{
    bool exists = device->model && layers > 0 && layers <= device->model->layer_count;
    if (exists && device->model->layers[layers - 1].raw)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "layer %u is raw: it gives no activations", layers);
    struct output output = exists ? output_of(device, layers - 1) : (struct output){0};
    size_t outputs = count * output.rows * output.height * output.width;
    int32_t *values = calloc(outputs + 1, sizeof *values);
    if (!values)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "no memory for %zu activations", outputs);
    const struct run run = {.pixels = pixels, .count = count, .layers = layers, .values = values};
    enum espalier_status status = run_layers(device, &run, error);
    for (size_t i = 0; status == ESPALIER_OK && i < outputs; i++)
        activations[i] = (int8_t)values[i];
    free(values);
    return status;
}

enum espalier_status espalier_device_counters(struct espalier_device *device, uint32_t counters[ESPALIER_COUNTERS],
                                              struct espalier_error *error)
{
    enum espalier_status status = espalier_link_ask(&device->link, ESPALIER_REQ_COUNTERS, NULL, 0, true, error);
    if (status != ESPALIER_OK)
        return status;
    if (device->link.frame.size != 4 * ESPALIER_COUNTERS)
        return espalier_fail(error, ESPALIER_ERR_DEVICE, "the device gave %zu bytes of counters",
                             device->link.frame.size);
    for (size_t i = 0; i < ESPALIER_COUNTERS; i++)
        counters[i] = get32(device->link.frame.payload + 4 * i);
    return ESPALIER_OK;
}
