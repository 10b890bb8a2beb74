/* SPDX-License-Identifier: Apache-2.0 */
/* PCI: what firmware and kernels do to find, size and place devices, INTx,
 * MSI-X, and what a hostile guest tries. */
#include <errno.h>
#include <pthread.h>

#include "dev/pci.h"
#include "dev/platform.h"

#include "fake.h"

#define ECAM 0x30000000ull
#define MMIO32 0x40000000ull
#define MMIO64 0x400000000ull
enum { SIZE32 = 0x40000000, UART = 0x10000000 };
#define SIZE64 0x400000000ull
#define CFG(slot, reg) (ECAM + ((uint64_t)(slot) << 15) + (reg))
enum { COMMAND = 4, STATUS = 6, BAR = 0x10, LINE = 0x3c, PIN = 0x3d };
enum { MEMORY = 2, MASTER = 4, INTX_OFF = 0x400 };
enum { DOORBELL = 0x24000000 };

static struct fake f;
static struct pci_bus *bus;
static struct pci_func *a, *b; /* slots 1 and 2 */

/* A device with one register. */
struct reg {
	uint64_t value;
	unsigned reads, writes;
};

static bool reg_read(void *ctx, uint64_t off, unsigned width, uint64_t *val)
{
	struct reg *r = ctx;

	(void)width;
	r->reads++;
	*val = r->value + off;
	return true;
}

static bool reg_write(void *ctx, uint64_t off, unsigned width, uint64_t val)
{
	struct reg *r = ctx;

	(void)off, (void)width;
	r->writes++;
	r->value = val;
	return true;
}

static const struct mem_mmio_ops reg_ops = { reg_read, reg_write };
static struct reg ra, ra64, rb, doorbell;

static void start_with(unsigned vectors)
{
	struct pci_windows w = { GPA(ECAM), GPA(MMIO32), GPA(MMIO64), SIZE32, SIZE64 };
	struct pci_func_desc d = { 0x1af4, 0x1042, 0x1af4, 0x1100, 1, 0x018000, vectors, "a" };
	struct vm_irq lines[4];
	struct err e;

	fake_init(&f);
	memset(&ra, 0, sizeof(ra)), memset(&rb, 0, sizeof(rb));
	memset(&ra64, 0, sizeof(ra64)), memset(&doorbell, 0, sizeof(doorbell));
	for (unsigned i = 0; i < 4; i++)
		lines[i] = fake_irq(&f, 32 + i);
	bus = pci_bus_create(&f.host, &w, lines, &e);
	CHECK(bus);
	CHECK((a = pci_func_add(bus, &d, &e)));
	d.name = "b";
	CHECK((b = pci_func_add(bus, &d, &e)));
	CHECK_EQ(pci_func_bar(a, 0, 0x1000, false, &reg_ops, &ra, &e), 0);
	CHECK_EQ(pci_func_bar(a, 4, 0x4000, true, &reg_ops, &ra64, &e), 0);
	CHECK_EQ(pci_func_bar(b, 0, 0x10000, false, &reg_ops, &rb, &e), 0);
	CHECK(mem_add_mmio(f.host.mem, GPA(DOORBELL), 0x1000, &reg_ops, &doorbell,
			   MEM_UNLOCKED, "doorbell", &e));
}

static void start(void)
{
	start_with(4);
}

static bool present(uint64_t addr)
{
	uint64_t v;

	return mem_mmio_read(f.host.mem, GPA(addr), 4, &v);
}

static uint8_t find_capability(unsigned slot, uint8_t id)
{
	uint8_t at = rd8(&f, CFG(slot, 0x34));

	for (int i = 0; at && i < 48; i++, at = rd8(&f, CFG(slot, at + 1)))
		if (rd8(&f, CFG(slot, at)) == id)
			return at;
	return 0;
}

static void headers_identify_and_absent_functions_read_ones(void)
{
	start();
	CHECK_EQ(rd32(&f, CFG(0, 0)), 0x00081b36);
	CHECK_EQ(rd32(&f, CFG(0, 8)) >> 8, 0x060000);
	CHECK_EQ(rd32(&f, CFG(1, 0)), 0x10421af4);
	CHECK_EQ(rd32(&f, CFG(1, 8)), 0x01800001);
	CHECK_EQ(rd32(&f, CFG(1, 0x2c)), 0x11001af4);
	CHECK_EQ(rd8(&f, CFG(1, 0x0e)), 0);
	CHECK_EQ(rd8(&f, CFG(1, PIN)), 1);
	CHECK_EQ(rd(&f, CFG(1, 2), 2), 0x1042);
	CHECK_EQ(rd32(&f, CFG(3, 0)), 0xffffffff);
	CHECK_EQ(rd32(&f, CFG(1, 1 << 12)), 0xffffffff); /* function 1 */
	CHECK_EQ(rd32(&f, CFG(31, 0xffc)), 0xffffffff);
	wr32(&f, CFG(3, COMMAND), 0xffffffff);
	wr32(&f, CFG(1, 0), 0x12345678); /* read only */
	CHECK_EQ(rd32(&f, CFG(1, 0)), 0x10421af4);
	fake_fini(&f);
}

static void widths_and_places_that_do_not_exist_are_harmless(void)
{
	start();
	CHECK_EQ(rd(&f, CFG(1, 0), 8), UINT64_MAX);
	wr(&f, CFG(1, 0), 8, UINT64_MAX);
	CHECK_EQ(rd(&f, CFG(1, COMMAND), 2), 0);
	CHECK_EQ(rd32(&f, CFG(1, 0x100)), 0); /* no extended capability */
	CHECK_EQ(rd32(&f, CFG(1, 0xffc)), 0);
	wr32(&f, CFG(1, 0x100), 0xffffffff);
	CHECK_EQ(rd32(&f, CFG(1, 0x100)), 0);
	CHECK(!present(ECAM + (1 << 20)));
	fake_fini(&f);
}

static void bars_are_sized_by_writing_ones(void)
{
	start();
	wr32(&f, CFG(1, BAR), 0xffffffff);
	CHECK_EQ(rd32(&f, CFG(1, BAR)), 0xfffff000);
	wr32(&f, CFG(1, BAR + 4), 0xffffffff); /* MSI-X */
	CHECK_EQ(rd32(&f, CFG(1, BAR + 4)), 0xfffff000);
	wr32(&f, CFG(1, BAR + 8), 0xffffffff); /* none */
	CHECK_EQ(rd32(&f, CFG(1, BAR + 8)), 0);
	wr32(&f, CFG(1, BAR + 16), 0xffffffff);
	wr32(&f, CFG(1, BAR + 20), 0xffffffff);
	CHECK_EQ(rd32(&f, CFG(1, BAR + 16)), 0xffffc00c);
	CHECK_EQ(rd32(&f, CFG(1, BAR + 20)), 0xffffffff);
	wr32(&f, CFG(2, BAR), 0xffffffff);
	CHECK_EQ(rd32(&f, CFG(2, BAR)), 0xffff0000);
	wr32(&f, CFG(1, 0x30), 0xffffffff); /* no expansion ROM */
	CHECK_EQ(rd32(&f, CFG(1, 0x30)), 0);
	fake_fini(&f);
}

static void bars_appear_with_memory_decoding_only(void)
{
	start();
	wr32(&f, CFG(1, BAR), MMIO32 + 0x5000);
	CHECK(!present(MMIO32 + 0x5000));
	wr(&f, CFG(1, COMMAND), 2, MEMORY);
	ra.value = 100;
	CHECK_EQ(rd32(&f, MMIO32 + 0x5008), 108);
	CHECK(!present(MMIO32 + 0x6000));
	wr32(&f, CFG(1, BAR), MMIO32 + 0x9000); /* moved while decoding */
	CHECK(!present(MMIO32 + 0x5000));
	CHECK_EQ(rd32(&f, MMIO32 + 0x9000), 100);
	wr(&f, CFG(1, COMMAND), 2, 0);
	CHECK(!present(MMIO32 + 0x9000));
	fake_fini(&f);
}

static void wide_bar_may_lie_in_either_window(void)
{
	start();
	wr(&f, CFG(1, COMMAND), 2, MEMORY);
	wr32(&f, CFG(1, BAR + 16), 0x8000);
	wr32(&f, CFG(1, BAR + 20), 4);
	CHECK(present(MMIO64 + 0x8000));
	wr32(&f, CFG(1, BAR + 16), MMIO32 + 0x8000);
	CHECK(!present(MMIO64 + 0x8000));
	wr32(&f, CFG(1, BAR + 20), 0);
	CHECK(present(MMIO32 + 0x8000));
	CHECK(present(MMIO32 + 0xbffc));
	CHECK(!present(MMIO32 + 0xc000));
	fake_fini(&f);
}

static void bar_over_ram_devices_or_the_windows_edge_is_not_decoded(void)
{
	static const uint64_t bad[] = {
		FAKE_RAM, ECAM, UART, 0, MMIO32 - 0x1000, MMIO32 + SIZE32, 0xfffff000, DOORBELL,
	};
	struct err e;
	uint32_t v = 0x12345678;

	start();
	CHECK(uart_create(&f.host, "uart0", GPA(UART), chan_null_create(&e), fake_irq(&f, 10), &e));
	CHECK(mem_write(f.host.mem, GPA(FAKE_RAM), &v, 4));
	wr(&f, CFG(1, COMMAND), 2, MEMORY);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		wr32(&f, CFG(1, BAR), (uint32_t)bad[i]);
		mem_mmio_write(f.host.mem, GPA(bad[i] & 0xffffffff), 4, 0);
		CHECK_EQ(ra.writes, 0);
	}
	CHECK(mem_read(f.host.mem, GPA(FAKE_RAM), &v, 4));
	CHECK_EQ(v, 0x12345678);
	/* 64-bit: ends of the windows, and addresses that wrap. */
	wr32(&f, CFG(1, BAR + 16), 0xffffffff);
	wr32(&f, CFG(1, BAR + 20), 0xffffffff);
	CHECK(!present(0xffffffffffffc000));
	wr32(&f, CFG(1, BAR + 16), 0);
	wr32(&f, CFG(1, BAR + 20), 8);
	CHECK(!present(MMIO64 + SIZE64));
	wr32(&f, CFG(1, BAR + 16), 0xffffc000);
	wr32(&f, CFG(1, BAR + 20), 7);
	CHECK(present(MMIO64 + SIZE64 - 4));
	fake_fini(&f);
}

static void two_bars_at_one_place_do_no_harm(void)
{
	start();
	wr(&f, CFG(1, COMMAND), 2, MEMORY);
	wr(&f, CFG(2, COMMAND), 2, MEMORY);
	wr32(&f, CFG(1, BAR), MMIO32);
	wr32(&f, CFG(2, BAR), MMIO32);
	wr32(&f, MMIO32, 1);
	CHECK_EQ(ra.writes + rb.writes, 1);
	wr32(&f, MMIO32 + 0x8000, 1);
	CHECK_EQ(rb.writes, 1);
	wr32(&f, CFG(1, BAR), MMIO32 + 0x100000);
	wr32(&f, MMIO32, 1);
	CHECK_EQ(rb.writes, 2);
	fake_fini(&f);
}

/* A hart reads a BAR without pause while another moves and sizes it. */
static _Atomic bool stop;

static void *reader(void *arg)
{
	uint64_t v;

	(void)arg;
	while (!stop) {
		mem_mmio_read(f.host.mem, GPA(MMIO32), 4, &v);
		mem_mmio_write(f.host.mem, GPA(MMIO32 + 0x1000), 4, 1);
	}
	return NULL;
}

static void bar_moves_and_is_sized_during_accesses(void)
{
	pthread_t t;

	start();
	stop = false;
	CHECK_EQ(pthread_create(&t, NULL, reader, NULL), 0);
	for (int i = 0; i < 3000; i++) {
		wr(&f, CFG(1, COMMAND), 2, MEMORY);
		wr32(&f, CFG(1, BAR), MMIO32);
		wr32(&f, CFG(1, BAR), 0xffffffff);
		CHECK_EQ(rd32(&f, CFG(1, BAR)), 0xfffff000);
		wr32(&f, CFG(1, BAR), MMIO32 + 0x1000);
		wr(&f, CFG(1, COMMAND), 2, 0);
	}
	stop = true;
	pthread_join(t, NULL);
	fake_fini(&f);
}

static void status_shows_capabilities_and_express_endpoint(void)
{
	uint8_t at;

	start();
	CHECK_EQ(rd(&f, CFG(1, STATUS), 2), 0x10);
	at = find_capability(1, 0x10);
	CHECK(at);
	CHECK_EQ(rd(&f, CFG(1, at + 2), 2), 0x92);
	wr(&f, CFG(1, at + 8), 2, 0xffff);
	CHECK_EQ(rd(&f, CFG(1, at + 8), 2), 0x7fff);
	wr32(&f, CFG(1, at), 0xffffffff); /* id and next are read only */
	CHECK_EQ(rd8(&f, CFG(1, at)), 0x10);
	at = find_capability(1, 0x11);
	CHECK(at);
	CHECK_EQ(rd(&f, CFG(1, at + 2), 2), 3);
	CHECK_EQ(rd32(&f, CFG(1, at + 4)), 1);
	CHECK_EQ(rd32(&f, CFG(1, at + 8)), 0x801);
	fake_fini(&f);
}

static void capability_mask_and_hook_rule_accesses(void)
{
	uint8_t body[6] = { 6, 5, 4, 3, 2, 1 }, mask[6] = { 0, 0, 0xff, 0x0f, 0, 0 };
	struct err e;
	int at;

	start();
	at = pci_func_capability(a, 9, body, 6, mask, &e);
	CHECK(at > 0 && at % 4 == 0);
	CHECK_EQ(find_capability(1, 9), at);
	wr32(&f, CFG(1, at + 4), 0xffffffff);
	CHECK_EQ(rd32(&f, CFG(1, at + 4)), 0x01020fff);
	CHECK_EQ(rd(&f, CFG(1, at + 2), 2), 0x0506);
	while (pci_func_capability(a, 9, body, 6, mask, &e) > 0) /* until full */
		;
	CHECK_EQ(e.code, ENOSPC);
	fake_fini(&f);
}

static void intx_is_swizzled_shared_and_disabled(void)
{
	start();
	pci_func_intx(a, true);
	CHECK(f.line[33]); /* slot 1 -> line 1 */
	CHECK_EQ(rd(&f, CFG(1, STATUS), 2), 0x18);
	wr(&f, CFG(1, COMMAND), 2, INTX_OFF);
	CHECK(!f.line[33]);
	CHECK_EQ(rd(&f, CFG(1, STATUS), 2), 0x18);
	wr(&f, CFG(1, COMMAND), 2, 0);
	CHECK(f.line[33]);
	pci_func_intx(a, false);
	CHECK(!f.line[33]);
	pci_func_intx(b, true);
	CHECK(f.line[34]);
	/* Slot 5 shares line 1 with slot 1. */
	struct pci_func_desc d = { .vendor = 1, .name = "more" };
	struct pci_func *g = NULL;
	struct err e;

	for (int i = 0; i < 3; i++)
		g = pci_func_add(bus, &d, &e);
	CHECK_EQ(pci_func_slot(g), 5);
	pci_func_intx(a, true);
	pci_func_intx(g, true);
	pci_func_intx(a, false);
	CHECK(f.line[33]);
	pci_func_intx(g, false);
	CHECK(!f.line[33]);
	fake_fini(&f);
}

static void bus_takes_31_functions(void)
{
	struct pci_func_desc d = { .vendor = 1, .name = "more" };
	struct err e;

	start();
	for (int i = 2; i < PCI_FUNC_MAX; i++)
		CHECK(pci_func_add(bus, &d, &e));
	CHECK(!pci_func_add(bus, &d, &e));
	fake_fini(&f);
}

/* ---- MSI-X ------------------------------------------------------------------- */

#define TABLE(n) (MMIO32 + 0x1000 + 16 * (n))
#define PBA (MMIO32 + 0x1800)

static uint8_t msix;

static void vector(unsigned n, uint64_t addr, uint32_t data, bool masked)
{
	wr32(&f, TABLE(n), (uint32_t)addr);
	wr32(&f, TABLE(n) + 4, (uint32_t)(addr >> 32));
	wr32(&f, TABLE(n) + 8, data);
	wr32(&f, TABLE(n) + 12, masked);
}

static void start_msix(void)
{
	start();
	wr32(&f, CFG(1, BAR + 4), MMIO32 + 0x1000);
	wr(&f, CFG(1, COMMAND), 2, MEMORY | MASTER);
	msix = find_capability(1, 0x11);
	CHECK_EQ(rd32(&f, TABLE(0) + 12), 1); /* masked at first */
	vector(0, DOORBELL, 77, false);
	wr(&f, CFG(1, msix + 2), 2, 0x8000);
}

static void msix_writes_the_message(void)
{
	start_msix();
	pci_func_msix_send(a, 0);
	CHECK_EQ(doorbell.writes, 1);
	CHECK_EQ(doorbell.value, 77);
	vector(1, FAKE_RAM + 8, 0xdeadbeef, false);
	pci_func_msix_send(a, 1);
	uint32_t v;
	CHECK(mem_read(f.host.mem, GPA(FAKE_RAM + 8), &v, 4));
	CHECK_EQ(v, 0xdeadbeef);
	pci_func_msix_send(a, 4); /* no such vector */
	pci_func_msix_send(a, 0xffff);
	CHECK_EQ(doorbell.writes, 1);
	fake_fini(&f);
}

static void masked_vector_waits_as_pending(void)
{
	start_msix();
	wr32(&f, TABLE(0) + 12, 1);
	pci_func_msix_send(a, 0);
	pci_func_msix_send(a, 0);
	CHECK_EQ(doorbell.writes, 0);
	CHECK_EQ(rd(&f, PBA, 8), 1);
	wr32(&f, PBA, 0); /* read only */
	CHECK_EQ(rd32(&f, PBA), 1);
	wr32(&f, TABLE(0) + 12, 0);
	CHECK_EQ(doorbell.writes, 1);
	CHECK_EQ(rd32(&f, PBA), 0);
	fake_fini(&f);
}

static void function_mask_holds_all_vectors(void)
{
	start_msix();
	vector(2, DOORBELL, 99, false);
	wr(&f, CFG(1, msix + 2), 2, 0xc000);
	pci_func_msix_send(a, 0);
	pci_func_msix_send(a, 2);
	CHECK_EQ(doorbell.writes, 0);
	CHECK_EQ(rd32(&f, PBA), 5);
	wr(&f, CFG(1, msix + 2), 2, 0x8000);
	CHECK_EQ(doorbell.writes, 2);
	CHECK_EQ(rd32(&f, PBA), 0);
	fake_fini(&f);
}

static void msix_needs_enable_and_bus_master(void)
{
	start_msix();
	wr(&f, CFG(1, COMMAND), 2, MEMORY);
	pci_func_msix_send(a, 0);
	wr(&f, CFG(1, COMMAND), 2, MEMORY | MASTER);
	wr(&f, CFG(1, msix + 2), 2, 0);
	CHECK(!pci_func_msix_enabled(a));
	pci_func_msix_send(a, 0);
	CHECK_EQ(doorbell.writes, 0);
	pci_func_intx(a, true);
	CHECK(f.line[33]);
	wr(&f, CFG(1, msix + 2), 2, 0x8000); /* MSI-X silences INTx */
	CHECK(!f.line[33]);
	fake_fini(&f);
}

static void messages_to_wild_addresses_do_nothing(void)
{
	static const uint64_t wild[] = {
		0, 0x1000, UINT64_MAX - 3, 0xfffffffffffff000, FAKE_RAM + FAKE_RAM_SIZE,
		FAKE_RAM + FAKE_RAM_SIZE - 2, FAKE_RAM - 4, MMIO32 + 0x1000, MMIO32 + 0x100c,
		MMIO32 + 0x1800, ECAM + 0x8004, UART, MMIO64,
	};
	struct err e;

	start_msix();
	CHECK(uart_create(&f.host, "uart0", GPA(UART), chan_null_create(&e), fake_irq(&f, 10), &e));
	lock_take(f.host.io); /* as a device that completes I/O */
	for (unsigned i = 0; i < ARRAY_LEN(wild); i++) {
		lock_drop(f.host.io);
		vector(1, wild[i], 0xffffffff, false);
		lock_take(f.host.io);
		pci_func_msix_send(a, 1);
	}
	lock_drop(f.host.io);
	CHECK_EQ(rd(&f, CFG(1, COMMAND), 2), MEMORY | MASTER);
	CHECK_EQ(rd32(&f, TABLE(0) + 8), 77);
	fake_fini(&f);
}

static void table_takes_any_access_width(void)
{
	start_msix();
	wr(&f, TABLE(3), 8, 0x1122334455667788);
	CHECK_EQ(rd(&f, TABLE(3), 8), 0x1122334455667788);
	wr(&f, TABLE(3) + 8, 8, 0xffffffff00000005);
	CHECK_EQ(rd32(&f, TABLE(3) + 8), 5);
	CHECK_EQ(rd32(&f, TABLE(3) + 12), 1);
	wr8(&f, TABLE(3), 0xff);
	CHECK_EQ(rd32(&f, TABLE(3)), 0x55667788);
	wr(&f, TABLE(4), 8, UINT64_MAX); /* beyond the table */
	CHECK_EQ(rd(&f, TABLE(4), 8), 0);
	CHECK_EQ(rd(&f, MMIO32 + 0x1ff8, 8), 0);
	wr32(&f, TABLE(3), 0x1003); /* address bits 1..0 are zero */
	CHECK_EQ(rd32(&f, TABLE(3)), 0x1000);
	fake_fini(&f);
}

/* ---- state ---------------------------------------------------------------------- */

static void spoil(struct fake *fk)
{
	vm_host_reset(&fk->host);
	CHECK(!fk->line[33] && !present(MMIO32 + 0x1000));
	wr32(fk, CFG(2, BAR), MMIO32);
	wr(fk, CFG(2, COMMAND), 2, MEMORY);
}

static void state_survives_save_and_load(void)
{
	start_msix();
	wr32(&f, TABLE(0) + 12, 1);
	pci_func_msix_send(a, 0);
	wr32(&f, CFG(2, BAR), MMIO32 + 0x20000);
	wr(&f, CFG(2, COMMAND), 2, MEMORY);
	pci_func_intx(b, true);
	check_round_trip(&f, spoil);
	CHECK(f.line[34]);
	CHECK(present(MMIO32 + 0x20000) && !present(MMIO32));
	wr32(&f, TABLE(0) + 12, 0);
	CHECK_EQ(doorbell.value, 77);
	fake_fini(&f);
}

static void load_takes_only_what_a_guest_could_have_written(void)
{
	struct ser_writer w;
	struct ser_reader r;

	start_msix();
	ser_writer_init(&w);
	vm_host_save(&f.host, &w);
	memset(w.buf + 28 + 4 + 258 + 4, 0xff, 252); /* slot 1, after the identity */
	ser_reader_init(&r, w.buf, w.len);
	vm_host_load(&f.host, &r);
	CHECK_EQ(ser_error(&r, NULL), 0);
	CHECK_EQ(rd8(&f, CFG(1, PIN)), 1);
	CHECK_EQ(rd8(&f, CFG(1, msix)), 0x11);
	CHECK_EQ(rd(&f, CFG(1, COMMAND), 2), 0x547);
	w.buf[28 + 4 + 258] ^= 1; /* another vendor */
	ser_reader_init(&r, w.buf, w.len);
	vm_host_load(&f.host, &r);
	CHECK(r.err.code);
	ser_writer_fini(&w);
	fake_fini(&f);
}

TEST_MAIN(
	{ "headers_identify_and_absent_functions_read_ones",
	  headers_identify_and_absent_functions_read_ones },
	{ "widths_and_places_that_do_not_exist_are_harmless",
	  widths_and_places_that_do_not_exist_are_harmless },
	{ "bars_are_sized_by_writing_ones", bars_are_sized_by_writing_ones },
	{ "bars_appear_with_memory_decoding_only", bars_appear_with_memory_decoding_only },
	{ "wide_bar_may_lie_in_either_window", wide_bar_may_lie_in_either_window },
	{ "bar_over_ram_devices_or_the_windows_edge_is_not_decoded",
	  bar_over_ram_devices_or_the_windows_edge_is_not_decoded },
	{ "two_bars_at_one_place_do_no_harm", two_bars_at_one_place_do_no_harm },
	{ "bar_moves_and_is_sized_during_accesses", bar_moves_and_is_sized_during_accesses },
	{ "status_shows_capabilities_and_express_endpoint",
	  status_shows_capabilities_and_express_endpoint },
	{ "capability_mask_and_hook_rule_accesses", capability_mask_and_hook_rule_accesses },
	{ "intx_is_swizzled_shared_and_disabled", intx_is_swizzled_shared_and_disabled },
	{ "bus_takes_31_functions", bus_takes_31_functions },
	{ "msix_writes_the_message", msix_writes_the_message },
	{ "masked_vector_waits_as_pending", masked_vector_waits_as_pending },
	{ "function_mask_holds_all_vectors", function_mask_holds_all_vectors },
	{ "msix_needs_enable_and_bus_master", msix_needs_enable_and_bus_master },
	{ "messages_to_wild_addresses_do_nothing", messages_to_wild_addresses_do_nothing },
	{ "table_takes_any_access_width", table_takes_any_access_width },
	{ "state_survives_save_and_load", state_survives_save_and_load },
	{ "load_takes_only_what_a_guest_could_have_written",
	  load_takes_only_what_a_guest_could_have_written })
