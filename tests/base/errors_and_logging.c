/* SPDX-License-Identifier: Apache-2.0 */
/* Error messages, trace words, fault injection specs, arenas. */
#include <errno.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "tests/test.h"

static void context_is_wrapped_in_front(void)
{
	struct err e = { 0 };

	CHECK_EQ(err_set(&e, EINVAL, "bad magic %#x", 0x7f), -EINVAL);
	CHECK_EQ(err_wrap(&e, "kernel '%s'", "Image"), -EINVAL);
	CHECK_STR(e.msg, "kernel 'Image': bad magic 0x7f");
	errno = ENOENT;
	CHECK_EQ(err_sys(&e, "open"), -ENOENT);
	CHECK_STR(e.msg, "open: No such file or directory");
}

static void long_messages_keep_the_context(void)
{
	struct err e = { 0 };
	char big[600];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	err_set(&e, EIO, "%s", big);
	err_wrap(&e, "front");
	CHECK(!strncmp(e.msg, "front: xxx", 10));
	err_wrap(&e, "%s", big);
	CHECK_EQ(strnlen(e.msg, sizeof(e.msg)), sizeof(e.msg) - 1);
}

static void unknown_trace_word_is_named(void)
{
	struct err e = { 0 };

	CHECK(log_set_trace("mmio,nonsense", &e) < 0);
	CHECK(strstr(e.msg, "'nonsense'") && strstr(e.msg, "virtio"));
	log_mask.trace = 0;
	CHECK_EQ(log_set_trace("mmio,irq", &e), 0);
	CHECK(log_tracing(MMIO) && log_tracing(IRQ) && !log_tracing(FUSE));
	log_mask.trace = 0;
}

static void the_nth_allocation_fails(void)
{
	CHECK_EQ(fail_setup("alloc:3"), 0);
	void *a = base_alloc(1), *b = base_alloc(1), *c = base_alloc(1), *d = base_alloc(1);

	CHECK(a && b && !c && d);
	base_free(a);
	base_free(b);
	base_free(d);
	CHECK(fail_setup("alloc") < 0 && fail_setup("alloc:0") < 0 && fail_setup("x:1") < 0);
	fail_setup(NULL);
}

static void arenas_zero_align_and_limit(void)
{
	struct arena a;

	arena_init(&a, 256 << 10);
	for (int i = 1; i < 1000; i++) {
		char *p = arena_alloc(&a, (size_t)i % 100);

		CHECK(p && !((uintptr_t)p & 15));
		for (int k = 0; k < i % 100; k++)
			CHECK(!p[k]);
		memset(p, 0xff, (size_t)i % 100);
	}
	CHECK(!arena_alloc(&a, 1 << 20));
	CHECK(a.total <= 256 << 10);
	arena_fini(&a);
}

TEST_MAIN({ "context_is_wrapped_in_front", context_is_wrapped_in_front },
	  { "long_messages_keep_the_context", long_messages_keep_the_context },
	  { "unknown_trace_word_is_named", unknown_trace_word_is_named },
	  { "the_nth_allocation_fails", the_nth_allocation_fails },
	  { "arenas_zero_align_and_limit", arenas_zero_align_and_limit })
