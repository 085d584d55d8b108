/** What every test program needs: the seed of its random cases, how much to do, scratch files, and the runner. */
#ifndef ESPALIER_TEST_SUPPORT_H
#define ESPALIER_TEST_SUPPORT_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The seed of random cases: the environment's ESPALIER_TEST_SEED, else the one of the day. test_run prints it. */
uint64_t test_seed(void);

/** @p full cases, or a tenth of them (at least one) under ESPALIER_TEST_SCALE=small, which slow builds set. */
uint32_t test_scale(uint32_t full);

/** A scratch directory of this process, made at the first call and removed with its files by test_run. */
const char *test_directory(void);
/** The path of a file @p name in it. Static storage of @p slot 0 to 3. */
const char *test_path(unsigned slot, const char *name);
/** Writes a file, or fails the test. */
void test_write_file(const char *path, const void *bytes, size_t size);
/** Reads a whole file, or fails the test. The caller frees what is returned; @p size receives its length. */
uint8_t *test_read_file(const char *path, size_t *size);
/** Links the shipped digits into the scratch directory as training images: 9,000 to train on, 1,000 held out. */
void test_link_digits(void);

/** The path of the tool, which stands in the folder above the test program's. Static storage. */
const char *test_tool(void);

/** Fails the test unless @p call returns ESPALIER_OK; the message tells the error's. Needs an `error` in scope. */
#define test_ok(call) ck_assert_msg((call) == ESPALIER_OK, "%s: %s", #call, error.message)

/** Makes a suite of one test case (300 s a test, more in slow builds), runs the tests and returns the exit status of
 * main. One test alone: set CK_RUN_CASE to its name.
 *  @param tests  [count] the functions that START_TEST defines */
int test_run(const char *suite, const TTest *const *tests, size_t count);

#endif
