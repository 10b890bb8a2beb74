/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging and the shared vocabulary for looking inside:
 * --trace=mmio,irq,...  and  --dump=decode,ir,...
 * Lines go to standard error (or the file given to log_setup), prefixed
 * with the channel's name.  Thread safe: one write per line.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

#define LOG_TRACES(X) \
	X(MMIO, mmio) X(IRQ, irq) X(TRAP, trap) X(VIRTIO, virtio) X(SBI, sbi) \
	X(FUSE, fuse) X(BLK, blk) X(NET, net) X(PCI, pci) X(WASI, wasi) \
	X(SYSCALL, syscall) X(GC, gc) X(CALL, call) X(INSN, insn)
#define LOG_DUMPS(X) \
	X(DECODE, decode) X(IR, ir) X(OPT, opt) X(RA, ra) X(ASM, asm) X(FDT, fdt)

enum {
#define X(up, lo) LOG_TRACE_BIT_##up,
	LOG_TRACES(X)
#undef X
};
enum {
#define X(up, lo) LOG_DUMP_BIT_##up,
	LOG_DUMPS(X)
#undef X
};
#define TRACE(up) (1u << LOG_TRACE_BIT_##up)
#define DUMP(up) (1u << LOG_DUMP_BIT_##up)

struct log_mask {
	uint32_t trace, dump;
};
extern struct log_mask log_mask; /* set before threads start, then constant */

#define log_tracing(up) __builtin_expect(!!(log_mask.trace & TRACE(up)), 0)
#define log_dumping(up) __builtin_expect(!!(log_mask.dump & DUMP(up)), 0)

/* log_trace(MMIO, "read %#lx", addr): evaluated only when the channel is on. */
#define log_trace(up, ...)                                                    \
	do {                                                                  \
		if (log_tracing(up))                                          \
			log_line(log_trace_name(TRACE(up)), __VA_ARGS__);     \
	} while (0)

/* A warning about the guest or the host that the user should see once. */
#define log_warn(...) log_line("warning", __VA_ARGS__)

void log_line(const char *channel, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
const char *log_trace_name(uint32_t bit);

/* Parse a comma-separated list into the mask; the error names the bad word
 * and lists the known ones. */
int log_set_trace(const char *list, struct err *e);
/* Only these words are there: TRACE(...) of each. */
int log_set_trace_of(const char *list, uint32_t allowed, struct err *e);
int log_set_dump(const char *list, struct err *e);
void log_set_file(FILE *f); /* borrowed; default stderr */

#endif
