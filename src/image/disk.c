/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk images by name.  Looks at the first bytes only when no format is
 * given, and then keeps a raw disk from becoming something else.
 */
#include "image/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/log.h"
#include "host/blk_file.h"
#include "image/qcow2.h"

/* ---- raw disks found by probing ------------------------------------------- */

struct guarded {
	struct blk blk;
	struct blk *raw;
	bool told;
};

static struct blk *guarded_raw(struct blk *b)
{
	return container_of(b, struct guarded, blk)->raw;
}

static int g_readv(struct blk *b, const struct iovec *iov, int n, uint64_t off)
{
	return guarded_raw(b)->ops->readv(guarded_raw(b), iov, n, off);
}

/* Whether a write at offset 0 (sectors are whole) starts like an image. */
static bool looks_like_image(const struct iovec *iov, int n)
{
	uint8_t head[8];
	size_t have = 0;

	for (int i = 0; i < n && have < sizeof(head); i++) {
		size_t part = MIN(iov[i].iov_len, sizeof(head) - have);

		memcpy(head + have, iov[i].iov_base, part);
		have += part;
	}
	return qcow2_probe(head, have);
}

/*
 * The buffers are guest memory that another hart may change between this
 * look and the write, so the sector is copied before both.
 */
static int guarded_write_head(struct guarded *g, const struct iovec *iov, int n)
{
	uint8_t sector[512], *p = sector;
	struct iovec part[64];
	int k = blk_iov_slice(iov, MIN(n, 64), 0, sizeof(sector), part);

	if (blk_iov_len(part, k) != sizeof(sector))
		return -EINVAL;
	for (int i = 0; i < k; p += part[i++].iov_len)
		memcpy(p, part[i].iov_base, part[i].iov_len);
	if (looks_like_image(&(struct iovec){ sector, sizeof(sector) }, 1)) {
		if (!g->told)
			log_warn("the guest tried to turn its raw disk into a qcow2 image; name "
				 "the disk's format (raw) to allow it");
		g->told = true;
		return -EPERM;
	}
	return g->raw->ops->writev(g->raw, &(struct iovec){ sector, sizeof(sector) }, 1, 0);
}

static int g_writev(struct blk *b, const struct iovec *iov, int n, uint64_t off)
{
	struct guarded *g = container_of(b, struct guarded, blk);
	uint64_t len = blk_iov_len(iov, n);
	struct iovec *rest;
	int k, r;

	if (off != 0 || !len)
		return g->raw->ops->writev(g->raw, iov, n, off);
	r = guarded_write_head(g, iov, n);
	if (r < 0 || len == 512)
		return r;
	rest = base_calloc((size_t)n, sizeof(*rest));
	if (!rest)
		return -ENOMEM;
	k = blk_iov_slice(iov, n, 512, len - 512, rest);
	r = g->raw->ops->writev(g->raw, rest, k, 512);
	base_free(rest);
	return r;
}

static int g_flush(struct blk *b)
{
	return guarded_raw(b)->ops->flush(guarded_raw(b));
}

static int g_discard(struct blk *b, uint64_t off, uint64_t len)
{
	return guarded_raw(b)->ops->discard(guarded_raw(b), off, len);
}

static int g_write_zeroes(struct blk *b, uint64_t off, uint64_t len, bool may_unmap)
{
	return guarded_raw(b)->ops->write_zeroes(guarded_raw(b), off, len, may_unmap);
}

static void g_destroy(struct blk *b)
{
	guarded_raw(b)->ops->destroy(guarded_raw(b));
	base_free(container_of(b, struct guarded, blk));
}

static const struct blk_ops guarded_ops = {
	.readv = g_readv,
	.writev = g_writev,
	.flush = g_flush,
	.discard = g_discard,
	.write_zeroes = g_write_zeroes,
	.destroy = g_destroy,
};

static struct blk *guard(struct blk *raw, struct err *e)
{
	struct guarded *g;

	if (!raw || raw->readonly)
		return raw;
	g = base_zalloc(sizeof(*g));
	if (!g) {
		raw->ops->destroy(raw);
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	g->raw = raw;
	g->blk = (struct blk){ .ops = &guarded_ops, .size = raw->size, .parallel = raw->parallel };
	return &g->blk;
}

/* ---- names ------------------------------------------------------------------ */

const char *disk__probe(const char *path, struct err *e)
{
	base_autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	uint8_t head[512];
	ssize_t n;

	if (fd < 0) {
		err_sys(e, "%s", path);
		return NULL;
	}
	do
		n = pread(fd, head, sizeof(head), 0);
	while (n < 0 && errno == EINTR);
	/* What cannot be read at 0 (a pipe, a folder) is refused by the raw disk. */
	return n > 0 && qcow2_probe(head, (size_t)n) ? "qcow2" : "raw";
}

static struct blk *open_as(const char *path, const char *format, bool readonly,
			   const struct disk_chain *chain, struct err *e)
{
	if (!strcmp(format, "raw"))
		return blk_raw_open(path, readonly, e);
	if (!strcmp(format, "qcow2"))
		return qcow2__open_chain(path, readonly, chain, e);
	err_set(e, EINVAL, "%s: unknown disk format '%.32s'; known are raw and qcow2", path, format);
	return NULL;
}

struct blk *disk_open(const char *path, const char *format, bool readonly, struct err *e)
{
	const char *found = format ? format : disk__probe(path, e);
	struct blk *b;

	if (!found)
		return NULL;
	b = open_as(path, found, readonly, NULL, e);
	return !format && !strcmp(found, "raw") ? guard(b, e) : b;
}

struct blk *disk__open_backing(const char *path, const char *format,
			       const struct disk_chain *chain, struct err *e)
{
	if (!format)
		format = disk__probe(path, e);
	return format ? open_as(path, format, true, chain, e) : NULL;
}

char *disk__backing_path(const char *path, const char *name, struct err *e)
{
	const char *slash = strrchr(path, '/'), *colon;
	char *s;

	if (!strncmp(name, "file:", 5))
		name += 5;
	/* QEMU takes what stands before a colon for a protocol. */
	colon = strchr(name, ':');
	if (colon && !memchr(name, '/', (size_t)(colon - name))) {
		err_set(e, EINVAL, "backing file '%.200s' is not a plain file name", name);
		return NULL;
	}
	if (name[0] == '/' || !slash)
		s = base_strdup(name);
	else
		s = base_printf("%.*s/%s", (int)(slash - path), path, name);
	if (!s)
		err_set(e, ENOMEM, "out of memory");
	return s;
}
