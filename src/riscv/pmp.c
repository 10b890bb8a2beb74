/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical memory protection (Priv. spec 3.7): 16 entries, granularity 4.
 */
#include "riscv/state.h"

enum { A_OFF = 0, A_TOR = 1, A_NA4 = 2, A_NAPOT = 3 };

static unsigned mode_of(uint8_t cfg)
{
	return cfg >> 3 & 3;
}

/* The ranges from pmpaddr and the cfg bytes. */
void riscv__pmp_update(struct riscv_hart *h)
{
	h->pmp_on = false;
	for (unsigned i = 0; i < PMP_COUNT; i++) {
		struct pmp_entry *e = &h->pmp[i];
		uint64_t a = h->pmpaddr[i];

		switch (mode_of(e->cfg)) {
		case A_TOR:
			e->lo = i ? h->pmpaddr[i - 1] << 2 : 0;
			e->hi = a << 2;
			break;
		case A_NA4:
			e->lo = a << 2;
			e->hi = e->lo + 4;
			break;
		case A_NAPOT: {
			/* k trailing ones: 2^(k+3) bytes */
			uint64_t span = a ^ (a + 1);

			e->lo = (a & ~span) << 2;
			e->hi = e->lo + ((span + 1) << 2);
			break;
		}
		default:
			e->lo = e->hi = 0;
			continue;
		}
		if (e->lo >= e->hi)
			e->lo = e->hi = 0;
		h->pmp_on = true;
	}
	riscv__tlb_flush(h);
	riscv__code_flush_map(h);
	h->check = true;
}

/* The lowest-numbered entry that matches any byte decides; it must match all. */
bool riscv__pmp_allows(const struct riscv_hart *h, uint64_t gpa, unsigned len,
		       unsigned priv, enum riscv_access acc)
{
	static const uint8_t need[] = { [ACC_FETCH] = PMP_X, [ACC_LOAD] = PMP_R, [ACC_STORE] = PMP_W };

	if (!h->pmp_on)
		return priv == PRIV_M;
	for (unsigned i = 0; i < PMP_COUNT; i++) {
		const struct pmp_entry *e = &h->pmp[i];

		if (gpa >= e->hi || gpa + len <= e->lo)
			continue;
		if (gpa < e->lo || gpa + len > e->hi)
			return false;
		if (priv == PRIV_M && !(e->cfg & PMP_L))
			return true;
		return e->cfg & need[acc];
	}
	return priv == PRIV_M;
}

bool riscv__pmp_uniform(const struct riscv_hart *h, uint64_t gpa)
{
	uint64_t end = gpa + MEM_PAGE;

	if (!h->pmp_on)
		return true;
	for (unsigned i = 0; i < PMP_COUNT; i++) {
		const struct pmp_entry *e = &h->pmp[i];

		if (e->lo == e->hi)
			continue;
		if (e->lo <= gpa && e->hi >= end)
			return true; /* this one decides for the whole page */
		if (e->lo < end && e->hi > gpa)
			return false;
	}
	return true;
}

uint64_t riscv__pmp_read_cfg(const struct riscv_hart *h, unsigned reg)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)h->pmp[reg * 4 + i].cfg << (8 * i);
	return v;
}

void riscv__pmp_write_cfg(struct riscv_hart *h, unsigned reg, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++) {
		uint8_t *cfg = &h->pmp[reg * 4 + i].cfg, b = (uint8_t)(v >> (8 * i)) & 0x9f;

		if (*cfg & PMP_L)
			continue;
		if ((b & (PMP_R | PMP_W)) == PMP_W)
			b &= (uint8_t)~PMP_W; /* reserved: R = 0 with W = 1 */
		*cfg = b;
	}
	riscv__pmp_update(h);
}

void riscv__pmp_write_addr(struct riscv_hart *h, unsigned i, uint64_t v)
{
	const struct pmp_entry *next = &h->pmp[i + 1];

	if (h->pmp[i].cfg & PMP_L)
		return;
	if (i + 1 < PMP_COUNT && (next->cfg & PMP_L) && mode_of(next->cfg) == A_TOR)
		return;
	h->pmpaddr[i] = v & (~0ull >> 10);
	riscv__pmp_update(h);
}
