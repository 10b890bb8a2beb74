/* SPDX-License-Identifier: Apache-2.0 */
/* The SBI on a machine that only notes what it is asked: 4 harts, RAM at
 * 0x80000000..0x80100000. */
#include "riscv/sbi.h"

#include "tests/test.h"

enum { BASE = 0x10, TIME = 0x54494D45, IPI = 0x735049, RFENCE = 0x52464E43, HSM = 0x48534D,
       SRST = 0x53525354, DBCN = 0x4442434E, PMU = 0x504D55 };

static struct {
	uint64_t timer;
	uint32_t ipi;
	struct sbi_fence fence;
	unsigned started, stopped, suspended;
	bool retentive, failure;
	int reset;
	uint64_t console_at, console_n;
	int putc;
} seen;
static bool stalled;

static void set_timer(void *c, unsigned self, uint64_t t) { (void)c, (void)self, seen.timer = t; }
static void send_ipi(void *c, uint32_t harts) { (void)c, seen.ipi = harts; }
static void fence(void *c, unsigned self, const struct sbi_fence *f)
{
	(void)c, (void)self, seen.fence = *f;
}
static int hart_start(void *c, unsigned hart, uint64_t pc, uint64_t arg)
{
	(void)c, (void)pc, (void)arg, seen.started = hart;
	return hart ? SBI_SUCCESS : SBI_ERR_ALREADY_AVAILABLE;
}
static void hart_stop(void *c, unsigned self) { (void)c, seen.stopped = self; }
static enum sbi_hart_state hart_state(void *c, unsigned hart)
{
	(void)c;
	return hart ? SBI_HART_STOPPED : SBI_HART_STARTED;
}
static void hart_suspend(void *c, unsigned self, bool retentive, uint64_t pc, uint64_t arg)
{
	(void)c, (void)pc, (void)arg, seen.suspended = self, seen.retentive = retentive;
}
static void reset(void *c, enum sbi_reset type, bool failure)
{
	(void)c, seen.reset = (int)type, seen.failure = failure;
}
static bool is_ram(void *c, uint64_t a, uint64_t n)
{
	(void)c;
	return a >= 0x80000000 && a < 0x80100000 && n <= 0x80100000 - a;
}
static uint64_t console(void *c, uint64_t a, uint64_t n)
{
	(void)c, seen.console_at = a, seen.console_n = n;
	return n / 2;
}
static bool console_putc(void *c, uint8_t b) { (void)c, seen.putc = b; return !stalled; }
static int console_getc(void *c) { (void)c; return stalled ? -1 : 'x'; }

static const struct sbi_ops ops = {
	.harts = 4, .set_timer = set_timer, .send_ipi = send_ipi, .fence = fence,
	.hart_start = hart_start, .hart_stop = hart_stop, .hart_state = hart_state,
	.hart_suspend = hart_suspend, .reset = reset, .is_ram = is_ram,
	.console_write = console, .console_read = console,
	.console_putc = console_putc, .console_getc = console_getc,
};
static uint64_t a[8];
static enum sbi_result result;

/* Error of a call by hart 1. */
static int64_t call(uint64_t ext, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
		    uint64_t a3, uint64_t a4)
{
	memset(&seen, 0xee, sizeof(seen));
	memcpy(a, (uint64_t[8]){ a0, a1, a2, a3, a4, 0, fid, ext }, sizeof(a));
	result = sbi_call(&ops, 1, a);
	return (int64_t)a[0];
}
#define CALL(...) CALL_(__VA_ARGS__, 0, 0, 0, 0, 0)
#define CALL_(e, f, a0, a1, a2, a3, a4, ...) call(e, f, a0, a1, a2, a3, a4)

static void base(void)
{
	CHECK_EQ(CALL(BASE, 0), 0);
	CHECK_EQ(a[1], 0x2000000);
	static const uint64_t yes[] = { BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN, 0, 1, 2, 8 };
	for (unsigned i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		CHECK_EQ(CALL(BASE, 3, yes[i]), 0);
		CHECK_EQ(a[1], 1);
	}
	CHECK_EQ(CALL(BASE, 3, PMU), 0);
	CHECK_EQ(a[1], 0);
	CHECK_EQ(CALL(BASE, 3, BASE | 1ull << 40), 0);
	CHECK_EQ(a[1], 0);
	CHECK_EQ(CALL(BASE, 7), SBI_ERR_NOT_SUPPORTED);
	CHECK_EQ(CALL(PMU, 0), SBI_ERR_NOT_SUPPORTED);
	CHECK_EQ(CALL(0x3f, 0), SBI_ERR_NOT_SUPPORTED);
}

static void masks(void)
{
	CHECK_EQ(CALL(IPI, 0, 5, 0), 0);
	CHECK_EQ(seen.ipi, 5);
	CHECK_EQ(CALL(IPI, 0, 1, 3), 0);
	CHECK_EQ(seen.ipi, 8);
	CHECK_EQ(CALL(IPI, 0, 0x1234, ~0ull), 0);
	CHECK_EQ(seen.ipi, 15);
	CHECK_EQ(CALL(IPI, 0, 0, 0), 0);
	CHECK_EQ(seen.ipi, 0);
	CHECK_EQ(CALL(IPI, 0, 2, 3), SBI_ERR_INVALID_PARAM);
	CHECK_EQ(CALL(IPI, 0, 16, 0), SBI_ERR_INVALID_PARAM);
	CHECK_EQ(CALL(IPI, 0, 1, 4), SBI_ERR_INVALID_PARAM);
	CHECK_EQ(CALL(IPI, 0, 1, 1ull << 32), SBI_ERR_INVALID_PARAM);
	CHECK_EQ(CALL(IPI, 0, 1ull << 63, 0), SBI_ERR_INVALID_PARAM);
	CHECK_EQ(CALL(IPI, 1, 1, 0), SBI_ERR_NOT_SUPPORTED);
}

static void fences(void)
{
	CHECK_EQ(CALL(RFENCE, 0, 2, 0), 0);
	CHECK(seen.fence.insn && seen.fence.harts == 2);
	CHECK_EQ(CALL(RFENCE, 1, 3, 0, 0x1000, 0x2000), 0);
	CHECK(!seen.fence.insn && seen.fence.start == 0x1000 && seen.fence.size == 0x2000);
	CHECK(!seen.fence.has_asid);
	CHECK_EQ(CALL(RFENCE, 1, 3, 0, 0, 0), 0);
	CHECK_EQ(seen.fence.size, UINT64_MAX);
	CHECK_EQ(CALL(RFENCE, 2, 3, 0, 0, UINT64_MAX, 7), 0);
	CHECK(seen.fence.has_asid && seen.fence.asid == 7);
	CHECK_EQ(CALL(RFENCE, 1, 3, 0, UINT64_MAX, 0x2000), SBI_ERR_INVALID_ADDRESS);
	CHECK_EQ(CALL(RFENCE, 3, 1, 0), SBI_ERR_NOT_SUPPORTED);
	CHECK_EQ(CALL(RFENCE, 1, 32, 0), SBI_ERR_INVALID_PARAM);
}

static void harts(void)
{
	CHECK_EQ(CALL(HSM, 0, 2, 0x80000000, 9), 0);
	CHECK_EQ(seen.started, 2);
	CHECK_EQ(CALL(HSM, 0, 0, 0x80000000, 9), SBI_ERR_ALREADY_AVAILABLE);
	CHECK_EQ(CALL(HSM, 0, 4, 0x80000000, 9), SBI_ERR_INVALID_PARAM);
	CHECK_EQ(CALL(HSM, 0, 1ull << 32, 0x80000000, 9), SBI_ERR_INVALID_PARAM);
	CHECK_EQ(CALL(HSM, 0, 2, 0x1000, 9), SBI_ERR_INVALID_ADDRESS);
	CHECK_EQ(CALL(HSM, 0, 2, 0x80000001, 9), SBI_ERR_INVALID_ADDRESS);
	CHECK_EQ(CALL(HSM, 2, 0), 0);
	CHECK_EQ(a[1], SBI_HART_STARTED);
	CHECK_EQ(CALL(HSM, 2, 3), 0);
	CHECK_EQ(a[1], SBI_HART_STOPPED);
	CHECK_EQ(CALL(HSM, 2, 4), SBI_ERR_INVALID_PARAM);
	CALL(HSM, 1);
	CHECK_EQ(result, SBI_NO_RETURN);
	CHECK_EQ(seen.stopped, 1);
}

static void suspend(void)
{
	CHECK_EQ(CALL(HSM, 3, 0), 0);
	CHECK(result == SBI_RETURN && seen.retentive);
	CALL(HSM, 3, 0x80000000, 0x80000000, 1);
	CHECK(result == SBI_NO_RETURN && !seen.retentive);
	CHECK_EQ(CALL(HSM, 3, 0x80000000, 0x100), SBI_ERR_INVALID_ADDRESS);
	CHECK_EQ(CALL(HSM, 3, 0x80000000, 0x80000001), SBI_ERR_INVALID_ADDRESS);
	CHECK_EQ(CALL(HSM, 3, 1), SBI_ERR_INVALID_PARAM);
	CHECK_EQ(CALL(HSM, 3, 0x0fffffff), SBI_ERR_INVALID_PARAM);
	CHECK_EQ(CALL(HSM, 3, 0x80000001), SBI_ERR_INVALID_PARAM);
	CHECK_EQ(CALL(HSM, 3, 0x10000000), SBI_ERR_NOT_SUPPORTED);
	CHECK_EQ(CALL(HSM, 3, 0x90000000), SBI_ERR_NOT_SUPPORTED);
	CHECK_EQ(CALL(HSM, 3, 1ull << 40), SBI_ERR_INVALID_PARAM);
}

static void resets(void)
{
	for (unsigned t = 0; t < 3; t++) {
		CALL(SRST, 0, t, 0);
		CHECK(result == SBI_NO_RETURN && seen.reset == (int)t && !seen.failure);
	}
	CALL(SRST, 0, 0, 1);
	CHECK(result == SBI_NO_RETURN && seen.failure);
	CHECK_EQ(CALL(SRST, 0, 3, 0), SBI_ERR_INVALID_PARAM);
	CHECK_EQ(CALL(SRST, 0, 0, 2), SBI_ERR_INVALID_PARAM);
	CHECK_EQ(CALL(SRST, 0, 0xf0000000, 0), SBI_ERR_NOT_SUPPORTED);
	CHECK_EQ(CALL(SRST, 0, 1ull << 32, 0), SBI_ERR_INVALID_PARAM);
}

static void debug_console(void)
{
	CHECK_EQ(CALL(DBCN, 0, 10, 0x80000000, 0), 0);
	CHECK_EQ(a[1], 5);
	CHECK_EQ(CALL(DBCN, 1, 10, 0x80000000, 0), 0);
	CHECK_EQ(CALL(DBCN, 0, 0, 0x10, 0), 0);
	CHECK_EQ(a[1], 0);
	CHECK_EQ(CALL(DBCN, 0, 10, 0x10, 0), SBI_ERR_INVALID_PARAM);
	CHECK_EQ(CALL(DBCN, 0, 10, 0x80000000, 1), SBI_ERR_INVALID_PARAM);
	CHECK_EQ(CALL(DBCN, 0, UINT64_MAX, 0x80000000, 0), SBI_ERR_INVALID_PARAM);
	CHECK_EQ(CALL(DBCN, 0, 0x100001, 0x80000000, 0), SBI_ERR_INVALID_PARAM);
	CHECK_EQ(CALL(DBCN, 2, 'q'), 0);
	CHECK_EQ(seen.putc, 'q');
	stalled = true;
	CHECK_EQ(CALL(DBCN, 2, 'q'), SBI_ERR_FAILED);
	stalled = false;
}

static void legacy(void)
{
	CALL(0, 0, 77);
	CHECK(result == SBI_RETURN_A0 && seen.timer == 77);
	CALL(1, 0, 'z');
	CHECK(result == SBI_RETURN_A0 && seen.putc == 'z');
	CHECK_EQ(CALL(2, 0), 'x');
	stalled = true;
	CHECK_EQ(CALL(2, 0), -1);
	stalled = false;
	CALL(8, 0);
	CHECK(result == SBI_NO_RETURN && seen.reset == SBI_RESET_SHUTDOWN);
	CHECK_EQ(CALL(5, 0), SBI_ERR_NOT_SUPPORTED);
	CHECK_EQ(result, SBI_RETURN_A0);
}

static void timer(void)
{
	CHECK_EQ(CALL(TIME, 0, 123456789), 0);
	CHECK_EQ(seen.timer, 123456789);
	CHECK_EQ(CALL(TIME, 1, 0), SBI_ERR_NOT_SUPPORTED);
}

TEST_MAIN(
	{ "base_names_what_is_there", base },
	{ "hart_masks_are_checked", masks },
	{ "timer", timer },
	{ "remote_fences", fences },
	{ "harts_start_and_stop", harts },
	{ "suspend_types", suspend },
	{ "system_reset", resets },
	{ "debug_console_takes_ram_only", debug_console },
	{ "legacy_calls", legacy },
)
