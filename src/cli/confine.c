/* SPDX-License-Identifier: Apache-2.0 */
/* Confinement of a process machine; see confine.h. */
#include "cli/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "cli/landlock.h"
#include "cli/sandbox.h"
#include "process/program.h"
#include "system/system.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#endif

/* ---- which calls -------------------------------------------------------------------- */

enum { ALWAYS = 1, FILES = 2, CHANGES = 4, SOCKETS = 8 };

struct call {
	int nr, when;
};
#define C(name, when) { __NR_##name, when },
static const struct call calls[] = {
	/* memory and threads */
	C(brk, ALWAYS) C(munmap, ALWAYS) C(mremap, ALWAYS)
	C(madvise, ALWAYS) C(futex, ALWAYS) C(set_robust_list, ALWAYS) C(sched_yield, ALWAYS)
	C(gettid, ALWAYS) C(getpid, ALWAYS) C(exit, ALWAYS) C(exit_group, ALWAYS)
	C(membarrier, ALWAYS) C(memfd_create, ALWAYS)
#ifdef __NR_rseq
	C(rseq, ALWAYS)
#endif
	/* signals */
	C(rt_sigaction, ALWAYS) C(rt_sigprocmask, ALWAYS) C(rt_sigreturn, ALWAYS)
	C(rt_sigtimedwait, ALWAYS) C(sigaltstack, ALWAYS) C(restart_syscall, ALWAYS)
	/* time and chance */
	C(clock_gettime, ALWAYS) C(clock_getres, ALWAYS) C(clock_nanosleep, ALWAYS)
	C(nanosleep, ALWAYS) C(gettimeofday, ALWAYS) C(getrandom, ALWAYS) C(getrusage, ALWAYS)
	C(times, ALWAYS)
	/* descriptors that are open */
	C(read, ALWAYS) C(write, ALWAYS) C(readv, ALWAYS) C(writev, ALWAYS) C(pread64, ALWAYS)
	C(pwrite64, ALWAYS) C(preadv, ALWAYS) C(pwritev, ALWAYS) C(close, ALWAYS) C(dup, ALWAYS)
	C(lseek, ALWAYS) C(fstat, ALWAYS) C(newfstatat, ALWAYS) C(statx, ALWAYS)
	C(pipe2, ALWAYS) C(eventfd2, ALWAYS) C(ppoll, ALWAYS) C(pselect6, ALWAYS)
	C(getsockname, ALWAYS) C(getsockopt, ALWAYS) C(recvfrom, ALWAYS) C(sendto, ALWAYS)
	C(recvmsg, ALWAYS) C(sendmsg, ALWAYS) C(shutdown, ALWAYS) C(fdatasync, ALWAYS)
	C(fsync, ALWAYS) C(fadvise64, ALWAYS) C(ftruncate, ALWAYS) C(fallocate, ALWAYS)
#ifdef __NR_poll
	C(poll, ALWAYS)
#endif
#ifdef __NR_time
	C(time, ALWAYS)
#endif
	/* files below folders that were given, and saved state */
	C(openat, FILES)
#ifdef __NR_openat2
	C(openat2, FILES)
#endif
#ifdef __NR_open
	C(open, FILES) C(stat, FILES) C(lstat, FILES) C(readlink, FILES)
#endif
	C(fstatfs, FILES) C(readlinkat, FILES) C(getdents64, FILES) C(faccessat, FILES)
	/* if not all of them are only to be read: Landlock does not know of all of these */
#ifdef __NR_open
	C(unlink, CHANGES) C(rename, CHANGES)
#endif
#ifdef __NR_renameat
	C(renameat, CHANGES)
#endif
	C(renameat2, CHANGES) C(unlinkat, CHANGES) C(mkdirat, CHANGES) C(linkat, CHANGES)
	C(symlinkat, CHANGES) C(fchmod, CHANGES) C(fchmodat, CHANGES) C(utimensat, CHANGES)
	/* connections that come to sockets that were given */
	C(accept, SOCKETS) C(accept4, SOCKETS) C(setsockopt, SOCKETS) C(getpeername, SOCKETS)
};
#undef C

#ifdef ARCH
enum { PROGRAM_MAX = 64 + 3 * ARRAY_LEN(calls) };

struct filter {
	struct sock_filter f[PROGRAM_MAX];
	unsigned n;
};

#define FIELD(f) offsetof(struct seccomp_data, f)
/* The low half of an argument, which is what the kernel uses of those below. */
#define ARG(i) FIELD(args[i])

static void add(struct filter *p, uint16_t code, uint32_t k, unsigned jt, unsigned jf)
{
	p->f[p->n++] = (struct sock_filter){ code, (uint8_t)jt, (uint8_t)jf, k };
}

static void load(struct filter *p, uint32_t at)
{
	add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)at, 0, 0);
}

static void give(struct filter *p, uint32_t result)
{
	add(p, BPF_RET | BPF_K, result, 0, 0);
}

static const uint32_t yes = SECCOMP_RET_ALLOW, no = SECCOMP_RET_ERRNO | EPERM;

/* Call nr, if its argument is one of n values; the number is loaded. */
static void one_of(struct filter *p, int nr, unsigned arg, const uint32_t *values, unsigned n)
{
	add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, n + 3);
	load(p, ARG(arg));
	for (unsigned i = 0; i < n; i++)
		add(p, BPF_JMP | BPF_JEQ | BPF_K, values[i], n - i, 0);
	give(p, no);
	give(p, yes);
}

/* Call nr, if its argument has none of these bits; the number is loaded. */
static void none_of(struct filter *p, int nr, unsigned arg, uint32_t bits)
{
	add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 4);
	load(p, ARG(arg));
	add(p, BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
	give(p, no);
	give(p, yes);
}

static int by_number(const void *a, const void *b)
{
	return ((const struct call *)a)->nr - ((const struct call *)b)->nr;
}

/* Rising runs of numbers; the first that ends at or behind the number decides. */
static void add_calls(struct filter *p, int when)
{
	struct call c[ARRAY_LEN(calls)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		if (calls[i].when & when)
			c[n++] = calls[i];
	qsort(c, n, sizeof(*c), by_number);
	for (size_t i = 0, j; i < n; i = j) {
		for (j = i + 1; j < n && c[j].nr <= c[j - 1].nr + 1; j++)
			;
		/* Below: refuse, which is right behind the last run's jumps. */
		add(p, BPF_JMP | BPF_JGT | BPF_K, (uint32_t)c[j - 1].nr, 2, 0);
		add(p, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)c[i].nr, 0, 1);
		give(p, yes);
	}
	give(p, no);
}

static void build(struct filter *p, int when)
{
	static const uint32_t ioctls[] = { TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO };
	static const uint32_t prctls[] = { PR_SET_NAME };
	/* Not F_SETOWN and F_SETSIG, which send signals to other processes. */
	static const uint32_t fcntls[] = { F_GETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC,
					   F_ADD_SEALS };
	const uint32_t self[] = { (uint32_t)getpid() };

	load(p, FIELD(arch));
	add(p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	give(p, SECCOMP_RET_KILL_PROCESS);
	load(p, FIELD(nr));
	/* No code but what is there already. */
	none_of(p, __NR_mmap, 2, PROT_EXEC);
	none_of(p, __NR_mprotect, 2, PROT_EXEC);
	one_of(p, __NR_ioctl, 1, ioctls, ARRAY_LEN(ioctls));
	one_of(p, __NR_prctl, 0, prctls, ARRAY_LEN(prctls));
	one_of(p, __NR_fcntl, 1, fcntls, ARRAY_LEN(fcntls));
	one_of(p, __NR_tgkill, 0, self, 1);
	/* Threads yes, processes no; clone3 hides its flags, and the C library
	 * goes on with clone. */
	add(p, BPF_JMP | BPF_JEQ | BPF_K, __NR_clone3, 0, 1);
	give(p, SECCOMP_RET_ERRNO | ENOSYS);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 5);
	load(p, ARG(0));
	add(p, BPF_ALU | BPF_AND | BPF_K, CLONE_THREAD | CLONE_VM, 0, 0);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, CLONE_THREAD | CLONE_VM, 1, 0);
	give(p, no);
	give(p, yes);
	add_calls(p, when);
}

static int filter_calls(int when, struct err *e)
{
	struct filter p = { .n = 0 };
	struct sock_fprog prog = { .filter = p.f };

	build(&p, when);
	prog.len = (unsigned short)p.n;
	if (!syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog))
		return 0;
	/* A kernel without seccomp runs programs too, only less confined. */
	return errno == EINVAL || errno == ENOSYS
		       ? 0 : err_sys(e, "cannot install the system call filter "
				     "(--no-sandbox goes without)");
}
#else
static int filter_calls(int when, struct err *e)
{
	(void)when, (void)e, (void)calls;
	return 0;
}
#endif

/* ---- files and privileges ---------------------------------------------------------------- */

/* The folders, as a system machine's shared ones. */
static int file_rules(const struct program_options *o, int *rules, struct err *e)
{
	base_auto struct system_share *shares = base_calloc(o->wasi.npreopens + 1, sizeof(*shares));
	struct system_config c = { .shares = shares, .nshares = o->wasi.npreopens };
	struct sandbox s = { .config = &c, .snapshot = o->save };

	if (!shares)
		return err_set(e, ENOMEM, "out of memory");
	for (uint32_t i = 0; i < o->wasi.npreopens; i++)
		shares[i] = (struct system_share){
			.dir = o->wasi.preopens[i].host, .tag = o->wasi.preopens[i].guest,
			.readonly = o->wasi.preopens[i].readonly,
		};
	return landlock_rules(&s, rules, e);
}

/* Of root's capabilities, those of a file's owner, where there are folders. */
static int drop_capabilities(bool files)
{
	static const int kept[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID };
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3];
	struct __user_cap_data_struct keep[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	if (syscall(SYS_capget, &head, have))
		return -1;
	for (size_t i = 0; files && i < ARRAY_LEN(kept); i++) {
		uint32_t bit = have[CAP_TO_INDEX(kept[i])].permitted & CAP_TO_MASK(kept[i]);

		keep[CAP_TO_INDEX(kept[i])].permitted |= bit;
		keep[CAP_TO_INDEX(kept[i])].effective |= bit;
	}
	return (int)syscall(SYS_capset, &head, keep);
}

int confine_process(const struct program_options *o, struct err *e)
{
	bool changes = o->save, files = o->wasi.npreopens || o->save;
	base_autofd int rules = -1;
	int r = file_rules(o, &rules, e), when = ALWAYS;

	for (uint32_t i = 0; i < o->wasi.npreopens; i++)
		changes |= !o->wasi.preopens[i].readonly;
	when |= (files ? FILES : 0) | (changes ? CHANGES : 0) | (o->wasi.nsockets ? SOCKETS : 0);
	if (r)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || (rules >= 0 && landlock_enter(rules)) ||
	    drop_capabilities(files))
		return err_sys(e, "dropping privileges");
	return filter_calls(when, e);
}
