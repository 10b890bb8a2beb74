/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File service: create and destroy, lookup and forget.  fs.h says what is
 * promised; fs_int.h how the tables are locked.
 */
#include "host/fs.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "host/fs_int.h"

/* Whether this process may do what NATIVE owners need. */
static bool may_native(void)
{
	static const unsigned need[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER };
	struct __user_cap_header_struct hdr = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct cap[_LINUX_CAPABILITY_U32S_3] = { { 0, 0, 0 } };

	if (geteuid() || syscall(SYS_capget, &hdr, cap))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(need); i++)
		if (!(cap[0].effective >> need[i] & 1))
			return false;
	return true;
}

/* Descriptors are what bounds a share: take all that we may have. */
static uint64_t raise_nofile(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl))
		return 1024;
	if (rl.rlim_cur < rl.rlim_max) {
		struct rlimit up = { rl.rlim_max, rl.rlim_max };

		if (!setrlimit(RLIMIT_NOFILE, &up))
			rl = up;
	}
	return rl.rlim_cur;
}

static void fill_options(struct host_fs_options *o)
{
	uint64_t nofile = raise_nofile();

	if (o->owner == HOST_FS_AUTO)
		o->owner = may_native() ? HOST_FS_NATIVE : HOST_FS_MAPPED;
	if (!o->max_nodes)
		o->max_nodes = 1u << 20;
	if (!o->max_handles)
		o->max_handles = (uint32_t)MIN(nofile / 4, 16384u);
	if (!o->max_fds)
		o->max_fds = (uint32_t)MIN(nofile / 4, 32768u);
	o->max_nodes = MAX(MIN(o->max_nodes, 1u << 24), 16u);
	o->max_handles = MAX(MIN(o->max_handles, 1u << 20), 8u);
	o->max_fds = MAX(o->max_fds, 16u);
	if (!o->cache_ms)
		o->cache_ms = 1000;
	if (o->owner == HOST_FS_MAPPED)
		o->suid = o->devices = false;
}

static int open_root(struct host_fs *fs, const char *dir, struct err *e)
{
	struct fs_node *n;
	struct statx st;
	int fd, r;

	fs->proc_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fs->proc_fd < 0)
		return err_sys(e, "share: /proc/self/fd is needed");
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "%s", dir);
	r = fs__stat(fd, &st);
	if (!r)
		r = fs__refuse_kernel_fs(fd);
	if (!r)
		r = fs__dev_index(fs, &st);     /* the first: number 0 */
	if (r < 0) {
		close(fd);
		return r == -EACCES ?
		       err_set(e, EACCES, "%s: is on a file system of the kernel", dir) :
		       err_set(e, -r, "%s: %s", dir, strerror(-r));
	}
	n = base_zalloc(sizeof(*n));
	if (!n || fs__slot_take(&fs->nodes, n, &n->idx, &n->gen)) {
		base_free(n);
		close(fd);
		return err_set(e, ENOMEM, "share: out of memory");
	}
	n->fd = fd;
	fs->root = n;
	fs->lru.next = fs->lru.prev = n;
	n->next = n->prev = &fs->lru;
	fs->nfds = 1;
	fs__node_bind_locked(fs, n, &st);
	return 0;
}

struct host_fs *host_fs_create(const char *root_dir, const struct host_fs_options *o,
			       struct err *e)
{
	struct host_fs *fs = base_zalloc(sizeof(*fs));
	struct sigaction sa;

	if (!fs)
		return err_set(e, ENOMEM, "share: out of memory"), NULL;
	if (o)
		fs->o = *o;
	if (fs->o.owner == HOST_FS_NATIVE && !may_native()) {
		base_free(fs);
		return err_set(e, EPERM, "share: native owners need root"), NULL;
	}
	fill_options(&fs->o);
	lock_init(&fs->lock, LOCK_RANK_HOST);
	fs->proc_fd = -1;
	fs->host_uid = geteuid();
	fs->host_gid = getegid();
	fs->nodes.max = fs->o.max_nodes;
	fs->files.max = fs->o.max_handles;
	fs->lru.next = fs->lru.prev = &fs->lru;
	fs->hash_size = 256;
	fs->hash = base_calloc(fs->hash_size, sizeof(*fs->hash));
	if (!fs->hash) {
		err_set(e, ENOMEM, "share: out of memory");
		goto fail;
	}
	if (open_root(fs, root_dir, e))
		goto fail;
	if (!sigaction(SIGXFSZ, NULL, &sa) && sa.sa_handler == SIG_DFL) {
		sa.sa_handler = SIG_IGN;
		sigaction(SIGXFSZ, &sa, NULL);
	}
	return fs;
fail:
	host_fs_destroy(fs);
	return NULL;
}

void host_fs_destroy(struct host_fs *fs)
{
	if (!fs)
		return;
	if (fs->root) {
		host_fs_reset(fs);
		close(fs->root->fd);
		base_free(fs->root);
	}
	if (fs->proc_fd >= 0)
		close(fs->proc_fd);
	fs__slots_fini(&fs->nodes);
	fs__slots_fini(&fs->files);
	base_free(fs->hash);
	base_free(fs->devs);
	lock_fini(&fs->lock);
	base_free(fs);
}

const struct host_fs_options *host_fs_options(const struct host_fs *fs)
{
	return &fs->o;
}

int host_fs_lookup(struct host_fs *fs, host_fs_node dir, const char *name,
		   host_fs_node *out, struct host_fs_attr *attr)
{
	struct fs_node *d;
	struct statx st;
	int fd, r = fs__dir_get(fs, dir, name, &d);

	if (r)
		return r;
	r = fs__walk(fs, d->fd, name, &fd, &st);
	if (!r) {
		r = fs__attr(fs, fd, &st, attr);
		if (r)
			close(fd);
		else
			r = fs__node_add(fs, d, name, fd, &st, out);
	}
	fs__node_put(fs, d);
	return r;
}

int host_fs_ref(struct host_fs *fs, host_fs_node node)
{
	struct fs_node *n;

	lock_take(&fs->lock);
	n = fs__slot_find(&fs->nodes, node);
	if (n)
		n->nlookup++;
	lock_drop(&fs->lock);
	return n ? 0 : -ESTALE;
}

void host_fs_forget(struct host_fs *fs, host_fs_node node, uint64_t count)
{
	struct fs_node *n;

	lock_take(&fs->lock);
	n = fs__slot_find(&fs->nodes, node);
	if (n) {
		n->nlookup -= MIN(count, n->nlookup);
		fs__node_unref_locked(fs, n);
	}
	lock_drop(&fs->lock);
}

void host_fs_reset(struct host_fs *fs)
{
	struct fs_node *n;

	lock_take(&fs->lock);
	for (uint32_t i = 1; i < fs->files.cap; i++)
		if (fs->files.p[i])
			fs__file_kill_locked(fs, fs->files.p[i]);
	for (uint32_t i = 1; i < fs->nodes.cap; i++) {
		n = fs->nodes.p[i];
		if (!n || n == fs->root)
			continue;
		n->nlookup = 0;
		/* Frees its parents too, which the loop then does not meet. */
		fs__node_unref_locked(fs, n);
	}
	lock_drop(&fs->lock);
}

int host_fs_getattr(struct host_fs *fs, host_fs_node node, struct host_fs_attr *attr)
{
	struct fs_node *n;
	int r = fs__node_get(fs, node, &n);

	if (r)
		return r;
	r = fs__node_attr(fs, n, attr);
	fs__node_put(fs, n);
	return r;
}

int host_fs_statfs(struct host_fs *fs, host_fs_node node, struct host_fs_statfs *st)
{
	struct fs_node *n;
	struct statfs sf;
	int r = fs__node_get(fs, node, &n);

	if (r)
		return r;
	r = fstatfs(n->fd, &sf) ? -errno : 0;
	fs__node_put(fs, n);
	if (r)
		return r;
	*st = (struct host_fs_statfs){
		.blocks = (uint64_t)sf.f_blocks, .bfree = (uint64_t)sf.f_bfree,
		.bavail = (uint64_t)sf.f_bavail, .files = (uint64_t)sf.f_files,
		.ffree = (uint64_t)sf.f_ffree, .bsize = (uint32_t)sf.f_bsize,
		.namelen = FS_NAME_MAX,
		.frsize = (uint32_t)(sf.f_frsize ? sf.f_frsize : sf.f_bsize),
	};
	return 0;
}
