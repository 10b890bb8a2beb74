/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When what is done: a minor collection with a step of the old space's cycle,
 * sized so that the pause stays short, or the whole cycle at once; and the
 * nursery's size.
 *
 * Costs are counted, in about ns of a quiet machine.  What a count really
 * takes here is measured and scales the budgets, except in a deterministic
 * store, where two runs collect at the same points.
 */
#include "wasm/gc_heap.h"

#include <inttypes.h>
#include <time.h>

#include "base/alloc.h"
#include "base/log.h"

#ifndef GC_CLOCK
#define GC_CLOCK CLOCK_MONOTONIC
#endif

enum { GROW = 16 << 20 };               /* old bytes that a cycle is not worth */

uint64_t gc__young_bytes(const struct wasm_gc *g)
{
	return (g->start.bump - g->eden) + (g->to_bump - g->to);
}

void gc__watch(struct wasm_gc *g)
{
	g->start.watched = g->phase == GC_IDLE ? g->start.young_end / 2 - 1 : INT32_MAX;
}

void gc__cycle_end(struct wasm_gc *g)
{
	uint64_t grow = MAX(g->old_bytes / 2, MIN((uint64_t)GROW, g->limit / 4));

	for (uint32_t r = GC_OLD_FIRST; r < g->top; r++)
		if (g->space[r] == GC_SPACE_EVACUATED) {
			g->space[r] = GC_SPACE_DIRTY;
			g->ndirty++;
		}
	g->pool_used = 1;       /* no candidate is left, and no record */
	g->pool_free = 0;
	g->stats.live = g->old_bytes;
	g->stats.major++;
	/* Begin in time to end before the limit, but not all the time. */
	g->threshold = g->old_bytes + grow;
	if (g->threshold > g->limit - g->limit / 8)
		g->threshold = MAX(g->limit - g->limit / 8, g->old_bytes + g->limit / 16);
	g->phase = GC_IDLE;
}

/* One step; budget in ns. */
static void step(struct wasm_gc *g, uint64_t budget)
{
	if (g->phase == GC_IDLE) {
		if (g->old_bytes <= g->threshold && !g->full) {
			gc__release(g, 16);
			return;
		}
		gc__mark_begin(g);
	}
	if (g->phase == GC_MARKING) {
		if (gc__mark_step(g, budget))
			gc__sweep_begin(g);
	} else if (g->phase == GC_SWEEPING) {
		if (gc__sweep_step(g, budget))
			g->phase = GC_EVACUATING;
	}
	if (g->phase == GC_EVACUATING && !g->ncandidates)
		gc__cycle_end(g);
}

/* An age of one keeps what was just being made out of the old space.  When
 * nearly all that was kept back lives on, it only costs a second copy: promote
 * at once for a while. */
static void choose_age(struct wasm_gc *g, uint64_t kept)
{
	if (g->straight)
		g->straight--;
	else if (kept > g->nursery / 8 && g->aged > kept / 4 * 3)
		g->straight = 32;
	/* Or when it keeps so many old objects remembered that the next one follows. */
	g->promote_all = g->full || g->straight || g->nremembered >= GC_REMEMBERED_MANY;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(GC_CLOCK, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* What a pause may cost in counts. */
static uint64_t target(const struct wasm_gc *g)
{
	return (uint64_t)g->pause * GC_SLOW_ONE / g->slow;
}

static void measure(struct wasm_gc *g, uint64_t ns)
{
	uint64_t now = ns * GC_SLOW_ONE / MAX(g->cost, 1u);

	/* Short ones say little, and long ones may have waited for a processor. */
	if (g->store->limits.deterministic || g->cost < 100000)
		return;
	now = MAX(MIN(now, 6ull * GC_SLOW_ONE), (uint64_t)GC_SLOW_ONE / 2);
	g->slow = (g->slow * 7 + now + 4) / 8;
}

/* What is left of a pause, but enough that a cycle gets through a heap while
 * it grows by a part: for each byte promoted, a few are marked (about a ns
 * each) and swept. */
static uint64_t step_budget(const struct wasm_gc *g, uint64_t promoted)
{
	uint64_t pause = target(g), most = pause * 5 / 4, pace;
	uint64_t left = g->cost < pause ? pause - g->cost : 0;

	pace = MIN(promoted * 4, g->cost < most ? most - g->cost : 0);

	/* Late: better a longer pause than a heap that is full before the end. */
	if (g->old_bytes > g->limit || g->old_bytes > g->threshold + g->threshold / 2)
		pace = MAX(pace, pause * 2);
	return MAX(MAX(left, pace), pause / 4);
}

/* Halve the nursery when much survives, since that is what a pause costs;
 * double it when little does.  Comes before the step. */
static void adapt(struct wasm_gc *g)
{
	/* Beyond half of the most only where roots cost more than survivors. */
	uint32_t most = g->cost > 100000 ? g->nursery_max : g->nursery_max / 2;

	if (g->cost > target(g) / 2 && g->moved > g->nursery / 4)
		g->nursery = MAX(g->nursery / 2, g->nursery_min);
	else if (g->moved < g->nursery / 8)
		g->nursery = MAX(g->nursery, MIN(g->nursery * 2, most));
	g->eden_end = g->eden + g->nursery;
}

static void collect_and_step(struct wasm_gc *g)
{
	uint64_t budget = UINT64_MAX;
	uint64_t kept = g->to_bump - g->to, old = g->old_bytes;
	bool adapts = !g->full && g->phase != GC_EVACUATING && gc__young_bytes(g);

	if (g->phase == GC_EVACUATING)
		gc__evacuate_choose(g, g->full ? UINT64_MAX : target(g) / 3);
	gc__minor(g);
	choose_age(g, kept);
	g->stats.minor++;
	if (g->phase == GC_EVACUATING)
		gc__evacuate_done(g);
	g->large_since = 0;
	if (adapts)
		adapt(g);
	if (!g->full)
		budget = step_budget(g, g->old_bytes > old ? g->old_bytes - old : 0);
	step(g, budget);
	g->start.bump = g->eden;
	g->start.limit = g->store->limits.gc_stress || g->nremembered >= GC_REMEMBERED_MANY ?
		g->start.bump : g->eden_end;
	gc__watch(g);
}

static void finish(struct wasm_gc *g)
{
	while (g->phase != GC_IDLE) {
		uint32_t before = g->ncandidates;
		enum gc_phase phase = g->phase;

		collect_and_step(g);
		if (g->phase == GC_EVACUATING && phase == g->phase && g->ncandidates == before) {
			/* No room to move to: they stay. */
			while (g->ncandidates)
				gc__drop_candidate(g, g->candidates[--g->ncandidates]);
		}
	}
}

static void trace(struct wasm_gc *g, bool full, uint64_t ns)
{
	static const char *const names[] = { "idle", "mark", "sweep", "evacuate" };

	log_trace(GC, "%s %" PRIu64 " us, moved %" PRIu64 " KiB, old %" PRIu64
		  " KiB, nursery %u KiB, %s", full ? "full" : "minor", ns / 1000, g->moved >> 10,
		  g->old_bytes >> 10, g->nursery >> 10, names[g->phase]);
}

bool gc__collect(struct wasm_gc *g, bool full)
{
	uint64_t start = now_ns(), ns;

	if (gc__regions_free(g) < gc__young_bytes(g) / (GC_REGION - GC_LARGE) + 2)
		return false;
	g->stats.peak = MAX(g->stats.peak, g->old_bytes + gc__young_bytes(g));
	base_free(g->starts);
	g->starts = NULL;
	if (full) {
		g->full = true;
		g->promote_all = true;
		finish(g);
		collect_and_step(g);    /* begins and marks */
		finish(g);
		g->full = g->promote_all = false;
		g->straight = 0;
	} else {
		collect_and_step(g);
	}
	ns = now_ns() - start;
	if (!full)
		measure(g, ns);
	g->stats.pause_total_ns += ns;
	g->stats.pause_max_ns = MAX(g->stats.pause_max_ns, ns);
	trace(g, full, ns);
	return true;
}
