/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of src/system: struct system and what its files call of each other.
 *
 *   system.c        create, destroy, run, pause, reset
 *   board.c fdt.c   devices of the "virt" board, its device tree
 *   boot.c          images into memory, first state of the harts
 *   harts.c         a thread for each hart; sleep, wake, fences
 *   turns.c         deterministic machines: one thread, harts in turns
 *   firmware.c      the built-in SBI
 *   htif.c          tohost/fromhost of bare test programs
 *   state.c         save and load
 */
#ifndef SYSTEM_MACHINE_H
#define SYSTEM_MACHINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "host/entropy.h"
#include "image/kernel.h"
#include "riscv/hart.h"
#include "riscv/sbi.h"
#include "system/riscv_virt.h"
#include "system/system.h"
#include "vm/device.h"
#include "vm/irq.h"

struct system_hart {
	struct system *sys;
	unsigned id;
	struct riscv_hart *cpu;
	pthread_t thread;

	struct lock lock;               /* guards what follows down to resume_arg */
	pthread_cond_t wake;
	_Atomic int state;              /* enum sbi_hart_state */
	bool retentive;                 /* SUSPENDED: resume behind the ecall */
	uint64_t resume_pc, resume_arg; /* START_PENDING, SUSPENDED */

	_Atomic bool in_guest;          /* inside riscv_run */
	_Atomic uint64_t executed;      /* riscv_instret after the last run */
};

/* A boot file: opened once, read at each reset. */
struct system_image {
	int fd;                         /* -1: none */
	const char *name;
};

enum system_request {
	REQUEST_NONE,
	REQUEST_POWEROFF,
	REQUEST_FAIL,
	REQUEST_RESET,
	REQUEST_STOP,
};

/* tohost/fromhost of a bare ELF program (riscv-tests, benchmarks). */
struct system_htif {
	bool on;
	uint64_t tohost, fromhost;      /* physical; fromhost 0: none */
};

/* Deterministic machines: instructions of a hart's turn. */
enum { SYSTEM_QUANTUM = 10000 };

struct system_turns {
	unsigned hart;                  /* whose turn it is */
	uint64_t left;                  /* instructions left of its quantum */
	uint64_t used;                  /* executed in this quantum so far */
	uint64_t round;                 /* executed in this round so far */
	uint64_t total;                 /* executed since the first start */
	uint64_t limit;
	bool waiting[SYSTEM_HARTS_MAX]; /* in WFI */
};

struct system {
	struct arena arena;             /* strings and tables of the configuration */
	struct system_config config;    /* copies; no channels' arguments are used later */
	struct vm_host host;
	struct clock clock;
	struct entropy entropy;
	unsigned ncpus;
	uint64_t memory;
	bool sbi;                       /* built-in firmware */
	bool aia;                       /* APLIC and IMSIC instead of the PLIC */
	struct system_hart harts[SYSTEM_HARTS_MAX];
	struct sbi_ops sbi_ops;

	struct system_image kernel, initrd, firmware;
	struct system_htif htif;
	uint64_t fdt_addr;              /* of the device tree in RAM */
	bool booted;
	bool ended;                     /* by the guest: the next run boots */

	/* board */
	struct plic *plic;
	struct aplic *aplic;
	struct imsic *imsic_m, *imsic_s;
	struct pci_bus *pci;
	struct uart *uart;
	struct virtio *hvc;             /* the virtio console; NULL: none */
	unsigned mmio_slots;            /* in use */
	uint64_t mmio64;

	_Atomic int request;            /* enum system_request, first one wins */
	_Atomic unsigned request_code;
	_Atomic bool halt;              /* hart threads return */
	bool threads;                   /* hart threads exist */

	struct lock control;            /* rank VM: guards what follows */
	pthread_cond_t changed;
	bool running;                   /* somebody is in system_run() */
	pthread_t loop_thread;          /* who that is */
	bool paused;                    /* harts stand */
	bool want_pause;
	uint64_t paused_at;             /* guest time */

	struct system_turns turns;
};

/* boot.c */
int system__open_images(struct system *s, struct err *e);
void system__close_images(struct system *s);
/* Fill RAM and set the harts to their first instruction. */
int system__boot(struct system *s, struct err *e);

/* harts.c */
void system__harts_init(struct system *s);
int system__harts_start(struct system *s, struct err *e);   /* threads */
void system__harts_stop(struct system *s);                  /* and join */
void system__hart_wake(struct system_hart *h);
/* Whether the hart has something to execute; enters START_PENDING and
 * resumes.  The hart's thread. */
bool system__hart_ready(struct system_hart *h);
/* One riscv_run and what its exit asks for.  False: nothing to do (WFI). */
bool system__hart_run(struct system_hart *h, uint64_t budget);
/* Ask every hart to leave guest code; any thread. */
void system__kick_all(struct system *s);
uint64_t system__time(void *system);                        /* ticks */

/* turns.c: until a request, the limit, or want_pause */
void system__turns_run(struct system *s);
void system__turns_reset(struct system *s);

/* system.c: end or reset the machine; any thread; the first request wins */
void system__request(struct system *s, enum system_request r, unsigned code);

/* firmware.c */
void system__firmware_init(struct system *s);
void system__firmware_call(struct system_hart *h);

/* htif.c: look for a command; called between riscv_run calls */
void system__htif_poll(struct system *s);
/* Console through the UART's registers, as firmware does. */
bool system__console_putc(struct system *s, uint8_t c);
int system__console_getc(struct system *s);

#endif
