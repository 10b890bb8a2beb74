/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disassembler, from the rows of insn.def.  A compressed instruction is
 * shown under its own name with the operands of the instruction it means.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/bits.h"
#include "riscv/decode.h"

static const char xname[32][5] = {
	"zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0",
	"a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2", "s3", "s4", "s5",
	"s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};
static const char fname[32][5] = {
	"ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1",
	"fa0", "fa1", "fa2", "fa3", "fa4", "fa5", "fa6", "fa7", "fs2", "fs3",
	"fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8",
	"ft9", "ft10", "ft11",
};
static const char rmname[8][4] = { "rne", "rtz", "rdn", "rup", "rmm", "5", "6", "dyn" };

/*
 * How a format prints: d a b are x registers (rd, rs1, rs2), D A B E f
 * registers (E: rs3), i a number, u the upper immediate, t a branch target,
 * c a CSR, z the rs1 field as a number, m the rounding mode.
 */
static const char *const layout[] = {
	[FMT_R] = "d, a, b", [FMT_R1] = "d, a", [FMT_I] = "d, a, i", [FMT_L] = "d, i(a)",
	[FMT_S] = "b, i(a)", [FMT_B] = "a, b, t", [FMT_U] = "d, u", [FMT_J] = "d, t",
	[FMT_SH] = "d, a, i", [FMT_FENCE] = "i", [FMT_RS12] = "a, b", [FMT_CSR] = "d, c, a",
	[FMT_CSRI] = "d, c, z", [FMT_AMO] = "d, b, (a)", [FMT_AMOCAS] = "d, b, (a)",
	[FMT_CBO] = "(a)", [FMT_FLD] = "D, i(a)", [FMT_FST] = "B, i(a)", [FMT_FR] = "D, A, B",
	[FMT_FRRM] = "D, A, B, m", [FMT_F1] = "D, A", [FMT_F1RM] = "D, A, m",
	[FMT_F4] = "D, A, B, E, m", [FMT_XF] = "d, A", [FMT_XFRM] = "d, A, m",
	[FMT_FX] = "D, a", [FMT_FXRM] = "D, a, m", [FMT_XFF] = "d, A, B", [FMT_FLI] = "D, z",
};

static int operand(char *buf, size_t n, char kind, const struct riscv_decoded *d, uint64_t pc)
{
	switch (kind) {
	case 'd': return snprintf(buf, n, "%s", xname[d->rd]);
	case 'a': return snprintf(buf, n, "%s", xname[d->rs1]);
	case 'b': return snprintf(buf, n, "%s", xname[d->rs2]);
	case 'D': return snprintf(buf, n, "%s", fname[d->rd]);
	case 'A': return snprintf(buf, n, "%s", fname[d->rs1]);
	case 'B': return snprintf(buf, n, "%s", fname[d->rs2]);
	case 'E': return snprintf(buf, n, "%s", fname[d->imm & 31]);
	case 'm': return snprintf(buf, n, "%s", rmname[d->imm >> 8 & 7]);
	case 'i': return snprintf(buf, n, "%" PRId32, d->imm);
	case 'u': return snprintf(buf, n, "%#" PRIx32, (uint32_t)d->imm >> 12);
	case 'c': return snprintf(buf, n, "%#" PRIx32, (uint32_t)d->imm);
	case 'z': return snprintf(buf, n, "%u", d->rs1);
	case 't': return snprintf(buf, n, "%#" PRIx64, pc + (uint64_t)(int64_t)d->imm);
	default: return snprintf(buf, n, "%c", kind);
	}
}

unsigned riscv_disasm(const struct riscv_decoder *dec, uint32_t insn, uint64_t pc,
		      char *buf, size_t n)
{
	struct riscv_decoded d = riscv_decode(dec, insn);
	const struct riscv_row *row = &riscv_rows[d.row];
	const char *f = layout[riscv_rows[row->base].format];
	size_t at = 0;

	if (!n)
		return d.len;
	for (const char *p = row->name; *p && at + 1 < n; p++)
		buf[at++] = *p == '_' ? '.' : *p;
	if (f && at + 1 < n)
		buf[at++] = ' ';
	for (; f && *f && at + 1 < n; f++) {
		int k = operand(buf + at, n - at, *f, &d, pc);

		at = MIN(at + (size_t)k, n - 1);
	}
	buf[at] = 0;
	return d.len;
}
