/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system machine: a whole RISC-V computer (harts, memory, the "virt"
 * board, its devices) in this process.
 *
 * Threads.  Real time: each hart is a thread, and the thread that calls
 * system_run() is the loop thread.  Deterministic: the caller's thread does
 * everything.  Functions marked "any thread" may be called while another
 * thread is in system_run(), or from a callback on the loop thread; all
 * others only while nobody is in system_run(), or from the loop thread.
 *
 * Files are opened by system_create() and stay open, so that the process may
 * drop its privileges between system_create() and system_run().
 */
#ifndef SYSTEM_SYSTEM_H
#define SYSTEM_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "host/chan.h"
#include "host/loop.h"
#include "mem/mem.h"

enum {
	SYSTEM_HARTS_MAX = 16,
	SYSTEM_DISKS_MAX = 16,
	SYSTEM_SHARES_MAX = 8,
	SYSTEM_NETS_MAX = 4,
};

/* Wired interrupts and MSIs.  PLIC: known to everything, PCI without MSI.
 * AIA: APLIC and IMSIC, PCI with MSI-X; needs a kernel of 6.10 or later. */
enum system_interrupts { SYSTEM_INTERRUPTS_PLIC, SYSTEM_INTERRUPTS_AIA };

enum system_bus { SYSTEM_BUS_PCI, SYSTEM_BUS_MMIO };

struct system_disk {
	const char *path;
	const char *format;     /* "raw", "qcow2"; NULL: by its contents */
	bool readonly;
	enum system_bus bus;
	const char *serial;     /* at most 20 characters; NULL: none */
};

struct system_share {
	const char *dir;
	const char *tag;        /* at most 36 bytes */
	bool readonly;
	enum system_bus bus;
};

struct system_net {
	const char *spec;       /* as net_open(): "user,forward=2222:22", "tap=..." */
	bool has_mac;
	uint8_t mac[6];         /* else 52:54:00:12:34:56 and following */
	enum system_bus bus;
};

/* Makes the channel on the machine's loop; NULL and *e on failure.  The
 * machine owns the channel that is returned. */
typedef struct chan *system_chan_fn(void *arg, struct loop *l, struct err *e);

/* Everything is borrowed for the time of system_create() only, except `arg`s
 * of callbacks. */
struct system_config {
	/* What to start.  Without firmware: a kernel in S-mode on the built-in
	 * SBI.  With firmware: that in M-mode, at its ELF addresses or, raw, at
	 * the start of RAM; a kernel is then its payload.  A bare ELF program
	 * is `firmware`. */
	const char *kernel;     /* Image, gzip'ed, EFI zboot or ELF */
	const char *initrd;
	const char *firmware;   /* raw or ELF */
	const char *append;     /* kernel command line */
	const char *dtb_out;    /* write the device tree here; NULL: no */

	uint64_t memory;        /* bytes, multiple of 2 MiB; 0: 1 GiB */
	unsigned ncpus;         /* 1..SYSTEM_HARTS_MAX; 0: 1 */
	enum system_interrupts interrupts;

	const struct system_disk *disks;
	unsigned ndisks;
	const struct system_share *shares;
	unsigned nshares;
	const struct system_net *nets;
	unsigned nnets;

	system_chan_fn *console;        /* UART; NULL: discarded */
	void *console_arg;
	system_chan_fn *hvc;            /* a virtio console as well; NULL: no */
	void *hvc_arg;

	bool no_rng;            /* leave out the virtio entropy device */
	bool no_reboot;         /* a reset ends system_run() */
	bool start_paused;

	bool deterministic;     /* one thread, virtual time, seeded entropy */
	uint64_t seed;
	bool stress;            /* tiny caches in the harts (tests) */
};

/* How system_run() ended. */
enum system_end_kind {
	SYSTEM_END_POWEROFF,    /* by the guest; code is its exit status (0..255) */
	SYSTEM_END_FAIL,        /* the guest reported failure; code is its status */
	SYSTEM_END_RESET,       /* the guest asked for a reset and no_reboot is set */
	SYSTEM_END_STOPPED,     /* system_stop() */
	SYSTEM_END_LIMIT,       /* system_set_limit() reached; run again to go on */
	SYSTEM_END_ERROR,       /* the host failed; the error says how */
};
struct system_end {
	enum system_end_kind kind;
	unsigned code;
};

struct system;

/* Build the machine and load its images.  NULL and *e on failure, nothing
 * left behind. */
struct system *system_create(const struct system_config *c, struct err *e);
void system_destroy(struct system *s); /* NULL is fine; not inside system_run() */

/* Run until the guest or somebody else ends it.  A guest's reset boots the
 * same images again unless no_reboot.  After POWEROFF, FAIL and RESET the next
 * call boots again; after STOPPED and LIMIT it goes on.  0, or -errno with
 * SYSTEM_END_ERROR. */
int system_run(struct system *s, struct system_end *end, struct err *e);

/* ---- any thread ------------------------------------------------------- */

/* system_run() returns soon with SYSTEM_END_STOPPED. */
void system_stop(struct system *s);
/* As the reset button. */
void system_reset(struct system *s);
/* On return all harts stand, no I/O is under way and guest time stands
 * still.  Pauses do not count: one resume ends them. */
void system_pause(struct system *s);
void system_resume(struct system *s);
bool system_paused(struct system *s);
/* A break on the UART's line (Linux: magic SysRq). */
void system_send_break(struct system *s);
/* The terminal's size, for the virtio console if there is one. */
void system_console_resize(struct system *s, uint16_t cols, uint16_t rows);
/* Instructions executed by all harts (deterministic: exact; else a recent
 * count). */
uint64_t system_instructions(struct system *s);

/* ---- not while harts run ------------------------------------------------- */

/* Deterministic machines: system_run() returns with SYSTEM_END_LIMIT when
 * exactly `total` instructions have been executed since the first start
 * (UINT64_MAX: no limit). */
void system_set_limit(struct system *s, uint64_t total);

/* Write the whole state to a file (a temporary one, renamed when complete).
 * The machine is deterministic and not running, or paused. */
int system_save(struct system *s, const char *path, struct err *e);
/* Replace the state of a machine that was created with the same kind of
 * configuration and has not run.  On failure the machine must be destroyed. */
int system_load(struct system *s, const char *path, struct err *e);
/* The configuration that a snapshot was taken with (disks, shares, nets,
 * memory, harts).  `hvc` is set if there was one, but fails: give your own.
 * Freed as a whole with base_free(). */
struct system_config *system_load_config(const char *path, struct err *e);

/* A 64-bit digest of RAM, harts and devices: equal for equal states. */
int system_digest(struct system *s, uint64_t *digest, struct err *e);

/* ---- looking inside ------------------------------------------------------- */

struct loop *system_loop(struct system *s);     /* for control sockets, signals */
struct mem *system_mem(struct system *s);
unsigned system_ncpus(const struct system *s);
struct riscv_hart;
struct riscv_hart *system_hart(struct system *s, unsigned i);

#endif
