/* SPDX-License-Identifier: Apache-2.0 */
/* What others do to a running machine: stop, pause, reset, save; and what a
 * loaded machine does: exactly what the first one would have done. */
#include <pthread.h>
#include <time.h>

#include "riscv/hart.h"
#include "tests/system/bare.h"

static struct bare b;
static struct bare_run r, r2;
static char path[64];

/* Every hart counts its own cell and mixes it, for ever. */
static void counting_program(void)
{
	unsigned loop;

	b.n = 0;
	la(&b, S0, 0x100);
	slli(&b, T0, A0, 3);
	add(&b, S0, S0, T0);
	loop = here(&b);
	ld(&b, T0, 0, S0);
	addi(&b, T0, T0, 1);
	sd(&b, T0, 0, S0);
	slli(&b, T1, T2, 7);
	op(&b, 0, 4, T2, T2, T1);
	add(&b, T2, T2, T0);
	jump(&b, loop);
}

static uint64_t counter(struct bare_run *run, unsigned hart)
{
	uint64_t v;

	CHECK(mem_read(system_mem(run->sys), GPA(0x80000400 + 8 * hart), &v, 8));
	return v;
}

static void nap(long us)
{
	nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

static void *run_thread(void *arg)
{
	struct bare_run *run = arg;

	system_run(run->sys, &run->end, &run->err);
	return NULL;
}

static pthread_t start(struct bare_run *run, unsigned ncpus, bool det)
{
	struct system_config c = { .ncpus = ncpus, .deterministic = det };
	pthread_t t;

	counting_program();
	bare_create(run, &b, &c, false);
	pthread_create(&t, NULL, run_thread, run);
	while (!counter(run, ncpus - 1))
		nap(100);
	return t;
}

static void stops(void)
{
	for (int det = 0; det < 2; det++) {
		pthread_t t = start(&r, 2, det);

		system_stop(r.sys);
		pthread_join(t, NULL);
		CHECK_EQ(r.end.kind, SYSTEM_END_STOPPED);
		bare_end(&r);
	}
}

static void pauses(void)
{
	for (int det = 0; det < 2; det++) {
		pthread_t t = start(&r, 3, det);

		for (int i = 0; i < 20; i++) {
			uint64_t before;

			system_pause(r.sys);
			CHECK(system_paused(r.sys));
			before = counter(&r, 0) + counter(&r, 1) + counter(&r, 2);
			nap(500);
			CHECK_EQ(counter(&r, 0) + counter(&r, 1) + counter(&r, 2), before);
			system_resume(r.sys);
			while (counter(&r, 0) + counter(&r, 1) + counter(&r, 2) == before)
				nap(50);
		}
		system_pause(r.sys);
		system_stop(r.sys); /* a paused machine stops as well */
		pthread_join(t, NULL);
		bare_end(&r);
	}
}

static void *pause_thread(void *arg)
{
	system_pause(arg);
	return NULL;
}

/* On the loop thread: somebody asks for a pause, and takes it back before the
 * loop has seen it. */
static void ask_and_take_back(void *arg)
{
	pthread_t t;

	pthread_create(&t, NULL, pause_thread, arg);
	nap(20000);
	system_resume(arg);
	pthread_join(t, NULL);
}

static void a_pause_taken_back(void)
{
	pthread_t t = start(&r, 2, false);
	uint64_t before;

	CHECK(loop_post(system_loop(r.sys), ask_and_take_back, r.sys));
	nap(60000);
	before = counter(&r, 0);
	for (int i = 0; i < 5000 && counter(&r, 0) == before; i++)
		nap(1000);
	CHECK(counter(&r, 0) != before);
	system_stop(r.sys);
	pthread_join(t, NULL);
	bare_end(&r);
}

static void resets_under_load(void)
{
	pthread_t t = start(&r, 4, false);

	for (int i = 0; i < 10; i++) {
		system_reset(r.sys);
		nap(2000);
	}
	system_stop(r.sys);
	pthread_join(t, NULL);
	CHECK_EQ(r.end.kind, SYSTEM_END_STOPPED);
	bare_end(&r);
}

/* Save at every instruction of a stretch; each loaded machine ends up where
 * the undisturbed one does. */
static void save_anywhere(void)
{
	struct system_config c = { .ncpus = 2, .deterministic = true };
	uint64_t want, got;
	enum { END = 45000 };

	snprintf(path, sizeof(path), "/tmp/doppel-save-%d", (int)getpid());
	counting_program();
	bare_create(&r, &b, &c, false);
	system_set_limit(r.sys, END);
	bare_go(&r);
	CHECK_EQ(system_digest(r.sys, &want, &r.err), 0);
	bare_end(&r);
	for (uint64_t at = 0; at < 40000; at = at < 30 ? at + 1 : at * 2 - 3) {
		bare_create(&r, &b, &c, false);
		system_set_limit(r.sys, at);
		bare_go(&r);
		if (system_save(r.sys, path, &r.err))
			TEST_FAIL("%.400s", r.err.msg);
		bare_end(&r);
		bare_create(&r2, &b, &c, false);
		if (system_load(r2.sys, path, &r2.err))
			TEST_FAIL("%.400s", r2.err.msg);
		system_set_limit(r2.sys, END);
		bare_go(&r2);
		CHECK_EQ(system_digest(r2.sys, &got, &r2.err), 0);
		CHECK_EQ(got, want);
		bare_end(&r2);
	}
	unlink(path);
}

/* A paused real machine goes on from its snapshot. */
static void save_paused(void)
{
	struct system_config c = { .ncpus = 2 };
	uint64_t before;
	pthread_t t = start(&r, 2, false);

	snprintf(path, sizeof(path), "/tmp/doppel-save-%d", (int)getpid());
	CHECK(system_save(r.sys, path, &r.err) < 0);
	CHECK(strstr(r.err.msg, "pause"));
	system_pause(r.sys);
	before = counter(&r, 0);
	CHECK_EQ(system_save(r.sys, path, &r.err), 0);
	system_stop(r.sys);
	pthread_join(t, NULL);
	bare_end(&r);
	bare_create(&r2, &b, &c, false);
	CHECK_EQ(system_load(r2.sys, path, &r2.err), 0);
	CHECK_EQ(counter(&r2, 0), before);
	pthread_create(&t, NULL, run_thread, &r2);
	while (counter(&r2, 0) == before || !counter(&r2, 1))
		nap(100);
	system_stop(r2.sys);
	pthread_join(t, NULL);
	bare_end(&r2);
	unlink(path);
}

static void other_machine(void)
{
	struct system_config c = { .ncpus = 2, .deterministic = true }, *stored;
	struct system_config other[] = {
		{ .ncpus = 1, .deterministic = true }, { .ncpus = 2 },
		{ .ncpus = 2, .deterministic = true, .memory = 32 << 20 },
		{ .ncpus = 2, .deterministic = true, .no_rng = true },
	};

	snprintf(path, sizeof(path), "/tmp/doppel-save-%d", (int)getpid());
	counting_program();
	c.append = "a b c";
	bare_create(&r, &b, &c, false);
	CHECK(system_save(r.sys, path, &r.err) < 0); /* has not run */
	system_set_limit(r.sys, 100);
	bare_go(&r);
	CHECK_EQ(system_save(r.sys, path, &r.err), 0);
	bare_end(&r);
	for (unsigned i = 0; i < 4; i++) {
		bare_create(&r2, &b, &other[i], false);
		CHECK(system_load(r2.sys, path, &r2.err) < 0);
		CHECK(r2.err.msg[0]);
		bare_end(&r2);
	}
	stored = system_load_config(path, &r.err);
	CHECK(stored);
	CHECK_EQ(stored->ncpus, 2);
	CHECK_EQ(stored->memory, 16 << 20);
	CHECK_STR(stored->append, "a b c");
	base_free(stored);
	unlink(path);
}

TEST_MAIN(
	{ "a_running_machine_stops", stops },
	{ "a_paused_machine_stands", pauses },
	{ "a_pause_taken_back_leaves_it_running", a_pause_taken_back },
	{ "resets_under_load", resets_under_load },
	{ "saved_at_any_instruction_it_goes_on_the_same", save_anywhere },
	{ "a_paused_machine_is_saved_and_goes_on", save_paused },
	{ "a_snapshot_of_another_machine_is_refused", other_machine },
)
