/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of insn.def decodes to itself; what no row claims is illegal. */
#include "riscv/decode.h"
#include "tests/riscv/rig.h"

static uint64_t seed = 88172645463325252ull;
static uint32_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16);
}

static void every_row_decodes_to_itself(void)
{
	struct riscv_decoder *d = riscv_decoder_create();

	for (unsigned i = 1; i < INSN_COUNT; i++) {
		uint32_t mask, match;
		unsigned len = riscv_row_bits(&riscv_rows[i], &mask, &match), hits = 0;

		if (len != ((match & 3) == 3 ? 4u : 2u))
			TEST_FAIL("%s: pattern of %u bytes", riscv_rows[i].name, len);
		for (unsigned k = 0; k < 2000; k++) {
			uint32_t insn = (rnd() & ~mask) | match, m, v;
			struct riscv_decoded got;

			if (len == 2)
				insn &= 0xffff;
			got = riscv_decode(d, insn);
			hits += got.row == i;
			riscv_row_bits(&riscv_rows[got.row], &m, &v);
			/* A special case in front may claim it, never nothing. */
			if (got.row == 0 || got.row > i || (insn & m) != v || got.len != len)
				TEST_FAIL("%.20s: %08x decodes to %.20s", riscv_rows[i].name, insn,
					  riscv_rows[got.row].name);
		}
		if (!hits)
			TEST_FAIL("%s is never decoded", riscv_rows[i].name);
	}
	riscv_decoder_destroy(d);
}

static void decoder_agrees_with_a_search_of_the_table(void)
{
	struct riscv_decoder *d = riscv_decoder_create();
	static uint32_t mask[INSN_COUNT], match[INSN_COUNT];

	for (unsigned i = 1; i < INSN_COUNT; i++)
		riscv_row_bits(&riscv_rows[i], &mask[i], &match[i]);
	for (unsigned k = 0; k < 300000; k++) {
		uint32_t insn = rnd() | (k & 1 ? 3 : 0);
		unsigned want = 0;

		if ((insn & 3) != 3)
			insn &= 0xffff;
		for (unsigned i = INSN_COUNT - 1; i > 0; i--)
			if ((insn & mask[i]) == match[i] && ((insn ^ match[i]) & 3) == 0 &&
			    ((match[i] & 3) == 3) == ((insn & 3) == 3))
				want = i;
		if (riscv_decode(d, insn).row != want)
			TEST_FAIL("%08x: %s, not %s", insn, riscv_rows[riscv_decode(d, insn).row].name,
				  riscv_rows[want].name);
	}
	riscv_decoder_destroy(d);
}

static void reserved_encodings_trap_with_their_bits_in_tval(void)
{
	static const uint32_t bad[] = {
		0x0000, 0xffffffff, 0x6081 /* c.lui 0 */, 0x2001 /* c.addiw x0 */,
		0x4002 /* c.lwsp x0 */, 0x8002 /* c.jr x0 */, 0x9c79 /* c.not + 1 */,
		0x00002063 /* branch funct3 2 */, 0x00007003 /* load funct3 7 */,
		0x00004023 | 4 << 12, 0xc0001073 /* csrw cycle */, 0x7ff02073,
		0x1000302f | 1 << 20 /* lr with rs2 */, 0x02b5b0b3 ^ 1 << 31,
		0x2805c52f ^ 1 << 7 /* amocas.q odd */, 0x4200503b | 3 << 20,
	};
	struct rig r;

	rig_open(&r);
	for (unsigned i = 0; i < sizeof(bad) / 4; i++) {
		uint32_t want = (bad[i] & 3) == 3 ? bad[i] : bad[i] & 0xffff;

		rig_put32(&r, RAM_BASE, bad[i]);
		rig_run(&r, RAM_BASE, 1);
		if (riscv_get_pc(r.h) != HANDLER)
			TEST_FAIL("%08x did not trap", bad[i]);
		CHECK_EQ(rig_csr(&r, 0x342), 2);
		CHECK_EQ(rig_csr(&r, 0x343), want);
		CHECK_EQ(rig_csr(&r, 0x341), RAM_BASE);
	}
	rig_close(&r);
}

static void disassembly_reads_as_assembly(void)
{
	static const struct { uint32_t insn; const char *text; } t[] = {
		{ 0x00c58533, "add a0, a1, a2" },
		{ 0xff010113, "addi sp, sp, -16" },
		{ 0x00813083, "ld ra, 8(sp)" },
		{ 0x00113423, "sd ra, 8(sp)" },
		{ 0xfe000ee3, "beq zero, zero, 0xffc" },
		{ 0x12345537, "lui a0, 0x12345" },
		{ 0x30571073, "csrrw zero, 0x305, a4" },
		{ 0x00b6252f, "amoadd.w a0, a1, (a2)" },
		{ 0x02c5f553, "fadd.d fa0, fa1, fa2, dyn" },
		{ 0x1141, "c.addi sp, sp, -16" },
		{ 0x8082, "c.jr zero, ra, 0" },
		{ 0x00000073, "ecall" },
		{ 0, "c.illegal" },
	};
	struct riscv_decoder *d = riscv_decoder_create();
	char buf[64], tiny[4];

	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		riscv_disasm(d, t[i].insn, 0x1000, buf, sizeof(buf));
		CHECK_STR(buf, t[i].text);
	}
	riscv_disasm(d, 0x00c58533, 0, tiny, sizeof(tiny));
	CHECK_STR(tiny, "add");
	riscv_decoder_destroy(d);
}

TEST_MAIN({ "every_row_decodes_to_itself", every_row_decodes_to_itself },
	  { "decoder_agrees_with_a_search_of_the_table", decoder_agrees_with_a_search_of_the_table },
	  { "reserved_encodings_trap_with_their_bits_in_tval",
	    reserved_encodings_trap_with_their_bits_in_tval },
	  { "disassembly_reads_as_assembly", disassembly_reads_as_assembly })
