/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio file system device as a guest's kernel uses it. */
#include "virtio_fs_rig.h"

static void tag_and_queues(void)
{
	struct fs_rig *r = fs_rig_bare(false, NULL);
	char tag[37] = { 0 };

	for (unsigned i = 0; i < 36; i++)
		tag[i] = (char)config(&r->d, i, 1);
	CHECK_STR(tag, "share");
	CHECK_EQ(config(&r->d, 36, 4), 1);
	fs_rig_close(r);
}

static void init_negotiates(void)
{
	struct fs_rig *r = fs_rig_bare(false, NULL);
	const struct fuse_init_out *o;
	struct ans a;

	/* Before INIT there is nothing to ask. */
	CHECK_EQ(fs_named(r, FUSE_LOOKUP, 1, NULL, 0, "x").error, -EIO);
	CHECK_EQ(fs_init(r, 6, 38).error, -EPROTO);
	CHECK_EQ(fs_init(r, 7, 30).error, -EPROTO);
	a = fs_init(r, 8, 0);
	CHECK_EQ(a.error, 0);
	CHECK_EQ(((const struct fuse_init_out *)a.p)->major, 7);
	CHECK_EQ(fs_named(r, FUSE_LOOKUP, 1, NULL, 0, "x").error, -EIO);
	a = fs_init(r, 7, 41);
	o = a.p;
	CHECK_EQ(a.error, 0);
	CHECK_EQ(o->minor, 38);
	CHECK_EQ(o->max_write, 1 << 20);
	CHECK_EQ(o->max_pages, 256);
	CHECK(o->flags & FUSE_PARALLEL_DIROPS && o->flags & FUSE_MAX_PAGES);
	CHECK(!(o->flags & (FUSE_WRITEBACK_CACHE | FUSE_POSIX_ACL | FUSE_POSIX_LOCKS)));
	fs_rig_close(r);
}

static void read_and_write(bool threads, unsigned split)
{
	struct fs_rig *r = fs_rig_open(threads, NULL);
	static uint8_t data[20000];
	uint64_t node, h;
	uint64_t seed = 1;
	struct ans a;
	FILE *f;

	r->split = split;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)test_random(&seed);
	h = fs_create(r, 1, "data", &node);
	a = fs_write(r, node, h, 5, data, sizeof(data));
	CHECK_EQ(a.error, 0);
	CHECK_EQ(((const struct fuse_write_out *)a.p)->size, sizeof(data));
	a = fs_read(r, FUSE_READ, node, h, 5, sizeof(data) + 100);
	CHECK_EQ(a.error, 0);
	CHECK_EQ(a.len, sizeof(data));
	CHECK(!memcmp(a.p, data, sizeof(data)));
	CHECK_EQ(fs_read(r, FUSE_READ, node, h, 1 << 20, 100).len, 0);
	CHECK_EQ(fs_release(r, FUSE_RELEASE, node, h), 0);
	CHECK_EQ(fs_release(r, FUSE_RELEASE, node, h), -EBADF);
	CHECK_EQ(fs_read(r, FUSE_READ, node, h, 0, 10).error, -EBADF);
	f = fopen(at(&r->s, "data"), "r");
	CHECK(f);
	CHECK(!fseek(f, 5, SEEK_SET));
	CHECK_EQ(fread(ram(&r->d, r->out, RIG_OUT), 1, sizeof(data), f), sizeof(data));
	fclose(f);
	CHECK(!memcmp(ram(&r->d, r->out, RIG_OUT), data, sizeof(data)));
	fs_rig_close(r);
}

static void data_is_the_hosts(void) { read_and_write(false, 0); }
static void data_in_many_segments(void) { read_and_write(false, 1009); }
static void data_by_worker_threads(void) { read_and_write(true, 0); }
static void header_in_many_segments(void) { read_and_write(false, 7); }

static void listings(void)
{
	struct fs_rig *r = fs_rig_open(false, NULL);
	unsigned seen = 0, plus = 0;
	uint64_t off = 0, h;
	char name[32];

	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "file%03d", i);
		write_file(at(&r->s, name), "x");
	}
	h = fs_open(r, FUSE_OPENDIR, 1, 0);
	for (;;) {
		struct ans a = fs_read(r, FUSE_READDIRPLUS, 1, h, off, 4096);
		const uint8_t *p = a.p, *end = p + a.len;

		CHECK_EQ(a.error, 0);
		if (!a.len)
			break;
		while (p < end) {
			const struct fuse_direntplus *e = (const void *)p;

			p += FUSE_DIRENTPLUS_SIZE(e);
			CHECK(p <= end);
			off = e->dirent.off;
			seen++;
			plus += e->entry_out.nodeid != 0;
			if (e->dirent.name[0] == 'f')
				CHECK_EQ(e->entry_out.attr.size, 1);
		}
	}
	CHECK_EQ(seen, 502);
	CHECK_EQ(plus, 500);
	/* An entry that does not fit is not the end. */
	CHECK_EQ(fs_read(r, FUSE_READDIR, 1, h, 0, 8).error, -EINVAL);
	CHECK_EQ(fs_release(r, FUSE_RELEASEDIR, 1, h), 0);
	fs_rig_close(r);
}

static void names_and_links(void)
{
	struct fs_rig *r = fs_rig_open(false, NULL);
	struct fuse_mkdir_in md = { .mode = 0755 };
	struct fuse_rename2_in rn = { .newdir = 1 };
	struct fuse_link_in ln;
	const struct fuse_entry_out *e;
	uint64_t a, b, h;
	struct ans ans;

	h = fs_create(r, 1, "one", &a);
	CHECK_EQ(fs_write(r, a, h, 0, "hello", 5).error, 0);
	ln.oldnodeid = a;
	ans = fs_named(r, FUSE_LINK, 1, &ln, sizeof(ln), "two");
	e = ans.p;
	CHECK_EQ(ans.error, 0);
	CHECK_EQ(e->nodeid, a);
	CHECK_EQ(e->attr.nlink, 2);
	CHECK_EQ(fs_lookup(r, 1, "two"), a);
	ans = fs_call(r, FUSE_SYMLINK, 1, "sym\0one", 8, NULL, 0, 128);
	CHECK_EQ(ans.error, 0);
	b = ((const struct fuse_entry_out *)ans.p)->nodeid;
	ans = fs_call(r, FUSE_READLINK, b, NULL, 0, NULL, 0, 4096);
	CHECK_EQ(ans.len, 3);
	CHECK(!memcmp(ans.p, "one", 3));
	ans = fs_named(r, FUSE_MKDIR, 1, &md, sizeof(md), "dir");
	CHECK_EQ(ans.error, 0);
	rn.newdir = ((const struct fuse_entry_out *)ans.p)->nodeid;
	CHECK_EQ(fs_call(r, FUSE_RENAME2, 1, &rn, sizeof(rn), "one\0uno", 8, 64).error, 0);
	CHECK_EQ(fs_lookup(r, rn.newdir, "uno"), a);
	/* A missing name may be remembered. */
	CHECK_EQ(fs_lookup(r, 1, "one"), 0);
	rn.flags = 1;
	CHECK_EQ(fs_call(r, FUSE_RENAME2, 1, &rn, sizeof(rn), "two\0uno", 8, 64).error, -EEXIST);
	/* Unlinked but open. */
	CHECK_EQ(fs_named(r, FUSE_UNLINK, 1, NULL, 0, "two").error, 0);
	CHECK_EQ(fs_named(r, FUSE_UNLINK, rn.newdir, NULL, 0, "uno").error, 0);
	ans = fs_read(r, FUSE_READ, a, h, 0, 100);
	CHECK_EQ(ans.len, 5);
	CHECK_EQ(fs_call(r, FUSE_GETATTR, a, "0123456789012345", 16, NULL, 0, 104).error, 0);
	CHECK_EQ(fs_named(r, FUSE_RMDIR, 1, NULL, 0, "dir").error, 0);
	fs_rig_close(r);
}

static void forgotten_nodes_are_gone(void)
{
	struct fs_rig *r = fs_rig_open(false, NULL);
	struct fuse_forget_one many[3];
	struct fuse_batch_forget_in bf = { .count = 3 };
	uint8_t arg[16] = { 0 };
	uint64_t n;

	write_file(at(&r->s, "f"), "x");
	n = fs_lookup(r, 1, "f");
	CHECK_EQ(fs_lookup(r, 1, "f"), n);
	fs_forget(r, n, 1);
	CHECK_EQ(fs_call(r, FUSE_GETATTR, n, arg, 16, NULL, 0, 104).error, 0);
	fs_forget(r, n, 1000);
	CHECK_EQ(fs_call(r, FUSE_GETATTR, n, arg, 16, NULL, 0, 104).error, -ESTALE);
	CHECK(fs_lookup(r, 1, "f") != n);
	/* The root cannot be forgotten; nonsense is ignored. */
	many[0] = (struct fuse_forget_one){ 1, UINT64_MAX };
	many[1] = (struct fuse_forget_one){ 0, 1 };
	many[2] = (struct fuse_forget_one){ UINT64_MAX, 1 };
	fs_call(r, FUSE_BATCH_FORGET, 0, &bf, sizeof(bf), many, sizeof(many), 0);
	bf.count = UINT32_MAX;
	fs_call(r, FUSE_BATCH_FORGET, 0, &bf, sizeof(bf), many, sizeof(many), 0);
	CHECK_EQ(fs_call(r, FUSE_GETATTR, 1, arg, 16, NULL, 0, 104).error, 0);
	fs_rig_close(r);
}

/* ---- hostile -------------------------------------------------------------------- */

static void short_and_long_requests(void)
{
	struct fs_rig *r = fs_rig_open(false, NULL);
	struct fuse_in_header h = { .len = 40, .unique = 9, .nodeid = 1 };
	uint8_t req[512];
	const struct fuse_out_header *o = ram(&r->d, r->in, 16);

	for (uint32_t op = 0; op < 64; op++) {
		for (uint32_t len = 40; len < 150; len += 7) {
			memset(req, 'A', sizeof(req));
			h.opcode = op;
			h.len = len;
			memcpy(req, &h, sizeof(h));
			CHECK(fs_raw(r, REQUESTS, req, len, 256));
			CHECK(r->used <= 272);
			/* The length in the header must be the chain's. */
			h.len = len + 8;
			memcpy(req, &h, sizeof(h));
			CHECK(fs_raw(r, REQUESTS, req, len, 256));
			CHECK(!r->used || o->error < 0);
			h.len = 39;
			memcpy(req, &h, sizeof(h));
			CHECK(fs_raw(r, REQUESTS, req, len, 256));
			/* Little or no room for the answer. */
			h.len = len;
			memcpy(req, &h, sizeof(h));
			CHECK(fs_raw(r, REQUESTS, req, len, 16));
			CHECK(r->used <= 16);
		}
		if (op == FUSE_DESTROY)
			CHECK_EQ(fs_init(r, 7, 38).error, 0);
	}
	fs_rig_close(r);
}

/* A chain may show the same memory many times: millions of entries for the
 * price of one page.  Past a request's ordinary size they do not count. */
static void an_endless_forget_is_cut(void)
{
	enum { PART = 256 << 10, PARTS = 5 };
	struct fs_rig *r = fs_rig_open(false, NULL);
	struct fuse_batch_forget_in bf = { .count = UINT32_MAX };
	struct fuse_in_header h = { .opcode = FUSE_BATCH_FORGET, .unique = 7 };
	uint64_t zeros = heap(&r->d, PART, 4096), last = heap(&r->d, 16, 16);
	struct buf b[2 + PARTS];
	struct fuse_forget_one one = { .nlookup = 1 };
	uint8_t arg[16] = { 0 };

	write_file(at(&r->s, "f"), "x");
	one.nodeid = fs_lookup(r, 1, "f");
	h.len = sizeof(h) + sizeof(bf) + PARTS * PART + sizeof(one);
	memcpy(ram(&r->d, r->out, 64), &h, sizeof(h));
	memcpy(ram(&r->d, r->out + sizeof(h), 16), &bf, sizeof(bf));
	memcpy(ram(&r->d, last, 16), &one, sizeof(one));
	b[0] = (struct buf){ r->out, sizeof(h) + sizeof(bf) };
	for (unsigned i = 0; i < PARTS; i++)
		b[1 + i] = (struct buf){ zeros, PART };
	b[1 + PARTS] = (struct buf){ last, sizeof(one) };
	CHECK(ring_add(&r->d, HIPRIO, b, 2 + PARTS, 2 + PARTS, true) >= 0);
	ring_kick(&r->d, HIPRIO);
	CHECK(ring_get(&r->d, HIPRIO, &r->used) >= 0);
	CHECK_EQ(fs_call(r, FUSE_GETATTR, one.nodeid, arg, 16, NULL, 0, 104).error, 0);
	fs_rig_close(r);
}

static void not_a_request_breaks_the_device(void)
{
	struct fs_rig *r;

	for (uint32_t len = 1; len < 40; len += 13) {
		r = fs_rig_open(false, NULL);
		fs_raw(r, REQUESTS, "012345678901234567890123456789012345678901234567", len, 64);
		CHECK(broken(&r->d));
		fs_rig_close(r);
	}
	r = fs_rig_open(false, NULL);
	struct fuse_in_header h = { .len = 40, .opcode = FUSE_STATFS, .nodeid = 1 };

	fs_raw(r, REQUESTS, &h, sizeof(h), 15);
	CHECK(broken(&r->d));
	fs_rig_close(r);
}

static void bad_arguments(void)
{
	struct fs_rig *r = fs_rig_open(false, NULL);
	struct fuse_write_in w = { .size = 100 };
	struct fuse_read_in rd = { 0 };
	struct fuse_rename_in rn = { 1 };
	struct fuse_fallocate_in fa = { 0 };
	struct fuse_lseek_in ls = { 0 };
	struct fuse_copy_file_range_in cp = { 0 };
	struct fuse_getxattr_in gx = { 0 };
	uint64_t node, h = fs_create(r, 1, "f", &node);
	uint32_t sx[2] = { UINT32_MAX, 0 };

	CHECK_EQ(fs_call(r, 9999, 1, NULL, 0, NULL, 0, 64).error, -ENOSYS);
	CHECK_EQ(fs_call(r, 0, 1, NULL, 0, NULL, 0, 64).error, -ENOSYS);
	CHECK_EQ(fs_call(r, FUSE_LOOKUP, 1, "abc", 3, NULL, 0, 128).error, -EINVAL);
	CHECK_EQ(fs_call(r, FUSE_RENAME, 1, &rn, sizeof(rn), "a\0b", 3, 64).error, -EINVAL);
	CHECK_EQ(fs_named(r, FUSE_LOOKUP, 0, NULL, 0, "f").error, -ESTALE);
	CHECK_EQ(fs_named(r, FUSE_LOOKUP, 1, NULL, 0, "..").error, -EINVAL);
	CHECK_EQ(fs_named(r, FUSE_LOOKUP, 77, NULL, 0, "f").error, -ESTALE);
	CHECK_EQ(fs_named(r, FUSE_LOOKUP, node, NULL, 0, "f").error, -ENOTDIR);
	/* WRITE that claims other sizes than it has. */
	w.fh = h;
	CHECK_EQ(fs_call(r, FUSE_WRITE, node, &w, sizeof(w), "short", 5, 8).error, -EINVAL);
	w.size = UINT32_MAX;
	CHECK_EQ(fs_call(r, FUSE_WRITE, node, &w, sizeof(w), "short", 5, 8).error, -EINVAL);
	CHECK_EQ(fs_write(r, node, h, INT64_MAX, "x", 1).error, -EFBIG);
	CHECK_EQ(fs_write(r, node, h, UINT64_MAX, "x", 1).error, -EFBIG);
	CHECK_EQ(fs_write(r, node, 0, 0, "x", 1).error, -EBADF);
	CHECK_EQ(fs_write(r, node, UINT64_MAX, 0, "x", 1).error, -EBADF);
	rd.fh = h;
	rd.offset = 1ull << 63;
	CHECK_EQ(fs_call(r, FUSE_READ, node, &rd, sizeof(rd), NULL, 0, 64).error, -EINVAL);
	/* READ of more than the reply may hold gives what fits. */
	CHECK_EQ(fs_write(r, node, h, 0, "0123456789", 10).error, 0);
	rd.offset = 0;
	rd.size = UINT32_MAX;
	CHECK_EQ(fs_call(r, FUSE_READ, node, &rd, sizeof(rd), NULL, 0, 4).len, 4);
	CHECK_EQ(fs_read(r, FUSE_READDIR, node, h, 0, 4096).error, -ENOTDIR);
	fa = (struct fuse_fallocate_in){ .fh = h, .offset = 1ull << 62, .length = 1ull << 62 };
	CHECK(fs_call(r, FUSE_FALLOCATE, node, &fa, sizeof(fa), NULL, 0, 0).error < 0);
	fa.length = UINT64_MAX;
	CHECK_EQ(fs_call(r, FUSE_FALLOCATE, node, &fa, sizeof(fa), NULL, 0, 0).error, -EINVAL);
	ls = (struct fuse_lseek_in){ .fh = h, .whence = 77 };
	CHECK_EQ(fs_call(r, FUSE_LSEEK, node, &ls, sizeof(ls), NULL, 0, 8).error, -EINVAL);
	cp = (struct fuse_copy_file_range_in){ .fh_in = h, .fh_out = h, .off_in = UINT64_MAX,
					       .len = 5 };
	CHECK_EQ(fs_call(r, FUSE_COPY_FILE_RANGE, node, &cp, sizeof(cp), NULL, 0, 8).error,
		 -EINVAL);
	CHECK_EQ(fs_call(r, FUSE_SETXATTR, node, sx, 8, "user.a\0v", 8, 0).error, -EINVAL);
	gx.size = UINT32_MAX;
	CHECK_EQ(fs_call(r, FUSE_GETXATTR, node, &gx, sizeof(gx), "user.none", 10, 64).error,
		 -ENODATA);
	CHECK_EQ(fs_call(r, FUSE_IOCTL, node, &ls, sizeof(ls), NULL, 0, 64).error, -ENOTTY);
	CHECK_EQ(fs_call(r, FUSE_POLL, node, &ls, sizeof(ls), NULL, 0, 64).error, -ENOSYS);
	CHECK(!broken(&r->d));
	fs_rig_close(r);
}

static void tables_are_bounded(void)
{
	struct host_fs_options o = { .max_nodes = 40, .max_handles = 8, .max_fds = 16 };
	struct fs_rig *r = fs_rig_open(false, &o);
	struct fuse_open_in in = { 0 };
	struct fuse_mkdir_in md = { .mode = 0755 };
	uint64_t node[64];
	unsigned n = 0, handles = 0;
	char name[32];
	struct ans a;

	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		a = fs_named(r, FUSE_MKDIR, 1, &md, sizeof(md), name);
		if (a.error) {
			CHECK_EQ(a.error, -ENFILE);
			break;
		}
		node[n++] = ((const struct fuse_entry_out *)a.p)->nodeid;
	}
	CHECK_EQ(n, 39);
	while (!fs_call(r, FUSE_OPENDIR, node[handles % n], &in, sizeof(in), NULL, 0,
			16).error)
		handles++;
	CHECK_EQ(handles, 8);
	for (unsigned i = 0; i < n; i++) {
		uint8_t arg[16] = { 0 };

		CHECK_EQ(fs_call(r, FUSE_GETATTR, node[i], arg, 16, NULL, 0, 104).error, 0);
	}
	fs_rig_close(r);
}

/* A reset while requests are queued: nothing of them is answered or leaked. */
static void reset_under_load(void)
{
	struct fs_rig *r = fs_rig_open(true, NULL);
	struct fuse_in_header h = { .len = 42, .opcode = FUSE_LOOKUP, .nodeid = 1 };
	uint8_t req[42] = { 0 };
	struct buf b[2];

	memcpy(req, &h, 40);
	req[40] = 'x';
	for (int round = 0; round < 200; round++) {
		memcpy(ram(&r->d, r->out, 64), req, sizeof(req));
		b[0] = (struct buf){ r->out, 42 };
		for (int i = 0; i < 16; i++) {
			b[1] = (struct buf){ r->in + 512 * (unsigned)i, 256 };
			ring_add(&r->d, REQUESTS, b, 1, 2, false);
		}
		notify(&r->d, REQUESTS);
		set_reg(&r->d, R_STATUS, 0);
		CHECK_EQ(reg(&r->d, R_STATUS), 0);
		r->d.heap = DRV_HEAP;
		memset(r->d.ring, 0, sizeof(r->d.ring));
		drv_start(&r->d, VIRTIO_F_INDIRECT_DESC, 2, 64);
		r->out = heap(&r->d, RIG_OUT, 4096);
		r->in = heap(&r->d, RIG_IN, 4096);
		CHECK_EQ(fs_init(r, 7, 38).error, 0);
	}
	fs_rig_close(r);
}

/* ---- waiting -------------------------------------------------------------------------- */

/* Ask for a lock that may have to wait; the answer comes to `in`. */
static void send_setlkw(struct fs_rig *r, uint64_t out, uint64_t in, uint64_t node,
			uint64_t h)
{
	struct {
		struct fuse_in_header h;
		struct fuse_lk_in lk;
	} req = {
		{ .len = sizeof(req), .opcode = FUSE_SETLKW, .unique = 4711, .nodeid = node },
		{ .fh = h, .owner = 1, .lk = { 0, INT64_MAX, F_WRLCK, 1 } },
	};
	struct buf b[2] = { { out, sizeof(req) }, { in, 16 } };

	memcpy(ram(&r->d, out, sizeof(req)), &req, sizeof(req));
	memset(ram(&r->d, in, 16), 0, 16);
	CHECK(ring_add(&r->d, REQUESTS, b, 1, 2, false) >= 0);
	notify(&r->d, REQUESTS);
}

/* A lock that the host holds makes one request wait, not the device; then the
 * lock is given, or a snapshot ends the wait. */
static void a_held_lock_holds_up_nothing_else(void)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct host_fs_options o = { .locks = true };
	struct fs_rig *r = fs_rig_open(false, &o);
	uint64_t node, h = fs_create(r, 1, "f", &node);
	uint64_t out = heap(&r->d, 256, 16), in = heap(&r->d, 64, 16);
	struct fuse_out_header *a = ram(&r->d, in, 16);
	int fd = open(at(&r->s, "f"), O_RDWR);
	uint32_t len;

	CHECK(fd >= 0 && !fcntl(fd, F_OFD_SETLK, &fl));
	for (int round = 0; round < 2; round++) {
		send_setlkw(r, out, in, node, h);
		for (int i = 0; i < 5; i++) {
			fake_pass(&r->f, 20000000);
			CHECK_EQ(fs_lookup(r, 1, "f"), node);
			CHECK_EQ(a->unique, 0);
		}
		if (!round) {
			vm_host_drain(&r->f.host);
		} else {
			close(fd);
			fake_pass(&r->f, 20000000);
		}
		CHECK(ring_get(&r->d, REQUESTS, &len) >= 0);
		CHECK_EQ(a->unique, 4711);
		CHECK_EQ(a->error, round ? 0 : -EINTR);
	}
	send_setlkw(r, out, in, node, h);       /* our own: at once */
	CHECK(ring_get(&r->d, REQUESTS, &len) >= 0);
	fs_rig_close(r);
}

/* Many requests at once on worker threads, each answered once and rightly. */
static void many_requests_side_by_side(void)
{
	struct fs_rig *r = fs_rig_open(true, NULL);
	struct timespec tick = { 0, 100000 };
	struct fuse_in_header h = { .len = 46, .opcode = FUSE_LOOKUP, .nodeid = 1 };
	struct buf b[2];
	uint32_t len;
	char name[8];

	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "file%d", i % 10);
		write_file(at(&r->s, name), "x");
	}
	for (int round = 0; round < 100; round++) {
		for (unsigned i = 0; i < 30; i++) {
			uint8_t *p = ram(&r->d, r->out + 64 * i, 64);

			h.unique = i;
			h.nodeid = 1;
			snprintf(name, sizeof(name), "file%u", i % 10);
			memcpy(p, &h, 40);
			memcpy(p + 40, name, 6);
			b[0] = (struct buf){ r->out + 64 * i, 46 };
			b[1] = (struct buf){ r->in + 256 * i, 256 };
			CHECK(ring_add(&r->d, REQUESTS, b, 1, 2, false) >= 0);
		}
		notify(&r->d, REQUESTS);
		for (unsigned i = 0; i < 30;) {
			if (ring_get(&r->d, REQUESTS, &len) < 0) {
				nanosleep(&tick, NULL);
				run_loop(&r->d);
				continue;
			}
			CHECK_EQ(len, 16 + sizeof(struct fuse_entry_out));
			i++;
		}
		for (unsigned i = 0; i < 30; i++) {
			struct fuse_out_header *a = ram(&r->d, r->in + 256 * i, 256);

			CHECK_EQ(a->unique, i);
			CHECK_EQ(a->error, 0);
		}
	}
	fs_rig_close(r);
}

/* ---- state -------------------------------------------------------------------------- */

static void continues_after_restore(void)
{
	struct fs_rig *r = fs_rig_open(false, NULL);
	uint64_t dir, file, gone, h, hd, hg;
	struct fuse_mkdir_in md = { .mode = 0755 };
	uint8_t arg[16] = { 0 };
	struct ser_writer w, w2;
	struct ser_reader rd;
	struct fs_rig *r2;
	struct err e = { 0 };
	struct ans a;

	a = fs_named(r, FUSE_MKDIR, 1, &md, sizeof(md), "dir");
	dir = ((const struct fuse_entry_out *)a.p)->nodeid;
	h = fs_create(r, dir, "file", &file);
	CHECK_EQ(fs_write(r, file, h, 0, "before", 6).error, 0);
	hd = fs_open(r, FUSE_OPENDIR, dir, 0);
	hg = fs_create(r, dir, "gone", &gone);
	ser_writer_init(&w);
	vm_host_save(&r->f.host, &w);
	CHECK(!w.failed);
	/* A fresh process: the same root, another device, other inodes open. */
	r2 = calloc(1, sizeof(*r2));
	fake_init(&r2->f);
	r2->s = r->s;
	r2->s.fs = NULL;
	fs_rig_machine(r2, NULL);
	ser_reader_init(&rd, w.buf, w.len);
	vm_host_load(&r2->f.host, &rd);
	if (ser_error(&rd, &e))
		TEST_FAIL("load: %.300s", e.msg);
	/* The guest's memory moves with it; its ring state too. */
	memcpy(ram(&r2->d, FAKE_RAM, FAKE_RAM_SIZE), ram(&r->d, FAKE_RAM, FAKE_RAM_SIZE),
	       FAKE_RAM_SIZE);
	memcpy(r2->d.ring, r->d.ring, sizeof(r->d.ring));
	r2->d.heap = r->d.heap;
	r2->out = r->out;
	r2->in = r->in;
	ser_writer_init(&w2);
	vm_host_save(&r2->f.host, &w2);
	CHECK_EQ(w.len, w2.len);
	CHECK(!memcmp(w.buf, w2.buf, w.len));
	/* Once more, with a file less. */
	CHECK(!unlink(at(&r->s, "dir/gone")));
	ser_reader_init(&rd, w.buf, w.len);
	vm_host_load(&r2->f.host, &rd);
	CHECK_EQ(ser_error(&rd, NULL), 0);
	a = fs_read(r2, FUSE_READ, file, h, 0, 100);
	CHECK_EQ(a.error, 0);
	CHECK_EQ(a.len, 6);
	CHECK_EQ(fs_write(r2, file, h, 6, "after", 5).error, 0);
	CHECK(fs_read(r2, FUSE_READDIR, dir, hd, 0, 4096).len > 0);
	CHECK_EQ(fs_lookup(r2, 1, "dir"), dir);
	CHECK_EQ(fs_lookup(r2, dir, "file"), file);
	CHECK_EQ(fs_call(r2, FUSE_GETATTR, gone, arg, 16, NULL, 0, 104).error, -ESTALE);
	CHECK_EQ(fs_read(r2, FUSE_READ, gone, hg, 0, 10).error, -ESTALE);
	CHECK_EQ(fs_release(r2, FUSE_RELEASE, gone, hg), 0);
	fake_fini(&r2->f);
	free(r2);
	ser_writer_fini(&w);
	ser_writer_fini(&w2);
	fs_rig_close(r);
}

/* Any change of a saved state is refused or harmless. */
static void damaged_state_is_harmless(void)
{
	struct host_fs_options o = { .max_nodes = 256, .max_handles = 64 };
	struct fs_rig *r = fs_rig_open(false, &o);
	uint64_t seed = 7, dir;
	struct fuse_mkdir_in md = { .mode = 0755 };
	struct ser_writer w;
	struct ser_reader rd;
	uint8_t *copy;
	struct ans a;

	a = fs_named(r, FUSE_MKDIR, 1, &md, sizeof(md), "dir");
	dir = ((const struct fuse_entry_out *)a.p)->nodeid;
	for (int i = 0; i < 10; i++) {
		char name[8] = { (char)('a' + i) };

		a = fs_named(r, FUSE_MKDIR, dir, &md, sizeof(md), name);
		dir = ((const struct fuse_entry_out *)a.p)->nodeid;
		fs_open(r, FUSE_OPENDIR, dir, 0);
	}
	ser_writer_init(&w);
	host_fs_save(r->s.fs, &w);
	copy = malloc(w.len);
	for (int i = 0; i < 3000; i++) {
		memcpy(copy, w.buf, w.len);
		for (int k = 0; k < 1 + i % 3; k++)
			copy[test_random(&seed) % w.len] ^= (uint8_t)(1 << test_random(&seed) % 8);
		ser_reader_init(&rd, copy, i % 5 ? w.len : test_random(&seed) % w.len);
		rd.section_end = rd.len;
		host_fs_load(r->s.fs, &rd);
	}
	free(copy);
	ser_writer_fini(&w);
	fs_rig_close(r);
}

TEST_MAIN({ "tag_and_queues", tag_and_queues },
	  { "init_negotiates", init_negotiates },
	  { "data_is_the_hosts", data_is_the_hosts },
	  { "data_in_many_segments", data_in_many_segments },
	  { "header_in_many_segments", header_in_many_segments },
	  { "data_by_worker_threads", data_by_worker_threads },
	  { "listings", listings },
	  { "names_and_links", names_and_links },
	  { "forgotten_nodes_are_gone", forgotten_nodes_are_gone },
	  { "short_and_long_requests", short_and_long_requests },
	  { "an_endless_forget_is_cut", an_endless_forget_is_cut },
	  { "not_a_request_breaks_the_device", not_a_request_breaks_the_device },
	  { "bad_arguments", bad_arguments },
	  { "tables_are_bounded", tables_are_bounded },
	  { "reset_under_load", reset_under_load },
	  { "a_held_lock_holds_up_nothing_else", a_held_lock_holds_up_nothing_else },
	  { "many_requests_side_by_side", many_requests_side_by_side },
	  { "continues_after_restore", continues_after_restore },
	  { "damaged_state_is_harmless", damaged_state_is_harmless })
