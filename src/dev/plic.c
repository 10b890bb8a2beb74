/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SiFive PLIC 1.0.0 (RISC-V PLIC specification 1.0.0), level-triggered.
 *
 *      000000 + 4 * source             priority 0..7 (0: never interrupts)
 *      001000 + 4 * word               pending bits, read only
 *      002000 + 80 * context + 4 * w   enable bits
 *      200000 + 1000 * context + 0     threshold 0..7
 *      200000 + 1000 * context + 4     read: claim, write: complete
 *
 * All registers are 32 bits wide; context 2 * hart is M-mode, the next one
 * S-mode.  Source 0 does not exist.
 *
 * The gateway of a source forwards one request at a time (spec. chapter 5,
 * "Interrupt Gateways"): a high level sets pending; a claim clears it and
 * takes the source in flight; completion looks at the level again.  A level
 * that falls before the claim leaves the request pending.
 *
 * Relies on: its own lock for everything; the output callback takes only
 * higher-ranked locks.  Never takes the io lock, so that claim and complete
 * of different harts meet no slow device.
 */
#include "dev/platform.h"

#include <assert.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/log.h"

enum {
	SOURCES = PLIC_SOURCES + 1, /* with 0 */
	WORDS = (SOURCES + 31) / 32,
	CONTEXTS = 2 * PLATFORM_HARTS,
	MAX_PRIORITY = 7,

	PRIORITY = 0x0, PENDING = 0x1000, ENABLE = 0x2000, ENABLE_STRIDE = 0x80,
	CONTEXT = 0x200000, CONTEXT_STRIDE = 0x1000,
	THRESHOLD = 0, CLAIM = 4,
};

struct plic {
	struct vm_dev dev;      /* first */
	struct lock lock;
	struct plic_ops ops;
	unsigned contexts;

	uint8_t priority[SOURCES];
	uint32_t level[WORDS], pending[WORDS], in_flight[WORDS];
	uint32_t enable[CONTEXTS][WORDS];
	uint8_t threshold[CONTEXTS];
	bool out[CONTEXTS];     /* what ops.output was told last */
};

static bool test_bit(const uint32_t *w, unsigned n)
{
	return w[n / 32] >> (n % 32) & 1;
}

static void put_bit(uint32_t *w, unsigned n, bool v)
{
	w[n / 32] = (w[n / 32] & ~(1u << (n % 32))) | (uint32_t)v << (n % 32);
}

/* The pending and enabled source of highest priority, ties to the lowest
 * number (spec. "Interrupt Priorities"); 0: none above priority 0. */
static unsigned best(const struct plic *p, unsigned c)
{
	unsigned found = 0;

	for (unsigned w = 0; w < WORDS; w++) {
		for (uint32_t m = p->pending[w] & p->enable[c][w]; m; m &= m - 1) {
			unsigned s = 32 * w + (unsigned)__builtin_ctz(m);

			if (p->priority[s] > p->priority[found])
				found = s;
		}
	}
	return found;
}

static void update(struct plic *p, unsigned c)
{
	bool level = p->priority[best(p, c)] > p->threshold[c];

	if (level == p->out[c])
		return;
	p->out[c] = level;
	log_trace(IRQ, "plic: hart %u %c-mode line %u", c / 2, c & 1 ? 'S' : 'M', level);
	p->ops.output(p->ops.ctx, c / 2, !(c & 1), level);
}

static void update_all(struct plic *p)
{
	for (unsigned c = 0; c < p->contexts; c++)
		update(p, c);
}

/* The gateway: forward a request if the level is high and none is under way. */
static void gateway(struct plic *p, unsigned source)
{
	if (!test_bit(p->level, source) || test_bit(p->in_flight, source) ||
	    test_bit(p->pending, source))
		return;
	put_bit(p->pending, source, true);
	for (unsigned c = 0; c < p->contexts; c++)
		if (test_bit(p->enable[c], source))
			update(p, c);
}

static void plic_set(void *ctx, unsigned source, bool level)
{
	struct plic *p = ctx;

	lock_take(&p->lock);
	if (level != test_bit(p->level, source)) {
		log_trace(IRQ, "plic: source %u level %u", source, level);
		put_bit(p->level, source, level);
		gateway(p, source);
	}
	lock_drop(&p->lock);
}

struct vm_irq plic_irq(struct plic *p, unsigned source)
{
	assert(source >= 1 && source <= PLIC_SOURCES); /* the board's table */
	return (struct vm_irq){ plic_set, p, source };
}

/* A claim ignores the threshold (spec. "Interrupt Claim Process"). */
static uint32_t claim(struct plic *p, unsigned c)
{
	unsigned source = best(p, c);

	if (!source)
		return 0;
	put_bit(p->pending, source, false);
	put_bit(p->in_flight, source, true);
	log_trace(IRQ, "plic: context %u claims %u", c, source);
	for (unsigned i = 0; i < p->contexts; i++)
		if (test_bit(p->enable[i], source))
			update(p, i);
	return source;
}

/* Ignored unless the source is enabled for the context (spec. "Interrupt
 * Completion"). */
static void complete(struct plic *p, unsigned c, uint32_t source)
{
	if (!source || source > PLIC_SOURCES || !test_bit(p->enable[c], source) ||
	    !test_bit(p->in_flight, source))
		return;
	put_bit(p->in_flight, source, false);
	gateway(p, source);
}

/* ---- registers ----------------------------------------------------------- */

static uint32_t read_reg(struct plic *p, uint64_t off)
{
	unsigned c, r;

	if (off < PRIORITY + 4 * SOURCES)
		return p->priority[off / 4];
	if (off >= PENDING && off < PENDING + 4 * WORDS)
		return p->pending[(off - PENDING) / 4];
	if (off >= ENABLE && off < ENABLE + ENABLE_STRIDE * p->contexts) {
		c = (unsigned)(off - ENABLE) / ENABLE_STRIDE;
		r = (unsigned)(off - ENABLE) % ENABLE_STRIDE;
		return r < 4 * WORDS ? p->enable[c][r / 4] : 0;
	}
	if (off >= CONTEXT && off < CONTEXT + CONTEXT_STRIDE * (uint64_t)p->contexts) {
		c = (unsigned)(off - CONTEXT) / CONTEXT_STRIDE;
		r = (unsigned)(off - CONTEXT) % CONTEXT_STRIDE;
		return r == THRESHOLD ? p->threshold[c] : r == CLAIM ? claim(p, c) : 0;
	}
	return 0;
}

static void write_context(struct plic *p, unsigned c, unsigned r, uint32_t v)
{
	if (r == THRESHOLD) {
		p->threshold[c] = v & MAX_PRIORITY;
		update(p, c);
	} else if (r == CLAIM) {
		complete(p, c, v);
	}
}

static void write_reg(struct plic *p, uint64_t off, uint32_t v)
{
	unsigned c, r;

	if (off >= PRIORITY + 4 && off < PRIORITY + 4 * SOURCES) {
		p->priority[off / 4] = v & MAX_PRIORITY;
		update_all(p);
	} else if (off >= ENABLE && off < ENABLE + ENABLE_STRIDE * p->contexts) {
		c = (unsigned)(off - ENABLE) / ENABLE_STRIDE;
		r = (unsigned)(off - ENABLE) % ENABLE_STRIDE;
		if (r < 4 * WORDS) {
			p->enable[c][r / 4] = r ? v : v & ~1u;
			update(p, c);
		}
	} else if (off >= CONTEXT && off < CONTEXT + CONTEXT_STRIDE * (uint64_t)p->contexts) {
		write_context(p, (unsigned)(off - CONTEXT) / CONTEXT_STRIDE,
			      (unsigned)(off - CONTEXT) % CONTEXT_STRIDE, v);
	}
}

static bool plic_read(void *ctx, uint64_t off, unsigned width, uint64_t *val)
{
	struct plic *p = ctx;

	if (width != 4)
		return false;
	lock_take(&p->lock);
	*val = read_reg(p, off);
	lock_drop(&p->lock);
	return true;
}

static bool plic_write(void *ctx, uint64_t off, unsigned width, uint64_t val)
{
	struct plic *p = ctx;

	if (width != 4)
		return false;
	lock_take(&p->lock);
	write_reg(p, off, (uint32_t)val);
	lock_drop(&p->lock);
	return true;
}

static const struct mem_mmio_ops plic_mmio = { plic_read, plic_write };

/* ---- life and state ------------------------------------------------------- */

/* Devices hold their lines: levels survive, and are lowered by the devices'
 * own resets. */
static void plic_reset(struct vm_dev *d)
{
	struct plic *p = container_of(d, struct plic, dev);

	lock_take(&p->lock);
	memset(p->priority, 0, sizeof(p->priority));
	memset(p->pending, 0, sizeof(p->pending));
	memset(p->in_flight, 0, sizeof(p->in_flight));
	memset(p->enable, 0, sizeof(p->enable));
	memset(p->threshold, 0, sizeof(p->threshold));
	for (unsigned s = 1; s < SOURCES; s++)
		gateway(p, s);
	update_all(p);
	lock_drop(&p->lock);
}

static void plic_save(struct vm_dev *d, struct ser_writer *w)
{
	struct plic *p = container_of(d, struct plic, dev);

	lock_take(&p->lock);
	ser_begin(w, d->name, 1);
	ser_u32(w, SOURCES);
	ser_u32(w, p->contexts);
	ser_bytes(w, p->priority, SOURCES);
	for (unsigned i = 0; i < WORDS; i++) {
		ser_u32(w, p->level[i]);
		ser_u32(w, p->pending[i]);
		ser_u32(w, p->in_flight[i]);
	}
	for (unsigned c = 0; c < p->contexts; c++) {
		ser_u8(w, p->threshold[c]);
		for (unsigned i = 0; i < WORDS; i++)
			ser_u32(w, p->enable[c][i]);
	}
	ser_end(w);
	lock_drop(&p->lock);
}

/* Source 0 must not come to life through a snapshot. */
static uint32_t load_word(struct ser_reader *r, unsigned word)
{
	uint32_t v = ser_get_u32(r);

	return word ? v : v & ~1u;
}

static void load_fields(struct plic *p, struct ser_reader *r)
{
	ser_get_bytes(r, p->priority, SOURCES);
	p->priority[0] = 0;
	for (unsigned s = 1; s < SOURCES; s++)
		p->priority[s] &= MAX_PRIORITY;
	for (unsigned i = 0; i < WORDS; i++) {
		p->level[i] = load_word(r, i);
		p->pending[i] = load_word(r, i);
		p->in_flight[i] = load_word(r, i);
	}
	for (unsigned c = 0; c < p->contexts; c++) {
		p->threshold[c] = ser_get_u8(r) & MAX_PRIORITY;
		for (unsigned i = 0; i < WORDS; i++)
			p->enable[c][i] = load_word(r, i);
	}
}

static void plic_load(struct vm_dev *d, struct ser_reader *r)
{
	struct plic *p = container_of(d, struct plic, dev);

	if (!ser_open(r, d->name, 1, 1))
		return;
	if (ser_check(r, ser_get_u32(r) == SOURCES, "another number of sources") &&
	    ser_check(r, ser_get_u32(r) == p->contexts, "another number of harts")) {
		lock_take(&p->lock);
		load_fields(p, r);
		/* Tell the harts again, also what did not change. */
		for (unsigned c = 0; c < p->contexts; c++) {
			p->out[c] = !(p->priority[best(p, c)] > p->threshold[c]);
			update(p, c);
		}
		lock_drop(&p->lock);
	}
	ser_close(r);
}

static void plic_destroy(struct vm_dev *d)
{
	struct plic *p = container_of(d, struct plic, dev);

	lock_fini(&p->lock);
	base_free(p);
}

static const struct vm_dev_ops plic_ops = {
	.reset = plic_reset, .save = plic_save, .load = plic_load, .destroy = plic_destroy,
};

struct plic *plic_create(struct vm_host *h, gpa_t base, unsigned harts,
			 const struct plic_ops *ops, struct err *e)
{
	struct plic *p = base_zalloc(sizeof(*p));

	assert(harts >= 1 && harts <= PLATFORM_HARTS);
	if (!p) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	p->dev = (struct vm_dev){ .ops = &plic_ops, .name = "plic" };
	p->ops = *ops;
	p->contexts = 2 * harts;
	lock_init(&p->lock, LOCK_RANK_IRQ);
	if (!mem_add_mmio(h->mem, base, PLIC_SIZE, &plic_mmio, p, MEM_UNLOCKED, "plic", e)) {
		plic_destroy(&p->dev);
		return NULL;
	}
	vm_host_add(h, &p->dev);
	return p;
}
