/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine without harts: memory, loop on a virtual clock, interrupt lines
 * that are only recorded.  Tests play the CPU through rd() and wr().
 */
#ifndef TESTS_DEV_FAKE_H
#define TESTS_DEV_FAKE_H

#include "base/alloc.h"
#include "base/bits.h"
#include "host/chan.h"
#include "vm/device.h"
#include "vm/irq.h"

#include "../test.h"

enum { FAKE_RAM = 0x80000000, FAKE_RAM_SIZE = 1 << 20, FAKE_LINES = 64 };

struct fake {
	struct vm_host host;
	struct clock clock;
	bool line[FAKE_LINES];
	unsigned edges[FAKE_LINES];     /* calls that changed the line */
};

static inline void fake_set(void *ctx, unsigned line, bool level)
{
	struct fake *f = ctx;

	f->edges[line] += f->line[line] != level;
	f->line[line] = level;
}

static inline struct vm_irq fake_irq(struct fake *f, unsigned line)
{
	return (struct vm_irq){ fake_set, f, line };
}

static inline void fake_init(struct fake *f)
{
	struct err e;

	memset(f, 0, sizeof(*f));
	clock_init(&f->clock, true);
	f->host.clock = &f->clock;
	f->host.deterministic = true;
	f->host.mem = mem_create(&e);
	CHECK(f->host.mem);
	f->host.io = mem_io_lock(f->host.mem);
	f->host.loop = loop_create(&f->clock, &e);
	CHECK(f->host.loop);
	f->host.worker = worker_create(0, true, &e);
	CHECK(f->host.worker);
	CHECK_EQ(mem_add_ram(f->host.mem, GPA(FAKE_RAM), FAKE_RAM_SIZE, "ram", &e), 0);
}

static inline void fake_fini(struct fake *f)
{
	vm_host_destroy_devices(&f->host);
	worker_destroy(f->host.worker);
	loop_destroy(f->host.loop);
	mem_destroy(f->host.mem);
}

/* Let guest time pass and the loop do what became due. */
static inline void fake_pass(struct fake *f, uint64_t ns)
{
	clock_set(&f->clock, clock_now(&f->clock) + ns);
	for (int i = 0; i < 100 && loop_step(f->host.loop, 0); i++)
		;
}

static inline uint64_t rd(struct fake *f, uint64_t a, unsigned width)
{
	uint64_t v = 0;

	if (!mem_mmio_read(f->host.mem, GPA(a), width, &v))
		TEST_FAIL("read%u at %#" PRIx64 " faulted", 8 * width, a);
	return v;
}

static inline void wr(struct fake *f, uint64_t a, unsigned width, uint64_t v)
{
	if (!mem_mmio_write(f->host.mem, GPA(a), width, v))
		TEST_FAIL("write%u at %#" PRIx64 " faulted", 8 * width, a);
}

static inline uint32_t rd32(struct fake *f, uint64_t a) { return (uint32_t)rd(f, a, 4); }
static inline void wr32(struct fake *f, uint64_t a, uint32_t v) { wr(f, a, 4, v); }
static inline uint8_t rd8(struct fake *f, uint64_t a) { return (uint8_t)rd(f, a, 1); }
static inline void wr8(struct fake *f, uint64_t a, uint8_t v) { wr(f, a, 1, v); }

/* Save all devices, scramble with `upset`, load, save again: the two streams
 * must be equal. */
static inline void check_round_trip(struct fake *f, void (*upset)(struct fake *f))
{
	struct ser_writer a, b;
	struct ser_reader r;
	struct err e = { 0 };

	ser_writer_init(&a);
	ser_writer_init(&b);
	vm_host_save(&f->host, &a);
	CHECK(!a.failed);
	upset(f);
	ser_reader_init(&r, a.buf, a.len);
	vm_host_load(&f->host, &r);
	if (ser_error(&r, &e))
		TEST_FAIL("load: %.400s", e.msg);
	CHECK_EQ(r.pos, r.len);
	vm_host_save(&f->host, &b);
	CHECK_EQ(a.len, b.len);
	CHECK(!memcmp(a.buf, b.buf, a.len));
	ser_writer_fini(&a);
	ser_writer_fini(&b);
}

static inline uint64_t test_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s * 0x2545f4914f6cdd1dull;
}

#endif
