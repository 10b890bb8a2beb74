/* SPDX-License-Identifier: Apache-2.0 */
/* ACLINT, real-time clock, finisher. */
#include "dev/platform.h"

#include "fake.h"

enum { ACLINT = 0x2000000, RTC = 0x101000, SYSCON = 0x100000, HARTS = 3, LINE = 11 };

static struct fake f;
static bool msip[HARTS];
static uint64_t cmp[HARTS], now;
static int events;
static enum syscon_event event;
static unsigned code;

static void set_msip(void *ctx, unsigned hart, bool level)
{
	(void)ctx;
	msip[hart] = level;
}

static void set_cmp(void *ctx, unsigned hart, uint64_t ticks)
{
	(void)ctx;
	cmp[hart] = ticks;
}

static uint64_t get_time(void *ctx)
{
	(void)ctx;
	return now;
}

static void set_time(void *ctx, uint64_t ticks)
{
	(void)ctx;
	now = ticks;
}

static void finish(void *ctx, enum syscon_event ev, unsigned c)
{
	(void)ctx;
	events++;
	event = ev;
	code = c;
}

static void start(void)
{
	struct aclint_ops ops = { set_msip, set_cmp, get_time, set_time, NULL };
	struct err e;

	fake_init(&f);
	now = 0x123456789abcdef0;
	events = 0;
	CHECK(aclint_create(&f.host, GPA(ACLINT), HARTS, &ops, &e));
	CHECK(rtc_create(&f.host, GPA(RTC), fake_irq(&f, LINE), &e));
	CHECK(syscon_create(&f.host, GPA(SYSCON), finish, NULL, &e));
	vm_host_reset(&f.host);
}

static void msip_sets_one_hart(void)
{
	start();
	wr32(&f, ACLINT + 4, 0xffffffff);
	CHECK(!msip[0] && msip[1] && !msip[2]);
	CHECK_EQ(rd32(&f, ACLINT + 4), 1);
	wr32(&f, ACLINT + 4, 0xfffffffe);
	CHECK(!msip[1]);
	wr32(&f, ACLINT + 4 * HARTS, 1); /* no such hart */
	CHECK_EQ(rd32(&f, ACLINT + 4 * HARTS), 0);
	fake_fini(&f);
}

static void mtimecmp_is_written_whole_or_in_halves(void)
{
	start();
	CHECK_EQ(cmp[2], UINT64_MAX);
	CHECK_EQ(rd(&f, ACLINT + 0x4000, 8), UINT64_MAX);
	wr(&f, ACLINT + 0x4010, 8, 0x1122334455667788);
	CHECK_EQ(cmp[2], 0x1122334455667788);
	wr32(&f, ACLINT + 0x4014, 0xaabbccdd);
	CHECK_EQ(cmp[2], 0xaabbccdd55667788);
	wr32(&f, ACLINT + 0x4010, 1);
	CHECK_EQ(cmp[2], 0xaabbccdd00000001);
	CHECK_EQ(rd32(&f, ACLINT + 0x4014), 0xaabbccdd);
	CHECK_EQ(rd32(&f, ACLINT + 0x4010), 1);
	CHECK_EQ(cmp[1], UINT64_MAX);
	fake_fini(&f);
}

static void mtime_is_read_and_set_whole_or_in_halves(void)
{
	start();
	CHECK_EQ(rd(&f, ACLINT + 0xbff8, 8), 0x123456789abcdef0);
	CHECK_EQ(rd32(&f, ACLINT + 0xbff8), 0x9abcdef0);
	CHECK_EQ(rd32(&f, ACLINT + 0xbffc), 0x12345678);
	wr32(&f, ACLINT + 0xbffc, 0);
	CHECK_EQ(now, 0x9abcdef0);
	wr(&f, ACLINT + 0xbff8, 8, 5);
	CHECK_EQ(now, 5);
	fake_fini(&f);
}

static uint64_t rtc_time(void)
{
	uint64_t low = rd32(&f, RTC);

	return low | (uint64_t)rd32(&f, RTC + 4) << 32;
}

static void rtc_tells_the_wall_clock_and_latches(void)
{
	uint32_t low, high;

	start();
	CHECK_EQ(rtc_time(), 1577836800000000000ull);
	fake_pass(&f, 1000000000);
	CHECK_EQ(rtc_time(), 1577836801000000000ull);
	low = rd32(&f, RTC);
	high = rd32(&f, RTC + 4);
	fake_pass(&f, 1ull << 40);
	CHECK_EQ(rd32(&f, RTC + 4), high);
	CHECK_EQ(rd32(&f, RTC), low); /* 2^40 ns leave the low half */
	CHECK_EQ(rd32(&f, RTC + 4), high + 256);
	fake_fini(&f);
}

static void set_alarm(uint64_t at)
{
	wr32(&f, RTC + 0x0c, (uint32_t)(at >> 32));
	wr32(&f, RTC + 0x08, (uint32_t)at);
}

static void rtc_alarm_interrupts_when_due(void)
{
	start();
	wr32(&f, RTC + 0x10, 1);
	set_alarm(rtc_time() + 5000000);
	CHECK_EQ(rd32(&f, RTC + 0x18), 1);
	fake_pass(&f, 4999999);
	CHECK(!f.line[LINE]);
	fake_pass(&f, 1);
	CHECK(f.line[LINE]);
	CHECK_EQ(rd32(&f, RTC + 0x18), 0);
	wr32(&f, RTC + 0x1c, 1);
	CHECK(!f.line[LINE]);
	set_alarm(1000); /* long past: at once */
	CHECK(f.line[LINE]);
	fake_fini(&f);
}

static void rtc_alarm_can_be_cleared_masked_and_absurdly_far(void)
{
	start();
	wr32(&f, RTC + 0x10, 1);
	set_alarm(rtc_time() + 1000);
	wr32(&f, RTC + 0x14, 1);
	fake_pass(&f, 10000);
	CHECK(!f.line[LINE]);
	wr32(&f, RTC + 0x10, 0);
	set_alarm(rtc_time() + 1000);
	fake_pass(&f, 10000);
	CHECK(!f.line[LINE]);
	wr32(&f, RTC + 0x10, 1); /* it had come */
	CHECK(f.line[LINE]);
	wr32(&f, RTC + 0x1c, 1);
	set_alarm(UINT64_MAX);
	CHECK_EQ(rd32(&f, RTC + 0x18), 1);
	fake_pass(&f, 1000);
	CHECK(!f.line[LINE]);
	fake_fini(&f);
}

static void rtc_can_be_set_and_the_alarm_follows(void)
{
	start();
	wr32(&f, RTC + 0x10, 1);
	wr32(&f, RTC + 4, 1);
	wr32(&f, RTC, 0);
	CHECK_EQ(rtc_time(), 1ull << 32);
	set_alarm((1ull << 32) + 500);
	fake_pass(&f, 499);
	CHECK(!f.line[LINE]);
	wr32(&f, RTC + 4, 2);
	wr32(&f, RTC, 0);
	CHECK(f.line[LINE]);
	fake_fini(&f);
}

static void spoil(struct fake *fk)
{
	vm_host_reset(&fk->host);
	wr32(fk, ACLINT, 1);
	wr32(fk, RTC + 4, 77);
	wr32(fk, RTC, 77);
}

static void state_survives_save_and_load(void)
{
	start();
	wr32(&f, ACLINT + 8, 1);
	wr(&f, ACLINT + 0x4008, 8, 99);
	wr32(&f, RTC + 4, 3);
	wr32(&f, RTC, 5);
	wr32(&f, RTC + 0x10, 1);
	set_alarm(rtc_time() + 1000);
	check_round_trip(&f, spoil);
	CHECK(!msip[0] && msip[2]);
	CHECK_EQ(cmp[1], 99);
	fake_pass(&f, 1000);
	CHECK(f.line[LINE]); /* the loaded alarm rings */
	check_round_trip(&f, spoil);
	CHECK(f.line[LINE]);
	fake_fini(&f);
}

static void load_refuses_another_number_of_harts(void)
{
	struct ser_writer w;
	struct ser_reader r;

	start();
	ser_writer_init(&w);
	vm_host_save(&f.host, &w);
	w.buf[28] = HARTS + 1;
	ser_reader_init(&r, w.buf, w.len);
	vm_host_load(&f.host, &r);
	CHECK(r.err.code);
	ser_writer_fini(&w);
	fake_fini(&f);
}

static void finisher_reports_what_the_guest_asked_for(void)
{
	start();
	wr32(&f, SYSCON, 0x5555);
	CHECK_EQ(event, SYSCON_POWEROFF);
	wr32(&f, SYSCON, 0x7777);
	CHECK_EQ(event, SYSCON_REBOOT);
	wr32(&f, SYSCON, 42 << 16 | 0x3333);
	CHECK_EQ(event, SYSCON_FAIL);
	CHECK_EQ(code, 42);
	wr(&f, SYSCON, 2, 0x5555);
	CHECK_EQ(event, SYSCON_POWEROFF);
	CHECK_EQ(events, 4);
	wr32(&f, SYSCON, 0x1234);
	wr32(&f, SYSCON + 4, 0x5555);
	wr8(&f, SYSCON, 0x55);
	CHECK_EQ(rd32(&f, SYSCON), 0);
	CHECK_EQ(events, 4);
	fake_fini(&f);
}

TEST_MAIN(
	{ "msip_sets_one_hart", msip_sets_one_hart },
	{ "mtimecmp_is_written_whole_or_in_halves", mtimecmp_is_written_whole_or_in_halves },
	{ "mtime_is_read_and_set_whole_or_in_halves", mtime_is_read_and_set_whole_or_in_halves },
	{ "rtc_tells_the_wall_clock_and_latches", rtc_tells_the_wall_clock_and_latches },
	{ "rtc_alarm_interrupts_when_due", rtc_alarm_interrupts_when_due },
	{ "rtc_alarm_can_be_cleared_masked_and_absurdly_far",
	  rtc_alarm_can_be_cleared_masked_and_absurdly_far },
	{ "rtc_can_be_set_and_the_alarm_follows", rtc_can_be_set_and_the_alarm_follows },
	{ "state_survives_save_and_load", state_survives_save_and_load },
	{ "load_refuses_another_number_of_harts", load_refuses_another_number_of_harts },
	{ "finisher_reports_what_the_guest_asked_for", finisher_reports_what_the_guest_asked_for })
