/* SPDX-License-Identifier: Apache-2.0 */
/*
 * APLIC, the advanced platform-level interrupt controller (RISC-V AIA 1.0,
 * chapter 4).  Registers of a domain, 32 bits each:
 *
 *      0000            domaincfg       bit 8 IE, bit 2 DM (1: messages)
 *      0004 + 4(s-1)   sourcecfg       bit 10 delegate, 2..0 mode
 *      1bc0 .. 1bcc    mmsiaddrcfg, mmsiaddrcfgh, smsiaddrcfg, smsiaddrcfgh
 *      1c00 setip      1cdc setipnum   1d00 in_clrip   1ddc clripnum
 *      1e00 setie      1edc setienum   1f00 clrie      1fdc clrienum
 *      2000 setipnum_le                2004 setipnum_be
 *      3000 genmsi     31..18 hart, 10..0 id
 *      3004 + 4(s-1)   target          31..18 hart; direct: 7..0 priority;
 *                                      messages: 17..12 guest, 10..0 id
 *      4000 + 32 hart  idelivery +0, iforce +4, ithreshold +8, topi +18,
 *                      claimi +1c      (direct delivery)
 *
 * What sources and delivery do is in aplic_domain.c.
 * Relies on: its own lock.  Never takes the io lock.
 */
#include <assert.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/log.h"
#include "dev/aplic_domain.h"

enum {
	DOMAINCFG = 0x0000, SOURCECFG = 0x0004, MSIADDR = 0x1bc0, MSIADDR_END = 0x1bd0,
	SETIP = 0x1c00, SETIPNUM = 0x1cdc, IN_CLRIP = 0x1d00, CLRIPNUM = 0x1ddc,
	SETIE = 0x1e00, SETIENUM = 0x1edc, CLRIE = 0x1f00, CLRIENUM = 0x1fdc,
	SETIPNUM_LE = 0x2000, SETIPNUM_BE = 0x2004, GENMSI = 0x3000, TARGET = 0x3004,
	IDC = 0x4000, IDC_SIZE = 32,
	IDELIVERY = 0x00, IFORCE = 0x04, ITHRESHOLD = 0x08, TOPI = 0x18, CLAIMI = 0x1c,
	MSIADDR_LOCK = 31,
};
/* mmsiaddrcfgh: lock, HHXS, LHXS, HHXW, LHXW, PPN; smsiaddrcfgh: LHXS, PPN */
static const uint32_t msiaddr_mask[4] = { 0xffffffff, 0x9f77ffff, 0xffffffff, 0x00700fff };

/* ---- reads -------------------------------------------------------------------- */

/* 32 sources from word w through a predicate. */
static uint32_t collect(const struct aplic__domain *d, uint64_t w,
			bool (*get)(const struct aplic__domain *d, unsigned source))
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 32 && w < APLIC__WORDS; i++) {
		unsigned s = 32 * (unsigned)w + i;

		if (aplic__active(d, s) && get(d, s))
			v |= 1u << i;
	}
	return v;
}

static uint32_t read_target(const struct aplic__domain *d, uint64_t source)
{
	if (!aplic__active(d, (unsigned)source))
		return 0;
	if (d->domaincfg & APLIC__DM)
		return d->target[source] & 0xfffff7ff;
	return (d->target[source] & 0xfffc0000) | MAX(d->target[source] & 0xff, 1u);
}

static uint32_t read_idc(struct aplic__domain *d, unsigned hart, unsigned reg)
{
	if (hart >= d->aplic->desc.harts)
		return 0;
	switch (reg) {
	case IDELIVERY: return d->idc[hart].delivery;
	case IFORCE: return d->idc[hart].force;
	case ITHRESHOLD: return d->idc[hart].threshold;
	case TOPI: return aplic__top(d, hart);
	case CLAIMI: return aplic__claim(d, hart);
	}
	return 0;
}

/* Whether the domain has address registers: the M-level root. */
static bool has_msiaddr(const struct aplic__domain *d)
{
	return d->is_root && d->m_level;
}

static uint32_t read_reg(struct aplic__domain *d, uint64_t off)
{
	if (off == DOMAINCFG)
		return 0x80000000 | d->domaincfg;
	if (off >= SOURCECFG && off < SOURCECFG + 4 * APLIC_SOURCES)
		return d->sourcecfg[off / 4];
	if (off >= MSIADDR && off < MSIADDR_END)
		return has_msiaddr(d) ? d->aplic->msiaddr[(off - MSIADDR) / 4] : 0;
	if (off >= SETIP && off < SETIP + 4 * APLIC__WORDS)
		return collect(d, (off - SETIP) / 4, aplic__pending);
	if (off >= IN_CLRIP && off < IN_CLRIP + 4 * APLIC__WORDS)
		return collect(d, (off - IN_CLRIP) / 4, aplic__rectified);
	if (off >= SETIE && off < SETIE + 4 * APLIC__WORDS)
		return d->enable[(off - SETIE) / 4];
	if (off >= TARGET && off < TARGET + 4 * APLIC_SOURCES)
		return read_target(d, (off - TARGET) / 4 + 1);
	if (off >= IDC)
		return read_idc(d, (unsigned)(off - IDC) / IDC_SIZE, off % IDC_SIZE);
	return 0;
}

/* ---- writes ------------------------------------------------------------------- */

static void each_bit(struct aplic__domain *d, uint64_t w, uint32_t v, bool on,
		     void (*put)(struct aplic__domain *d, unsigned source, bool on))
{
	for (; v && w < APLIC__WORDS; v &= v - 1)
		put(d, 32 * (unsigned)w + (unsigned)__builtin_ctz(v), on);
}

static void write_msiaddr(struct aplic__domain *d, unsigned i, uint32_t v)
{
	uint32_t *r = d->aplic->msiaddr;

	if (has_msiaddr(d) && !(r[1] >> MSIADDR_LOCK))
		r[i] = v & msiaddr_mask[i];
}

static void write_idc(struct aplic__domain *d, unsigned hart, unsigned reg, uint32_t v)
{
	if (hart >= d->aplic->desc.harts)
		return;
	switch (reg) {
	case IDELIVERY: d->idc[hart].delivery = v & 1; break;
	case IFORCE: d->idc[hart].force = v & 1; break;
	case ITHRESHOLD: d->idc[hart].threshold = v & 0xff; break;
	}
}

static void write_source(struct aplic__domain *d, unsigned source, uint32_t v)
{
	if (aplic__active(d, source))
		d->target[source] = v;
}

static void write_reg(struct aplic__domain *d, uint64_t off, uint32_t v)
{
	if (off == DOMAINCFG)
		aplic__write_domaincfg(d, v);
	else if (off >= SOURCECFG && off < SOURCECFG + 4 * APLIC_SOURCES)
		aplic__write_sourcecfg(d, (unsigned)off / 4, v);
	else if (off >= MSIADDR && off < MSIADDR_END)
		write_msiaddr(d, (unsigned)(off - MSIADDR) / 4, v);
	else if (off >= SETIP && off < SETIPNUM)
		each_bit(d, (off - SETIP) / 4, v, true, aplic__request);
	else if (off == SETIPNUM || off == SETIPNUM_LE)
		aplic__request(d, v, true);
	else if (off >= IN_CLRIP && off < CLRIPNUM)
		each_bit(d, (off - IN_CLRIP) / 4, v, false, aplic__request);
	else if (off == CLRIPNUM)
		aplic__request(d, v, false);
	else if (off >= SETIE && off < SETIENUM)
		each_bit(d, (off - SETIE) / 4, v, true, aplic__enable);
	else if (off == SETIENUM)
		aplic__enable(d, v, true);
	else if (off >= CLRIE && off < CLRIENUM)
		each_bit(d, (off - CLRIE) / 4, v, false, aplic__enable);
	else if (off == CLRIENUM)
		aplic__enable(d, v, false);
	else if (off == SETIPNUM_BE)
		aplic__request(d, be32(v), true);
	else if (off == GENMSI && (d->domaincfg & APLIC__DM))
		aplic__send_msi(d, v & 0xfffc07ff);
	else if (off >= TARGET && off < TARGET + 4 * APLIC_SOURCES)
		write_source(d, (unsigned)(off - TARGET) / 4 + 1, v);
	else if (off >= IDC)
		write_idc(d, (unsigned)(off - IDC) / IDC_SIZE, off % IDC_SIZE, v);
}

static bool aplic_read(void *ctx, uint64_t off, unsigned width, uint64_t *val)
{
	struct aplic__domain *d = ctx;

	if (width != 4)
		return false;
	lock_take(&d->aplic->lock);
	*val = read_reg(d, off);
	if (off >= IDC) /* a claim may have lowered a line */
		aplic__deliver(d);
	lock_drop(&d->aplic->lock);
	return true;
}

static bool aplic_write(void *ctx, uint64_t off, unsigned width, uint64_t val)
{
	struct aplic__domain *d = ctx;
	struct aplic *a = d->aplic;

	if (width != 4)
		return false;
	lock_take(&a->lock);
	write_reg(d, off, (uint32_t)val);
	/* All domains: delegation takes sources away from the child. */
	for (unsigned i = 0; i < a->domains; i++)
		aplic__deliver(&a->domain[i]);
	lock_drop(&a->lock);
	return true;
}

static const struct mem_mmio_ops aplic_mmio = { aplic_read, aplic_write };

/* ---- wires -------------------------------------------------------------------- */

static void aplic_set(void *ctx, unsigned source, bool level)
{
	struct aplic *a = ctx;

	lock_take(&a->lock);
	if (level != aplic__bit(a->level, source)) {
		log_trace(IRQ, "aplic: source %u level %u", source, level);
		aplic__put(a->level, source, level);
		for (unsigned i = 0; i < a->domains; i++) {
			aplic__wire(&a->domain[i], source, level);
			aplic__deliver(&a->domain[i]);
		}
	}
	lock_drop(&a->lock);
}

struct vm_irq aplic_irq(struct aplic *a, unsigned source)
{
	assert(source >= 1 && source <= APLIC_SOURCES); /* the board's table */
	return (struct vm_irq){ aplic_set, a, source };
}

/* ---- life and state ------------------------------------------------------------- */

static void aplic_reset(struct vm_dev *dev)
{
	struct aplic *a = container_of(dev, struct aplic, dev);

	lock_take(&a->lock);
	memset(a->msiaddr, 0, sizeof(a->msiaddr));
	for (unsigned i = 0; i < a->domains; i++) {
		struct aplic__domain *d = &a->domain[i];

		memset(d->sourcecfg, 0, sizeof(d->sourcecfg));
		memset(d->target, 0, sizeof(d->target));
		memset(d->pending, 0, sizeof(d->pending));
		memset(d->enable, 0, sizeof(d->enable));
		for (unsigned h = 0; h < a->desc.harts; h++)
			d->idc[h] = (struct aplic__idc){ .out = d->idc[h].out };
		aplic__write_domaincfg(d, 0);
		aplic__deliver(d);
	}
	lock_drop(&a->lock);
}

static void save_domain(const struct aplic__domain *d, struct ser_writer *w)
{
	ser_u32(w, d->domaincfg);
	for (unsigned s = 1; s < APLIC__SOURCES; s++) {
		ser_u16(w, d->sourcecfg[s]);
		ser_u32(w, d->target[s]);
	}
	for (unsigned i = 0; i < APLIC__WORDS; i++) {
		ser_u32(w, d->pending[i]);
		ser_u32(w, d->enable[i]);
	}
	for (unsigned h = 0; h < d->aplic->desc.harts; h++) {
		ser_u8(w, d->idc[h].delivery);
		ser_u8(w, d->idc[h].force);
		ser_u8(w, (uint8_t)d->idc[h].threshold);
	}
}

static void aplic_save(struct vm_dev *dev, struct ser_writer *w)
{
	struct aplic *a = container_of(dev, struct aplic, dev);

	lock_take(&a->lock);
	ser_begin(w, dev->name, 1);
	ser_u32(w, a->domains);
	ser_u32(w, a->desc.harts);
	for (unsigned i = 0; i < 4; i++)
		ser_u32(w, a->msiaddr[i]);
	for (unsigned i = 0; i < APLIC__WORDS; i++)
		ser_u32(w, a->level[i]);
	for (unsigned i = 0; i < a->domains; i++)
		save_domain(&a->domain[i], w);
	ser_end(w);
	lock_drop(&a->lock);
}

/* Everything goes through the rules for register writes, then the pending and
 * enable bits of active sources are taken as they were. */
static void load_domain(struct aplic__domain *d, struct ser_reader *r)
{
	aplic__write_domaincfg(d, ser_get_u32(r));
	for (unsigned s = 1; s < APLIC__SOURCES; s++) {
		aplic__write_sourcecfg(d, s, ser_get_u16(r));
		write_source(d, s, ser_get_u32(r));
	}
	for (unsigned i = 0; i < APLIC__WORDS; i++) {
		uint32_t active = 0;

		for (unsigned s = 32 * i; s < 32 * i + 32; s++)
			active |= (uint32_t)aplic__active(d, s) << s % 32;
		d->pending[i] = ser_get_u32(r) & active;
		d->enable[i] = ser_get_u32(r) & active;
	}
	for (unsigned h = 0; h < d->aplic->desc.harts; h++) {
		d->idc[h].delivery = ser_get_u8(r) & 1;
		d->idc[h].force = ser_get_u8(r) & 1;
		d->idc[h].threshold = ser_get_u8(r);
	}
}

static void load_fields(struct aplic *a, struct ser_reader *r)
{
	for (unsigned i = 0; i < 4; i++)
		a->msiaddr[i] = ser_get_u32(r) & (has_msiaddr(&a->domain[0]) ? msiaddr_mask[i] : 0);
	for (unsigned i = 0; i < APLIC__WORDS; i++)
		a->level[i] = ser_get_u32(r) & (i ? ~0u : ~1u);
	for (unsigned i = 0; i < a->domains; i++)
		load_domain(&a->domain[i], r);
	/* Tell the harts again, also what did not change. */
	for (unsigned i = 0; i < a->domains; i++) {
		for (unsigned h = 0; h < a->desc.harts && a->desc.output; h++) {
			a->domain[i].idc[h].out = false;
			a->desc.output(a->desc.ctx, h, a->domain[i].m_level, false);
		}
		aplic__deliver(&a->domain[i]);
	}
}

static void aplic_load(struct vm_dev *dev, struct ser_reader *r)
{
	struct aplic *a = container_of(dev, struct aplic, dev);

	if (!ser_open(r, dev->name, 1, 1))
		return;
	if (ser_check(r, ser_get_u32(r) == a->domains, "another number of APLIC domains") &&
	    ser_check(r, ser_get_u32(r) == a->desc.harts, "another number of harts")) {
		lock_take(&a->lock);
		load_fields(a, r);
		lock_drop(&a->lock);
	}
	ser_close(r);
}

static void aplic_destroy(struct vm_dev *dev)
{
	struct aplic *a = container_of(dev, struct aplic, dev);

	lock_fini(&a->lock);
	base_free(a);
}

static const struct vm_dev_ops aplic_ops = {
	.reset = aplic_reset, .save = aplic_save, .load = aplic_load, .destroy = aplic_destroy,
};

static void init_domain(struct aplic *a, bool m_level)
{
	struct aplic__domain *d = &a->domain[a->domains];

	d->aplic = a;
	d->m_level = m_level;
	d->is_root = !a->domains;
	a->domains++;
}

struct aplic *aplic_create(struct vm_host *h, const struct aplic_desc *desc, struct err *e)
{
	struct aplic *a = base_zalloc(sizeof(*a));

	assert(desc->harts >= 1 && desc->harts <= PLATFORM_HARTS);
	assert(desc->output || desc->imsic_s);
	if (!a) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	a->dev = (struct vm_dev){ .ops = &aplic_ops, .name = "aplic" };
	a->desc = *desc;
	lock_init(&a->lock, LOCK_RANK_IRQ);
	if (desc->has_m)
		init_domain(a, true);
	init_domain(a, false);
	for (unsigned i = 0; i < a->domains; i++) {
		gpa_t base = a->domain[i].m_level ? desc->base_m : desc->base_s;

		aplic__write_domaincfg(&a->domain[i], 0);
		if (!mem_add_mmio(h->mem, base, APLIC_SIZE, &aplic_mmio, &a->domain[i],
				  MEM_UNLOCKED, a->domain[i].m_level ? "aplic-m" : "aplic-s", e)) {
			aplic_destroy(&a->dev);
			return NULL;
		}
	}
	vm_host_add(h, &a->dev);
	return a;
}
