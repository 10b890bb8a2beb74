/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hart and the device on two threads, both suppressing notifications as
 * far as the rings allow: none may be lost.  Each side sleeps until it is
 * told; a lost one shows as a time-out.
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "virtio_driver.h"

enum { CHAINS = 30000, SIZE = 8 };

struct sleeper {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool told;
};

static void tell(struct sleeper *s)
{
	pthread_mutex_lock(&s->lock);
	s->told = true;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
}
static bool sleep_until_told(struct sleeper *s)
{
	struct timespec t;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 10;
	pthread_mutex_lock(&s->lock);
	while (!s->told && !rc)
		rc = pthread_cond_timedwait(&s->cond, &s->lock, &t);
	s->told = false;
	pthread_mutex_unlock(&s->lock);
	return !rc;
}

static struct sleeper hart = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };
static struct sleeper device = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };
static atomic_bool stop;
static atomic_uint interrupts, kicks;

static void wake_hart(void *transport, int q)
{
	(void)transport, (void)q;
	interrupts++;
	tell(&hart);
}

/* Takes chains only when it is told, and only to the end of the queue. */
static void *device_thread(void *arg)
{
	struct rig *r = arg;

	while (sleep_until_told(&device) && !stop) {
		lock_take(r->f.host.io);
		virtio_poll(&r->e->v, 0);
		lock_drop(r->f.host.io);
		while (loop_step(r->f.host.loop, 0))
			;
	}
	return NULL;
}

static void run(uint64_t features)
{
	struct rig *r = rig_open(false);
	struct buf b[2] = { { heap(&r->d, 64, 16), 8 }, { heap(&r->d, 64, 16), 8 } };
	unsigned added = 0, got = 0;
	bool in_time = true;
	pthread_t t;

	drv_start(&r->d, features, 1, SIZE);
	r->e->v.interrupt = wake_hart;
	stop = false;
	kicks = interrupts = 0;
	hart.told = device.told = false;
	CHECK_EQ(pthread_create(&t, NULL, device_thread, r), 0);
	while (got < CHAINS && in_time) {
		uint32_t len;

		while (added < CHAINS && added - got < SIZE / 2 &&
		       ring_add(&r->d, 0, b, 1, 2, false) >= 0)
			added++;
		if (ring_wants_kick(&r->d, 0)) {
			kicks++;
			tell(&device);
		}
		if (ring_get(&r->d, 0, &len) >= 0)
			got++;
		else
			in_time = sleep_until_told(&hart);
	}
	stop = true;
	tell(&device);
	pthread_join(t, NULL);
	CHECK(in_time);
	CHECK_EQ(got, CHAINS);
	CHECK(!broken(&r->d));
	rig_close(r);
}

static void split_with_flags(void) { run(0); }
static void split_with_events(void) { run(VIRTIO_F_EVENT_IDX); }
static void packed_with_flags(void) { run(VIRTIO_F_RING_PACKED); }
static void packed_with_events(void) { run(VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX); }

#define T(name) { #name, name }
TEST_MAIN(T(split_with_flags), T(split_with_events), T(packed_with_flags), T(packed_with_events))
