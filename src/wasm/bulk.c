/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bulk operations of any size: what they cost in fuel, and how they are done
 * in steps between which an interrupt is seen.  Bounds are the caller's.
 */
#include "wasm/store.h"

#include "base/bits.h"

/* Some milliseconds on fresh memory, where most of it is the host's. */
enum { STEP = 4 << 20 };

/* Deterministic: before any effect, by size alone. */
enum wasm_trap wasm__bulk_pay(struct wasm_store *s, uint64_t bytes)
{
	const uint64_t cost = bytes / WASM_BULK_BYTES_OF_FUEL;

	if (LIKELY(!s->limits.has_fuel))
		return WASM_OK;
	if (s->fuel < cost) {
		s->fuel = 0;
		return WASM_TRAP_FUEL;
	}
	s->fuel -= cost;
	return WASM_OK;
}

bool wasm__bulk_next(struct wasm__bulk *b, struct wasm_store *s, enum wasm_trap *t)
{
	*t = WASM_OK;
	if (!b->left)
		return false;
	if (b->n && atomic_load_explicit(&s->interrupt, memory_order_relaxed)) {
		atomic_store(&s->interrupt, false);     /* it ends one call */
		*t = WASM_TRAP_INTERRUPT;
		return false;
	}
	b->at += b->down ? 0 : b->n;
	b->n = MIN(b->left, (uint64_t)STEP >> b->shift);
	b->left -= b->n;
	if (b->down)
		b->at = b->left;
	return true;
}

enum wasm_trap wasm__bulk_move(struct wasm_store *s, void *to, const void *from, uint64_t bytes)
{
	struct wasm__bulk b = { .left = bytes, .down = (uintptr_t)to > (uintptr_t)from };
	enum wasm_trap t = wasm__bulk_pay(s, bytes);

	while (!t && wasm__bulk_next(&b, s, &t))
		memmove((uint8_t *)to + b.at, (const uint8_t *)from + b.at, b.n);
	return t;
}
