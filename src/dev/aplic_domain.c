/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of an APLIC domain (RISC-V AIA 1.0, 4.7 to 4.9): when a source is
 * pending, and how a pending and enabled source reaches a hart.
 *
 *      mode      set by                                cleared by
 *      detached  register                              register, claim, message
 *      edge      edge, register                        register, claim, message
 *      level,    (pending is the wire itself)
 *        direct
 *      level,    wire rises; register while it is up   wire falls, register,
 *        MSI                                           message
 *
 * Messages go to the IMSIC only: an address that a guest configured and that
 * is no interrupt file is dropped, so a message never reaches a register and
 * sets off another.
 */
#include "dev/aplic_domain.h"

#include "base/bits.h"
#include "base/log.h"
#include "dev/imsic.h"

/* ---- sources ---------------------------------------------------------------- */

static unsigned mode(const struct aplic__domain *d, unsigned source)
{
	return d->sourcecfg[source] & APLIC__DELEGATE ? APLIC__INACTIVE : d->sourcecfg[source] & 7;
}

static bool is_level(const struct aplic__domain *d, unsigned source)
{
	return mode(d, source) >= APLIC__LEVEL1;
}

static bool is_msi(const struct aplic__domain *d)
{
	return d->domaincfg & APLIC__DM;
}

bool aplic__active(const struct aplic__domain *d, unsigned source)
{
	return source >= 1 && source <= APLIC_SOURCES && mode(d, source) != APLIC__INACTIVE;
}

bool aplic__rectified(const struct aplic__domain *d, unsigned source)
{
	unsigned m = mode(d, source);

	if (m == APLIC__INACTIVE)
		return false;
	return aplic__bit(d->aplic->level, source) != (m == APLIC__EDGE0 || m == APLIC__LEVEL0);
}

bool aplic__pending(const struct aplic__domain *d, unsigned source)
{
	if (is_level(d, source) && !is_msi(d))
		return aplic__rectified(d, source);
	return aplic__bit(d->pending, source);
}

void aplic__request(struct aplic__domain *d, unsigned source, bool set)
{
	if (!aplic__active(d, source))
		return;
	if (is_level(d, source) && (!is_msi(d) || (set && !aplic__rectified(d, source))))
		return;
	aplic__put(d->pending, source, set);
}

void aplic__enable(struct aplic__domain *d, unsigned source, bool on)
{
	if (aplic__active(d, source))
		aplic__put(d->enable, source, on);
}

void aplic__wire(struct aplic__domain *d, unsigned source, bool rose)
{
	if (!aplic__active(d, source) || mode(d, source) == APLIC__DETACHED)
		return;
	if (mode(d, source) == APLIC__EDGE0 || mode(d, source) == APLIC__LEVEL0)
		rose = !rose;
	if (rose)
		aplic__put(d->pending, source, true);
	else if (is_level(d, source))
		aplic__put(d->pending, source, false);
}

static void forget(struct aplic__domain *d, unsigned source)
{
	d->sourcecfg[source] = 0;
	d->target[source] = 0;
	aplic__put(d->pending, source, false);
	aplic__put(d->enable, source, false);
}

/* What a write leaves: delegation only where there is a child, reserved
 * modes as inactive. */
static uint16_t legal_sourcecfg(const struct aplic__domain *d, uint32_t v)
{
	unsigned m = v & 7;

	if (v & APLIC__DELEGATE)
		return d->is_root && d->aplic->domains > 1 ? APLIC__DELEGATE : 0;
	return m == 2 || m == 3 ? APLIC__INACTIVE : (uint16_t)m;
}

void aplic__write_sourcecfg(struct aplic__domain *d, unsigned source, uint32_t v)
{
	struct aplic *a = d->aplic;
	uint16_t cfg = legal_sourcecfg(d, v);

	/* A child has only what the root delegated to it. */
	if (!d->is_root && !(a->domain[0].sourcecfg[source] & APLIC__DELEGATE))
		return;
	if (d->is_root && a->domains > 1 && !(cfg & APLIC__DELEGATE))
		forget(&a->domain[1], source);
	d->sourcecfg[source] = cfg;
	if (!aplic__active(d, source)) {
		forget(d, source);
		d->sourcecfg[source] = cfg;
	} else if (is_level(d, source)) {
		aplic__put(d->pending, source, aplic__rectified(d, source));
	}
}

void aplic__write_domaincfg(struct aplic__domain *d, uint32_t v)
{
	const struct aplic_desc *desc = &d->aplic->desc;
	bool was_msi = is_msi(d);

	/* DM holds what is there: one way of delivery, or both. */
	if (!desc->imsic_s)
		v &= ~(uint32_t)APLIC__DM;
	else if (!desc->output)
		v |= APLIC__DM;
	d->domaincfg = v & (APLIC__IE | APLIC__DM);
	if (is_msi(d) == was_msi)
		return;
	for (unsigned s = 1; s < APLIC__SOURCES; s++)
		if (is_level(d, s))
			aplic__put(d->pending, s, aplic__rectified(d, s));
}

/* ---- MSI delivery (4.9) --------------------------------------------------------- */

/* Address of an interrupt file from the root's registers (4.9.1). */
static uint64_t msi_address(const struct aplic__domain *d, uint32_t target)
{
	const uint32_t *r = d->aplic->msiaddr;
	uint32_t mh = r[1], base_lo = d->m_level ? r[0] : r[2], base_hi = d->m_level ? r[1] : r[3];
	unsigned lhxs = (unsigned)bits(d->m_level ? r[1] : r[3], 22, 20);
	unsigned hhxs = (unsigned)bits(mh, 28, 24), hhxw = (unsigned)bits(mh, 18, 16);
	unsigned lhxw = (unsigned)bits(mh, 15, 12);
	uint64_t hart = target >> 18, guest = d->m_level ? 0 : bits(target, 17, 12);
	uint64_t group = hart >> lhxw & (BIT(hhxw) - 1);
	uint64_t ppn = bits(base_hi, 11, 0) << 32 | base_lo;

	ppn |= group << (hhxs + 12) | (hart & (BIT(lhxw) - 1)) << lhxs | guest;
	return ppn << 12;
}

void aplic__send_msi(struct aplic__domain *d, uint32_t target)
{
	const struct aplic_desc *desc = &d->aplic->desc;
	uint32_t id = target & 0x7ff;
	uint64_t addr;
	bool hit;

	/* Without an M-level domain nobody configures addresses: the S-level
	 * files are known. */
	if (!desc->has_m) {
		hit = !bits(target, 17, 12) && imsic__send_hart(desc->imsic_s, target >> 18, id);
		addr = target >> 18;
	} else {
		addr = msi_address(d, target);
		hit = (desc->imsic_m && imsic__send(desc->imsic_m, addr, id)) ||
		      imsic__send(desc->imsic_s, addr, id);
	}
	if (!hit)
		log_trace(IRQ, "aplic: message %u to %#llx dropped", id, (unsigned long long)addr);
}

static void send_messages(struct aplic__domain *d)
{
	if (!(d->domaincfg & APLIC__IE))
		return;
	for (unsigned w = 0; w < APLIC__WORDS; w++) {
		uint32_t ready = d->pending[w] & d->enable[w];

		d->pending[w] &= ~ready;
		for (; ready; ready &= ready - 1)
			aplic__send_msi(d, d->target[32 * w + (unsigned)__builtin_ctz(ready)]);
	}
}

/* ---- direct delivery (4.8) --------------------------------------------------------- */

uint32_t aplic__top(const struct aplic__domain *d, unsigned hart)
{
	uint32_t best = 0, best_priority = d->idc[hart].threshold ? d->idc[hart].threshold : 256;

	for (unsigned w = 0; w < APLIC__WORDS; w++) {
		for (uint32_t m = d->enable[w]; m; m &= m - 1) {
			unsigned s = 32 * w + (unsigned)__builtin_ctz(m);
			uint32_t priority = MAX(d->target[s] & 0xff, 1u);

			if (d->target[s] >> 18 != hart || priority >= best_priority ||
			    !aplic__pending(d, s))
				continue;
			best = s << 16 | priority;
			best_priority = priority;
		}
	}
	return best;
}

uint32_t aplic__claim(struct aplic__domain *d, unsigned hart)
{
	uint32_t top = aplic__top(d, hart);

	if (!top)
		d->idc[hart].force = false;
	else
		aplic__request(d, top >> 16, false); /* a level stays with its wire */
	return top;
}

static void drive_lines(struct aplic__domain *d)
{
	const struct aplic_desc *desc = &d->aplic->desc;

	for (unsigned h = 0; h < desc->harts; h++) {
		struct aplic__idc *i = &d->idc[h];
		bool level = !is_msi(d) && (d->domaincfg & APLIC__IE) && i->delivery &&
			(i->force || aplic__top(d, h));

		if (level == i->out)
			continue;
		i->out = level;
		log_trace(IRQ, "aplic: hart %u %c-mode line %u", h, d->m_level ? 'M' : 'S', level);
		if (desc->output)
			desc->output(desc->ctx, h, d->m_level, level);
	}
}

void aplic__deliver(struct aplic__domain *d)
{
	if (is_msi(d))
		send_messages(d);
	drive_lines(d);
}
