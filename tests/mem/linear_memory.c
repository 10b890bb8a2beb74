/* SPDX-License-Identifier: Apache-2.0 */
/* Linear memories: size, growth, guards, images, sharing, saved state. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "mem/linear.h"
#include "tests/test.h"

enum { PAGE = 65536 };

static struct mem_linear *make(uint64_t size, uint64_t max)
{
	struct mem_linear_options o = { .size = size, .max = max, .page_shift = 16,
					.image_fd = -1 };
	struct err e = { 0 };
	struct mem_linear *m = mem_linear_create(&o, &e);

	if (!m)
		TEST_FAIL("%s", e.msg);
	return m;
}

struct fault {
	sigjmp_buf to;
	void *addr;
	bool take;
};
static void on_fault(void *arg, void *addr, void *context)
{
	struct fault *f = arg;

	(void)context;
	f->addr = addr;
	if (f->take)
		siglongjmp(f->to, 1);
}
/* Where does reading p fault?  NULL: it does not. */
static void *touch(const volatile uint8_t *p)
{
	struct fault f = { .take = true };
	struct mem_fault_scope scope = { .fn = on_fault, .arg = &f };

	CHECK(!mem_fault_enter(&scope, NULL));
	if (!sigsetjmp(f.to, 0))
		(void)*p;
	mem_fault_leave(&scope);
	return f.addr;
}

static void test_growth(void)
{
	struct mem_linear *m = make(PAGE, 3 * PAGE);
	uint8_t *base = mem_linear_base(m);

	base[PAGE - 1] = 7;
	CHECK_EQ(mem_linear_grow(m, 0), PAGE);
	CHECK_EQ(mem_linear_grow(m, PAGE), PAGE);
	CHECK_EQ(mem_linear_grow(m, 2 * PAGE), -1);
	CHECK_EQ(mem_linear_grow(m, PAGE + 1), -1);
	CHECK_EQ(mem_linear_grow(m, UINT64_MAX - PAGE + 1), -1);
	CHECK_EQ(mem_linear_grow(m, PAGE), 2 * PAGE);
	CHECK_EQ(mem_linear_grow(m, PAGE), -1);
	CHECK_EQ(mem_linear_size(m), 3 * PAGE);
	CHECK(mem_linear_base(m) == base);
	CHECK_EQ(base[PAGE - 1], 7);
	CHECK_EQ(base[3 * PAGE - 1], 0);
	mem_linear_unref(m);
}

static void test_guard(void)
{
	struct mem_linear *m = make(PAGE, 4ull << 30);
	uint8_t *base = mem_linear_base(m);
	uint64_t far = 0xffffffffull + 0xffffffffull + 15;

	CHECK(mem_linear_guarded(m));
	CHECK(!touch(base) && !touch(base + PAGE - 1));
	CHECK(touch(base + PAGE) == base + PAGE);
	CHECK(touch(base + far) == base + far);
	CHECK(mem_linear_owns(base + far) && mem_linear_owns(base));
	CHECK(!mem_linear_owns(base - 1) && !mem_linear_owns(&m));
	CHECK_EQ(mem_linear_grow(m, PAGE), PAGE);
	CHECK(!touch(base + PAGE) && touch(base + 2 * PAGE) == base + 2 * PAGE);
	mem_linear_unref(m);
	CHECK(!mem_linear_owns(base));
}

static void skip_insn(void *arg, void *addr, void *context)
{
	ucontext_t *c = context;

	(void)addr;
#if defined(__x86_64__)
	c->uc_mcontext.gregs[REG_RIP] = *(greg_t *)arg;
#elif defined(__aarch64__)
	c->uc_mcontext.pc = *(uint64_t *)arg;
#else
	c->uc_mcontext.__gregs[REG_PC] = *(uint64_t *)arg;
#endif
}
/* Reservations are used again; nothing of the memory before shows. */
static void test_reuse(void)
{
	for (int i = 0; i < 100; i++) {
		struct mem_linear *m = make((uint64_t)(i % 5) * PAGE, 10 * PAGE);
		uint8_t *base = mem_linear_base(m);
		uint64_t size = mem_linear_size(m);

		CHECK(touch(base + size) == base + size);
		if (i % 3)
			mem_linear_grow(m, 3 * PAGE);
		for (uint64_t at = 0; at < mem_linear_size(m); at += 4096) {
			CHECK_EQ(base[at], 0);
			base[at] = 1;
		}
		mem_linear_unref(m);
	}
}

static void test_resume(void)
{
	struct mem_linear *m = make(0, PAGE);
	volatile uint8_t *base = mem_linear_base(m);
	uint64_t landing = 0;
	struct mem_fault_scope scope = { .fn = skip_insn, .arg = &landing };
	struct fault inner = { .take = false };
	struct mem_fault_scope nested = { .fn = on_fault, .arg = &inner };

#if defined(__x86_64__)
	CHECK(!mem_fault_enter(&scope, NULL) && !mem_fault_enter(&nested, NULL));
	__asm__ volatile("lea 1f(%%rip), %%rax\n\tmov %%rax, %0\n\tmovb $1, (%1)\n1:"
			 : "=m"(landing) : "r"(base) : "rax", "memory");
	mem_fault_leave(&nested);
	mem_fault_leave(&scope);
	/* The inner scope was asked first, and did not take it. */
	CHECK(inner.addr == base);
#else
	(void)base, (void)scope, (void)nested;
	mem_linear_unref(m);
	SKIP("the test is written in x86-64 assembly");
#endif
	mem_linear_unref(m);
}

/* Does a child that does fn die of the signal? */
static bool dies(void (*fn)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		close(2); /* a sanitizer's report */
		fn();
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return !WIFEXITED(status) || WEXITSTATUS(status);
}
/* Not of any memory. */
static volatile int *wild(void)
{
	volatile uintptr_t p = 16;

	return (volatile int *)p;
}
static void fault_not_taken(void)
{
	struct fault f = { .take = false };
	struct mem_fault_scope scope = { .fn = on_fault, .arg = &f };

	mem_fault_enter(&scope, NULL);
	*wild() = 1;
}
static void fault_without_scope(void)
{
	touch((uint8_t[1]){ 0 });
	*wild() = 1;
}
static void killed(void)
{
	touch((uint8_t[1]){ 0 });
	raise(SIGSEGV);
}
static void handled_before(int sig)
{
	(void)sig;
	_exit(0);
}
static void fault_with_old_handler(void)
{
	signal(SIGSEGV, handled_before);
	fault_without_scope();
	_exit(1);
}
static void test_chain(void)
{
	CHECK(dies(fault_not_taken));
	CHECK(dies(fault_without_scope));
	CHECK(dies(killed));
	/* Only a child that has not installed the handler yet can show it. */
	CHECK(!dies(fault_with_old_handler));
}

static void test_image(void)
{
	uint8_t *map;
	int fd = mem_image_create(2 * PAGE, &map, NULL);
	struct mem_linear_options o = { .size = 3 * PAGE, .max = 4 * PAGE, .page_shift = 16,
					.image_fd = fd, .image_size = 2 * PAGE };
	struct mem_linear *a, *b;

	CHECK(fd >= 0);
	memset(map, 5, 2 * PAGE);
	mem_image_seal(fd, map, 2 * PAGE);
	a = mem_linear_create(&o, NULL);
	b = mem_linear_create(&o, NULL);
	mem_image_close(fd);
	CHECK(a && b);
	mem_linear_base(a)[0] = 9;
	CHECK_EQ(mem_linear_base(b)[0], 5);
	CHECK_EQ(mem_linear_base(a)[1], 5);
	CHECK_EQ(mem_linear_base(a)[2 * PAGE - 1], 5);
	CHECK_EQ(mem_linear_base(a)[2 * PAGE], 0);
	CHECK(touch(mem_linear_base(a) + 3 * PAGE) == mem_linear_base(a) + 3 * PAGE);
	CHECK_EQ(mem_linear_grow(a, PAGE), 3 * PAGE);
	CHECK_EQ(mem_linear_base(a)[4 * PAGE - 1], 0);
	mem_linear_unref(a);
	mem_linear_unref(b);
}

/* An image of which nothing is touched is not copied. */
static void test_image_lazy(void)
{
	enum { SIZE = 32 << 20 };
	uint8_t *map;
	int fd = mem_image_create(SIZE, &map, NULL);
	struct mem_linear_options o = { .size = SIZE, .max = SIZE, .page_shift = 16,
					.image_fd = fd, .image_size = SIZE };
	struct rusage before, after;
	struct mem_linear *m;

	CHECK(fd >= 0);
	memset(map, 1, SIZE);
	mem_image_seal(fd, map, SIZE);
	getrusage(RUSAGE_SELF, &before);
	for (int i = 0; i < 100; i++) {
		m = mem_linear_create(&o, NULL);
		CHECK(m && mem_linear_base(m)[SIZE / 2] == 1);
		mem_linear_unref(m);
	}
	getrusage(RUSAGE_SELF, &after);
	mem_image_close(fd);
	/* Copies would be 8192 faults each, if nothing else. */
	CHECK(after.ru_minflt - before.ru_minflt < 4000);
}

static void test_small_pages(void)
{
	struct mem_linear_options o = { .size = 100, .max = 10000, .image_fd = -1 };
	struct mem_linear *m = mem_linear_create(&o, NULL);

	CHECK(m && !mem_linear_guarded(m));
	CHECK_EQ(mem_linear_size(m), 100);
	CHECK_EQ(mem_linear_grow(m, 1), 100);
	CHECK_EQ(mem_linear_grow(m, 9899), 101);
	CHECK_EQ(mem_linear_grow(m, 1), -1);
	mem_linear_base(m)[9999] = 1;
	mem_linear_unref(m);
}

static void test_64_bit(void)
{
	struct mem_linear_options o = { .size = PAGE, .max = UINT64_MAX & ~0xffffull,
					.page_shift = 16, .is64 = true, .image_fd = -1 };
	struct mem_linear *m = mem_linear_create(&o, NULL);

	CHECK(m && !mem_linear_guarded(m));
	CHECK_EQ(mem_linear_grow(m, 6ull << 30), PAGE);
	mem_linear_base(m)[(6ull << 30) + PAGE - 1] = 1;
	CHECK_EQ(mem_linear_grow(m, 1ull << 60), -1);
	mem_linear_unref(m);
	o.size = UINT64_MAX & ~0xffffull;
	CHECK(!mem_linear_create(&o, NULL));
}

static void many_in_little_space(void)
{
	struct rlimit little = { 1ull << 30, 1ull << 30 };
	int n = 0;

	if (setrlimit(RLIMIT_AS, &little))
		_exit(1);
	for (; n < 100; n++) {
		struct mem_linear_options o = { .size = PAGE, .max = n % 2 ? 2 * PAGE : 4ull << 30,
						.page_shift = 16, .image_fd = -1 };
		struct mem_linear *m = mem_linear_create(&o, NULL);

		if (!m || mem_linear_guarded(m))
			_exit(1);
		mem_linear_base(m)[PAGE - 1] = 1;
		if (n % 2 && mem_linear_grow(m, PAGE) != PAGE)
			_exit(1);
	}
	_exit(0);
}
/* Before any other test: reservations of memories that are gone are kept. */
static void test_no_address_space(void)
{
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	SKIP("sanitizers need the address space");
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	SKIP("sanitizers need the address space");
#endif
	CHECK(!dies(many_in_little_space));
}

static void test_thousands(void)
{
	enum { N = 6000 };
	static struct mem_linear *m[N];
	unsigned guarded = 0, n = 0;

	for (; n < N; n++) {
		struct mem_linear_options o = { .size = PAGE, .max = 16 * PAGE,
						.page_shift = 16, .image_fd = -1 };

		m[n] = mem_linear_create(&o, NULL);
		if (!m[n])
			break;
		guarded += mem_linear_guarded(m[n]);
	}
	for (unsigned i = 0; i < n; i++)
		mem_linear_unref(m[i]);
	CHECK_EQ(n, N);
#ifndef __SANITIZE_THREAD__ /* it leaves less address space */
	CHECK(guarded > 1000);
#endif
	CHECK(guarded < N);
}

enum { THREADS = 4, STEPS = 200 };
static void *grower(void *arg)
{
	struct mem_linear *m = arg;

	for (int i = 0; i < STEPS; i++) {
		int64_t old = mem_linear_grow(m, PAGE);

		if (old < 0)
			return m;
		/* The page is this thread's alone. */
		if (mem_linear_base(m)[old]++)
			return m;
	}
	mem_linear_unref(m);
	return NULL;
}
static void test_shared(void)
{
	struct mem_linear_options o = { .max = THREADS * STEPS * PAGE, .page_shift = 16,
					.shared = true, .image_fd = -1 };
	struct mem_linear *m = mem_linear_create(&o, NULL);
	pthread_t t[THREADS];

	CHECK(m);
	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&t[i], NULL, grower, mem_linear_ref(m)));
	for (int i = 0; i < THREADS; i++) {
		void *failed;

		pthread_join(t[i], &failed);
		CHECK(!failed);
	}
	CHECK_EQ(mem_linear_size(m), THREADS * STEPS * PAGE);
	CHECK_EQ(mem_linear_grow(m, PAGE), -1);
	mem_linear_unref(m);
}

/* The threads touch the same addresses, where nothing is. */
__attribute__((no_sanitize("thread"))) static void *fault_in_thread(void *arg)
{
	uint8_t *base = arg;

	for (volatile int i = 0; i < 100; i++) {
		struct fault f = { .take = true };
		struct mem_fault_scope scope = { .fn = on_fault, .arg = &f };

		if (mem_fault_enter(&scope, NULL))
			return arg;
		if (!sigsetjmp(f.to, 0))
			base[PAGE + i] = 1;
		mem_fault_leave(&scope);
		if (f.addr != base + PAGE + i)
			return arg;
	}
	return NULL;
}
static void test_thread_faults(void)
{
	struct mem_linear *m = make(PAGE, PAGE);
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&t[i], NULL, fault_in_thread, mem_linear_base(m)));
	for (int i = 0; i < THREADS; i++) {
		void *failed;

		pthread_join(t[i], &failed);
		CHECK(!failed);
	}
	mem_linear_unref(m);
}

static void save(struct mem_linear *m, struct ser_writer *w)
{
	ser_writer_init(w);
	ser_begin(w, "memory", 1);
	mem_linear_save(m, w);
	ser_end(w);
	CHECK(!w->failed);
}
static int load(struct mem_linear *m, const void *buf, size_t n)
{
	struct ser_reader r;

	ser_reader_init(&r, buf, n);
	if (ser_open(&r, "memory", 1, 1)) {
		mem_linear_load(m, &r);
		ser_close(&r);
	}
	return ser_error(&r, NULL);
}
static void test_state(void)
{
	struct mem_linear *a = make(PAGE, 100 * PAGE), *b = make(PAGE, 100 * PAGE),
			  *small = make(PAGE, 2 * PAGE), *large = make(100 * PAGE, 100 * PAGE);
	struct ser_writer w;

	mem_linear_grow(a, 90 * PAGE);
	memset(mem_linear_base(a) + 5000, 3, 2 * PAGE);
	mem_linear_base(a)[91 * PAGE - 1] = 4;
	memset(mem_linear_base(b), 0xff, PAGE);
	save(a, &w);
	CHECK(w.len < 4 * PAGE);
	CHECK_EQ(load(b, w.buf, w.len), 0);
	CHECK_EQ(mem_linear_size(b), 91 * PAGE);
	CHECK(!memcmp(mem_linear_base(a), mem_linear_base(b), 91 * PAGE));
	CHECK(load(small, w.buf, w.len));
	CHECK(load(large, w.buf, w.len));
	for (size_t n = 0; n < w.len; n += n < 100 ? 1 : 4001)
		CHECK(load(b, w.buf, n));
	ser_writer_fini(&w);
	mem_linear_unref(a);
	mem_linear_unref(b);
	mem_linear_unref(small);
	mem_linear_unref(large);
}

static void test_bad_state(void)
{
	static const struct { uint64_t size, page; uint32_t n; } bad[] = {
		{ 2 * PAGE, 32, 1 }, { 2 * PAGE, 31, 2 }, { 2 * PAGE, UINT64_MAX, 1 },
		{ 2 * PAGE, 0, UINT32_MAX }, { PAGE + 1, 0, 1 }, { UINT64_MAX, 0, 1 },
	};
	static const uint8_t bytes[3 * 4096];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mem_linear *m = make(PAGE, 3 * PAGE);
		struct ser_writer w;

		ser_writer_init(&w);
		ser_begin(&w, "memory", 1);
		ser_u64(&w, bad[i].size);
		ser_u64(&w, bad[i].page);
		ser_u32(&w, bad[i].n);
		ser_bytes(&w, bytes, sizeof(bytes));
		ser_end(&w);
		CHECK(load(m, w.buf, w.len));
		ser_writer_fini(&w);
		mem_linear_unref(m);
	}
}

static void test_out_of_memory(void)
{
	char spec[32];

	for (int n = 1;; n++) {
		struct mem_linear_options o = { .size = PAGE, .max = 2 * PAGE, .page_shift = 16,
						.image_fd = -1 };
		struct err e = { 0 };
		struct mem_linear *m;
		bool grown;

		snprintf(spec, sizeof(spec), "alloc:%d", n);
		fail_setup(spec);
		m = mem_linear_create(&o, &e);
		grown = m && mem_linear_grow(m, PAGE) == PAGE;
		fail_setup(NULL);
		CHECK(m || e.code == ENOMEM);
		CHECK(!m || mem_linear_size(m) == (grown ? 2u : 1u) * PAGE);
		mem_linear_unref(m);
		if (grown) {
			CHECK(n > 3);
			break;
		}
	}
}

TEST_MAIN({ "other_faults_go_to_whoever_was_there_before", test_chain },
	  { "without_address_space_memories_have_no_guard", test_no_address_space },
	  { "a_memory_grows_in_place_up_to_its_maximum", test_growth },
	  { "any_32_bit_index_and_offset_hit_the_guard", test_guard },
	  { "a_new_memory_is_zero_and_no_larger_than_its_size", test_reuse },
	  { "a_fault_handler_may_say_where_to_go_on", test_resume },
	  { "memories_of_one_image_do_not_see_each_others_writes", test_image },
	  { "an_image_is_mapped_and_not_copied", test_image_lazy },
	  { "pages_may_be_smaller_than_the_hosts", test_small_pages },
	  { "a_64_bit_memory_grows_past_4_gib", test_64_bit },
	  { "thousands_of_memories_are_possible", test_thousands },
	  { "threads_grow_a_shared_memory_one_page_each_time", test_shared },
	  { "each_thread_handles_its_own_faults", test_thread_faults },
	  { "state_is_saved_and_loaded", test_state },
	  { "bad_state_is_refused", test_bad_state },
	  { "out_of_memory_leaves_the_memory_as_it_was", test_out_of_memory })
