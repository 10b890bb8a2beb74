/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI Express host bridge with one bus, ECAM (PCI Express Base 4.0, 7.2.2):
 *
 *      ECAM offset   19..15 device, 14..12 function, 11..0 register
 *
 *      00 vendor  02 device     04 command     06 status      08 revision, class
 *      0c cache line            10..24 BARs    2c subsystem   34 capabilities
 *      3c interrupt line, pin   40.. capabilities: Express, MSI-X, the device's
 *
 * Device 0 is the host bridge itself; functions follow at 1, 2, ...  There are
 * no I/O ports, no expansion ROMs, no buses below and no extended
 * capabilities.  What a guest may change of a header is in a mask of writable
 * bits, so a BAR is sized by the ordinary write of all ones.
 *
 * A BAR is decoded only while memory decoding is enabled and the BAR lies
 * wholly in a window.  Windows hold neither RAM nor other devices, so a BAR
 * that a guest moves over those is just not there.  Two BARs at one place:
 * the older one answers.
 *
 * INTx: pin A of device d drives line d % 4 (the swizzle of PCI-to-PCI bridge
 * specification 9.1); lines are shared, each is high while any user is.
 *
 * Relies on: the io lock.  Never keeps a host pointer to guest RAM.
 */
#include "dev/pci.h"

#include <assert.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/log.h"
#include "dev/pci_func.h"

enum { SLOTS = 32, CAP_FIRST = 0x40 };
enum { BAR_64 = 0x4, BAR_PREFETCH = 0x8 };

struct pci_bus {
	struct vm_dev dev;      /* first */
	struct vm_host *host;
	struct pci_windows windows;
	struct vm_irq intx[4];
	uint32_t users[4];      /* slots that hold the line up */
	struct pci_func *func[SLOTS];
};

struct mem *pci__mem(struct pci_func *f)
{
	return f->bus->host->mem;
}

static unsigned command(const struct pci_func *f)
{
	return ld_le16(f->config + PCI__COMMAND);
}

bool pci_func_bus_master(const struct pci_func *f)
{
	return command(f) & PCI__CMD_MASTER;
}

unsigned pci_func_slot(const struct pci_func *f)
{
	return f->slot;
}

/* ---- INTx ------------------------------------------------------------------ */

void pci__update_intx(struct pci_func *f)
{
	unsigned line = f->slot % 4;
	uint32_t *users = &f->bus->users[line], before = *users;
	bool level = f->intx && !(command(f) & PCI__CMD_INTX_OFF) && !pci_func_msix_enabled(f);

	*users = (before & ~(uint32_t)BIT(f->slot)) | (uint32_t)level << f->slot;
	if (!*users != !before)
		vm_irq_set(&f->bus->intx[line], *users != 0);
}

void pci_func_intx(struct pci_func *f, bool level)
{
	f->intx = level;
	/* Interrupt status shows the request even while INTx is disabled. */
	f->config[PCI__STATUS] = (uint8_t)((f->config[PCI__STATUS] & ~PCI__STATUS_INTX) |
					   (level ? PCI__STATUS_INTX : 0));
	pci__update_intx(f);
}

/* ---- BARs ------------------------------------------------------------------- */

static bool inside(uint64_t base, uint64_t size, gpa_t window, uint64_t window_size)
{
	return base >= window.a && size <= window_size &&
	       base - window.a <= window_size - size;
}

static uint64_t bar_address(const struct pci_func *f, unsigned i)
{
	const uint8_t *p = f->config + PCI__BAR0 + 4 * i;

	return (f->bar[i].is64 ? ld_le64(p) : ld_le32(p)) & ~0xfull;
}

static void update_bar(struct pci_func *f, unsigned i)
{
	const struct pci_windows *w = &f->bus->windows;
	struct pci__bar *b = &f->bar[i];
	uint64_t base = bar_address(f, i);
	bool mapped = (command(f) & PCI__CMD_MEMORY) &&
		(inside(base, b->size, w->mmio32, w->mmio32_size) ||
		 (b->is64 && inside(base, b->size, w->mmio64, w->mmio64_size)));

	if (!mapped && !b->mapped)
		return;
	log_trace(PCI, "%s: BAR %u %s %#llx", f->name, i, mapped ? "at" : "not decoded at",
		  (unsigned long long)base);
	b->mapped = mapped;
	mem_move_mmio(pci__mem(f), b->region, GPA(base), mapped);
}

static void update_bars(struct pci_func *f)
{
	for (unsigned i = 0; i < PCI_BAR_MAX; i++)
		if (f->bar[i].size)
			update_bar(f, i);
}

/* Both of initial and current value, and which bits a guest may change. */
static void set_config(struct pci_func *f, unsigned off, const void *p, unsigned n)
{
	memcpy(f->config + off, p, n);
	memcpy(f->initial + off, p, n);
}

int pci_func_bar(struct pci_func *f, unsigned bar, uint64_t size, bool is64,
		 const struct mem_mmio_ops *ops, void *ctx, struct err *e)
{
	struct pci__bar *b = &f->bar[bar];
	unsigned slots = is64 ? 2 : 1, off = PCI__BAR0 + 4 * bar;
	uint8_t type[8] = { is64 ? BAR_64 | BAR_PREFETCH : 0 };

	assert(is_pow2(size) && size >= MEM_PAGE && bar + slots <= PCI_BAR_MAX);
	assert(is64 || size <= BIT(31));
	for (unsigned i = bar; i < bar + slots; i++)
		if (ld_le32(f->writable + PCI__BAR0 + 4 * i))
			return err_set(e, EINVAL, "%s: BAR %u is taken", f->name, i);
	b->region = mem_add_mmio(pci__mem(f), GPA(0), size, ops, ctx, 0, f->name, e);
	if (!b->region)
		return -ENOMEM;
	mem_move_mmio(pci__mem(f), b->region, GPA(0), false);
	b->size = size;
	b->is64 = is64;
	set_config(f, off, type, 4 * slots);
	if (is64)
		st_le64(f->writable + off, ~(size - 1));
	else
		st_le32(f->writable + off, (uint32_t)~(size - 1));
	return 0;
}

/* ---- capabilities --------------------------------------------------------------- */

int pci_func_capability(struct pci_func *f, uint8_t id, const void *body, unsigned len,
			const uint8_t *mask, struct err *e)
{
	unsigned off = f->cap_free;
	uint8_t at = (uint8_t)off, head[2] = { id, 0 };
	uint8_t status = PCI__STATUS_CAPABILITIES;

	if (len > PCI__CONFIG || off + 2 + len > PCI__CONFIG)
		return err_set(e, ENOSPC, "%s: no room for a capability", f->name);
	set_config(f, PCI__STATUS, &status, 1);
	set_config(f, f->cap_tail, &at, 1);
	set_config(f, off, head, 2);
	set_config(f, off + 2, body, len);
	if (mask)
		memcpy(f->writable + off + 2, mask, len);
	f->cap_tail = off + 1;
	f->cap_free = (unsigned)align_up(off + 2 + len, 4);
	return (int)off;
}

void pci_func_config_hook(struct pci_func *f, unsigned off, unsigned len,
			  bool (*read)(void *ctx, unsigned off, unsigned width, uint32_t *val),
			  bool (*write)(void *ctx, unsigned off, unsigned width, uint32_t val),
			  void *ctx)
{
	assert(f->nhooks < PCI__HOOKS && off + len <= PCI__CONFIG);
	f->hook[f->nhooks++] = (struct pci__hook){ off, len, read, write, ctx };
}

/* PCI Express (7.5.3), version 2, of a root-complex integrated endpoint:
 * no link registers, and a device control register that holds its bits. */
static int add_express(struct pci_func *f, struct err *e)
{
	uint8_t body[0x3a] = { 0 }, mask[0x3a] = { 0 };

	st_le16(body + 0, 9 << 4 | 2);          /* type RCiEP, version 2 */
	st_le32(body + 2, 0x8000);              /* role-based error reporting */
	st_le16(mask + 6, 0x7fff);              /* device control */
	st_le16(body + 6, 0x2810);              /* relaxed order, no snoop, 512 bytes */
	return pci_func_capability(f, PCI__CAP_EXPRESS, body, sizeof(body), mask, e);
}

/* ---- configuration space --------------------------------------------------------- */

static bool overlaps(unsigned off, unsigned width, unsigned at, unsigned len)
{
	return off < at + len && at < off + width;
}

static uint32_t config_read(struct pci_func *f, unsigned off, unsigned width)
{
	uint32_t v = 0;

	if (off >= PCI__CONFIG)
		return 0; /* no extended capabilities */
	for (unsigned i = 0; i < f->nhooks; i++) {
		const struct pci__hook *h = &f->hook[i];

		if (overlaps(off, width, h->off, h->len) && h->read &&
		    h->read(h->ctx, off, width, &v))
			return v;
	}
	for (unsigned i = 0; i < width; i++)
		v |= (uint32_t)f->config[off + i] << 8 * i;
	return v;
}

/* What follows from changed bits. */
static void config_written(struct pci_func *f, unsigned off, unsigned width)
{
	if (overlaps(off, width, PCI__COMMAND, 2)) {
		update_bars(f);
		pci__update_intx(f);
	}
	if (overlaps(off, width, PCI__BAR0, 4 * PCI_BAR_MAX))
		update_bars(f);
	if (f->vectors && overlaps(off, width, f->msix_cap + 2, 2))
		pci__msix_control_written(f);
}

static void config_write(struct pci_func *f, unsigned off, unsigned width, uint32_t v)
{
	if (off >= PCI__CONFIG)
		return;
	log_trace(PCI, "%s: config%u %#x = %#x", f->name, 8 * width, off, v);
	for (unsigned i = 0; i < f->nhooks; i++) {
		const struct pci__hook *h = &f->hook[i];

		if (overlaps(off, width, h->off, h->len) && h->write &&
		    h->write(h->ctx, off, width, v))
			return;
	}
	for (unsigned i = 0; i < width; i++) {
		uint8_t m = f->writable[off + i];

		f->config[off + i] = (uint8_t)((f->config[off + i] & ~m) | (v >> 8 * i & m));
	}
	config_written(f, off, width);
}

static struct pci_func *ecam_target(struct pci_bus *b, uint64_t off)
{
	unsigned slot = (unsigned)bits(off, 19, 15), fn = (unsigned)bits(off, 14, 12);

	return fn ? NULL : b->func[slot];
}

/* Absent functions, and widths that configuration space does not have, read
 * all ones and ignore writes (2.3.2: unsupported request). */
static bool ecam_read(void *ctx, uint64_t off, unsigned width, uint64_t *val)
{
	struct pci_func *f = ecam_target(ctx, off);

	*val = f && width <= 4 ? config_read(f, off & 0xfff, width) : ~0ull;
	return true;
}

static bool ecam_write(void *ctx, uint64_t off, unsigned width, uint64_t val)
{
	struct pci_func *f = ecam_target(ctx, off);

	if (f && width <= 4)
		config_write(f, off & 0xfff, width, (uint32_t)val);
	return true;
}

static const struct mem_mmio_ops ecam_mmio = { ecam_read, ecam_write };

/* ---- functions ---------------------------------------------------------------------- */

static void init_header(struct pci_func *f, const struct pci_func_desc *d)
{
	uint8_t h[0x40] = { 0 };

	st_le16(h + PCI__VENDOR, d->vendor);
	st_le16(h + PCI__VENDOR + 2, d->device);
	st_le32(h + PCI__REVISION, d->class_code << 8 | d->revision);
	st_le16(h + PCI__SUBSYSTEM, d->subsystem_vendor);
	st_le16(h + PCI__SUBSYSTEM + 2, d->subsystem);
	if (f->slot)
		h[PCI__IRQ_PIN] = 1; /* INTA */
	set_config(f, 0, h, sizeof(h));
	st_le16(f->writable + PCI__COMMAND, PCI__CMD_WRITABLE);
	f->writable[PCI__CACHE_LINE] = 0xff;
	f->writable[PCI__IRQ_LINE] = 0xff;
	f->cap_tail = PCI__CAPABILITIES;
	f->cap_free = CAP_FIRST;
}

static struct pci_func *add_func(struct pci_bus *b, unsigned slot,
				 const struct pci_func_desc *d, struct err *e)
{
	struct pci_func *f = base_zalloc(sizeof(*f));

	if (!f) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	f->bus = b;
	f->slot = slot;
	f->name = d->name;
	init_header(f, d);
	b->func[slot] = f; /* from here on freed with the bus */
	return f;
}

struct pci_func *pci_func_add(struct pci_bus *b, const struct pci_func_desc *d, struct err *e)
{
	unsigned slot = 1;
	struct pci_func *f;

	while (slot < SLOTS && b->func[slot])
		slot++;
	if (slot == SLOTS) {
		err_set(e, ENOSPC, "the PCI bus is full: at most %u devices", PCI_FUNC_MAX);
		return NULL;
	}
	f = add_func(b, slot, d, e);
	if (!f || add_express(f, e) < 0 ||
	    (d->msix_vectors && pci__msix_add(f, d->msix_vectors, e) < 0))
		return NULL;
	return f;
}

/* ---- life and state -------------------------------------------------------------------- */

/* Whatever the controller was told before. */
static void drive_lines(struct pci_bus *b)
{
	for (unsigned i = 0; i < 4; i++)
		vm_irq_set(&b->intx[i], b->users[i] != 0);
}

static void reset_func(struct pci_func *f)
{
	memcpy(f->config, f->initial, PCI__CONFIG);
	if (f->vectors)
		pci__msix_reset(f);
	update_bars(f);
	pci_func_intx(f, false);
}

static void pci_reset(struct vm_dev *d)
{
	struct pci_bus *b = container_of(d, struct pci_bus, dev);

	for (unsigned i = 0; i < SLOTS; i++)
		if (b->func[i])
			reset_func(b->func[i]);
	drive_lines(b);
}

static uint32_t slot_mask(const struct pci_bus *b)
{
	uint32_t m = 0;

	for (unsigned i = 0; i < SLOTS; i++)
		m |= b->func[i] ? 1u << i : 0;
	return m;
}

static void pci_save(struct vm_dev *d, struct ser_writer *w)
{
	struct pci_bus *b = container_of(d, struct pci_bus, dev);

	ser_begin(w, d->name, 1);
	ser_u32(w, slot_mask(b));
	for (unsigned i = 0; i < SLOTS; i++) {
		struct pci_func *f = b->func[i];

		if (!f)
			continue;
		ser_bytes(w, f->config, PCI__CONFIG);
		ser_u8(w, f->intx);
		ser_u8(w, (uint8_t)f->vectors);
		if (f->vectors)
			pci__msix_save(f, w);
	}
	ser_end(w);
}

/* Only what a guest could have written is taken from the stream. */
static void load_func(struct pci_func *f, struct ser_reader *r)
{
	uint8_t config[PCI__CONFIG];
	bool intx;

	ser_get_bytes(r, config, sizeof(config));
	intx = ser_get_u8(r) & 1;
	if (!ser_check(r, !memcmp(config, f->initial, 4), "another PCI device in its place") ||
	    !ser_check(r, ser_get_u8(r) == f->vectors, "another number of MSI-X vectors"))
		return;
	for (unsigned i = 0; i < PCI__CONFIG; i++)
		f->config[i] = (uint8_t)((f->initial[i] & ~f->writable[i]) |
					 (config[i] & f->writable[i]));
	if (f->vectors)
		pci__msix_load(f, r);
	update_bars(f);
	pci_func_intx(f, intx);
}

static void pci_load(struct vm_dev *d, struct ser_reader *r)
{
	struct pci_bus *b = container_of(d, struct pci_bus, dev);

	if (!ser_open(r, d->name, 1, 1))
		return;
	if (ser_check(r, ser_get_u32(r) == slot_mask(b), "other PCI devices"))
		for (unsigned i = 0; i < SLOTS && !r->err.code; i++)
			if (b->func[i])
				load_func(b->func[i], r);
	ser_close(r);
	drive_lines(b);
}

static void pci_destroy(struct vm_dev *d)
{
	struct pci_bus *b = container_of(d, struct pci_bus, dev);

	for (unsigned i = 0; i < SLOTS; i++)
		base_free(b->func[i]);
	base_free(b);
}

static const struct vm_dev_ops pci_ops = {
	.reset = pci_reset, .save = pci_save, .load = pci_load, .destroy = pci_destroy,
};

struct pci_bus *pci_bus_create(struct vm_host *h, const struct pci_windows *w,
			       const struct vm_irq intx[4], struct err *e)
{
	/* A host bridge as drivers of generic hosts know it. */
	static const struct pci_func_desc bridge = {
		.vendor = 0x1b36, .device = 0x0008, .subsystem_vendor = 0x1af4,
		.subsystem = 0x1100, .class_code = 0x060000, .name = "host bridge",
	};
	struct pci_bus *b = base_zalloc(sizeof(*b));

	if (!b) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	b->dev = (struct vm_dev){ .ops = &pci_ops, .name = "pci" };
	b->host = h;
	b->windows = *w;
	memcpy(b->intx, intx, sizeof(b->intx));
	if (!add_func(b, 0, &bridge, e) ||
	    !mem_add_mmio(h->mem, w->ecam, (uint64_t)SLOTS << 15, &ecam_mmio, b, 0,
			  "ecam", e)) {
		pci_destroy(&b->dev);
		return NULL;
	}
	vm_host_add(h, &b->dev);
	return b;
}
