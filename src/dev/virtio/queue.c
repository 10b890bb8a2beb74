/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtqueues, what both ring formats share: taking chains off and returning
 * them, notification suppression, the queue registers, saved state.
 *
 * Relies on RAM regions never moving while the machine lives: the areas are
 * resolved once, when the queue is enabled.  Never lets a driver have more
 * chains in flight than the queue has entries, which bounds host memory at
 * size * VIRTIO_SEGS segments a queue.
 */
#include "dev/virtio/queue.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/log.h"

/* ---- chains ------------------------------------------------------------ */

bool virtq__walk_add(struct virtq_walk *w, uint64_t addr, uint32_t len, bool write)
{
	unsigned n = w->nout + w->nin;
	const char *why = NULL;
	void *host = NULL;

	if (!len)
		return true; /* allowed and without meaning */
	if (n == VIRTIO_SEGS)
		why = "descriptor chain has too many segments";
	else if (!write && w->nin)
		why = "readable descriptor after a writable one";       /* 2.7.4.2 */
	else if (w->out_len + w->in_len + len > UINT32_MAX)
		why = "descriptor chain of 4 GiB or more";              /* 2.7.5.2 */
	else if (!(host = mem_ptr(w->v->host->mem, GPA(addr), len)))
		why = "descriptor outside of RAM";
	if (why) {
		virtio_broken(w->v, why);
		return false;
	}
	w->v->scratch[n] = (struct virtq_seg){ .gpa = GPA(addr), .len = len, .host = host };
	if (write) {
		w->nin++;
		w->in_len += len;
	} else {
		w->nout++;
		w->out_len += len;
	}
	return true;
}

const uint8_t *virtq__indirect(struct virtio *v, struct virtq *vq,
			       const struct virtq_desc *d, unsigned *n)
{
	const char *why = NULL;
	void *table = NULL;

	*n = d->len / 16;
	if (!vq->indirect)
		why = "indirect descriptor without the feature";
	else if (!d->len || d->len % 16)
		why = "indirect table of a bad length";
	else if (*n > VIRTIO_SEGS)
		why = "indirect table is too long";
	else if (!(table = mem_ptr(v->host->mem, GPA(d->addr), d->len)))
		why = "indirect table outside of RAM";
	if (why)
		virtio_broken(v, why);
	return table;
}

static struct virtq *usable(struct virtio *v, unsigned q)
{
	assert(q < v->nqueues);
	return virtio_running(v) && v->queues[q].enabled ? &v->queues[q] : NULL;
}

/* Is a chain there?  If not, ask for a notification and look again: the
 * driver may have added one before it could see the request (2.7.10.1). */
static bool available(struct virtio *v, struct virtq *vq)
{
	const struct virtq_format *f = virtq__format(vq);

	if (f->has_next(v, vq))
		return true;
	if (v->status & VIRTIO_NEEDS_RESET)
		return false;
	f->want(v, vq, true);
	vq->quiet = false;
	virtq__fence();
	return f->has_next(v, vq);
}

struct virtq_chain *virtq_pop(struct virtio *v, unsigned q)
{
	struct virtq *vq = usable(v, q);
	struct virtq_walk w = { .v = v };
	struct virtq_chain *c;
	uint16_t id, ndesc;

	if (!vq)
		return NULL;
	if (!vq->budget) {
		vq->spent = true;
		return NULL;
	}
	if (!available(v, vq))
		return NULL;
	if (vq->inflight == vq->size) {
		virtio_broken(v, "more chains in flight than the queue has entries");
		return NULL;
	}
	if (!virtq__format(vq)->walk(v, vq, &w, &id, &ndesc))
		return NULL;
	c = base_alloc(sizeof(*c) + (w.nout + w.nin) * sizeof(c->seg[0]));
	if (!c) {
		virtio_broken(v, "the host is out of memory");
		return NULL;
	}
	*c = (struct virtq_chain){
		.id = id, .ndesc = ndesc, .generation = v->generation, .epoch = vq->epoch,
		.nout = w.nout, .nin = w.nin, .out_len = w.out_len, .in_len = w.in_len,
	};
	memcpy(c->seg, v->scratch, (w.nout + w.nin) * sizeof(c->seg[0]));
	virtq__format(vq)->advance(vq, ndesc);
	vq->inflight++;
	if (vq->budget > 0)
		vq->budget--;
	if (!vq->quiet) {
		virtq__format(vq)->want(v, vq, false);
		vq->quiet = true;
	}
	return c;
}

bool virtq_empty(struct virtio *v, unsigned q)
{
	struct virtq *vq = usable(v, q);

	return !vq || !available(v, vq);
}

static bool current(const struct virtio *v, const struct virtq *vq,
		    const struct virtq_chain *c)
{
	return c->generation == v->generation && c->epoch == vq->epoch;
}

static void mark_dirty(struct virtio *v, const struct virtq_chain *c, uint32_t written)
{
	for (unsigned i = c->nout; i < c->nout + c->nin && written; i++) {
		uint32_t n = MIN(written, c->seg[i].len);

		mem_mark_dirty(v->host->mem, c->seg[i].gpa, n);
		written -= n;
	}
}

/* Chains from before a reset have no ring to return to.  Their slots in c are
 * NULL afterwards; returns how many are left. */
static unsigned drop_stale(struct virtio *v, struct virtq *vq, struct virtq_chain **c, unsigned n)
{
	unsigned live = 0;

	for (unsigned i = 0; i < n; i++) {
		if (current(v, vq, c[i])) {
			live++;
		} else {
			virtq_drop(c[i]);
			c[i] = NULL;
		}
	}
	return live;
}

void virtq_push_many(struct virtio *v, unsigned q, struct virtq_chain **c,
		     const uint32_t *written, unsigned n)
{
	struct virtq *vq;
	unsigned live, run;

	assert(q < v->nqueues);
	vq = &v->queues[q];
	/* The data is in RAM whether or not the ring still wants to know. */
	for (unsigned i = 0; i < n; i++) {
		assert(written[i] <= c[i]->in_len);
		mark_dirty(v, c[i], written[i]);
	}
	live = drop_stale(v, vq, c, n);
	assert(live <= vq->inflight);
	vq->inflight -= live;
	if (live && usable(v, q)) {
		for (unsigned i = 0; i < n; i += run) {
			for (run = 0; i + run < n && c[i + run]; run++)
				;
			if (run)
				virtq__format(vq)->use(v, vq, c + i, written + i, run);
			else
				run = 1;
		}
		/* The index must be visible before the event is read. */
		virtq__fence();
		if (virtq__format(vq)->interrupt(vq) && v->interrupt)
			v->interrupt(v->transport, (int)q);
	}
	for (unsigned i = 0; i < n; i++)
		virtq_drop(c[i]);
}

void virtq_push(struct virtio *v, unsigned q, struct virtq_chain *c, uint32_t written)
{
	virtq_push_many(v, q, &c, &written, 1);
}

void virtq_drop(struct virtq_chain *c)
{
	base_free(c);
}

void virtq_unpop(struct virtio *v, unsigned q, struct virtq_chain *c)
{
	struct virtq *vq;

	assert(q < v->nqueues);
	vq = &v->queues[q];
	if (current(v, vq, c)) {
		virtq__format(vq)->retreat(vq, c->ndesc);
		assert(vq->inflight);
		vq->inflight--;
	}
	virtq_drop(c);
}

/* ---- bytes of a chain --------------------------------------------------- */

int virtq_iov(const struct virtq_chain *c, bool in, uint64_t off, uint64_t len,
	      struct iovec *iov, int max)
{
	const struct virtq_seg *s = c->seg + (in ? c->nout : 0);
	unsigned n = in ? c->nin : c->nout;
	int used = 0;

	for (unsigned i = 0; i < n && len && used < max; i++) {
		uint64_t part;

		if (off >= s[i].len) {
			off -= s[i].len;
			continue;
		}
		part = MIN(len, s[i].len - off);
		iov[used].iov_base = (uint8_t *)s[i].host + off;
		iov[used++].iov_len = part;
		len -= part;
		off = 0;
	}
	return used;
}

static size_t copy(const struct virtq_chain *c, bool in, uint64_t off, void *buf, size_t n)
{
	const struct virtq_seg *s = c->seg + (in ? c->nout : 0);
	unsigned count = in ? c->nin : c->nout;
	size_t done = 0;

	for (unsigned i = 0; i < count && done < n; i++) {
		size_t part;

		if (off >= s[i].len) {
			off -= s[i].len;
			continue;
		}
		part = MIN(n - done, (size_t)(s[i].len - off));
		if (in)
			memcpy((uint8_t *)s[i].host + off, (uint8_t *)buf + done, part);
		else
			memcpy((uint8_t *)buf + done, (uint8_t *)s[i].host + off, part);
		done += part;
		off = 0;
	}
	return done;
}

size_t virtq_read(const struct virtq_chain *c, uint64_t off, void *buf, size_t n)
{
	return copy(c, false, off, buf, n);
}

size_t virtq_write(const struct virtq_chain *c, uint64_t off, const void *buf, size_t n)
{
	return copy(c, true, off, (void *)buf, n);
}

/* ---- registers ---------------------------------------------------------- */

unsigned virtq_size(const struct virtio *v, unsigned q)
{
	return q < v->nqueues ? v->queues[q].size : 0;
}

unsigned virtq_size_max(const struct virtio *v, unsigned q)
{
	return q < v->nqueues ? v->queues[q].size_max : 0;
}

bool virtq_enabled(const struct virtio *v, unsigned q)
{
	return q < v->nqueues && v->queues[q].enabled;
}

/* The queue if its registers may be written now. */
static struct virtq *writable(struct virtio *v, unsigned q)
{
	return q < v->nqueues && !v->queues[q].enabled ? &v->queues[q] : NULL;
}

/* A bad size is kept (as 0 when it does not fit) and refused by enable. */
void virtq_set_size(struct virtio *v, unsigned q, uint32_t size)
{
	struct virtq *vq = writable(v, q);

	if (vq)
		vq->size = size <= vq->size_max ? size : 0;
}

void virtq_set_addr(struct virtio *v, unsigned q, unsigned which, unsigned half, uint32_t val)
{
	struct virtq *vq = writable(v, q);
	unsigned shift = half ? 32 : 0;

	assert(which < VIRTQ_AREAS);
	if (vq)
		vq->addr[which] = (vq->addr[which] & ~(0xffffffffull << shift)) |
				  (uint64_t)val << shift;
}

uint64_t virtq_get_addr(const struct virtio *v, unsigned q, unsigned which)
{
	assert(which < VIRTQ_AREAS);
	return q < v->nqueues ? v->queues[q].addr[which] : 0;
}

static bool overlap(const struct virtq *vq, unsigned a, unsigned b)
{
	/* Both lie in RAM, so the sums do not wrap. */
	return vq->addr[a] < vq->addr[b] + vq->len[b] && vq->addr[b] < vq->addr[a] + vq->len[a];
}

const char *virtq__map(struct virtio *v, struct virtq *vq)
{
	uint32_t align[VIRTQ_AREAS];

	vq->packed = virtio_has(v, VIRTIO_F_RING_PACKED);
	vq->event_idx = virtio_has(v, VIRTIO_F_EVENT_IDX);
	vq->indirect = virtio_has(v, VIRTIO_F_INDIRECT_DESC);
	if (!vq->size || vq->size > vq->size_max)
		return "bad queue size";
	if (!vq->packed && !is_pow2(vq->size))
		return "queue size is not a power of two";
	virtq__format(vq)->areas(vq, vq->len, align);
	for (unsigned i = 0; i < VIRTQ_AREAS; i++) {
		if (vq->addr[i] % align[i])
			return "ring is not aligned";
		vq->area[i] = mem_ptr(v->host->mem, GPA(vq->addr[i]), vq->len[i]);
		if (!vq->area[i])
			return "ring outside of RAM";
	}
	if (overlap(vq, 0, 1) || overlap(vq, 0, 2) || overlap(vq, 1, 2))
		return "rings overlap";
	return NULL;
}

void virtq__clear(struct virtq *vq)
{
	*vq = (struct virtq){
		.size_max = vq->size_max, .size = vq->size_max, .epoch = vq->epoch + 1,
		.budget = -1, .avail_wrap = true, .used_wrap = true,
	};
}

/* Stopped: only what the registers say is left (4.2.2.2). */
static void stop(struct virtq *vq)
{
	uint16_t size = vq->size;
	uint64_t addr[VIRTQ_AREAS];

	memcpy(addr, vq->addr, sizeof(addr));
	virtq__clear(vq);
	vq->size = size;
	memcpy(vq->addr, addr, sizeof(addr));
}

void virtq_enable(struct virtio *v, unsigned q, bool on)
{
	struct virtq *vq;
	const char *why;

	if (q >= v->nqueues || v->queues[q].enabled == on)
		return;
	vq = &v->queues[q];
	if (!on) {
		stop(vq);
		if (v->type->queue_reset)
			v->type->queue_reset(v, q);
		return;
	}
	if (!(v->status & VIRTIO_FEATURES_OK) || v->status & VIRTIO_NEEDS_RESET)
		return;
	why = virtq__map(v, vq);
	if (why) {
		virtio_broken(v, why);
		return;
	}
	vq->enabled = true;
	log_trace(VIRTIO, "%s: queue %u of %u entries, %s", v->dev.name, q, vq->size,
		  vq->packed ? "packed" : "split");
}

void virtq_reset(struct virtio *v, unsigned q)
{
	if (q >= v->nqueues || !virtio_has(v, VIRTIO_F_RING_RESET))
		return;
	virtq__clear(&v->queues[q]);
	v->type->queue_reset(v, q);
}

/* ---- state -------------------------------------------------------------- */

static void save_queue(const struct virtq *vq, struct ser_writer *w)
{
	ser_u16(w, vq->size);
	ser_u8(w, vq->enabled);
	for (unsigned i = 0; i < VIRTQ_AREAS; i++)
		ser_u64(w, vq->addr[i]);
	ser_u16(w, vq->avail_idx);
	ser_u16(w, vq->used_idx);
	ser_u8(w, vq->avail_wrap);
	ser_u8(w, vq->used_wrap);
	ser_u16(w, vq->signalled);
	ser_u8(w, vq->quiet);
}

void virtq__save(struct virtio *v, struct ser_writer *w)
{
	ser_u32(w, v->nqueues);
	for (unsigned q = 0; q < v->nqueues; q++) {
		/* A drained device has returned or put back every chain. */
		assert(!v->queues[q].inflight || v->status & VIRTIO_NEEDS_RESET);
		save_queue(&v->queues[q], w);
	}
}

static void load_queue(struct virtio *v, struct virtq *vq, struct ser_reader *r)
{
	bool enabled;

	virtq__clear(vq);
	vq->size = ser_get_u16(r);
	enabled = ser_get_u8(r);
	for (unsigned i = 0; i < VIRTQ_AREAS; i++)
		vq->addr[i] = ser_get_u64(r);
	vq->avail_idx = ser_get_u16(r);
	vq->used_idx = ser_get_u16(r);
	vq->avail_wrap = ser_get_u8(r);
	vq->used_wrap = ser_get_u8(r);
	vq->signalled = ser_get_u16(r);
	vq->quiet = ser_get_u8(r);
	if (!ser_check(r, vq->size <= vq->size_max, "virtqueue size"))
		return;
	if (!enabled) {
		stop(vq); /* the driver may enable it, with other rings */
		return;
	}
	if (!ser_check(r, v->status & VIRTIO_FEATURES_OK, "virtqueue without features") ||
	    !ser_check(r, !virtq__map(v, vq), "virtqueue rings"))
		return;
	if (vq->packed && !ser_check(r, vq->avail_idx < vq->size && vq->used_idx < vq->size,
				     "packed virtqueue index"))
		return;
	vq->enabled = true;
}

void virtq__load(struct virtio *v, struct ser_reader *r)
{
	if (!ser_check(r, ser_get_u32(r) == v->nqueues, "number of virtqueues"))
		return;
	for (unsigned q = 0; q < v->nqueues; q++)
		load_queue(v, &v->queues[q], r);
}
