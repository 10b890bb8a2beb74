/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio device (virtio 1.2, 2 and 3.1): status, features, configuration
 * space, notifications, reset, saved state.
 *
 * Relies on queue.c for the rings and on a transport (mmio.c, pci.c) for the
 * registers.  Never works longer for one notification than one ring's worth
 * of chains: the rest is handed to the loop thread, so that a guest that
 * refills its ring as fast as it is emptied cannot hold the io lock.
 */
#include "dev/virtio/virtio.h"

#include <assert.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/log.h"
#include "dev/virtio/queue.h"

/* ---- notifications ------------------------------------------------------ */

void virtio_poll(struct virtio *v, unsigned q)
{
	struct virtq *vq = &v->queues[q];
	bool spent;

	assert(q < v->nqueues);
	if (!virtio_running(v) || !vq->enabled)
		return;
	vq->budget = vq->size;
	vq->spent = false;
	v->type->notify(v, q);
	spent = vq->spent;
	vq->budget = -1;
	vq->spent = false;
	if (spent)
		virtio_again(v, q);
}

static void run_again(void *arg)
{
	struct virtio *v = arg;
	uint32_t mask;

	lock_take(v->host->io);
	mask = v->again;
	v->again = 0;
	v->posted = false;
	for (unsigned q = 0; q < v->nqueues; q++)
		if (mask & 1u << q)
			virtio_poll(v, q);
	lock_drop(v->host->io);
}

static void post(struct virtio *v)
{
	if (v->posted || !v->again)
		return;
	v->posted = loop_post(v->host->loop, run_again, v);
	if (!v->posted)
		virtio_broken(v, "the host is out of memory");
}

void virtio_again(struct virtio *v, unsigned q)
{
	assert(q < v->nqueues);
	v->again |= 1u << q;
	post(v);
}

void virtio_notify(struct virtio *v, uint32_t q)
{
	if (q >= v->nqueues || v->status & VIRTIO_NEEDS_RESET) {
		log_trace(VIRTIO, "%s: notification of queue %u ignored", v->dev.name, q);
		return;
	}
	if (!(v->status & VIRTIO_DRIVER_OK))
		v->again |= 1u << q; /* too early: looked at when the driver is ready */
	else if (v->type->notify_on_loop)
		virtio_again(v, q);
	else
		virtio_poll(v, q);
}

static void interrupt_config(struct virtio *v)
{
	if (v->status & VIRTIO_DRIVER_OK && v->interrupt)
		v->interrupt(v->transport, -1);
}

void virtio_config_changed(struct virtio *v)
{
	v->config_generation++;
	interrupt_config(v);
}

void virtio_broken(struct virtio *v, const char *why)
{
	if (v->status & VIRTIO_NEEDS_RESET)
		return;
	log_trace(VIRTIO, "%s: needs reset: %s", v->dev.name, why);
	v->status |= VIRTIO_NEEDS_RESET;
	interrupt_config(v); /* 2.1.2 */
}

/* ---- features and status ------------------------------------------------ */

uint32_t virtio_get_features(const struct virtio *v, uint32_t sel, bool acked)
{
	uint64_t f = acked ? v->acked : v->offered;

	return sel > 1 ? 0 : (uint32_t)(f >> 32 * sel);
}

void virtio_set_features(struct virtio *v, uint32_t sel, uint32_t val)
{
	if (sel > 1 || v->status & VIRTIO_FEATURES_OK)
		return;
	v->acked &= ~(0xffffffffull << 32 * sel);
	v->acked |= (uint64_t)val << 32 * sel;
}

static bool features_acceptable(const struct virtio *v, uint64_t acked)
{
	if (acked & ~v->offered)
		return false;
	return !v->need_version_1 || acked & VIRTIO_F_VERSION_1;
}

static void reset(struct virtio *v)
{
	v->status = 0;
	v->acked = 0;
	v->again = 0;
	v->generation++;
	for (unsigned q = 0; q < v->nqueues; q++)
		virtq__clear(&v->queues[q]);
	v->type->reset(v);
}

void virtio_set_status(struct virtio *v, uint8_t status)
{
	uint8_t new = status & ~v->status & ~VIRTIO_NEEDS_RESET; /* bits are only added */

	if (!status) {
		log_trace(VIRTIO, "%s: reset by the driver", v->dev.name);
		reset(v);
		return;
	}
	v->status |= new & (VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FAILED);
	if (new & VIRTIO_FEATURES_OK) {
		if (features_acceptable(v, v->acked)) {
			v->status |= VIRTIO_FEATURES_OK;
			if (v->type->features_ok)
				v->type->features_ok(v);
		}
		log_trace(VIRTIO, "%s: features %#llx %s", v->dev.name,
			  (unsigned long long)v->acked,
			  v->status & VIRTIO_FEATURES_OK ? "accepted" : "refused");
	}
	if (new & VIRTIO_DRIVER_OK && v->status & VIRTIO_FEATURES_OK) {
		v->status |= VIRTIO_DRIVER_OK;
		if (v->status & VIRTIO_NEEDS_RESET) { /* broken while it was set up */
			interrupt_config(v);
			return;
		}
		if (v->type->driver_ok)
			v->type->driver_ok(v);
		post(v);
	}
}

/* ---- configuration space ------------------------------------------------ */

static bool config_access(const struct virtio *v, uint64_t off, unsigned width)
{
	return (width == 1 || width == 2 || width == 4) && off % width == 0 &&
	       off < v->config_len;
}

uint64_t virtio_config_read(struct virtio *v, uint64_t off, unsigned width, bool *ok)
{
	uint32_t val = 0;

	*ok = config_access(v, off, width);
	if (*ok)
		memcpy(&val, v->config + off, MIN((uint64_t)width, v->config_len - off));
	return val;
}

bool virtio_config_write(struct virtio *v, uint64_t off, unsigned width, uint64_t val)
{
	uint32_t len;

	if (!config_access(v, off, width) || !v->type->config_written)
		return false;
	len = MIN((uint64_t)width, v->config_len - off);
	memcpy(v->config + off, &val, len);
	v->type->config_written(v, off, len);
	return true;
}

/* ---- the device of the machine ------------------------------------------ */

static struct virtio *from_dev(struct vm_dev *d)
{
	return container_of(d, struct virtio, dev);
}

static void dev_reset(struct vm_dev *d)
{
	struct virtio *v = from_dev(d);

	reset(v);
	if (v->transport_ops)
		v->transport_ops->reset(v->transport);
}

static void dev_save(struct vm_dev *d, struct ser_writer *w)
{
	struct virtio *v = from_dev(d);

	ser_begin(w, d->name, 1);
	ser_u64(w, v->offered);
	ser_u64(w, v->acked);
	ser_u8(w, v->status);
	ser_u8(w, v->config_generation);
	ser_u32(w, v->again);
	ser_blob(w, v->config, v->config_len);
	virtq__save(v, w);
	if (v->transport_ops)
		v->transport_ops->save(v->transport, w);
	if (v->type->save)
		v->type->save(v, w);
	ser_end(w);
}

static void load_common(struct virtio *v, struct ser_reader *r)
{
	const void *config;
	uint32_t len;

	ser_check(r, ser_get_u64(r) == v->offered, "features of another device");
	v->acked = ser_get_u64(r);
	v->status = ser_get_u8(r);
	v->config_generation = ser_get_u8(r);
	v->again = ser_get_u32(r);
	config = ser_get_blob(r, &len, v->config_len);
	if (!ser_check(r, len == v->config_len, "size of the configuration space"))
		return;
	if (config)
		memcpy(v->config, config, len);
	ser_check(r, !(v->status & VIRTIO_FEATURES_OK) || features_acceptable(v, v->acked),
		  "negotiated features");
	ser_check(r, !(v->status & VIRTIO_DRIVER_OK) || v->status & VIRTIO_FEATURES_OK,
		  "device status");
	ser_check(r, v->nqueues == 32 || !(v->again >> v->nqueues), "pending queues");
}

static void dev_load(struct vm_dev *d, struct ser_reader *r)
{
	struct virtio *v = from_dev(d);

	dev_reset(d);
	if (!ser_open(r, d->name, 1, 1))
		return;
	load_common(v, r);
	if (!ser_error(r, NULL))
		virtq__load(v, r);
	if (!ser_error(r, NULL) && v->transport_ops)
		v->transport_ops->load(v->transport, r);
	if (!ser_error(r, NULL) && v->type->load)
		v->type->load(v, r);
	ser_close(r);
	if (ser_error(r, NULL))
		dev_reset(d); /* whatever was read is gone */
	else if (virtio_running(v))
		post(v);
}

static void dev_drain(struct vm_dev *d)
{
	struct virtio *v = from_dev(d);

	if (v->type->drain)
		v->type->drain(v);
}

static void dev_destroy(struct vm_dev *d)
{
	struct virtio *v = from_dev(d);

	dev_drain(d); /* a worker that completes a request uses the transport */
	loop_cancel(v->host->loop, run_again, v);
	if (v->transport_ops)
		v->transport_ops->destroy(v->transport);
	v->type->destroy(v);
}

static const struct vm_dev_ops virtio_dev_ops = {
	.reset = dev_reset, .save = dev_save, .load = dev_load,
	.drain = dev_drain, .destroy = dev_destroy,
};

int virtio_init(struct virtio *v, const struct virtio_type *type,
		struct vm_host *host, const char *name, uint64_t features,
		unsigned config_len, unsigned nqueues, const uint16_t *queue_max,
		struct err *e)
{
	assert(nqueues && nqueues <= VIRTIO_QUEUES && strlen(name) < sizeof(v->dev.name));
	*v = (struct virtio){
		.type = type, .host = host, .config_len = config_len, .nqueues = nqueues,
		.offered = features | VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC |
			   VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED |
			   (type->queue_reset ? VIRTIO_F_RING_RESET : 0),
	};
	v->config = base_zalloc(config_len);
	v->queues = base_calloc(nqueues, sizeof(*v->queues));
	v->scratch = base_calloc(VIRTIO_SEGS, sizeof(*v->scratch));
	if (!v->config || !v->queues || !v->scratch) {
		virtio_fini(v);
		return err_set(e, ENOMEM, "%s: out of memory", name);
	}
	for (unsigned q = 0; q < nqueues; q++) {
		assert(is_pow2(queue_max[q]) && queue_max[q] <= VIRTIO_QUEUE_MAX);
		v->queues[q].size_max = queue_max[q];
		virtq__clear(&v->queues[q]);
	}
	v->dev.ops = &virtio_dev_ops;
	memcpy(v->dev.name, name, strlen(name) + 1);
	vm_host_add(host, &v->dev);
	return 0;
}

void virtio_fini(struct virtio *v)
{
	base_free(v->config);
	base_free(v->queues);
	base_free(v->scratch);
	v->config = NULL;
	v->queues = NULL;
	v->scratch = NULL;
}
