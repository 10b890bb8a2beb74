/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Supervisor Binary Interface 2.0, as code over an ops struct: what a
 * supervisor's ecall asks for, checked and handed to the machine.  It keeps
 * no state of its own and never sees the operating system.
 */
#ifndef RISCV_SBI_H
#define RISCV_SBI_H

#include <stdbool.h>
#include <stdint.h>

enum sbi_error {
	SBI_SUCCESS = 0,
	SBI_ERR_FAILED = -1,
	SBI_ERR_NOT_SUPPORTED = -2,
	SBI_ERR_INVALID_PARAM = -3,
	SBI_ERR_DENIED = -4,
	SBI_ERR_INVALID_ADDRESS = -5,
	SBI_ERR_ALREADY_AVAILABLE = -6,
	SBI_ERR_ALREADY_STARTED = -7,
	SBI_ERR_ALREADY_STOPPED = -8,
};

/* HSM hart states (SBI 9). */
enum sbi_hart_state {
	SBI_HART_STARTED = 0,
	SBI_HART_STOPPED = 1,
	SBI_HART_START_PENDING = 2,
	SBI_HART_STOP_PENDING = 3,
	SBI_HART_SUSPENDED = 4,
	SBI_HART_SUSPEND_PENDING = 5,
	SBI_HART_RESUME_PENDING = 6,
};

enum sbi_reset { SBI_RESET_SHUTDOWN, SBI_RESET_COLD, SBI_RESET_WARM };

/* Which harts and addresses a remote fence covers. */
struct sbi_fence {
	uint32_t harts;         /* mask */
	bool insn;              /* fence.i, else sfence.vma */
	uint64_t start, size;   /* size UINT64_MAX: everything */
	bool has_asid;
	uint64_t asid;
};

/* Hart numbers are below `harts`.  All are called on the calling hart's
 * thread, with its registers as at the ecall. */
struct sbi_ops {
	unsigned harts;
	void *ctx;
	void (*set_timer)(void *ctx, unsigned self, uint64_t ticks);
	void (*send_ipi)(void *ctx, uint32_t harts);
	/* Returns when every hart of the mask has fenced. */
	void (*fence)(void *ctx, unsigned self, const struct sbi_fence *f);
	/* hart_start: SBI_SUCCESS, ALREADY_AVAILABLE. */
	int (*hart_start)(void *ctx, unsigned hart, uint64_t pc, uint64_t opaque);
	void (*hart_stop)(void *ctx, unsigned self);
	enum sbi_hart_state (*hart_state)(void *ctx, unsigned hart);
	/* Sleep until an interrupt is pending; resume at pc unless retentive. */
	void (*hart_suspend)(void *ctx, unsigned self, bool retentive, uint64_t pc,
			     uint64_t opaque);
	void (*reset)(void *ctx, enum sbi_reset type, bool failure);
	/* Whether [a, a+n) is RAM. */
	bool (*is_ram)(void *ctx, uint64_t a, uint64_t n);
	/* Console: bytes moved, less when it would block.  The range is RAM. */
	uint64_t (*console_write)(void *ctx, uint64_t a, uint64_t n);
	uint64_t (*console_read)(void *ctx, uint64_t a, uint64_t n);
	bool (*console_putc)(void *ctx, uint8_t c);     /* false: would block */
	int (*console_getc)(void *ctx);                 /* -1: nothing */
};

/* What the caller does with the registers afterwards. */
enum sbi_result {
	SBI_RETURN,     /* a0 = a[0], a1 = a[1], pc past the ecall */
	SBI_RETURN_A0,  /* a0 = a[0] only (legacy) */
	SBI_NO_RETURN,  /* the hart has stopped, sleeps or the machine ends: the ops did it */
};

/* One call: a[0..7] are the registers a0..a7. */
enum sbi_result sbi_call(const struct sbi_ops *ops, unsigned self, uint64_t a[8]);

#endif
