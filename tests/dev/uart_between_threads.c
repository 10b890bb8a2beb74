/* SPDX-License-Identifier: Apache-2.0 */
/* The UART with the loop on a thread of its own, as a running machine has it:
 * a hart sends, a peer on a socket echoes, the hart receives by interrupt. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dev/platform.h"

#include "fake.h"

enum { BASE = 0x10000000, IER = BASE + 1, FCR = BASE + 2, LSR = BASE + 5, TOTAL = 60000 };

static struct fake f;
static _Atomic bool line;

static void set_line(void *ctx, unsigned n, bool level)
{
	(void)ctx, (void)n;
	line = level;
}

static void *loop_thread(void *arg)
{
	(void)arg;
	loop_run(f.host.loop);
	return NULL;
}

static void *echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[777];
	ssize_t n, done, w;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (done = 0; done < n; done += w)
			if ((w = write(fd, buf + done, (size_t)(n - done))) < 0)
				return NULL;
	return NULL;
}

static uint8_t pattern(unsigned i)
{
	return i % 80 == 79 ? '\n' : (uint8_t)(i * 7 ^ i >> 8);
}

/* One turn of the guest's driver: send what fits, take what came. */
static void turn(unsigned *sent, unsigned *got)
{
	if (*sent < TOTAL && *sent - *got < 2000 && (rd8(&f, LSR) & 0x20))
		for (int i = 0; i < 16 && *sent < TOTAL; i++)
			wr8(&f, BASE, pattern((*sent)++));
	while (line && (rd8(&f, LSR) & 1)) {
		CHECK_EQ(rd8(&f, BASE), pattern(*got));
		(*got)++;
	}
}

static void echoed_bytes_arrive_complete_and_in_order(void)
{
	struct vm_irq irq = { set_line, NULL, 10 };
	unsigned sent = 0, got = 0;
	pthread_t loop, peer;
	int fd[2];
	struct err e;

	fake_init(&f);
	clock_init(&f.clock, false);
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	struct chan *c = chan_fd_create(f.host.loop, fd[0], fd[0], &e);
	CHECK(c && uart_create(&f.host, "uart0", GPA(BASE), c, irq, &e));
	CHECK(!pthread_create(&loop, NULL, loop_thread, NULL));
	CHECK(!pthread_create(&peer, NULL, echo, (void *)(intptr_t)fd[1]));
	wr8(&f, FCR, 1);
	wr8(&f, IER, 1);
	for (time_t end = time(NULL) + 60; got < TOTAL;) {
		CHECK(time(NULL) < end);
		turn(&sent, &got);
		if (!line)
			sched_yield();
	}
	loop_stop(f.host.loop);
	pthread_join(loop, NULL);
	fake_fini(&f);
	close(fd[0]);
	pthread_join(peer, NULL);
	close(fd[1]);
}

TEST_MAIN({ "echoed_bytes_arrive_complete_and_in_order",
	    echoed_bytes_arrive_complete_and_in_order })
