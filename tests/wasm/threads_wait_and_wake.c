/* SPDX-License-Identifier: Apache-2.0 */
/* memory.atomic.wait and notify below the instructions: stores on threads. */
#include "tests/test.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "wasm/rt.h"

enum { THREADS = 4, PAGE = 65536 };

/* What wait and notify look at of a store and a memory. */
struct fixture {
	struct wasm_store stores[THREADS];
	struct wasm_rt_memory mem;
};
static void fixture_init(struct fixture *f, bool shared)
{
	struct mem_linear_options o = {
		.size = PAGE, .max = PAGE, .page_shift = 16, .shared = shared, .image_fd = -1,
	};
	struct err e;

	memset(f, 0, sizeof(*f));
	f->mem.mem = mem_linear_create(&o, &e);
	CHECK(f->mem.mem);
	f->mem.base = mem_linear_base(f->mem.mem);
	f->mem.size = PAGE;
}
static void fixture_fini(struct fixture *f)
{
	mem_linear_unref(f->mem.mem);
}
static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
static uint32_t *cell(struct fixture *f, uint64_t addr)
{
	return (uint32_t *)(f->mem.base + addr);
}

static void bad_addresses_trap(void)
{
	struct fixture f;
	struct wasm_store *s = f.stores;

	fixture_init(&f, true);
	CHECK(wasm__atomic_wait(s, &f.mem, 2, 4, 0, 0) == -WASM_TRAP_UNALIGNED);
	CHECK(wasm__atomic_wait(s, &f.mem, 4, 8, 0, 0) == -WASM_TRAP_UNALIGNED);
	CHECK(wasm__atomic_wait(s, &f.mem, PAGE, 4, 0, 0) == -WASM_TRAP_MEMORY);
	CHECK(wasm__atomic_wait(s, &f.mem, ~7ull, 8, 0, 0) == -WASM_TRAP_MEMORY);
	CHECK(wasm__atomic_notify(s, &f.mem, 1, 1) == -WASM_TRAP_UNALIGNED);
	CHECK(wasm__atomic_notify(s, &f.mem, PAGE, 1) == -WASM_TRAP_MEMORY);
	CHECK(wasm__atomic_notify(s, &f.mem, PAGE - 4, 1) == 0);
	fixture_fini(&f);
}
static void an_unshared_memory_cannot_be_waited_at(void)
{
	struct fixture f;

	fixture_init(&f, false);
	CHECK(wasm__atomic_wait(f.stores, &f.mem, 0, 4, 0, 0) == -WASM_TRAP_EXPECTED_SHARED);
	CHECK(wasm__atomic_notify(f.stores, &f.mem, 0, 1) == 0);
	fixture_fini(&f);
}
static void another_value_is_not_waited_for(void)
{
	struct fixture f;

	fixture_init(&f, true);
	*cell(&f, 8) = 5;
	*cell(&f, 12) = 1;
	CHECK_EQ(wasm__atomic_wait(f.stores, &f.mem, 8, 4, 4, -1), 1);
	CHECK_EQ(wasm__atomic_wait(f.stores, &f.mem, 8, 8, 5, -1), 1);
	/* wait32 looks at 32 bits of what is expected */
	CHECK_EQ(wasm__atomic_wait(f.stores, &f.mem, 8, 4, 5, 0), 2);
	CHECK_EQ(wasm__atomic_wait(f.stores, &f.mem, 8, 8, 1ull << 32 | 5, 0), 2);
	fixture_fini(&f);
}
static void time_runs_out(void)
{
	struct fixture f;
	uint64_t before = now_ns();

	fixture_init(&f, true);
	CHECK_EQ(wasm__atomic_wait(f.stores, &f.mem, 0, 4, 0, 20 * 1000000), 2);
	CHECK(now_ns() - before >= 20 * 1000000);
	fixture_fini(&f);
}

/* ---- between threads ---- */

struct waiter {
	struct fixture *f;
	struct wasm_store *store;
	uint64_t addr;
	int64_t timeout;
	int result;
	pthread_t thread;
};
static void *waiter_run(void *arg)
{
	struct waiter *w = arg;

	w->result = wasm__atomic_wait(w->store, &w->f->mem, w->addr, 4, 0, w->timeout);
	return NULL;
}
static void waiters_start(struct fixture *f, struct waiter *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		w[i].f = f;
		w[i].store = &f->stores[i];
		CHECK(!pthread_create(&w[i].thread, NULL, waiter_run, &w[i]));
	}
}
/* Wake until so many have woken. */
static void wake(struct fixture *f, uint64_t addr, uint32_t count)
{
	while (count) {
		int64_t n = wasm__atomic_notify(f->stores, &f->mem, addr, count);

		CHECK(n >= 0 && n <= count);
		count -= (uint32_t)n;
		if (count)
			usleep(200);
	}
}
static void as_many_wake_as_are_asked_for(void)
{
	struct fixture f;
	struct waiter w[THREADS] = { 0 };
	unsigned woken = 0;

	fixture_init(&f, true);
	for (unsigned i = 0; i < THREADS; i++)
		w[i] = (struct waiter){ .addr = 16, .timeout = -1 };
	/* a neighbor that nobody wakes */
	w[3] = (struct waiter){ .addr = 20, .timeout = 50 * 1000000 };
	waiters_start(&f, w, THREADS);
	wake(&f, 16, 2);
	wake(&f, 16, 1);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		woken += w[i].result == 0;
	}
	CHECK_EQ(woken, 3);
	CHECK_EQ(w[3].result, 2);
	CHECK(wasm__atomic_notify(f.stores, &f.mem, 16, ~0u) == 0);
	fixture_fini(&f);
}
static void interruption_reaches_a_waiter(void)
{
	struct fixture f;
	struct waiter w[2] = { { .timeout = -1 }, { .timeout = -1 } };

	fixture_init(&f, true);
	waiters_start(&f, w, 2);
	usleep(5000);
	wasm_interrupt(w[0].store);
	pthread_join(w[0].thread, NULL);
	CHECK(w[0].result == -WASM_TRAP_INTERRUPT);
	/* the other one still waits */
	wake(&f, 0, 1);
	pthread_join(w[1].thread, NULL);
	CHECK_EQ(w[1].result, 0);
	fixture_fini(&f);
}
static void interruption_before_the_wait_is_not_missed(void)
{
	struct fixture f;

	fixture_init(&f, true);
	wasm_interrupt(f.stores);
	CHECK(wasm__atomic_wait(f.stores, &f.mem, 0, 4, 0, -1) == -WASM_TRAP_INTERRUPT);
	fixture_fini(&f);
}

/* A mutex as compilers make it: 0 free, 1 taken, 2 taken and waited for. */
struct worker {
	struct fixture *f;
	struct wasm_store *store;
	pthread_t thread;
};
enum { LOCK_AT = 64, COUNT_AT = 128, TURNS = 5000 };
static void *worker_run(void *arg)
{
	struct worker *w = arg;
	uint32_t *lock = cell(w->f, LOCK_AT), *count = cell(w->f, COUNT_AT);

	for (unsigned i = 0; i < TURNS; i++) {
		uint32_t was = 0;

		if (!__atomic_compare_exchange_n(lock, &was, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			while (__atomic_exchange_n(lock, 2, __ATOMIC_SEQ_CST))
				wasm__atomic_wait(w->store, &w->f->mem, LOCK_AT, 4, 2, -1);
		*count += 1;    /* not atomic: the mutex is what is tested */
		if (__atomic_exchange_n(lock, 0, __ATOMIC_SEQ_CST) == 2)
			wasm__atomic_notify(w->store, &w->f->mem, LOCK_AT, 1);
	}
	return NULL;
}
static void a_mutex_of_wait_and_notify_excludes(void)
{
	struct fixture f;
	struct worker w[THREADS];

	fixture_init(&f, true);
	for (unsigned i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .f = &f, .store = &f.stores[i] };
		CHECK(!pthread_create(&w[i].thread, NULL, worker_run, &w[i]));
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	CHECK_EQ(*cell(&f, COUNT_AT), THREADS * TURNS);
	fixture_fini(&f);
}

TEST_MAIN({ "bad_addresses_trap", bad_addresses_trap },
	  { "an_unshared_memory_cannot_be_waited_at", an_unshared_memory_cannot_be_waited_at },
	  { "another_value_is_not_waited_for", another_value_is_not_waited_for },
	  { "time_runs_out", time_runs_out },
	  { "as_many_wake_as_are_asked_for", as_many_wake_as_are_asked_for },
	  { "interruption_reaches_a_waiter", interruption_reaches_a_waiter },
	  { "interruption_before_the_wait_is_not_missed", interruption_before_the_wait_is_not_missed },
	  { "a_mutex_of_wait_and_notify_excludes", a_mutex_of_wait_and_notify_excludes })
