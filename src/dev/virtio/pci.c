/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio over PCI, modern only (virtio 1.2, 4.1).  BAR 4, 16 KiB, holds the
 * four structures, a page each; BAR 1 is MSI-X (dev/pci.h).  One vector for
 * each queue and one for configuration changes, or INTx with the ISR byte.
 *
 * Never faults: accesses of a wrong width or place read 0 and write nothing.
 */
#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/log.h"
#include "dev/pci.h"
#include "dev/virtio/virtio.h"

enum { BAR = 4, BAR_SIZE = 0x4000, PAGE_SIZE = 0x1000 };
enum { PAGE_COMMON, PAGE_ISR, PAGE_DEVICE, PAGE_NOTIFY };
enum { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE, CAP_PCI };
enum { CAP_VENDOR = 0x09, CAP_LEN = 16, CAP_DATA = 16 };
/* struct virtio_pci_cap (4.1.4) */
enum { CAP_O_LEN = 2, CAP_O_TYPE = 3, CAP_O_BAR = 4, CAP_O_OFFSET = 8, CAP_O_LENGTH = 12 };
enum { NOTIFY_MULTIPLIER = 4, NO_VECTOR = 0xffff };
enum { ISR_QUEUE = 1, ISR_CONFIG = 2 };

struct pci {
	struct vm_dev dev;      /* only to be virtio.transport */
	struct virtio *v;
	struct pci_func *f;
	uint32_t device_sel, driver_sel;
	uint16_t queue_sel;
	uint16_t config_vector, vector[VIRTIO_QUEUES];
	uint8_t isr;
	unsigned window;        /* where VIRTIO_PCI_CAP_PCI_CFG is */
	uint8_t cap[CAP_LEN];   /* its writable fields */
};

/* ---- interrupts --------------------------------------------------------- */

static void pci_interrupt(void *transport, int q)
{
	struct pci *p = transport;

	if (pci_func_msix_enabled(p->f)) {
		uint16_t vector = q < 0 ? p->config_vector : p->vector[q];

		if (vector != NO_VECTOR)
			pci_func_msix_send(p->f, vector);
		return;
	}
	p->isr |= q < 0 ? ISR_CONFIG : ISR_QUEUE;
	pci_func_intx(p->f, true);
}

/* 4.1.4.5: reading clears and lowers the line. */
static uint8_t read_isr(struct pci *p)
{
	uint8_t isr = p->isr;

	p->isr = 0;
	pci_func_intx(p->f, false);
	return isr;
}

/* 4.1.5.1.2: a vector that cannot be had reads back as none. */
static uint16_t check_vector(const struct pci *p, uint16_t vector)
{
	return vector <= p->v->nqueues ? vector : NO_VECTOR;
}

/* ---- common configuration (4.1.4.3) ------------------------------------- */

/* Each field is accessed with its own width; 64-bit ones as two halves. */
enum {
	C_DEVICE_SEL = 0, C_DEVICE_FEATURES = 4, C_DRIVER_SEL = 8, C_DRIVER_FEATURES = 12,
	C_CONFIG_VECTOR = 16, C_QUEUES = 18, C_STATUS = 20, C_GENERATION = 21,
	C_QUEUE_SEL = 22, C_QUEUE_SIZE = 24, C_QUEUE_VECTOR = 26, C_QUEUE_ENABLE = 28,
	C_QUEUE_NOTIFY = 30, C_QUEUE_DESC = 32, C_QUEUE_END = 56, C_NOTIFY_DATA = 56,
	C_QUEUE_RESET = 58, C_LEN = 60,
};

static unsigned common_width(uint64_t off)
{
	if (off < C_CONFIG_VECTOR || (off >= C_QUEUE_DESC && off < C_QUEUE_END))
		return 4;
	return off == C_STATUS || off == C_GENERATION ? 1 : 2;
}

static uint32_t common_read(struct pci *p, uint64_t off)
{
	struct virtio *v = p->v;
	unsigned q = p->queue_sel;
	uint64_t addr;

	switch (off) {
	case C_DEVICE_SEL: return p->device_sel;
	case C_DEVICE_FEATURES: return virtio_get_features(v, p->device_sel, false);
	case C_DRIVER_SEL: return p->driver_sel;
	case C_DRIVER_FEATURES: return virtio_get_features(v, p->driver_sel, true);
	case C_CONFIG_VECTOR: return p->config_vector;
	case C_QUEUES: return v->nqueues;
	case C_STATUS: return v->status;
	case C_GENERATION: return v->config_generation;
	case C_QUEUE_SEL: return q;
	case C_QUEUE_SIZE: return virtq_size(v, q);
	case C_QUEUE_VECTOR: return q < v->nqueues ? p->vector[q] : NO_VECTOR;
	case C_QUEUE_ENABLE: return virtq_enabled(v, q);
	case C_QUEUE_NOTIFY: return q < v->nqueues ? q : 0;
	case C_QUEUE_DESC ... C_QUEUE_END - 1:
		addr = virtq_get_addr(v, q, (off - C_QUEUE_DESC) / 8);
		return off % 8 ? addr >> 32 : addr;
	default: return 0; /* queue_notify_data is not offered; queue_reset is done at once */
	}
}

static void common_reset(struct pci *p)
{
	p->queue_sel = 0;
	p->config_vector = NO_VECTOR;
	for (unsigned q = 0; q < VIRTIO_QUEUES; q++)
		p->vector[q] = NO_VECTOR;
	read_isr(p);
}

static void common_write(struct pci *p, uint64_t off, uint32_t val)
{
	struct virtio *v = p->v;
	unsigned q = p->queue_sel;

	switch (off) {
	case C_DEVICE_SEL: p->device_sel = val; break;
	case C_DRIVER_SEL: p->driver_sel = val; break;
	case C_DRIVER_FEATURES: virtio_set_features(v, p->driver_sel, val); break;
	case C_CONFIG_VECTOR: p->config_vector = check_vector(p, val); break;
	case C_STATUS:
		virtio_set_status(v, val);
		if (!v->status)
			common_reset(p);
		break;
	case C_QUEUE_SEL: p->queue_sel = val; break;
	case C_QUEUE_SIZE: virtq_set_size(v, q, val); break;
	case C_QUEUE_VECTOR:
		if (q < v->nqueues)
			p->vector[q] = check_vector(p, val);
		break;
	case C_QUEUE_ENABLE: /* 4.1.4.3.2: never written 0 */
		if (val == 1)
			virtq_enable(v, q, true);
		break;
	case C_QUEUE_DESC ... C_QUEUE_END - 1:
		virtq_set_addr(v, q, (off - C_QUEUE_DESC) / 8, off % 8 ? 1 : 0, val);
		break;
	case C_QUEUE_RESET:
		if (val == 1)
			virtq_reset(v, q);
		break;
	default: break; /* read-only */
	}
}

/* ---- BAR 4 --------------------------------------------------------------- */

static bool page_read(struct pci *p, uint64_t off, unsigned width, uint64_t *val)
{
	uint64_t o = off % PAGE_SIZE;
	bool ok = true;

	*val = 0;
	switch (off / PAGE_SIZE) {
	case PAGE_COMMON:
		ok = o < C_LEN && width == common_width(o);
		if (ok)
			*val = common_read(p, o);
		return ok;
	case PAGE_ISR:
		if (o == 0)
			*val = read_isr(p);
		return o == 0;
	case PAGE_DEVICE:
		*val = virtio_config_read(p->v, o, width, &ok);
		return ok;
	default:
		return true; /* notify: write-only */
	}
}

static bool page_write(struct pci *p, uint64_t off, unsigned width, uint64_t val)
{
	uint64_t o = off % PAGE_SIZE;

	switch (off / PAGE_SIZE) {
	case PAGE_COMMON:
		if (o >= C_LEN || width != common_width(o))
			return false;
		common_write(p, o, val);
		return true;
	case PAGE_ISR:
		return false;
	case PAGE_DEVICE:
		return virtio_config_write(p->v, o, width, val);
	default:
		if (o % NOTIFY_MULTIPLIER)
			return false;
		virtio_notify(p->v, o / NOTIFY_MULTIPLIER);
		return true;
	}
}

static void refused(struct pci *p, const char *what, uint64_t off, unsigned width)
{
	log_trace(VIRTIO, "%s: bad %s of %u bytes at %#llx", p->v->dev.name, what, width,
		  (unsigned long long)off);
}

static bool bar_read(void *ctx, uint64_t off, unsigned width, uint64_t *val)
{
	struct pci *p = ctx;
	uint64_t high;

	/* 64 bits: two 32-bit accesses, low one first. */
	if (width == 8) {
		if (!page_read(p, off, 4, val) || !page_read(p, off + 4, 4, &high))
			refused(p, "read", off, width);
		else
			*val |= high << 32;
	} else if (!page_read(p, off, width, val)) {
		refused(p, "read", off, width);
	}
	return true;
}

static bool bar_write(void *ctx, uint64_t off, unsigned width, uint64_t val)
{
	struct pci *p = ctx;

	if (width == 8 ? !page_write(p, off, 4, (uint32_t)val) ||
	    !page_write(p, off + 4, 4, val >> 32) : !page_write(p, off, width, val))
		refused(p, "write", off, width);
	return true;
}

static const struct mem_mmio_ops bar_ops = { .read = bar_read, .write = bar_write };

/* ---- VIRTIO_PCI_CAP_PCI_CFG: the BAR through configuration space (4.1.4.9) -- */

static bool window_target(const struct pci *p, uint32_t *off, unsigned *width)
{
	uint32_t len = ld_le32(p->cap + CAP_O_LENGTH);

	*off = ld_le32(p->cap + CAP_O_OFFSET);
	*width = len;
	return p->cap[CAP_O_BAR] == BAR && (len == 1 || len == 2 || len == 4) &&
	       *off % len == 0 && *off < BAR_SIZE;
}

static bool window_read(void *ctx, unsigned off, unsigned width, uint32_t *val)
{
	struct pci *p = ctx;
	unsigned o = off - p->window, target_width;
	uint64_t v64 = 0;
	uint32_t target;

	*val = 0;
	if (o == CAP_DATA) {
		if (window_target(p, &target, &target_width) && width >= target_width)
			bar_read(p, target, target_width, &v64);
		*val = v64;
	} else if (o + width <= CAP_LEN) {
		memcpy(val, p->cap + o, width);
	}
	return true;
}

static bool window_write(void *ctx, unsigned off, unsigned width, uint32_t val)
{
	struct pci *p = ctx;
	unsigned o = off - p->window, target_width;
	uint32_t target;

	if (o == CAP_DATA) {
		if (window_target(p, &target, &target_width) && width >= target_width)
			bar_write(p, target, target_width,
				  target_width == 4 ? val : val & (BIT(8 * target_width) - 1));
		return true;
	}
	for (unsigned i = 0; i < width && o + i < CAP_LEN; i++)
		if (o + i == CAP_O_BAR || o + i >= CAP_O_OFFSET)
			p->cap[o + i] = val >> 8 * i;
	return true;
}

/* ---- the function --------------------------------------------------------- */

static void pci_reset(struct vm_dev *d)
{
	struct pci *p = (struct pci *)d;

	p->device_sel = p->driver_sel = 0;
	p->cap[CAP_O_BAR] = 0;
	memset(p->cap + CAP_O_OFFSET, 0, 8);
	common_reset(p);
}

static void pci_save(struct vm_dev *d, struct ser_writer *w)
{
	struct pci *p = (struct pci *)d;

	ser_u32(w, p->device_sel);
	ser_u32(w, p->driver_sel);
	ser_u16(w, p->queue_sel);
	ser_u16(w, p->config_vector);
	for (unsigned q = 0; q < p->v->nqueues; q++)
		ser_u16(w, p->vector[q]);
	ser_u8(w, p->isr);
	ser_u8(w, p->cap[CAP_O_BAR]);
	ser_bytes(w, p->cap + CAP_O_OFFSET, 8);
}

static void pci_load(struct vm_dev *d, struct ser_reader *r)
{
	struct pci *p = (struct pci *)d;

	p->device_sel = ser_get_u32(r);
	p->driver_sel = ser_get_u32(r);
	p->queue_sel = ser_get_u16(r);
	p->config_vector = check_vector(p, ser_get_u16(r));
	for (unsigned q = 0; q < p->v->nqueues; q++)
		p->vector[q] = check_vector(p, ser_get_u16(r));
	p->isr = ser_get_u8(r);
	p->cap[CAP_O_BAR] = ser_get_u8(r);
	ser_get_bytes(r, p->cap + CAP_O_OFFSET, 8);
	pci_func_intx(p->f, p->isr != 0);
}

static void pci_destroy(struct vm_dev *d)
{
	base_free(d);
}

static const struct vm_dev_ops pci_dev_ops = {
	.reset = pci_reset, .save = pci_save, .load = pci_load, .destroy = pci_destroy,
};

static int add_cap(struct pci *p, unsigned type, unsigned page, uint32_t len, unsigned extra,
		   struct err *e)
{
	uint8_t cap[CAP_LEN + 4] = { [CAP_O_LEN] = CAP_LEN + extra, [CAP_O_TYPE] = type };

	if (type != CAP_PCI) {
		cap[CAP_O_BAR] = BAR;
		st_le32(cap + CAP_O_OFFSET, page * PAGE_SIZE);
		st_le32(cap + CAP_O_LENGTH, len);
	}
	if (type == CAP_NOTIFY)
		st_le32(cap + CAP_LEN, NOTIFY_MULTIPLIER);
	/* The bus writes the first two bytes. */
	return pci_func_capability(p->f, CAP_VENDOR, cap + 2, CAP_LEN - 2 + extra, NULL, e);
}

static int add_caps(struct pci *p, struct err *e)
{
	struct virtio *v = p->v;
	int r;

	if ((r = add_cap(p, CAP_COMMON, PAGE_COMMON, C_LEN, 0, e)) < 0 ||
	    (r = add_cap(p, CAP_ISR, PAGE_ISR, 1, 0, e)) < 0 ||
	    (r = add_cap(p, CAP_NOTIFY, PAGE_NOTIFY, v->nqueues * NOTIFY_MULTIPLIER, 4, e)) < 0)
		return r;
	/* 4.1.4.6.1: only for a device that has a configuration space. */
	if (v->config_len && (r = add_cap(p, CAP_DEVICE, PAGE_DEVICE, v->config_len, 0, e)) < 0)
		return r;
	r = add_cap(p, CAP_PCI, 0, 0, 4, e);
	if (r < 0)
		return r;
	p->window = r;
	p->cap[CAP_O_LEN] = CAP_LEN + 4;
	p->cap[CAP_O_TYPE] = CAP_PCI;
	pci_func_config_hook(p->f, r + CAP_O_BAR, CAP_LEN + 4 - CAP_O_BAR, window_read,
			     window_write, p);
	return 0;
}

int virtio_pci_attach(struct virtio *v, struct pci_bus *bus, struct err *e)
{
	struct pci *p = base_zalloc(sizeof(*p));
	struct pci_func_desc d = {
		.vendor = 0x1af4, .device = 0x1040 + v->type->id, .subsystem_vendor = 0x1af4,
		.subsystem = 0x1100, .revision = 1, .class_code = v->type->pci_class,
		.msix_vectors = v->nqueues + 1, .name = v->dev.name,
	};
	int r;

	if (!p)
		return err_set(e, ENOMEM, "%s: out of memory", v->dev.name);
	p->v = v;
	p->f = pci_func_add(bus, &d, e);
	if (!p->f) {
		base_free(p);
		return err_wrap(e, "%s", v->dev.name);
	}
	/* From here on the bus knows p: it lives until the device is destroyed. */
	v->transport = p;
	v->transport_ops = &pci_dev_ops;
	v->interrupt = pci_interrupt;
	v->need_version_1 = true;
	common_reset(p);
	r = pci_func_bar(p->f, BAR, BAR_SIZE, true, &bar_ops, p, e);
	if (!r)
		r = add_caps(p, e);
	return r < 0 ? err_wrap(e, "%s", v->dev.name) : 0;
}
