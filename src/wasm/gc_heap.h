/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the collector: the heap's layout, and what gc*.c share.
 *
 * The range (offsets from its base; a word is an offset / 4):
 *
 *     0            one region that is never used, so that no object is null
 *     YOUNG        eden | survivors A | survivors B, each GC_YOUNG_MAX
 *     OLD ..       regions of 64 KiB
 *
 * A region is filled by bumping; small objects (up to 32 KiB) lie in it one
 * after the other up to `top`, dead ones too (a sweep turns these into
 * fillers), so that it can be walked.  A large object has regions of its own
 * and never moves.
 *
 * A minor collection moves what lives in the young spaces, and in the old
 * regions that are being evacuated, all of which are flagged GC_MOVING: first
 * from eden to survivors, then to old regions.  Its roots are the store's, the
 * remembered old objects, and the slots recorded for the evacuated regions.
 *
 * The old space is collected in a cycle of bounded steps, one after each minor
 * collection:
 *
 *     IDLE  -> MARK    when the old space has grown enough.  Marked and live
 *                      bytes are counted for each region.  Incremental update:
 *                      the barrier marks what is stored into old objects, what
 *                      is promoted is marked and scanned, and roots and
 *                      survivors are scanned again at the end.
 *           -> SWEEP   regions without life are free; sparse ones become
 *                      candidates.  One walk over the others: dead objects
 *                      become fillers, slots that refer to candidates are
 *                      recorded with the candidate.
 *           -> EVACUATE  a few candidates with each minor collection.
 *           -> IDLE
 *
 * An evacuated region is not used again before the end of the cycle, since
 * slots in it may still stand in records; these are skipped.
 */
#ifndef WASM_GC_HEAP_H
#define WASM_GC_HEAP_H

#include "base/arena.h"
#include "base/bits.h"
#include "wasm/gc_inline.h"

enum {
	GC_REGION_SHIFT = 16, GC_REGION = 1 << GC_REGION_SHIFT,
	GC_WORD_REGION_SHIFT = GC_REGION_SHIFT - 2,
	GC_LARGE = 32768,                       /* bytes; above: its own regions */
	GC_YOUNG_MAX = 2 << 20,                 /* bytes of each young space */
	GC_YOUNG_START = GC_REGION,
	GC_OLD_START = GC_YOUNG_START + 3 * GC_YOUNG_MAX,
	GC_OLD_FIRST = GC_OLD_START >> GC_REGION_SHIFT,
	GC_CARD_SHIFT = 7,                      /* of large arrays */
	GC_MARK_STACK = 4 << 20,                /* words */
	GC_PINS = 4096,
	GC_SLOTS_MAX = 16384,                   /* recorded for one candidate */
	/* Remembered: more are not waited for, since each may cost a minor
	 * collection half a microsecond where memory is far. */
	GC_REMEMBERED_MANY = 6144,
	GC_TYPES = 1 << 24,
	GC_SLOW_ONE = 16,
};

/* The low bits of a header. */
enum {
	GC_FORWARD = 1,         /* moved: len is the new word */
	GC_MARK = 2,            /* equal to gc->mark: alive */
	GC_REMEMBERED = 4,
	GC_AGED = 8,            /* has been moved once */
};
enum { GC_TYPE_FILLER = 0xffffff };     /* dead bytes: len * 8 of them */

enum gc_kind { GC_KIND_NONE, GC_KIND_STRUCT, GC_KIND_ARRAY, GC_KIND_HOST, GC_KIND_EXN,
	       GC_KIND_FILLER };

/* Of a region, gc->flags. */
enum { GC_MOVING = 1, GC_CANDIDATE = 2 };

/* What is in a region, gc->space. */
enum gc_space {
	GC_SPACE_FREE,          /* and no page of it in use */
	GC_SPACE_DIRTY,         /* free, not zero */
	GC_SPACE_YOUNG, GC_SPACE_OLD, GC_SPACE_LARGE, GC_SPACE_LARGE_TAIL,
	GC_SPACE_EVACUATED,     /* free after the cycle */
};

/* Recorded slots, in a pool of their own: the C library's heap would grow by
 * them without limit, and give all of it back at once, which takes long. */
struct gc_slots {
	uint32_t next;
	wasm_word at[63];
};
enum { GC_SLOTS_REGION = GC_REGION / sizeof(struct gc_slots) };

struct gc_region {
	uint32_t top;           /* bytes used */
	uint32_t next;          /* in the order of promotion; a large tail: its head */
	uint64_t live;          /* bytes marked */
	uint32_t nslots;        /* recorded slots that refer to this candidate */
	uint32_t slots, slots_last;     /* blocks of them: newest, oldest; 0: none */
	uint32_t run;           /* large: regions */
	uint32_t scan;          /* large arrays: the next element to be marked from */
	uint32_t next_scan;     /* list of them */
	bool rescan;            /* marked objects whose referents may not be */
	bool listed;                    /* in the list of large arrays */
	bool fresh;             /* its objects need no sweep */
};

/* An exception package: an object of type WASM_HEAP_EXN. */
struct gc_exn {
	uint32_t head, len;     /* payload slots */
	struct wasm_rt_tag *tag;
	uint64_t slots[];
};
struct gc_host {
	uint32_t head, len;
	uint64_t value;
};

enum gc_phase { GC_IDLE, GC_MARKING, GC_SWEEPING, GC_EVACUATING };

struct wasm_gc {
	struct wasm_gc_start start;     /* first: inlined code reads it */
	struct wasm_store *store;
	uint64_t limit;                 /* live bytes */
	uint64_t range;                 /* bytes reserved at start.base */
	void *area;                     /* the mapping that holds all of these */
	size_t area_size;
	struct wasm_gc_type *types;
	struct gc_region *regions;
	uint8_t *flags, *space;         /* by region */
	uint8_t *cards;
	uint32_t nregions, top;         /* in the range; used so far */
	struct arena arena;             /* offsets of types */

	/* Young: eden's end is start.limit, unless objects are to be made the slow way. */
	uint8_t *eden, *eden_end, *survivors[2];
	uint8_t *to, *to_bump, *to_end;
	uint8_t *scan_young;            /* survivors are scanned up to here */
	unsigned from;                  /* survivors[] with objects */
	uint32_t nursery;               /* bytes of eden in use: adapts */
	uint32_t nursery_min, nursery_max;
	bool promote_all;
	uint32_t straight;              /* collections that still promote at once */
	uint64_t aged;                  /* bytes moved that had been moved before */

	/* Old. */
	uint32_t region;                /* being filled; 0: none, and regions[0] is full */
	uint32_t scan_region, scan_at;  /* promoted objects are scanned up to here */
	uint32_t cursor;                /* where to look for free regions */
	uint64_t old_bytes;             /* objects, dead ones too until a cycle ends */
	uint64_t threshold;             /* of old_bytes: begin a cycle */
	uint64_t large_since;           /* bytes since the last minor collection */

	/* Remembered: object word, or card << 1 | 1; and the list that the
	 * running collection works off. */
	uint32_t *remembered, *remembered_old;
	uint64_t nremembered;

	/* The cycle. */
	enum gc_phase phase;
	uint32_t mark;                  /* GC_MARK or 0 */
	uint32_t *stack;                /* words, | 1: is marked, scan */
	uint32_t nstack, stack_max;
	uint32_t scan_list;             /* large arrays being marked from */
	uint32_t rescan_from;           /* regions to scan again: lowest; 0: none */
	uint64_t live;                  /* marked bytes */
	uint32_t sweep, sweep_at;       /* region; element in a large array */
	uint32_t *candidates;           /* sorted: sparsest last */
	uint32_t ncandidates;
	struct gc_slots *pool;          /* [0] is never used */
	uint32_t pool_size, pool_used, pool_free;       /* blocks; pool_free: a list */
	uint32_t pool_pages;            /* blocks that may have pages; whole regions */
	uint32_t nevacuating;           /* of this collection: candidates[ncandidates ..] */
	uint32_t ndirty, nfree;         /* free regions with pages, without, below top */
	uint64_t cost;                  /* of this collection so far, about ns */
	bool full;                      /* no budgets: finish what was begun */
	uint32_t pause;                 /* what a pause should cost, ns */
	uint32_t slow;                  /* measured ns over cost, times GC_SLOW_ONE */

	wasm_word **pins;
	uint32_t npins;
	uint8_t *starts;                /* after a load: bitmap of object starts */
	uint64_t starts_size;

	uint32_t stress_count;
	uint64_t moved;                 /* bytes in this collection */
	struct wasm_gc_stats stats;
};

static inline struct wasm_obj *gc_obj(const struct wasm_gc *g, wasm_word w)
{
	return (struct wasm_obj *)(g->start.base + (uint64_t)w * 4);
}
static inline wasm_word gc_word(const struct wasm_gc *g, const void *p)
{
	return ((const uint8_t *)p - g->start.base) / 4;
}
static inline uint32_t gc_region_of(wasm_word w) { return w >> GC_WORD_REGION_SHIFT; }
static inline uint8_t *gc_region_base(const struct wasm_gc *g, uint32_t r)
{
	return g->start.base + ((uint64_t)r << GC_REGION_SHIFT);
}
/* An object's, not null's or an i31's. */
static inline bool gc_is_ref(wasm_word w) { return w && !(w & 1); }
static inline bool gc_is_young(const struct wasm_gc *g, wasm_word w)
{
	return w < g->start.young_end;
}
static inline const struct wasm_gc_type *gc_type_of(const struct wasm_gc *g,
						    const struct wasm_obj *o)
{
	return &g->types[o->head >> WASM_OBJ_TYPE_SHIFT];
}
static inline uint64_t gc_array_size(const struct wasm_gc_type *t, uint32_t n)
{
	return align_up(WASM_ARRAY_DATA + ((uint64_t)n << t->shift), 8);
}
static inline uint64_t gc_size(const struct wasm_gc_type *t, const struct wasm_obj *o)
{
	switch (t->kind) {
	case GC_KIND_STRUCT:
		return t->bytes;
	case GC_KIND_ARRAY:
		return gc_array_size(t, o->len);
	case GC_KIND_HOST:
		return sizeof(struct gc_host);
	case GC_KIND_EXN:
		return sizeof(struct gc_exn) + 8ull * o->len;
	default:
		return 8ull * o->len;
	}
}
static inline bool gc_marked(const struct wasm_gc *g, const struct wasm_obj *o)
{
	return (o->head & GC_MARK) == g->mark;
}

typedef void gc_slot_fn(struct wasm_gc *g, wasm_word *slot, void *arg);
void gc__exn_fields(struct wasm_gc *g, struct gc_exn *x, gc_slot_fn *fn, void *arg);

/* Every word of an object that may move. */
static inline __attribute__((always_inline)) void
gc_fields(struct wasm_gc *g, struct wasm_obj *o, const struct wasm_gc_type *t,
	  gc_slot_fn *fn, void *arg)
{
	if (t->kind == GC_KIND_STRUCT) {
		for (uint32_t i = 0; i < t->nrefs; i++)
			fn(g, (wasm_word *)((uint8_t *)o + t->offsets[i]), arg);
	} else if (t->kind == GC_KIND_ARRAY) {
		wasm_word *e = (wasm_word *)((uint8_t *)o + WASM_ARRAY_DATA);

		if (t->refs)
			for (uint32_t i = 0, n = o->len; i < n; i++)
				fn(g, &e[i], arg);
	} else if (t->kind == GC_KIND_EXN) {
		gc__exn_fields(g, (struct gc_exn *)o, fn, arg);
	}
}
/* The objects of a region or a young space, up to `end`, one after another. */
static inline struct wasm_obj *gc_next(const struct wasm_gc *g, struct wasm_obj *o)
{
	return (struct wasm_obj *)((uint8_t *)o + gc_size(gc_type_of(g, o), o));
}

/* gc.c */
bool gc__begin(struct wasm_gc *g);      /* reserve, unless done; false: no memory */
void gc__reset(struct wasm_gc *g);

/* gc_type.c.  NULL: out of memory. */
const struct wasm_gc_type *gc__type(struct wasm_gc *g, uint32_t id);
void gc__types_init(struct wasm_gc *g);

/* gc_region.c.  0: no room in the range. */
uint32_t gc__region_take(struct wasm_gc *g);
uint32_t gc__region_take_run(struct wasm_gc *g, uint32_t n);
void gc__region_free(struct wasm_gc *g, uint32_t r);    /* a large head: its run */
uint64_t gc__regions_free(const struct wasm_gc *g);
void gc__release(struct wasm_gc *g, uint32_t budget);   /* give pages back */

/* gc_minor.c */
void gc__minor(struct wasm_gc *g);
void gc__visit_roots(struct wasm_gc *g, wasm_visit_fn *fn);
void gc__remember(struct wasm_gc *g, wasm_word obj, const wasm_word *slot);
void gc__record(struct wasm_gc *g, wasm_word *slot, uint32_t candidate);
void gc__drop_slots(struct wasm_gc *g, uint32_t r);
void gc__drop_candidate(struct wasm_gc *g, uint32_t r);

/* gc_mark.c */
void gc__mark_begin(struct wasm_gc *g);
bool gc__mark_step(struct wasm_gc *g, uint64_t budget); /* true: all marked */
void gc__mark_later(struct wasm_gc *g, wasm_word w);    /* old, and alive */
void gc__mark_stored(struct wasm_gc *g, wasm_word value);

/* gc_compact.c */
void gc__sweep_begin(struct wasm_gc *g);
bool gc__sweep_step(struct wasm_gc *g, uint64_t budget); /* true: swept */
void gc__evacuate_choose(struct wasm_gc *g, uint64_t budget); /* before gc__minor */
void gc__evacuate_done(struct wasm_gc *g);              /* after it */

/* gc_cycle.c: a minor collection and a step of the cycle, or all of it. */
bool gc__collect(struct wasm_gc *g, bool full);         /* false: no room to move to */
void gc__cycle_end(struct wasm_gc *g);
uint64_t gc__young_bytes(const struct wasm_gc *g);
void gc__watch(struct wasm_gc *g);                      /* sets start.watched */

#endif
