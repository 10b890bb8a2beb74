/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The FUSE protocol server (7.31 to 7.38) over descriptor chains, on top of
 * the file service.  It knows nothing of queues and locks: fuse_serve() may
 * run in several threads at once.
 *
 * Coherence.  Names (also missing ones) and attributes may be cached by the
 * guest for host_fs_options.cache_ms; pages until size or time of the file
 * are seen to change, which an open sees at once and a guest that has it open
 * after cache_ms.  Writes of the guest go through to the host (no writeback
 * cache).
 */
#ifndef DEV_VIRTIO_FS_FUSE_H
#define DEV_VIRTIO_FS_FUSE_H

#include <linux/fuse.h>
#include <stdatomic.h>

#include "base/ser.h"
#include "dev/virtio/virtio.h"
#include "host/fs.h"

enum {
	FUSE_MAX_WRITE = 1 << 20,
	FUSE_ARG_MAX = 72 << 10,        /* arguments of anything but WRITE */
	FUSE_REPLY_MAX = 1 << 20,       /* directory listing of one request */
};

struct fuse {
	struct host_fs *fs;             /* borrowed */
	_Atomic bool ready;             /* INIT was seen */
	uint32_t minor;
};

struct fuse_req {
	struct fuse *s;
	const struct virtq_chain *c;
	struct fuse_in_header in;
	uint8_t *arg;                   /* nargs bytes after the header, and a NUL */
	uint32_t nargs;
	uint64_t space;                 /* bytes that a reply's payload may have */
	struct host_fs_cred cred;
	union {                         /* a reply of fixed size */
		struct fuse_entry_out entry;
		struct fuse_attr_out attr;
		struct fuse_open_out open;
		struct {
			struct fuse_entry_out entry;
			struct fuse_open_out open;
		} create;
		struct fuse_write_out write;
		struct fuse_statfs_out statfs;
		struct fuse_getxattr_out xattr;
		struct fuse_lk_out lk;
		struct fuse_init_out init;
		struct fuse_lseek_out lseek;
	} out;
};

/* What a handler returns: a negative errno, FUSE_FIXED (the reply is r->out,
 * of the size that its table row says), or the payload's length, written. */
enum { FUSE_FIXED = 0x7fffffff };

enum fuse_result {
	FUSE_DONE,      /* *written bytes are in the chain */
	FUSE_WAIT,      /* a lock is held by somebody: serve again later */
	FUSE_BROKEN,    /* not a FUSE request at all */
};
enum fuse_result fuse_serve(struct fuse *s, const struct virtq_chain *c, uint32_t *written);
/* Answer with an error only; returns the bytes written. */
uint32_t fuse_fail(const struct virtq_chain *c, int error);
/* The node that a request is about, 0 when there is none. */
uint64_t fuse_node_of(const struct virtq_chain *c);
void fuse_reset(struct fuse *s);
void fuse_save(struct fuse *s, struct ser_writer *w);
void fuse_load(struct fuse *s, struct ser_reader *r);

/* fs_ops.c: the n-th string of the arguments after `skip` bytes, or NULL when
 * it is not terminated. */
typedef int64_t fuse_fn(struct fuse_req *r);
struct fuse_op {
	const char *name;
	fuse_fn *fn;
	uint16_t arg;                   /* bytes of fixed arguments */
	uint8_t strings;                /* names that follow them */
	uint16_t reply;                 /* bytes of a fixed reply */
	bool bulk;                      /* data follow: only `arg` bytes are copied */
	bool silent;                    /* no reply */
};
extern const struct fuse_op fuse_ops[];
extern const uint32_t fuse_nops;
const char *fuse_string(const struct fuse_req *r, uint32_t skip, unsigned n);
void fuse_fill_attr(const struct fuse_req *r, const struct host_fs_attr *a,
		    struct fuse_attr *out);
void fuse_fill_entry(const struct fuse_req *r, uint64_t node, const struct host_fs_attr *a,
		     struct fuse_entry_out *out);
unsigned fuse_open_flags(uint32_t wire);

/* fs_data.c */
fuse_fn fuse_read, fuse_write, fuse_readdir, fuse_readdirplus, fuse_getxattr,
	fuse_listxattr, fuse_setxattr, fuse_batch_forget;

#endif
