/* SPDX-License-Identifier: Apache-2.0 */
/* Event loop, worker lanes, memory channels. */
#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "host/chan.h"
#include "host/clock.h"
#include "host/entropy.h"
#include "host/loop.h"
#include "host/worker.h"
#include "tests/test.h"

static struct clock clock_;
static struct loop *l;
static int calls;

static void setup(bool is_virtual)
{
	clock_init(&clock_, is_virtual);
	l = loop_create(&clock_, NULL);
	CHECK(l);
	calls = 0;
}

static void count(void *arg)
{
	(void)arg;
	calls++;
}

static void repost(void *arg)
{
	calls++;
	loop_post(l, repost, arg);
}

static void a_self_posting_call_runs_once_a_round(void)
{
	setup(false);
	loop_post(l, repost, NULL);
	loop_step(l, 0);
	CHECK_EQ(calls, 1);
	loop_step(l, 0);
	CHECK_EQ(calls, 2);
	loop_cancel(l, repost, NULL);
	loop_step(l, 0);
	CHECK_EQ(calls, 2);
	loop_destroy(l);
}

static void *poster(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10000; i++)
		loop_post(l, count, NULL);
	loop_stop(l);
	return NULL;
}

static void calls_posted_by_another_thread_all_run(void)
{
	pthread_t t;

	setup(false);
	pthread_create(&t, NULL, poster, NULL);
	loop_run(l);
	pthread_join(t, NULL);
	while (loop_step(l, 0))
		;
	CHECK_EQ(calls, 10000);
	loop_destroy(l);
}

static void virtual_timers_fire_in_order_when_time_is_set(void)
{
	struct loop_timer a, b;

	setup(true);
	loop_timer_init(&a, l, count, NULL);
	loop_timer_init(&b, l, count, NULL);
	loop_timer_set(&a, 1000);
	loop_timer_set(&b, 2000);
	CHECK_EQ(loop_next_due(l), 1000);
	loop_step(l, 0);
	CHECK_EQ(calls, 0);
	clock_set(&clock_, 1500);
	loop_step(l, 0);
	CHECK_EQ(calls, 1);
	CHECK_EQ(loop_next_due(l), 2000);
	loop_timer_fini(&a);
	loop_timer_fini(&b);
	CHECK_EQ(loop_next_due(l), UINT64_MAX);
	loop_destroy(l);
}

static void again(void *arg)
{
	struct loop_timer *t = arg;

	if (++calls < 1000)
		loop_timer_set(t, 0);
}

static void a_timer_set_to_the_past_fires_once_a_round(void)
{
	struct loop_timer a;

	for (int is_virtual = 0; is_virtual < 2; is_virtual++) {
		setup(is_virtual);
		loop_timer_init(&a, l, again, &a);
		loop_timer_set(&a, 0);
		for (int i = 1; i <= 3; i++) {
			CHECK(loop_step(l, -1)); /* and does not wait for it */
			CHECK_EQ(calls, i);
		}
		loop_timer_fini(&a);
		loop_destroy(l);
	}
}

static void real_timers_wake_the_loop(void)
{
	struct loop_timer a;
	uint64_t t0;

	setup(false);
	loop_timer_init(&a, l, count, NULL);
	t0 = clock_now(&clock_);
	loop_timer_set(&a, t0 + 20000000);
	while (!calls)
		loop_step(l, -1);
	CHECK(clock_now(&clock_) - t0 >= 20000000);
	loop_timer_fini(&a);
	loop_destroy(l);
}

static void on_fd(void *arg, uint32_t events)
{
	char c;

	(void)events;
	calls++;
	CHECK(read(*(int *)arg, &c, 1) >= 0);
}

static void muted_descriptors_stay_silent(void)
{
	int p[2];
	struct loop_fd *f;

	setup(false);
	CHECK(!pipe(p));
	f = loop_fd_add(l, p[0], 0, on_fd, &p[0], NULL);
	CHECK(f && write(p[1], "ab", 2) == 2);
	CHECK(!loop_step(l, 0));
	loop_fd_events(f, EPOLLIN);
	loop_step(l, 0);
	loop_step(l, 0);
	CHECK_EQ(calls, 2);
	close(p[1]);
	loop_fd_events(f, 0);
	CHECK(!loop_step(l, 0)); /* a hang-up of a muted one does not spin */
	loop_fd_remove(f);
	close(p[0]);
	loop_destroy(l);
}

static void a_regular_file_is_always_ready(void)
{
	FILE *t = tmpfile();
	int fd = fileno(t);
	struct loop_fd *f;

	setup(false);
	f = loop_fd_add(l, fd, EPOLLIN, on_fd, &fd, NULL);
	CHECK(f && loop_step(l, -1) && calls == 1);
	loop_fd_remove(f);
	fclose(t);
	loop_destroy(l);
}

struct numbered {
	struct worker_job job;
	int n;
};
static int order[1000], norder;

static void record(struct worker_job *j)
{
	order[norder++] = ((struct numbered *)j)->n;
}

static void jobs_of_a_lane_run_in_order(void)
{
	static struct numbered jobs[1000];
	struct worker *w = worker_create(4, false, NULL);
	struct worker_lane *lane = worker_lane_create(w, NULL);

	norder = 0;
	for (int i = 0; i < 1000; i++) {
		jobs[i] = (struct numbered){ { record, NULL }, i };
		worker_submit(lane, &jobs[i].job);
	}
	worker_drain(lane);
	CHECK_EQ(norder, 1000);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(order[i], i);
	worker_lane_destroy(lane);
	worker_destroy(w);
}

static struct chan *ch;
static char got[16];

static void on_chan(void *arg, bool in, bool out)
{
	(void)arg, (void)out;
	if (in)
		calls += (int)chan_read(ch, got + calls, 2);
}

static void memory_channel_feeds_and_bounds(void)
{
	char big[100];
	size_t n;

	setup(true);
	ch = chan_mem_create(l, 64, NULL);
	ch->ready = on_chan;
	chan_want(ch, true, false);
	chan_mem_feed(ch, "hello", 5);
	while (loop_step(l, 0))
		;
	CHECK(!memcmp(got, "hello", 5) && calls == 5);
	memset(big, 'x', sizeof(big));
	for (int i = 0; i < 100; i++)
		CHECK(chan_write(ch, big, 10) == 10);
	CHECK(chan_mem_output(ch, &n) && n <= 64 && n >= 32);
	CHECK_EQ(chan_write(ch, big, 100), 64);
	chan_destroy(ch);
	loop_destroy(l);
}

static void a_seeded_stream_repeats_and_continues(void)
{
	struct entropy a, b;
	uint8_t x[64], y[64];
	struct ser_writer w;
	struct ser_reader r;

	entropy_init_seed(&a, 1);
	entropy_init_seed(&b, 1);
	entropy_fill(&a, x, 64);
	entropy_fill(&b, y, 64);
	CHECK(!memcmp(x, y, 64));
	ser_writer_init(&w);
	ser_begin(&w, "e", 1);
	entropy_save(&a, &w);
	ser_end(&w);
	ser_reader_init(&r, w.buf, w.len);
	CHECK(ser_open(&r, "e", 1, 1));
	entropy_init_host(&b);
	entropy_load(&b, &r);
	entropy_fill(&a, x, 64);
	entropy_fill(&b, y, 64);
	CHECK(!memcmp(x, y, 64));
	entropy_init_seed(&b, 2);
	entropy_fill(&b, y, 64);
	CHECK(memcmp(x, y, 64));
	ser_writer_fini(&w);
}

TEST_MAIN({ "a_self_posting_call_runs_once_a_round", a_self_posting_call_runs_once_a_round },
	  { "calls_posted_by_another_thread_all_run", calls_posted_by_another_thread_all_run },
	  { "virtual_timers_fire_in_order_when_time_is_set", virtual_timers_fire_in_order_when_time_is_set },
	  { "a_timer_set_to_the_past_fires_once_a_round",
	    a_timer_set_to_the_past_fires_once_a_round },
	  { "real_timers_wake_the_loop", real_timers_wake_the_loop },
	  { "muted_descriptors_stay_silent", muted_descriptors_stay_silent },
	  { "a_regular_file_is_always_ready", a_regular_file_is_always_ready },
	  { "jobs_of_a_lane_run_in_order", jobs_of_a_lane_run_in_order },
	  { "memory_channel_feeds_and_bounds", memory_channel_feeds_and_bounds },
	  { "a_seeded_stream_repeats_and_continues", a_seeded_stream_repeats_and_continues })
