/* SPDX-License-Identifier: Apache-2.0 */
/* Removing a tree that a guest has made: whatever it holds, it goes, and
 * nothing that a link of it names changes. */
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/debian.h"
#include "tests/test.h"

static char base[64], tree[96], victim[96];
static struct err err;

static void start(void)
{
	snprintf(base, sizeof(base), "/tmp/doppel-tree-XXXXXX");
	CHECK(mkdtemp(base));
	snprintf(tree, sizeof(tree), "%s/tree", base);
	snprintf(victim, sizeof(victim), "%s/victim", base);
	CHECK(!mkdir(tree, 0755) && !mkdir(victim, 0751));
}

static void end(void)
{
	struct stat st;

	if (image_tree_remove(tree, &err))
		TEST_FAIL("%.400s", err.msg);
	CHECK(access(tree, F_OK));
	CHECK(!stat(victim, &st));
	CHECK_EQ(st.st_mode & 07777, 0751);
	CHECK(!rmdir(victim) && !rmdir(base));
}

/* As user nobody, so that permissions count. */
static void links_in_folders_that_cannot_be_written(void)
{
	char at[192];
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (!uid && (setegid(65534) || seteuid(65534)))
		TEST_FAIL("cannot become nobody");
	start();
	snprintf(at, sizeof(at), "%s/link", tree);
	CHECK(!symlink(victim, at));
	snprintf(at, sizeof(at), "%s/sub", tree);
	CHECK(!mkdir(at, 0755));
	snprintf(at, sizeof(at), "%s/sub/link", tree);
	CHECK(!symlink(victim, at));
	snprintf(at, sizeof(at), "%s/sub", tree);
	CHECK(!chmod(at, 0));
	CHECK(!chmod(tree, 0555));
	end();
	/* A leak checker traces this process, which needs it dumpable. */
	CHECK(!seteuid(uid) && !setegid(gid) && !prctl(PR_SET_DUMPABLE, 1));
}

static void folders_nested_deeply(void)
{
	int fd, next;

	start();
	fd = open(tree, O_RDONLY | O_DIRECTORY);
	for (unsigned i = 0; i < 1500; i++) {
		CHECK(!mkdirat(fd, "d", 0755));
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		CHECK(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
	end();
}

TEST_MAIN({ "links_in_folders_that_cannot_be_written", links_in_folders_that_cannot_be_written },
	  { "folders_nested_deeply", folders_nested_deeply })
