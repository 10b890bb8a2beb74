/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random tests of every row of insn.def as a static riscv64 Linux program.
 *
 * A block tests one encoding: for each state of a table it loads the registers
 * (and 128 bytes of memory at a page boundary), executes the instruction, stores
 * the registers and mixes everything into a hash; at the end of the block the
 * hash is appended to the output, which the program writes to its standard output.
 * A program for details writes the states themselves instead.
 *
 * Code and data have fixed addresses, so that whoever runs the program has to
 * arrive at the same bytes.  Nothing here needs a cross compiler.
 */
#ifndef TESTS_RISCV_DIFF_IMAGE_H
#define TESTS_RISCV_DIFF_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "riscv/decode.h"
#include "tests/riscv/fp_values.h"

enum {
	DIFF_BASE = 0x40000000,         /* where the file is mapped, all of it */
	DIFF_SIZE = 24 << 20,
	DIFF_DATA = 0x1000,             /* hash state; scratch memory around 0x2000 */
	DIFF_SCRATCH = 0x2000 - 64,
	DIFF_OTHER = 0x2800,            /* somewhere else, to void reservations */
	DIFF_STATES = 0x3000,
	SCRATCH_WORDS = 16,
	FLAVORS = 4,                    /* of f registers: double, single, half, mixed */
};

/* A mistake of the generator, also when assertions are off. */
#define diff_must(c) ((c) ? (void)0 : abort())

/* One state: 1216 bytes, reached with 12-bit offsets. */
struct diff_state {
	uint64_t next;                  /* guest address of the next one, or 0; then x1.. */
	uint64_t x[31];
	uint64_t f[32];
	uint64_t fcsr;
	uint64_t mem[SCRATCH_WORDS];
	uint64_t fcsr_out;              /* then x1.. */
	uint64_t x_out[31];
	uint64_t f_out[32];
	uint64_t pad[7];
};
_Static_assert(sizeof(struct diff_state) == 1216, "layout");
enum {
	AT_F = 256, AT_FCSR = 512, AT_MEM = 520, AT_OUT = 648, AT_FOUT = 904,
};

struct diff_block {
	uint16_t row;
	uint8_t flavor;
	uint8_t len;
	bool fp, mem;
	uint8_t spare, marker;          /* x registers that the instruction does not name */
	uint32_t insn;
	uint32_t base;                  /* address to put into rs1, or 0 */
	uint32_t pad;                   /* bytes jumped over */
	bool back;
	uint8_t before;                 /* what precedes it: enum */
};
enum { BEFORE_NONE, BEFORE_LR, BEFORE_VOID, BEFORE_SAME };

struct diff_image {
	uint8_t *bytes;                 /* DIFF_SIZE */
	uint32_t pc, states, out, hash_int, hash_mem, hash_fp, hash_fp_mem, flush, routines, end;
	uint32_t file_size;             /* the rest is zero */
	unsigned state_count, block_count;
};

/* ---- states ------------------------------------------------------------------- */

static inline uint64_t diff_x(struct fp_random *r)
{
	static const uint64_t special[] = {
		0, 1, -1ull, 1ull << 63, INT64_MAX, 0x80000000, 0xffffffff80000000, 0x7fffffff,
		0xffffffff, 0x8000, 0x80, 63, 64, 32, 0x100000000, 0x5555555555555555,
	};
	uint64_t v = fp_next(r);

	switch (v & 7) {
	case 0: case 1: case 2:
		return special[v >> 8 & 15];
	case 3:
		return fp_next(r);
	case 4:
		return v >> 8 & 1 ? fp_operand64(r) : fp_operand32(r);
	default:
		return fp_integer(r);
	}
}

static inline uint64_t diff_f(struct fp_random *r, unsigned flavor)
{
	uint64_t pick = fp_next(r);

	if (flavor == 3 || pick % 16 == 0)
		flavor = pick >> 8 & 3;
	switch (flavor) {
	case 0:
		return fp_operand64(r);
	case 1:
		return fp_operand32(r) | 0xffffffffull << 32;
	case 2:
		return fp_operand16(r) | 0xffffffffffffull << 16;
	default:        /* boxed almost right */
		return (fp_operand32(r) | 0xffffffffull << 32) ^ 1ull << (pick >> 16 & 63);
	}
}

static inline void diff_fill_states(struct diff_image *m, struct fp_random *r)
{
	for (unsigned k = 0; k < FLAVORS * m->state_count; k++) {
		uint32_t at = m->states + k * (uint32_t)sizeof(struct diff_state);
		struct diff_state *s = (void *)(m->bytes + at);
		uint64_t pick = fp_next(r);

		if ((k + 1) % m->state_count)
			s->next = DIFF_BASE + at + sizeof(*s);
		for (unsigned i = 0; i < 31; i++)
			s->x[i] = i && fp_next(r) % 8 == 0 ? s->x[fp_next(r) % i] : diff_x(r);
		for (unsigned i = 0; i < 32; i++)
			s->f[i] = i && fp_next(r) % 8 == 0 ? s->f[fp_next(r) % i] :
							     diff_f(r, k / m->state_count);
		s->fcsr = (pick & 1 ? 0 : (pick >> 8) % 5) << 5;
		s->fcsr |= pick & 2 ? 0 : pick & 4 ? 1 : pick >> 16 & 31;
		for (unsigned i = 0; i < SCRATCH_WORDS; i++)
			s->mem[i] = diff_f(r, (unsigned)fp_next(r) & 3);
	}
}

/* ---- machine code --------------------------------------------------------------- */

static inline void emit16(struct diff_image *m, uint32_t v)
{
	diff_must(m->pc + 2 <= m->end);
	memcpy(m->bytes + m->pc, &v, 2);
	m->pc += 2;
}

static inline void emit(struct diff_image *m, uint32_t v)
{
	diff_must(m->pc + 4 <= m->end);
	memcpy(m->bytes + m->pc, &v, 4);
	m->pc += 4;
}

static inline uint32_t i_type(uint32_t op, unsigned rd, unsigned rs1, int imm)
{
	return op | rd << 7 | rs1 << 15 | (uint32_t)imm << 20;
}

static inline uint32_t s_type(uint32_t op, unsigned rs2, unsigned rs1, int imm)
{
	return op | rs2 << 20 | rs1 << 15 | (uint32_t)(imm & 31) << 7 | (uint32_t)(imm >> 5) << 25;
}

static inline uint32_t j_bits(int32_t d)
{
	uint32_t u = (uint32_t)d;

	return (u >> 20 & 1) << 31 | (u >> 1 & 0x3ff) << 21 | (u >> 11 & 1) << 20 | (u >> 12 & 0xff) << 12;
}

static inline uint32_t b_bits(int32_t d)
{
	uint32_t u = (uint32_t)d;

	return (u >> 12 & 1) << 31 | (u >> 5 & 63) << 25 | (u >> 1 & 15) << 8 | (u >> 11 & 1) << 7;
}

static inline uint32_t cj_bits(int32_t d)
{
	uint32_t u = (uint32_t)d;

	return (u >> 11 & 1) << 12 | (u >> 4 & 1) << 11 | (u >> 8 & 3) << 9 | (u >> 10 & 1) << 8 |
	       (u >> 6 & 1) << 7 | (u >> 7 & 1) << 6 | (u >> 1 & 7) << 3 | (u >> 5 & 1) << 2;
}

static inline uint32_t cb_bits(int32_t d)
{
	uint32_t u = (uint32_t)d;

	return (u >> 8 & 1) << 12 | (u >> 3 & 3) << 10 | (u >> 6 & 3) << 5 | (u >> 1 & 3) << 3 |
	       (u >> 5 & 1) << 2;
}

enum { ADDI = 0x13, ADDIW = 0x1b, LD = 0x3003, SD = 0x3023, FLD_ = 0x3007, FSD_ = 0x3027,
       JAL = 0x6f, XOR_ = 0x4033, MUL_ = 0x02000033, SRLI = 0x5013, BNE = 0x1063, ECALL = 0x73 };

static inline void emit_li(struct diff_image *m, unsigned rd, uint32_t v)
{
	emit(m, 0x37 | rd << 7 | ((v + 0x800) & 0xfffff000));
	emit(m, i_type(ADDIW, rd, rd, (int)(v << 20) >> 20));
}

static inline void emit_jal(struct diff_image *m, unsigned rd, uint32_t to)
{
	diff_must(to - m->pc + (1 << 20) < 2 << 20);
	emit(m, JAL | rd << 7 | j_bits((int32_t)(to - m->pc)));
}

/* x10: a state, x11 to x15: free. */
static inline uint32_t emit_hash(struct diff_image *m, bool fp, bool mem)
{
	uint32_t start = m->pc;

#define MIX(base, at)                                                                \
	(emit(m, i_type(LD, 14, base, at)), emit(m, XOR_ | 12 << 7 | 12 << 15 | 14 << 20), \
	 emit(m, MUL_ | 12 << 7 | 12 << 15 | 13 << 20))
	emit_li(m, 11, DIFF_BASE + DIFF_DATA);
	emit_li(m, 15, DIFF_BASE + DIFF_SCRATCH);
	emit(m, i_type(LD, 12, 11, 0));
	emit(m, i_type(LD, 13, 11, 8));
	for (int i = fp ? 0 : 1; i < (fp ? 64 : 32); i++)
		MIX(10, AT_OUT + 8 * i);
	for (int i = 0; mem && i < SCRATCH_WORDS; i++)
		MIX(15, 8 * i);
#undef MIX
	/* so that equal errors in the top bit of two states do not cancel out */
	emit(m, i_type(SRLI, 14, 12, 29));
	emit(m, XOR_ | 12 << 7 | 12 << 15 | 14 << 20);
	emit(m, s_type(SD, 12, 11, 0));
	emit(m, i_type(0x67, 0, 1, 0));
	return start;
}

static inline uint32_t emit_flush(struct diff_image *m)
{
	uint32_t start = m->pc;

	emit_li(m, 11, DIFF_BASE + DIFF_DATA);
	emit(m, i_type(LD, 12, 11, 0));
	emit(m, i_type(LD, 13, 11, 16));
	emit(m, s_type(SD, 12, 13, 0));
	emit(m, i_type(ADDI, 13, 13, 8));
	emit(m, s_type(SD, 13, 11, 16));
	emit(m, s_type(SD, 0, 11, 0));
	emit(m, i_type(0x67, 0, 1, 0));
	return start;
}

/* ---- a block ---------------------------------------------------------------------- */

static inline void emit_before(struct diff_image *m, const struct diff_block *b,
			       const struct riscv_decoded *d)
{
	const char *name = riscv_rows[riscv_rows[b->row].base].name;
	char size = name[strlen(name) - 1];

	if (b->base)
		emit_li(m, d->rs1, b->base);
	switch (b->before) {
	case BEFORE_LR:
		emit(m, (size == 'd' ? 0x1000302fu : 0x1000202fu) | (uint32_t)d->rs1 << 15);
		break;
	case BEFORE_VOID:
		emit_li(m, b->marker, DIFF_BASE + DIFF_OTHER);
		emit(m, 0x1800202fu | (uint32_t)b->marker << 15);
		break;
	case BEFORE_SAME:       /* AMOCAS: expect what is there */
		emit(m, i_type(size == 'b' ? 0x0003 : size == 'h' ? 0x1003 : size == 'w' ? 0x2003 : LD,
			       d->rd, d->rs1, 0));
		if (size == 'q')
			emit(m, i_type(LD, d->rd + 1u, d->rs1, 8));
		break;
	default:
		break;
	}
}

static inline void emit_insn(struct diff_image *m, uint32_t insn)
{
	if ((insn & 3) == 3)
		emit(m, insn);
	else
		emit16(m, insn);
}

/* Give a jump or branch its distance; checked against the decoder. */
static inline uint32_t set_distance(uint32_t insn, unsigned format, int32_t d)
{
	switch (format) {
	case FMT_B: return (insn & 0x01fff07f) | b_bits(d);
	case FMT_J: return (insn & 0xfff) | j_bits(d);
	case FMT_CB: return (insn & 0xe383) | cb_bits(d);
	case FMT_CJ: return (insn & 0xe003) | cj_bits(d);
	default: return insn;
	}
}

/* Taken or not shows in the marker register. */
static inline void emit_jump(struct diff_image *m, const struct diff_block *b, unsigned format,
			     const struct riscv_decoded *d)
{
	uint32_t mark = i_type(ADDI, b->marker, b->marker, 1), landing, self = m->pc;
	bool indirect = format == FMT_I || format == FMT_CJR || format == FMT_CJALR;

	if (indirect)
		self += 8;
	if (b->back) {
		landing = self + 4;
		self = landing + 8 + b->pad;
	} else {
		landing = self + b->len + 4 + (b->pad ? 4 + b->pad : 0);
	}
	if (indirect)   /* bit 0 of the target is ignored */
		emit_li(m, d->rs1, DIFF_BASE + landing - (uint32_t)d->imm +
				  (format == FMT_I ? b->insn >> 20 & 1 : 0));
	if (b->back) {
		emit_jal(m, 0, self);
		emit(m, i_type(ADDI, b->marker, b->marker, 2));
		emit_jal(m, 0, self + b->len + 4);
		m->pc += b->pad;
	}
	diff_must(m->pc == self);
	emit_insn(m, set_distance(b->insn, format, (int32_t)(landing - self)));
	emit(m, mark);
	if (!b->back && b->pad) {
		emit_jal(m, 0, landing);
		m->pc += b->pad;
	}
}

static inline bool diff_is_jump(unsigned row)
{
	unsigned f = riscv_rows[row].format;

	return f == FMT_B || f == FMT_J || f == FMT_CB || f == FMT_CJ || f == FMT_CJR ||
	       f == FMT_CJALR || row == INSN_jalr;
}

/* The routines that blocks call; within reach of JAL. */
static inline void emit_routines(struct diff_image *m)
{
	m->routines = m->pc;
	m->hash_int = emit_hash(m, false, false);
	m->hash_mem = emit_hash(m, false, true);
	m->hash_fp = emit_hash(m, true, false);
	m->hash_fp_mem = emit_hash(m, true, true);
	m->flush = emit_flush(m);
}

static inline void diff_emit_block(struct diff_image *m, const struct riscv_decoder *dec,
				   const struct diff_block *b, bool details)
{
	struct riscv_decoded d = riscv_decode(dec, b->insn);
	unsigned p = b->spare, t0 = p == 28 ? 29 : 28, t1 = p == 30 ? 31 : 30;
	uint32_t loop;

	if (m->pc - m->routines > 900000) {
		uint32_t jump = m->pc, after;

		m->pc += 4;
		emit_routines(m);
		after = m->pc;
		m->pc = jump;
		emit_jal(m, 0, after);
		m->pc = after;
	}
	emit_li(m, 10, DIFF_BASE + m->states +
		       b->flavor * m->state_count * (uint32_t)sizeof(struct diff_state));
	loop = m->pc;
	emit(m, i_type(ADDI, p, 10, 0));
	if (b->mem) {
		emit_li(m, t0, DIFF_BASE + DIFF_SCRATCH);
		for (int i = 0; i < SCRATCH_WORDS; i++) {
			emit(m, i_type(LD, t1, p, AT_MEM + 8 * i));
			emit(m, s_type(SD, t1, t0, 8 * i));
		}
	}
	if (b->fp) {
		emit(m, i_type(LD, t0, p, AT_FCSR));
		emit(m, 0x00301073 | t0 << 15);         /* fscsr */
		for (unsigned i = 0; i < 32; i++)
			emit(m, i_type(FLD_, i, p, AT_F + 8 * (int)i));
	}
	for (unsigned i = 1; i < 32; i++)
		if (i != p)
			emit(m, i_type(LD, i, p, 8 * (int)i));
	emit_before(m, b, &d);
	if (diff_is_jump(b->row))
		emit_jump(m, b, riscv_rows[b->row].format, &d);
	else
		emit_insn(m, b->insn);
	for (unsigned i = 1; i < 32; i++)
		emit(m, s_type(SD, i == p ? 0 : i, p, AT_OUT + 8 * (int)i));
	if (b->fp) {
		emit(m, 0x00302073 | t0 << 7);          /* frcsr */
		emit(m, s_type(SD, t0, p, AT_OUT));
		for (unsigned i = 0; i < 32; i++)
			emit(m, s_type(FSD_, i, p, AT_FOUT + 8 * (int)i));
	}
	emit(m, i_type(ADDI, 10, p, 0));
	emit_jal(m, 1, b->fp ? b->mem ? m->hash_fp_mem : m->hash_fp : b->mem ? m->hash_mem : m->hash_int);
	for (int i = 0; details && b->mem && i < SCRATCH_WORDS; i++) {
		emit(m, i_type(LD, 14, 15, 8 * i));
		emit(m, s_type(SD, 14, 10, AT_MEM + 8 * i));
	}
	emit(m, i_type(LD, 10, 10, 0));
	emit(m, 0x00050463);                            /* beqz x10, +8 */
	emit_jal(m, 0, loop);
	emit_jal(m, 1, m->flush);
	m->block_count++;
}

/* ---- a random block of a row -------------------------------------------------------- */

static inline bool diff_is_fp(unsigned row)
{
	unsigned f = riscv_rows[riscv_rows[row].base].format;

	return (f >= FMT_FLD && f <= FMT_FLI) || f == FMT_CSR || f == FMT_CSRI;
}

static inline bool diff_is_mem(unsigned row)
{
	unsigned f = riscv_rows[riscv_rows[row].base].format;

	return f == FMT_L || f == FMT_S || f == FMT_FLD || f == FMT_FST || f == FMT_AMO ||
	       f == FMT_AMOCAS || f == FMT_CBO;
}

static inline unsigned diff_flavor(const char *name, struct fp_random *r)
{
	unsigned can[3], n = 0, pick = (unsigned)fp_next(r);

	if (pick % 8 == 0)
		return 3;
	if (strstr(name, "_d"))
		can[n++] = 0;
	if (strstr(name, "_s") || strstr(name, "_w"))
		can[n++] = 1;
	if (strstr(name, "_h"))
		can[n++] = 2;
	return n ? can[(pick >> 8) % n] : pick >> 8 & 3;
}

/* Fields of the encoding that may not be just anything. */
static inline uint32_t diff_fix_fields(uint32_t insn, unsigned format, struct fp_random *r)
{
	static const uint8_t rm[8] = { 0, 1, 2, 3, 4, 7, 7, 7 }, csr[4] = { 1, 2, 3, 3 };
	uint64_t pick = fp_next(r);

	switch (format) {
	case FMT_FRRM: case FMT_F1RM: case FMT_F4: case FMT_XFRM: case FMT_FXRM:
		return (insn & ~0x7000u) | (uint32_t)rm[pick & 7] << 12;
	case FMT_CSR: case FMT_CSRI:
		return (insn & 0xfffff) | (uint32_t)csr[pick & 3] << 20;
	default:
		return insn;
	}
}

/* An address for rs1, so that the access is inside the scratch memory. */
static inline uint32_t diff_address(const char *name, unsigned format, struct fp_random *r)
{
	uint32_t off = 32 + (uint32_t)fp_next(r) % 56, size = 1;

	if (format == FMT_AMO || format == FMT_AMOCAS) {
		switch (name[strlen(name) - 1]) {
		case 'h': size = 2; break;
		case 'w': size = 4; break;
		case 'd': size = 8; break;
		case 'q': size = 16; break;
		}
		off &= ~(size - 1);
	} else if (fp_next(r) & 1) {
		off &= ~7u;
	}
	return DIFF_BASE + DIFF_SCRATCH + off;
}

static inline uint32_t diff_pad(unsigned format, struct fp_random *r)
{
	uint32_t max = format == FMT_B ? 4000 : format == FMT_CB ? 230 : format == FMT_CJ ? 2000 : 20000;
	uint32_t pick = (uint32_t)fp_next(r);

	if (pick & 1)
		return 0;
	return pick & 14 ? (pick >> 8) % 100 * 2 : (pick >> 8) % (max / 2) * 2;
}

static inline void diff_random_block(const struct riscv_decoder *dec, unsigned row,
				     struct diff_block *b, struct fp_random *r)
{
	const struct riscv_row *base = &riscv_rows[riscv_rows[row].base];
	unsigned format = riscv_rows[row].format;
	struct riscv_decoded d;
	uint32_t mask, match, used;

	*b = (struct diff_block){ .row = (uint16_t)row, .fp = diff_is_fp(row), .mem = diff_is_mem(row) };
	b->len = (uint8_t)riscv_row_bits(&riscv_rows[row], &mask, &match);
	b->flavor = (uint8_t)diff_flavor(riscv_rows[row].name, r);
	do {    /* until it is not a special case that another row has taken */
		b->insn = (uint32_t)fp_next(r) & (b->len == 2 ? 0xffff : ~0u);
		b->insn = diff_fix_fields(b->insn, format, r);
		b->insn = (b->insn & ~mask) | match;
		d = riscv_decode(dec, b->insn);
	} while (d.row != row || ((b->mem || row == INSN_jalr) && d.rs1 == 0));
	used = 1 | 1u << d.rd | 1u << d.rs1 | 1u << d.rs2;
	if (base->format == FMT_AMOCAS)
		used |= 2u << d.rd | 2u << d.rs2;
	do
		b->spare = fp_next(r) & 31;
	while (used >> b->spare & 1);
	used |= 1u << b->spare;
	do
		b->marker = fp_next(r) & 31;
	while (used >> b->marker & 1);
	if (b->mem)
		b->base = diff_address(base->name, base->format, r) - (uint32_t)
			  (base->format == FMT_AMO || base->format == FMT_AMOCAS ||
			   base->format == FMT_CBO ? 0 : d.imm);
	if (!strncmp(base->name, "sc_", 3))
		b->before = fp_next(r) & 3 ? BEFORE_LR : BEFORE_VOID;
	if (base->format == FMT_AMOCAS && d.rd && d.rd != d.rs1 && d.rd + 1 != d.rs1 && fp_next(r) & 1)
		b->before = BEFORE_SAME;
	if (diff_is_jump(row)) {
		b->pad = diff_pad(format, r);
		b->back = fp_next(r) & 1;
	}
}

/* ---- a program ------------------------------------------------------------------------ */

static inline void put_elf_header(struct diff_image *m, uint32_t entry)
{
	uint64_t *h = (void *)m->bytes;

	h[0] = 0x00010102464c457full;                   /* ELF, 64 bits, little endian */
	h[1] = 0;
	h[2] = 2 | 243 << 16 | 1ull << 32;              /* executable, RISC-V */
	h[3] = DIFF_BASE + entry;
	h[4] = 64, h[5] = 0;                            /* program header behind this */
	h[6] = 5 | 64ull << 32 | 56ull << 48;           /* RVC, double-float ABI */
	h[7] = 1 | 64ull << 16;
	h[8] = 1 | 7ull << 32;                          /* PT_LOAD, rwx */
	h[9] = 0;
	h[10] = h[11] = DIFF_BASE;
	h[12] = h[13] = DIFF_SIZE;
	h[14] = 0x1000;
}

/* Call once; then diff_emit_block for each block; then diff_finish. */
static inline void diff_begin(struct diff_image *m, unsigned states, unsigned blocks,
			      struct fp_random *r)
{
	uint64_t *data = (void *)(m->bytes + DIFF_DATA);

	memset(m->bytes, 0, DIFF_SIZE);
	m->states = DIFF_STATES;
	m->state_count = states;
	m->block_count = 0;
	m->out = m->states + FLAVORS * states * (uint32_t)sizeof(struct diff_state);
	m->pc = (m->out + 8 * blocks + 0xfff) & ~0xfffu;
	m->end = DIFF_SIZE;
	data[1] = 0x9e3779b97f4a7c15;
	data[2] = DIFF_BASE + m->out;
	diff_fill_states(m, r);
	emit_routines(m);
	put_elf_header(m, m->pc);
}

/* Write [from, from + len) of the image and exit. */
static inline void diff_finish(struct diff_image *m, uint32_t from, uint32_t len)
{
	emit(m, i_type(ADDI, 10, 0, 1));
	emit_li(m, 11, DIFF_BASE + from);
	emit_li(m, 12, len);
	emit(m, i_type(ADDI, 17, 0, 64));
	emit(m, ECALL);
	emit(m, i_type(ADDI, 10, 0, 0));
	emit(m, i_type(ADDI, 17, 0, 93));
	emit(m, ECALL);
	m->file_size = (m->pc + 0xfff) & ~0xfffu;
	((uint64_t *)m->bytes)[12] = m->file_size;
}

#endif
