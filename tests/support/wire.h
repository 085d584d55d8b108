/** A link to a device, byte by byte, for tests: a second codec of frames, written from rtl/frame/PROTOCOL.md, that can
 * also say things that the library never would. What comes back must be whole frames, or the test fails. */
#ifndef ESPALIER_TEST_WIRE_H
#define ESPALIER_TEST_WIRE_H

#include <espalier/device.h>

enum { WIRE_FRAME_MAX = 8 + 1024 + 4 };

struct wire_frame {
    uint8_t type, sequence, version;
    uint32_t length; /**< as the header says */
    uint8_t payload[1024];
};

struct wire {
    struct espalier_transport link;
    uint64_t sent, received; /**< bytes */
};

/** Bit by bit, from the definition. */
uint32_t wire_crc(const uint8_t *bytes, size_t size);

struct wire_frame wire_frame(uint8_t type, uint8_t sequence, const void *payload, size_t length);
/** The frame's bytes, with right checks. @return how many; the payload is cut at 1024 bytes */
size_t wire_encode(const struct wire_frame *frame, uint8_t bytes[WIRE_FRAME_MAX]);

/** Powers up a simulated board. */
struct wire wire_open(const char *board);
void wire_close(struct wire *wire);
void wire_send(struct wire *wire, const uint8_t *bytes, size_t size);
/** Looks for an answer for at least @p cycles. @return false if there is none */
bool wire_receive(struct wire *wire, struct wire_frame *frame, uint64_t cycles);

/** Sends a request and receives its answer, or fails the test. */
struct wire_frame wire_ask(struct wire *wire, uint8_t type, uint8_t sequence, const void *payload, size_t length);
/** The same, and the answer must be an ACK of that sequence number. */
void wire_expect_ack(struct wire *wire, uint8_t type, uint8_t sequence, const void *payload, size_t length);
/** The same, and it must be a NAK with this error. */
void wire_expect_nak(struct wire *wire, uint8_t type, uint8_t sequence, const void *payload, size_t length,
                     uint8_t error);

/** Little-endian. */
uint32_t wire_word(const uint8_t *bytes);
void wire_put16(uint8_t *bytes, uint32_t value);

#endif
