/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio over MMIO, version 2 (virtio 1.2, 4.2): 0x200 bytes of registers,
 * the device's configuration space from 0x100 on, one level interrupt.
 *
 * Never faults: a wrong width or offset reads 0 and writes nothing.  Drivers
 * that do not accept VERSION_1 are let through, which 6.1 permits and small
 * teaching systems count on.
 */
#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/log.h"
#include "dev/virtio/virtio.h"

enum {
	REG_MAGIC = 0x000, REG_VERSION = 0x004, REG_DEVICE_ID = 0x008, REG_VENDOR_ID = 0x00c,
	REG_DEVICE_FEATURES = 0x010, REG_DEVICE_FEATURES_SEL = 0x014,
	REG_DRIVER_FEATURES = 0x020, REG_DRIVER_FEATURES_SEL = 0x024,
	REG_QUEUE_SEL = 0x030, REG_QUEUE_NUM_MAX = 0x034, REG_QUEUE_NUM = 0x038,
	REG_QUEUE_READY = 0x044, REG_QUEUE_NOTIFY = 0x050,
	REG_INTERRUPT_STATUS = 0x060, REG_INTERRUPT_ACK = 0x064, REG_STATUS = 0x070,
	REG_QUEUE_DESC = 0x080, REG_QUEUE_DRIVER = 0x090, REG_QUEUE_DEVICE = 0x0a0,
	REG_SHM_SEL = 0x0ac, REG_SHM_LEN_LOW = 0x0b0, REG_SHM_BASE_HIGH = 0x0bc,
	REG_QUEUE_RESET = 0x0c0, REG_CONFIG_GENERATION = 0x0fc, REG_CONFIG = 0x100,
	REG_SIZE = 0x200,
};
enum { IRQ_USED = 1, IRQ_CONFIG = 2 };

struct mmio {
	struct vm_dev dev;      /* only to be virtio.transport */
	struct virtio *v;
	struct vm_irq irq;
	uint32_t device_sel, driver_sel, queue_sel;
	uint32_t pending;       /* InterruptStatus */
};

static void update_irq(struct mmio *m)
{
	vm_irq_set(&m->irq, m->pending != 0);
}

static void mmio_interrupt(void *transport, int q)
{
	struct mmio *m = transport;

	m->pending |= q < 0 ? IRQ_CONFIG : IRQ_USED;
	update_irq(m);
}

static uint32_t read_register(struct mmio *m, uint64_t off)
{
	struct virtio *v = m->v;

	switch (off) {
	case REG_MAGIC: return 0x74726976; /* "virt" */
	case REG_VERSION: return 2;
	case REG_DEVICE_ID: return v->type->id;
	/* "QEMU": the board is its "virt", and small systems (xv6) compare it. */
	case REG_VENDOR_ID: return 0x554d4551;
	case REG_DEVICE_FEATURES: return virtio_get_features(v, m->device_sel, false);
	case REG_QUEUE_NUM_MAX: return virtq_size_max(v, m->queue_sel);
	case REG_QUEUE_READY: return virtq_enabled(v, m->queue_sel);
	case REG_INTERRUPT_STATUS: return m->pending;
	case REG_STATUS: return v->status;
	/* 4.2.2.1: no shared memory region has this id: length and base -1. */
	case REG_SHM_LEN_LOW ... REG_SHM_BASE_HIGH: return UINT32_MAX;
	case REG_CONFIG_GENERATION: return v->config_generation;
	default: return 0; /* write-only, QueueReset (done at once), reserved */
	}
}

static bool mmio_read(void *ctx, uint64_t off, unsigned width, uint64_t *val)
{
	struct mmio *m = ctx;
	bool ok = true;

	if (off >= REG_CONFIG)
		*val = virtio_config_read(m->v, off - REG_CONFIG, width, &ok);
	else if (width == 4)
		*val = read_register(m, off);
	else
		ok = false;
	if (!ok) {
		log_trace(VIRTIO, "%s: bad read of %u bytes at %#llx", m->v->dev.name, width,
			  (unsigned long long)off);
		*val = 0;
	}
	return true;
}

static void write_register(struct mmio *m, uint64_t off, uint32_t val)
{
	struct virtio *v = m->v;
	unsigned q = m->queue_sel;

	switch (off) {
	case REG_DEVICE_FEATURES_SEL: m->device_sel = val; break;
	case REG_DRIVER_FEATURES: virtio_set_features(v, m->driver_sel, val); break;
	case REG_DRIVER_FEATURES_SEL: m->driver_sel = val; break;
	case REG_QUEUE_SEL: m->queue_sel = val; break;
	case REG_QUEUE_NUM: virtq_set_size(v, q, val); break;
	case REG_QUEUE_READY: virtq_enable(v, q, val & 1); break;
	case REG_QUEUE_NOTIFY: virtio_notify(v, val); break;
	case REG_QUEUE_DESC: case REG_QUEUE_DESC + 4:
		virtq_set_addr(v, q, 0, off != REG_QUEUE_DESC, val);
		break;
	case REG_QUEUE_DRIVER: case REG_QUEUE_DRIVER + 4:
		virtq_set_addr(v, q, 1, off != REG_QUEUE_DRIVER, val);
		break;
	case REG_QUEUE_DEVICE: case REG_QUEUE_DEVICE + 4:
		virtq_set_addr(v, q, 2, off != REG_QUEUE_DEVICE, val);
		break;
	case REG_QUEUE_RESET:
		if (val & 1)
			virtq_reset(v, q);
		break;
	case REG_INTERRUPT_ACK:
		m->pending &= ~val;
		update_irq(m);
		break;
	case REG_STATUS:
		virtio_set_status(v, val);
		if (!v->status) { /* 4.2.2.1: reset clears InterruptStatus */
			m->pending = 0;
			update_irq(m);
		}
		break;
	default: break; /* read-only, SHMSel (all regions are absent), reserved */
	}
}

static bool mmio_write(void *ctx, uint64_t off, unsigned width, uint64_t val)
{
	struct mmio *m = ctx;
	bool ok = true;

	if (off >= REG_CONFIG)
		ok = virtio_config_write(m->v, off - REG_CONFIG, width, val);
	else if (width == 4)
		write_register(m, off, val);
	else
		ok = false;
	if (!ok)
		log_trace(VIRTIO, "%s: bad write of %u bytes at %#llx", m->v->dev.name, width,
			  (unsigned long long)off);
	return true;
}

static const struct mem_mmio_ops mmio_ops = { .read = mmio_read, .write = mmio_write };

static void mmio_reset(struct vm_dev *d)
{
	struct mmio *m = (struct mmio *)d;

	m->device_sel = m->driver_sel = m->queue_sel = m->pending = 0;
	update_irq(m);
}

static void mmio_save(struct vm_dev *d, struct ser_writer *w)
{
	struct mmio *m = (struct mmio *)d;

	ser_u32(w, m->device_sel);
	ser_u32(w, m->driver_sel);
	ser_u32(w, m->queue_sel);
	ser_u32(w, m->pending);
}

static void mmio_load(struct vm_dev *d, struct ser_reader *r)
{
	struct mmio *m = (struct mmio *)d;

	m->device_sel = ser_get_u32(r);
	m->driver_sel = ser_get_u32(r);
	m->queue_sel = ser_get_u32(r);
	m->pending = ser_get_u32(r);
	ser_check(r, !(m->pending & ~(IRQ_USED | IRQ_CONFIG)), "interrupt status");
	update_irq(m);
}

static void mmio_destroy(struct vm_dev *d)
{
	base_free(d);
}

static const struct vm_dev_ops mmio_dev_ops = {
	.reset = mmio_reset, .save = mmio_save, .load = mmio_load, .destroy = mmio_destroy,
};

int virtio_mmio_attach(struct virtio *v, gpa_t base, struct vm_irq irq, struct err *e)
{
	struct mmio *m = base_zalloc(sizeof(*m));

	if (!m)
		return err_set(e, ENOMEM, "%s: out of memory", v->dev.name);
	m->v = v;
	m->irq = irq;
	if (!mem_add_mmio(v->host->mem, base, REG_SIZE, &mmio_ops, m, 0, v->dev.name, e)) {
		base_free(m);
		return err_wrap(e, "%s", v->dev.name);
	}
	v->transport = m;
	v->transport_ops = &mmio_dev_ops;
	v->interrupt = mmio_interrupt;
	return 0;
}
