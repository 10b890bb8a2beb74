/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IMSIC: the hart's interrupt files, and the CSRs of Smaia and Ssaia that go
 * with them (AIA spec chapters 2, 3 and 5).
 *
 * Two files, M-level and S-level, with 255 identities.  The pending bits are
 * set by any thread (a message arrives); all the rest belongs to the hart.
 * There are no guest files and no hypervisor; every major interrupt has its
 * default priority (the iprio arrays read as zero).
 */
#include "riscv/imsic.h"

#include <errno.h>

#include "base/alloc.h"

enum { IDS = 256, WORDS = IDS / 64 };
enum { FILE_M, FILE_S, FILES };
/* Registers behind *ireg. */
enum { EIDELIVERY = 0x70, EITHRESHOLD = 0x72, EIP0 = 0x80, EIE0 = 0xc0 };
enum { IPRIO0 = 0x30 };
enum {
	CSR_SISELECT = 0x150, CSR_SIREG = 0x151, CSR_STOPEI = 0x15c, CSR_STOPI = 0xdb0,
	CSR_MISELECT = 0x350, CSR_MIREG = 0x351, CSR_MTOPEI = 0x35c, CSR_MTOPI = 0xfb0,
	CSR_MVIEN = 0x308, CSR_MVIP = 0x309,
};

struct file {
	uint64_t pending[WORDS];        /* atomic */
	uint64_t enabled[WORDS];
	uint32_t delivery, threshold;
	uint64_t select;                /* *iselect */
};
struct imsic {
	struct file file[FILES];
};

int riscv__imsic_create(struct riscv_hart *h, struct err *e)
{
	h->imsic = base_zalloc(sizeof(*h->imsic));
	return h->imsic ? 0 : err_set(e, ENOMEM, "interrupt files: out of memory");
}

void riscv__imsic_destroy(struct riscv_hart *h)
{
	base_free(h->imsic);
}

void riscv__imsic_reset(struct riscv_hart *h)
{
	for (unsigned f = 0; f < FILES; f++) {
		struct file *p = &h->imsic->file[f];

		for (unsigned i = 0; i < WORDS; i++) {
			__atomic_store_n(&p->pending[i], 0, __ATOMIC_RELAXED);
			p->enabled[i] = 0;
		}
		p->delivery = p->threshold = 0;
		p->select = 0;
	}
}

void riscv_imsic_set(struct riscv_hart *h, bool m_level, uint32_t id)
{
	struct file *f;

	if (!h->imsic || !id || id >= IDS) /* identities that do not exist are ignored */
		return;
	f = &h->imsic->file[m_level ? FILE_M : FILE_S];
	__atomic_fetch_or(&f->pending[id / 64], BIT(id % 64), __ATOMIC_ACQ_REL);
}

/* The lowest pending and enabled identity below the threshold; 0: none. */
static unsigned top(const struct file *f)
{
	for (unsigned i = 0; i < WORDS; i++) {
		uint64_t ready = __atomic_load_n(&f->pending[i], __ATOMIC_ACQUIRE) & f->enabled[i];

		if (ready) {
			unsigned id = 64 * i + (unsigned)__builtin_ctzll(ready);

			return !f->threshold || id < f->threshold ? id : 0;
		}
	}
	return 0;
}

uint64_t riscv__imsic_lines(struct riscv_hart *h)
{
	const struct file *f = h->imsic->file;
	uint64_t ip = 0;

	if (f[FILE_M].delivery == 1 && top(&f[FILE_M]))
		ip |= IP_MEIP;
	if (f[FILE_S].delivery == 1 && top(&f[FILE_S]))
		ip |= IP_SEIP;
	return ip;
}

/* ---- indirect registers --------------------------------------------------------- */

/* For XLEN 64 the odd eip and eie registers do not exist. */
static bool word_of(uint64_t select, unsigned base, unsigned *word)
{
	*word = (unsigned)(select - base) / 2;
	return !(select & 1);
}

static bool reg_read(struct file *f, uint64_t *v)
{
	uint64_t s = f->select;
	unsigned w;

	*v = 0;
	if (s >= IPRIO0 && s < IPRIO0 + 16)
		return !(s & 1);
	if (s == EIDELIVERY)
		*v = f->delivery;
	else if (s == EITHRESHOLD)
		*v = f->threshold;
	else if (s >= EIP0 && s < EIP0 + 64) {
		if (!word_of(s, EIP0, &w))
			return false;
		*v = w < WORDS ? __atomic_load_n(&f->pending[w], __ATOMIC_ACQUIRE) : 0;
	} else if (s >= EIE0 && s < EIE0 + 64) {
		if (!word_of(s, EIE0, &w))
			return false;
		*v = w < WORDS ? f->enabled[w] : 0;
	} else {
		return s == 0x71 || (s > 0x72 && s < 0x80); /* reserved: read-only 0 */
	}
	return true;
}

static bool reg_write(struct riscv_hart *h, struct file *f, uint64_t v)
{
	uint64_t s = f->select, old;
	unsigned w;

	if (!reg_read(f, &old))
		return false;
	if (s == EIDELIVERY) {
		f->delivery = v & 1;
	} else if (s == EITHRESHOLD) {
		f->threshold = v & (IDS - 1);
	} else if (s >= EIP0 && s < EIP0 + 64 && word_of(s, EIP0, &w) && w < WORDS) {
		v &= w ? ~0ull : ~1ull; /* identity 0 does not exist */
		__atomic_store_n(&f->pending[w], v, __ATOMIC_RELEASE);
	} else if (s >= EIE0 && s < EIE0 + 64 && word_of(s, EIE0, &w) && w < WORDS) {
		f->enabled[w] = v & (w ? ~0ull : ~1ull);
	}
	h->check = true;
	return true;
}

/* ---- CSRs -------------------------------------------------------------------------- */

static uint64_t topei(const struct file *f)
{
	unsigned id = top(f);

	return (uint64_t)id << 16 | id;
}

/* mtopi, stopi: identity of the highest-priority pending and enabled major
 * interrupt of that level, priority 1. */
static uint64_t topi(struct riscv_hart *h, bool m_level)
{
	static const uint8_t order[] = { 11, 3, 7, 9, 1, 5 };
	uint64_t irqs = riscv__mip(h) & h->mie;

	irqs &= m_level ? ~h->mideleg : h->mideleg;
	for (unsigned i = 0; i < ARRAY_LEN(order); i++)
		if (irqs >> order[i] & 1)
			return (uint64_t)order[i] << 16 | 1;
	return 0;
}

static struct file *file_of(struct riscv_hart *h, unsigned csr)
{
	return &h->imsic->file[(csr >> 8 & 3) == PRIV_S ? FILE_S : FILE_M];
}

bool riscv__imsic_csr_read(struct riscv_hart *h, unsigned csr, uint64_t *v)
{
	switch (csr) {
	case CSR_SISELECT: case CSR_MISELECT: *v = file_of(h, csr)->select; return true;
	case CSR_SIREG: case CSR_MIREG: return reg_read(file_of(h, csr), v);
	case CSR_STOPEI: case CSR_MTOPEI: *v = topei(file_of(h, csr)); return true;
	case CSR_STOPI: *v = topi(h, false); return true;
	case CSR_MTOPI: *v = topi(h, true); return true;
	case CSR_MVIEN: case CSR_MVIP: *v = 0; return true; /* no virtual interrupts */
	default: return false;
	}
}

bool riscv__imsic_csr_write(struct riscv_hart *h, unsigned csr, uint64_t v)
{
	switch (csr) {
	case CSR_SISELECT: case CSR_MISELECT: file_of(h, csr)->select = v & 0xfff; return true;
	case CSR_SIREG: case CSR_MIREG: return reg_write(h, file_of(h, csr), v);
	case CSR_MVIEN: case CSR_MVIP: return true;
	default: return false;
	}
}

/* A write to *topei claims what was read, not what is on top by now: a message
 * may have arrived since.  Pending bits are changed where they are for the
 * same reason. */
bool riscv__imsic_modify(struct riscv_hart *h, unsigned csr, uint64_t old, uint64_t operand,
			 enum riscv_csr_op op)
{
	struct file *f;
	unsigned w;

	if (!h->imsic)
		return false;
	f = file_of(h, csr);
	if (csr == CSR_STOPEI || csr == CSR_MTOPEI) {
		unsigned id = (unsigned)(old >> 16);

		if (id)
			__atomic_fetch_and(&f->pending[id / 64], ~BIT(id % 64), __ATOMIC_ACQ_REL);
		h->check = true;
		return true;
	}
	if ((csr != CSR_SIREG && csr != CSR_MIREG) || op == CSR_SWAP || f->select < EIP0 ||
	    f->select >= EIP0 + 64 || !word_of(f->select, EIP0, &w) || w >= WORDS)
		return false;
	if (op == CSR_SET)
		__atomic_fetch_or(&f->pending[w], operand & (w ? ~0ull : ~1ull), __ATOMIC_ACQ_REL);
	else
		__atomic_fetch_and(&f->pending[w], ~operand, __ATOMIC_ACQ_REL);
	h->check = true;
	return true;
}

/* ---- state -------------------------------------------------------------------------- */

void riscv__imsic_save(struct riscv_hart *h, struct ser_writer *w)
{
	for (unsigned f = 0; f < FILES; f++) {
		const struct file *p = &h->imsic->file[f];

		for (unsigned i = 0; i < WORDS; i++) {
			ser_u64(w, __atomic_load_n(&p->pending[i], __ATOMIC_ACQUIRE));
			ser_u64(w, p->enabled[i]);
		}
		ser_u32(w, p->delivery);
		ser_u32(w, p->threshold);
		ser_u64(w, p->select);
	}
}

void riscv__imsic_load(struct riscv_hart *h, struct ser_reader *r)
{
	for (unsigned f = 0; f < FILES; f++) {
		struct file *p = &h->imsic->file[f];

		for (unsigned i = 0; i < WORDS; i++) {
			uint64_t none = i ? 0 : 1; /* identity 0 */

			__atomic_store_n(&p->pending[i], ser_get_u64(r) & ~none, __ATOMIC_RELEASE);
			p->enabled[i] = ser_get_u64(r) & ~none;
		}
		p->delivery = ser_get_u32(r) & 1;
		p->threshold = ser_get_u32(r) & (IDS - 1);
		p->select = ser_get_u64(r) & 0xfff;
	}
}
