/* The host model's own parts against the known vectors, before anything is judged by them. */
#include "support/support.h"
#include "support/usb.h"

#include <string.h>

static void check_is(const char *message, uint32_t polynomial, unsigned width, const char *expected)
{
    uint8_t bits[64] = {0}, check[16];
    char got[17] = {0};
    size_t count = strlen(message);
    for (size_t n = 0; n < count; n++)
        bits[n] = message[n] == '1';
    usb_crc_bits(bits, count, polynomial, width, check);
    for (unsigned n = 0; n < width; n++)
        got[n] = check[n] ? '1' : '0';
    ck_assert_str_eq(got, expected);
}

/* The examples of "Cyclic Redundancy Checks in USB" (USB-IF white paper), bits in the order of the wire. */
START_TEST(checks_are_those_of_the_white_paper)
{
    check_is("10101000111", 0x05, 5, "10111");                                    /* SETUP, address 15h, endpoint Eh */
    check_is("01011100101", 0x05, 5, "11100");                                    /* OUT, address 3Ah, endpoint Ah */
    check_is("00001110010", 0x05, 5, "01110");                                    /* IN, address 70h, endpoint 4h */
    check_is("10000000000", 0x05, 5, "10111");                                    /* SOF, frame 001h */
    check_is("00000000100000000100000011000000", 0x8005, 16, "1111011101011110"); /* 00 01 02 03 */
    check_is("11000100101000101110011010010001", 0x8005, 16, "0111000000111000"); /* 23 45 67 89 */
}
END_TEST

START_TEST(packets_are_coded_as_on_the_wire)
{
    /* SETUP to address 0, endpoint 0 is the bytes 2D 00 10 */
    uint8_t packet[80];
    ck_assert_uint_eq(usb_token(USB_SETUP, 0, packet), 3);
    ck_assert_mem_eq(packet, "\x2d\x00\x10", 3);
    /* and data with GET_DESCRIPTOR (device, 64 bytes) end in DD 94 */
    const uint8_t setup[8] = {0x80, 6, 0, 1, 0, 0, 0x40, 0};
    ck_assert_uint_eq(usb_data(USB_DATA0, setup, 8, packet), 11);
    ck_assert_mem_eq(packet + 9, "\xdd\x94", 2);

    static struct usb_symbols symbols;
    const uint8_t ack = USB_ACK;
    char text[64] = {0};
    usb_encode(&ack, 1, SIZE_MAX, &symbols);
    for (size_t n = 0; n < symbols.count; n++)
        text[n] = "0JK"[symbols.wires[n]];
    ck_assert_str_eq(text, "KJKJKJKKJJKJJKKK00J");
}
END_TEST

/* Ones are stuffed; the decoder gives back what the encoder was given, and finds what is wrong. */
START_TEST(the_decoder_undoes_the_encoder)
{
    static struct usb_symbols symbols;
    static struct usb_edge edges[USB_EDGES];
    struct usb_heard heard;
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t n = 0; n < test_scale(2000); n++) {
        uint8_t bytes[64], packet[80];
        size_t size = espalier_random_below(&random, 65);
        for (size_t i = 0; i < size; i++)
            bytes[i] = espalier_random_below(&random, 3) ? 0xff : (uint8_t)espalier_random_below(&random, 256);
        size = usb_data(USB_DATA1, bytes, size, packet);
        const bool damaged = n % 4 == 0;
        const size_t bits = usb_encode(packet, size, SIZE_MAX, &symbols);
        if (damaged)
            usb_encode(packet, size, espalier_random_below(&random, (uint32_t)bits), &symbols);
        size_t count = 0;
        unsigned run = 0, longest = 0;
        for (size_t i = 0; i < symbols.count; i++) {
            run = i > 0 && symbols.wires[i] == symbols.wires[i - 1] ? run + 1 : 1;
            longest = run > longest ? run : longest;
            if (run == 1)
                edges[count++] = (struct usb_edge){(usb_time)i * USB_BIT, (enum usb_wires)symbols.wires[i]};
        }
        edges[count++] = (struct usb_edge){(usb_time)symbols.count * USB_BIT, USB_RELEASED};
        usb_decode(edges, count, USB_BIT / 4, &heard);
        if (damaged) {
            ck_assert(heard.mistake || heard.size != size || memcmp(heard.packet, packet, size) != 0);
            continue;
        }
        ck_assert_uint_le(longest, 7);
        ck_assert_msg(heard.mistake == NULL, "%s", heard.mistake);
        ck_assert_uint_eq(heard.size, size);
        ck_assert_mem_eq(heard.packet, packet, size);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        checks_are_those_of_the_white_paper,
        packets_are_coded_as_on_the_wire,
        the_decoder_undoes_the_encoder,
    };
    return test_run("usb_wire", tests, sizeof tests / sizeof tests[0]);
}
