/* SPDX-License-Identifier: Apache-2.0 */
/* How paths are resolved: dots, slashes, links, and what is refused. */
#include "tests/process/wasi_rig.h"

static void check_open(struct rig *r, uint32_t dir, const char *path, uint32_t follow, int want)
{
	int e = rig_open_at(r, dir, path, follow, 0, 0, 0, 0);

	if (e != want)
		TEST_FAIL("opening '%s': %d, not %d", path, e, want);
	if (!e)
		CHECK_EQ(rig_call(r, "fd_close", rig_out(r)), 0);
}

/* dir/nested/file, link -> dir, filelink -> dir/nested/file, up -> .., abs -> /etc,
 * loop -> loop, dangling -> nowhere, deep -> dir/nested/../nested/file */
static uint32_t tree(struct rig *r)
{
	char path[128];
	int fd;

	rig_init(r);
	CHECK_EQ(rig_path(r, "path_create_directory", 3, "top"), 0);
	CHECK_EQ(rig_open_at(r, 3, "top", 0, WASI_DIRECTORY, WASI_RIGHTS_DIR,
			     WASI_RIGHTS_DIR | WASI_RIGHTS_FILE, 0), 0);
	fd = (int)rig_out(r);
	CHECK_EQ(rig_path(r, "path_create_directory", (uint32_t)fd, "dir"), 0);
	CHECK_EQ(rig_path(r, "path_create_directory", (uint32_t)fd, "dir/nested/"), 0);
	snprintf(path, sizeof(path), "%s/top", r->dir);
	CHECK(!chdir(path));
	CHECK(!close(open("dir/nested/file", O_CREAT | O_WRONLY, 0644)));
	CHECK(!symlink("dir", "link") && !symlink("dir/nested/file", "filelink"));
	CHECK(!symlink("..", "up") && !symlink("/etc", "abs") && !symlink("loop", "loop"));
	CHECK(!symlink("nowhere", "dangling") && !symlink("dir/nested/../nested/file", "deep"));
	CHECK(!symlink("../dir/nested/..", "dir/back"));
	CHECK(!chdir("/"));
	return (uint32_t)fd;
}

static void dots_and_slashes(void)
{
	struct rig r;
	uint32_t d = tree(&r);

	check_open(&r, d, "dir/nested/file", 0, 0);
	check_open(&r, d, "dir/.//nested/../../dir/nested/../nested///./file", 0, 0);
	check_open(&r, d, ".", 0, 0);
	check_open(&r, d, "./", 0, 0);
	check_open(&r, d, "dir/..", 0, 0);
	check_open(&r, d, "dir/nested/", 0, 0);
	check_open(&r, d, "dir/nested///", 0, 0);
	check_open(&r, d, "dir/nested/file/", 0, WASI_ENOTDIR);
	check_open(&r, d, "dir/nested/file/..", 0, WASI_ENOTDIR);
	check_open(&r, d, "nothing", 0, WASI_ENOENT);
	check_open(&r, d, "nothing/file", 0, WASI_ENOENT);
	check_open(&r, d, "", 0, WASI_ENOENT);
	rig_fini(&r);
}

static void nothing_above_the_descriptor(void)
{
	struct rig r;
	uint32_t d = tree(&r);

	check_open(&r, d, "/dir", 0, WASI_EPERM);
	check_open(&r, d, "..", 0, WASI_EPERM);
	check_open(&r, d, "../top", 0, WASI_EPERM);
	check_open(&r, d, "dir/../..", 0, WASI_EPERM);
	check_open(&r, d, "dir/nested/../../../top/dir", 0, WASI_EPERM);
	check_open(&r, d, "up", WASI_FOLLOW, WASI_EPERM);
	check_open(&r, d, "up/top", 0, WASI_EPERM);
	check_open(&r, d, "abs", WASI_FOLLOW, WASI_EPERM);
	check_open(&r, d, "abs/passwd", 0, WASI_EPERM);
	/* From further up the same link leads somewhere. */
	check_open(&r, 3, "top/up/top/dir", 0, 0);
	check_open(&r, 3, "top/up/..", 0, WASI_EPERM);
	rig_fini(&r);
}

static void links_are_followed_when_asked(void)
{
	struct rig r;
	uint32_t d = tree(&r);

	check_open(&r, d, "link/nested/file", 0, 0);
	check_open(&r, d, "link", 0, WASI_ELOOP);
	check_open(&r, d, "link", WASI_FOLLOW, 0);
	check_open(&r, d, "link/", 0, 0);
	check_open(&r, d, "filelink", WASI_FOLLOW, 0);
	check_open(&r, d, "filelink/", WASI_FOLLOW, WASI_ENOTDIR);
	check_open(&r, d, "deep", WASI_FOLLOW, 0);
	check_open(&r, d, "dir/back/nested/file", 0, 0);
	check_open(&r, d, "loop", WASI_FOLLOW, WASI_ELOOP);
	check_open(&r, d, "loop/x", 0, WASI_ELOOP);
	check_open(&r, d, "dangling", WASI_FOLLOW, WASI_ENOENT);
	/* Creating through a dangling link makes what it names. */
	CHECK_EQ(rig_open_at(&r, d, "dangling", WASI_FOLLOW, WASI_CREAT, 0, 0, 0), 0);
	check_open(&r, d, "nowhere", 0, 0);
	CHECK_EQ(rig_open_at(&r, d, "link", WASI_FOLLOW, WASI_CREAT | WASI_EXCL, 0, 0, 0),
		 WASI_EEXIST);
	rig_fini(&r);
}

static void bad_strings(void)
{
	char longer[5000], name[300];
	struct rig r;
	uint32_t d = tree(&r);

	memcpy(r.mem + RIG_PATH, "dir\0", 4);
	CHECK_EQ(rig_call(&r, "path_open", d, 0, RIG_PATH, 4, 0, 0, 0, 0, RIG_OUT), WASI_EINVAL);
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	check_open(&r, d, longer, 0, WASI_ENAMETOOLONG);
	memset(name, 'b', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	check_open(&r, d, name, 0, WASI_ENAMETOOLONG);
	CHECK_EQ(rig_call(&r, "path_open", d, 0, RIG_MEM - 2, 4, 0, 0, 0, 0, RIG_OUT),
		 WASI_EFAULT);
	CHECK_EQ(rig_call(&r, "path_open", d, 0, RIG_PATH, -1, 0, 0, 0, 0, RIG_OUT),
		 WASI_EFAULT);
	rig_fini(&r);
}

/* A path of 2000 folders down and as many up costs no stack of ours. */
static void deep_paths(void)
{
	char path[4097];
	struct rig r;
	uint32_t d = tree(&r);
	size_t n = 0;

	while (n + 10 < sizeof(path))
		n += (size_t)sprintf(path + n, "dir/../");
	check_open(&r, d, path, 0, 0);
	for (n = 0; n + 2 < 2000; n += 2)
		memcpy(path + n, "s/", 3);
	for (unsigned i = 0; i < 60; i++)
		CHECK_EQ(rig_call(&r, "path_create_directory", d, RIG_PATH,
				  (memcpy(r.mem + RIG_PATH, path, i * 2 + 1), i * 2 + 1)), 0);
	path[119] = '\0';
	check_open(&r, d, path, 0, 0);
	rig_fini(&r);
}

static int path2(struct rig *r, const char *call, uint32_t a, const char *from, uint32_t b,
		 const char *to)
{
	int64_t n = rig_str(r, RIG_PATH, from), m = rig_str(r, RIG_PATH2, to);

	return rig_call(r, call, a, RIG_PATH, n, b, RIG_PATH2, m);
}

static int link_call(struct rig *r, uint32_t d, uint32_t follow, const char *from, const char *to)
{
	int64_t n = rig_str(r, RIG_PATH, from), m = rig_str(r, RIG_PATH2, to);

	return rig_call(r, "path_link", d, follow, RIG_PATH, n, d, RIG_PATH2, m);
}

static int symlink_call(struct rig *r, const char *to, uint32_t d, const char *path)
{
	int64_t n = rig_str(r, RIG_PATH, to), m = rig_str(r, RIG_PATH2, path);

	return rig_call(r, "path_symlink", RIG_PATH, n, d, RIG_PATH2, m);
}

static void names_are_changed(void)
{
	struct rig r;
	uint32_t d = tree(&r);

	CHECK_EQ(path2(&r, "path_rename", d, "dir/nested/file", d, "moved"), 0);
	check_open(&r, d, "dir/nested/file", 0, WASI_ENOENT);
	CHECK_EQ(path2(&r, "path_rename", d, "moved/", d, "x"), WASI_ENOTDIR);
	CHECK_EQ(path2(&r, "path_rename", d, "moved", d, "x/"), WASI_ENOTDIR);
	CHECK_EQ(path2(&r, "path_rename", d, "dir/nested/", d, "other/"), 0);
	CHECK_EQ(path2(&r, "path_rename", d, "other", d, "dir"), WASI_ENOTEMPTY);
	CHECK_EQ(path2(&r, "path_rename", d, "none", d, "x"), WASI_ENOENT);
	CHECK_EQ(path2(&r, "path_rename", d, ".", d, "x"), WASI_EBUSY);
	CHECK_EQ(path2(&r, "path_rename", d, "moved", d, "../x"), WASI_EPERM);
	CHECK_EQ(path2(&r, "path_rename", d, "dir", d, "dir/in"), WASI_EINVAL);
	CHECK_EQ(link_call(&r, d, 0, "moved", "hard"), 0);
	CHECK_EQ(link_call(&r, d, 0, "moved", "hard"), WASI_EEXIST);
	CHECK_EQ(link_call(&r, d, 0, "moved", "new/"), WASI_ENOENT);
	CHECK_EQ(link_call(&r, d, 0, "dir", "new"), WASI_EPERM);
	CHECK_EQ(link_call(&r, d, 0, "abs", "abs2"), 0);
	CHECK_EQ(link_call(&r, d, WASI_FOLLOW, "abs", "abs3"), WASI_EPERM);
	CHECK_EQ(symlink_call(&r, "/etc/passwd", d, "s"), WASI_EPERM);
	CHECK_EQ(symlink_call(&r, "", d, "s"), WASI_ENOENT);
	CHECK_EQ(symlink_call(&r, "moved", d, "s/"), WASI_ENOENT);
	CHECK_EQ(symlink_call(&r, "moved", d, "s"), 0);
	CHECK_EQ(symlink_call(&r, "moved", d, "s"), WASI_EEXIST);
	check_open(&r, d, "s", WASI_FOLLOW, 0);
	rig_fini(&r);
}

static void names_are_removed(void)
{
	struct rig r;
	uint32_t d = tree(&r);

	CHECK_EQ(rig_path(&r, "path_unlink_file", d, "dir"), WASI_EISDIR);
	CHECK_EQ(rig_path(&r, "path_unlink_file", d, "dir/"), WASI_EISDIR);
	CHECK_EQ(rig_path(&r, "path_unlink_file", d, "."), WASI_EISDIR);
	CHECK_EQ(rig_path(&r, "path_unlink_file", d, "link/"), WASI_ENOTDIR);
	CHECK_EQ(rig_path(&r, "path_unlink_file", d, "dir/nested/file/"), WASI_ENOTDIR);
	CHECK_EQ(rig_path(&r, "path_remove_directory", d, "dir"), WASI_ENOTEMPTY);
	CHECK_EQ(rig_path(&r, "path_remove_directory", d, "link"), WASI_ENOTDIR);
	CHECK_EQ(rig_path(&r, "path_remove_directory", d, "link/"), WASI_ENOTDIR);
	CHECK_EQ(rig_path(&r, "path_remove_directory", d, "."), WASI_EINVAL);
	CHECK_EQ(rig_path(&r, "path_remove_directory", d, "dir/nested/file"), WASI_ENOTDIR);
	CHECK_EQ(rig_path(&r, "path_unlink_file", d, "dir/nested/file"), 0);
	CHECK_EQ(rig_path(&r, "path_unlink_file", d, "filelink"), 0);
	CHECK_EQ(rig_path(&r, "path_remove_directory", d, "dir/nested/"), 0);
	CHECK_EQ(rig_path(&r, "path_create_directory", d, "dir"), WASI_EEXIST);
	CHECK_EQ(rig_path(&r, "path_create_directory", d, "link"), WASI_EEXIST);
	CHECK_EQ(rig_path(&r, "path_create_directory", d, "."), WASI_EEXIST);
	rig_fini(&r);
}

static void readlink_fills_what_there_is(void)
{
	struct rig r;
	uint32_t d = tree(&r);
	int64_t n = rig_str(&r, RIG_PATH, "filelink");

	CHECK_EQ(rig_call(&r, "path_readlink", d, RIG_PATH, n, RIG_BUF, 100, RIG_OUT), 0);
	CHECK_EQ(rig_out(&r), 15);
	CHECK(!memcmp(r.mem + RIG_BUF, "dir/nested/file\0", 16));
	CHECK_EQ(rig_call(&r, "path_readlink", d, RIG_PATH, n, RIG_BUF, 3, RIG_OUT), 0);
	CHECK_EQ(rig_out(&r), 3);
	n = rig_str(&r, RIG_PATH, "dir");
	CHECK_EQ(rig_call(&r, "path_readlink", d, RIG_PATH, n, RIG_BUF, 3, RIG_OUT), WASI_EINVAL);
	rig_fini(&r);
}

TEST_MAIN({ "dots_and_slashes", dots_and_slashes },
	  { "nothing_above_the_descriptor", nothing_above_the_descriptor },
	  { "links_are_followed_when_asked", links_are_followed_when_asked },
	  { "bad_strings", bad_strings },
	  { "deep_paths", deep_paths },
	  { "names_are_changed", names_are_changed },
	  { "names_are_removed", names_are_removed },
	  { "readlink_fills_what_there_is", readlink_fills_what_there_is })
