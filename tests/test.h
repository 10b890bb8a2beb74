/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test programs.  Each file is one program; each TEST is one behaviour, named
 * as a sentence in snake case.  Output, one line a test, read by tests/run:
 *     ok NAME | not ok NAME: WHERE: WHY | skip NAME: because ...
 * With arguments: run only the tests that are named.
 */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"

struct test_case {
	const char *name;
	void (*fn)(void);
};

static jmp_buf test_jump;
static char test_why[512];

#define TEST_FAIL(...) \
	(snprintf(test_why, sizeof(test_why), __VA_ARGS__), longjmp(test_jump, 1))
#define SKIP(...) \
	(snprintf(test_why, sizeof(test_why), __VA_ARGS__), longjmp(test_jump, 2))
#define CHECK(c) \
	do { if (!(c)) TEST_FAIL("%s:%d: %s", __FILE__, __LINE__, #c); } while (0)
#define CHECK_EQ(a, b)                                                         \
	do {                                                                   \
		uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b);               \
		if (a_ != b_)                                                  \
			TEST_FAIL("%s:%d: %s is %#" PRIx64 ", not %s = %#" PRIx64, \
				  __FILE__, __LINE__, #a, a_, #b, b_);         \
	} while (0)
#define CHECK_STR(a, b)                                                        \
	do {                                                                   \
		const char *a_ = (a), *b_ = (b);                               \
		if (strcmp(a_, b_))                                            \
			TEST_FAIL("%s:%d: %s is \"%.200s\", not \"%.200s\"",   \
				  __FILE__, __LINE__, #a, a_, b_);             \
	} while (0)

static inline int test_main(const struct test_case *t, size_t n, int argc, char **argv)
{
	volatile int failed = 0; /* kept across longjmp */

	setvbuf(stdout, NULL, _IOLBF, 0);
	fail_setup(getenv("DP_FAIL"));
	for (size_t i = 0; i < n; i++) {
		bool wanted = argc < 2;

		for (int a = 1; a < argc; a++)
			wanted |= !strcmp(argv[a], t[i].name);
		if (!wanted)
			continue;
		switch (setjmp(test_jump)) {
		case 0:
			t[i].fn();
			printf("ok %s\n", t[i].name);
			break;
		case 1:
			printf("not ok %s: %s\n", t[i].name, test_why);
			failed = 1;
			break;
		default:
			printf("skip %s: because %s\n", t[i].name, test_why);
		}
	}
	return failed;
}

/* TEST_MAIN({ "a_name", fn }, ...) */
#define TEST_MAIN(...)                                                         \
	int main(int argc, char **argv)                                        \
	{                                                                      \
		static const struct test_case tests[] = { __VA_ARGS__ };       \
		return test_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv); \
	}

#endif
