/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoder, expanded from insn.def.  Rows are found through a bucket for each
 * opcode and funct3; inside a bucket the first row in table order wins.
 */
#include "riscv/decode.h"

#include "base/alloc.h"
#include "base/bits.h"

const struct riscv_row riscv_rows[INSN_COUNT] = {
	[INSN_illegal] = { "illegal", "................ ................", "", FMT_NONE, INSN_illegal },
#define INSN(name_, pat, fmt, ext_, ...) \
	[INSN_##name_] = { #name_, pat, #ext_, FMT_##fmt, INSN_##name_ },
#define CINSN(name_, pat, fmt, ext_, base_) \
	[INSN_##name_] = { #name_, pat, #ext_, FMT_##fmt, INSN_##base_ },
#include "riscv/insn.def"
};

enum { BUCKETS = 32 * 8 + 32 };

struct riscv_decoder {
	struct { uint32_t mask, match; } row[INSN_COUNT];
	uint16_t first[BUCKETS + 1];
	uint16_t list[];
};

unsigned riscv_row_bits(const struct riscv_row *r, uint32_t *mask, uint32_t *match)
{
	unsigned n = 0;

	*mask = *match = 0;
	for (const char *p = r->pattern; *p; p++) {
		if (*p == ' ')
			continue;
		*mask = *mask << 1 | (*p != '.');
		*match = *match << 1 | (*p == '1');
		n++;
	}
	return n / 8;
}

/* 32-bit: opcode[6:2] and funct3; 16-bit: quadrant and funct3. */
static unsigned bucket_of(uint32_t insn)
{
	if ((insn & 3) == 3)
		return (insn >> 2 & 31) * 8 + (insn >> 12 & 7);
	return 256 + (insn & 3) * 8 + (insn >> 13 & 7);
}

/* Does some instruction of this row fall into bucket b? */
static bool row_in_bucket(uint32_t mask, uint32_t match, unsigned len, unsigned b)
{
	uint32_t fields, value;

	if (b < 256) {
		if (len != 4)
			return false;
		fields = 0x707f;
		value = (b & 7) << 12 | (b >> 3) << 2 | 3;
	} else {
		if (len != 2)
			return false;
		fields = 0xe003;
		value = (b & 7) << 13 | (b - 256) >> 3;
	}
	return ((match ^ value) & mask & fields) == 0;
}

struct riscv_decoder *riscv_decoder_create(void)
{
	struct riscv_decoder *d;
	size_t n = 0;

	/* A row is in at most 8 buckets (funct3 free). */
	d = base_zalloc(sizeof(*d) + INSN_COUNT * 8 * sizeof(d->list[0]));
	if (!d)
		return NULL;
	for (unsigned i = 1; i < INSN_COUNT; i++)
		riscv_row_bits(&riscv_rows[i], &d->row[i].mask, &d->row[i].match);
	for (unsigned b = 0; b < BUCKETS; b++) {
		d->first[b] = (uint16_t)n;
		for (unsigned i = 1; i < INSN_COUNT; i++) {
			/* Only 32-bit instructions have both low bits set. */
			unsigned len = (d->row[i].match & 3) == 3 ? 4 : 2;

			if (row_in_bucket(d->row[i].mask, d->row[i].match, len, b))
				d->list[n++] = (uint16_t)i;
		}
	}
	d->first[BUCKETS] = (uint16_t)n;
	return d;
}

void riscv_decoder_destroy(struct riscv_decoder *d)
{
	base_free(d);
}

/* ---- operands ------------------------------------------------------------ */

static int32_t imm_b(uint32_t i)
{
	return (int32_t)sext(bits(i, 31, 31) << 12 | bits(i, 7, 7) << 11 |
			     bits(i, 30, 25) << 5 | bits(i, 11, 8) << 1, 13);
}
static int32_t imm_j(uint32_t i)
{
	return (int32_t)sext(bits(i, 31, 31) << 20 | bits(i, 19, 12) << 12 |
			     bits(i, 20, 20) << 11 | bits(i, 30, 21) << 1, 21);
}
static int32_t imm_cj(uint32_t i)
{
	return (int32_t)sext(bits(i, 12, 12) << 11 | bits(i, 11, 11) << 4 |
			     bits(i, 10, 9) << 8 | bits(i, 8, 8) << 10 |
			     bits(i, 7, 7) << 6 | bits(i, 6, 6) << 7 |
			     bits(i, 5, 3) << 1 | bits(i, 2, 2) << 5, 12);
}
static int32_t imm_cb(uint32_t i)
{
	return (int32_t)sext(bits(i, 12, 12) << 8 | bits(i, 11, 10) << 3 |
			     bits(i, 6, 5) << 6 | bits(i, 4, 3) << 1 |
			     bits(i, 2, 2) << 5, 9);
}
static int32_t imm_ci(uint32_t i)
{
	return (int32_t)sext(bits(i, 12, 12) << 5 | bits(i, 6, 2), 6);
}
static int32_t imm_ci16(uint32_t i)
{
	return (int32_t)sext(bits(i, 12, 12) << 9 | bits(i, 6, 6) << 4 |
			     bits(i, 5, 5) << 6 | bits(i, 4, 3) << 7 |
			     bits(i, 2, 2) << 5, 10);
}
static int32_t imm_ciw(uint32_t i)
{
	return (int32_t)(bits(i, 12, 11) << 4 | bits(i, 10, 7) << 6 |
			 bits(i, 6, 6) << 2 | bits(i, 5, 5) << 3);
}
static int32_t imm_clw(uint32_t i)
{
	return (int32_t)(bits(i, 12, 10) << 3 | bits(i, 6, 6) << 2 | bits(i, 5, 5) << 6);
}
static int32_t imm_cld(uint32_t i)
{
	return (int32_t)(bits(i, 12, 10) << 3 | bits(i, 6, 5) << 6);
}

/* Formats of 32-bit instructions. */
static void operands32(struct riscv_decoded *d, uint32_t i, unsigned fmt)
{
	int32_t imm12 = (int32_t)i >> 20;

	d->rd = i >> 7 & 31;
	d->rs1 = i >> 15 & 31;
	d->rs2 = i >> 20 & 31;
	switch (fmt) {
	case FMT_I: case FMT_L: case FMT_FLD:
		d->imm = imm12;
		d->rs2 = 0;
		break;
	case FMT_FENCE: case FMT_CSR: case FMT_CSRI:
		d->imm = (int32_t)(i >> 20);
		d->rs2 = 0;
		break;
	case FMT_SH:
		d->imm = i >> 20 & 63;
		d->rs2 = 0;
		break;
	case FMT_S: case FMT_FST:
		d->imm = (imm12 & ~31) | d->rd;
		d->rd = 0;
		break;
	case FMT_B:
		d->imm = imm_b(i);
		d->rd = 0;
		break;
	case FMT_U:
		d->imm = (int32_t)(i & 0xfffff000);
		d->rs1 = d->rs2 = 0;
		break;
	case FMT_J:
		d->imm = imm_j(i);
		d->rs1 = d->rs2 = 0;
		break;
	case FMT_R1: case FMT_F1: case FMT_XF: case FMT_FX: case FMT_FLI:
		d->rs2 = 0;
		break;
	case FMT_F1RM: case FMT_XFRM: case FMT_FXRM:
		d->rs2 = 0;
		d->imm = (int32_t)((i >> 12 & 7) << 8);
		break;
	case FMT_FRRM: case FMT_F4:
		d->imm = (int32_t)(i >> 27 | (i >> 12 & 7) << 8);
		break;
	case FMT_AMOCAS:
		d->imm = d->rd;
		break;
	default:
		break;
	}
}

/* Formats of 16-bit instructions; x8..x15 in three-bit fields. */
static void operands16(struct riscv_decoded *d, uint32_t i, unsigned fmt)
{
	unsigned r = i >> 7 & 31, s = i >> 2 & 31;
	unsigned rq = 8 + (i >> 7 & 7), sq = 8 + (i >> 2 & 7);

#define OPS(d_, a_, b_, m_) \
	(d->rd = (uint8_t)(d_), d->rs1 = (uint8_t)(a_), d->rs2 = (uint8_t)(b_), d->imm = (int32_t)(m_))
	switch (fmt) {
	case FMT_CIW: OPS(sq, 2, 0, imm_ciw(i)); break;
	case FMT_CLW: OPS(sq, rq, 0, imm_clw(i)); break;
	case FMT_CLD: case FMT_CFLD: OPS(sq, rq, 0, imm_cld(i)); break;
	case FMT_CSW: OPS(0, rq, sq, imm_clw(i)); break;
	case FMT_CSD: case FMT_CFSD: OPS(0, rq, sq, imm_cld(i)); break;
	case FMT_CLBU: OPS(sq, rq, 0, bits(i, 6, 6) | bits(i, 5, 5) << 1); break;
	case FMT_CLHU: OPS(sq, rq, 0, bits(i, 5, 5) << 1); break;
	case FMT_CSB: OPS(0, rq, sq, bits(i, 6, 6) | bits(i, 5, 5) << 1); break;
	case FMT_CSH: OPS(0, rq, sq, bits(i, 5, 5) << 1); break;
	case FMT_CI: OPS(r, r, 0, imm_ci(i)); break;
	case FMT_CLI: OPS(r, 0, 0, imm_ci(i)); break;
	case FMT_CI16: OPS(2, 2, 0, imm_ci16(i)); break;
	case FMT_CLUI: OPS(r, 0, 0, imm_ci(i) * 4096); break;
	case FMT_CISH: OPS(r, r, 0, imm_ci(i) & 63); break;
	case FMT_CBSH: OPS(rq, rq, 0, imm_ci(i) & 63); break;
	case FMT_CBI: OPS(rq, rq, 0, imm_ci(i)); break;
	case FMT_CA: OPS(rq, rq, sq, 0); break;
	case FMT_CU: OPS(rq, rq, 0, 0); break;
	case FMT_CU_FF: OPS(rq, rq, 0, 255); break;
	case FMT_CU_M1: OPS(rq, rq, 0, -1); break;
	case FMT_CJ: OPS(0, 0, 0, imm_cj(i)); break;
	case FMT_CB: OPS(0, rq, 0, imm_cb(i)); break;
	case FMT_CLWSP: OPS(r, 2, 0, bits(i, 12, 12) << 5 | bits(i, 6, 4) << 2 | bits(i, 3, 2) << 6); break;
	case FMT_CLDSP: case FMT_CFLDSP: OPS(r, 2, 0, bits(i, 12, 12) << 5 | bits(i, 6, 5) << 3 | bits(i, 4, 2) << 6); break;
	case FMT_CSWSP: OPS(0, 2, s, bits(i, 12, 9) << 2 | bits(i, 8, 7) << 6); break;
	case FMT_CSDSP: case FMT_CFSDSP: OPS(0, 2, s, bits(i, 12, 10) << 3 | bits(i, 9, 7) << 6); break;
	case FMT_CJR: OPS(0, r, 0, 0); break;
	case FMT_CJALR: OPS(1, r, 0, 0); break;
	case FMT_CMV: OPS(r, 0, s, 0); break;
	case FMT_CADD: OPS(r, r, s, 0); break;
	default: OPS(0, 0, 0, 0); break;
	}
#undef OPS
}

struct riscv_decoded riscv_decode(const struct riscv_decoder *d, uint32_t insn)
{
	struct riscv_decoded out = { .len = (insn & 3) == 3 ? 4 : 2 };
	unsigned b;

	if (out.len == 2)
		insn &= 0xffff;
	b = bucket_of(insn);
	for (unsigned k = d->first[b]; k < d->first[b + 1]; k++) {
		unsigned i = d->list[k];

		if ((insn & d->row[i].mask) != d->row[i].match)
			continue;
		out.row = (uint16_t)i;
		if (out.len == 4)
			operands32(&out, insn, riscv_rows[i].format);
		else
			operands16(&out, insn, riscv_rows[i].format);
		break;
	}
	return out;
}
