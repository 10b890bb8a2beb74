/* SPDX-License-Identifier: Apache-2.0 */
/* Streams, sockets, poll_oneoff, clocks, random numbers, arguments, exit. */
#include "tests/process/wasi_rig.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void start_stdio(struct rig *r, int in, int out, struct wasi_options *o)
{
	*r = (struct rig){ 0 };
	rig_make_dir(r);
	o->has_stdio = true;
	o->stdio[0] = in;
	o->stdio[1] = out;
	o->stdio[2] = -1;
	rig_start(r, o, NULL);
}

static void pipes_carry_data(void)
{
	struct wasi_options o = { 0 };
	int in[2], out[2];
	char s[8192];
	struct rig r;

	CHECK(!pipe(in) && !pipe(out));
	start_stdio(&r, in[0], out[1], &o);
	CHECK_EQ(write(in[1], "input", 5), 5);
	CHECK_EQ(rig_read(&r, 0, s), 0);
	CHECK_STR(s, "input");
	CHECK_EQ(rig_write(&r, 1, "output"), 0);
	CHECK_EQ(read(out[0], s, sizeof(s)), 6);
	CHECK_EQ(rig_write(&r, 0, "x"), WASI_ENOTCAPABLE);
	CHECK_EQ(rig_read(&r, 1, s), WASI_ENOTCAPABLE);
	CHECK_EQ(rig_write(&r, 2, "x"), WASI_EBADF);
	CHECK_EQ(rig_call(&r, "fd_seek", 0, 0, 0, RIG_OUT), WASI_ESPIPE);
	CHECK_EQ(rig_call(&r, "fd_fdstat_set_flags", 0, WASI_NONBLOCK), 0);
	CHECK_EQ(rig_read(&r, 0, s), WASI_EAGAIN);
	CHECK_EQ(fcntl(in[0], F_GETFL) & O_NONBLOCK, 0);
	CHECK(!close(in[1]));
	CHECK_EQ(rig_read(&r, 0, s), 0);
	CHECK_EQ(rig_out(&r), 0);
	rig_fini(&r);
	CHECK(!fcntl(in[0], F_GETFD)); /* borrowed */
	close(in[0]), close(out[0]), close(out[1]);
}

static void a_file_as_standard_input(void)
{
	struct wasi_options o = { 0 };
	FILE *f = tmpfile();
	char s[8192];
	struct rig r;

	fputs("0123456789", f);
	fflush(f);
	rewind(f);
	start_stdio(&r, fileno(f), fileno(f), &o);
	CHECK_EQ(rig_call(&r, "fd_seek", 0, 4, WASI_WHENCE_SET, RIG_OUT), 0);
	CHECK_EQ(rig_read(&r, 0, s), 0);
	CHECK_STR(s, "456789");
	CHECK_EQ(rig_call(&r, "fd_fdstat_get", 0, RIG_BUF), 0);
	CHECK_EQ(r.mem[RIG_BUF], WASI_TYPE_FILE);
	rig_fini(&r);
	fclose(f);
}

/* ---- poll ---------------------------------------------------------------------- */

static void sub_clock(struct rig *r, unsigned i, uint32_t clock, uint64_t timeout, uint16_t flags)
{
	uint8_t *p = r->mem + RIG_BUF + i * 48;

	memset(p, 0, 48);
	st_le64(p, 100 + i);
	st_le32(p + 16, clock);
	st_le64(p + 24, timeout);
	st_le16(p + 40, flags);
}

static void sub_fd(struct rig *r, unsigned i, uint8_t type, uint32_t fd)
{
	uint8_t *p = r->mem + RIG_BUF + i * 48;

	memset(p, 0, 48);
	st_le64(p, 100 + i);
	p[8] = type;
	st_le32(p + 16, fd);
}

enum { EVENTS = RIG_BUF + 65536 };

static unsigned poll_n(struct rig *r, unsigned n)
{
	CHECK_EQ(rig_call(r, "poll_oneoff", RIG_BUF, EVENTS, n, RIG_OUT), 0);
	return rig_out(r);
}
static const uint8_t *event(struct rig *r, unsigned i)
{
	return r->mem + EVENTS + i * 32;
}

static void poll_waits_for_the_first(void)
{
	struct wasi_options o = { 0 };
	uint64_t t;
	int in[2];
	struct rig r;

	CHECK(!pipe(in));
	start_stdio(&r, in[0], 1, &o);
	sub_fd(&r, 0, WASI_EVENT_READ, 0);
	sub_clock(&r, 1, WASI_CLOCK_MONOTONIC, 30000000, 0);
	sub_clock(&r, 2, WASI_CLOCK_MONOTONIC, 3000000000, 0);
	t = now_ns();
	CHECK_EQ(poll_n(&r, 3), 1);
	CHECK(now_ns() - t >= 30000000 && now_ns() - t < 2000000000);
	CHECK_EQ(ld_le64(event(&r, 0)), 101);
	CHECK_EQ(event(&r, 0)[10], WASI_EVENT_CLOCK);
	CHECK_EQ(write(in[1], "abc", 3), 3);
	CHECK_EQ(poll_n(&r, 3), 1);
	CHECK_EQ(ld_le64(event(&r, 0)), 100);
	CHECK_EQ(ld_le64(event(&r, 0) + 16), 3);
	CHECK(!close(in[1]));
	CHECK_EQ(poll_n(&r, 3), 1);
	CHECK_EQ(ld_le16(event(&r, 0) + 24), WASI_EVENT_HANGUP);
	/* Times in the past, on both kinds of absolute clock. */
	sub_clock(&r, 0, WASI_CLOCK_REALTIME, 1, WASI_ABSTIME);
	sub_clock(&r, 1, WASI_CLOCK_MONOTONIC, 0, WASI_ABSTIME);
	CHECK_EQ(poll_n(&r, 2), 2);
	CHECK_EQ(rig_call(&r, "clock_time_get", WASI_CLOCK_REALTIME, 0, RIG_OUT), 0);
	sub_clock(&r, 0, WASI_CLOCK_REALTIME, rig_out64(&r) + 20000000, WASI_ABSTIME);
	t = now_ns();
	CHECK_EQ(poll_n(&r, 1), 1);
	CHECK(now_ns() - t >= 15000000 && now_ns() - t < 2000000000);
	rig_fini(&r);
	close(in[0]);
}

static void poll_reports_what_is_wrong(void)
{
	struct rig r;
	uint32_t fd;

	rig_init(&r);
	fd = rig_open(&r, "a", WASI_CREAT);
	CHECK_EQ(rig_write(&r, fd, "12345678"), 0);
	CHECK_EQ(rig_call(&r, "fd_seek", fd, 3, WASI_WHENCE_SET, RIG_OUT), 0);
	sub_fd(&r, 0, WASI_EVENT_READ, 77);
	sub_clock(&r, 1, 9, 0, 0);
	sub_fd(&r, 2, WASI_EVENT_READ, fd);
	sub_fd(&r, 3, WASI_EVENT_WRITE, fd);
	sub_clock(&r, 4, WASI_CLOCK_MONOTONIC, UINT64_MAX, 0);
	CHECK_EQ(poll_n(&r, 5), 4);
	CHECK_EQ(ld_le16(event(&r, 0) + 8), WASI_EBADF);
	CHECK_EQ(ld_le16(event(&r, 1) + 8), WASI_EINVAL);
	CHECK_EQ(ld_le16(event(&r, 2) + 8), 0);
	CHECK_EQ(ld_le64(event(&r, 2) + 16), 5);
	CHECK_EQ(event(&r, 3)[10], WASI_EVENT_WRITE);
	CHECK_EQ(rig_call(&r, "poll_oneoff", RIG_BUF, EVENTS, 0, RIG_OUT), WASI_EINVAL);
	CHECK_EQ(rig_call(&r, "poll_oneoff", RIG_BUF, EVENTS, UINT32_MAX, RIG_OUT), WASI_EINVAL);
	CHECK_EQ(rig_call(&r, "poll_oneoff", RIG_MEM - 47, EVENTS, 1, RIG_OUT), WASI_EFAULT);
	CHECK_EQ(rig_call(&r, "poll_oneoff", RIG_BUF, RIG_MEM - 31, 1, RIG_OUT), WASI_EFAULT);
	sub_fd(&r, 0, 3, 0);
	CHECK_EQ(rig_call(&r, "poll_oneoff", RIG_BUF, EVENTS, 1, RIG_OUT), WASI_EINVAL);
	for (unsigned i = 0; i < 1000; i++)
		sub_clock(&r, i, WASI_CLOCK_MONOTONIC, i * 1000000000ull, 0);
	CHECK_EQ(poll_n(&r, 1000), 1);
	rig_fini(&r);
}

static void virtual_time_jumps(void)
{
	struct wasi_options o = { .deterministic = true, .seed = 7 };
	uint64_t t = now_ns(), a;
	uint8_t random[2][64];
	struct rig r;

	for (unsigned run = 0; run < 2; run++) {
		r = (struct rig){ 0 };
		rig_make_dir(&r);
		rig_start(&r, &o, NULL);
		CHECK_EQ(rig_call(&r, "clock_time_get", WASI_CLOCK_REALTIME, 0, RIG_OUT), 0);
		a = rig_out64(&r);
		CHECK(a > 1577836800000000000 && a < 1577836801000000000);
		sub_clock(&r, 0, WASI_CLOCK_MONOTONIC, 3600000000000, 0);
		CHECK_EQ(poll_n(&r, 1), 1);
		CHECK_EQ(rig_call(&r, "clock_time_get", WASI_CLOCK_REALTIME, 0, RIG_OUT), 0);
		CHECK(rig_out64(&r) - a >= 3600000000000);
		CHECK_EQ(rig_call(&r, "random_get", RIG_BUF, 56), 0);
		memcpy(random[run], r.mem + RIG_BUF, 56);
		st_le64(random[run] + 56, rig_out64(&r));
		rig_fini(&r);
	}
	CHECK(!memcmp(random[0], random[1], 64));
	CHECK(now_ns() - t < 20000000000);
}

static void clocks_and_random(void)
{
	static const uint8_t zero[64];
	struct rig r;
	uint64_t a;

	rig_init(&r);
	for (uint32_t id = 0; id < 4; id++) {
		CHECK_EQ(rig_call(&r, "clock_res_get", id, RIG_OUT), 0);
		CHECK(rig_out64(&r) > 0 && rig_out64(&r) < 1000000000);
		CHECK_EQ(rig_call(&r, "clock_time_get", id, 0, RIG_OUT), 0);
		a = rig_out64(&r);
		CHECK_EQ(rig_call(&r, "clock_time_get", id, 0, RIG_OUT), 0);
		CHECK(rig_out64(&r) >= a);
	}
	CHECK_EQ(rig_call(&r, "clock_time_get", 4, 0, RIG_OUT), WASI_EINVAL);
	CHECK_EQ(rig_call(&r, "clock_res_get", UINT32_MAX, RIG_OUT), WASI_EINVAL);
	CHECK_EQ(rig_call(&r, "random_get", RIG_BUF, 65536), 0);
	CHECK(memcmp(r.mem + RIG_BUF, zero, 64));
	CHECK_EQ(rig_call(&r, "random_get", RIG_BUF, RIG_MEM), WASI_EFAULT);
	CHECK_EQ(rig_call(&r, "random_get", RIG_MEM, 0), 0);
	CHECK_EQ(rig_call(&r, "sched_yield", 0), 0);
	rig_fini(&r);
}

static void arguments_and_environment(void)
{
	static const char *const argv[] = { "prog", "", "two words" };
	static const char *const env[] = { "A=1", "HOME=/x" };
	struct wasi_options o = { .argc = 3, .argv = argv, .envc = 2, .env = env };
	struct rig r = { 0 };

	rig_make_dir(&r);
	rig_start(&r, &o, NULL);
	CHECK_EQ(rig_call(&r, "args_sizes_get", RIG_OUT, RIG_OUT2), 0);
	CHECK_EQ(rig_out(&r), 3);
	CHECK_EQ(ld_le32(r.mem + RIG_OUT2), 16);
	CHECK_EQ(rig_call(&r, "args_get", RIG_IOV, RIG_BUF), 0);
	CHECK_STR((char *)r.mem + ld_le32(r.mem + RIG_IOV + 8), "two words");
	CHECK_EQ(rig_call(&r, "args_get", RIG_IOV, RIG_MEM - 15), WASI_EFAULT);
	CHECK_EQ(rig_call(&r, "args_get", RIG_MEM - 11, RIG_BUF), WASI_EFAULT);
	CHECK_EQ(rig_call(&r, "environ_sizes_get", RIG_OUT, RIG_OUT2), 0);
	CHECK_EQ(rig_out(&r), 2);
	CHECK_EQ(rig_call(&r, "environ_get", RIG_IOV, RIG_BUF), 0);
	CHECK_STR((char *)r.mem + ld_le32(r.mem + RIG_IOV + 4), "HOME=/x");
	rig_fini(&r);
}

static void exits_and_signals(void)
{
	struct rig r;

	rig_init(&r);
	CHECK_EQ(rig_call(&r, "proc_exit", 33), -1);
	CHECK_EQ(r.trap, WASM_TRAP_EXIT);
	CHECK_EQ(wasm_store_exit_status(r.store), 33);
	CHECK_EQ(rig_call(&r, "proc_raise", 0), 0);
	CHECK_EQ(rig_call(&r, "proc_raise", 16), 0);
	CHECK_EQ(rig_call(&r, "proc_raise", 31), WASI_EINVAL);
	CHECK_EQ(rig_call(&r, "proc_raise", 18), WASI_ENOTSUP);
	CHECK_EQ(rig_call(&r, "proc_raise", 6), -1);
	CHECK_EQ(wasm_store_exit_status(r.store), 134);
	rig_fini(&r);
}

/* ---- sockets --------------------------------------------------------------------- */

static void a_server(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), c;
	struct wasi_options o = { .nsockets = 1, .sockets = &l };
	char s[64];
	struct rig r = { 0 };
	uint32_t fd;

	CHECK(!bind(l, (void *)&a, n) && !listen(l, 5) && !getsockname(l, (void *)&a, &n));
	rig_make_dir(&r);
	rig_start(&r, &o, NULL);
	CHECK_EQ(rig_call(&r, "fd_fdstat_set_flags", 4, WASI_NONBLOCK), 0);
	CHECK_EQ(rig_call(&r, "sock_accept", 4, 0, RIG_OUT), WASI_EAGAIN);
	c = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(!connect(c, (void *)&a, sizeof(a)));
	sub_fd(&r, 0, WASI_EVENT_READ, 4);
	CHECK_EQ(poll_n(&r, 1), 1);
	CHECK_EQ(rig_call(&r, "sock_accept", 4, 0, RIG_OUT), 0);
	fd = rig_out(&r);
	CHECK_EQ(fd, 5);
	CHECK_EQ(rig_call(&r, "fd_fdstat_get", fd, RIG_BUF), 0);
	CHECK_EQ(r.mem[RIG_BUF], WASI_TYPE_SOCKET);
	CHECK_EQ(write(c, "request", 7), 7);
	rig_iov(&r, RIG_BUF, 100);
	CHECK_EQ(rig_call(&r, "sock_recv", fd, RIG_IOV, 1, WASI_PEEK, RIG_OUT, RIG_OUT2), 0);
	CHECK_EQ(rig_call(&r, "sock_recv", fd, RIG_IOV, 1, 0, RIG_OUT, RIG_OUT2), 0);
	CHECK_EQ(rig_out(&r), 7);
	CHECK_EQ(rig_call(&r, "sock_recv", fd, RIG_IOV, 1, 4, RIG_OUT, RIG_OUT2), WASI_EINVAL);
	rig_iov(&r, RIG_BUF, 7);
	CHECK_EQ(rig_call(&r, "sock_send", fd, RIG_IOV, 1, 0, RIG_OUT), 0);
	CHECK_EQ(read(c, s, sizeof(s)), 7);
	CHECK(!memcmp(s, "request", 7));
	CHECK_EQ(rig_call(&r, "sock_shutdown", fd, 0), WASI_EINVAL);
	CHECK_EQ(rig_call(&r, "sock_shutdown", fd, WASI_SHUT_WR), 0);
	CHECK_EQ(read(c, s, sizeof(s)), 0);
	/* Nobody is killed by a signal. */
	CHECK_EQ(rig_call(&r, "sock_send", fd, RIG_IOV, 1, 0, RIG_OUT), WASI_EPIPE);
	CHECK_EQ(rig_call(&r, "sock_recv", 4, RIG_IOV, 1, 0, RIG_OUT, RIG_OUT2),
		 WASI_ENOTCAPABLE);
	CHECK_EQ(rig_call(&r, "sock_accept", fd, 0, RIG_OUT), WASI_ENOTCAPABLE);
	rig_fini(&r);
	close(c), close(l);
}

/* ---- channels ------------------------------------------------------------------- */

static void *feed_soon(void *arg)
{
	usleep(30000);
	chan_mem_feed(arg, "fed", 3);
	return NULL;
}

static void channels_as_streams(void)
{
	struct wasi_options o = { .has_stdio = true, .stdio = { -1, -1, -1 } };
	struct rig r = { 0 };
	const char *out;
	char s[8192];
	pthread_t t;
	size_t n;

	o.chan[0] = chan_mem_create(NULL, 100, &r.e);
	o.chan[1] = chan_mem_create(NULL, 100, &r.e);
	CHECK(o.chan[0] && o.chan[1]);
	rig_make_dir(&r);
	rig_start(&r, &o, NULL);
	CHECK_EQ(rig_write(&r, 1, "to the channel"), 0);
	out = chan_mem_output(o.chan[1], &n);
	CHECK_EQ(n, 14);
	CHECK(!memcmp(out, "to the channel", n));
	CHECK_EQ(rig_call(&r, "fd_fdstat_set_flags", 0, WASI_NONBLOCK), 0);
	CHECK_EQ(rig_read(&r, 0, s), WASI_EAGAIN);
	CHECK_EQ(rig_call(&r, "fd_fdstat_set_flags", 0, 0), 0);
	CHECK(!pthread_create(&t, NULL, feed_soon, o.chan[0]));
	CHECK_EQ(rig_read(&r, 0, s), 0);
	CHECK_STR(s, "fed");
	pthread_join(t, NULL);
	CHECK_EQ(rig_write(&r, 2, "x"), WASI_EBADF);
	CHECK_EQ(rig_call(&r, "fd_filestat_get", 0, RIG_BUF), 0);
	CHECK_EQ(r.mem[RIG_BUF + 16], WASI_TYPE_CHAR);
	rig_fini(&r);
	chan_destroy(o.chan[0]);
	chan_destroy(o.chan[1]);
}

/* ---- being stopped ------------------------------------------------------------------ */

static void *stop_soon(void *arg)
{
	usleep(50000);
	wasi_stop(arg);
	return NULL;
}

static void blocked_calls_are_stopped(void)
{
	struct wasi_options o = { .interruptible = true };
	pthread_t t;
	int in[2];
	char s[8192];
	struct rig r;

	CHECK(!pipe(in));
	for (unsigned what = 0; what < 2; what++) {
		start_stdio(&r, in[0], 1, &o);
		CHECK(!pthread_create(&t, NULL, stop_soon, r.wasi));
		sub_clock(&r, 0, WASI_CLOCK_MONOTONIC, 100000000000, 0);
		if (what)
			CHECK_EQ(rig_call(&r, "poll_oneoff", RIG_BUF, EVENTS, 1, RIG_OUT), -1);
		else
			CHECK_EQ(rig_read(&r, 0, s), -1);
		CHECK_EQ(r.trap, WASM_TRAP_INTERRUPT);
		pthread_join(t, NULL);
		rig_fini(&r);
	}
	close(in[0]), close(in[1]);
}

TEST_MAIN({ "pipes_carry_data", pipes_carry_data },
	  { "a_file_as_standard_input", a_file_as_standard_input },
	  { "poll_waits_for_the_first", poll_waits_for_the_first },
	  { "poll_reports_what_is_wrong", poll_reports_what_is_wrong },
	  { "virtual_time_jumps", virtual_time_jumps },
	  { "clocks_and_random", clocks_and_random },
	  { "arguments_and_environment", arguments_and_environment },
	  { "exits_and_signals", exits_and_signals },
	  { "a_server", a_server },
	  { "channels_as_streams", channels_as_streams },
	  { "blocked_calls_are_stopped", blocked_calls_are_stopped })
