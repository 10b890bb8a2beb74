/* SPDX-License-Identifier: Apache-2.0 */
/* Status, features, configuration space and queue registers of both
 * transports, used as they should be and as they should not. */
#include <errno.h>

#include "host/entropy.h"
#include "virtio_driver.h"

static struct rig *r;
static struct drv *d;

static void begin(bool pci)
{
	r = rig_open(pci);
	d = &r->d;
}
static void end(void) { rig_close(r); }
static void both(void (*fn)(void))
{
	for (unsigned i = 0; i < 2; i++) {
		begin(i);
		fn();
		end();
	}
}

/* ---- features and status -------------------------------------------------------- */

static void offered(void)
{
	uint64_t f;

	set_reg(d, R_DEVICE_SEL, 0);
	f = reg(d, R_DEVICE_FEATURES);
	set_reg(d, R_DEVICE_SEL, 1);
	f |= (uint64_t)reg(d, R_DEVICE_FEATURES) << 32;
	CHECK_EQ(f, 1 | VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX |
		 VIRTIO_F_RING_PACKED | VIRTIO_F_RING_RESET);
	set_reg(d, R_DEVICE_SEL, 2);
	CHECK_EQ(reg(d, R_DEVICE_FEATURES), 0);
	set_reg(d, R_DEVICE_SEL, ~0u);
	CHECK_EQ(reg(d, R_DEVICE_FEATURES), 0);
	/* What was not offered is refused. */
	for (unsigned bit = 0; bit < 64; bit++)
		CHECK_EQ(drv_negotiate(d, VIRTIO_F_VERSION_1 | 1ull << bit), !!(f & 1ull << bit));
}
static void only_offered_features_are_accepted(void) { both(offered); }

static void version_1_is_required_over_pci(void)
{
	begin(true);
	CHECK(!drv_negotiate(d, 1));
	set_reg(d, R_STATUS, reg(d, R_STATUS) | VIRTIO_DRIVER_OK);
	CHECK(!(reg(d, R_STATUS) & VIRTIO_DRIVER_OK));
	end();
	begin(false); /* 6.1 lets us be kind */
	CHECK(drv_negotiate(d, 1));
	end();
}

static void frozen(void)
{
	CHECK(drv_negotiate(d, VIRTIO_F_VERSION_1));
	set_reg(d, R_DRIVER_SEL, 0);
	set_reg(d, R_DRIVER_FEATURES, VIRTIO_F_EVENT_IDX);
	CHECK_EQ(d->v->acked, VIRTIO_F_VERSION_1);
	/* Bits of the status are not taken back, except all by 0. */
	set_reg(d, R_STATUS, VIRTIO_ACKNOWLEDGE);
	CHECK_EQ(reg(d, R_STATUS), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	set_reg(d, R_STATUS, VIRTIO_NEEDS_RESET | 0xff);
	CHECK_EQ(reg(d, R_STATUS), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK |
		 VIRTIO_DRIVER_OK | VIRTIO_FAILED);
	set_reg(d, R_STATUS, 0);
	CHECK_EQ(reg(d, R_STATUS), 0);
	CHECK_EQ(d->v->acked, 0);
}
static void features_freeze_and_status_only_grows(void) { both(frozen); }

static void early(void)
{
	struct buf b = { heap(d, 64, 16), 8 };

	CHECK(drv_negotiate(d, VIRTIO_F_VERSION_1));
	ring_init(d, 0, 8);
	drv_queue_regs(d, 0);
	ring_add(d, 0, &b, 0, 1, false);
	notify(d, 0);
	CHECK_EQ(r->e->chains, 0);
	set_reg(d, R_STATUS, reg(d, R_STATUS) | VIRTIO_DRIVER_OK);
	run_loop(d); /* the early notification is not lost */
	CHECK_EQ(r->e->chains, 1);
}
static void nothing_is_processed_before_driver_ok(void) { both(early); }

/* ---- queues ------------------------------------------------------------------------ */

static void after_ok(void)
{
	struct buf b[2] = { { heap(d, 64, 16), 8 }, { heap(d, 64, 16), 8 } };
	uint32_t len;

	drv_start(d, 0, 1, 8);
	set_reg(d, R_QUEUE_SEL, 0);
	set_reg(d, R_QUEUE_SIZE, 1024);
	for (unsigned i = 0; i < 3; i++)
		set_addr(d, i, FAKE_RAM + 0x80000);
	set_reg(d, R_QUEUE_ENABLE, 1);
	CHECK_EQ(virtq_size(d->v, 0), 8);
	CHECK_EQ(virtq_get_addr(d->v, 0, 1), d->ring[0].area[1]);
	CHECK(ring_add(d, 0, b, 1, 2, false) >= 0);
	notify(d, 0);
	CHECK(ring_get(d, 0, &len) >= 0);
	CHECK_EQ(len, 8);
	CHECK(!broken(d));
}
static void registers_of_an_enabled_queue_do_not_change(void) { both(after_ok); }

static void bad_index(void)
{
	static const uint32_t q[] = { 1, 2, 31, 32, 1000, 0xffff, ~0u };

	drv_start(d, 0, 1, 8);
	for (unsigned i = 0; i < ARRAY_LEN(q); i++) {
		if (d->pci)
			put(d, d->notify + MIN(q[i], 1023u) * 4, 2, q[i]);
		else
			notify(d, q[i]);
		set_reg(d, R_QUEUE_SEL, q[i]);
		if (q[i] > 1) {
			CHECK_EQ(reg(d, R_QUEUE_MAX), 0);
			CHECK_EQ(reg(d, R_QUEUE_ENABLE), 0);
		}
		set_reg(d, R_QUEUE_SIZE, 8);
		set_addr(d, 0, FAKE_RAM);
		if (q[i] > 1)
			set_reg(d, R_QUEUE_ENABLE, 1);
		set_reg(d, R_QUEUE_RESET, 1);
	}
	CHECK_EQ(r->e->notified, 0);
	CHECK(!broken(d));
}
static void queues_that_do_not_exist_are_ignored(void) { both(bad_index); }

static void one_queue_reset(void)
{
	struct buf b = { heap(d, 64, 16), 8 };
	uint32_t len;

	drv_start(d, VIRTIO_F_RING_RESET, 2, 8);
	r->e->hold = true;
	ring_add(d, 0, &b, 0, 1, false);
	notify(d, 0);
	set_reg(d, R_QUEUE_SEL, 0);
	set_reg(d, R_QUEUE_RESET, 1);
	CHECK_EQ(reg(d, R_QUEUE_RESET), 0);
	CHECK_EQ(reg(d, R_QUEUE_ENABLE), 0);
	set_reg(d, R_QUEUE_SEL, 1);
	CHECK_EQ(reg(d, R_QUEUE_ENABLE), 1);
	/* The chain of before is not returned to the queue of after. */
	ring_init(d, 0, 16);
	drv_queue_regs(d, 0);
	r->e->hold = false;
	r->e->nheld = 0;
	echo_finish(r->e, 0, r->e->held[0]);
	CHECK(!ring_has_used(d, 0));
	ring_add(d, 0, &b, 0, 1, false);
	notify(d, 0);
	CHECK(ring_get(d, 0, &len) >= 0);
}
static void one_queue_can_be_reset(void) { both(one_queue_reset); }

static void mmio_queue_ready_0_stops_a_queue(void)
{
	begin(false);
	drv_start(d, 0, 1, 8);
	put(d, d->base + 0x44, 4, 0);
	CHECK_EQ(get(d, d->base + 0x44, 4), 0);
	notify(d, 0);
	CHECK_EQ(r->e->notified, 0);
	CHECK_EQ(virtq_size(d->v, 0), 8);
	end();
	begin(true); /* over PCI only a reset does: 0 is never written */
	drv_start(d, 0, 1, 8);
	set_reg(d, R_QUEUE_ENABLE, 0);
	CHECK_EQ(reg(d, R_QUEUE_ENABLE), 1);
	end();
}

/* ---- configuration space -------------------------------------------------------------- */

static void config_space(void)
{
	uint64_t val = 0;

	CHECK_EQ(config(d, 0, 1), 0x10);
	CHECK_EQ(config(d, 2, 2), 0x1312);
	CHECK_EQ(config(d, 4, 4), 0x17161514);
	CHECK_EQ(config(d, 8, 4), 0x1918); /* past the end: 0 */
	CHECK_EQ(config(d, 12, 4), 0);
	CHECK_EQ(config(d, 0xfc, 4), 0);
	/* Odd widths never reach the device; direct calls are refused. */
	for (unsigned width = 0; width < 20; width++) {
		bool ok;

		val = virtio_config_read(d->v, 0, width, &ok);
		CHECK_EQ(ok, width == 1 || width == 2 || width == 4);
		CHECK(ok || !val);
		CHECK_EQ(virtio_config_write(d->v, 10, width, ~0ull), false);
		CHECK_EQ(virtio_config_write(d->v, ~0ull, width, ~0ull), false);
	}
	put(d, d->config + 4, 4, 0x44332211);
	CHECK_EQ(config(d, 4, 4), 0x44332211);
	put(d, d->config + 8, 4, ~0u);
	CHECK_EQ(config(d, 8, 4), 0xffff);
}
static void configuration_is_read_and_written_inside_its_bounds(void) { both(config_space); }

static void generation(void)
{
	uint32_t was = reg(d, R_GENERATION);

	virtio_config_changed(d->v);
	CHECK(!interrupted(d, -1)); /* no driver yet */
	CHECK(reg(d, R_GENERATION) != was);
	drv_start(d, 0, 1, 8);
	virtio_config_changed(d->v);
	CHECK(interrupted(d, -1));
}
static void configuration_changes_are_told(void) { both(generation); }

/* Every width at every offset, reads and writes of all kinds of values. */
static void every_register_at_every_width(void)
{
	static const uint64_t vals[] = { 0, 1, 0x7f, 0xffff, 0x80000000, ~0ull };

	for (unsigned t = 0; t < 2; t++) {
		begin(t);
		drv_start(d, 0, 2, 8);
		for (unsigned width = 1; width <= 8; width *= 2)
			for (uint64_t off = 0; off + width <= (t ? 0x4000 : 0x200); off += width) {
				uint64_t at = (t ? DRV_BAR : DRV_MMIO) + off;

				get(d, at, width);
				for (unsigned i = 0; i < ARRAY_LEN(vals); i++)
					put(d, at, width, vals[i]);
			}
		if (t)
			for (unsigned off = 0x40; off < 0x1000; off++)
				for (unsigned width = 1; width <= 4; width *= 2)
					if (off % width == 0) {
						put(d, ecam(d, off), width, ~0u);
						get(d, ecam(d, off), width);
					}
		run_loop(d);
		end();
	}
}

static void mmio_has_no_shared_memory(void)
{
	begin(false);
	for (unsigned id = 0; id < 3; id++) {
		put(d, d->base + 0xac, 4, id);
		CHECK_EQ(get(d, d->base + 0xb0, 4), 0xffffffff);
		CHECK_EQ(get(d, d->base + 0xb4, 4), 0xffffffff);
	}
	CHECK_EQ(get(d, d->base + 4, 2), 0); /* wrong width */
	end();
}

/* ---- interrupts over PCI ---------------------------------------------------------------- */

static void vectors_out_of_range_read_back_as_none(void)
{
	begin(true);
	drv_start(d, 0, 1, 8);
	for (uint32_t n = 0; n < 0x10000; n += n < 16 ? 1 : 5) {
		put(d, d->common + 16, 2, n);
		CHECK_EQ(get(d, d->common + 16, 2), n <= 2 ? n : 0xffff);
		put(d, d->common + 26, 2, n);
		CHECK_EQ(get(d, d->common + 26, 2), n <= 2 ? n : 0xffff);
	}
	virtio_config_changed(d->v); /* to no vector */
	end();
}

static void messages_to_wild_addresses_are_harmless(void)
{
	static const uint64_t to[] = { 0, ~3ull, DRV_BAR + 20, DRV_BAR_MSIX, DRV_ECAM,
				       FAKE_RAM + FAKE_RAM_SIZE - 2, 1ull << 63 };

	begin(true);
	drv_start(d, 0, 1, 8);
	for (unsigned i = 0; i < ARRAY_LEN(to); i++) {
		put(d, DRV_BAR_MSIX, 4, (uint32_t)to[i]);
		put(d, DRV_BAR_MSIX + 4, 4, to[i] >> 32);
		put(d, DRV_BAR_MSIX + 8, 4, 0);
		lock_take(r->f.host.io);
		virtio_config_changed(d->v);
		lock_drop(r->f.host.io);
	}
	CHECK(reg(d, R_STATUS) & VIRTIO_DRIVER_OK);
	end();
}

static void without_msix_the_isr_says_why(void)
{
	struct buf b;

	begin(true);
	put(d, ecam(d, d->msix_cap + 2), 2, 0);
	b = (struct buf){ heap(d, 64, 16), 8 };
	drv_start(d, 0, 1, 8);
	ring_add(d, 0, &b, 0, 1, false);
	notify(d, 0);
	CHECK(r->f.line[DRV_INTX] || r->f.line[DRV_INTX + 1]);
	virtio_config_changed(d->v);
	CHECK_EQ(get(d, d->isr, 1), 3);
	CHECK_EQ(get(d, d->isr, 1), 0);
	for (unsigned i = 0; i < 4; i++)
		CHECK(!r->f.line[DRV_INTX + i]);
	end();
}

/* 4.1.4.9: firmware reaches the BAR without mapping it. */
static uint32_t window(uint64_t a, unsigned width, const uint32_t *write)
{
	uint64_t cap = ecam(d, d->window_cap);
	uint32_t data;

	put(d, cap + 4, 1, 4);
	put(d, cap + 8, 4, a - DRV_BAR);
	put(d, cap + 12, 4, width);
	CHECK_EQ(get(d, cap + 8, 4), (uint32_t)(a - DRV_BAR));
	if (write)
		put(d, cap + 16, 4, *write);
	data = get(d, cap + 16, 4);
	return data;
}
static void the_configuration_window_works(void)
{
	uint32_t status = VIRTIO_ACKNOWLEDGE, x = 0x04030201;

	begin(true);
	CHECK_EQ(window(d->common + 20, 1, &status), VIRTIO_ACKNOWLEDGE);
	CHECK_EQ(reg(d, R_STATUS), VIRTIO_ACKNOWLEDGE);
	CHECK_EQ(window(d->common + 18, 2, NULL), 2);
	CHECK_EQ(window(d->config + 4, 4, &x), x);
	/* Wrong lengths, offsets and BARs do nothing. */
	CHECK_EQ(window(d->config + 4, 3, NULL), 0);
	CHECK_EQ(window(d->config + 4, 8, NULL), 0);
	CHECK_EQ(window(DRV_BAR + 0x4000, 4, NULL), 0);
	CHECK_EQ(window(DRV_BAR + ~0u - 3, 4, &x), 0);
	CHECK_EQ(window(d->config + 2, 4, NULL), 0);
	put(d, ecam(d, d->window_cap) + 4, 1, 1);
	CHECK_EQ(get(d, ecam(d, d->window_cap) + 16, 4), 0);
	end();
}

/* Each allocation of creating and attaching a device fails once. */
static bool create_with_failure(unsigned kind, bool pci, unsigned fail)
{
	struct entropy s;
	struct pci_bus *bus;
	struct virtio *v;
	struct fake f;
	struct err e;
	struct chan *c = chan_null_create(&e);
	char spec[32];
	bool ok;

	CHECK(c);
	fake_init(&f);
	bus = pci ? drv_bus(&f) : NULL;
	entropy_init_seed(&s, 1);
	snprintf(spec, sizeof(spec), "alloc:%u", fail);
	fail_setup(spec);
	v = kind ? virtio_console_create(&f.host, "console0", c, &e) :
	    virtio_rng_create(&f.host, "rng0", &s, &e);
	ok = v && !(pci ? virtio_pci_attach(v, bus, &e) :
		    virtio_mmio_attach(v, GPA(DRV_MMIO), fake_irq(&f, 1), &e));
	fail_setup(NULL);
	CHECK(ok || e.code == ENOMEM);
	if (!v || !kind)
		chan_destroy(c);
	fake_fini(&f);
	return ok;
}
static void out_of_memory_is_an_error(void)
{
	for (unsigned i = 0; i < 4; i++) {
		unsigned n = 1;

		while (!create_with_failure(i & 1, i & 2, n))
			n++;
		CHECK(n > 4);
	}
}

#define T(name) { #name, name }
TEST_MAIN(T(only_offered_features_are_accepted), T(version_1_is_required_over_pci),
	  T(features_freeze_and_status_only_grows), T(nothing_is_processed_before_driver_ok),
	  T(registers_of_an_enabled_queue_do_not_change),
	  T(queues_that_do_not_exist_are_ignored), T(one_queue_can_be_reset),
	  T(mmio_queue_ready_0_stops_a_queue),
	  T(configuration_is_read_and_written_inside_its_bounds),
	  T(configuration_changes_are_told), T(every_register_at_every_width),
	  T(mmio_has_no_shared_memory), T(vectors_out_of_range_read_back_as_none),
	  T(messages_to_wild_addresses_are_harmless), T(without_msix_the_isr_says_why),
	  T(the_configuration_window_works), T(out_of_memory_is_an_error))
