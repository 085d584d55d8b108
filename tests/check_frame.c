/* The frame codec of the library, and the frame part of the RTL in a simulated board, each against a second codec and
 * against a model of the protocol that is written here from rtl/frame/PROTOCOL.md. */
#include "frame.h"
#include "support/random_model.h"
#include "support/support.h"
#include "support/wire.h"

#include <espalier_sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The board `tiny` of rtl/board/builds.txt. */
enum { WORDS = 1024, SLOTS = 4, LAYERS = 4, WEIGHT_WORDS = 512, TIMEOUT = 1024, QUIET = 2 * TIMEOUT };

static uint32_t below(struct espalier_random *random, uint32_t bound)
{
    return espalier_random_below(random, bound);
}

static bool chance(struct espalier_random *random, double probability)
{
    return espalier_random_uniform(random) < probability;
}

static struct espalier_random seeded(uint64_t extra)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed() + extra);
    return random;
}

static struct wire_frame random_frame(struct espalier_random *random)
{
    struct wire_frame frame = wire_frame((uint8_t)below(random, 256), (uint8_t)below(random, 256), NULL, 0);
    frame.length = chance(random, 0.3) ? below(random, 4) : chance(random, 0.1) ? 1024 : below(random, 1025);
    for (uint32_t i = 0; i < frame.length; i++)
        frame.payload[i] = (uint8_t)(chance(random, 0.1) ? 0xe5 : below(random, 256));
    return frame;
}

/* ---- the library's codec ---- */

START_TEST(encoded_frames_are_those_of_the_second_codec)
{
    struct espalier_random random = seeded(1);
    for (uint32_t i = 0; i < test_scale(2000); i++) {
        struct wire_frame frame = random_frame(&random);
        struct espalier_frame same = {.type = frame.type, .sequence = frame.sequence, .size = frame.length};
        memcpy(same.payload, frame.payload, frame.length);
        uint8_t expected[WIRE_FRAME_MAX], bytes[ESPALIER_FRAME_MAX];
        size_t size = wire_encode(&frame, expected);
        ck_assert_uint_eq(espalier_frame_encode(&same, bytes), size);
        ck_assert_mem_eq(bytes, expected, size);
    }
}
END_TEST

/* A stream of frames, some damaged, with garbage between them; `whole` remembers those that are neither. */
struct stream {
    uint8_t *bytes;
    size_t size;
    struct wire_frame *whole;
    size_t whole_count;
};

static struct stream random_stream(struct espalier_random *random, size_t frames)
{
    struct stream stream = {.bytes = malloc(frames * (WIRE_FRAME_MAX + 64) + WIRE_FRAME_MAX),
                            .whole = malloc(frames * sizeof *stream.whole)};
    ck_assert(stream.bytes && stream.whole);
    for (size_t i = 0; i < frames; i++) {
        for (uint32_t garbage = chance(random, 0.3) ? below(random, 64) : 0; garbage > 0; garbage--)
            stream.bytes[stream.size++] = (uint8_t)(chance(random, 0.2) ? 0xe5 : below(random, 256));
        struct wire_frame frame = random_frame(random);
        size_t size = wire_encode(&frame, stream.bytes + stream.size);
        if (chance(random, 0.2))
            stream.bytes[stream.size + below(random, (uint32_t)size)] ^= (uint8_t)(1u << below(random, 8));
        else if (chance(random, 0.1))
            size = below(random, (uint32_t)size - 4); /* so much that chance cannot mend it */
        else
            stream.whole[stream.whole_count++] = frame;
        stream.size += size;
    }
    /* so that a broken header at the end finds its length */
    memset(stream.bytes + stream.size, 0, WIRE_FRAME_MAX);
    stream.size += WIRE_FRAME_MAX;
    return stream;
}

START_TEST(the_decoder_finds_every_whole_frame_and_no_other)
{
    struct espalier_random random = seeded(2);
    struct stream stream = random_stream(&random, test_scale(3000));
    struct espalier_frame_decoder decoder = {.size = 0};
    struct espalier_frame frame;
    size_t found = 0, done = 0;
    while (done < stream.size) {
        size_t room, now = 1 + below(&random, 200);
        uint8_t *bytes = espalier_frame_room(&decoder, &room);
        ck_assert_uint_gt(room, 0);
        now = now < room ? now : room;
        now = now < stream.size - done ? now : stream.size - done;
        memcpy(bytes, stream.bytes + done, now);
        decoder.size += now;
        done += now;
        for (; espalier_frame_next(&decoder, &frame); found++) {
            ck_assert_uint_lt(found, stream.whole_count);
            const struct wire_frame *expected = &stream.whole[found];
            ck_assert_uint_eq(frame.type, expected->type);
            ck_assert_uint_eq(frame.sequence, expected->sequence);
            ck_assert_uint_eq(frame.size, expected->length);
            ck_assert_mem_eq(frame.payload, expected->payload, frame.size);
        }
    }
    ck_assert_uint_eq(found, stream.whole_count);
    free(stream.bytes);
    free(stream.whole);
}
END_TEST

/* ---- the device: capabilities ---- */

static uint32_t built(const char *line, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, " %s=", name);
    const char *at = strstr(line, key);
    ck_assert_msg(at != NULL, "no %s in: %s", name, line);
    return (uint32_t)strtoul(at + strlen(key), NULL, 10);
}

START_TEST(every_board_tells_what_it_was_built_with)
{
    static const struct {
        unsigned word;
        const char *name;
        uint32_t factor;
    } told[] = {{1, "LANES", 1},         {2, "POSITIONS", 1}, {3, "PORTS", 1},       {4, "ACT_WORDS", 1},
                {5, "WEIGHT_WORDS", 4},  {6, "LAYERS", 1},    {7, "TABLE_DEPTH", 1}, {8, "LIST_DEPTH", 1},
                {9, "PRIVATE_DEPTH", 1}, {10, "FORMATS", 1},  {12, "DRAIN", 1}};
    char line[1024], name[64];
    FILE *file = fopen(ESPALIER_SOURCE_DIR "/rtl/board/builds.txt", "r");
    ck_assert(file != NULL);
    size_t boards = 0, known;
    while (fgets(line, sizeof line, file) && strncmp(line, "# Below", 7) != 0) { /* what only boards use is not here */
        if (line[0] == '#' || sscanf(line, "%63s", name) != 1)
            continue;
        struct wire wire = wire_open(name);
        struct wire_frame answer = wire_ask(&wire, ESPALIER_REQ_HELLO, 9, NULL, 0);
        ck_assert_uint_eq(answer.type, ESPALIER_RSP_DATA);
        ck_assert_uint_eq(answer.length, 64);
        ck_assert_mem_eq(answer.payload, "ESPL", 4);
        for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
            ck_assert_msg(wire_word(answer.payload + 4 * told[i].word) == told[i].factor * built(line, told[i].name),
                          "%s: %s", name, told[i].name);
        ck_assert_uint_eq(wire_word(answer.payload + 4 * 11), 24);
        ck_assert_uint_eq(wire_word(answer.payload + 4 * 14), 1024);
        ck_assert_uint_eq(wire_word(answer.payload + 4 * 15), 18);
        wire_close(&wire);
        boards++;
    }
    fclose(file);
    espalier_sim_boards(&known);
    ck_assert_uint_eq(boards, known);
}
END_TEST

/* ---- the device: a model of the protocol, while no run is under way ---- */

struct model {
    bool synchronized;
    uint8_t expected;
    uint32_t weights; /* words in the weight memory */
    uint8_t words[WORDS][SLOTS];
    bool known[WORDS][SLOTS];              /* written, and not since touched by a damaged request */
    uint64_t sent_before, received_before; /* bytes, at the beginning of the session */
};

/* How a request is spoiled on its way. */
enum damage { NONE, BIT, CUT, HEADER_BIT, VERSION, TOO_LONG };

static uint32_t get16(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8;
}

static bool length_suits(const struct wire_frame *request)
{
    uint32_t length = request->length;
    switch (request->type) {
    case ESPALIER_REQ_LAYERS:
        return length > 2 && (length - 2) % 40 == 0;
    case ESPALIER_REQ_ACTIVATIONS:
        return length > 4;
    case ESPALIER_REQ_WEIGHTS:
        return length % 4 == 0;
    case ESPALIER_REQ_RUN:
    case ESPALIER_REQ_READ:
        return length == 4;
    default:
        return length == 0;
    }
}

static bool in_range(const struct wire_frame *request)
{
    const uint8_t *bytes = request->payload;
    uint32_t address = get16(bytes), count = request->length - 4;
    switch (request->type) {
    case ESPALIER_REQ_LAYERS:
        return bytes[1] == 0 && bytes[0] + (request->length - 2) / 40 <= LAYERS;
    case ESPALIER_REQ_ACTIVATIONS:
        return address + count <= WORDS && bytes[2] < SLOTS && bytes[3] == 0;
    case ESPALIER_REQ_RUN:
        return bytes[0] >= 1 && bytes[0] <= LAYERS && bytes[1] >= 1 && bytes[1] <= SLOTS && bytes[2] <= 1 &&
               bytes[3] == 0;
    case ESPALIER_REQ_READ:
        return get16(bytes + 2) >= 1 && address + get16(bytes + 2) <= WORDS && get16(bytes + 2) * SLOTS <= 1024;
    default:
        return true;
    }
}

enum { REPEATED = 255 };

/* The error that a request meets, 0 for none, REPEATED for the one carried out before. */
static uint8_t judge(const struct model *model, const struct wire_frame *request)
{
    bool begins = request->type == ESPALIER_REQ_HELLO || request->type == ESPALIER_REQ_RESET;
    if (request->version != ESPALIER_VERSION)
        return ESPALIER_NAK_TYPE;
    if (!begins && (!model->synchronized || request->sequence != model->expected))
        return model->synchronized && (uint8_t)(request->sequence + 1) == model->expected ? REPEATED
                                                                                          : ESPALIER_NAK_SEQUENCE;
    if (request->type < ESPALIER_REQ_HELLO || request->type > ESPALIER_REQ_COUNTERS)
        return ESPALIER_NAK_TYPE;
    if (!length_suits(request))
        return ESPALIER_NAK_LENGTH;
    if (!in_range(request))
        return ESPALIER_NAK_RANGE;
    if (request->type == ESPALIER_REQ_WEIGHTS && model->weights + request->length / 4 > WEIGHT_WORDS)
        return ESPALIER_NAK_SPACE;
    return 0;
}

/* ACTIVATIONS take effect as they arrive: sound ones are remembered, damaged ones make what they touch unknown. */
static void write_words(struct model *model, const struct wire_frame *request, bool sound)
{
    uint32_t address = get16(request->payload), slot = request->payload[2];
    for (uint32_t i = 0; i + 4 < request->length; i++) {
        model->words[address + i][slot] = request->payload[4 + i];
        model->known[address + i][slot] = sound;
    }
}

static void carry_out(struct model *model, const struct wire *wire, const struct wire_frame *request)
{
    if (request->type == ESPALIER_REQ_HELLO || request->type == ESPALIER_REQ_RESET) {
        model->synchronized = true;
        model->sent_before = wire->sent;
        model->received_before = wire->received;
    }
    if (request->type == ESPALIER_REQ_RESET || request->type == ESPALIER_REQ_WEIGHTS_REWIND)
        model->weights = 0;
    if (request->type == ESPALIER_REQ_WEIGHTS)
        model->weights += request->length / 4;
    if (request->type == ESPALIER_REQ_ACTIVATIONS)
        write_words(model, request, true);
    model->expected = (uint8_t)(request->sequence + 1);
}

static void check_read(const struct model *model, const struct wire_frame *request, const struct wire_frame *answer)
{
    uint32_t address = get16(request->payload), count = get16(request->payload + 2);
    ck_assert_uint_eq(answer->length, count * SLOTS);
    for (uint32_t i = 0; i < count * SLOTS; i++)
        if (model->known[address + i / SLOTS][i % SLOTS])
            ck_assert_msg(answer->payload[i] == model->words[address + i / SLOTS][i % SLOTS], "word %u, slot %u",
                          address + i / SLOTS, i % SLOTS);
}

/* Bytes in and out since the session began, the former with this request, the latter with part of this answer. */
static void check_link_counters(const struct model *model, const struct wire *wire, const struct wire_frame *answer)
{
    uint64_t received = wire->received - 12 - answer->length - model->received_before;
    uint32_t in = wire_word(answer->payload + 64), out = wire_word(answer->payload + 68);
    ck_assert_uint_eq(in, wire->sent - model->sent_before);
    ck_assert_uint_ge(out, received);
    ck_assert_uint_le(out, received + 12 + answer->length);
}

static void check_data(const struct model *model, const struct wire *wire, const struct wire_frame *request,
                       const struct wire_frame *answer)
{
    ck_assert_uint_eq(answer->type, ESPALIER_RSP_DATA);
    if (request->type == ESPALIER_REQ_READ)
        check_read(model, request, answer);
    else
        ck_assert_uint_eq(answer->length, request->type == ESPALIER_REQ_HELLO ? 64 : 72);
    if (request->type == ESPALIER_REQ_COUNTERS)
        check_link_counters(model, wire, answer);
}

static bool reads(const struct wire_frame *request)
{
    return request->type == ESPALIER_REQ_HELLO || request->type == ESPALIER_REQ_READ ||
           request->type == ESPALIER_REQ_COUNTERS;
}

/* Sends a request with its damage. @return what the receiver will have taken for the request's payload */
static struct wire_frame send_damaged(struct wire *wire, struct espalier_random *random,
                                      const struct wire_frame *request, enum damage damage)
{
    uint8_t bytes[WIRE_FRAME_MAX];
    struct wire_frame arrived = *request;
    size_t size = wire_encode(request, bytes);
    if (damage == BIT)
        bytes[8 + below(random, (uint32_t)size - 8)] ^= (uint8_t)(1u << below(random, 8));
    if (damage == HEADER_BIT)
        bytes[below(random, 8)] ^= (uint8_t)(1u << below(random, 8));
    if (damage == CUT)
        size = 8 + below(random, (uint32_t)size - 8);
    if (damage == TOO_LONG)
        size = 8;
    wire_send(wire, bytes, size);
    memcpy(arrived.payload, bytes + 8, request->length < 1024 ? request->length : 1024);
    return arrived;
}

static void check_nak(const struct model *model, const struct wire_frame *request, const struct wire_frame *answer,
                      uint8_t error)
{
    ck_assert_uint_eq(answer->sequence, request->sequence);
    ck_assert_msg(answer->type == ESPALIER_RSP_NAK && answer->length == 2 && answer->payload[0] == error,
                  "request 0x%02x of %u bytes: answer 0x%02x, error %u, not %u", request->type, request->length,
                  answer->type, answer->payload[0], error);
    ck_assert_uint_eq(answer->payload[1], model->expected);
}

/* One request, damaged or not: the answer must be the model's. */
static void exchange(struct wire *wire, struct model *model, struct espalier_random *random,
                     const struct wire_frame *request, enum damage damage)
{
    struct wire_frame answer, arrived = send_damaged(wire, random, request, damage);
    bool answered = wire_receive(wire, &answer, QUIET);
    if (damage == HEADER_BIT || damage == TOO_LONG) {
        ck_assert_msg(!answered, "a request whose header was no good is answered");
        return;
    }
    ck_assert_msg(answered, "request 0x%02x is not answered", request->type);
    uint8_t fault = judge(model, request);
    if (damage == BIT || damage == CUT) {
        bool begun = request->type == ESPALIER_REQ_ACTIVATIONS && fault != REPEATED && fault != ESPALIER_NAK_SEQUENCE;
        if (begun && length_suits(&arrived) && in_range(&arrived))
            write_words(model, &arrived, false);
        check_nak(model, request, &answer, ESPALIER_NAK_CRC);
    } else if (fault != 0 && fault != REPEATED) {
        check_nak(model, request, &answer, fault);
    } else {
        ck_assert_uint_eq(answer.sequence, request->sequence);
        if (fault == 0 && reads(request))
            check_data(model, wire, request, &answer);
        else
            ck_assert_msg(answer.type == ESPALIER_RSP_ACK && answer.length == 0, "request 0x%02x: answer 0x%02x",
                          request->type, answer.type);
        if (fault == 0)
            carry_out(model, wire, request);
        if (fault == 0 && request->type == ESPALIER_REQ_HELLO)
            model->received_before = wire->received - 12 - answer.length;
        if (fault == 0 && request->type == ESPALIER_REQ_RESET)
            model->received_before = wire->received - 12;
    }
}

/* Arguments that are right, just wrong, or anything. */
static void draw_arguments(struct espalier_random *random, struct wire_frame *request)
{
    uint8_t *bytes = request->payload;
    uint32_t count = request->type == ESPALIER_REQ_READ ? 1 + below(random, 256) : request->length - 4;
    uint32_t address = count <= WORDS ? below(random, WORDS - count + 1) : 0;
    if (chance(random, 0.2))
        address = WORDS - count + below(random, 3);
    wire_put16(bytes, address);
    bytes[2] = (uint8_t)below(random, chance(random, 0.1) ? 256 : SLOTS);
    bytes[3] = chance(random, 0.05);
    if (request->type == ESPALIER_REQ_READ)
        wire_put16(bytes + 2, chance(random, 0.1) ? below(random, 3) * 256 : count);
    if (request->type == ESPALIER_REQ_LAYERS)
        wire_put16(bytes, chance(random, 0.8) ? below(random, LAYERS + 1) : below(random, 0x600));
    if (request->type == ESPALIER_REQ_RUN) { /* never a right one: runs are tested elsewhere */
        bytes[0] = (uint8_t)(1 + below(random, LAYERS));
        bytes[1] = (uint8_t)(1 + below(random, SLOTS));
        bytes[2] = (uint8_t)below(random, 2);
        bytes[3] = 0;
        static const uint8_t wrong[][2] = {{0, 0}, {0, LAYERS + 1}, {1, 0}, {1, SLOTS + 1}, {2, 2}, {3, 1}, {0, 255}};
        uint32_t which = below(random, sizeof wrong / sizeof wrong[0]);
        bytes[wrong[which][0]] = wrong[which][1];
    }
}

static uint32_t draw_length(struct espalier_random *random, uint8_t type)
{
    static const uint16_t sizes[] = {0, 1, 2, 3, 4, 5, 8, 42, 44, 82, 122, 162, 202, 1002, 1020, 1022, 1023, 1024};
    if (chance(random, 0.15))
        return sizes[below(random, sizeof sizes / sizeof sizes[0])];
    switch (type) {
    case ESPALIER_REQ_LAYERS:
        return 2 + 40 * (1 + below(random, LAYERS));
    case ESPALIER_REQ_ACTIVATIONS:
        return 5 + below(random, chance(random, 0.5) ? 20 : 1020);
    case ESPALIER_REQ_WEIGHTS:
        return 4 * below(random, 257);
    case ESPALIER_REQ_RUN:
    case ESPALIER_REQ_READ:
        return 4;
    default:
        return 0;
    }
}

static struct wire_frame draw_request(struct espalier_random *random, const struct model *model)
{
    static const uint8_t types[] = {ESPALIER_REQ_HELLO,       ESPALIER_REQ_RESET,          ESPALIER_REQ_LAYERS,
                                    ESPALIER_REQ_ACTIVATIONS, ESPALIER_REQ_READ,           ESPALIER_REQ_ACTIVATIONS,
                                    ESPALIER_REQ_READ,        ESPALIER_REQ_ACTIVATIONS,    ESPALIER_REQ_WEIGHTS,
                                    ESPALIER_REQ_WEIGHTS,     ESPALIER_REQ_WEIGHTS_REWIND, ESPALIER_REQ_RUN,
                                    ESPALIER_REQ_COUNTERS};
    struct wire_frame request = wire_frame(types[below(random, sizeof types)], model->expected, NULL, 0);
    if (chance(random, 0.05))
        request.type = (uint8_t)below(random, 256);
    if (chance(random, 0.1))
        request.sequence = (uint8_t)(model->expected - 1);
    else if (chance(random, 0.1))
        request.sequence = (uint8_t)below(random, 256);
    request.length = draw_length(random, request.type);
    for (uint32_t i = 0; i < request.length; i++)
        request.payload[i] = (uint8_t)below(random, 0xe5); /* no SYNC: what follows a dropped header stays garbage */
    if (request.length >= 4)
        draw_arguments(random, &request);
    return request;
}

static enum damage draw_damage(struct espalier_random *random, struct wire_frame *request)
{
    static const enum damage damages[] = {BIT, CUT, HEADER_BIT, VERSION, TOO_LONG};
    enum damage damage = chance(random, 0.75) ? NONE : damages[below(random, sizeof damages / sizeof damages[0])];
    if (damage == VERSION)
        request->version = (uint8_t)(request->version + 1 + below(random, 255));
    if (damage == VERSION)
        request->length = 0; /* what belongs to a header that is not understood is hunted through */
    if (damage == TOO_LONG)
        request->length = 1025 + below(random, 65536 - 1025);
    return damage;
}

START_TEST(the_device_answers_as_the_protocol_says)
{
    struct espalier_random random = seeded(3);
    struct wire wire = wire_open("tiny");
    static struct model model;
    for (uint32_t i = 0; i < test_scale(4000); i++) {
        for (uint32_t garbage = chance(&random, 0.1) ? below(&random, 40) : 0; garbage > 0; garbage--)
            wire_send(&wire, (const uint8_t[]){(uint8_t)below(&random, 0xe5)}, 1);
        struct wire_frame request = draw_request(&random, &model);
        enum damage damage = draw_damage(&random, &request);
        exchange(&wire, &model, &random, &request, damage);
        struct wire_frame none;
        if (damage ==
            VERSION) /* a SYNC in its checksum begins a header, which must be dropped before the next request */
            ck_assert(!wire_receive(&wire, &none, QUIET));
    }
    wire_close(&wire);
}
END_TEST

/* ---- the device: runs ---- */

/* One row, one column, one weight of 8 bits. Every position reads word 0 and writes word 9. */
static void one_weight_layer(uint8_t descriptor[40], uint32_t out_size)
{
    static const uint16_t words[ESPALIER_LAYER_WORDS] = {
        [ESPALIER_LAYER_FORMAT] = 8 << 8, [ESPALIER_LAYER_POOL] = 1 << 8,  [ESPALIER_LAYER_ROWS] = 1,
        [ESPALIER_LAYER_COLUMNS] = 1,     [ESPALIER_LAYER_KERNEL] = 0x101, [ESPALIER_LAYER_KEPT] = 1,
        [ESPALIER_LAYER_OUT_BASE] = 9};
    for (size_t i = 0; i < ESPALIER_LAYER_WORDS; i++)
        wire_put16(descriptor + 2 * i, words[i]);
    wire_put16(descriptor + 2 * ESPALIER_LAYER_OUT_SIZE, out_size);
}

/* Its weights: mult 1, shift 0, a weight of 3. */
static const uint8_t one_weight[4] = {1, 3 << 5, 0, 0};

/* Starts a streamed run, which does nothing but wait for weights. Takes two sequence numbers. */
static void start_starving_run(struct wire *wire, uint8_t sequence)
{
    uint8_t layers[42] = {0};
    one_weight_layer(layers + 2, 0x101);
    wire_expect_ack(wire, ESPALIER_REQ_LAYERS, sequence, layers, sizeof layers);
    wire_expect_ack(wire, ESPALIER_REQ_RUN, (uint8_t)(sequence + 1), (const uint8_t[]){1, 1, 1, 0}, 4);
}

static void expect_done(struct wire *wire, uint8_t sequence, uint8_t status)
{
    struct wire_frame frame;
    ck_assert(wire_receive(wire, &frame, QUIET));
    ck_assert_uint_eq(frame.type, ESPALIER_RSP_DONE);
    ck_assert_uint_eq(frame.sequence, sequence);
    ck_assert_uint_eq(frame.length, 1);
    ck_assert_uint_eq(frame.payload[0], status);
}

START_TEST(a_run_leaves_other_requests_waiting_and_ends_with_hello_or_reset)
{
    static const uint8_t refused[] = {ESPALIER_REQ_LAYERS, ESPALIER_REQ_ACTIVATIONS, ESPALIER_REQ_WEIGHTS_REWIND,
                                      ESPALIER_REQ_RUN,    ESPALIER_REQ_READ,        ESPALIER_REQ_COUNTERS};
    static const uint8_t enders[] = {ESPALIER_REQ_HELLO, ESPALIER_REQ_RESET};
    struct wire wire = wire_open("tiny");
    struct wire_frame frame;
    uint8_t zeros[8] = {0};
    for (size_t i = 0; i < sizeof enders; i++) {
        wire_ask(&wire, ESPALIER_REQ_HELLO, 0, NULL, 0);
        start_starving_run(&wire, 1);
        for (size_t n = 0; n < sizeof refused; n++)
            wire_expect_nak(&wire, refused[n], 3, zeros, 8, ESPALIER_NAK_BUSY);
        wire_expect_nak(&wire, 0x7f, 3, NULL, 0, ESPALIER_NAK_TYPE);
        ck_assert_uint_eq(wire_ask(&wire, enders[i], 77, NULL, 0).sequence, 77);
        ck_assert_msg(!wire_receive(&wire, &frame, QUIET), "an aborted run is not DONE");
        ck_assert_uint_eq(wire_ask(&wire, ESPALIER_REQ_COUNTERS, 78, NULL, 0).type, ESPALIER_RSP_DATA);
    }
    wire_close(&wire);
}
END_TEST

START_TEST(streamed_weights_are_taken_damage_is_not_and_the_run_ends_with_done)
{
    struct wire wire = wire_open("tiny");
    struct wire_frame frame;
    uint8_t bytes[WIRE_FRAME_MAX];
    wire_ask(&wire, ESPALIER_REQ_RESET, 0, NULL, 0);
    wire_expect_ack(&wire, ESPALIER_REQ_ACTIVATIONS, 1, (const uint8_t[]){0, 0, 0, 0, 25}, 5);
    start_starving_run(&wire, 2);
    struct wire_frame request = wire_frame(ESPALIER_REQ_WEIGHTS, 4, one_weight, sizeof one_weight);
    size_t size = wire_encode(&request, bytes);
    bytes[9] ^= 0x20;
    wire_send(&wire, bytes, size);
    ck_assert(wire_receive(&wire, &frame, QUIET));
    ck_assert_uint_eq(frame.type, ESPALIER_RSP_NAK);
    ck_assert_uint_eq(frame.payload[0], ESPALIER_NAK_CRC);
    ck_assert_uint_eq(frame.payload[1], 4);
    ck_assert_msg(!wire_receive(&wire, &frame, QUIET), "a run went on with damaged weights");
    wire_expect_ack(&wire, ESPALIER_REQ_WEIGHTS, 4, one_weight, sizeof one_weight);
    expect_done(&wire, 3, ESPALIER_RUN_OK);
    frame = wire_ask(&wire, ESPALIER_REQ_READ, 5, (const uint8_t[]){9, 0, 1, 0}, 4);
    ck_assert_uint_eq(frame.payload[0], 75);
    wire_close(&wire);
}
END_TEST

/* In a streamed run a word is free once it is read; in the resident stream that follows, none is. */
START_TEST(a_resident_stream_behind_a_streamed_run_has_the_memory_and_no_word_more)
{
    struct wire wire = wire_open("tiny");
    const uint8_t weights[1024] = {0};
    wire_ask(&wire, ESPALIER_REQ_RESET, 0, NULL, 0);
    start_starving_run(&wire, 1);
    wire_expect_ack(&wire, ESPALIER_REQ_WEIGHTS, 3, one_weight, sizeof one_weight);
    expect_done(&wire, 2, ESPALIER_RUN_OK);
    wire_expect_ack(&wire, ESPALIER_REQ_WEIGHTS_REWIND, 4, NULL, 0);
    for (uint8_t n = 0; n < 4 * WEIGHT_WORDS / sizeof weights; n++)
        wire_expect_ack(&wire, ESPALIER_REQ_WEIGHTS, (uint8_t)(5 + n), weights, sizeof weights);
    wire_expect_nak(&wire, ESPALIER_REQ_WEIGHTS, 5 + 4 * WEIGHT_WORDS / sizeof weights, weights, 4, ESPALIER_NAK_SPACE);
    wire_close(&wire);
}
END_TEST

/* Layer 0 needs one word and keeps the array busy for long; layer 1, all zero, then ends the run: a frame that has
 * waited for room meanwhile is refused. */
START_TEST(weights_that_wait_for_room_are_refused_when_the_run_ends)
{
    struct wire wire = wire_open("tiny");
    uint8_t layers[82] = {0}, weights[1024] = {0};
    one_weight_layer(layers + 2, 0xffff);
    memcpy(weights, one_weight, sizeof one_weight);
    wire_ask(&wire, ESPALIER_REQ_RESET, 0, NULL, 0);
    wire_expect_ack(&wire, ESPALIER_REQ_LAYERS, 1, layers, sizeof layers);
    wire_expect_ack(&wire, ESPALIER_REQ_RUN, 2, (const uint8_t[]){2, 1, 1, 0}, 4);
    wire_expect_ack(&wire, ESPALIER_REQ_WEIGHTS, 3, weights, sizeof weights);
    wire_expect_ack(&wire, ESPALIER_REQ_WEIGHTS, 4, weights, sizeof weights);
    uint64_t before = espalier_sim_cycles(&wire.link);
    wire_expect_nak(&wire, ESPALIER_REQ_WEIGHTS, 5, weights, sizeof weights, ESPALIER_NAK_SPACE);
    ck_assert_uint_gt(espalier_sim_cycles(&wire.link) - before, 255 * 255);
    expect_done(&wire, 2, ESPALIER_RUN_BAD_LAYER);
    wire_expect_nak(&wire, ESPALIER_REQ_WEIGHTS, 5, weights, sizeof weights, ESPALIER_NAK_SPACE);
    wire_expect_ack(&wire, ESPALIER_REQ_WEIGHTS_REWIND, 5, NULL, 0);
    wire_expect_ack(&wire, ESPALIER_REQ_WEIGHTS, 6, weights, sizeof weights);
    wire_close(&wire);
}
END_TEST

START_TEST(a_gap_that_leaves_its_layer_ends_the_run)
{
    struct wire wire = wire_open("tiny");
    uint8_t layer[42] = {0};
    /* mult 1, shift 0, a count of 1 in 3 bits, then a gap in 4 bits before the one column there is */
    const uint8_t into_it[4] = {1, 1 << 5, 0, 3}, past_it[4] = {1, 1 << 5, 1, 3};
    one_weight_layer(layer + 2, 0x101);
    wire_put16(layer + 2 + 2 * ESPALIER_LAYER_FORMAT, 8 << 8 | ESPALIER_FORMAT_GAP);
    wire_put16(layer + 2 + 2 * ESPALIER_LAYER_WIDTHS, 3 << 4 | 4);
    wire_ask(&wire, ESPALIER_REQ_RESET, 0, NULL, 0);
    wire_expect_ack(&wire, ESPALIER_REQ_LAYERS, 1, layer, sizeof layer);
    wire_expect_ack(&wire, ESPALIER_REQ_WEIGHTS, 2, past_it, sizeof past_it);
    wire_expect_ack(&wire, ESPALIER_REQ_RUN, 3, (const uint8_t[]){1, 1, 0, 0}, 4);
    expect_done(&wire, 3, ESPALIER_RUN_BAD_STREAM);
    wire_expect_ack(&wire, ESPALIER_REQ_WEIGHTS_REWIND, 4, NULL, 0);
    wire_expect_ack(&wire, ESPALIER_REQ_WEIGHTS, 5, into_it, sizeof into_it);
    wire_expect_ack(&wire, ESPALIER_REQ_RUN, 6, (const uint8_t[]){1, 1, 0, 0}, 4);
    expect_done(&wire, 6, ESPALIER_RUN_OK);
    wire_close(&wire);
}
END_TEST

START_TEST(a_resident_stream_that_is_too_short_ends_its_run)
{
    struct wire wire = wire_open("tiny");
    uint8_t layers[82] = {0};
    one_weight_layer(layers + 2, 0x101);
    one_weight_layer(layers + 42, 0x101);
    wire_ask(&wire, ESPALIER_REQ_RESET, 0, NULL, 0);
    wire_expect_ack(&wire, ESPALIER_REQ_LAYERS, 1, layers, sizeof layers);
    wire_expect_ack(&wire, ESPALIER_REQ_WEIGHTS, 2, one_weight, sizeof one_weight);
    wire_expect_ack(&wire, ESPALIER_REQ_RUN, 3, (const uint8_t[]){2, 1, 0, 0}, 4);
    expect_done(&wire, 3, ESPALIER_RUN_UNDERRUN);
    wire_expect_ack(&wire, ESPALIER_REQ_RUN, 4, (const uint8_t[]){1, 1, 0, 0}, 4);
    expect_done(&wire, 4, ESPALIER_RUN_OK);
    wire_close(&wire);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        encoded_frames_are_those_of_the_second_codec,
        the_decoder_finds_every_whole_frame_and_no_other,
        every_board_tells_what_it_was_built_with,
        the_device_answers_as_the_protocol_says,
        a_run_leaves_other_requests_waiting_and_ends_with_hello_or_reset,
        streamed_weights_are_taken_damage_is_not_and_the_run_ends_with_done,
        a_resident_stream_behind_a_streamed_run_has_the_memory_and_no_word_more,
        weights_that_wait_for_room_are_refused_when_the_run_ends,
        a_gap_that_leaves_its_layer_ends_the_run,
        a_resident_stream_that_is_too_short_ends_its_run,
    };
    return test_run("frame", tests, sizeof tests / sizeof tests[0]);
}
