/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of guarded memories: one handler of SIGSEGV and SIGBUS in the
 * process, a stack of scopes for each thread, and the table of guarded ranges.
 *
 * A signal's handler is the process's, and it is told nothing but an address:
 * what it looks at has to be in static storage.  That is the only reason for
 * the writable variables in this file, and nothing else may be put there.
 *
 * The handler takes no lock and allocates nothing.
 */
#include "mem/fault.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/fail.h"
#include "mem/linear.h"

enum { STACK_SIZE = 64 << 10 };
/* A range's word: 0 free; CLAIMED, its base is to come; a base; or a base and
 * KEPT: reserved and nobody's.  A few are kept, since the kernel takes longer
 * for a reservation and its page tables than for all else of an instance. */
enum { CLAIMED = 1, KEPT = 2, KEPT_MAX = 64 };

static struct {
	atomic_uintptr_t range[MEM__RANGES];    /* bases; 0: free */
	atomic_uint hint;                       /* where a free slot may be */
	uint64_t committed[MEM__RANGES];        /* of kept ones; by claim and free */
	atomic_uint kept;
	struct sigaction segv, bus;             /* who was there before */
	pthread_key_t key;                      /* frees a thread's signal stack */
	int error;                              /* of the installation */
} process;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* initial-exec: the handler must not allocate it at its first use. */
static _Thread_local struct mem_fault_scope *innermost
	__attribute__((tls_model("initial-exec")));
static _Thread_local bool has_stack __attribute__((tls_model("initial-exec")));

/* ---- ranges ---- */

int mem__range_claim(struct mem__kept *k)
{
	unsigned from = atomic_load_explicit(&process.hint, memory_order_relaxed);

	for (unsigned n = 0; n < MEM__RANGES; n++) {
		unsigned i = (from + n) % MEM__RANGES;
		uintptr_t was = atomic_load_explicit(&process.range[i], memory_order_relaxed);

		if (was && !(was & KEPT))
			continue;
		if (!atomic_compare_exchange_strong(&process.range[i], &was, CLAIMED))
			continue;
		atomic_store_explicit(&process.hint, i + 1, memory_order_relaxed);
		if (was)
			atomic_fetch_sub(&process.kept, 1);
		*k = (struct mem__kept){ (void *)(was & ~(uintptr_t)KEPT),
					 was ? process.committed[i] : 0 };
		return (int)i;
	}
	return -1;
}

void mem__range_set(int slot, void *base)
{
	atomic_store(&process.range[slot], (uintptr_t)base);
}

bool mem__range_free(int slot, struct mem__kept k)
{
	bool keep = k.base && atomic_fetch_add(&process.kept, 1) < KEPT_MAX;

	if (k.base && !keep)
		atomic_fetch_sub(&process.kept, 1);
	process.committed[slot] = k.committed;
	atomic_store(&process.range[slot], keep ? (uintptr_t)k.base | KEPT : 0);
	atomic_store_explicit(&process.hint, (unsigned)slot, memory_order_relaxed);
	return keep;
}

bool mem_linear_owns(const void *addr)
{
	uintptr_t a = (uintptr_t)addr;

	for (unsigned i = 0; i < MEM__RANGES; i++) {
		uintptr_t base = atomic_load_explicit(&process.range[i],
						      memory_order_relaxed);

		if (base > CLAIMED && !(base & KEPT) && a - base < MEM__GUARDED)
			return true;
	}
	return false;
}

/* ---- the handler ---- */

static uintptr_t context_pc(const ucontext_t *c)
{
#if defined(__x86_64__)
	return (uintptr_t)c->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (uintptr_t)c->uc_mcontext.pc;
#elif defined(__riscv)
	return (uintptr_t)c->uc_mcontext.__gregs[REG_PC];
#else
#error "where is the program counter of this host in a ucontext_t?"
#endif
}

/* Whoever was there before; the default action by letting it happen again. */
static void chain(int sig, siginfo_t *si, void *context)
{
	const struct sigaction *old = sig == SIGBUS ? &process.bus : &process.segv;

	if (old->sa_flags & SA_SIGINFO) {
		old->sa_sigaction(sig, si, context);
	} else if (old->sa_handler == SIG_DFL || old->sa_handler == SIG_IGN) {
		struct sigaction dfl = { .sa_handler = SIG_DFL };

		if (si->si_code <= 0 && old->sa_handler == SIG_IGN)
			return; /* sent by a process, and ignored */
		sigaction(sig, &dfl, NULL);
		if (si->si_code <= 0)
			raise(sig);
	} else {
		old->sa_handler(sig);
	}
}

static void on_fault(int sig, siginfo_t *si, void *context)
{
	uintptr_t pc = context_pc(context);
	int saved = errno;
	sigset_t mask;

	/* NODEFER again, for who stands between (ThreadSanitizer does). */
	sigemptyset(&mask);
	sigaddset(&mask, sig);
	pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
	/* si_code > 0: the kernel's word, not some process's kill(). */
	for (struct mem_fault_scope *f = si->si_code > 0 ? innermost : NULL; f; f = f->outer) {
		f->fn(f->arg, si->si_addr, context);
		if (context_pc(context) != pc) {
			errno = saved;
			return;
		}
	}
	chain(sig, si, context);
	errno = saved;
}

static void stack_free(void *stack)
{
	stack_t off = { .ss_flags = SS_DISABLE };

	sigaltstack(&off, NULL);
	munmap(stack, STACK_SIZE);
	has_stack = false;
}

static void install(void)
{
	struct sigaction sa = {
		.sa_sigaction = on_fault,
		/* NODEFER: the handler may be left by siglongjmp. */
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
	};

	process.error = pthread_key_create(&process.key, stack_free);
	if (process.error)
		return;
	sigemptyset(&sa.sa_mask);
	/* Read first: a fault between the two calls must find the old one. */
	sigaction(SIGSEGV, NULL, &process.segv);
	sigaction(SIGBUS, NULL, &process.bus);
	if (sigaction(SIGSEGV, &sa, NULL) || sigaction(SIGBUS, &sa, NULL))
		process.error = errno;
}

/* A signal stack, unless the thread's owner gave it one. */
static int stack_make(struct err *e)
{
	stack_t ss;
	int r;

	if (!sigaltstack(NULL, &ss) && !(ss.ss_flags & SS_DISABLE)) {
		has_stack = true;
		return 0;
	}
	if (fail_now(FAIL_ALLOC))
		return err_set(e, ENOMEM, "out of memory");
	ss = (stack_t){ .ss_size = STACK_SIZE };
	ss.ss_sp = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	if (ss.ss_sp == MAP_FAILED)
		return err_sys(e, "cannot map a signal stack");
	r = pthread_setspecific(process.key, ss.ss_sp);
	if (r || sigaltstack(&ss, NULL)) {
		r = r ? r : errno;
		pthread_setspecific(process.key, NULL);
		munmap(ss.ss_sp, STACK_SIZE);
		return err_set(e, r, "cannot use a signal stack");
	}
	has_stack = true;
	return 0;
}

int mem_fault_enter(struct mem_fault_scope *f, struct err *e)
{
	pthread_once(&once, install);
	if (process.error)
		return err_set(e, process.error, "cannot handle SIGSEGV");
	if (!has_stack && stack_make(e))
		return -ENOMEM;
	f->outer = innermost;
	/* The handler runs in this thread: only the compiler must keep order. */
	atomic_signal_fence(memory_order_seq_cst);
	innermost = f;
	return 0;
}

void mem_fault_leave(struct mem_fault_scope *f)
{
	innermost = f->outer;
	atomic_signal_fence(memory_order_seq_cst);
}
