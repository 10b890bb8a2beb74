/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FUSE operations that move data: file contents go straight between the file
 * and guest memory; directory listings and extended attributes through a
 * buffer of bounded size.
 */
#include "dev/virtio/fs_fuse.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"

enum { HDR_OUT = sizeof(struct fuse_out_header) };
/* In one request, for which a reset waits: what an ordinary one could carry. */
enum { FORGET_MAX = FUSE_MAX_WRITE / sizeof(struct fuse_forget_one) };

int64_t fuse_read(struct fuse_req *r)
{
	const struct fuse_read_in *in = (const void *)r->arg;
	struct iovec iov[VIRTIO_SEGS];
	uint64_t size = MIN(r->space, (uint64_t)in->size);
	int n = virtq_iov(r->c, true, HDR_OUT, size, iov, VIRTIO_SEGS);

	if (size > FUSE_MAX_WRITE)
		return -EINVAL; /* more than max_pages */
	return host_fs_preadv(r->s->fs, in->fh, iov, n, in->offset);
}

int64_t fuse_write(struct fuse_req *r)
{
	const struct fuse_write_in *in = (const void *)r->arg;
	uint64_t at = sizeof(r->in) + sizeof(*in);
	struct iovec iov[VIRTIO_SEGS];
	int64_t done;
	int n;

	/* The size must be what the chain carries, and what was negotiated. */
	if (in->size != r->in.len - at || in->size > FUSE_MAX_WRITE)
		return -EINVAL;
	if (in->write_flags & FUSE_WRITE_KILL_SUIDGID)
		host_fs_kill_suid(r->s->fs, in->fh);
	n = virtq_iov(r->c, false, at, in->size, iov, VIRTIO_SEGS);
	done = host_fs_pwritev(r->s->fs, in->fh, iov, n, in->offset);
	if (done < 0)
		return done;
	r->out.write = (struct fuse_write_out){ .size = (uint32_t)done };
	return FUSE_FIXED;
}

int64_t fuse_batch_forget(struct fuse_req *r)
{
	const struct fuse_batch_forget_in *in = (const void *)r->arg;
	uint64_t at = sizeof(r->in) + sizeof(*in);
	struct fuse_forget_one f;
	uint32_t count = MIN(in->count, (uint32_t)FORGET_MAX);

	for (uint32_t i = 0; i < count && at + sizeof(f) <= r->in.len; i++) {
		if (virtq_read(r->c, at, &f, sizeof(f)) != sizeof(f))
			break;
		host_fs_forget(r->s->fs, f.nodeid, f.nlookup);
		at += sizeof(f);
	}
	return 0;
}

/* ---- directories ---------------------------------------------------------------- */

struct listing {
	struct fuse_req *r;
	uint8_t *buf;
	uint32_t len, max;
	bool plus, full;
};

/* "." and ".." are listed without a node: the guest knows them. */
static void plus_entry(struct listing *l, const struct host_fs_dirent *d,
		       struct fuse_entry_out *out)
{
	struct host_fs_attr a;
	uint64_t node;

	memset(out, 0, sizeof(*out));
	if (!strcmp(d->name, ".") || !strcmp(d->name, ".."))
		return;
	if (!host_fs_lookup(l->r->s->fs, l->r->in.nodeid, d->name, &node, &a))
		fuse_fill_entry(l->r, node, &a, out);
}

static bool add_entry(void *arg, const struct host_fs_dirent *d)
{
	struct listing *l = arg;
	uint32_t head = l->plus ? sizeof(struct fuse_entry_out) : 0;
	uint32_t fixed = head + (uint32_t)FUSE_NAME_OFFSET;
	uint32_t size = (uint32_t)align_up(fixed + d->len, 8);
	struct fuse_dirent e = {
		.ino = d->ino, .off = d->off, .namelen = d->len, .type = d->type,
	};
	struct fuse_entry_out entry;
	uint8_t *p = l->buf + l->len;

	if (size > l->max - l->len) {
		l->full = true;
		return false;
	}
	memset(p, 0, size);
	if (l->plus) {
		plus_entry(l, d, &entry);
		memcpy(p, &entry, sizeof(entry));
	}
	memcpy(p + head, &e, FUSE_NAME_OFFSET);
	memcpy(p + fixed, d->name, d->len);
	l->len += size;
	return true;
}

static int64_t list_dir(struct fuse_req *r, bool plus)
{
	const struct fuse_read_in *in = (const void *)r->arg;
	struct listing l = { .r = r, .plus = plus };
	int ret;

	l.max = (uint32_t)MIN(MIN(r->space, (uint64_t)in->size), (uint64_t)FUSE_REPLY_MAX);
	l.buf = base_alloc(l.max + 1u);
	if (!l.buf)
		return -ENOMEM;
	ret = host_fs_readdir(r->s->fs, in->fh, in->offset, add_entry, &l);
	/* No entry at all would mean the end. */
	if (!ret && l.full && !l.len)
		ret = -EINVAL;
	if (!ret)
		virtq_write(r->c, HDR_OUT, l.buf, l.len);
	base_free(l.buf);
	return ret ? ret : (int64_t)l.len;
}

int64_t fuse_readdir(struct fuse_req *r)
{
	return list_dir(r, false);
}

int64_t fuse_readdirplus(struct fuse_req *r)
{
	return list_dir(r, true);
}

/* ---- extended attributes ----------------------------------------------------------- */

static int64_t xattr_reply(struct fuse_req *r, const char *name, uint32_t size)
{
	base_auto char *buf = NULL;
	uint64_t room = MIN(MIN(r->space, (uint64_t)size), (uint64_t)65536);
	int64_t n;

	if (!size && r->space < sizeof(r->out.xattr))
		return -EINVAL;
	buf = base_alloc(room + 1);
	if (!buf)
		return -ENOMEM;
	/* Room 0 would ask the host for the size. */
	if (size && !room)
		return -ERANGE;
	n = name ? host_fs_getxattr(r->s->fs, r->in.nodeid, name, buf, room) :
		   host_fs_listxattr(r->s->fs, r->in.nodeid, buf, room);
	if (n < 0)
		return n;
	if (size) {
		virtq_write(r->c, HDR_OUT, buf, (size_t)n);
		return n;
	}
	r->out.xattr = (struct fuse_getxattr_out){ .size = (uint32_t)n };
	virtq_write(r->c, HDR_OUT, &r->out.xattr, sizeof(r->out.xattr));
	return sizeof(r->out.xattr);
}

int64_t fuse_getxattr(struct fuse_req *r)
{
	const struct fuse_getxattr_in *in = (const void *)r->arg;

	return xattr_reply(r, fuse_string(r, sizeof(*in), 0), in->size);
}

int64_t fuse_listxattr(struct fuse_req *r)
{
	const struct fuse_getxattr_in *in = (const void *)r->arg;

	return xattr_reply(r, NULL, in->size);
}

int64_t fuse_setxattr(struct fuse_req *r)
{
	const struct fuse_setxattr_in *in = (const void *)r->arg;
	const char *name = fuse_string(r, FUSE_COMPAT_SETXATTR_IN_SIZE, 0);
	uint64_t at = FUSE_COMPAT_SETXATTR_IN_SIZE + strlen(name) + 1;

	if (in->size > r->nargs - at)
		return -EINVAL;
	return host_fs_setxattr(r->s->fs, r->in.nodeid, name, r->arg + at, in->size,
				in->flags);
}
