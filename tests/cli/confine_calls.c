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

#ifdef ARCH
/* What the filter says of a call whose arguments are all `arg`. */
static uint32_t filtered(const struct filter *p, uint32_t nr, uint32_t arch, uint32_t arg)
{
	uint32_t a = 0;

	for (unsigned i = 0, steps = 0; i < p->n; i++, steps++) {
		const struct sock_filter *f = &p->f[i];
		bool yes_;

		CHECK(steps < 24);      /* the tree is one */
		if (f->code == (BPF_RET | BPF_K))
			return f->k;
		if (f->code == (BPF_LD | BPF_W | BPF_ABS)) {
			a = f->k == FIELD(arch) ? arch : f->k == FIELD(nr) ? nr : arg;
			continue;
		}
		if (f->code == (BPF_ALU | BPF_AND | BPF_K)) {
			a &= f->k;
			continue;
		}
		yes_ = BPF_OP(f->code) == BPF_JGE ? a >= f->k :
		       BPF_OP(f->code) == BPF_JSET ? a & f->k : a == f->k;
		i += yes_ ? f->jt : f->jf;
	}
	TEST_FAIL("the filter has an end");
	return 0;
}

static const struct call *listed(uint32_t nr, int when)
{
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		if ((uint32_t)calls[i].nr == nr && calls[i].when & when)
			return &calls[i];
	return NULL;
}

static void check_numbers(int when)
{
	struct filter p = { .n = 0 };

	build(&p, when);
	for (uint32_t nr = 0; nr < 2000; nr++) {
		const struct call *c = listed(nr, when);
		uint32_t got = filtered(&p, nr, ARCH, 0);

		if (!c)
			CHECK_EQ(got, no);
		else if (c->fate == YES || c->fate == MAPS)
			CHECK_EQ(got, yes);
		else if (c->fate != FCNTL)
			CHECK_EQ(got, c->fate == CLONE3 ? SECCOMP_RET_ERRNO | ENOSYS : no);
		CHECK_EQ(filtered(&p, nr | 0x40000000, ARCH, 0), no);
		CHECK_EQ(filtered(&p, nr, ARCH ^ 1, 0), SECCOMP_RET_KILL_PROCESS);
	}
	CHECK_EQ(filtered(&p, UINT32_MAX, ARCH, 0), no);
	CHECK_EQ(filtered(&p, __NR_mmap, ARCH, PROT_EXEC), no);
	CHECK_EQ(filtered(&p, __NR_mprotect, ARCH, PROT_EXEC | PROT_READ), no);
	CHECK_EQ(filtered(&p, __NR_ioctl, ARCH, TIOCGWINSZ), yes);
	CHECK_EQ(filtered(&p, __NR_fcntl, ARCH, F_GETFL), yes);
	CHECK_EQ(filtered(&p, __NR_fcntl, ARCH, F_SETOWN), no);
	CHECK_EQ(filtered(&p, __NR_tgkill, ARCH, (uint32_t)getpid()), yes);
	CHECK_EQ(filtered(&p, __NR_clone, ARCH, CLONE_THREAD | CLONE_VM), yes);
	CHECK_EQ(filtered(&p, __NR_clone, ARCH, CLONE_VM), no);
}
#endif

static void each_number_has_its_fate(void)
{
#ifdef ARCH
	check_numbers(ALWAYS);
	check_numbers(ALWAYS | FILES);
	check_numbers(ALWAYS | FILES | CHANGES | SOCKETS);
#endif
}

TEST_MAIN({ "without_folders", without_folders },
	  { "with_a_folder_only_to_be_read", with_a_folder_only_to_be_read },
	  { "each_number_has_its_fate", each_number_has_its_fate })
