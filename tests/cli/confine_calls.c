/* SPDX-License-Identifier: Apache-2.0 */
/* What the process of a WebAssembly program, taken over by it, asks for in vain. */
#include "cli/confine.c"
#include "cli/landlock.c"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/test.h"

/* cli/sandbox.c's: these machines have no network. */
bool sandbox_user_net(const struct system_config *c)
{
	(void)c;
	return false;
}

static const char dir[] = ".";

/* Exit status of a process that is confined and runs fn; 0: all was refused.
 * readonly: with a folder only to be read; else with none. */
static int confined(bool readonly, int (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		const struct wasi_preopen d = { .host = dir, .guest = "/", .readonly = true };
		struct program_options o = { .wasi.npreopens = readonly, .wasi.preopens = &d };
		struct err e;

		if (confine_process(&o, &e))
			_exit(100);
		_exit(fn());
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

#define REFUSED(call) do { errno = 0; if ((long)(call) != -1 || \
	(errno != EPERM && errno != ENOSYS && errno != EACCES)) return __LINE__ % 90 + 1; } while (0)

static int reach_others(void)
{
	int p[2];
	pid_t other = 1;

	REFUSED(kill(other, 0));
	REFUSED(syscall(SYS_tgkill, other, other, 0));
	REFUSED(syscall(SYS_ptrace, 16, other, 0, 0));
	REFUSED(fork());
	REFUSED(socket(AF_UNIX, SOCK_STREAM, 0));
	REFUSED(socket(AF_INET, SOCK_STREAM, 0));
	/* A pipe that sends any signal to any process when it is written to. */
	if (pipe2(p, O_CLOEXEC))
		return 91;
	REFUSED(fcntl(p[0], F_SETOWN, other));
	REFUSED(fcntl(p[0], F_SETSIG, 9));
	REFUSED(fcntl(p[0], F_SETFL, O_ASYNC));
	return 0;
}

static int run_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 91;
	REFUSED(mprotect(p, 4096, PROT_READ | PROT_EXEC));
	REFUSED(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	REFUSED(execl("/bin/true", "true", (char *)NULL));
	return 0;
}

static int open_files(void)
{
	REFUSED(open("/etc/passwd", O_RDONLY));
	REFUSED(open(dir, O_RDONLY | O_DIRECTORY));
	return 0;
}

static int change_files(void)
{
	struct timespec t[2] = { { 0, 0 }, { 0, 0 } };

	REFUSED(fchmodat(AT_FDCWD, dir, 0777, 0));
	REFUSED(utimensat(AT_FDCWD, dir, t, 0));
	REFUSED(mkdirat(AT_FDCWD, "doppel-confine-made", 0700));
	REFUSED(unlinkat(AT_FDCWD, dir, AT_REMOVEDIR));
	return 0;
}

static void without_folders(void)
{
#ifdef ARCH
	CHECK_EQ(confined(false, reach_others), 0);
	CHECK_EQ(confined(false, run_code), 0);
	CHECK_EQ(confined(false, open_files), 0);
	CHECK_EQ(confined(false, change_files), 0);
#endif
}

static void with_a_folder_only_to_be_read(void)
{
#ifdef ARCH
	CHECK_EQ(confined(true, reach_others), 0);
	CHECK_EQ(confined(true, run_code), 0);
	CHECK_EQ(confined(true, change_files), 0);
#endif
}

TEST_MAIN({ "without_folders", without_folders },
	  { "with_a_folder_only_to_be_read", with_a_folder_only_to_be_read })
