/* SPDX-License-Identifier: Apache-2.0 */
/* CSR rules, trap entry and return, interrupts, PMP: Priv. spec chapter 3. */
#include "tests/riscv/rig.h"

enum { MSTATUS = 0x300, MEDELEG = 0x302, MIDELEG, MIE, MTVEC, MCOUNTEREN, MEPC = 0x341, MCAUSE,
       MTVAL, MIP, SSTATUS = 0x100, STVEC = 0x105, SEPC = 0x141, SCAUSE, STVAL, SATP = 0x180,
       MENVCFG = 0x30a, PMPCFG0 = 0x3a0, PMPADDR0 = 0x3b0 };

/* Go to the mode by MRET at RAM_BASE; one instruction is executed. */
static void enter_mode(struct rig *r, unsigned mode, uint64_t pc)
{
	uint64_t s = rig_csr(r, MSTATUS) & ~(3ull << 11);

	riscv_set_csr(r->h, MSTATUS, s | (uint64_t)mode << 11);
	riscv_set_csr(r->h, MEPC, pc);
	rig_put32(r, RAM_BASE, MRET);
	rig_run(r, RAM_BASE, 1);
	CHECK_EQ(riscv_get_priv(r->h), mode);
	CHECK_EQ(riscv_get_pc(r->h), pc);
}
static void allow_all_memory(struct rig *r)
{
	riscv_set_csr(r->h, PMPADDR0 + 15, ~0ull);
	riscv_set_csr(r->h, PMPCFG0 + 2, 0x1full << 56);
}
static void back_to_m(struct rig *r)
{
	riscv_hart_reset(r->h, RAM_BASE, 0);
	riscv_set_csr(r->h, MTVEC, HANDLER);
	allow_all_memory(r);
}

static void warl_fields_hold_legal_values_only(void)
{
	struct rig r;

	rig_open(&r);
	riscv_set_csr(r.h, MSTATUS, 1ull << 11);
	riscv_set_csr(r.h, MSTATUS, 2ull << 11); /* MPP 2: kept */
	CHECK_EQ(rig_csr(&r, MSTATUS) >> 11 & 3, 1);
	riscv_set_csr(r.h, MSTATUS, ~0ull);
	CHECK_EQ(rig_csr(&r, MSTATUS), 0x8000000a007e79aaull);
	CHECK_EQ(rig_csr(&r, SSTATUS), 0x80000002000c6122ull);
	riscv_set_csr(r.h, SATP, 7ull << 60 | 5);
	CHECK_EQ(rig_csr(&r, SATP), 0);
	riscv_set_csr(r.h, SATP, 8ull << 60 | 5);
	CHECK_EQ(rig_csr(&r, SATP), 8ull << 60 | 5);
	riscv_set_csr(r.h, MTVEC, HANDLER | 2);
	CHECK_EQ(rig_csr(&r, MTVEC), HANDLER);
	riscv_set_csr(r.h, MEDELEG, ~0ull);
	CHECK_EQ(rig_csr(&r, MEDELEG), 0xb3ff);
	riscv_set_csr(r.h, MIDELEG, ~0ull);
	CHECK_EQ(rig_csr(&r, MIDELEG), 0x222);
	riscv_set_csr(r.h, MEPC, 0x1235);
	CHECK_EQ(rig_csr(&r, MEPC), 0x1234);
	riscv_set_csr(r.h, 0x301, 0);
	CHECK_EQ(rig_csr(&r, 0x301) & 0x14112d, 0x14112d); /* misa: ACDFIMSU */
	rig_close(&r);
}

static void counters_obey_their_enables(void)
{
	struct rig r;

	rig_open(&r);
	allow_all_memory(&r);
	rig_code(&r, RAM_BASE + 64, CSRRS(A0, 0xc02, 0));
	enter_mode(&r, 1, RAM_BASE + 64);
	riscv_run(r.h, 1);
	CHECK_EQ(rig_csr(&r, MCAUSE), 2);
	back_to_m(&r);
	riscv_set_csr(r.h, MCOUNTEREN, 4);
	enter_mode(&r, 1, RAM_BASE + 64);
	riscv_run(r.h, 1);
	CHECK_EQ(riscv_get_pc(r.h), RAM_BASE + 68);
	CHECK_EQ(riscv_get_x(r.h, A0), riscv_instret(r.h) - 1);
	back_to_m(&r);
	enter_mode(&r, 0, RAM_BASE + 64); /* scounteren is 0 */
	riscv_run(r.h, 1);
	CHECK_EQ(rig_csr(&r, MCAUSE), 2);
	rig_close(&r);
}

static void tvm_tw_and_tsr_trap_in_s_mode(void)
{
	static const struct { unsigned bit; uint32_t insn; } t[] = {
		{ 20, SFENCE_VMA }, { 20, CSRRS(A0, SATP, 0) }, { 21, WFI }, { 22, SRET },
	};
	struct rig r;

	rig_open(&r);
	allow_all_memory(&r);
	for (unsigned i = 0; i < 4; i++) {
		rig_code(&r, RAM_BASE + 64, t[i].insn);
		back_to_m(&r);
		riscv_set_csr(r.h, MSTATUS, 1ull << t[i].bit);
		enter_mode(&r, 1, RAM_BASE + 64);
		riscv_run(r.h, 1);
		CHECK_EQ(riscv_get_priv(r.h), 3);
		CHECK_EQ(rig_csr(&r, MCAUSE), 2);
		CHECK_EQ(rig_csr(&r, MTVAL), t[i].insn);
	}
	rig_close(&r);
}

static void delegated_exceptions_go_to_s_mode(void)
{
	struct rig r;

	rig_open(&r);
	allow_all_memory(&r);
	riscv_set_csr(r.h, MEDELEG, 1 << 8 | 1 << 3);
	riscv_set_csr(r.h, STVEC, HANDLER + 0x100);
	rig_code(&r, RAM_BASE + 64, ECALL, EBREAK);
	enter_mode(&r, 0, RAM_BASE + 64);
	riscv_run(r.h, 1);
	CHECK_EQ(riscv_get_pc(r.h), HANDLER + 0x100);
	CHECK_EQ(riscv_get_priv(r.h), 1);
	CHECK_EQ(rig_csr(&r, SCAUSE), 8);
	CHECK_EQ(rig_csr(&r, SEPC), RAM_BASE + 64);
	CHECK_EQ(rig_csr(&r, SSTATUS) & 0x100, 0); /* SPP = U */
	riscv_set_pc(r.h, RAM_BASE + 68);
	riscv_run(r.h, 1); /* from S now */
	CHECK_EQ(rig_csr(&r, SCAUSE), 3);
	CHECK_EQ(rig_csr(&r, STVAL), RAM_BASE + 68);
	CHECK_EQ(rig_csr(&r, SSTATUS) & 0x100, 0x100);
	rig_close(&r);
}

static void interrupts_come_in_order_and_by_vector(void)
{
	static const uint8_t order[] = { 11, 3, 7, 9, 1, 5 };
	struct rig r;
	uint64_t pending = 0xaaa;

	rig_open(&r);
	rig_code(&r, RAM_BASE + 64, NOP);
	riscv_set_csr(r.h, MTVEC, HANDLER | 1);
	riscv_set_csr(r.h, MIE, ~0ull);
	riscv_set_csr(r.h, MIP, 0x22);
	riscv_set_irq(r.h, 3, true);
	riscv_set_irq(r.h, 9, true);
	riscv_set_irq(r.h, 11, true);
	riscv_set_mtimecmp(r.h, 0);
	CHECK_EQ(rig_csr(&r, MIP), 0xaaa);
	for (unsigned i = 0; i < 6; i++) {
		rig_put32(&r, HANDLER + 4 * order[i], NOP);
		riscv_set_csr(r.h, MSTATUS, 8);
		rig_run(&r, RAM_BASE + 64, 1);
		CHECK_EQ(rig_csr(&r, MCAUSE), 1ull << 63 | order[i]);
		CHECK_EQ(riscv_get_pc(r.h), HANDLER + 4 * order[i] + 4);
		CHECK_EQ(rig_csr(&r, MEPC), RAM_BASE + 64);
		pending &= ~(1ull << order[i]);
		riscv_set_csr(r.h, MIE, pending);
	}
	rig_close(&r);
}

static void wfi_waits_until_something_is_pending(void)
{
	struct rig r;

	rig_open(&r);
	rig_code(&r, RAM_BASE, WFI, ADDI(A0, 0, 7), J_SELF);
	riscv_set_csr(r.h, MIE, 1 << 7);
	riscv_set_mtimecmp(r.h, 100);
	riscv_set_pc(r.h, RAM_BASE);
	CHECK_EQ(riscv_run(r.h, 10), RISCV_EXIT_WFI);
	CHECK_EQ(riscv_instret(r.h), 1);
	CHECK_EQ(riscv_wake_time(r.h), 100);
	CHECK_EQ(riscv_run(r.h, 10), RISCV_EXIT_WFI);
	r.time = 100;
	CHECK_EQ(riscv_run(r.h, 1), RISCV_EXIT_BUDGET);
	CHECK_EQ(riscv_get_x(r.h, A0), 7); /* MIE is off: it goes on, untrapped */
	rig_close(&r);
}

static void csr_writes_enable_interrupts_at_once(void)
{
	struct rig r;

	rig_open(&r);
	rig_code(&r, RAM_BASE, CSRRS(0, MSTATUS, T0), ADDI(A0, A0, 1), ADDI(A0, A0, 1));
	riscv_set_x(r.h, T0, 8);
	riscv_set_csr(r.h, MIE, 1 << 3);
	riscv_set_irq(r.h, 3, true);
	rig_put32(&r, HANDLER, J_SELF);
	rig_run(&r, RAM_BASE, 100);
	CHECK_EQ(rig_csr(&r, MEPC), RAM_BASE + 4);
	CHECK_EQ(rig_csr(&r, MCAUSE), 1ull << 63 | 3);
	rig_close(&r);
}

static void kick_and_remote_fence_reach_the_hart(void)
{
	struct rig r;
	uint64_t seq;

	rig_open(&r);
	rig_code(&r, RAM_BASE, J_SELF);
	riscv_kick(r.h);
	seq = riscv_request_fence(r.h, RISCV_FENCE_VMA);
	CHECK(!riscv_fence_done(r.h, seq));
	CHECK_EQ(riscv_run(r.h, UINT64_MAX), RISCV_EXIT_KICK);
	CHECK_EQ(riscv_run(r.h, 100000), RISCV_EXIT_BUDGET);
	CHECK(riscv_fence_done(r.h, seq));
	CHECK_EQ(riscv_instret(r.h), 100000);
	rig_close(&r);
}

static void fetch_faults_without_a_handler_do_not_hang(void)
{
	struct rig r;

	rig_open(&r);
	riscv_set_csr(r.h, MTVEC, 0x1000); /* nothing is there */
	riscv_set_pc(r.h, 0x2000);
	CHECK_EQ(riscv_run(r.h, 1000000), RISCV_EXIT_BUDGET);
	CHECK_EQ(riscv_instret(r.h), 1000000);
	CHECK_EQ(rig_csr(&r, MCAUSE), 1);
	CHECK_EQ(rig_csr(&r, MTVAL), 0x1000);
	rig_close(&r);
}

static void pmp_decides_by_the_lowest_entry_and_locks(void)
{
	struct rig r;
	const uint64_t secret = RAM_BASE + 0x10040;

	rig_open(&r);
	/* 0: NA4 no access; 1: TOR up to secret + 64 read only; 15: all */
	riscv_set_csr(r.h, PMPADDR0, secret >> 2);
	riscv_set_csr(r.h, PMPADDR0 + 1, (secret + 64) >> 2);
	riscv_set_csr(r.h, PMPCFG0, 0x10 | (uint64_t)(8 | 1) << 8);
	allow_all_memory(&r);
	rig_code(&r, RAM_BASE + 64, LW(A1, A0, 0), SW(A1, A0, 0));
	riscv_set_x(r.h, A0, secret);
	enter_mode(&r, 1, RAM_BASE + 64);
	riscv_run(r.h, 1);
	CHECK_EQ(rig_csr(&r, MCAUSE), 5);
	CHECK_EQ(rig_csr(&r, MTVAL), secret);
	for (unsigned i = 0; i < 2; i++) { /* i: allowed to read, then not to write */
		back_to_m(&r);
		riscv_set_csr(r.h, PMPADDR0, secret >> 2);
		riscv_set_csr(r.h, PMPADDR0 + 1, (secret + 64) >> 2);
		riscv_set_csr(r.h, PMPCFG0, 0x10 | (uint64_t)(8 | 1) << 8);
		riscv_set_x(r.h, A0, secret + 4);
		enter_mode(&r, 1, RAM_BASE + 64 + 4 * i);
		riscv_run(r.h, 1);
		if (i)
			CHECK_EQ(rig_csr(&r, MCAUSE), 7);
		else
			CHECK_EQ(riscv_get_pc(r.h), RAM_BASE + 68);
	}
	/* The half that is straddled by two entries fails. */
	back_to_m(&r);
	riscv_set_csr(r.h, PMPADDR0, secret >> 2);
	riscv_set_csr(r.h, PMPCFG0, 0x17);
	riscv_set_x(r.h, A0, secret - 2);
	enter_mode(&r, 1, RAM_BASE + 64);
	riscv_run(r.h, 1);
	CHECK_EQ(rig_csr(&r, MCAUSE), 5);
	/* Locked: binds M too, and cannot be undone. */
	back_to_m(&r);
	riscv_set_csr(r.h, PMPADDR0, secret >> 2);
	riscv_set_csr(r.h, PMPCFG0, 0x91);
	riscv_set_csr(r.h, PMPCFG0, 0x1f);
	CHECK_EQ(rig_csr(&r, PMPCFG0) & 0xff, 0x91);
	riscv_set_x(r.h, A0, secret);
	rig_run(&r, RAM_BASE + 68, 1);
	CHECK_EQ(rig_csr(&r, MCAUSE), 7);
	rig_close(&r);
}

static void code_under_a_split_pmp_page_runs_one_by_one(void)
{
	struct rig r;

	rig_open(&r);
	/* Executable up to RAM_BASE + 72 only. */
	riscv_set_csr(r.h, PMPADDR0, (RAM_BASE + 72) >> 2);
	riscv_set_csr(r.h, PMPCFG0, 8 | 7);
	rig_code(&r, RAM_BASE + 64, ADDI(A0, 0, 5), ADDI(A0, A0, 1), ADDI(A0, A0, 1));
	rig_put32(&r, HANDLER, J_SELF);
	enter_mode(&r, 1, RAM_BASE + 64);
	riscv_run(r.h, 3);
	CHECK_EQ(rig_csr(&r, MCAUSE), 1);
	CHECK_EQ(rig_csr(&r, MEPC), RAM_BASE + 72);
	CHECK_EQ(riscv_get_x(r.h, A0), 6);
	rig_close(&r);
}

static void breakpoints_stop_before_their_instruction(void)
{
	struct rig r;

	rig_open(&r);
	rig_code(&r, RAM_BASE, ADDI(A0, A0, 1), ADDI(A0, A0, 1), BEQ(0, 0, -8));
	CHECK(!riscv_set_break(r.h, RAM_BASE + 4, true));
	riscv_set_x(r.h, A0, 0);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(riscv_run(r.h, 1000), RISCV_EXIT_BREAK);
		CHECK_EQ(riscv_get_pc(r.h), RAM_BASE + 4);
		CHECK_EQ(riscv_get_x(r.h, A0), 2 * i + 1);
	}
	CHECK(!riscv_set_break(r.h, RAM_BASE + 4, false));
	CHECK_EQ(riscv_run(r.h, 1000), RISCV_EXIT_BUDGET);
	CHECK_EQ(riscv_instret(r.h), 1 + 6 + 1000);
	rig_close(&r);
}

TEST_MAIN({ "warl_fields_hold_legal_values_only", warl_fields_hold_legal_values_only },
	  { "counters_obey_their_enables", counters_obey_their_enables },
	  { "tvm_tw_and_tsr_trap_in_s_mode", tvm_tw_and_tsr_trap_in_s_mode },
	  { "delegated_exceptions_go_to_s_mode", delegated_exceptions_go_to_s_mode },
	  { "interrupts_come_in_order_and_by_vector", interrupts_come_in_order_and_by_vector },
	  { "wfi_waits_until_something_is_pending", wfi_waits_until_something_is_pending },
	  { "csr_writes_enable_interrupts_at_once", csr_writes_enable_interrupts_at_once },
	  { "kick_and_remote_fence_reach_the_hart", kick_and_remote_fence_reach_the_hart },
	  { "fetch_faults_without_a_handler_do_not_hang", fetch_faults_without_a_handler_do_not_hang },
	  { "pmp_decides_by_the_lowest_entry_and_locks", pmp_decides_by_the_lowest_entry_and_locks },
	  { "code_under_a_split_pmp_page_runs_one_by_one", code_under_a_split_pmp_page_runs_one_by_one },
	  { "breakpoints_stop_before_their_instruction", breakpoints_stop_before_their_instruction })
