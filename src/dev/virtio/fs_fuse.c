/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FUSE server: from a descriptor chain to an operation and back.  A request
 * is copied out of guest memory once and only the copy is looked at; data of
 * READ and WRITE move between the file and guest memory directly.
 */
#include "dev/virtio/fs_fuse.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/log.h"

enum { HDR_IN = sizeof(struct fuse_in_header), HDR_OUT = sizeof(struct fuse_out_header) };

static uint32_t put_header(const struct virtq_chain *c, uint64_t unique, int error,
			   uint64_t payload)
{
	struct fuse_out_header h = {
		.len = (uint32_t)(HDR_OUT + payload), .error = error, .unique = unique,
	};

	return virtq_write(c, 0, &h, sizeof(h)) == sizeof(h) ? h.len : 0;
}

uint32_t fuse_fail(const struct virtq_chain *c, int error)
{
	struct fuse_in_header in;

	if (virtq_read(c, 0, &in, sizeof(in)) != sizeof(in))
		return 0;
	return put_header(c, in.unique, error, 0);
}

uint64_t fuse_node_of(const struct virtq_chain *c)
{
	struct fuse_in_header in;

	return virtq_read(c, 0, &in, sizeof(in)) == sizeof(in) ? in.nodeid : 0;
}

const char *fuse_string(const struct fuse_req *r, uint32_t skip, unsigned n)
{
	const uint8_t *p = r->arg + skip, *end = r->arg + r->nargs, *nul;

	for (;; n--, p = nul + 1) {
		nul = p < end ? memchr(p, 0, (size_t)(end - p)) : NULL;
		if (!nul)
			return NULL;
		if (!n)
			return (const char *)p;
	}
}

/* Check the arguments' size and strings against the table's row. */
static int check_args(const struct fuse_req *r, const struct fuse_op *op)
{
	if (r->nargs < op->arg)
		return -EINVAL;
	if (op->strings && !fuse_string(r, op->arg, op->strings - 1u))
		return -EINVAL;
	return !op->silent && r->space < op->reply ? -EINVAL : 0;
}

static int64_t dispatch(struct fuse_req *r, const struct fuse_op *op, uint64_t rest)
{
	int64_t ret;

	r->nargs = (uint32_t)(op->bulk ? MIN(rest, op->arg) : rest);
	if (!op->bulk && rest > FUSE_ARG_MAX)
		return -E2BIG;
	if (!r->s->ready && r->in.opcode != FUSE_INIT)
		return -EIO;
	r->arg = base_alloc(r->nargs + 8u);
	if (!r->arg)
		return -ENOMEM;
	if (virtq_read(r->c, HDR_IN, r->arg, r->nargs) != r->nargs) {
		ret = -EINVAL;
	} else {
		memset(r->arg + r->nargs, 0, 8);
		ret = check_args(r, op);
		if (!ret)
			ret = op->fn(r);
	}
	base_free(r->arg);
	r->arg = NULL;
	return ret;
}

static enum fuse_result finish(struct fuse_req *r, const struct fuse_op *op, int64_t ret,
			       uint32_t *written)
{
	uint64_t payload = ret > 0 ? (uint64_t)ret : 0;

	log_trace(FUSE, "%s node %#lx: %ld", op ? op->name : "?",
		  (unsigned long)r->in.nodeid, (long)(ret == FUSE_FIXED ? 0 : ret));
	*written = 0;
	if (op && op->silent)
		return FUSE_DONE;
	if (ret == FUSE_FIXED) {
		payload = op->reply;
		virtq_write(r->c, HDR_OUT, &r->out, payload);
	}
	*written = put_header(r->c, r->in.unique, ret < 0 ? (int)ret : 0, payload);
	return FUSE_DONE;
}

enum fuse_result fuse_serve(struct fuse *s, const struct virtq_chain *c, uint32_t *written)
{
	struct fuse_req r = { .s = s, .c = c };
	const struct fuse_op *op = NULL;
	int64_t ret;

	*written = 0;
	if (virtq_read(c, 0, &r.in, HDR_IN) != HDR_IN)
		return FUSE_BROKEN;
	if (r.in.opcode < fuse_nops && fuse_ops[r.in.opcode].fn)
		op = &fuse_ops[r.in.opcode];
	if (c->in_len < HDR_OUT && !(op && op->silent))
		return FUSE_BROKEN;
	r.space = c->in_len < HDR_OUT ? 0 : c->in_len - HDR_OUT;
	r.cred = (struct host_fs_cred){ r.in.uid, r.in.gid };
	if (r.in.len < HDR_IN || r.in.len != c->out_len)
		ret = -EINVAL;
	else if (!op)
		ret = -ENOSYS;
	else
		ret = dispatch(&r, op, r.in.len - HDR_IN);
	if (ret == -EAGAIN && r.in.opcode == FUSE_SETLKW)
		return FUSE_WAIT;
	return finish(&r, op, ret, written);
}

void fuse_reset(struct fuse *s)
{
	s->ready = false;
	host_fs_reset(s->fs);
}

void fuse_save(struct fuse *s, struct ser_writer *w)
{
	ser_u8(w, s->ready);
	ser_u32(w, s->minor);
	host_fs_save(s->fs, w);
}

void fuse_load(struct fuse *s, struct ser_reader *r)
{
	s->ready = ser_get_u8(r);
	s->minor = ser_get_u32(r);
	host_fs_load(s->fs, r);
}
