/* SPDX-License-Identifier: Apache-2.0 */
/* RAM spans, MMIO decoding, and the addresses that a guest would try. */
#include "mem/mem.h"
#include "tests/test.h"

enum { BASE = 0x80000000, SIZE = 1 << 20 };

static struct mem *m;
static uint64_t last_off, last_val;
static unsigned last_width;

static bool dev_read(void *ctx, uint64_t off, unsigned width, uint64_t *val)
{
	(void)ctx;
	last_off = off;
	last_width = width;
	*val = ~0ull;
	return off != 0x40;
}

static bool dev_write(void *ctx, uint64_t off, unsigned width, uint64_t val)
{
	(void)ctx;
	last_off = off;
	last_width = width;
	last_val = val;
	return true;
}

static const struct mem_mmio_ops ops = { dev_read, dev_write };

static void setup(void)
{
	m = mem_create(NULL);
	CHECK(m && !mem_add_ram(m, GPA(BASE), SIZE, "ram", NULL));
}

static void spans_outside_ram_have_no_pointer(void)
{
	setup();
	CHECK(mem_ptr(m, GPA(BASE), SIZE));
	CHECK(!mem_ptr(m, GPA(BASE), SIZE + 1));
	CHECK(!mem_ptr(m, GPA(BASE), 0));
	CHECK(!mem_ptr(m, GPA(BASE - 1), 2));
	CHECK(!mem_ptr(m, GPA(BASE + SIZE - 1), 2));
	CHECK(mem_ptr(m, GPA(BASE + SIZE - 1), 1));
	CHECK(!mem_ptr(m, GPA(BASE + 8), ~0ull));
	CHECK(!mem_ptr(m, GPA(~0ull), 16));
	CHECK(!mem_ptr(m, GPA(0), 1));
	mem_destroy(m);
}

static void rom_reads_but_gives_no_write_pointer(void)
{
	uint32_t v = 0x12345678;

	setup();
	CHECK(!mem_add_rom(m, GPA(0x1000), 0x1000, "rom", NULL));
	CHECK(mem_write(m, GPA(0x1000), &v, 4));
	v = 0;
	CHECK(mem_read(m, GPA(0x1000), &v, 4) && v == 0x12345678);
	CHECK(!mem_ptr(m, GPA(0x1000), 4));
	mem_destroy(m);
}

static void writes_set_dirty_bits(void)
{
	char buf[3] = "abc";

	setup();
	CHECK(mem_write(m, GPA(BASE + 0xfff), buf, 3));
	CHECK_EQ(mem_ram_at(m, 0)->dirty[0], 3);
	mem_mark_dirty(m, GPA(BASE + SIZE - 1), 1);
	CHECK_EQ(mem_ram_at(m, 0)->dirty[3], 1ull << 63);
	mem_destroy(m);
}

static void mmio_is_decoded_by_width_and_range(void)
{
	uint64_t v;
	struct mem_mmio *r;

	setup();
	r = mem_add_mmio(m, GPA(0x10000), 0x100, &ops, NULL, 0, "dev", NULL);
	CHECK(r && mem_mmio_read(m, GPA(0x10010), 2, &v));
	CHECK(last_off == 0x10 && last_width == 2 && v == 0xffff);
	CHECK(!mem_mmio_read(m, GPA(0x10011), 2, &v));
	CHECK(!mem_mmio_read(m, GPA(0x10100), 1, &v));
	CHECK(!mem_mmio_read(m, GPA(0x10040), 4, &v));
	CHECK(mem_mmio_write(m, GPA(0x100f8), 8, 5) && last_val == 5);
	mem_move_mmio(m, r, GPA(0x20000), true);
	CHECK(!mem_mmio_read(m, GPA(0x10000), 4, &v));
	CHECK(mem_mmio_read(m, GPA(0x20000), 4, &v));
	mem_move_mmio(m, r, GPA(~0ull - 0x7f), true); /* wraps: not decoded */
	CHECK(!mem_mmio_read(m, GPA(~0ull - 0x7f), 4, &v));
	mem_move_mmio(m, r, GPA(0x20000), false);
	CHECK(!mem_mmio_read(m, GPA(0x20000), 4, &v));
	mem_destroy(m);
}

static void messages_reach_only_ram_and_unlocked_devices(void)
{
	uint32_t v;

	setup();
	CHECK(mem_add_mmio(m, GPA(0x10000), 0x100, &ops, NULL, 0, "locked", NULL));
	CHECK(mem_add_mmio(m, GPA(0x20000), 0x100, &ops, NULL, MEM_UNLOCKED, "msi", NULL));
	lock_take(mem_io_lock(m));
	CHECK(!mem_dma_write32(m, GPA(0x10000), 1));
	CHECK(mem_dma_write32(m, GPA(0x20004), 77) && last_val == 77);
	CHECK(mem_dma_write32(m, GPA(BASE + 4), 99));
	CHECK(!mem_dma_write32(m, GPA(BASE + 2), 99));
	CHECK(!mem_dma_write32(m, GPA(0x5000), 1));
	lock_drop(mem_io_lock(m));
	CHECK(mem_read(m, GPA(BASE + 4), &v, 4) && v == 99);
	mem_destroy(m);
}

static void ram_round_trips_through_a_section(void)
{
	struct ser_writer w;
	struct ser_reader r;
	uint64_t v = 42;

	setup();
	ser_writer_init(&w);
	mem_write(m, GPA(BASE), &v, 8);
	mem_write(m, GPA(BASE + SIZE - 8), &v, 8);
	mem_save(m, &w);
	CHECK(w.len < 3 * 4096);
	mem_destroy(m);
	setup();
	v = 1;
	mem_write(m, GPA(BASE + 0x5000), &v, 8);
	ser_reader_init(&r, w.buf, w.len);
	mem_load(m, &r);
	CHECK_EQ(ser_error(&r, NULL), 0);
	CHECK(mem_read(m, GPA(BASE + SIZE - 8), &v, 8) && v == 42);
	CHECK(mem_read(m, GPA(BASE + 0x5000), &v, 8) && v == 0);
	w.buf[28 + 4 + 16] = 0xff; /* first page of the first run */
	w.buf[28 + 4 + 17] = 0xff;
	ser_reader_init(&r, w.buf, w.len);
	mem_load(m, &r);
	CHECK(ser_error(&r, NULL) < 0);
	ser_writer_fini(&w);
	mem_destroy(m);
}

TEST_MAIN({ "spans_outside_ram_have_no_pointer", spans_outside_ram_have_no_pointer },
	  { "rom_reads_but_gives_no_write_pointer", rom_reads_but_gives_no_write_pointer },
	  { "writes_set_dirty_bits", writes_set_dirty_bits },
	  { "mmio_is_decoded_by_width_and_range", mmio_is_decoded_by_width_and_range },
	  { "messages_reach_only_ram_and_unlocked_devices", messages_reach_only_ram_and_unlocked_devices },
	  { "ram_round_trips_through_a_section", ram_round_trips_through_a_section })
