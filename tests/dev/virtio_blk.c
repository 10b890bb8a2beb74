/* SPDX-License-Identifier: Apache-2.0 */
/* The block device: requests, order, reset, hostile requests. */
#include "virtio_blk_rig.h"

enum { DISK = 1 << 20 };

static void pattern(struct blk_rig *r, uint64_t at, unsigned n, uint8_t x)
{
	uint8_t *p = ram(&r->d, at, n);

	for (unsigned i = 0; i < n; i++)
		p[i] = (uint8_t)(x + i * 7);
}

static void basic(bool threads, uint64_t ring)
{
	struct blk_rig *r = blk_rig_open(DISK, threads, false, false);
	uint64_t a = heap(&r->d, 4096, 16), b = heap(&r->d, 4096, 16);
	uint8_t *p;

	drv_start(&r->d, B_F_ALL | ring, 4, 16);
	CHECK_EQ(config(&r->d, 0, 4), DISK / 512);
	CHECK_EQ(config(&r->d, 34, 2), 4);
	for (unsigned q = 0; q < 4; q++) {
		pattern(r, a, 4096, (uint8_t)q);
		CHECK_EQ(blk_request(r, q, B_OUT, 8 * q, a, 4096), B_OK);
		memset(ram(&r->d, b, 4096), 0, 4096);
		CHECK_EQ(blk_request(r, q, B_IN, 8 * q, b, 4096), B_OK);
		CHECK(!memcmp(ram(&r->d, a, 4096), ram(&r->d, b, 4096), 4096));
	}
	CHECK_EQ(blk_request(r, 0, B_FLUSH, 0, 0, 0), B_OK);
	CHECK_EQ(r->s->flushes, 1);
	p = ram(&r->d, b, 21);
	p[20] = 0x77;
	CHECK_EQ(blk_request(r, 0, B_GET_ID, 0, b, 20), B_OK);
	CHECK(!memcmp(p, "a-serial-number\0\0\0\0\0", 20) && p[20] == 0x77);
	p = ram(&r->d, a, 32);
	memset(p, 0, 32);
	st_le64(p, 8);
	st_le32(p + 8, 4);
	st_le64(p + 16, 20);
	st_le32(p + 24, 2);
	CHECK_EQ(blk_request(r, 0, B_DISCARD, 0, a, 32), B_OK);
	CHECK_EQ(r->s->discards, 2);
	CHECK_EQ(blk_request(r, 0, B_ZEROES, 0, a, 16), B_OK);
	CHECK_EQ(r->s->zeroes, 1);
	CHECK_EQ(blk_request(r, 0, B_IN, 8, b, 4096), B_OK);
	p = ram(&r->d, b, 4096);
	CHECK(p[0] == 0 && p[2047] == 0 && p[2048] == (uint8_t)(1 + 2048 * 7));
	r->s->fail = EIO;
	CHECK_EQ(blk_request(r, 0, B_FLUSH, 0, 0, 0), B_IOERR);
	CHECK(!broken(&r->d));
	blk_rig_close(r);
}

static void every_request_type(void)
{
	for (int threads = 0; threads < 2; threads++) {
		basic(threads, 0);
		basic(threads, VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX);
	}
}

static void refused_requests(void)
{
	struct blk_rig *r = blk_rig_open(DISK, false, false, false);
	uint64_t a = heap(&r->d, 4096, 16);
	uint8_t *p = ram(&r->d, a, 64);

	drv_start(&r->d, B_F_ALL, 1, 16);
	CHECK_EQ(blk_request(r, 0, B_IN, DISK / 512, a, 512), B_IOERR);
	CHECK_EQ(blk_request(r, 0, B_IN, DISK / 512 - 1, a, 1024), B_IOERR);
	CHECK_EQ(blk_request(r, 0, B_IN, DISK / 512 - 1, a, 512), B_OK);
	CHECK_EQ(blk_request(r, 0, B_OUT, UINT64_MAX, a, 512), B_IOERR);
	CHECK_EQ(blk_request(r, 0, B_OUT, 1ull << 55, a, 512), B_IOERR);
	CHECK_EQ(blk_request(r, 0, B_OUT, UINT64_MAX / 512, a, 4096), B_IOERR);
	CHECK_EQ(blk_request(r, 0, B_IN, 0, a, 511), B_IOERR);
	CHECK_EQ(blk_request(r, 0, B_OUT, 0, a, 513), B_IOERR);
	CHECK_EQ(blk_request(r, 0, 99, 0, a, 512), B_UNSUPP);
	CHECK_EQ(blk_request(r, 0, 0xffffffff, 0, a, 512), B_UNSUPP);
	memset(p, 0, 64);
	CHECK_EQ(blk_request(r, 0, B_DISCARD, 0, a, 0), B_IOERR);
	CHECK_EQ(blk_request(r, 0, B_DISCARD, 0, a, 15), B_IOERR);
	CHECK_EQ(blk_request(r, 0, B_DISCARD, 0, a, 33 * 16), B_IOERR);
	st_le64(p, UINT64_MAX);
	st_le32(p + 8, 1);
	CHECK_EQ(blk_request(r, 0, B_DISCARD, 0, a, 16), B_IOERR);
	st_le64(p, 0);
	st_le32(p + 8, UINT32_MAX);
	CHECK_EQ(blk_request(r, 0, B_ZEROES, 0, a, 16), B_IOERR);
	st_le32(p + 8, 1);
	st_le32(p + 12, 1);
	CHECK_EQ(blk_request(r, 0, B_DISCARD, 0, a, 16), B_UNSUPP); /* unmap is not for it */
	CHECK_EQ(blk_request(r, 0, B_ZEROES, 0, a, 16), B_OK);
	CHECK_EQ(blk_request(r, 0, B_ZEROES, 0, a, 32), B_IOERR); /* more than were offered */
	st_le32(p + 12, 2);
	CHECK_EQ(blk_request(r, 0, B_ZEROES, 0, a, 16), B_UNSUPP);
	CHECK_EQ(r->s->writes + r->s->discards, 0);
	CHECK(!broken(&r->d));
	blk_rig_close(r);
}

static void features_that_were_not_negotiated(void)
{
	struct blk_rig *r = blk_rig_open(DISK, false, false, false);
	uint64_t a = heap(&r->d, 512, 16);
	uint8_t *p = ram(&r->d, a, 512);

	drv_start(&r->d, B_F_FLUSH, 1, 16);
	st_le32(p + 8, 1);
	CHECK_EQ(blk_request(r, 0, B_DISCARD, 0, a, 16), B_UNSUPP);
	CHECK_EQ(blk_request(r, 0, B_ZEROES, 0, a, 16), B_UNSUPP);
	blk_rig_close(r);
	r = blk_rig_open(DISK, false, false, true);
	CHECK(!drv_negotiate(&r->d, B_F_DISCARD | VIRTIO_F_VERSION_1));
	a = heap(&r->d, 512, 16);
	drv_start(&r->d, B_F_RO, 1, 16);
	CHECK_EQ(blk_request(r, 0, B_OUT, 0, a, 512), B_IOERR);
	CHECK_EQ(blk_request(r, 0, B_IN, 0, a, 512), B_OK);
	CHECK_EQ(r->s->writes, 0);
	blk_rig_close(r);
}

/* Chains that are not requests. */
static void malformed_chains(void)
{
	struct blk_rig *r = blk_rig_open(DISK, false, false, false);
	uint64_t a = heap(&r->d, 4096, 16);
	struct buf all = { r->head, 16 };
	struct buf short_head[2] = { { r->head, 15 }, { r->status, 1 } };
	struct buf only_status[1] = { { r->status, 1 } };
	struct buf pieces[4] = { { r->head, 3 }, { r->head + 3, 13 }, { a, 512 }, { r->status, 1 } };

	drv_start(&r->d, B_F_ALL, 1, 16);
	blk_head(r, r->head, B_IN, 0);
	*(uint8_t *)ram(&r->d, r->status, 1) = B_NONE;
	ring_add(&r->d, 0, short_head, 1, 2, false);
	notify(&r->d, 0);
	CHECK_EQ(blk_wait(r, 0), 1);
	CHECK_EQ(*(uint8_t *)ram(&r->d, r->status, 1), B_IOERR);
	*(uint8_t *)ram(&r->d, r->status, 1) = B_NONE;
	ring_add(&r->d, 0, only_status, 0, 1, false);
	notify(&r->d, 0);
	CHECK_EQ(blk_wait(r, 0), 1);
	CHECK_EQ(*(uint8_t *)ram(&r->d, r->status, 1), B_IOERR);
	/* 2.7.4.2: the framing is the driver's business. */
	ring_add(&r->d, 0, pieces, 2, 4, false);
	notify(&r->d, 0);
	CHECK_EQ(blk_wait(r, 0), 513);
	CHECK_EQ(*(uint8_t *)ram(&r->d, r->status, 1), B_OK);
	CHECK(!broken(&r->d));
	/* There is no place for a status: the device gives up. */
	ring_add(&r->d, 0, &all, 1, 1, false);
	notify(&r->d, 0);
	CHECK(broken(&r->d));
	drv_start(&r->d, B_F_ALL, 1, 16);
	CHECK_EQ(blk_request(r, 0, B_OUT, 0, a, 512), B_OK);
	blk_rig_close(r);
}

/* The data of an IN that is marked readable is not written. */
static void wrong_direction(void)
{
	struct blk_rig *r = blk_rig_open(DISK, false, false, false);
	uint64_t a = heap(&r->d, 1024, 16);
	struct buf b[3] = { { r->head, 16 }, { a, 512 }, { r->status, 1 } };
	uint8_t *p = ram(&r->d, a, 512);

	drv_start(&r->d, B_F_ALL, 1, 16);
	memset(p, 0x99, 512);
	blk_head(r, r->head, B_IN, 0);
	ring_add(&r->d, 0, b, 2, 3, false);
	notify(&r->d, 0);
	CHECK_EQ(blk_wait(r, 0), 1);
	CHECK(p[0] == 0x99 && p[511] == 0x99);
	/* An OUT whose data is writable has no data. */
	blk_head(r, r->head, B_OUT, 0);
	ring_add(&r->d, 0, b, 1, 3, false);
	notify(&r->d, 0);
	blk_wait(r, 0);
	CHECK_EQ(r->s->writes, 0);
	CHECK(!broken(&r->d));
	blk_rig_close(r);
}

static void writethrough_flushes_each_write(void)
{
	struct blk_rig *r = blk_rig_open(DISK, false, false, false);
	uint64_t a = heap(&r->d, 512, 16);

	drv_start(&r->d, B_F_ALL, 1, 16);
	CHECK_EQ(config(&r->d, 32, 1), 1);
	CHECK_EQ(blk_request(r, 0, B_OUT, 0, a, 512), B_OK);
	CHECK_EQ(r->s->flushes, 0);
	put(&r->d, r->d.config + 32, 1, 0);
	CHECK_EQ(config(&r->d, 32, 1), 0);
	CHECK_EQ(blk_request(r, 0, B_OUT, 0, a, 512), B_OK);
	CHECK_EQ(r->s->flushes, 1);
	CHECK_EQ(blk_request(r, 0, B_IN, 0, a, 512), B_OK);
	CHECK_EQ(r->s->flushes, 1);
	put(&r->d, r->d.config, 4, 12345); /* not writable */
	CHECK_EQ(config(&r->d, 0, 4), DISK / 512);
	/* A driver without FLUSH cannot ask: everything is written through. */
	drv_start(&r->d, 0, 1, 16);
	CHECK_EQ(blk_request(r, 0, B_OUT, 0, a, 512), B_OK);
	CHECK_EQ(r->s->flushes, 2);
	drv_start(&r->d, B_F_FLUSH, 1, 16);
	CHECK_EQ(blk_request(r, 0, B_OUT, 0, a, 512), B_OK);
	CHECK_EQ(r->s->flushes, 2);
	blk_rig_close(r);
}

static unsigned interrupts;
static void count_interrupt(void *transport, int q)
{
	(void)transport;
	interrupts += q >= 0;
}

/* What was queued together comes back together. */
static void one_interrupt_for_a_batch(void)
{
	struct blk_rig *r = blk_rig_open(DISK, false, false, false);
	uint64_t a = heap(&r->d, 512, 16), heads = heap(&r->d, 16 * 16, 16);
	uint64_t st = heap(&r->d, 16, 1);

	drv_start(&r->d, B_F_ALL, 1, 64);
	r->d.v->interrupt = count_interrupt;
	for (unsigned i = 0; i < 16; i++) {
		struct buf b[3] = { { heads + 16 * i, 16 }, { a, 512 }, { st + i, 1 } };

		blk_head(r, heads + 16 * i, B_IN, i);
		ring_add(&r->d, 0, b, 1, 3, false);
	}
	interrupts = 0;
	notify(&r->d, 0);
	CHECK_EQ(interrupts, 1);
	for (unsigned i = 0; i < 16; i++)
		blk_wait(r, 0);
	blk_rig_close(r);
}

static void *release_later(void *arg)
{
	usleep(20000);
	slow_hold(arg, false);
	return NULL;
}

/* Reset while a read runs and others are queued: afterwards guest memory is
 * the guest's alone. */
static void reset_during_io(void)
{
	for (int round = 0; round < 20; round++) {
		struct blk_rig *r = blk_rig_open(DISK, true, round & 1, false);
		uint64_t a = heap(&r->d, 4096, 16), heads = heap(&r->d, 16 * 16, 16);
		uint64_t st = heap(&r->d, 16, 1);
		pthread_t t;
		uint32_t len;

		drv_start(&r->d, B_F_ALL, 4, 64);
		slow_hold(r->s, true);
		for (unsigned i = 0; i < 8; i++) {
			struct buf b[3] = { { heads + 16 * i, 16 }, { a + 512 * i, 512 },
					    { st + i, 1 } };

			blk_head(r, heads + 16 * i, B_IN, i);
			ring_add(&r->d, i % 4, b, 1, 3, false);
			notify(&r->d, i % 4);
		}
		slow_await(r->s);
		pthread_create(&t, NULL, release_later, r->s);
		if (round % 3 == 0) {
			lock_take(r->f.host.io);
			r->d.v->dev.ops->reset(&r->d.v->dev);
			lock_drop(r->f.host.io);
		} else {
			set_reg(&r->d, R_STATUS, 0);
		}
		memset(ram(&r->d, a, 4096), 0x42, 4096);
		memset(ram(&r->d, st, 16), 0x42, 16);
		pthread_join(t, NULL);
		usleep(2000);
		for (unsigned i = 0; i < 4096; i++)
			CHECK(((uint8_t *)ram(&r->d, a, 4096))[i] == 0x42);
		for (unsigned i = 0; i < 16; i++)
			CHECK(((uint8_t *)ram(&r->d, st, 16))[i] == 0x42);
		for (unsigned q = 0; q < 4; q++)
			CHECK(ring_get(&r->d, q, &len) < 0);
		drv_start(&r->d, B_F_ALL, 4, 64);
		CHECK_EQ(blk_request(r, 0, B_IN, 0, a, 512), B_OK);
		blk_rig_close(r);
	}
}

/* A huge request, its segments all the same memory, does not hold up a reset
 * until it is done. */
static void reset_during_a_huge_transfer(void)
{
	enum { PARTS = 60, PART = 1 << 20 };

	for (int out = 0; out < 2; out++) {
		struct blk_rig *r = blk_rig_open(PARTS * PART, true, false, false);
		struct buf b[PARTS + 2] = { { r->head, 16 } };
		pthread_t t;

		for (unsigned i = 1; i <= PARTS; i++)
			b[i] = (struct buf){ FAKE_RAM, PART };
		b[PARTS + 1] = (struct buf){ r->status, 1 };
		drv_start(&r->d, B_F_ALL | VIRTIO_F_INDIRECT_DESC, 1, 16);
		slow_hold(r->s, true);
		blk_head(r, r->head, out ? B_OUT : B_IN, 0);
		CHECK(ring_add(&r->d, 0, b, out ? PARTS + 1 : 1, PARTS + 2, true) >= 0);
		notify(&r->d, 0);
		slow_await(r->s);
		pthread_create(&t, NULL, release_later, r->s);
		set_reg(&r->d, R_STATUS, 0);
		pthread_join(t, NULL);
		CHECK(r->s->bytes <= 16 << 20);
		/* The next request is not the one that was given up. */
		drv_start(&r->d, B_F_ALL, 1, 16);
		CHECK_EQ(blk_request(r, 0, B_OUT, 0, FAKE_RAM, 512), B_OK);
		blk_rig_close(r);
	}
}

static void a_huge_transfer_is_whole(void)
{
	enum { PARTS = 40, PART = 1 << 20 };
	struct blk_rig *r = blk_rig_open(PARTS * PART, false, false, false);
	struct buf b[PARTS + 2] = { { r->head, 16 } };
	uint64_t a = heap(&r->d, 4096, 512);

	for (unsigned i = 1; i <= PARTS; i++)
		b[i] = (struct buf){ FAKE_RAM, PART };
	b[PARTS + 1] = (struct buf){ r->status, 1 };
	drv_start(&r->d, B_F_ALL | VIRTIO_F_INDIRECT_DESC, 1, 16);
	pattern(r, a, 4096, 7);
	blk_head(r, r->head, B_OUT, 0);
	CHECK(ring_add(&r->d, 0, b, PARTS + 1, PARTS + 2, true) >= 0);
	notify(&r->d, 0);
	blk_wait(r, 0);
	CHECK_EQ(*(uint8_t *)ram(&r->d, r->status, 1), B_OK);
	for (unsigned i = 0; i < PARTS; i++) {
		uint64_t sector = (i * (uint64_t)PART + (a - FAKE_RAM)) / 512;

		memset(ram(&r->d, a, 4096), 0, 4096);
		CHECK_EQ(blk_request(r, 0, B_IN, sector, a, 4096), B_OK);
		for (unsigned k = 0; k < 4096; k++)
			CHECK_EQ(((uint8_t *)ram(&r->d, a, 4096))[k], (uint8_t)(7 + k * 7));
	}
	blk_rig_close(r);
}

/* Drained: everything that was taken is back in the ring. */
static void drain_finishes_what_was_taken(void)
{
	struct blk_rig *r = blk_rig_open(DISK, true, true, false);
	uint64_t a = heap(&r->d, 512, 16), heads = heap(&r->d, 32 * 16, 16);
	uint64_t st = heap(&r->d, 32, 1);
	pthread_t t;
	uint32_t len;

	drv_start(&r->d, B_F_ALL, 4, 64);
	slow_hold(r->s, true);
	for (unsigned i = 0; i < 32; i++) {
		struct buf b[3] = { { heads + 16 * i, 16 }, { a, 512 }, { st + i, 1 } };

		blk_head(r, heads + 16 * i, B_OUT, i);
		ring_add(&r->d, i % 4, b, 2, 3, false);
		notify(&r->d, i % 4);
	}
	pthread_create(&t, NULL, release_later, r->s);
	vm_host_drain(&r->f.host);
	for (unsigned i = 0; i < 32; i++)
		CHECK(ring_get(&r->d, i % 4, &len) >= 0);
	CHECK_EQ(r->s->writes, 32);
	pthread_join(t, NULL);
	blk_rig_close(r);
}

/* Four queues at once, each with its own region: content is what was written
 * last and a flush comes after what was acknowledged before it. */
static void queues_run_in_parallel(void)
{
	struct blk_rig *r = blk_rig_open(DISK, true, true, false);
	uint64_t data = heap(&r->d, 4 * 512, 16), heads = heap(&r->d, 4 * 16, 16);
	uint64_t st = heap(&r->d, 4, 1), s = 12345;
	uint8_t last[64] = { 0 };

	drv_start(&r->d, B_F_ALL | VIRTIO_F_RING_PACKED | VIRTIO_F_INDIRECT_DESC, 4, 16);
	for (int round = 0; round < 500; round++) {
		unsigned sector[4];

		for (unsigned q = 0; q < 4; q++) {
			struct buf b[3] = { { heads + 16 * q, 16 }, { data + 512 * q, 512 },
					    { st + q, 1 } };

			sector[q] = q * 16 + test_random(&s) % 16;
			last[sector[q]] = (uint8_t)test_random(&s);
			memset(ram(&r->d, data + 512 * q, 512), last[sector[q]], 512);
			blk_head(r, heads + 16 * q, B_OUT, sector[q]);
			ring_add(&r->d, q, b, 2, 3, round & 1);
			notify(&r->d, q);
		}
		for (unsigned q = 0; q < 4; q++)
			blk_wait(r, q);
	}
	for (unsigned i = 0; i < 64; i++) {
		CHECK_EQ(blk_request(r, i % 4, B_IN, i, data, 512), B_OK);
		CHECK_EQ(((uint8_t *)ram(&r->d, data, 512))[100], last[i]);
	}
	CHECK_EQ(blk_request(r, 0, B_FLUSH, 0, 0, 0), B_OK);
	blk_rig_close(r);
}

static void upset_fake(struct fake *f)
{
	vm_host_reset(&f->host);
}

static void state_survives_save_and_load(void)
{
	struct blk_rig *r = blk_rig_open(DISK, false, false, false);
	uint64_t a = heap(&r->d, 512, 16);
	struct ser_writer w;
	struct ser_reader rd;
	struct blk_rig *other;

	drv_start(&r->d, B_F_ALL, 4, 16);
	put(&r->d, r->d.config + 32, 1, 0);
	CHECK_EQ(blk_request(r, 0, B_OUT, 0, a, 512), B_OK);
	check_round_trip(&r->f, upset_fake);
	CHECK_EQ(config(&r->d, 32, 1), 0);
	CHECK_EQ(blk_request(r, 0, B_OUT, 1, a, 512), B_OK);
	CHECK_EQ(r->s->flushes, 2);
	/* A disk of another size is refused. */
	ser_writer_init(&w);
	vm_host_save(&r->f.host, &w);
	other = blk_rig_open(DISK * 2, false, false, false);
	ser_reader_init(&rd, w.buf, w.len);
	vm_host_load(&other->f.host, &rd);
	CHECK(ser_error(&rd, NULL) < 0);
	ser_writer_fini(&w);
	blk_rig_close(other);
	blk_rig_close(r);
}

TEST_MAIN({ "every_request_type", every_request_type },
	  { "refused_requests", refused_requests },
	  { "features_that_were_not_negotiated", features_that_were_not_negotiated },
	  { "malformed_chains", malformed_chains },
	  { "wrong_direction", wrong_direction },
	  { "writethrough_flushes_each_write", writethrough_flushes_each_write },
	  { "one_interrupt_for_a_batch", one_interrupt_for_a_batch },
	  { "reset_during_io", reset_during_io },
	  { "reset_during_a_huge_transfer", reset_during_a_huge_transfer },
	  { "a_huge_transfer_is_whole", a_huge_transfer_is_whole },
	  { "drain_finishes_what_was_taken", drain_finishes_what_was_taken },
	  { "queues_run_in_parallel", queues_run_in_parallel },
	  { "state_survives_save_and_load", state_survives_save_and_load })
