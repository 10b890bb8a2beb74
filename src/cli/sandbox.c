/* SPDX-License-Identifier: Apache-2.0 */
/* Privileges; see sandbox.h. */
#include "cli/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "cli/landlock.h"
#include "system/system.h"

#ifdef HAVE_SECCOMP
#include <seccomp.h>
#endif

void sandbox_close_strays(void)
{
	DIR *d;
	struct dirent *ent;

#ifdef SYS_close_range
	if (!syscall(SYS_close_range, 3u, ~0u, 0u))
		return;
#endif
	d = opendir("/proc/self/fd");
	while (d && (ent = readdir(d))) {
		int fd = atoi(ent->d_name);

		if (fd > 2 && fd != dirfd(d))
			close(fd);
	}
	if (d)
		closedir(d);
}

/* ---- every thread ---------------------------------------------------------- */

/*
 * Capabilities, no_new_privs and Landlock belong to a thread, and machines
 * have some before the guest runs.  Each is interrupted by a signal and does it
 * for itself; process-wide, as signal handlers are.
 */
static struct __user_cap_data_struct sandbox_caps[_LINUX_CAPABILITY_U32S_3];
static _Atomic int sandbox_done, sandbox_errno;
static int sandbox_files;       /* Landlock's rules; -1: none */

static void drop_here(int sig)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	int saved = errno;

	(void)sig;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    (sandbox_files >= 0 && landlock_enter(sandbox_files)) ||
	    syscall(SYS_capset, &head, sandbox_caps))
		sandbox_errno = errno;
	sandbox_done++;
	errno = saved;
}

/* Signal every thread but this one; returns how many. */
static int signal_others(int sig)
{
	DIR *d = opendir("/proc/self/task");
	pid_t self = (pid_t)syscall(SYS_gettid);
	struct dirent *ent;
	int n = 0;

	if (!d)
		return -errno;
	while ((ent = readdir(d))) {
		pid_t tid = atoi(ent->d_name);

		if (tid > 0 && tid != self && !syscall(SYS_tgkill, getpid(), tid, sig))
			n++;
	}
	closedir(d);
	return n;
}

static int in_every_thread(struct err *e)
{
	struct sigaction sa = { .sa_handler = drop_here, .sa_flags = SA_RESTART }, old;
	const struct timespec tick = { 0, 1000000 };
	int sig = SIGRTMIN + 3, n;

	sandbox_done = 0;
	sandbox_errno = 0;
	sigaction(sig, &sa, &old);
	n = signal_others(sig);
	drop_here(0); /* afterwards, /proc is closed to us */
	for (int i = 0; n > 0 && i < 5000 && sandbox_done < n + 1; i++)
		nanosleep(&tick, NULL);
	sigaction(sig, &old, NULL);
	if (n < 0 || sandbox_done < n + 1)
		return err_set(e, EAGAIN, "dropping privileges: not every thread did");
	if (sandbox_errno)
		return err_set(e, sandbox_errno, "dropping privileges: %s",
			       strerror(sandbox_errno));
	return 0;
}

/*
 * Keep of root's capabilities only what the owner of shared files has: a
 * folder shared by root shows every owner's files and takes a guest's chown.
 */
static int drop_privileges(const struct sandbox *s, struct err *e)
{
	static const int files[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID };
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3];
	int r;

	if (syscall(SYS_capget, &head, have))
		return err_sys(e, "capget");
	memset(sandbox_caps, 0, sizeof(sandbox_caps));
	for (size_t i = 0; s->config->nshares && i < ARRAY_LEN(files); i++) {
		struct __user_cap_data_struct *c = &sandbox_caps[CAP_TO_INDEX(files[i])];
		uint32_t bit = have[CAP_TO_INDEX(files[i])].permitted & CAP_TO_MASK(files[i]);

		c->permitted |= bit;
		c->effective |= bit;
	}
	r = landlock_rules(s, &sandbox_files, e);
	if (!r)
		r = in_every_thread(e);
	base_close_fd(&sandbox_files);
	return r;
}

/* ---- system calls ------------------------------------------------------------- */

#ifdef HAVE_SECCOMP
/*
 * What the harts, the C library's threads and memory, the event loop, block
 * images, shared folders and the user network call.  Unknown names are
 * skipped: not every kernel and architecture has each of them.
 */
static const char *const allowed[] = {
	/* memory and threads */
	"brk", "mmap", "munmap", "mprotect", "mremap", "madvise", "msync", "mlock",
	"munlock", "membarrier", "futex", "futex_waitv", "set_robust_list", "rseq",
	"sched_yield", "sched_getaffinity", "sched_setaffinity", "set_tid_address",
	"gettid", "getpid", "getppid", "exit", "exit_group", "arch_prctl", "get_mempolicy",
	/* signals */
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "rt_sigsuspend",
	"sigaltstack", "signalfd4", "restart_syscall", "pause",
	/* time */
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
	"timer_create", "timer_settime", "timer_delete", "timerfd_create", "timerfd_settime",
	"timerfd_gettime",
	/* descriptors and events */
	"read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev",
	"preadv2", "pwritev2", "close", "close_range", "dup", "dup2", "dup3", "fcntl", "lseek",
	"pipe2", "eventfd2", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
	"epoll_pwait2", "poll", "ppoll", "select", "pselect6", "memfd_create",
	/* files: block images, shared folders, snapshots */
	"open", "openat", "openat2", "fstat", "stat", "lstat", "newfstatat", "statx", "fstatfs",
	"statfs", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents64",
	"ftruncate", "truncate", "fallocate", "fsync", "fdatasync", "sync_file_range", "syncfs",
	"copy_file_range", "sendfile", "flock", "rename", "renameat", "renameat2", "unlink",
	"unlinkat", "mkdir", "mkdirat", "rmdir", "mknodat", "linkat", "symlinkat", "fchmod",
	"chmod", "fchmodat", "fchmodat2", "fchown", "fchownat", "lchown", "utimensat", "umask", "getcwd",
	"chdir", "fchdir", "fgetxattr", "fsetxattr", "flistxattr", "fremovexattr", "getxattr",
	"setxattr", "listxattr", "removexattr", "lgetxattr", "lsetxattr", "llistxattr",
	"lremovexattr", "fadvise64",
	/* sockets that are open: consoles, taps (opening some: see add_rules) */
	"socketpair", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg",
	"shutdown", "getsockname", "getpeername", "setsockopt", "getsockopt",
	/* who and how much */
	"uname", "sysinfo", "getrusage", "times", "getuid", "geteuid", "getgid", "getegid",
	"getresuid", "getresgid", "getrandom", "getrlimit", "getcpu", "riscv_flush_icache",
};

/* The user network's; AF_UNIX sockets lead to the host's services. */
static const char *const network[] = { "connect", "bind", "listen", "accept", "accept4" };
static const int families[] = { AF_INET, AF_INET6 };

/* ioctl requests of terminals, files and tap; TIOCSTI, which types into
 * the caller's terminal, is not among them. */
static const unsigned long ioctls[] = {
	TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX,
	0x40049409 /* FICLONE */, 0x4020940d /* FICLONERANGE */,
	0x1277 /* BLKDISCARD */, 0x127f /* BLKZEROOUT */, 0x80081272 /* BLKGETSIZE64 */,
	0x1268 /* BLKSSZGET */,
};

/* An argument equals v in its low 32 bits, which is what the kernel uses of
 * it; the library's macros leave a member out. */
static struct scmp_arg_cmp arg_is(unsigned arg, uint32_t v)
{
	return (struct scmp_arg_cmp){ arg, SCMP_CMP_MASKED_EQ, 0xffffffff, v };
}

static int allow(scmp_filter_ctx f, const char *const *names, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);

		if (nr != __NR_SCMP_ERROR)
			r = seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 0);
	}
	return r;
}

static int add_network(scmp_filter_ctx f)
{
	int r = allow(f, network, ARRAY_LEN(network));

	for (size_t i = 0; i < ARRAY_LEN(families) && !r; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				     arg_is(0, (uint32_t)families[i]));
	return r;
}

/* Calls that name a process: this one only. */
static int add_own(scmp_filter_ctx f)
{
	int r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1,
				 arg_is(0, (uint32_t)getpid()));

	if (!r)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				     arg_is(0, (uint32_t)getpid()));
	if (!r)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
				     arg_is(0, 0));
	return r;
}

static int add_rules(scmp_filter_ctx f, const struct sandbox *s)
{
	int r = allow(f, allowed, ARRAY_LEN(allowed));

	if (!r)
		r = add_own(f);
	if (!r && sandbox_user_net(s->config))
		r = add_network(f);
	for (size_t i = 0; i < ARRAY_LEN(ioctls) && !r; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				     arg_is(1, (uint32_t)ioctls[i]));
	/* Threads yes, processes no.  clone3 hides its flags in memory where
	 * no filter can see them: the C library falls back to clone. */
	if (!r)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM,
					     CLONE_THREAD | CLONE_VM));
	if (!r)
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* Naming threads is harmless; no other prctl is needed. */
	if (!r)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				     arg_is(0, PR_SET_NAME));
	if (!r)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				     arg_is(0, PR_GET_NAME));
	return r;
}

static int filter_calls(const struct sandbox *s, struct err *e)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = f ? 0 : -ENOMEM;

	if (!r)
		r = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!r)
		seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, where it is known */
	if (!r)
		r = add_rules(f, s);
	if (!r)
		r = seccomp_load(f);
	seccomp_release(f);
	/* A kernel without seccomp runs machines too, only less confined. */
	return r == -EINVAL || r == -ENOSYS || !r ? 0
	       : err_set(e, -r, "cannot install the system call filter (--no-sandbox goes without)");
}
#endif

bool sandbox_user_net(const struct system_config *c)
{
	for (unsigned i = 0; i < c->nnets; i++)
		if (!strncmp(c->nets[i].spec, "user", 4))
			return true;
	return false;
}

int sandbox_enter(const struct sandbox *s, struct err *e)
{
	int r;

	if (s->off)
		return 0;
	r = drop_privileges(s, e);
#ifdef HAVE_SECCOMP
	if (!r)
		r = filter_calls(s, e);
#endif
	return r;
}
