#include "support/wire.h"

#include "support/support.h"

#include <espalier_sim.h>
#include <string.h>

enum { POLL_CYCLES = 16, ANSWER_CYCLES = 4000000 };

uint32_t wire_crc(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < 8 * size; i++) {
        uint32_t bit = (crc ^ (uint32_t)(bytes[i / 8] >> (i % 8))) & 1;
        crc = (crc >> 1) ^ (bit ? 0xedb88320 : 0);
    }
    return ~crc;
}

struct wire_frame wire_frame(uint8_t type, uint8_t sequence, const void *payload, size_t length)
{
    struct wire_frame frame = {
        .type = type, .sequence = sequence, .version = ESPALIER_VERSION, .length = (uint32_t)length};
    if (length > 0)
        memcpy(frame.payload, payload, length);
    return frame;
}

size_t wire_encode(const struct wire_frame *frame, uint8_t bytes[WIRE_FRAME_MAX])
{
    size_t payload = frame->length < 1024 ? frame->length : 1024;
    const uint8_t header[6] = {0xe5,           frame->type,          frame->sequence,
                               frame->version, frame->length & 0xff, frame->length >> 8 & 0xff};
    memcpy(bytes, header, 6);
    wire_put16(bytes + 6, wire_crc(bytes, 6) & 0xffff);
    memcpy(bytes + 8, frame->payload, payload);
    uint32_t crc = wire_crc(bytes, 8 + payload);
    wire_put16(bytes + 8 + payload, crc & 0xffff);
    wire_put16(bytes + 10 + payload, crc >> 16);
    return 12 + payload;
}

struct wire wire_open(const char *board)
{
    struct espalier_error error = {0};
    struct wire wire = {.sent = 0};
    test_ok(espalier_sim_open(board, NULL, &wire.link, &error));
    return wire;
}

void wire_close(struct wire *wire)
{
    wire->link.close(wire->link.context);
}

void wire_send(struct wire *wire, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        size_t sent = 0;
        ck_assert_int_eq(wire->link.send(wire->link.context, bytes, size, &sent), ESPALIER_OK);
        bytes += sent;
        size -= sent;
        wire->sent += sent;
    }
}

/* Exactly @p size bytes. @return false if not even the first comes within the time */
static bool receive_bytes(struct wire *wire, uint8_t *bytes, size_t size, uint64_t cycles)
{
    size_t have = 0;
    for (uint64_t spent = 0; have < size && spent < cycles; spent += POLL_CYCLES) {
        size_t received = 0;
        ck_assert_int_eq(wire->link.receive(wire->link.context, bytes + have, size - have, false, &received),
                         ESPALIER_OK);
        have += received;
        wire->received += received;
    }
    ck_assert_msg(have == 0 || have == size, "the device broke off in a frame");
    return have == size;
}

bool wire_receive(struct wire *wire, struct wire_frame *frame, uint64_t cycles)
{
    uint8_t bytes[WIRE_FRAME_MAX];
    if (!receive_bytes(wire, bytes, 8, cycles))
        return false;
    *frame = (struct wire_frame){
        .type = bytes[1], .sequence = bytes[2], .version = bytes[3], .length = bytes[4] | (uint32_t)bytes[5] << 8};
    ck_assert_uint_eq(bytes[0], 0xe5);
    ck_assert_uint_eq(frame->version, 1);
    ck_assert_uint_le(frame->length, 1024);
    ck_assert_uint_eq(bytes[6] | (uint32_t)bytes[7] << 8, wire_crc(bytes, 6) & 0xffff);
    ck_assert(receive_bytes(wire, bytes + 8, frame->length + 4, ANSWER_CYCLES));
    ck_assert_uint_eq(wire_word(bytes + 8 + frame->length), wire_crc(bytes, 8 + frame->length));
    memcpy(frame->payload, bytes + 8, frame->length);
    return true;
}

struct wire_frame wire_ask(struct wire *wire, uint8_t type, uint8_t sequence, const void *payload, size_t length)
{
    uint8_t bytes[WIRE_FRAME_MAX];
    struct wire_frame frame = wire_frame(type, sequence, payload, length);
    wire_send(wire, bytes, wire_encode(&frame, bytes));
    ck_assert_msg(wire_receive(wire, &frame, ANSWER_CYCLES), "request 0x%02x is not answered", type);
    ck_assert_uint_eq(frame.sequence, sequence);
    return frame;
}

void wire_expect_ack(struct wire *wire, uint8_t type, uint8_t sequence, const void *payload, size_t length)
{
    struct wire_frame answer = wire_ask(wire, type, sequence, payload, length);
    ck_assert_msg(answer.type == ESPALIER_RSP_ACK && answer.length == 0, "request 0x%02x: answer 0x%02x, error %u",
                  type, answer.type, answer.payload[0]);
}

void wire_expect_nak(struct wire *wire, uint8_t type, uint8_t sequence, const void *payload, size_t length,
                     uint8_t error)
{
    struct wire_frame answer = wire_ask(wire, type, sequence, payload, length);
    ck_assert_msg(answer.type == ESPALIER_RSP_NAK && answer.length == 2 && answer.payload[0] == error,
                  "request 0x%02x: answer 0x%02x, error %u, not %u", type, answer.type, answer.payload[0], error);
}

uint32_t wire_word(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

void wire_put16(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}
