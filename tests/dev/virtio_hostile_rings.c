/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers that attack the device through its rings.  Each attack ends with
 * DEVICE_NEEDS_RESET and a configuration interrupt, or is harmless; after a
 * reset the device works as if nothing had been.
 */
#include <pthread.h>

#include "virtio_driver.h"

enum { SIZE = 8, BUF = 64 };
#define BIG_RAM 0x100000000ull          /* a second region, for long chains */
#define BIG_SIZE 0x1000000u
#define ALL (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)

static struct rig *r;
static struct drv *d;
static uint64_t buf;

static void start(uint64_t features)
{
	drv_start(d, features, 1, SIZE);
	interrupted(d, -1);
}
static void begin(uint64_t features)
{
	r = rig_open(true);
	d = &r->d;
	CHECK_EQ(mem_add_ram(r->f.host.mem, GPA(BIG_RAM), BIG_SIZE, "ram2", NULL), 0);
	buf = heap(d, 16 * BUF, 16);
	start(features);
}
static void end(void) { rig_close(r); }

/* Descriptor i of the ring, in its format's own words. */
static void desc(unsigned i, uint64_t a, uint32_t len, uint16_t flags, uint16_t next)
{
	struct ring *q = &d->ring[0];

	if (q->packed)
		put_desc(d, q->area[0] + 16 * i, a, len, 0, flags | packed_flags(q));
	else
		put_desc(d, q->area[0] + 16 * i, a, len, flags, next);
}
/* Make the chain at descriptor 0 available (packed ones are already) and tell. */
static void go(void)
{
	if (!d->ring[0].packed)
		split_publish(d, &d->ring[0], 0);
	notify(d, 0);
}
static void still_works(uint64_t features)
{
	struct buf b[2] = { { buf, BUF }, { buf + BUF, BUF } };
	uint32_t len;

	set_reg(d, R_STATUS, 0);
	CHECK(!broken(d));
	start(features);
	CHECK(ring_add(d, 0, b, 1, 2, false) >= 0);
	CHECK(ring_kick(d, 0));
	CHECK(ring_get(d, 0, &len) >= 0);
	CHECK_EQ(len, BUF);
}
static void expect_broken(uint64_t features)
{
	unsigned chains = r->e->chains;

	CHECK(broken(d));
	CHECK(interrupted(d, -1));
	notify(d, 0); /* it has stopped */
	CHECK_EQ(r->e->chains, chains);
	CHECK(!interrupted(d, -1));
	still_works(features);
}
static void expect_served(uint32_t want)
{
	uint32_t len = ~0u;

	CHECK(!broken(d));
	d->ring[0].slots[0] = 1;
	CHECK_EQ(ring_get(d, 0, &len), 0);
	CHECK_EQ(len, want);
}
/* Run the attack on both formats. */
static void both(void (*attack)(void))
{
	for (unsigned i = 0; i < 2; i++) {
		uint64_t features = ALL | (i ? VIRTIO_F_RING_PACKED : 0);

		begin(features);
		attack();
		expect_broken(features);
		end();
	}
}

/* ---- chains ---------------------------------------------------------------- */

static void chain_that_loops(void)
{
	begin(ALL);
	desc(0, buf, 1, D_NEXT, 1);
	desc(1, buf, 1, D_NEXT, 2);
	desc(2, buf, 1, D_NEXT, 0);
	go();
	expect_broken(ALL);
	desc(0, buf, 0, D_NEXT, 0); /* to itself, adding nothing */
	go();
	expect_broken(ALL);
	end();
}
static void all_next(void)
{
	for (unsigned i = 0; i < SIZE; i++)
		desc(i, buf, 1, D_NEXT, (i + 1) % SIZE);
	go();
}
static void chain_that_outgrows_the_ring(void) { both(all_next); }

static void head_out_of_range(void)
{
	static const uint16_t heads[] = { SIZE, SIZE + 1, 0x7fff, 0x8000, 0xffff };

	begin(ALL);
	for (unsigned i = 0; i < ARRAY_LEN(heads); i++) {
		split_publish(d, &d->ring[0], heads[i]);
		notify(d, 0);
		expect_broken(ALL);
	}
	end();
}
static void next_out_of_range(void)
{
	static const uint16_t next[] = { SIZE, 0x7fff, 0xffff };

	begin(ALL);
	for (unsigned i = 0; i < ARRAY_LEN(next); i++) {
		desc(0, buf, 1, D_NEXT, next[i]);
		go();
		expect_broken(ALL);
	}
	end();
}
static void available_index_jumps(void)
{
	static const uint16_t jump[] = { SIZE + 1, 0x7fff, 0x8000, 0xffff /* one back */ };

	begin(ALL);
	for (unsigned i = 0; i < ARRAY_LEN(jump); i++) {
		uint64_t at = d->ring[0].area[S_DRIVER] + 2;

		st16(d, at, ld16(d, at) + jump[i]);
		notify(d, 0);
		expect_broken(ALL);
	}
	end();
}
/* The same head again and again while the device has not finished it. */
static void more_chains_than_entries(void)
{
	begin(ALL);
	r->e->hold = true;
	desc(0, buf, 1, 0, 0);
	for (unsigned i = 0; i < SIZE; i++)
		go();
	CHECK(!broken(d));
	CHECK_EQ(r->e->nheld, SIZE);
	go();
	CHECK(broken(d));
	CHECK_EQ(r->e->nheld, SIZE);
	end();
}
static void writable_before_readable(void)
{
	desc(0, buf, 8, D_WRITE | D_NEXT, 1);
	desc(1, buf, 8, 0, 0);
	go();
}
static void wrong_direction(void) { both(writable_before_readable); }

static void nothing_writable(void)
{
	for (unsigned i = 0; i < 2; i++) {
		begin(i ? VIRTIO_F_RING_PACKED : 0);
		desc(0, buf, 8, 0, 0);
		go();
		expect_served(0);
		end();
	}
}
static void zero_length_buffers(void)
{
	for (unsigned i = 0; i < 2; i++) {
		begin(i ? VIRTIO_F_RING_PACKED : 0);
		/* With no bytes an address means nothing, even a wild one. */
		desc(0, 0xdeadbeef, 0, D_NEXT, 1);
		desc(1, ~0ull, 0, D_WRITE, 0);
		if (i) {
			desc(1, ~0ull, 0, D_WRITE, 0);
			d->ring[0].slots[0] = 2;
		}
		go();
		expect_served(0);
		end();
	}
}

/* ---- addresses ---------------------------------------------------------------- */

static const struct buf wild[] = {
	{ ~0ull - 15, 32 },                             /* wraps */
	{ ~0ull, 1 }, { 0, 1 }, { 0, ~0u },
	{ FAKE_RAM - 1, 2 },                            /* begins before RAM */
	{ FAKE_RAM + FAKE_RAM_SIZE - 1, 2 },            /* crosses its end */
	{ FAKE_RAM + FAKE_RAM_SIZE, 1 },                /* a hole */
	{ FAKE_RAM, ~0u }, { DRV_BAR, 16 }, { DRV_ECAM, 4 }, { 1ull << 63, 64 },
};
static unsigned wild_i, wild_flags;
static void wild_desc(void)
{
	desc(0, wild[wild_i].a, wild[wild_i].len, wild_flags, 0);
	go();
}
static void wild_table(void)
{
	desc(0, wild[wild_i].a, align_up(MIN(wild[wild_i].len, 16 * 1024u), 16), D_INDIRECT, 0);
	go();
}
static void addresses_outside_of_ram(void)
{
	for (wild_i = 0; wild_i < ARRAY_LEN(wild); wild_i++) {
		wild_flags = 0;
		both(wild_desc);
		wild_flags = D_WRITE;
		both(wild_desc);
		if (wild[wild_i].a != FAKE_RAM)
			both(wild_table);
	}
}

/* ---- indirect tables -------------------------------------------------------------- */

static uint64_t table;
static uint32_t table_len;
static void bad_table(void)
{
	table = heap(d, 32 * 16, 16);
	desc(0, table, table_len, D_INDIRECT, 0);
	go();
}
static void indirect_tables_of_bad_length(void)
{
	static const uint32_t len[] = { 0, 1, 8, 15, 17, 31, 16 * 1025, 1u << 31, ~0u, ~15u };

	for (unsigned i = 0; i < ARRAY_LEN(len); i++) {
		table_len = len[i];
		both(bad_table);
	}
}
static void nested_table(void)
{
	table = heap(d, 32 * 16, 16);
	put_desc(d, table, table, 16, d->ring[0].packed ? 0 : D_INDIRECT,
		 d->ring[0].packed ? D_INDIRECT : 0);
	desc(0, table, 16, D_INDIRECT, 0);
	go();
}
static void nested_indirect_tables(void) { both(nested_table); }

static void indirect_and_next(void)
{
	table = heap(d, 32 * 16, 16);
	put_desc(d, table, buf, 16, 0, 0);
	desc(0, table, 16, D_INDIRECT | D_NEXT, 1);
	desc(1, buf, 16, 0, 0);
	go();
}
static void indirect_descriptor_with_next(void) { both(indirect_and_next); }

static void indirect_next_out_of_range_and_loops(void)
{
	static const uint16_t next[] = { 2, 0xffff, 0, 1 };

	begin(ALL);
	for (unsigned i = 0; i < ARRAY_LEN(next); i++) {
		table = heap(d, 32, 16);
		put_desc(d, table, buf, 1, D_NEXT, 1);
		put_desc(d, table + 16, buf, 1, D_NEXT, next[i]);
		desc(0, table, 32, D_INDIRECT, 0);
		go();
		expect_broken(ALL);
	}
	end();
}
static void indirect_without_the_feature(void)
{
	for (unsigned i = 0; i < 2; i++) {
		uint64_t features = i ? VIRTIO_F_RING_PACKED : 0;

		begin(features);
		indirect_and_next();
		expect_broken(features);
		end();
	}
}
/* 2.7.5.3.2: direct descriptors, then one indirect, is a valid chain. */
static void direct_then_indirect_is_served(void)
{
	begin(ALL);
	table = heap(d, 32, 16);
	put_desc(d, table, buf + BUF, BUF, D_WRITE, 0);
	desc(0, buf, BUF, D_NEXT, 1);
	desc(1, table, 16, D_INDIRECT, 0);
	go();
	expect_served(BUF);
	end();
}

/* ---- sizes -------------------------------------------------------------------------- */

static unsigned big_n;
static void big_chain(void)
{
	table = heap(d, 1024 * 16, 16);
	for (unsigned i = 0; i < big_n; i++)
		put_desc(d, table + 16 * i, BIG_RAM, BIG_SIZE - (i ? 0 : 1),
			 d->ring[0].packed ? 0 : i + 1 < big_n ? D_NEXT : 0,
			 d->ring[0].packed ? 0 : i + 1);
	desc(0, table, 16 * big_n, D_INDIRECT, 0);
	go();
}
static void chains_of_4_gib(void)
{
	big_n = 257;
	both(big_chain);
	big_n = 1024;
	both(big_chain);
	begin(ALL);
	big_n = 256; /* one byte less than 4 GiB */
	big_chain();
	expect_served(0);
	end();
}

static void queue_sizes_that_are_wrong(void)
{
	static const struct {
		uint32_t size;
		bool packed, ok;
	} t[] = {
		{ 0, false, false }, { 3, false, false }, { 2048, false, false },
		{ 0x10008, false, true /* 16 bits wide: 8 */ }, { 1024, false, true },
		{ 0, true, false }, { 3, true, true }, { 1025, true, false }, { 1, true, true },
	};

	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		begin(t[i].packed ? VIRTIO_F_RING_PACKED : 0);
		drv_negotiate(d, VIRTIO_F_VERSION_1 | (t[i].packed ? VIRTIO_F_RING_PACKED : 0));
		ring_init(d, 0, 1024);
		set_reg(d, R_QUEUE_SEL, 0);
		set_reg(d, R_QUEUE_SIZE, t[i].size);
		for (unsigned k = 0; k < 3; k++)
			set_addr(d, k, d->ring[0].area[k]);
		set_reg(d, R_QUEUE_ENABLE, 1);
		CHECK_EQ(reg(d, R_QUEUE_ENABLE), t[i].ok);
		CHECK_EQ(broken(d), !t[i].ok);
		end();
	}
}

static void rings_in_bad_places(void)
{
	const uint64_t last = FAKE_RAM + FAKE_RAM_SIZE;
	const uint64_t t[][3] = {
		{ FAKE_RAM, FAKE_RAM, FAKE_RAM + 0x1000 },              /* overlap */
		{ FAKE_RAM, FAKE_RAM + 0x1000, FAKE_RAM + 0x1004 },
		{ FAKE_RAM, FAKE_RAM + 0x1000, FAKE_RAM + 16 },
		{ FAKE_RAM + 8, FAKE_RAM + 0x1000, FAKE_RAM + 0x2000 }, /* unaligned */
		{ FAKE_RAM, FAKE_RAM + 0x1001, FAKE_RAM + 0x2000 },
		{ FAKE_RAM, FAKE_RAM + 0x1000, FAKE_RAM + 0x2002 },
		{ last - 16, FAKE_RAM + 0x1000, FAKE_RAM + 0x2000 },    /* cross the end */
		{ FAKE_RAM, last - 4, FAKE_RAM + 0x2000 },
		{ FAKE_RAM, FAKE_RAM + 0x1000, last - 4 },
		{ 0, FAKE_RAM + 0x1000, FAKE_RAM + 0x2000 },            /* not RAM */
		{ FAKE_RAM, DRV_BAR, FAKE_RAM + 0x2000 },
		{ FAKE_RAM, FAKE_RAM + 0x1000, ~0ull - 15 },            /* wraps */
	};

	begin(0);
	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		drv_negotiate(d, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
		set_reg(d, R_QUEUE_SEL, 0);
		set_reg(d, R_QUEUE_SIZE, SIZE);
		for (unsigned k = 0; k < 3; k++)
			set_addr(d, k, t[i][k]);
		set_reg(d, R_QUEUE_ENABLE, 1);
		CHECK_EQ(reg(d, R_QUEUE_ENABLE), 0);
		CHECK(broken(d));
		/* Told when the driver starts it, and nothing moves. */
		set_reg(d, R_STATUS, reg(d, R_STATUS) | VIRTIO_DRIVER_OK);
		notify(d, 0);
		CHECK_EQ(r->e->chains, 0);
	}
	still_works(ALL);
	end();
}

/* ---- other harts ------------------------------------------------------------------------ */

/* A hart that refills the ring from inside the device's work. */
static void refill(struct echo *e)
{
	(void)e;
	split_publish(d, &d->ring[0], 0);
}
static void endless_refill_yields_the_lock(void)
{
	begin(0);
	desc(0, buf, 1, D_WRITE, 0);
	r->e->after = refill;
	go();
	CHECK_EQ(r->e->chains, SIZE); /* one ring's worth, then the loop goes on */
	for (unsigned i = 2; i < 10; i++) {
		CHECK(loop_step(r->f.host.loop, 0));
		CHECK_EQ(r->e->chains, i * SIZE);
	}
	r->e->after = NULL;
	run_loop(d);
	CHECK(!broken(d));
	CHECK_EQ(r->e->chains, 9 * SIZE + 1);
	end();
}

static atomic_bool stop;
static void *rewriter(void *arg)
{
	struct ring *q = arg;
	uint8_t *ring = ram(d, q->area[0], 16 * SIZE), *tab = ram(d, table, 16 * 8);
	uint32_t x = 1;

	while (!stop) {
		uint8_t *at;
		uint64_t w;

		x = x * 1664525 + 1013904223;
		at = (x >> 31 ? ring : tab) + 16 * (x >> 28 & 7) + 8 * (x >> 27 & 1);
		w = (x >> 27 & 1) ? (uint64_t)(x >> 8 & 7) << 32 | (x >> 12 & 0xff) :
				    buf + (x >> 8 & 0xff);
		if ((x >> 4 & 31) == 0)
			w = ~w;
		__atomic_store_n((uint64_t *)at, w, __ATOMIC_RELAXED);
	}
	return NULL;
}
/* What was checked is what is used, whatever another hart writes meanwhile. */
static void descriptors_rewritten_during_use(void)
{
	pthread_t t;

	begin(ALL);
	table = heap(d, 16 * 8, 16);
	stop = false;
	CHECK_EQ(pthread_create(&t, NULL, rewriter, &d->ring[0]), 0);
	for (unsigned i = 0; i < 20000; i++) {
		split_publish(d, &d->ring[0], i % SIZE);
		notify(d, 0);
		if (broken(d)) {
			struct ring *q = &d->ring[0];

			drv_negotiate(d, VIRTIO_F_VERSION_1 | ALL);
			q->avail = 0;
			st16(d, q->area[S_DRIVER] + 2, 0);
			drv_queue_regs(d, 0);
			set_reg(d, R_STATUS, reg(d, R_STATUS) | VIRTIO_DRIVER_OK);
		}
	}
	stop = true;
	pthread_join(t, NULL);
	CHECK(r->e->chains > 100);
	still_works(ALL);
	end();
}

#define T(name) { #name, name }
TEST_MAIN(T(chain_that_loops), T(chain_that_outgrows_the_ring), T(head_out_of_range),
	  T(next_out_of_range), T(available_index_jumps), T(more_chains_than_entries),
	  T(wrong_direction), T(nothing_writable), T(zero_length_buffers),
	  T(addresses_outside_of_ram), T(indirect_tables_of_bad_length),
	  T(nested_indirect_tables), T(indirect_descriptor_with_next),
	  T(indirect_next_out_of_range_and_loops), T(indirect_without_the_feature),
	  T(direct_then_indirect_is_served), T(chains_of_4_gib),
	  T(queue_sizes_that_are_wrong), T(rings_in_bad_places),
	  T(endless_refill_yields_the_lock), T(descriptors_rewritten_during_use))
