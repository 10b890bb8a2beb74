/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files, for a process in the sandbox that its guest took over: everything in
 * its shares, nothing elsewhere; as root and as an unprivileged user.
 */
#include "cli/landlock.c"
#include "cli/sandbox.c"

#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "host/fs.h"
#include "tests/test.h"

static char top[64];    /* rw/, ro/, outside/ in it, with a file "file" each */

static char *in_top(const char *name)
{
	static char s[4][128];
	static unsigned i;

	i = (i + 1) % 4;
	snprintf(s[i], sizeof(s[i]), "%s/%s", top, name);
	return s[i];
}

static void make_tree(void)
{
	static const char *const dirs[] = { "rw", "ro", "outside", "saves", "rw/a", "rw/b" };

	strcpy(top, "/tmp/doppel-sandbox-XXXXXX");
	CHECK(mkdtemp(top));
	CHECK(!chmod(top, 0777));
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		char *file = in_top("x");
		FILE *f;

		CHECK(!mkdir(in_top(dirs[i]), 0777) && !chmod(in_top(dirs[i]), 0777));
		snprintf(file, 128, "%s/%s/file", top, dirs[i]);
		f = fopen(file, "w");
		CHECK(f && fputs("12345678", f) >= 0 && !fclose(f) && !chmod(file, 0666));
	}
}

static void remove_tree(void)
{
	char line[100];

	snprintf(line, sizeof(line), "rm -rf '%s'", top);
	CHECK(!system(line));
}

struct given {
	bool whole;     /* the filter as well */
	bool nobody;    /* as an unprivileged user */
	bool net, none; /* none: no share */
	int (*before)(void), (*fn)(void);
};

static struct host_fs *fs;

static int as_child(const struct given *g)
{
	struct system_share shares[] = {
		{ .dir = in_top("rw"), .tag = "rw" },
		{ .dir = in_top("ro"), .tag = "ro", .readonly = true },
	};
	struct system_net net = { .spec = "user,loopback=yes" };
	struct system_config c = { .shares = shares, .nshares = g->none ? 0 : 2, .nets = &net,
				   .nnets = g->net };
	struct sandbox s = { .config = &c, .snapshot = in_top("saves/vm") };
	struct err e = { 0 };
	int r;

	if (g->nobody && (setgid(65534) || setuid(65534)))
		return 101;
	fs = host_fs_create(in_top("rw"), NULL, &e);
	if (!fs || (g->before && g->before()))
		return 102;
	r = g->whole ? sandbox_enter(&s, &e) : drop_privileges(&s, &e);
	if (r)
		fprintf(stderr, "%s\n", e.msg);
	return r ? 100 : g->fn();
}

static int confined(struct given g)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(as_child(&g));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

static void with_and_without_root(int (*before)(void), int (*fn)(void))
{
	if (landlock_version() < REFER_SINCE)
		SKIP("this kernel has no Landlock that goes with shares");
	make_tree();
	CHECK_EQ(confined((struct given){ .before = before, .fn = fn }), 0);
	CHECK_EQ(confined((struct given){ .whole = true, .before = before, .fn = fn }), 0);
	if (!getuid())
		CHECK_EQ(confined((struct given){ .nobody = true, .before = before, .fn = fn }), 0);
	remove_tree();
}

/* A line that can be found is the exit status. */
#define MUST(c) do { if (!(c)) return __LINE__ % 90 + 1; } while (0)
#define REFUSED(call) do { errno = 0; MUST((call) == -1 && errno == EACCES); } while (0)
#define REFUSED_LINK(call) do { errno = 0; \
	MUST((call) == -1 && (errno == EACCES || errno == EXDEV)); } while (0)

/* ---- elsewhere --------------------------------------------------------------- */

static int reach_elsewhere(void)
{
	char mem[40], real[128];

	snprintf(mem, sizeof(mem), "/proc/%d/mem", (int)getppid());
	snprintf(real, sizeof(real), "%s/../outside/file", in_top("rw"));
	REFUSED(open("/etc/passwd", O_RDONLY));
	REFUSED(open("/", O_RDONLY | O_DIRECTORY));
	REFUSED(open(in_top("outside"), O_RDONLY | O_DIRECTORY));
	REFUSED(open(in_top("outside/file"), O_RDONLY));
	REFUSED(open(real, O_RDONLY));
	REFUSED(open(in_top("outside/new"), O_WRONLY | O_CREAT, 0600));
	REFUSED(truncate(in_top("outside/file"), 0));
	REFUSED(unlink(in_top("outside/file")));
	REFUSED(mkdir(in_top("outside/new"), 0700));
	REFUSED(symlinkat("x", AT_FDCWD, in_top("new")));
	REFUSED_LINK(linkat(AT_FDCWD, in_top("outside/file"), AT_FDCWD,
			    in_top("rw/stolen"), 0));
	REFUSED_LINK(rename(in_top("outside/file"), in_top("rw/stolen")));
	REFUSED_LINK(rename(in_top("rw/file"), in_top("outside/file")));
	REFUSED(open(mem, O_RDONLY));
	REFUSED(open("/proc/self/environ", O_RDONLY));
	MUST(mknodat(AT_FDCWD, in_top("rw/disk"), S_IFBLK | 0600, 0x700) == -1);
	MUST(errno == EACCES || errno == EPERM);
	return 0;
}

static void nothing_outside_the_shares(void)
{
	with_and_without_root(NULL, reach_elsewhere);
}

/* An O_PATH descriptor, opened again by its name in /proc/self/fd. */
static int reach_by_descriptor(void)
{
	int in = open(in_top("rw/file"), O_PATH), out = open("/etc/passwd", O_PATH);
	char name[40];

	MUST(in >= 0 && out >= 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", out);
	REFUSED(open(name, O_RDONLY));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", in);
	MUST(open(name, O_RDWR) >= 0);
	return 0;
}

static void descriptors_of_paths_lead_nowhere_else(void)
{
	with_and_without_root(NULL, reach_by_descriptor);
}

/* ---- threads that were there before ---------------------------------------------- */

static _Atomic int go, thread_says = -1;

static void *older_thread(void *arg)
{
	(void)arg;
	while (!go)
		usleep(1000);
	thread_says = reach_elsewhere();
	return NULL;
}

static int start_older(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, older_thread, NULL);
}

static int ask_older(void)
{
	go = 1;
	for (int i = 0; i < 5000 && thread_says < 0; i++)
		usleep(1000);
	return thread_says < 0 ? 99 : thread_says;
}

static void threads_that_were_there_are_confined(void)
{
	with_and_without_root(start_older, ask_older);
}

/* ---- shares ------------------------------------------------------------------------ */

static int read_only(void)
{
	MUST(open(in_top("ro/file"), O_RDONLY) >= 0);
	MUST(open(in_top("ro"), O_RDONLY | O_DIRECTORY) >= 0);
	REFUSED(open(in_top("ro/file"), O_WRONLY));
	REFUSED(open(in_top("ro/new"), O_WRONLY | O_CREAT, 0600));
	REFUSED(unlink(in_top("ro/file")));
	if (landlock_version() >= TRUNCATE_SINCE)
		REFUSED(truncate(in_top("ro/file"), 0));
	return 0;
}

static void a_read_only_share_is_only_read(void)
{
	with_and_without_root(NULL, read_only);
}

static int use_share(void)
{
	const struct host_fs_cred who = { getuid(), getgid() };
	struct host_fs_attr at = { .mode = 0644 };
	host_fs_node a, b, f, out;
	host_fs_handle h;
	struct iovec v = { "hello", 5 };

	MUST(!host_fs_lookup(fs, HOST_FS_ROOT, "a", &a, &at));
	MUST(!host_fs_lookup(fs, HOST_FS_ROOT, "b", &b, &at));
	MUST(!host_fs_create_file(fs, a, "new", 0644, HOST_FS_WRITE, &who, &f, &at, &h));
	MUST(host_fs_pwritev(fs, h, &v, 1, 0) == 5 && !host_fs_close(fs, h));
	MUST(!host_fs_rename(fs, a, "new", b, "moved", 0));
	MUST(!host_fs_link(fs, f, a, "hard", &at) && at.nlink == 2);
	MUST(!host_fs_rename(fs, a, "hard", b, "file", HOST_FS_RENAME_EXCHANGE));
	at.size = 2;
	MUST(!host_fs_setattr(fs, f, 0, HOST_FS_SET_SIZE, &at, &at) && at.size == 2);
	MUST(!host_fs_open(fs, f, HOST_FS_READ | HOST_FS_WRITE | HOST_FS_TRUNC, &h, NULL));
	MUST(!host_fs_unlink(fs, b, "moved") && !host_fs_unlink(fs, b, "file"));
	MUST(host_fs_pwritev(fs, h, &v, 1, 0) == 5); /* without a name */
	MUST(!host_fs_close(fs, h));
	/* The name is gone, the node is not. */
	MUST(!host_fs_open(fs, f, HOST_FS_READ, &h, NULL) && !host_fs_close(fs, h));
	MUST(!host_fs_mkdir(fs, a, "dir", 0755, &who, &out, &at));
	MUST(!host_fs_opendir(fs, out, &h) && !host_fs_close(fs, h));
	MUST(!host_fs_rename(fs, a, "dir", b, "dir", 0) && !host_fs_rmdir(fs, b, "dir"));
	MUST(!host_fs_symlink(fs, a, "link", "x", &who, &out, &at));
	MUST(!host_fs_mknod(fs, a, "fifo", S_IFIFO | 0600, 0, &who, &out, &at));
	MUST(!host_fs_unlink(fs, a, "link") && !host_fs_unlink(fs, a, "fifo"));
	MUST(!host_fs_rename(fs, a, "hard", b, "file", 0)); /* as it was found */
	return 0;
}

static void a_share_takes_everything(void)
{
	with_and_without_root(NULL, use_share);
}

static int save_again(void)
{
	FILE *f = fopen(in_top("saves/vm.part"), "w");

	MUST(f && fputs("state", f) >= 0 && !fclose(f));
	MUST(!rename(in_top("saves/vm.part"), in_top("saves/vm")));
	REFUSED(open(in_top("saves/vm"), O_RDONLY));
	REFUSED(mkdir(in_top("saves/dir"), 0700));
	return 0;
}

static void a_snapshot_is_written_in_its_folder(void)
{
	with_and_without_root(NULL, save_again);
}

/* ---- beside files -------------------------------------------------------------------- */

static int tcp, local;

static int open_sockets(void)
{
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	local = socket(AF_UNIX, SOCK_STREAM, 0);
	return tcp < 0 || local < 0;
}

static int connect_tcp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(1),
				 .sin_addr = { htonl(INADDR_LOOPBACK) } };

	return connect(tcp, (struct sockaddr *)&a, sizeof(a)) ? errno : 0;
}

static void no_tcp_without_a_network(void)
{
	if (landlock_version() < NET_SINCE)
		SKIP("this kernel's Landlock has no networks");
	make_tree();
	CHECK_EQ(confined((struct given){ .before = open_sockets, .fn = connect_tcp }), EACCES);
	CHECK_EQ(confined((struct given){ .net = true, .before = open_sockets,
					  .fn = connect_tcp }), ECONNREFUSED);
	remove_tree();
}

static struct sockaddr_un service;
static socklen_t service_len;

static int reach_service(void)
{
	return connect(local, (struct sockaddr *)&service, service_len) ? errno : 0;
}

static void no_abstract_sockets_of_others(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	if (landlock_version() < SCOPE_SINCE)
		SKIP("this kernel's Landlock has no scopes");
	make_tree();
	service.sun_family = AF_UNIX;
	snprintf(service.sun_path + 1, 60, "doppel-test-%d", (int)getpid());
	service_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				  strlen(service.sun_path + 1));
	CHECK(!bind(s, (struct sockaddr *)&service, service_len) && !listen(s, 8));
	CHECK_EQ(confined((struct given){ .net = true, .before = open_sockets,
					  .fn = reach_service }), EPERM);
	close(s);
	remove_tree();
}

static int read_resolver(void)
{
	MUST(open("/etc/resolv.conf", O_RDONLY) >= 0);
	REFUSED(open("/etc/resolv.conf", O_RDWR));
	REFUSED(open("/etc/passwd", O_RDONLY));
	return 0;
}

static void a_user_network_reads_the_resolver(void)
{
	if (landlock_version() < REFER_SINCE || access("/etc/resolv.conf", R_OK))
		SKIP("this system has no Landlock or no /etc/resolv.conf");
	make_tree();
	CHECK_EQ(confined((struct given){ .net = true, .fn = read_resolver }), 0);
	CHECK(confined((struct given){ .fn = read_resolver }) != 0);
	remove_tree();
}

TEST_MAIN({ "nothing_outside_the_shares", nothing_outside_the_shares },
	  { "descriptors_of_paths_lead_nowhere_else", descriptors_of_paths_lead_nowhere_else },
	  { "threads_that_were_there_are_confined", threads_that_were_there_are_confined },
	  { "a_read_only_share_is_only_read", a_read_only_share_is_only_read },
	  { "a_share_takes_everything", a_share_takes_everything },
	  { "a_snapshot_is_written_in_its_folder", a_snapshot_is_written_in_its_folder },
	  { "no_tcp_without_a_network", no_tcp_without_a_network },
	  { "no_abstract_sockets_of_others", no_abstract_sockets_of_others },
	  { "a_user_network_reads_the_resolver", a_user_network_reads_the_resolver })
