/* SPDX-License-Identifier: Apache-2.0 */
/* Confinement of a process machine; see confine.h. */
#include "cli/confine.h"

#include <assert.h>
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

/* What becomes of a call: these, or a look at its arguments. */
enum fate { CLONE3, MAPS, IOCTL, PRCTL, FCNTL, TGKILL, CLONE, NO, YES, FATES };

struct call {
	int nr;
	uint8_t when, fate;
};
#define C(name, when) { __NR_##name, when, YES },
#define LOOK(name, fate) { __NR_##name, ALWAYS, fate },
static const struct call calls[] = {
	LOOK(mmap, MAPS) LOOK(mprotect, MAPS) LOOK(ioctl, IOCTL) LOOK(prctl, PRCTL)
	LOOK(fcntl, FCNTL) LOOK(tgkill, TGKILL) LOOK(clone, CLONE) LOOK(clone3, CLONE3)
	/* memory and threads */
	C(brk, ALWAYS) C(munmap, ALWAYS) C(mremap, ALWAYS)
	C(madvise, ALWAYS) C(futex, ALWAYS) C(set_robust_list, ALWAYS) C(sched_yield, ALWAYS)
	C(gettid, ALWAYS) C(getpid, ALWAYS) C(exit, ALWAYS) C(exit_group, ALWAYS)
	C(membarrier, ALWAYS) C(memfd_create, ALWAYS)
#ifdef __NR_rseq
	C(rseq, ALWAYS)
#endif
	C(sched_getaffinity, ALWAYS) /* pthread_getattr_np(), which sanitizers call */
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
#undef LOOK

#ifdef ARCH
/*
 * The filter is a tree over spans of call numbers: the kernel runs it for each
 * number there is when it is installed, and a list made that a third of a short
 * program's time.
 */
enum { SPANS_MAX = 2 * ARRAY_LEN(calls) + 1, PROGRAM_MAX = SPANS_MAX + 64 };

struct spans {
	struct span {
		uint32_t first;         /* up to the next one's */
		uint8_t fate;
	} s[SPANS_MAX];
	unsigned n;
};

struct filter {
	struct sock_filter f[PROGRAM_MAX];
	struct {
		bool t, f;              /* jt, jf are fates, whose places come later */
	} later[PROGRAM_MAX];
	unsigned n, at[FATES];
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

/* A fate, whose place comes later, if the test holds, or if it does not. */
static void to_if(struct filter *p, uint16_t test, uint32_t k, enum fate fate)
{
	p->later[p->n].t = true;
	add(p, BPF_JMP | BPF_K | test, k, fate, 0);
}

/* The argument is one of n values. */
static void one_of(struct filter *p, unsigned arg, const uint32_t *values, unsigned n)
{
	load(p, ARG(arg));
	for (unsigned i = 0; i < n; i++)
		to_if(p, BPF_JEQ, values[i], YES);
	give(p, no);
}

static void add_fate(struct filter *p, enum fate fate)
{
	static const uint32_t ioctls[] = { TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO };
	static const uint32_t prctls[] = { PR_SET_NAME };
	/* Not F_SETOWN and F_SETSIG, which send signals to other processes. */
	static const uint32_t fcntls[] = { F_GETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC,
					   F_ADD_SEALS };
	const uint32_t self[] = { (uint32_t)getpid() };

	p->at[fate] = p->n;
	switch (fate) {
	case MAPS:      /* no code but what is there already */
		load(p, ARG(2));
		to_if(p, BPF_JSET, PROT_EXEC, NO);
		return give(p, yes);
	case IOCTL:
		return one_of(p, 1, ioctls, ARRAY_LEN(ioctls));
	case PRCTL:
		return one_of(p, 0, prctls, ARRAY_LEN(prctls));
	case FCNTL:
		return one_of(p, 1, fcntls, ARRAY_LEN(fcntls));
	case TGKILL:
		return one_of(p, 0, self, 1);
	case CLONE:     /* threads yes, processes no */
		load(p, ARG(0));
		add(p, BPF_ALU | BPF_AND | BPF_K, CLONE_THREAD | CLONE_VM, 0, 0);
		to_if(p, BPF_JEQ, CLONE_THREAD | CLONE_VM, YES);
		return give(p, no);
	case CLONE3:    /* it hides its flags, and the C library goes on with clone */
		return give(p, SECCOMP_RET_ERRNO | ENOSYS);
	case NO:
		return give(p, no);
	case YES:
		return give(p, yes);
	case FATES:
		break;
	}
}

/* From `first` on it is this, as far as is known. */
static void add_span(struct spans *s, uint32_t first, uint8_t fate)
{
	if (s->n && s->s[s->n - 1].first == first)
		s->n--;
	if (!s->n || s->s[s->n - 1].fate != fate)
		s->s[s->n++] = (struct span){ first, fate };
}

static int by_number(const void *a, const void *b)
{
	return ((const struct call *)a)->nr - ((const struct call *)b)->nr;
}

static void list_spans(struct spans *s, int when)
{
	struct call c[ARRAY_LEN(calls)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		if (calls[i].when & when)
			c[n++] = calls[i];
	qsort(c, n, sizeof(*c), by_number);
	add_span(s, 0, NO);
	for (size_t i = 0; i < n; i++) {
		add_span(s, (uint32_t)c[i].nr, c[i].fate);
		add_span(s, (uint32_t)c[i].nr + 1, NO);
	}
}

/* Spans [from, to), two or more: halves, which follow, or fates. */
static void add_tree(struct filter *p, const struct spans *s, unsigned from, unsigned to)
{
	unsigned mid = (from + to) / 2, at = p->n;

	add(p, BPF_JMP | BPF_JGE | BPF_K, s->s[mid].first, 0, 0);
	if (mid - from > 1) {
		add_tree(p, s, from, mid);
	} else {
		p->f[at].jf = s->s[from].fate;
		p->later[at].f = true;
	}
	if (to - mid > 1) {
		p->f[at].jt = (uint8_t)(p->n - at - 1);
		add_tree(p, s, mid, to);
	} else {
		p->f[at].jt = s->s[mid].fate;
		p->later[at].t = true;
	}
}

static void build(struct filter *p, int when)
{
	struct spans s = { .n = 0 };

	load(p, FIELD(arch));
	add(p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	give(p, SECCOMP_RET_KILL_PROCESS);
	load(p, FIELD(nr));
	list_spans(&s, when);
	add_tree(p, &s, 0, s.n);
	for (unsigned i = 0; i < FATES; i++)
		add_fate(p, (enum fate)i);
	assert(p->n <= UINT8_MAX);      /* so that jumps reach */
	for (unsigned i = 0; i < p->n; i++) {
		if (p->later[i].t)
			p->f[i].jt = (uint8_t)(p->at[p->f[i].jt] - i - 1);
		if (p->later[i].f)
			p->f[i].jf = (uint8_t)(p->at[p->f[i].jf] - i - 1);
	}
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
