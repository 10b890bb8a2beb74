/* SPDX-License-Identifier: Apache-2.0 */
/* What a process in the sandbox, taken over by its guest, asks for in vain. */
#include "cli/landlock.c"
#include "cli/sandbox.c"

#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/test.h"

/* Exit status of a process that enters the sandbox and runs fn. */
static int confined(bool nets, int (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		struct system_net net = { .spec = "user" };
		struct system_config c = { .nets = &net, .nnets = nets };
		struct sandbox s = { .config = &c };
		struct err e;

		if (sandbox_enter(&s, &e))
			_exit(100);
		_exit(fn());
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

#define REFUSED(call) do { errno = 0; if ((call) != -1 || (errno != EPERM && errno != ENOSYS)) \
	return __LINE__ % 90 + 1; } while (0)

static __attribute__((unused)) int reach_others(void)
{
	struct rlimit none;
	long ppid = getppid();

	REFUSED(kill((pid_t)ppid, 0));
	REFUSED(syscall(SYS_tgkill, ppid, ppid, 0));
	REFUSED(syscall(SYS_tkill, ppid, 0));
	REFUSED(syscall(SYS_prlimit64, ppid, RLIMIT_NOFILE, NULL, &none));
	REFUSED(syscall(SYS_ptrace, 16, ppid, 0, 0));
	REFUSED(syscall(SYS_process_vm_readv, ppid, NULL, 0, NULL, 0, 0));
	REFUSED(fork());
	REFUSED(execl("/bin/true", "true", (char *)NULL));
	REFUSED(socket(AF_UNIX, SOCK_STREAM, 0));
	REFUSED(socket(AF_NETLINK, SOCK_RAW, 0));
	return 0;
}

static int open_internet(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : 1;
}

static void other_processes_and_local_services(void)
{
#ifdef HAVE_SECCOMP
	CHECK_EQ(confined(true, reach_others), 0);
	CHECK_EQ(confined(false, reach_others), 0);
#endif
}

static void sockets_come_with_a_network(void)
{
	CHECK_EQ(confined(true, open_internet), 0);
#ifdef HAVE_SECCOMP
	CHECK_EQ(confined(false, open_internet), 1);
#endif
}

TEST_MAIN({ "other_processes_and_local_services", other_processes_and_local_services },
	  { "sockets_come_with_a_network", sockets_come_with_a_network })
