/* What the firmware shows on USB, against what the host's driver looks for; and the file that carries a bitstream to
 * the board, read back by a reader of UF2 written from its specification. */
#include "support/support.h"

#include "identity.h"
#include "layout.h"
#include "stored.h"

#include <espalier/random.h>
#include <espalier/usb.h>
#include <espalier/usb_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* ---- identity ---- */

static unsigned word(const uint8_t *bytes)
{
    return bytes[0] | (unsigned)bytes[1] << 8;
}

START_TEST(the_descriptors_are_those_that_the_driver_looks_for)
{
    const uint8_t *device = identity_device(), *configuration = identity_configuration(), *bos = identity_bos();
    unsigned endpoints = 0;
    ck_assert_uint_eq(device[0], 18);
    ck_assert_uint_eq(word(device + 8), ESPALIER_USB_VENDOR);
    ck_assert_uint_eq(word(device + 10), ESPALIER_USB_PRODUCT);
    ck_assert_uint_eq(word(configuration + 2), 9 + 9 + 7 + 7);
    for (size_t at = 0; at < word(configuration + 2); at += configuration[at]) {
        const uint8_t *part = configuration + at;
        ck_assert_uint_ge(part[0], 7);
        if (part[1] == 4) /* the interface: of the vendor's class */
            ck_assert(part[2] == ESPALIER_USB_INTERFACE && part[4] == 2 && part[5] == 0xFF);
        if (part[1] == 5) { /* an endpoint: bulk */
            ck_assert(part[2] == ESPALIER_USB_ENDPOINT_IN || part[2] == ESPALIER_USB_ENDPOINT_OUT);
            ck_assert(part[3] == 2 && word(part + 4) == ESPALIER_USB_PACKET);
            endpoints++;
        }
    }
    ck_assert_uint_eq(endpoints, 2);
    ck_assert(bos[1] == 15 && word(bos + 2) == 5 + 28 + 24 && bos[4] == 2);
}
END_TEST

/* @return the length of a string, which is made ASCII again */
static size_t read_string(uint8_t index, enum condition condition, const char *serial, char *text)
{
    uint8_t string[IDENTITY_STRING_BYTES];
    const size_t size = identity_string(index, condition, serial, string);
    ck_assert_uint_le(size, sizeof string);
    for (size_t n = 2; n < size; n += 2) {
        ck_assert_uint_eq(string[n + 1], 0);
        text[n / 2 - 1] = (char)string[n];
    }
    text[size > 0 ? size / 2 - 1 : 0] = '\0';
    ck_assert(size == 0 || (string[0] == size && string[1] == 3));
    return size;
}

START_TEST(strings_fit_the_driver_in_every_condition)
{
    struct espalier_usb_info info;
    char text[IDENTITY_STRING_BYTES];
    uint8_t languages[IDENTITY_STRING_BYTES];
    for (enum condition condition = 0; condition < CONDITIONS; condition++) {
        read_string(2, condition, "", text);
        ck_assert_uint_lt(strlen(text), sizeof info.product);
        ck_assert_int_eq(strncmp(text, "Espalier accelerator", 20), 0);
        ck_assert(condition == CONDITION_RUNNING ? !text[20] : strstr(text, condition_text(condition)) == text + 22);
    }
    read_string(3, CONDITION_RUNNING, "E66038B713596F33", text);
    ck_assert_str_eq(text, "E66038B713596F33");
    ck_assert_uint_eq(identity_string(0, CONDITION_RUNNING, "", languages), 4);
    ck_assert_mem_eq(languages, "\4\3\x09\x04", 4);
    for (unsigned index = 4; index < 256; index++)
        ck_assert_uint_eq(read_string((uint8_t)index, CONDITION_RUNNING, "1", text), 0);
}
END_TEST

START_TEST(a_serial_number_too_long_is_cut_not_overrun)
{
    char serial[200], text[IDENTITY_STRING_BYTES];
    memset(serial, '7', sizeof serial - 1);
    serial[sizeof serial - 1] = '\0';
    ck_assert_uint_eq(read_string(3, CONDITION_RUNNING, serial, text), IDENTITY_STRING_BYTES);
}
END_TEST

START_TEST(one_vendor_request_is_answered_and_all_others_refused)
{
    const uint8_t *bytes = NULL;
    ck_assert_uint_eq(identity_request(0xC0, ESPALIER_USB_VENDOR_MICROSOFT, 0, 7, &bytes), 162);
    ck_assert_mem_eq(bytes, "\x0a\0\0\0\0\0\x03\x06\xa2\0\x14\0\x03\0WINUSB", 20);
    for (unsigned type = 0; type < 256; type++)
        for (unsigned request = 0; request < 256; request++)
            for (unsigned value = 0; value < 2; value++)
                for (uint16_t index = 5; index < 9; index++)
                    if (type != 0xC0 || request != ESPALIER_USB_VENDOR_MICROSOFT || value != 0 || index != 7)
                        ck_assert_uint_eq(
                            identity_request((uint8_t)type, (uint8_t)request, (uint16_t)value, index, &bytes), 0);
}
END_TEST

/* ---- the file ---- */

enum { FLASH_BYTES = 4 << 20, BLOCK = 512 };

/* @return the exit code */
static int run_uf2(const char *from, const char *to)
{
    char command[1200];
    snprintf(command, sizeof command, "'%s/uf2' '%s' '%s' 2>'%s'", ESPALIER_BUILD_DIR, from, to,
             test_path(3, "uf2.log"));
    const int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static uint32_t long_word(const uint8_t *bytes)
{
    return word(bytes) | (uint32_t)word(bytes + 2) << 16;
}

/* Stores a file in a flash as the boot loader does: sectors are erased, then blocks are written. @return blocks */
static uint32_t store(const char *name, uint8_t *flash)
{
    uint8_t block[BLOCK];
    uint32_t count = 0;
    FILE *file = fopen(name, "rb");
    ck_assert_ptr_nonnull(file);
    while (fread(block, 1, BLOCK, file) == BLOCK) {
        const uint32_t at = long_word(block + 12) - FLASH_BASE;
        ck_assert_uint_eq(long_word(block), 0x0A324655);
        ck_assert_uint_eq(long_word(block + 4), 0x9E5D5157);
        ck_assert_uint_eq(long_word(block + 8), 0x2000);      /* the family is told, */
        ck_assert_uint_eq(long_word(block + 28), 0xE48BFF56); /* and is the RP2040's */
        ck_assert_uint_eq(long_word(block + 16), 256);
        ck_assert_uint_eq(long_word(block + 20), count++);
        ck_assert_uint_eq(long_word(block + 508), 0x0AB16F30);
        ck_assert(at % 256 == 0 && at + 256 <= FLASH_BYTES);
        if (at % 4096 == 0)
            memset(flash + at, 0xFF, 4096);
        memcpy(flash + at, block + 32, 256);
        if (count == 1)
            ck_assert_uint_eq(at % 4096, 0);
    }
    ck_assert_int_ne(feof(file), 0);
    ck_assert_uint_eq(long_word(block + 24), count);
    ck_assert_uint_eq(count % 16, 0); /* whole sectors */
    fclose(file);
    return count;
}

START_TEST(a_bitstream_is_found_where_its_file_has_put_it)
{
    static uint8_t flash[FLASH_BYTES], bitstream[104090];
    static const size_t sizes[] = {1, 255, 4080, 4081, 104090};
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
        const uint8_t *found = NULL;
        size_t size = 0;
        memset(flash, (int)espalier_random_below(&random, 256), sizeof flash); /* an older one, or none */
        for (size_t b = 0; b < sizes[n]; b++)
            bitstream[b] = (uint8_t)espalier_random_bits(&random);
        test_write_file(test_path(0, "fpga.bin"), bitstream, sizes[n]);
        ck_assert_int_eq(run_uf2(test_path(0, "fpga.bin"), test_path(1, "fpga.uf2")), 0);
        store(test_path(1, "fpga.uf2"), flash);
        ck_assert(stored_find(flash + (BITSTREAM_ADDRESS - FLASH_BASE), BITSTREAM_AREA_BYTES, &found, &size));
        ck_assert_uint_eq(size, sizes[n]);
        ck_assert_mem_eq(found, bitstream, size);
    }
}
END_TEST

START_TEST(what_is_no_bitstream_is_refused_with_the_reason)
{
    static uint8_t large[BITSTREAM_AREA_BYTES];
    char log[400] = "";
    const struct {
        const char *name, *reason;
    } cases[] = {
        {test_path(0, "missing.bin"), "No such file"},
        {test_path(1, "empty.bin"), "empty"},
        {test_path(2, "large.bin"), "more than an iCE40's bitstream"},
    };
    test_write_file(cases[1].name, large, 0);
    test_write_file(cases[2].name, large, sizeof large);
    for (size_t n = 0; n < 3; n++) {
        ck_assert_int_eq(run_uf2(cases[n].name, "/dev/null"), 1);
        FILE *file = fopen(test_path(3, "uf2.log"), "rb");
        ck_assert_ptr_nonnull(file);
        log[fread(log, 1, sizeof log - 1, file)] = '\0';
        fclose(file);
        ck_assert_msg(strstr(log, cases[n].reason) != NULL, "%s", log);
    }
    test_write_file(cases[1].name, large, 1);
    ck_assert_int_eq(run_uf2(cases[1].name, "/nowhere/out.uf2"), 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_descriptors_are_those_that_the_driver_looks_for, strings_fit_the_driver_in_every_condition,
        a_serial_number_too_long_is_cut_not_overrun,         one_vendor_request_is_answered_and_all_others_refused,
        a_bitstream_is_found_where_its_file_has_put_it,      what_is_no_bitstream_is_refused_with_the_reason,
    };
    return test_run("firmware_files", tests, sizeof tests / sizeof tests[0]);
}
