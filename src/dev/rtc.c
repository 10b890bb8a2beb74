/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goldfish real-time clock: nanoseconds since 1970, one alarm.
 *
 *      00  TIME_LOW            read: low half, latches the high half
 *                              write: set the clock (after TIME_HIGH)
 *      04  TIME_HIGH           read: the latched half; write: high half to set
 *      08  ALARM_LOW           write: arm the alarm (after ALARM_HIGH)
 *      0c  ALARM_HIGH
 *      10  IRQ_ENABLED         bit 0
 *      14  CLEAR_ALARM         write: disarm
 *      18  ALARM_STATUS        read: bit 0 armed
 *      1c  CLEAR_INTERRUPT     write: lower the interrupt
 *
 * The clock is the guest's wall clock plus an offset that a guest may set.
 * Relies on: the io lock; a loop timer on the guest clock, whose callback
 * takes it.  Never sets the host's clock.
 */
#include "dev/platform.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"

enum { TIME_LOW = 0x00, TIME_HIGH = 0x04, ALARM_LOW = 0x08, ALARM_HIGH = 0x0c,
       IRQ_ENABLED = 0x10, CLEAR_ALARM = 0x14, ALARM_STATUS = 0x18, CLEAR_INTERRUPT = 0x1c };

struct rtc {
	struct vm_dev dev;      /* first */
	struct vm_host *host;
	struct vm_irq irq;
	struct loop_timer timer;

	uint64_t offset;        /* guest's setting - wall clock, modulo 2^64 */
	uint32_t time_high;     /* latched by a read of TIME_LOW */
	uint32_t set_high;      /* written, waits for TIME_LOW */
	uint64_t alarm;
	bool armed, irq_pending, irq_enabled;
};

static uint64_t rtc_now(const struct rtc *s)
{
	return clock_wall(s->host->clock) + s->offset;
}

static void update_irq(struct rtc *s)
{
	vm_irq_set(&s->irq, s->irq_pending && s->irq_enabled);
}

/* Fire an alarm that is due, or set the timer for it. */
static void check_alarm(struct rtc *s)
{
	uint64_t now = rtc_now(s), wait, due;

	loop_timer_cancel(&s->timer);
	if (!s->armed)
		return;
	if (s->alarm <= now) {
		s->armed = false;
		s->irq_pending = true;
		update_irq(s);
		return;
	}
	wait = s->alarm - now;
	due = clock_now(s->host->clock);
	/* An alarm beyond the end of time stays armed and never rings. */
	if (wait < UINT64_MAX - due)
		loop_timer_set(&s->timer, due + wait);
}

static void timer_due(void *arg)
{
	struct rtc *s = arg;

	lock_take(s->host->io);
	check_alarm(s);
	lock_drop(s->host->io);
}

static uint32_t read_reg(struct rtc *s, uint64_t off)
{
	uint64_t now;

	switch (off) {
	case TIME_LOW:
		now = rtc_now(s);
		s->time_high = (uint32_t)(now >> 32);
		return (uint32_t)now;
	case TIME_HIGH: return s->time_high;
	case ALARM_LOW: return (uint32_t)s->alarm;
	case ALARM_HIGH: return (uint32_t)(s->alarm >> 32);
	case IRQ_ENABLED: return s->irq_enabled;
	case ALARM_STATUS: return s->armed;
	}
	return 0;
}

static void write_reg(struct rtc *s, uint64_t off, uint32_t v)
{
	switch (off) {
	case TIME_LOW:
		s->offset += ((uint64_t)s->set_high << 32 | v) - rtc_now(s);
		check_alarm(s);
		break;
	case TIME_HIGH:
		s->set_high = v;
		break;
	case ALARM_LOW:
		s->alarm = (s->alarm & ~0xffffffffull) | v;
		s->armed = true;
		check_alarm(s);
		break;
	case ALARM_HIGH:
		s->alarm = (uint64_t)v << 32 | (uint32_t)s->alarm;
		break;
	case IRQ_ENABLED:
		s->irq_enabled = v & 1;
		update_irq(s);
		break;
	case CLEAR_ALARM:
		s->armed = false;
		check_alarm(s);
		break;
	case CLEAR_INTERRUPT:
		s->irq_pending = false;
		update_irq(s);
		break;
	}
}

static bool rtc_read(void *ctx, uint64_t off, unsigned width, uint64_t *val)
{
	if (width != 4)
		return false;
	*val = read_reg(ctx, off);
	return true;
}

static bool rtc_write(void *ctx, uint64_t off, unsigned width, uint64_t val)
{
	if (width != 4)
		return false;
	write_reg(ctx, off, (uint32_t)val);
	return true;
}

static const struct mem_mmio_ops rtc_mmio = { rtc_read, rtc_write };

/* ---- life and state ------------------------------------------------------- */

static void rtc_reset(struct vm_dev *d)
{
	struct rtc *s = container_of(d, struct rtc, dev);

	/* A real-time clock keeps its time through a reset. */
	s->time_high = s->set_high = 0;
	s->alarm = 0;
	s->armed = s->irq_pending = s->irq_enabled = false;
	loop_timer_cancel(&s->timer);
	update_irq(s);
}

static void rtc_save(struct vm_dev *d, struct ser_writer *w)
{
	struct rtc *s = container_of(d, struct rtc, dev);

	ser_begin(w, d->name, 1);
	ser_u64(w, s->offset);
	ser_u32(w, s->time_high);
	ser_u32(w, s->set_high);
	ser_u64(w, s->alarm);
	ser_u8(w, s->armed);
	ser_u8(w, s->irq_pending);
	ser_u8(w, s->irq_enabled);
	ser_end(w);
}

static void rtc_load(struct vm_dev *d, struct ser_reader *r)
{
	struct rtc *s = container_of(d, struct rtc, dev);

	if (!ser_open(r, d->name, 1, 1))
		return;
	s->offset = ser_get_u64(r);
	s->time_high = ser_get_u32(r);
	s->set_high = ser_get_u32(r);
	s->alarm = ser_get_u64(r);
	s->armed = ser_get_u8(r) & 1;
	s->irq_pending = ser_get_u8(r) & 1;
	s->irq_enabled = ser_get_u8(r) & 1;
	ser_close(r);
	update_irq(s);
	check_alarm(s);
}

static void rtc_destroy(struct vm_dev *d)
{
	struct rtc *s = container_of(d, struct rtc, dev);

	loop_timer_fini(&s->timer);
	base_free(s);
}

static const struct vm_dev_ops rtc_ops = {
	.reset = rtc_reset, .save = rtc_save, .load = rtc_load, .destroy = rtc_destroy,
};

struct rtc *rtc_create(struct vm_host *h, gpa_t base, struct vm_irq irq, struct err *e)
{
	struct rtc *s = base_zalloc(sizeof(*s));

	if (!s) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	s->dev = (struct vm_dev){ .ops = &rtc_ops, .name = "rtc" };
	s->host = h;
	s->irq = irq;
	if (!mem_add_mmio(h->mem, base, RTC_SIZE, &rtc_mmio, s, 0, "rtc", e)) {
		base_free(s);
		return NULL;
	}
	loop_timer_init(&s->timer, h->loop, timer_due, s);
	vm_host_add(h, &s->dev);
	return s;
}
