/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random requests, most of them wrong, from a driver that rewrites its
 * buffers while the device uses them and resets it in the middle.  Whatever
 * comes, the device goes on after a reset and the disk's neighbours are
 * untouched (the sanitizers look on).
 */
#include "virtio_blk_rig.h"

enum { DISK = 64 << 10, AREA = 64 << 10 };

static uint64_t seed = 88172645463325252ull;

static uint64_t rnd(void)
{
	return test_random(&seed);
}

static uint32_t random_type(void)
{
	static const uint32_t types[] = { B_IN, B_OUT, B_FLUSH, B_GET_ID, B_DISCARD, B_ZEROES };

	return rnd() % 8 ? types[rnd() % 6] : (uint32_t)rnd();
}

static uint64_t random_sector(void)
{
	switch (rnd() % 6) {
	case 0: return DISK / 512 - rnd() % 4;
	case 1: return rnd();
	case 2: return UINT64_MAX / 512 - rnd() % 4;
	default: return rnd() % (DISK / 512);
	}
}

static uint32_t random_len(void)
{
	switch (rnd() % 5) {
	case 0: return rnd() % 40;
	case 1: return rnd() % 5000;
	default: return rnd() % 16 * 512;
	}
}

/* A request: header, some buffers, status; each part may be missing. */
static void random_chain(struct blk_rig *r, unsigned q, uint64_t area)
{
	unsigned n = 0, nout, parts = rnd() % 5;
	struct buf b[8];
	uint64_t head = area + rnd() % (AREA - 16);
	uint8_t *p = ram(&r->d, head, 16);

	st_le32(p, random_type());
	st_le64(p + 8, random_sector());
	if (rnd() % 16)
		b[n++] = (struct buf){ head, rnd() % 16 ? 16 : rnd() % 20 };
	for (unsigned i = 0; i < parts; i++)
		b[n++] = (struct buf){ area + rnd() % (AREA - 8192), random_len() };
	if (rnd() % 32)
		b[n++] = (struct buf){ area + rnd() % AREA, 1 };
	if (!n)
		return;
	nout = rnd() % 8 ? 1 + (rnd() & 1) * parts : rnd() % (n + 1);
	if (rnd() % 512 == 0)
		b[rnd() % n].a = rnd() & 1 ? (uint64_t)FAKE_RAM + FAKE_RAM_SIZE - 4 : rnd();
	ring_add(&r->d, q, b, MIN(nout, n), n, rnd() & 1);
}

static void storm(bool threads, bool parallel, uint64_t ring, unsigned rounds)
{
	struct blk_rig *r = blk_rig_open(DISK, threads, parallel, false);
	uint64_t area = heap(&r->d, AREA, 16), mark = r->d.heap;
	uint32_t len;

	drv_start(&r->d, B_F_ALL | ring | VIRTIO_F_INDIRECT_DESC, 4, 16);
	for (unsigned i = 0; i < rounds; i++) {
		unsigned q = rnd() % 4;

		for (unsigned k = rnd() % 4 + 1; k--;)
			random_chain(r, q, area);
		if (rnd() % 64 == 0)
			r->s->fail = EIO;
		notify(&r->d, q);
		/* Another hart's stores. */
		for (unsigned k = 0; k < 8; k++)
			*(uint8_t *)ram(&r->d, area + rnd() % AREA, 1) = (uint8_t)rnd();
		if (rnd() % 32 == 0)
			put(&r->d, r->d.config + 32, 1, rnd() & 0xff);
		if (rnd() % 256 == 0 || broken(&r->d)) {
			set_reg(&r->d, R_STATUS, 0);
			r->d.heap = mark;
			drv_start(&r->d, B_F_ALL | ring | VIRTIO_F_INDIRECT_DESC, 4, 16);
			continue;
		}
		for (unsigned k = 0; k < 4; k++)
			while (ring_get(&r->d, k, &len) >= 0)
				;
		run_loop(&r->d);
	}
	vm_host_drain(&r->f.host);
	set_reg(&r->d, R_STATUS, 0);
	r->d.heap = mark;
	r->s->fail = 0;
	drv_start(&r->d, B_F_ALL | ring, 4, 16);
	CHECK_EQ(blk_request(r, 3, B_IN, 0, area, 4096), B_OK);
	blk_rig_close(r);
}

static void inline_storm(void)
{
	storm(false, false, 0, 15000);
	storm(false, false, VIRTIO_F_RING_PACKED, 15000);
}

static void threaded_storm(void)
{
#ifdef __SANITIZE_THREAD__
	SKIP("guest memory is raced on purpose");
#endif
	storm(true, false, VIRTIO_F_EVENT_IDX, 8000);
	storm(true, true, VIRTIO_F_RING_PACKED, 8000);
}

TEST_MAIN({ "random_requests_in_the_hart", inline_storm },
	  { "random_requests_on_workers", threaded_storm })
