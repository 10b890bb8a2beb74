/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing leads out of a folder: with a thread of the host that swaps what the
 * program is walking through, links of all kinds, and the host's /proc.
 */
#include "tests/process/wasi_rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

enum { RACE_MS = 400, EXCHANGE = 2 };

struct race {
	char dir[64], outside[64];
	_Atomic bool stop;
	unsigned turns;
};

static void race_init(struct race *x, struct rig *r)
{
	char path[256];

	rig_init(r);
	*x = (struct race){ 0 };
	strcpy(x->dir, r->dir);
	strcpy(x->outside, "/tmp/wasi_out.XXXXXX");
	CHECK(mkdtemp(x->outside) != NULL);
	snprintf(path, sizeof(path), "%s/secret", x->outside);
	CHECK(!close(open(path, O_CREAT | O_WRONLY, 0644)));
	snprintf(path, sizeof(path), "%s/d", r->dir);
	CHECK(!mkdir(path, 0755));
	snprintf(path, sizeof(path), "%s/d/inside", r->dir);
	CHECK(!close(open(path, O_CREAT | O_WRONLY, 0644)));
	snprintf(path, sizeof(path), "%s/evil", r->dir);
	CHECK(!symlink(x->outside, path));
	snprintf(path, sizeof(path), "%s/sub", r->dir);
	CHECK(!mkdir(path, 0755));
}

/* d: now a folder, now a link out of the share. */
static void *swap(void *arg)
{
	struct race *x = arg;
	int fd = open(x->dir, O_RDONLY | O_DIRECTORY);

	while (!atomic_load(&x->stop)) {
		syscall(SYS_renameat2, fd, "d", fd, "evil", EXCHANGE);
		x->turns++;
	}
	close(fd);
	return NULL;
}

/* d/in: now below the share, now moved out of it. */
static void *move_out(void *arg)
{
	struct race *x = arg;
	char in[160], out[160];

	snprintf(in, sizeof(in), "%s/sub/moving", x->dir);
	snprintf(out, sizeof(out), "%s/moved", x->outside);
	mkdir(in, 0755);
	while (!atomic_load(&x->stop)) {
		if (!rename(in, out) && rename(out, in))
			break;
		x->turns++;
	}
	return NULL;
}

static uint64_t ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void race_fini(struct race *x, struct rig *r)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", x->outside);
	CHECK_EQ(system(cmd), 0);
	rig_fini(r);
}

static bool exists(const char *dir, const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return !lstat(path, &st);
}

static void swapped_folders_lead_nowhere(void)
{
	unsigned hits = 0, opened = 0;
	uint64_t end = ms() + RACE_MS;
	struct race x;
	struct rig r;
	pthread_t t;

	race_init(&x, &r);
	CHECK(!pthread_create(&t, NULL, swap, &x));
	while (ms() < end) {
		hits += !rig_open_at(&r, 3, "d/secret", WASI_FOLLOW, 0, WASI_FD_READ, 0, 0);
		hits += !rig_open_at(&r, 3, "sub/../d/secret", WASI_FOLLOW, 0, 0, 0, 0);
		rig_open_at(&r, 3, "d/made", WASI_FOLLOW, WASI_CREAT, WASI_FD_WRITE, 0, 0);
		rig_path(&r, "path_create_directory", 3, "d/folder");
		rig_path(&r, "path_unlink_file", 3, "d/secret");
		opened += !rig_open_at(&r, 3, "d/inside", 0, 0, WASI_FD_READ, 0, 0);
		for (uint32_t fd = 4; fd < 12; fd++)
			rig_call(&r, "fd_close", fd);
	}
	atomic_store(&x.stop, true);
	pthread_join(t, NULL);
	CHECK_EQ(hits, 0);
	CHECK(opened > 0 && x.turns > 10);
	CHECK(exists(x.outside, "secret"));
	CHECK(!exists(x.outside, "made") && !exists(x.outside, "folder"));
	race_fini(&x, &r);
}

/* While the host moves a folder away, its ".." is not asked for. */
static void dots_of_a_moving_folder(void)
{
	unsigned hits = 0, found = 0;
	uint64_t end = ms() + RACE_MS;
	struct race x;
	struct rig r;
	pthread_t t;

	race_init(&x, &r);
	CHECK(!pthread_create(&t, NULL, move_out, &x));
	while (ms() < end) {
		hits += !rig_open_at(&r, 3, "sub/moving/../secret", 0, 0, 0, 0, 0);
		hits += !rig_open_at(&r, 3, "sub/moving/../../../secret", 0, 0, 0, 0, 0);
		found += !rig_open_at(&r, 3, "sub/moving/../../d/inside", 0, 0, 0, 0, 0);
		for (uint32_t fd = 4; fd < 8; fd++)
			rig_call(&r, "fd_close", fd);
	}
	atomic_store(&x.stop, true);
	pthread_join(t, NULL);
	CHECK_EQ(hits, 0);
	CHECK(found > 0);
	race_fini(&x, &r);
}

static void links_out_are_refused(void)
{
	struct race x;
	struct rig r;
	int64_t n;

	race_init(&x, &r);
	CHECK_EQ(rig_open_at(&r, 3, "evil/secret", WASI_FOLLOW, 0, 0, 0, 0), WASI_EPERM);
	CHECK_EQ(rig_open_at(&r, 3, "evil/made", WASI_FOLLOW, WASI_CREAT, 0, 0, 0), WASI_EPERM);
	CHECK_EQ(rig_path(&r, "path_create_directory", 3, "evil/made"), WASI_EPERM);
	CHECK_EQ(rig_path(&r, "path_unlink_file", 3, "evil/secret"), WASI_EPERM);
	n = rig_str(&r, RIG_PATH, "evil");
	CHECK_EQ(rig_call(&r, "path_filestat_get", 3, WASI_FOLLOW, RIG_PATH, n, RIG_BUF),
		 WASI_EPERM);
	CHECK_EQ(rig_call(&r, "path_filestat_get", 3, 0, RIG_PATH, n, RIG_BUF), 0);
	CHECK_EQ(r.mem[RIG_BUF + 16], WASI_TYPE_SYMLINK);
	CHECK_EQ(rig_call(&r, "path_filestat_set_times", 3, WASI_FOLLOW, RIG_PATH, n, 0, 7,
			  WASI_MTIM), WASI_EPERM);
	/* A hard link to the link is a link. */
	rig_str(&r, RIG_PATH2, "again");
	CHECK_EQ(rig_call(&r, "path_link", 3, WASI_FOLLOW, RIG_PATH, n, 3, RIG_PATH2, 5),
		 WASI_EPERM);
	CHECK_EQ(rig_call(&r, "path_link", 3, 0, RIG_PATH, n, 3, RIG_PATH2, 5), 0);
	CHECK_EQ(rig_open_at(&r, 3, "again/secret", WASI_FOLLOW, 0, 0, 0, 0), WASI_EPERM);
	/* A link that the program makes by renaming others' folders. */
	rig_str(&r, RIG_PATH, "../../../../../../etc/passwd");
	rig_str(&r, RIG_PATH2, "up");
	CHECK_EQ(rig_call(&r, "path_symlink", RIG_PATH, 28, 3, RIG_PATH2, 2), 0);
	CHECK_EQ(rig_open_at(&r, 3, "up", WASI_FOLLOW, 0, 0, 0, 0), WASI_EPERM);
	race_fini(&x, &r);
}

static void the_hosts_proc_is_closed(void)
{
	struct wasi_preopen pre = { .host = "/", .guest = "/", .readonly = true };
	struct wasi_options o = { .npreopens = 1, .preopens = &pre };
	struct rig r = { 0 };

	rig_make_dir(&r);
	rig_start(&r, &o, NULL);
	CHECK_EQ(rig_open_at(&r, 3, "etc/passwd", 0, 0, WASI_FD_READ, 0, 0), 0);
	CHECK_EQ(rig_open_at(&r, 3, "proc/self/mem", WASI_FOLLOW, 0, WASI_FD_READ, 0, 0),
		 WASI_EACCES);
	CHECK_EQ(rig_open_at(&r, 3, "proc/self/root/etc/passwd", WASI_FOLLOW, 0, 0, 0, 0),
		 WASI_EACCES);
	CHECK_EQ(rig_open_at(&r, 3, "proc", 0, 0, 0, 0, 0), WASI_EACCES);
	CHECK_EQ(rig_open_at(&r, 3, "dev/null", 0, 0, WASI_FD_READ, 0, 0), WASI_ENXIO);
	rig_fini(&r);
}

/* Two shares are two worlds, even of one folder. */
static void between_shares(void)
{
	struct wasi_preopen pre[2] = { { .guest = "/a" }, { .guest = "/b" } };
	struct wasi_options o = { .npreopens = 2, .preopens = pre };
	struct rig r = { 0 };

	rig_make_dir(&r);
	pre[0].host = pre[1].host = r.dir;
	rig_start(&r, &o, NULL);
	CHECK_EQ(rig_open_at(&r, 3, "f", 0, WASI_CREAT, 0, 0, 0), 0);
	rig_str(&r, RIG_PATH, "f");
	rig_str(&r, RIG_PATH2, "g");
	CHECK_EQ(rig_call(&r, "path_rename", 3, RIG_PATH, 1, 4, RIG_PATH2, 1), WASI_EXDEV);
	CHECK_EQ(rig_call(&r, "path_link", 3, 0, RIG_PATH, 1, 4, RIG_PATH2, 1), WASI_EXDEV);
	CHECK_EQ(rig_open_at(&r, 4, "../a/f", 0, 0, 0, 0, 0), WASI_EPERM);
	rig_fini(&r);
}

TEST_MAIN({ "swapped_folders_lead_nowhere", swapped_folders_lead_nowhere },
	  { "dots_of_a_moving_folder", dots_of_a_moving_folder },
	  { "links_out_are_refused", links_out_are_refused },
	  { "the_hosts_proc_is_closed", the_hosts_proc_is_closed },
	  { "between_shares", between_shares })
