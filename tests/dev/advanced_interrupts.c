/* SPDX-License-Identifier: Apache-2.0 */
/* AIA: IMSIC pages, APLIC domains with messages and with direct delivery. */
#include "dev/pci.h"
#include "dev/platform.h"

#include "fake.h"

enum {
	M = 0xc000000, S = 0xd000000, IMSIC_M = 0x24000000, IMSIC_S = 0x28000000, HARTS = 4,
	DOMAINCFG = 0, SETIP = 0x1c00, SETIPNUM = 0x1cdc, IN_CLRIP = 0x1d00, CLRIPNUM = 0x1ddc,
	SETIE = 0x1e00, SETIENUM = 0x1edc, CLRIENUM = 0x1fdc, SETIPNUM_LE = 0x2000,
	SETIPNUM_BE = 0x2004, GENMSI = 0x3000,
	IE = 0x100, DM = 4, EDGE1 = 4, EDGE0 = 5, LEVEL1 = 6, LEVEL0 = 7, DETACHED = 1,
	DELEGATE = 0x400,
};
#define SOURCECFG(s) (4 * (s))
#define TARGET(s) (0x3000 + 4 * (s))
#define IDC(h) (0x4000 + 32 * (h))

static struct fake f;
static struct aplic *aplic;
static bool out[HARTS][2];
static struct {
	unsigned count, hart;
	bool m_level;
	uint32_t id;
} got;

static void output(void *ctx, unsigned hart, bool m_level, bool level)
{
	(void)ctx;
	out[hart][!m_level] = level;
}

static void message(void *ctx, unsigned hart, bool m_level, uint32_t id)
{
	(void)ctx;
	got.count++;
	got.hart = hart;
	got.m_level = m_level;
	got.id = id;
}

static void start(bool has_m, bool msi, bool direct)
{
	struct imsic_ops ops = { message, NULL };
	struct aplic_desc d = { .harts = HARTS, .has_m = has_m, .base_m = GPA(M),
				.base_s = GPA(S) };
	struct err e;

	fake_init(&f);
	memset(out, 0, sizeof(out));
	memset(&got, 0, sizeof(got));
	if (has_m)
		d.imsic_m = imsic_create(&f.host, GPA(IMSIC_M), HARTS, true, &ops, &e);
	if (msi)
		d.imsic_s = imsic_create(&f.host, GPA(IMSIC_S), HARTS, false, &ops, &e);
	CHECK(!has_m || d.imsic_m);
	CHECK(!msi || d.imsic_s);
	d.output = direct ? output : NULL;
	CHECK((aplic = aplic_create(&f.host, &d, &e)));
}

static void set(unsigned source, bool level)
{
	struct vm_irq irq = aplic_irq(aplic, source);

	vm_irq_set(&irq, level);
}

static void source(uint64_t base, unsigned s, unsigned mode, uint32_t target)
{
	wr32(&f, base + SOURCECFG(s), mode);
	wr32(&f, base + TARGET(s), target);
	wr32(&f, base + SETIENUM, s);
}

static void check_message(unsigned count, unsigned hart, uint32_t id)
{
	CHECK_EQ(got.count, count);
	CHECK_EQ(got.hart, hart);
	CHECK_EQ(got.id, id);
}

static void page_write_reaches_its_hart(void)
{
	start(true, true, false);
	wr32(&f, IMSIC_S + 0x2000, 77);
	check_message(1, 2, 77);
	CHECK(!got.m_level);
	wr32(&f, IMSIC_M + 0x1004, 0x05000000); /* big-endian */
	check_message(2, 1, 5);
	CHECK(got.m_level);
	CHECK_EQ(rd32(&f, IMSIC_S), 0);
	wr32(&f, IMSIC_S, 0);
	wr32(&f, IMSIC_S, IMSIC_IDS + 1);
	wr32(&f, IMSIC_S, 0xffffffff);
	wr32(&f, IMSIC_S + 8, 3);
	CHECK_EQ(got.count, 2);
	fake_fini(&f);
}

static void msix_of_a_pci_function_arrives_at_the_hart(void)
{
	struct pci_windows w = { GPA(0x30000000), GPA(0x40000000), GPA(0x400000000),
				 0x40000000, 0x400000000 };
	struct pci_func_desc d = { .vendor = 1, .device = 2, .msix_vectors = 2, .name = "fn" };
	struct vm_irq none[4] = { { 0 } };
	struct pci_func *fn;
	struct err e;

	start(false, true, false);
	fn = pci_func_add(pci_bus_create(&f.host, &w, none, &e), &d, &e);
	CHECK(fn);
	wr32(&f, 0x30008014, 0x40000000);
	wr(&f, 0x30008004, 2, 6);
	for (unsigned at = rd8(&f, 0x30008034); at; at = rd8(&f, 0x30008000 + at + 1))
		if (rd8(&f, 0x30008000 + at) == 0x11)
			wr(&f, 0x30008000 + at + 2, 2, 0x8000);
	wr32(&f, 0x40000010, IMSIC_S + 0x3000);
	wr32(&f, 0x40000018, 42);
	wr32(&f, 0x4000001c, 0);
	lock_take(f.host.io);
	pci_func_msix_send(fn, 1);
	lock_drop(f.host.io);
	check_message(1, 3, 42);
	fake_fini(&f);
}

static void edge_source_sends_one_message_per_edge(void)
{
	start(false, true, false);
	CHECK_EQ(rd32(&f, S + DOMAINCFG), 0x80000004);
	source(S, 10, EDGE1, 2u << 18 | 33);
	set(10, true);
	CHECK_EQ(got.count, 0); /* IE is off */
	CHECK_EQ(rd32(&f, S + SETIP), 1 << 10);
	wr32(&f, S + DOMAINCFG, IE | DM);
	check_message(1, 2, 33);
	CHECK_EQ(rd32(&f, S + SETIP), 0);
	set(10, false);
	set(10, true);
	CHECK_EQ(got.count, 2);
	wr32(&f, S + CLRIENUM, 10);
	set(10, false);
	set(10, true);
	CHECK_EQ(got.count, 2);
	wr32(&f, S + SETIENUM, 10);
	CHECK_EQ(got.count, 3);
	source(S, 11, EDGE0, 1u << 18 | 34);
	set(11, true);
	CHECK_EQ(got.count, 3);
	set(11, false);
	check_message(4, 1, 34);
	fake_fini(&f);
}

static void level_source_sends_again_when_asked_while_high(void)
{
	start(false, true, false);
	wr32(&f, S + DOMAINCFG, IE | DM);
	source(S, 33, LEVEL1, 0u << 18 | 7);
	set(33, true);
	check_message(1, 0, 7);
	CHECK_EQ(rd32(&f, S + IN_CLRIP + 4), 2);
	wr32(&f, S + SETIPNUM_LE, 33); /* what a driver does at the end */
	CHECK_EQ(got.count, 2);
	set(33, false);
	wr32(&f, S + SETIPNUM_LE, 33);
	wr32(&f, S + SETIPNUM_BE, 33u << 24);
	wr32(&f, S + SETIP + 4, 2);
	CHECK_EQ(got.count, 2);
	CHECK_EQ(rd32(&f, S + IN_CLRIP + 4), 0);
	set(33, true);
	CHECK_EQ(got.count, 3);
	fake_fini(&f);
}

static void level_that_falls_before_delivery_is_not_pending(void)
{
	start(false, true, false);
	source(S, 5, LEVEL1, 9);
	set(5, true);
	CHECK_EQ(rd32(&f, S + SETIP), 1 << 5);
	set(5, false);
	CHECK_EQ(rd32(&f, S + SETIP), 0);
	source(S, 6, LEVEL0, 9);
	CHECK_EQ(rd32(&f, S + SETIP), 1 << 6);
	fake_fini(&f);
}

static void detached_source_is_set_by_registers_only(void)
{
	start(false, true, false);
	wr32(&f, S + DOMAINCFG, IE | DM);
	source(S, 95, DETACHED, 3u << 18 | 12);
	set(95, true);
	CHECK_EQ(rd32(&f, S + IN_CLRIP + 8), 1u << 31); /* the wire can be read */
	CHECK_EQ(got.count, 0);
	wr32(&f, S + SETIPNUM, 95);
	check_message(1, 3, 12);
	fake_fini(&f);
}

static void root_delegates_to_the_child(void)
{
	start(true, true, false);
	/* Not delegated: the child sees nothing. */
	wr32(&f, S + SOURCECFG(10), LEVEL1);
	CHECK_EQ(rd32(&f, S + SOURCECFG(10)), 0);
	wr32(&f, M + SOURCECFG(10), DELEGATE);
	CHECK_EQ(rd32(&f, M + SOURCECFG(10)), DELEGATE);
	/* Addresses as firmware configures them: 4 harts, pages of 4 KiB. */
	wr32(&f, M + 0x1bc0, IMSIC_M >> 12);
	wr32(&f, M + 0x1bc4, 2 << 12);
	wr32(&f, M + 0x1bc8, IMSIC_S >> 12);
	wr32(&f, M + 0x1bcc, 0);
	wr32(&f, S + DOMAINCFG, IE | DM);
	source(S, 10, LEVEL1, 3u << 18 | 20);
	CHECK_EQ(rd32(&f, S + SOURCECFG(10)), LEVEL1);
	set(10, true);
	check_message(1, 3, 20);
	CHECK(!got.m_level);
	/* The root takes it back. */
	wr32(&f, M + DOMAINCFG, IE | DM);
	source(M, 10, LEVEL1, 1u << 18 | 21);
	check_message(2, 1, 21);
	CHECK(got.m_level);
	CHECK_EQ(rd32(&f, S + SOURCECFG(10)), 0);
	CHECK_EQ(rd32(&f, S + SETIE), 0);
	CHECK_EQ(rd32(&f, S + 0x1bc8), 0); /* the child has no address registers */
	fake_fini(&f);
}

static void address_registers_can_be_locked(void)
{
	start(true, true, false);
	wr32(&f, M + 0x1bc0, 0x24000);
	wr32(&f, M + 0x1bc4, 0x80000000 | 2 << 12);
	wr32(&f, M + 0x1bc0, 0);
	wr32(&f, M + 0x1bc4, 0);
	CHECK_EQ(rd32(&f, M + 0x1bc0), 0x24000);
	CHECK_EQ(rd32(&f, M + 0x1bc4), 0x80002000);
	fake_fini(&f);
}

static void messages_to_wild_addresses_do_nothing(void)
{
	uint64_t seed = 3;

	start(true, true, false);
	wr32(&f, M + DOMAINCFG, IE | DM);
	source(M, 1, DETACHED, 0);
	for (int i = 0; i < 2000; i++) {
		wr32(&f, M + 0x1bc0, (uint32_t)test_random(&seed) | 0x80000000);
		wr32(&f, M + 0x1bc4, (uint32_t)test_random(&seed) & 0x7fffffff);
		wr32(&f, M + TARGET(1), (uint32_t)test_random(&seed));
		wr32(&f, M + SETIPNUM, 1);
		wr32(&f, M + GENMSI, (uint32_t)test_random(&seed));
	}
	CHECK_EQ(got.count, 0);
	/* At its own register: no message makes another. */
	wr32(&f, M + 0x1bc0, (M + SETIPNUM_LE) >> 12);
	wr32(&f, M + 0x1bc4, 0);
	wr32(&f, M + TARGET(1), 1);
	wr32(&f, M + SETIPNUM, 1);
	CHECK_EQ(got.count, 0);
	fake_fini(&f);
}

static void genmsi_sends_at_once(void)
{
	start(false, true, false);
	wr32(&f, S + GENMSI, 2u << 18 | 99);
	check_message(1, 2, 99);
	wr32(&f, S + GENMSI, (uint32_t)HARTS << 18 | 99);
	CHECK_EQ(got.count, 1);
	fake_fini(&f);
}

static void direct_delivery_claims_by_priority_and_threshold(void)
{
	start(false, false, true);
	wr32(&f, S + DOMAINCFG, IE | DM);
	CHECK_EQ(rd32(&f, S + DOMAINCFG), 0x80000100);
	source(S, 10, EDGE1, 1u << 18 | 5);
	source(S, 11, EDGE1, 1u << 18 | 3);
	source(S, 12, LEVEL1, 1u << 18); /* priority 0 becomes 1 */
	CHECK_EQ(rd32(&f, S + TARGET(12)), 1u << 18 | 1);
	set(10, true), set(11, true), set(12, true);
	CHECK(!out[1][1]);
	wr32(&f, S + IDC(1), 1);
	CHECK(out[1][1] && !out[0][1] && !out[1][0]);
	CHECK_EQ(rd32(&f, S + IDC(1) + 0x1c), 12 << 16 | 1);
	CHECK_EQ(rd32(&f, S + IDC(1) + 0x1c), 12 << 16 | 1); /* the level stays */
	set(12, false);
	CHECK_EQ(rd32(&f, S + IDC(1) + 0x18), 11 << 16 | 3);
	wr32(&f, S + IDC(1) + 8, 3);
	CHECK_EQ(rd32(&f, S + IDC(1) + 0x18), 0);
	CHECK(!out[1][1]);
	wr32(&f, S + IDC(1) + 8, 0);
	CHECK_EQ(rd32(&f, S + IDC(1) + 0x1c), 11 << 16 | 3);
	CHECK_EQ(rd32(&f, S + IDC(1) + 0x1c), 10 << 16 | 5);
	CHECK(!out[1][1]);
	wr32(&f, S + IDC(1) + 4, 1); /* forced, spurious */
	CHECK(out[1][1]);
	CHECK_EQ(rd32(&f, S + IDC(1) + 0x1c), 0);
	CHECK(!out[1][1]);
	fake_fini(&f);
}

static void bad_sources_modes_and_widths_are_harmless(void)
{
	uint64_t v;

	start(true, true, false);
	wr32(&f, M + SOURCECFG(1), 2); /* reserved mode */
	CHECK_EQ(rd32(&f, M + SOURCECFG(1)), 0);
	wr32(&f, M + SOURCECFG(96), LEVEL1);
	CHECK_EQ(rd32(&f, M + SOURCECFG(96)), 0);
	for (unsigned i = 0; i < 3; i++) {
		static const uint32_t bad[] = { 0, 96, 0xffffffff };

		wr32(&f, M + SETIPNUM, bad[i]), wr32(&f, M + SETIENUM, bad[i]);
		wr32(&f, M + CLRIPNUM, bad[i]), wr32(&f, M + CLRIENUM, bad[i]);
	}
	wr32(&f, M + SETIE, 0xffffffff);
	CHECK_EQ(rd32(&f, M + SETIE), 0);
	wr32(&f, M + TARGET(2), 0xffffffff); /* inactive */
	CHECK_EQ(rd32(&f, M + TARGET(2)), 0);
	wr32(&f, S + SOURCECFG(3), DELEGATE); /* no grandchild */
	CHECK_EQ(rd32(&f, S + SOURCECFG(3)), 0);
	CHECK(!mem_mmio_read(f.host.mem, GPA(M), 8, &v));
	CHECK(!mem_mmio_write(f.host.mem, GPA(IMSIC_S), 1, 1));
	fake_fini(&f);
}

static void spoil(struct fake *fk)
{
	vm_host_reset(&fk->host);
	wr32(fk, M + SOURCECFG(10), EDGE1);
	wr32(fk, M + SOURCECFG(11), DELEGATE);
	wr32(fk, S + SOURCECFG(11), LEVEL0);
	wr32(fk, M + 0x1bc4, 0x80000000);
}

static void state_survives_save_and_load(void)
{
	uint64_t seed = 11;

	start(true, true, true);
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 60; i++) {
			uint64_t x = test_random(&seed), base = x & 1 ? M : S;
			unsigned s = 1 + (x >> 8) % 95;

			switch (x >> 60 & 7) {
			case 0: set(s, x & 2); break;
			case 1: wr32(&f, base + SOURCECFG(s), x & 2 ? DELEGATE : x >> 20 & 7); break;
			case 2: wr32(&f, base + TARGET(s), (uint32_t)(x >> 20)); break;
			case 3: wr32(&f, base + SETIENUM, s); break;
			case 4: wr32(&f, base + SETIPNUM, s); break;
			case 5: wr32(&f, base + DOMAINCFG, x >> 20 & 0x104); break;
			case 6: wr32(&f, base + IDC(x >> 30 & 3) + (x >> 32 & 12), 1); break;
			case 7: wr32(&f, base + 0x1bc0 + (x >> 30 & 12), x >> 20 & 0x7fffffff); break;
			}
		}
		bool before[HARTS][2];
		unsigned count;

		memcpy(before, out, sizeof(out));
		count = got.count;
		check_round_trip(&f, spoil);
		CHECK(!memcmp(before, out, sizeof(out)));
		CHECK_EQ(got.count, count); /* loading sends nothing */
	}
	fake_fini(&f);
}

TEST_MAIN(
	{ "page_write_reaches_its_hart", page_write_reaches_its_hart },
	{ "msix_of_a_pci_function_arrives_at_the_hart",
	  msix_of_a_pci_function_arrives_at_the_hart },
	{ "edge_source_sends_one_message_per_edge", edge_source_sends_one_message_per_edge },
	{ "level_source_sends_again_when_asked_while_high",
	  level_source_sends_again_when_asked_while_high },
	{ "level_that_falls_before_delivery_is_not_pending",
	  level_that_falls_before_delivery_is_not_pending },
	{ "detached_source_is_set_by_registers_only", detached_source_is_set_by_registers_only },
	{ "root_delegates_to_the_child", root_delegates_to_the_child },
	{ "address_registers_can_be_locked", address_registers_can_be_locked },
	{ "messages_to_wild_addresses_do_nothing", messages_to_wild_addresses_do_nothing },
	{ "genmsi_sends_at_once", genmsi_sends_at_once },
	{ "direct_delivery_claims_by_priority_and_threshold",
	  direct_delivery_claims_by_priority_and_threshold },
	{ "bad_sources_modes_and_widths_are_harmless",
	  bad_sources_modes_and_widths_are_harmless },
	{ "state_survives_save_and_load", state_survives_save_and_load })
