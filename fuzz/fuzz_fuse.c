/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FUSE requests of any bytes, in chains of any shape, against a scratch
 * directory.  Input: requests, each
 *     u8 opcode | u8 shape | u16 room | u16 length | bytes after the opcode
 * shape: where the chain is cut, whether the header's length and the node and
 * handle numbers are made plausible (a fuzzer does not find 64-bit ids).
 * Nothing above the scratch directory's root may change: a file there is
 * looked at after every input.
 */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "dev/virtio/fs_fuse.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQ_MAX = 8192, IDS = 8 };

static char top[64], root[80], canary[80];

static int rm_one(const char *p, const struct stat *st, int flag, struct FTW *f)
{
	(void)st, (void)flag, (void)f;
	return remove(p);
}

static void clean(void)
{
	nftw(top, rm_one, 16, FTW_DEPTH | FTW_PHYS);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct rlimit fsize = { 1 << 20, 1 << 20 };

	(void)argc, (void)argv;
	strcpy(top, "/tmp/fuzz-fuse-XXXXXX");
	if (!mkdtemp(top))
		abort();
	atexit(clean);
	snprintf(root, sizeof(root), "%s/root", top);
	snprintf(canary, sizeof(canary), "%s/canary", top);
	setrlimit(RLIMIT_FSIZE, &fsize);
	return 0;
}

static void fill_root(void)
{
	char p[128];
	int fd;

	nftw(root, rm_one, 16, FTW_DEPTH | FTW_PHYS);
	if (mkdir(root, 0755))
		abort();
	snprintf(p, sizeof(p), "%s/a", root);
	mkdir(p, 0755);
	snprintf(p, sizeof(p), "%s/b", root);
	fd = open(p, O_CREAT | O_WRONLY, 0644);
	if (fd < 0 || write(fd, "contents", 8) != 8)
		abort();
	close(fd);
	snprintf(p, sizeof(p), "%s/c", root);
	if (symlink("../canary", p))
		abort();
	close(open(canary, O_CREAT | O_WRONLY, 0600));
}

static void check_canary(void)
{
	struct stat st;

	if (stat(canary, &st) || st.st_size || (st.st_mode & 07777) != 0600 || st.st_nlink != 1)
		abort();
}

struct ids {
	uint64_t node[IDS], handle[IDS];
	unsigned nnodes, nhandles;
};

/* Replace small numbers in the node and first argument by ids that were seen. */
static void plausible(struct fuse_in_header *h, uint8_t *arg, uint32_t n, const struct ids *s)
{
	uint64_t fh;

	h->nodeid = h->nodeid % 16 < IDS ? s->node[h->nodeid % 16] : h->nodeid;
	if (n < 8)
		return;
	memcpy(&fh, arg, 8);
	switch (h->opcode) {
	case FUSE_RENAME: case FUSE_RENAME2: case FUSE_LINK:
		fh = s->node[fh % IDS];
		break;
	case FUSE_READ: case FUSE_WRITE: case FUSE_RELEASE: case FUSE_FSYNC: case FUSE_FLUSH:
	case FUSE_READDIR: case FUSE_READDIRPLUS: case FUSE_RELEASEDIR: case FUSE_FALLOCATE:
	case FUSE_LSEEK: case FUSE_COPY_FILE_RANGE: case FUSE_GETLK: case FUSE_SETLK:
		fh = s->handle[fh % IDS];
		break;
	default:
		return;
	}
	memcpy(arg, &fh, 8);
}

static void learn(struct ids *s, uint32_t op, const uint8_t *reply, uint32_t n)
{
	uint64_t id;

	if (n < 24)
		return;
	memcpy(&id, reply + 16, 8);
	if (op == FUSE_OPEN || op == FUSE_OPENDIR)
		s->handle[s->nhandles++ % IDS] = id;
	if (op == FUSE_LOOKUP || op == FUSE_MKDIR || op == FUSE_CREATE || op == FUSE_SYMLINK ||
	    op == FUSE_MKNOD)
		s->node[1 + s->nnodes++ % (IDS - 1)] = id;
	if (op == FUSE_CREATE && n >= 16 + sizeof(struct fuse_entry_out) + 8) {
		memcpy(&id, reply + 16 + sizeof(struct fuse_entry_out), 8);
		s->handle[s->nhandles++ % IDS] = id;
	}
}

/* A buffer of exactly n bytes, so that the sanitizer sees a step beyond it. */
static unsigned cut(struct virtq_seg *seg, uint8_t *p, uint32_t n, uint32_t at)
{
	if (!n)
		return 0;
	seg[0] = (struct virtq_seg){ .len = n, .host = p };
	if (at % 64 == 0 || at % 64 >= n)
		return 1;
	seg[0].len = at % 64;
	seg[1] = (struct virtq_seg){ .len = n - at % 64, .host = p + at % 64 };
	return 2;
}

static void serve(struct fuse *f, struct ids *ids, uint8_t op, uint8_t shape, uint16_t room,
		  const uint8_t *p, uint16_t n)
{
	uint32_t len = (uint32_t)sizeof(struct fuse_in_header) + n, written = 0;
	struct virtq_chain *c = calloc(1, sizeof(*c) + 4 * sizeof(c->seg[0]));
	uint8_t *req = malloc(len), *reply = malloc(room + 1u);
	struct fuse_in_header h = { .len = len, .opcode = op, .unique = 1 };

	memcpy(req + sizeof(h), p, n);
	h.nodeid = n ? p[0] : 1;
	if (shape & 0x80 && n >= sizeof(h))
		memcpy(&h, p, sizeof(h));
	else
		plausible(&h, req + sizeof(h), n, ids);
	memcpy(req, &h, sizeof(h));
	if (shape & 0x40)
		len = MIN(len, (uint32_t)shape);
	c->nout = cut(c->seg, req, len, shape & 0x3f);
	c->out_len = len;
	c->nin = cut(c->seg + c->nout, reply, room, shape & 0x3f);
	c->in_len = room;
	if (fuse_serve(f, c, &written) == FUSE_DONE && written > room)
		abort();
	learn(ids, h.opcode, reply, written);
	free(req);
	free(reply);
	free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host_fs_options o = { .max_nodes = 64, .max_handles = 16, .max_fds = 16,
				     .locks = size & 1,
				     .owner = size & 2 ? HOST_FS_MAPPED : HOST_FS_AUTO };
	struct fuse f = { .ready = true };
	struct ids ids = { .node = { 1, 1, 1, 1, 1, 1, 1, 1 } };

	signal(SIGXFSZ, SIG_IGN);       /* libFuzzer's handler took its place */
	fill_root();
	f.fs = host_fs_create(root, &o, NULL);
	if (!f.fs)
		abort();
	for (unsigned i = 0; i < 64 && size >= 6; i++) {
		uint16_t n = MIN(ld_le16(data + 4), (uint16_t)MIN(size - 6, (size_t)REQ_MAX));

		serve(&f, &ids, data[0] % 64, data[1], ld_le16(data + 2) % 9000, data + 6, n);
		data += 6 + n;
		size -= 6 + n;
	}
	host_fs_destroy(f.fs);
	check_canary();
	return 0;
}
