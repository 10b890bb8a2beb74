/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's virtio-fs driver for tests: FUSE requests through a virtqueue. */
#ifndef TESTS_DEV_VIRTIO_FS_RIG_H
#define TESTS_DEV_VIRTIO_FS_RIG_H

#include <linux/fuse.h>
#include <time.h>

#include "../host/fs_lib.h"
#include "virtio_driver.h"

enum { RIG_OUT = 64 << 10, RIG_IN = 128 << 10, HIPRIO = 0, REQUESTS = 1 };

struct fs_rig {
	struct fake f;
	struct drv d;
	struct scratch s;
	bool threads;
	uint64_t out, in;               /* guest addresses of the buffers */
	uint64_t unique;
	uint32_t used;                  /* bytes that the device wrote last */
	unsigned split;                 /* cut buffers into segments of this size */
};

static inline void fs_rig_machine(struct fs_rig *r, const struct host_fs_options *o)
{
	struct virtio *v;
	struct err e;

	if (r->threads) {
		worker_destroy(r->f.host.worker);
		r->f.host.worker = worker_create(2, false, &e);
		CHECK(r->f.host.worker);
	}
	if (!r->s.fs)
		r->s.fs = host_fs_create(r->s.root, o, &e);
	v = virtio_fs_create(&r->f.host, "fs0", r->s.fs, "share", &e);
	CHECK(v);
	drv_attach(&r->d, &r->f, v, false, NULL);
	drv_start(&r->d, VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX, 2, 64);
	r->out = heap(&r->d, RIG_OUT, 4096);
	r->in = heap(&r->d, RIG_IN, 4096);
}

static inline struct fs_rig *fs_rig_bare(bool threads, const struct host_fs_options *o)
{
	struct fs_rig *r = calloc(1, sizeof(*r));

	r->threads = threads;
	fake_init(&r->f);
	scratch_open(&r->s, o);
	fs_rig_machine(r, o);
	return r;
}

static inline void fs_rig_close(struct fs_rig *r)
{
	fake_fini(&r->f);
	r->s.fs = NULL;         /* the device owned it */
	scratch_close(&r->s);
	free(r);
}

static inline unsigned add_segs(struct fs_rig *r, struct buf *b, uint64_t a, uint64_t len)
{
	unsigned n = 0;
	uint64_t part;

	for (; len; len -= part, a += part) {
		part = r->split && n < 20 ? MIN(len, (uint64_t)r->split) : len;
		b[n++] = (struct buf){ a, (uint32_t)part };
	}
	return n;
}

/* Send `len` raw bytes with room for `room`; returns false when nothing comes
 * back within 5 s. */
static inline bool fs_raw(struct fs_rig *r, unsigned q, const void *req, uint32_t len,
			  uint32_t room)
{
	struct timespec tick = { 0, 100000 };
	struct buf b[64];
	unsigned nout, n;

	CHECK(len <= RIG_OUT && room <= RIG_IN);
	memcpy(ram(&r->d, r->out, RIG_OUT), req, len);
	memset(ram(&r->d, r->in, RIG_IN), 0xee, MIN(room + 64u, (uint32_t)RIG_IN));
	nout = add_segs(r, b, r->out, len);
	n = nout + add_segs(r, b + nout, r->in, room);
	CHECK(ring_add(&r->d, q, b, nout, n, true) >= 0);
	ring_kick(&r->d, q);
	for (int i = 0; i < 50000; i++) {
		if (ring_get(&r->d, q, &r->used) >= 0)
			return true;
		if (broken(&r->d))
			return false;
		run_loop(&r->d);
		if (r->threads)
			nanosleep(&tick, NULL);
	}
	return false;
}

struct ans {
	int error;
	uint32_t len;           /* payload */
	const void *p;
};

/* One request as a kernel sends it: arguments and up to two more parts. */
static inline struct ans fs_call(struct fs_rig *r, uint32_t op, uint64_t node,
				 const void *arg, uint32_t narg, const void *more,
				 uint32_t nmore, uint32_t room)
{
	static uint8_t req[RIG_OUT];
	struct fuse_in_header h = {
		.len = (uint32_t)sizeof(h) + narg + nmore, .opcode = op, .unique = ++r->unique,
		.nodeid = node,
	};
	const struct fuse_out_header *o;
	bool silent = op == FUSE_FORGET || op == FUSE_BATCH_FORGET;

	memcpy(req, &h, sizeof(h));
	if (narg)
		memcpy(req + sizeof(h), arg, narg);
	if (nmore)
		memcpy(req + sizeof(h) + narg, more, nmore);
	if (!fs_raw(r, silent ? HIPRIO : REQUESTS, req, h.len, silent ? 0 : 16 + room))
		TEST_FAIL("no answer to opcode %u%s", op, broken(&r->d) ? ": broken" : "");
	if (silent)
		return (struct ans){ 0, 0, NULL };
	o = ram(&r->d, r->in, RIG_IN);
	CHECK_EQ(o->unique, h.unique);
	CHECK_EQ(o->len, r->used);
	CHECK(o->len >= 16 && o->error <= 0 && o->error > -512);
	CHECK(!o->error || o->len == 16);
	return (struct ans){ o->error, o->len - 16, o + 1 };
}

/* With a name (or two, as "a\0b") as the second part. */
static inline struct ans fs_named(struct fs_rig *r, uint32_t op, uint64_t node,
				  const void *arg, uint32_t narg, const char *name)
{
	return fs_call(r, op, node, arg, narg, name, (uint32_t)strlen(name) + 1, 256);
}

static inline struct ans fs_init(struct fs_rig *r, uint32_t major, uint32_t minor)
{
	struct fuse_init_in in = { .major = major, .minor = minor, .max_readahead = 131072,
				   .flags = 0x7fffffff };

	return fs_call(r, FUSE_INIT, 0, &in, sizeof(in), NULL, 0,
		       sizeof(struct fuse_init_out));
}

static inline struct fs_rig *fs_rig_open(bool threads, const struct host_fs_options *o)
{
	struct fs_rig *r = fs_rig_bare(threads, o);

	CHECK_EQ(fs_init(r, 7, 38).error, 0);
	return r;
}

static inline uint64_t fs_lookup(struct fs_rig *r, uint64_t dir, const char *name)
{
	struct ans a = fs_named(r, FUSE_LOOKUP, dir, NULL, 0, name);

	CHECK_EQ(a.error, 0);
	CHECK_EQ(a.len, sizeof(struct fuse_entry_out));
	return ((const struct fuse_entry_out *)a.p)->nodeid;
}

static inline uint64_t fs_open(struct fs_rig *r, uint32_t op, uint64_t node, uint32_t flags)
{
	struct fuse_open_in in = { .flags = flags };
	struct ans a = fs_call(r, op, node, &in, sizeof(in), NULL, 0,
			       sizeof(struct fuse_open_out));

	CHECK_EQ(a.error, 0);
	return ((const struct fuse_open_out *)a.p)->fh;
}

static inline uint64_t fs_create(struct fs_rig *r, uint64_t dir, const char *name,
				 uint64_t *node)
{
	struct fuse_create_in in = { .flags = 2, .mode = S_IFREG | 0644 };
	struct ans a = fs_named(r, FUSE_CREATE, dir, &in, sizeof(in), name);
	const struct fuse_entry_out *e = a.p;

	CHECK_EQ(a.error, 0);
	CHECK_EQ(a.len, sizeof(struct fuse_entry_out) + sizeof(struct fuse_open_out));
	if (node)
		*node = e->nodeid;
	return ((const struct fuse_open_out *)(e + 1))->fh;
}

static inline struct ans fs_write(struct fs_rig *r, uint64_t node, uint64_t h, uint64_t off,
				  const void *p, uint32_t n)
{
	struct fuse_write_in in = { .fh = h, .offset = off, .size = n };

	return fs_call(r, FUSE_WRITE, node, &in, sizeof(in), p, n, 8);
}

static inline struct ans fs_read(struct fs_rig *r, uint32_t op, uint64_t node, uint64_t h,
				 uint64_t off, uint32_t n)
{
	struct fuse_read_in in = { .fh = h, .offset = off, .size = n };

	return fs_call(r, op, node, &in, sizeof(in), NULL, 0, n);
}

static inline int fs_release(struct fs_rig *r, uint32_t op, uint64_t node, uint64_t h)
{
	struct fuse_release_in in = { .fh = h };

	return fs_call(r, op, node, &in, sizeof(in), NULL, 0, 0).error;
}

static inline void fs_forget(struct fs_rig *r, uint64_t node, uint64_t n)
{
	struct fuse_forget_in in = { n };

	fs_call(r, FUSE_FORGET, node, &in, sizeof(in), NULL, 0, 0);
}

#endif
