/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crashes.  Three kinds, on random operations:
 *   power loss    the writes since the last sync reach the disk in any
 *                 subset, sector by sector (recorded below the image code)
 *   kill -9       a child process at a random moment
 *   I/O errors    the N-th host call fails, for growing N
 * Afterwards qemu-img check may find leaks and nothing else, and every
 * sector holds what was flushed or something written later.
 */
#include <linux/falloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/image/qcow2_lib.h"

enum { DISK = 3 << 20, OPS = 4000, EVENTS = 20000 };

/* ---- the workload ------------------------------------------------------ */

enum op_kind { OP_WRITE, OP_ZERO, OP_DISCARD, OP_FLUSH };
struct op {
	enum op_kind kind;
	bool done;
	uint64_t off, len, seed;
	unsigned event0, event1;        /* host writes before and after it */
};
/* In memory that a killed child leaves behind. */
struct oplog {
	unsigned n;
	struct op op[OPS];
};

static void sector_of(uint64_t seed, uint64_t sector, uint8_t *p)
{
	struct rng r = { seed ^ sector * 0x9e3779b97f4a7c15ull };

	fill(&r, p, 512);
}

static unsigned events(void);

static int do_op(struct blk *b, struct oplog *l, struct rng *r)
{
	struct op *op = &l->op[l->n];
	uint64_t kind = rnd(r) % 20;
	uint8_t *buf;
	int ret;

	*op = (struct op){ .kind = kind < 12 ? OP_WRITE : kind < 15 ? OP_ZERO :
				   kind < 17 ? OP_DISCARD : OP_FLUSH,
			   .seed = rnd(r) | 1, .event0 = events() };
	op->off = rnd(r) % (DISK / 512) * 512;
	op->len = MIN((rnd(r) % (rnd(r) % 4 ? 64 : 1024) + 1) * 512, DISK - op->off);
	__atomic_store_n(&l->n, l->n + 1, __ATOMIC_SEQ_CST);
	switch (op->kind) {
	case OP_WRITE:
		buf = malloc(op->len);
		for (uint64_t i = 0; i < op->len; i += 512)
			sector_of(op->seed, (op->off + i) / 512, buf + i);
		ret = disk_write(b, buf, op->len, op->off);
		free(buf);
		break;
	case OP_ZERO:
		ret = b->ops->write_zeroes(b, op->off, op->len, rnd(r) & 1);
		break;
	case OP_DISCARD:
		ret = b->ops->discard(b, op->off, op->len);
		break;
	default:
		ret = b->ops->flush(b);
	}
	op->event1 = events();
	__atomic_store_n(&op->done, ret == 0, __ATOMIC_SEQ_CST);
	return ret;
}

/* ---- what may be on the disk -------------------------------------------- */

static bool sector_is_from(const struct op *op, uint64_t sector, const uint8_t *p)
{
	static const uint8_t zero[512];
	uint8_t want[512];

	if (op->kind == OP_FLUSH || sector < op->off / 512 || sector >= (op->off + op->len) / 512)
		return false;
	if (op->kind != OP_WRITE)
		return !memcmp(p, zero, 512);
	sector_of(op->seed, sector, want);
	return !memcmp(p, want, 512);
}

static bool sector_touched(const struct op *op, uint64_t sector)
{
	return op->kind != OP_FLUSH && sector >= op->off / 512 &&
	       sector < (op->off + op->len) / 512;
}

/*
 * Walk back from the last operation: any since the last flush may have won;
 * before that, the newest decides (a discard may have done nothing, a failed
 * operation something).  base: the sector below it all.
 */
static bool sector_allowed(const struct oplog *l, unsigned n, unsigned flush, uint64_t sector,
			   const uint8_t *p, const uint8_t *base)
{
	for (unsigned i = n; i-- > 0;) {
		const struct op *op = &l->op[i];

		if (!sector_touched(op, sector))
			continue;
		if (sector_is_from(op, sector, p))
			return true;
		if (i < flush && op->kind != OP_DISCARD && op->done)
			return false;
	}
	return !memcmp(p, base, 512);
}

static void verify(const char *path, const struct oplog *l, unsigned n, unsigned flush,
		   const uint8_t *base)
{
	struct blk *b;
	uint8_t *buf = malloc(DISK);
	struct rng r = { 4242 };

	check_image(path, true);
	b = open_disk(path, false);
	CHECK_EQ(disk_read(b, buf, DISK, 0), 0);
	for (uint64_t s = 0; s < DISK / 512; s++)
		if (!sector_allowed(l, n, flush, s, buf + s * 512, base + s * 512))
			TEST_FAIL("sector %" PRIu64 " lost (%u operations, flushed at %u)", s, n,
				  flush);
	/* And it goes on being an image. */
	for (int i = 0; i < 5; i++) {
		fill(&r, buf, 8192);
		CHECK_EQ(disk_write(b, buf, 8192, rnd(&r) % (DISK / 8192) * 8192), 0);
	}
	b->ops->destroy(b);
	free(buf);
	check_image(path, true);
}

/* ---- power loss: what goes to the host is recorded ------------------------ */

struct event {
	enum { EV_WRITE, EV_SYNC } kind;
	uint64_t off, len;
	uint8_t *data; /* NULL: zeros */
};
static struct recorder {
	bool on;
	unsigned n;
	struct event ev[EVENTS];
} *rec;

static unsigned events(void)
{
	return rec ? rec->n : 0;
}

static void record(int kind, uint64_t off, uint64_t len, const struct iovec *iov, int n)
{
	struct event *ev;
	uint8_t *p;

	if (!rec || !rec->on || rec->n == EVENTS)
		return;
	ev = &rec->ev[rec->n++];
	*ev = (struct event){ .kind = kind, .off = off, .len = len };
	if (!iov)
		return;
	p = ev->data = malloc(len ? len : 1);
	for (int i = 0; i < n; p += iov[i++].iov_len)
		memcpy(p, iov[i].iov_base, iov[i].iov_len);
}

/* In place of the C library's. */
ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t off)
{
	ssize_t r = syscall(SYS_pwritev, fd, iov, n, off, 0);

	if (r > 0) {
		uint64_t len = 0;

		for (int i = 0; i < n; i++)
			len += iov[i].iov_len;
		if ((uint64_t)r == len)
			record(EV_WRITE, (uint64_t)off, len, iov, n);
		else
			abort(); /* short writes do not happen on tmpfs or ext4 */
	}
	return r;
}

int fdatasync(int fd)
{
	int r = (int)syscall(SYS_fdatasync, fd);

	if (r == 0)
		record(EV_SYNC, 0, 0, NULL, 0);
	return r;
}

int fallocate(int fd, int mode, off_t off, off_t len)
{
	int r = (int)syscall(SYS_fallocate, fd, mode, off, len);

	if (r == 0)
		record(EV_WRITE, (uint64_t)off, (uint64_t)len, NULL, 0);
	return r;
}

struct image {
	uint8_t *p;
	uint64_t size, cap;
};

static void image_put(struct image *im, uint64_t off, const uint8_t *data, uint64_t len)
{
	if (!data && off >= im->size)
		return;
	if (!data)
		len = MIN(len, im->size - off);
	if (off + len > im->cap) {
		im->cap = (off + len) * 2;
		im->p = realloc(im->p, im->cap);
	}
	if (off + len > im->size) {
		memset(im->p + im->size, 0, off + len - im->size);
		im->size = off + len;
	}
	if (data)
		memcpy(im->p + off, data, len);
	else
		memset(im->p + off, 0, len);
}

/* The file after a power loss at event `cut`: `keep` of 16 unsynced sectors
 * made it. */
static void image_at(struct image *im, unsigned cut, unsigned keep, struct rng *r)
{
	unsigned synced = 0;

	for (unsigned i = 0; i < cut; i++)
		if (rec->ev[i].kind == EV_SYNC)
			synced = i;
	for (unsigned i = 0; i < cut; i++) {
		const struct event *ev = &rec->ev[i];
		uint64_t part;

		if (ev->kind == EV_SYNC)
			continue;
		if (i < synced) {
			image_put(im, ev->off, ev->data, ev->len);
			continue;
		}
		for (uint64_t at = 0; at < ev->len; at += part) {
			part = MIN(512 - (ev->off + at) % 512, ev->len - at);
			if (rnd(r) % 16 < keep)
				image_put(im, ev->off + at, ev->data ? ev->data + at : NULL, part);
		}
	}
}

static void image_load(struct image *im, const char *path)
{
	FILE *f = fopen(path, "r");
	static uint8_t buf[65536];
	size_t n;

	*im = (struct image){ 0 };
	CHECK(f);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		image_put(im, im->size, buf, n);
	fclose(f);
}

static void image_save(const struct image *im, const char *path)
{
	FILE *f = fopen(path, "w");

	CHECK(f && fwrite(im->p, 1, im->size, f) == im->size);
	fclose(f);
}

static void cut_power(const struct oplog *l, const uint8_t *base, struct rng *r)
{
	unsigned cut = (unsigned)(rnd(r) % (rec->n + 1)), started = 0, flush = 0;
	static const uint8_t keeps[] = { 0, 4, 8, 12, 15, 16 };
	struct image im;

	/* Mostly just before a sync: there the order of writes is open. */
	if (rnd(r) % 4)
		while (cut < rec->n && rec->ev[cut].kind != EV_SYNC)
			cut++;
	for (unsigned i = 0; i < l->n && l->op[i].event0 <= cut; i++) {
		started = i + 1;
		if (l->op[i].kind == OP_FLUSH && l->op[i].done && l->op[i].event1 <= cut)
			flush = i;
	}
	image_load(&im, "before.qcow2");
	image_at(&im, cut, keeps[rnd(r) % 6], r);
	image_save(&im, "crash.qcow2");
	free(im.p);
	verify("crash.qcow2", l, started, flush, base);
}

static void power_loss(const char *create, const uint8_t *base, uint64_t seed, int cuts)
{
	struct oplog *l = calloc(1, sizeof(*l));
	struct rng r = { seed * 77777 + 3 };
	struct blk *b;

	RUN("qemu-img create -f qcow2 %s p.qcow2 3M && cp p.qcow2 before.qcow2", create);
	rec = calloc(1, sizeof(*rec));
	b = open_disk("p.qcow2", false);
	rec->on = true;
	for (int i = 0; i < 150; i++)
		CHECK_EQ(do_op(b, l, &r), 0);
	b->ops->destroy(b);
	rec->on = false;
	check_image("p.qcow2", false);
	CHECK(rec->n < EVENTS);
	for (int i = 0; i < cuts; i++)
		cut_power(l, base, &r);
	for (unsigned i = 0; i < rec->n; i++)
		free(rec->ev[i].data);
	free(rec);
	rec = NULL;
	free(l);
}

/* An image to stand on, with data in its first third. */
static uint8_t *make_base(void)
{
	uint8_t *base = calloc(1, DISK);
	struct rng r = { 31337 };
	FILE *f;

	fill(&r, base, DISK / 3);
	f = fopen("base.raw", "w");
	CHECK(f && fwrite(base, 1, DISK, f) == DISK);
	fclose(f);
	return base;
}

static void power_loss_at_any_write(void)
{
	uint8_t *base, *empty = calloc(1, DISK);

	need_tools();
	base = make_base();
	power_loss("-o cluster_size=65536", empty, 1, 12 * effort());
	power_loss("-o cluster_size=4096", empty, 2, 12 * effort());
	/* the refcount table grows under way */
	power_loss("-o cluster_size=512,refcount_bits=64", empty, 3, 16 * effort());
	power_loss("-o cluster_size=4096,compat=0.10 -b base.raw -F raw", base, 4,
		   12 * effort());
	power_loss("-o cluster_size=16384,refcount_bits=1 -b base.raw -F raw", base, 5,
		   12 * effort());
	free(base);
	free(empty);
}

/* ---- kill -9 --------------------------------------------------------------- */

static void child_works(const char *path, struct oplog *l, uint64_t seed)
{
	struct rng r = { seed };
	struct err e;
	struct blk *b = disk_open(path, NULL, false, &e);

	while (b && l->n < OPS)
		if (do_op(b, l, &r) < 0)
			_exit(1);
	_exit(2);
}

static unsigned last_flush(const struct oplog *l)
{
	unsigned flush = 0;

	for (unsigned i = 0; i < l->n; i++)
		if (l->op[i].kind == OP_FLUSH && l->op[i].done)
			flush = i;
	return flush;
}

static void killed_at_any_moment(void)
{
	static const char *const create[] = { "-o cluster_size=65536", "-o cluster_size=512",
		"-o cluster_size=4096 -b base.raw -F raw" };
	struct oplog *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint8_t *base, *empty = calloc(1, DISK);
	struct rng r = { (uint64_t)time(NULL) << 8 | 1 };

	need_tools();
	base = make_base();
	for (int i = 0; i < 12 * effort(); i++) {
		int status;
		pid_t pid;

		RUN("qemu-img create -f qcow2 %s k.qcow2 3M", create[i % 3]);
		memset(l, 0, sizeof(*l));
		pid = fork();
		if (pid == 0)
			child_works("k.qcow2", l, rnd(&r) + (uint64_t)i);
		usleep((useconds_t)(rnd(&r) % 120000));
		kill(pid, SIGKILL);
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 2);
		verify("k.qcow2", l, l->n, last_flush(l), i % 3 == 2 ? base : empty);
	}
	munmap(l, sizeof(*l));
	free(base);
	free(empty);
}

/* ---- host I/O errors ---------------------------------------------------------- */

static void host_errors_lose_nothing_flushed(void)
{
	static const char *const create[] = { "-o cluster_size=65536",
		"-o cluster_size=512,refcount_bits=64", "-o cluster_size=4096 -b base.raw -F raw" };
	struct oplog *l = calloc(1, sizeof(*l));
	uint8_t *base, *empty = calloc(1, DISK);

	need_tools();
	base = make_base();
	for (int i = 0; i < 30; i++) {
		struct rng r = { (uint64_t)i * 11 + 5 };
		struct blk *b;
		char spec[32];

		RUN("qemu-img create -f qcow2 %s e.qcow2 3M", create[i % 3]);
		l->n = 0;
		b = open_disk("e.qcow2", false);
		snprintf(spec, sizeof(spec), i & 1 ? "io:%d" : "alloc:%d", 1 + i * i / (i & 1 ? 2 : 30));
		fail_setup(spec);
		for (int k = 0; k < 80; k++)
			do_op(b, l, &r);
		b->ops->destroy(b);
		fail_setup(NULL);
		verify("e.qcow2", l, l->n, last_flush(l), i % 3 == 2 ? base : empty);
	}
	free(l);
	free(base);
	free(empty);
}

TEST_MAIN({ "power_loss_at_any_write", power_loss_at_any_write },
	  { "killed_at_any_moment", killed_at_any_moment },
	  { "host_errors_lose_nothing_flushed", host_errors_lose_nothing_flushed })
