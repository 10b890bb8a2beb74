/* SPDX-License-Identifier: Apache-2.0 */
/* A hart's section of a snapshot holds nothing that its CSRs could not hold,
 * and no program counter is odd. */
#include "tests/riscv/rig.h"

enum { HEADER = 28, WORDS = HEADER + 8 * (31 + 32) }; /* the CSRs follow x and f */
enum { PC, MSTATUS, MEDELEG, MIDELEG, MIE, MIP, MTVEC, MEPC = 8, STVEC = 11, SEPC = 13, SATP = 16,
       MCOUNTEREN, SCOUNTEREN, MENVCFG, SENVCFG };

static bool loads(struct rig *r, const struct ser_writer *w)
{
	struct ser_reader rd;

	ser_reader_init(&rd, w->buf, w->len);
	riscv_hart_load(r->h, &rd);
	return !ser_error(&rd, NULL);
}

static void values_out_of_range_are_refused(void)
{
	static const struct { unsigned word; uint64_t v; } bad[] = {
		{ PC, RAM_BASE + 1 }, { MSTATUS, 2ull << 11 }, { MSTATUS, 1ull << 63 },
		{ MSTATUS, 3ull << 13 }, { MEDELEG, 1 << 11 }, { MIDELEG, 1 << 7 }, { MIE, 1 },
		{ MIP, 1ull << 40 }, { MTVEC, HANDLER + 2 }, { STVEC, HANDLER + 3 },
		{ MEPC, RAM_BASE + 1 }, { SEPC, 1 }, { SATP, 7ull << 60 }, { SATP, 11ull << 60 },
		{ MCOUNTEREN, 1ull << 32 }, { SCOUNTEREN, 1ull << 32 }, { MENVCFG, 2 }, { SENVCFG, 1ull << 61 },
	};
	struct ser_writer w;
	struct rig r;

	rig_open(&r);
	ser_writer_init(&w);
	riscv_hart_save(r.h, &w);
	CHECK(loads(&r, &w));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t *p = w.buf + WORDS + 8 * bad[i].word;
		uint64_t was;

		memcpy(&was, p, 8);
		memcpy(p, &bad[i].v, 8);
		if (loads(&r, &w))
			TEST_FAIL("word %u: %#llx was taken", bad[i].word, (unsigned long long)bad[i].v);
		memcpy(p, &was, 8);
	}
	CHECK(loads(&r, &w));
	w.buf[w.len - 2] = 0x60; /* the last PMP entry's configuration; after it: no IMSIC */
	CHECK(!loads(&r, &w));
	ser_writer_fini(&w);
	rig_close(&r);
}

static void an_odd_start_is_made_even(void)
{
	struct rig r;

	rig_open(&r);
	riscv_hart_reset(r.h, RAM_BASE + 1, 0);
	CHECK_EQ(riscv_get_pc(r.h), RAM_BASE);
	riscv_hart_start_s(r.h, RAM_BASE + 3, 0);
	CHECK_EQ(riscv_get_pc(r.h), RAM_BASE + 2);
	rig_close(&r);
}

TEST_MAIN({ "values_out_of_range_are_refused", values_out_of_range_are_refused },
	  { "an_odd_start_is_made_even", an_odd_start_is_made_even })
