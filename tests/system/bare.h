/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small bare programs for tests of the machine, put together in C: an
 * assembler of a dozen instructions, labels as indices, and a raw firmware
 * file made of the result.  Registers are numbers.
 */
#ifndef TESTS_SYSTEM_BARE_H
#define TESTS_SYSTEM_BARE_H

#include <fcntl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "host/chan.h"
#include "system/system.h"
#include "tests/test.h"

enum { ZERO, RA, SP, GP, TP, T0, T1, T2, S0, S1, A0, A1, A2, A3, A4, A5, A6, A7, S2, S3, S4, S5 };

struct bare {
	uint32_t w[4096];
	unsigned n;
};

static inline void put(struct bare *b, uint32_t w) { b->w[b->n++] = w; }
static inline unsigned here(const struct bare *b) { return b->n; }

static inline void addi(struct bare *b, unsigned rd, unsigned rs, int imm)
{
	put(b, (uint32_t)imm << 20 | rs << 15 | rd << 7 | 0x13);
}
static inline void lui(struct bare *b, unsigned rd, uint32_t hi20)
{
	put(b, hi20 << 12 | rd << 7 | 0x37);
}
static inline void slli(struct bare *b, unsigned rd, unsigned rs, unsigned n)
{
	put(b, n << 20 | rs << 15 | 1 << 12 | rd << 7 | 0x13);
}
static inline void srli(struct bare *b, unsigned rd, unsigned rs, unsigned n)
{
	put(b, n << 20 | rs << 15 | 5 << 12 | rd << 7 | 0x13);
}
/* Any value: 11 bits at a time from the top. */
static inline void li(struct bare *b, unsigned rd, uint64_t v)
{
	addi(b, rd, ZERO, (int)(v >> 55));
	for (int sh = 44; sh >= 0; sh -= 11) {
		slli(b, rd, rd, 11);
		addi(b, rd, rd, (int)(v >> sh & 0x7ff));
	}
}
static inline void op(struct bare *b, unsigned f7, unsigned f3, unsigned rd, unsigned rs1, unsigned rs2)
{
	put(b, f7 << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | rd << 7 | 0x33);
}
static inline void add(struct bare *b, unsigned rd, unsigned a, unsigned c) { op(b, 0, 0, rd, a, c); }
static inline void load(struct bare *b, unsigned f3, unsigned rd, int off, unsigned rs)
{
	put(b, (uint32_t)off << 20 | rs << 15 | f3 << 12 | rd << 7 | 0x03);
}
static inline void store(struct bare *b, unsigned f3, unsigned rs2, int off, unsigned rs1)
{
	put(b, (uint32_t)(off >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 |
	       (uint32_t)(off & 31) << 7 | 0x23);
}
static inline void lbu(struct bare *b, unsigned rd, int off, unsigned rs) { load(b, 4, rd, off, rs); }
static inline void lw(struct bare *b, unsigned rd, int off, unsigned rs) { load(b, 2, rd, off, rs); }
static inline void ld(struct bare *b, unsigned rd, int off, unsigned rs) { load(b, 3, rd, off, rs); }
static inline void sb(struct bare *b, unsigned v, int off, unsigned rs) { store(b, 0, v, off, rs); }
static inline void sw(struct bare *b, unsigned v, int off, unsigned rs) { store(b, 2, v, off, rs); }
static inline void sd(struct bare *b, unsigned v, int off, unsigned rs) { store(b, 3, v, off, rs); }
static inline void amoadd_d(struct bare *b, unsigned rd, unsigned v, unsigned addr)
{
	put(b, 3u << 25 | v << 20 | addr << 15 | 3 << 12 | rd << 7 | 0x2f);
}
static inline uint32_t branch_imm(int off)
{
	return (uint32_t)(off >> 12 & 1) << 31 | (uint32_t)(off >> 5 & 0x3f) << 25 |
	       (uint32_t)(off >> 1 & 15) << 8 | (uint32_t)(off >> 11 & 1) << 7;
}
/* Branches to a label that is known (backwards) ... */
static inline void branch(struct bare *b, unsigned f3, unsigned rs1, unsigned rs2, unsigned to)
{
	put(b, branch_imm(((int)to - (int)b->n) * 4) | rs2 << 20 | rs1 << 15 | f3 << 12 | 0x63);
}
static inline void beq(struct bare *b, unsigned a, unsigned c, unsigned to) { branch(b, 0, a, c, to); }
static inline void bne(struct bare *b, unsigned a, unsigned c, unsigned to) { branch(b, 1, a, c, to); }
/* ... or forwards: remember where, then land() there. */
static inline unsigned bne_later(struct bare *b, unsigned a, unsigned c) { bne(b, a, c, b->n); return b->n - 1; }
static inline unsigned beq_later(struct bare *b, unsigned a, unsigned c) { beq(b, a, c, b->n); return b->n - 1; }
static inline void land(struct bare *b, unsigned from)
{
	b->w[from] |= branch_imm(((int)b->n - (int)from) * 4);
}
static inline void jump(struct bare *b, unsigned to) { beq(b, ZERO, ZERO, to); }
static inline void csrw(struct bare *b, unsigned csr, unsigned rs) { put(b, csr << 20 | rs << 15 | 1 << 12 | 0x73); }
static inline void csrr(struct bare *b, unsigned rd, unsigned csr) { put(b, csr << 20 | 2 << 12 | rd << 7 | 0x73); }
static inline void csrs(struct bare *b, unsigned csr, unsigned rs) { put(b, csr << 20 | rs << 15 | 2 << 12 | 0x73); }
static inline void ecall(struct bare *b) { put(b, 0x73); }
static inline void wfi(struct bare *b) { put(b, 0x10500073); }
static inline void mret(struct bare *b) { put(b, 0x30200073); }
static inline void fence_i(struct bare *b) { put(b, 0x100f); }
/* rd = address of label `to`. */
static inline void la(struct bare *b, unsigned rd, unsigned to)
{
	unsigned at = b->n;

	put(b, rd << 7 | 0x17); /* auipc rd, 0 */
	addi(b, rd, rd, ((int)to - (int)at) * 4);
}

/* Print a character; clobbers t0, t1. */
static inline void print(struct bare *b, char c)
{
	lui(b, T0, 0x10000);
	addi(b, T1, ZERO, c);
	sb(b, T1, 0, T0);
}
static inline void prints(struct bare *b, const char *s)
{
	while (*s)
		print(b, *s++);
}
/* Write to the finisher; clobbers t0, t1. */
static inline void finish(struct bare *b, uint32_t v)
{
	lui(b, T0, 0x100);
	li(b, T1, v);
	sw(b, T1, 0, T0);
	jump(b, here(b));
}
static inline void sbi(struct bare *b, uint64_t ext, uint64_t fid)
{
	li(b, A7, ext);
	li(b, A6, fid);
	ecall(b);
}

/* ---- running -------------------------------------------------------------- */

struct bare_run {
	struct system *sys;
	struct chan *chan;      /* in memory */
	struct system_end end;
	struct err err;
};

static inline struct chan *bare_console(void *arg, struct loop *l, struct err *e)
{
	struct bare_run *r = arg;

	r->chan = chan_mem_create(l, 1 << 20, e);
	return r->chan;
}

/* Write the program as raw firmware, or (s_mode) as a Linux Image, whose
 * header the program must leave room for: it starts with 16 words. */
static inline void bare_image_header(struct bare *b)
{
	static const uint32_t jump_over = 0x0400006f; /* j +64 */

	put(b, jump_over);
	while (b->n < 16)
		put(b, 0);
	b->w[6] = 0;
	b->w[14] = 0x05435352;
}

static inline void bare_create(struct bare_run *r, const struct bare *b, struct system_config *c,
			       bool s_mode)
{
	char path[64];
	int fd;

	memset(r, 0, sizeof(*r));
	snprintf(path, sizeof(path), "/tmp/doppel-bare-%d", (int)getpid());
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, b->w, b->n * 4), b->n * 4);
	close(fd);
	if (s_mode)
		c->kernel = path;
	else
		c->firmware = path;
	c->console = bare_console;
	c->console_arg = r;
	if (!c->memory)
		c->memory = 16 << 20;
	r->sys = system_create(c, &r->err);
	unlink(path);
	if (!r->sys)
		TEST_FAIL("create: %.400s", r->err.msg);
}

static inline void bare_go(struct bare_run *r)
{
	if (system_run(r->sys, &r->end, &r->err))
		TEST_FAIL("run: %.400s", r->err.msg);
}

static inline const char *bare_output(struct bare_run *r)
{
	static char text[1 << 16];
	size_t n;
	const char *p = chan_mem_output(r->chan, &n);

	n = n < sizeof(text) ? n : sizeof(text) - 1;
	memcpy(text, p, n);
	text[n] = 0;
	return text;
}

static inline void bare_end(struct bare_run *r)
{
	system_destroy(r->sys);
	r->sys = NULL;
}

#endif
