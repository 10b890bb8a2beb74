/* SPDX-License-Identifier: Apache-2.0 */
/* A well-behaved driver over both transports and both ring formats. */
#include "virtio_driver.h"

enum { BUF = 512 };

static uint32_t seed;
static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(seed >> 4) * n >> 28);
}

/* Every combination that matters: 16 of transport, format, event, indirect. */
struct combo {
	bool pci, packed, event, indirect;
};
static uint64_t combo_features(const struct combo *c)
{
	return (c->packed ? VIRTIO_F_RING_PACKED : 0) | (c->event ? VIRTIO_F_EVENT_IDX : 0) |
	       (c->indirect ? VIRTIO_F_INDIRECT_DESC : 0);
}
static void each_combo(void (*fn)(const struct combo *c))
{
	for (unsigned i = 0; i < 16; i++) {
		struct combo c = { i & 1, i & 2, i & 4, i & 8 };

		fn(&c);
	}
}

static void one_echo(struct drv *d, uint64_t mem, bool indirect)
{
	unsigned nout = 1 + rnd(3), nin = 1 + rnd(3), n = nout + nin;
	uint32_t out = 0, in = 0, len = 0;
	struct buf b[6];
	int id;

	for (unsigned i = 0; i < n; i++) {
		b[i] = (struct buf){ mem + i * BUF, 1 + rnd(BUF) };
		*(i < nout ? &out : &in) += b[i].len;
		for (unsigned k = 0; k < b[i].len; k++)
			((uint8_t *)ram(d, b[i].a, BUF))[k] = i < nout ? rnd(256) : 0;
	}
	id = ring_add(d, 0, b, nout, n, indirect);
	CHECK(id >= 0);
	CHECK(ring_kick(d, 0));
	CHECK(interrupted(d, 0));
	CHECK_EQ(ring_get(d, 0, &len), id);
	CHECK_EQ(len, MIN(in, out));
	for (unsigned k = 0, i = 0, j = nout, oi = 0, oj = 0; k < len; k++) {
		uint8_t *src, *dst;

		while (oi == b[i].len)
			i++, oi = 0;
		while (oj == b[j].len)
			j++, oj = 0;
		src = ram(d, b[i].a + oi++, 1);
		dst = ram(d, b[j].a + oj++, 1);
		CHECK_EQ(*dst, *src ^ 0x5a);
	}
}

static void echo_combo(const struct combo *c)
{
	struct rig *r = rig_open(c->pci);
	uint64_t mem;

	/* A packed ring need not be a power of two. */
	drv_start(&r->d, combo_features(c), 1, c->packed ? 7 : 8);
	mem = heap(&r->d, 6 * BUF, 16);
	for (unsigned i = 0; i < 100; i++)
		one_echo(&r->d, mem, c->indirect && rnd(2));
	CHECK(ring_get(&r->d, 0, &(uint32_t){ 0 }) < 0);
	CHECK(!broken(&r->d));
	rig_close(r);
}
static void chains_come_back_with_their_data(void) { each_combo(echo_combo); }

/* The split index passes 65535 and a packed ring wraps thousands of times. */
static void wrap_combo(const struct combo *c)
{
	struct rig *r;
	uint64_t mem;

	if (c->indirect || c->pci)
		return;
	r = rig_open(false);
	drv_start(&r->d, combo_features(c), 1, 4);
	mem = heap(&r->d, 64, 16);
	for (unsigned i = 0; i < 70000; i++) {
		struct buf b[2] = { { mem, 1 }, { mem + 32, 1 } };
		uint32_t len;

		CHECK(ring_add(&r->d, 0, b, 1, 2, false) >= 0);
		CHECK(ring_kick(&r->d, 0));
		CHECK(ring_get(&r->d, 0, &len) >= 0);
		CHECK_EQ(len, 1);
	}
	rig_close(r);
}
static void indices_wrap(void) { each_combo(wrap_combo); }

/* While the device has not come to the end of the queue, it wants no
 * notification; when it has, it wants one for the next chain exactly. */
static void kick_combo(const struct combo *c)
{
	struct rig *r = rig_open(c->pci);
	struct buf b = { heap(&r->d, 64, 16), 8 };

	drv_start(&r->d, combo_features(c), 1, 16);
	for (unsigned round = 0; round < 20; round++) {
		CHECK(ring_add(&r->d, 0, &b, 0, 1, false) >= 0);
		CHECK(ring_wants_kick(&r->d, 0)); /* not told yet: nothing is processed */
		for (unsigned i = 0; i < 4; i++) {
			CHECK(ring_add(&r->d, 0, &b, 0, 1, false) >= 0);
			/* A packed ring's event is unset until the device has run. */
			if (c->event && (round || !c->packed))
				CHECK(!ring_wants_kick(&r->d, 0));
		}
		notify(&r->d, 0);
		for (unsigned i = 0; i < 5; i++)
			CHECK(ring_get(&r->d, 0, &(uint32_t){ 0 }) >= 0);
		CHECK(!ring_has_used(&r->d, 0));
	}
	rig_close(r);
}
static void notifications_are_asked_for_exactly(void) { each_combo(kick_combo); }

/* Without event indices a device that is busy says so in its flags. */
static void busy_after(struct echo *e)
{
	struct rig *r = e->arg;

	CHECK(!ring_wants_kick(&r->d, 0));
}
static void busy_devices_suppress_by_flag(void)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct rig *r = rig_open(false);
		struct buf b = { heap(&r->d, 64, 16), 8 };

		drv_start(&r->d, packed ? VIRTIO_F_RING_PACKED : 0, 1, 8);
		r->e->after = busy_after;
		r->e->arg = r;
		CHECK(ring_wants_kick(&r->d, 0));
		ring_add(&r->d, 0, &b, 0, 1, false);
		notify(&r->d, 0);
		CHECK(ring_wants_kick(&r->d, 0));
		rig_close(r);
	}
}

/* One interrupt, when the chain that was named is used. */
static void event_combo(const struct combo *c)
{
	struct rig *r = rig_open(c->pci);
	struct buf b = { heap(&r->d, 64, 16), 8 };
	unsigned size = c->packed ? 11 : 8;

	if (!c->event) {
		rig_close(r);
		return;
	}
	drv_start(&r->d, combo_features(c), 1, size);
	for (unsigned round = 0; round < 300; round++) {
		unsigned ahead = rnd(5);

		ring_arm(&r->d, 0, ahead);
		for (unsigned i = 0; i < 5; i++) {
			CHECK(ring_add(&r->d, 0, &b, 0, 1, false) >= 0);
			notify(&r->d, 0);
			CHECK_EQ(interrupted(&r->d, 0), i == ahead);
		}
		for (unsigned i = 0; i < 5; i++)
			CHECK(ring_get(&r->d, 0, &(uint32_t){ 0 }) >= 0);
	}
	rig_close(r);
}
static void interrupts_come_at_the_event(void) { each_combo(event_combo); }

static void interrupts_can_be_suppressed_by_flag(void)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct rig *r = rig_open(true);
		struct buf b = { heap(&r->d, 64, 16), 8 };
		uint64_t flags;

		drv_start(&r->d, packed ? VIRTIO_F_RING_PACKED : 0, 1, 8);
		flags = r->d.ring[0].area[S_DRIVER] + (packed ? 2 : 0);
		st16(&r->d, flags, 1);
		ring_add(&r->d, 0, &b, 0, 1, false);
		ring_kick(&r->d, 0);
		CHECK(!interrupted(&r->d, 0));
		st16(&r->d, flags, 0);
		ring_add(&r->d, 0, &b, 0, 1, false);
		ring_kick(&r->d, 0);
		CHECK(interrupted(&r->d, 0));
		rig_close(r);
	}
}

/* Chains may be finished in any order; those that were taken before a reset
 * are recognized when they are. */
static void chains_complete_out_of_order_and_go_stale(void)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct rig *r = rig_open(false);
		struct buf b[2] = { { heap(&r->d, 64, 16), 8 }, { heap(&r->d, 64, 16), 8 } };
		uint32_t len;
		int id[3];

		r->e->hold = true;
		drv_start(&r->d, packed ? VIRTIO_F_RING_PACKED : 0, 1, 8);
		for (unsigned i = 0; i < 3; i++)
			id[i] = ring_add(&r->d, 0, b, 1, 2, false);
		notify(&r->d, 0);
		CHECK_EQ(r->e->nheld, 3);
		echo_finish(r->e, 0, r->e->held[2]);
		CHECK_EQ(ring_get(&r->d, 0, &len), id[2]);
		echo_finish(r->e, 0, r->e->held[0]);
		CHECK_EQ(ring_get(&r->d, 0, &len), id[0]);
		r->e->nheld = 0;
		set_reg(&r->d, R_STATUS, 0);
		CHECK_EQ(r->e->resets, 2); /* drv_start reset it too */
		interrupted(&r->d, 0);
		drv_start(&r->d, packed ? VIRTIO_F_RING_PACKED : 0, 1, 8);
		echo_finish(r->e, 0, r->e->held[1]);
		CHECK(!ring_has_used(&r->d, 0));
		CHECK(!interrupted(&r->d, 0));
		rig_close(r);
	}
}

/* The same random work on a split and a packed ring has the same results. */
static void split_and_packed_agree(void)
{
	struct rig *r[2] = { rig_open(false), rig_open(true) };
	uint64_t mem[2];

	for (unsigned i = 0; i < 2; i++) {
		drv_start(&r[i]->d, combo_features(&(struct combo){ i, i, true, true }), 1, 32);
		mem[i] = heap(&r[i]->d, 64 * BUF, 16);
		r[i]->e->hold = true;
	}
	for (unsigned round = 0; round < 3000; round++) {
		unsigned nout = rnd(4), n = nout + rnd(4), indirect = rnd(2), finish = rnd(2);
		uint32_t len[2];
		int id[2];

		n += !n;
		for (unsigned i = 0; i < 2; i++) {
			struct buf b[8];
			uint32_t s = seed;

			for (unsigned k = 0; k < n; k++) {
				b[k] = (struct buf){ mem[i] + rnd(64) * BUF, rnd(BUF + 1) };
				memset(ram(&r[i]->d, b[k].a, BUF), rnd(256), BUF);
			}
			ring_add(&r[i]->d, 0, b, nout, n, indirect);
			ring_kick(&r[i]->d, 0);
			if (!i)
				seed = s; /* the same again */
		}
		CHECK_EQ(r[0]->e->nheld, r[1]->e->nheld);
		while (r[0]->e->nheld && (finish || r[0]->e->nheld > 3)) {
			unsigned k = rnd(r[0]->e->nheld);

			for (unsigned i = 0; i < 2; i++) {
				struct echo *e = r[i]->e;

				echo_finish(e, 0, e->held[k]);
				e->held[k] = e->held[--e->nheld];
				CHECK(interrupted(&r[i]->d, 0));
				id[i] = ring_get(&r[i]->d, 0, &len[i]);
				CHECK(id[i] >= 0);
			}
			CHECK_EQ(len[0], len[1]);
		}
		CHECK(!memcmp(ram(&r[0]->d, mem[0], 64 * BUF), ram(&r[1]->d, mem[1], 64 * BUF),
			      64 * BUF));
	}
	rig_close(r[0]);
	rig_close(r[1]);
}

TEST_MAIN({ "chains_come_back_with_their_data", chains_come_back_with_their_data },
	  { "indices_wrap", indices_wrap },
	  { "notifications_are_asked_for_exactly", notifications_are_asked_for_exactly },
	  { "busy_devices_suppress_by_flag", busy_devices_suppress_by_flag },
	  { "interrupts_come_at_the_event", interrupts_come_at_the_event },
	  { "interrupts_can_be_suppressed_by_flag", interrupts_can_be_suppressed_by_flag },
	  { "chains_complete_out_of_order_and_go_stale", chains_complete_out_of_order_and_go_stale },
	  { "split_and_packed_agree", split_and_packed_agree })
