/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio 1.2 device side: common state, virtqueues (split and packed), and
 * the contract between a device type and a transport (mmio.c, pci.c).
 *
 * All functions are called with the machine's io lock held unless said
 * otherwise.  Rings live in guest RAM, which other harts may rewrite at any
 * time: a descriptor is read once and what was read is validated.  A driver
 * that breaks the rules gets DEVICE_NEEDS_RESET (2.1.2) and its queue stops;
 * it never harms the host.
 */
#ifndef DEV_VIRTIO_VIRTIO_H
#define DEV_VIRTIO_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vm/device.h"
#include "vm/irq.h"

enum {
	VIRTIO_QUEUE_MAX = 1024,        /* entries; device types may offer less */
	VIRTIO_QUEUES = 32,             /* queues of one device at most */
	VIRTIO_SEGS = 1024,             /* segments of one chain at most */
};

/* Feature bits (6). */
#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX     (1ull << 29)
#define VIRTIO_F_VERSION_1     (1ull << 32)
#define VIRTIO_F_RING_PACKED   (1ull << 34)
#define VIRTIO_F_RING_RESET    (1ull << 40)

/* Device status (2.1). */
enum {
	VIRTIO_ACKNOWLEDGE = 1, VIRTIO_DRIVER = 2, VIRTIO_DRIVER_OK = 4,
	VIRTIO_FEATURES_OK = 8, VIRTIO_NEEDS_RESET = 64, VIRTIO_FAILED = 128,
};

struct virtio;
struct virtq;

/* A device type. */
struct virtio_type {
	const char *name;               /* "blk" */
	uint16_t id;                    /* 5 */
	uint32_t pci_class;             /* class code << 8, e.g. 0x018000 */
	/* An available buffer notification on queue q (spurious ones too). */
	void (*notify)(struct virtio *v, unsigned q);
	/* Driver wrote 0 to status, or the machine resets.  Requests under way
	 * must be finished or dropped before it returns or be recognized as
	 * stale by virtio.generation. */
	void (*reset)(struct virtio *v);
	/* After FEATURES_OK resp. DRIVER_OK was accepted; may be NULL. */
	void (*features_ok)(struct virtio *v);
	void (*driver_ok)(struct virtio *v);
	/* v->config holds the bytes; called after the driver changed them
	 * (NULL: configuration is read-only). */
	void (*config_written)(struct virtio *v, unsigned off, unsigned len);
	/* Device-specific state into / out of the section that virtio.c has open. */
	void (*save)(struct virtio *v, struct ser_writer *w);
	void (*load)(struct virtio *v, struct ser_reader *r);
	void (*drain)(struct virtio *v);        /* as vm_dev_ops.drain; may be NULL */
	void (*destroy)(struct virtio *v);      /* frees the device */
	/* One queue was reset (2.6.1) or stopped (4.2.2.2).  Not NULL:
	 * RING_RESET is offered; on return nothing of the queue is in flight. */
	void (*queue_reset)(struct virtio *v, unsigned q);
	/* notify runs on the loop thread (io lock held) instead of the hart's. */
	bool notify_on_loop;
};

/* One segment of a chain: host memory, checked to be RAM. */
struct virtq_seg {
	gpa_t gpa;
	uint32_t len;
	void *host;
};

/* A descriptor chain taken off a queue.  Readable segments come first
 * (2.7.4.2).  Owned by the caller; freed by virtq_push or virtq_drop. */
struct virtq_chain {
	uint16_t id;            /* head index (split) or buffer id (packed) */
	uint16_t ndesc;         /* ring slots that it takes (packed) */
	uint32_t generation;    /* virtio.generation at pop */
	uint32_t epoch;         /* the queue's own count of enables */
	unsigned nout, nin;     /* segments readable / writable by the device */
	uint64_t out_len, in_len; /* bytes; each below 4 GiB in total */
	struct virtq_seg seg[]; /* nout, then nin */
};

/* Common part, embedded first in every device struct. */
struct virtio {
	struct vm_dev dev;              /* name "blk0"; filled by virtio_init */
	const struct virtio_type *type;
	struct vm_host *host;
	uint64_t offered, acked;        /* features */
	uint8_t status;
	uint32_t generation;            /* counts resets: stale completions are dropped */
	uint8_t config_generation;
	uint8_t *config;                /* device-specific configuration space */
	unsigned config_len;
	unsigned nqueues;
	struct virtq *queues;           /* nqueues */
	/* Filled by the transport: raise the interrupt for queue q, or for a
	 * configuration change (q = -1). */
	void (*interrupt)(void *transport, int q);
	void *transport;
	/* Saved, reset and destroyed with the device: `transport` then begins
	 * with a struct vm_dev; save and load use the section that is open. */
	const struct vm_dev_ops *transport_ops;
	bool need_version_1;            /* the transport insists on VERSION_1 */
	/* Core only. */
	uint32_t again;                 /* queues to be looked at by the loop */
	bool posted;                    /* ... which has been asked to */
	struct virtq_seg *scratch;      /* VIRTIO_SEGS, for the chain being read */
};

/* Initialize the common part and register with host.  `name` e.g. "blk0".
 * queue_max[i] is a power of two <= VIRTIO_QUEUE_MAX.  The features
 * VERSION_1, INDIRECT_DESC, EVENT_IDX and RING_PACKED are offered always. */
int virtio_init(struct virtio *v, const struct virtio_type *type,
		struct vm_host *host, const char *name, uint64_t features,
		unsigned config_len, unsigned nqueues, const uint16_t *queue_max,
		struct err *e);
void virtio_fini(struct virtio *v);     /* common part; called by type->destroy */

static inline bool virtio_has(const struct virtio *v, uint64_t feature)
{
	return (v->acked & feature) == feature;
}
/* The driver is done with set-up and the device is not broken. */
static inline bool virtio_running(const struct virtio *v)
{
	return (v->status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET)) == VIRTIO_DRIVER_OK;
}
/* The device changed its configuration: bump generation, interrupt. */
void virtio_config_changed(struct virtio *v);
/* The driver broke the protocol: NEEDS_RESET, interrupt, queues stop. */
void virtio_broken(struct virtio *v, const char *why);

/* Run type->notify for queue q now, bounded as for a notification: for a host
 * event (a channel became readable) that concerns the queue. */
void virtio_poll(struct virtio *v, unsigned q);
/* Look at queue q again on the loop thread (type->notify, as if the driver
 * had notified).  For devices that stop before the queue is empty. */
void virtio_again(struct virtio *v, unsigned q);

/* Take the next chain.  NULL: none (queue empty, not ready, or device
 * broken).  May be called when no notification is outstanding. */
struct virtq_chain *virtq_pop(struct virtio *v, unsigned q);
/* Whether virtq_pop would find something; re-enables notifications when not. */
bool virtq_empty(struct virtio *v, unsigned q);
/* Return the chain as used with `written` bytes written to its in segments
 * (<= in_len), mark them dirty, free it, interrupt if the driver wants it.
 * A chain of an older generation is only freed. */
void virtq_push(struct virtio *v, unsigned q, struct virtq_chain *c, uint32_t written);
/* The same for n chains that the driver must see at once (5.1.6.4). */
void virtq_push_many(struct virtio *v, unsigned q, struct virtq_chain **c,
		     const uint32_t *written, unsigned n);
/* Free without using: only chains of an older generation or of a device that
 * is broken.  Others are pushed or put back (they count as in flight). */
void virtq_drop(struct virtq_chain *c);
/* Put back the chain that was popped last, unprocessed. */
void virtq_unpop(struct virtio *v, unsigned q, struct virtq_chain *c);

/* Copy out of the readable part / into the writable part, at byte offset
 * `off`.  Returns the bytes copied (less at the end). */
size_t virtq_read(const struct virtq_chain *c, uint64_t off, void *buf, size_t n);
size_t virtq_write(const struct virtq_chain *c, uint64_t off, const void *buf, size_t n);
/* iovecs of [off, off+len) of one part; returns the count, at most max. */
int virtq_iov(const struct virtq_chain *c, bool in, uint64_t off, uint64_t len,
	      struct iovec *iov, int max);

/* ---- for transports --------------------------------------------------- */

void virtio_set_status(struct virtio *v, uint8_t status);       /* 3.1.1; 0 resets */
/* Feature words, sel 0 or 1 (others read 0 and ignore writes); writes after
 * FEATURES_OK are ignored. */
uint32_t virtio_get_features(const struct virtio *v, uint32_t sel, bool acked);
void virtio_set_features(struct virtio *v, uint32_t sel, uint32_t val);
/* Little-endian; bytes past the end read 0.  *ok false: nothing is there. */
uint64_t virtio_config_read(struct virtio *v, uint64_t off, unsigned width, bool *ok);
bool virtio_config_write(struct virtio *v, uint64_t off, unsigned width, uint64_t val);
/* Queue registers; each refuses (ignored + broken where it matters) what the
 * specification forbids: bad size, change while enabled, unaligned rings. */
unsigned virtq_size(const struct virtio *v, unsigned q);
unsigned virtq_size_max(const struct virtio *v, unsigned q);
void virtq_set_size(struct virtio *v, unsigned q, uint32_t size);
void virtq_set_addr(struct virtio *v, unsigned q, unsigned which /* 0 desc 1 driver 2 device */,
		    unsigned half /* 0 low 1 high 32 bits */, uint32_t val);
uint64_t virtq_get_addr(const struct virtio *v, unsigned q, unsigned which);
void virtq_enable(struct virtio *v, unsigned q, bool on);
bool virtq_enabled(const struct virtio *v, unsigned q);
void virtq_reset(struct virtio *v, unsigned q);                 /* RING_RESET */
void virtio_notify(struct virtio *v, uint32_t q);               /* from the notify register */

/* virtio over MMIO, version 2 (4.2): 0x200 bytes of registers at base. */
int virtio_mmio_attach(struct virtio *v, gpa_t base, struct vm_irq irq, struct err *e);
/* virtio over PCI, modern (4.1): a function on the bus. */
struct pci_bus;
int virtio_pci_attach(struct virtio *v, struct pci_bus *bus, struct err *e);

/* ---- device types ------------------------------------------------------ */
struct chan;
struct blk;
struct net;
struct host_fs;
struct entropy;
/* Each returns a device that is not attached yet; it takes ownership of its
 * host side when it succeeds. */
struct virtio *virtio_blk_create(struct vm_host *h, const char *name, struct blk *b,
				 const char *serial, struct err *e);
struct virtio *virtio_net_create(struct vm_host *h, const char *name, struct net *n,
				 const uint8_t mac[6], struct err *e);
/* Ask the driver to announce itself on the network (after a migration).
 * Takes the io lock. */
void virtio_net_announce(struct virtio *v);
struct virtio *virtio_console_create(struct vm_host *h, const char *name, struct chan *c,
				     struct err *e);
/* The terminal's size; told to the driver (VIRTIO_CONSOLE_F_SIZE).  Takes
 * the io lock. */
void virtio_console_resize(struct virtio *v, uint16_t cols, uint16_t rows);
struct virtio *virtio_rng_create(struct vm_host *h, const char *name, struct entropy *s,
				 struct err *e); /* borrows s */
struct virtio *virtio_fs_create(struct vm_host *h, const char *name, struct host_fs *fs,
				const char *tag, struct err *e);

#endif
