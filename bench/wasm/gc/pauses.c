/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's pauses and throughput with much alive, without an
 * interpreter:  pauses [live MiB] [seconds]
 *
 *     cc -O2 -D_GNU_SOURCE -Isrc -o pauses bench/wasm/gc/pauses.c build/libdoppel.a -pthread -lm
 *
 * A table of lists is filled up to the wanted size; then lists are replaced
 * at random, so that garbage appears all over the old space, and short-lived
 * objects are made in between.  Printed: one line for the growth, one for the
 * steady state.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wasm/gc_heap.h"

static wasm_word table;
static struct wasm_store store;
static uint64_t state = 1;

void wasm__store_visit(struct wasm_store *s, wasm_visit_fn *fn, void *arg)
{
	(void)s;
	fn(arg, &table);
}
void wasm__interp_visit(struct wasm_store *s, wasm_visit_fn *fn, void *arg)
{
	(void)s, (void)fn, (void)arg;
}

static uint32_t rnd(uint32_t n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((state >> 33) % n);
}
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

enum { LIST = 20, NODE = 24 };
static uint32_t node, cells;

static wasm_word list(void)
{
	wasm_word head = 0;

	wasm_gc_push(&store, &head);
	for (int i = 0; i < LIST; i++) {
		wasm_word w = wasm_gc_struct_zero(&store, node);

		if (!w) {
			fprintf(stderr, "pauses: the heap is full\n");
			exit(1);
		}
		/* Young, so that no barrier is needed. */
		*(wasm_word *)wasm_gc_field(&store, w, 4) = head;
		head = w;
		wasm_gc_struct_zero(&store, node);      /* dies young */
	}
	wasm_gc_pop(&store, 1);
	return head;
}
static void put(uint32_t i)
{
	wasm_word l = list();

	wasm_gc_store(&store, table, wasm_gc_elem(&store, table, i, 2), l);
}

static void report(const char *what, double seconds, const struct wasm_gc_stats *a)
{
	struct wasm_gc_stats b;

	wasm_gc_stats(&store, &b);
	printf("%-7s %6.2f s, allocated %7.1f MiB/s, live %6.0f MiB, minor %5llu, cycles %2llu, "
	       "pause max %5.2f ms, mean %5.2f ms, %4.1f %% of the time\n", what, seconds,
	       (b.allocated - a->allocated) / seconds / (1 << 20), (double)b.live / (1 << 20),
	       (unsigned long long)(b.minor - a->minor), (unsigned long long)(b.major - a->major),
	       b.pause_max_ns / 1e6,
	       (b.pause_total_ns - a->pause_total_ns) / 1e6 / (double)(b.minor - a->minor + 1),
	       (b.pause_total_ns - a->pause_total_ns) / 1e7 / seconds);
}

int main(int argc, char **argv)
{
	uint64_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 1024;
	double seconds = argc > 2 ? strtod(argv[2], NULL) : 5, t0 = now();
	struct wasm_field f[] = {
		{ .type = wasm_type_ref(WASM_HEAP_ANY, true), .mutable_ = true },
		{ .type = wasm_type_num(WASM_I64), .mutable_ = true },
		{ .type = wasm_type_num(WASM_I32), .mutable_ = true },
	};
	struct wasm_deftype d = { .comp = WASM_COMP_STRUCT, .super = WASM_NO_SUPER, .nfields = 3,
				  .fields = f };
	struct wasm_gc_stats a = { 0 };
	uint32_t n = (mib << 20) / (LIST * NODE);

	store.types = wasm_type_store_create(NULL);
	store.limits.heap = (mib << 20) * 2;
	wasm_gc_init(&store, NULL);
	wasm_type_store_add(store.types, &d, 1, &node, NULL);
	d = (struct wasm_deftype){ .comp = WASM_COMP_ARRAY, .super = WASM_NO_SUPER, .nfields = 1,
				   .fields = f };
	wasm_type_store_add(store.types, &d, 1, &cells, NULL);
	table = wasm_gc_array(&store, cells, n);
	for (uint32_t i = 0; i < n; i++)
		put(i);
	report("growth", now() - t0, &a);
	wasm_gc_stats(&store, &a);
	store.gc->stats.pause_max_ns = 0;
	t0 = now();
	while (now() - t0 < seconds)
		for (int i = 0; i < 1000; i++)
			put(rnd(n));
	report("steady", now() - t0, &a);
	wasm_gc_fini(&store);
	wasm_type_store_destroy(store.types);
	return 0;
}
