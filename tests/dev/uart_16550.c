/* SPDX-License-Identifier: Apache-2.0 */
/* The UART as the drivers of Linux, U-Boot and OpenSBI use it. */
#include <errno.h>

#include "dev/platform.h"

#include "fake.h"

enum { BASE = 0x10000000, LINE = 10 };
enum { DATA = BASE, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };

static struct fake f;
static struct chan *ch;
static struct uart *uart;

/* A channel whose reader can stall. */
struct tap {
	struct chan chan;
	bool want_in, want_out;
	size_t room;            /* bytes it takes before it would block */
	char got[65536];
	size_t n;
	bool gone;
	const char *feed;
};

static ssize_t tap_read(struct chan *c, void *buf, size_t n)
{
	struct tap *t = container_of(c, struct tap, chan);

	if (t->gone)
		return -EPIPE;
	n = t->feed ? MIN(n, strlen(t->feed)) : 0;
	memcpy(buf, t->feed ? t->feed : "", n);
	if (n)
		t->feed += n;
	return (ssize_t)n;
}

static ssize_t tap_write(struct chan *c, const void *buf, size_t n)
{
	struct tap *t = container_of(c, struct tap, chan);

	if (t->gone)
		return -EPIPE;
	n = MIN(MIN(n, t->room), sizeof(t->got) - t->n);
	memcpy(t->got + t->n, buf, n);
	t->n += n;
	t->room -= n;
	return (ssize_t)n;
}

static void tap_want(struct chan *c, bool in, bool out)
{
	struct tap *t = container_of(c, struct tap, chan);

	t->want_in = in;
	t->want_out = out;
}

static void tap_destroy(struct chan *c)
{
	(void)c;
}

static const struct chan_ops tap_ops = { tap_read, tap_write, tap_want, tap_destroy };
static struct tap tap;

static void start_with(struct chan *c)
{
	struct err e;

	CHECK(c);
	ch = c;
	uart = uart_create(&f.host, "uart0", GPA(BASE), c, fake_irq(&f, LINE), &e);
	CHECK(uart);
}

static void start(void)
{
	struct err e;

	fake_init(&f);
	start_with(chan_mem_create(f.host.loop, 65536, &e));
}

static void start_tap(size_t room)
{
	fake_init(&f);
	memset(&tap, 0, sizeof(tap));
	tap.chan.ops = &tap_ops;
	tap.room = room;
	start_with(&tap.chan);
}

static void feed(const char *s)
{
	chan_mem_feed(ch, s, strlen(s));
	fake_pass(&f, 0);
}

static void put(const char *s)
{
	for (; *s; s++) {
		CHECK(rd8(&f, LSR) & 0x20);
		wr8(&f, DATA, (uint8_t)*s);
	}
}

static void output_reaches_the_channel_at_a_newline_or_soon(void)
{
	start();
	put("a line\n");
	CHECK_STR(chan_mem_output(ch, NULL), "a line\n");
	put("prompt$ ");
	CHECK_STR(chan_mem_output(ch, NULL), "a line\n");
	fake_pass(&f, 2000000);
	CHECK_STR(chan_mem_output(ch, NULL), "a line\nprompt$ ");
	fake_fini(&f);
}

static void drain_leaves_nothing_behind(void)
{
	start();
	put("no newline");
	vm_host_drain(&f.host);
	CHECK_STR(chan_mem_output(ch, NULL), "no newline");
	fake_fini(&f);
}

static void input_is_received_in_order_with_backpressure(void)
{
	char got[64] = "";
	unsigned n = 0;

	start();
	wr8(&f, FCR, 0x01);
	feed("0123456789abcdefghijklmnopqrstuvwxyz");
	CHECK_EQ(f.line[LINE], 0);
	wr8(&f, IER, 1);
	CHECK_EQ(f.line[LINE], 1);
	while (rd8(&f, LSR) & 1) {
		CHECK(n < 63);
		CHECK(!(rd8(&f, LSR) & 2)); /* never overrun */
		got[n++] = (char)rd8(&f, DATA);
		fake_pass(&f, 0);
	}
	CHECK_STR(got, "0123456789abcdefghijklmnopqrstuvwxyz");
	CHECK_EQ(f.line[LINE], 0);
	CHECK_EQ(rd8(&f, DATA), 0);
	fake_fini(&f);
}

static void below_the_trigger_level_the_timeout_interrupt_comes(void)
{
	start();
	wr8(&f, FCR, 0x81); /* trigger at 8 */
	wr8(&f, IER, 1);
	feed("1234567");
	CHECK_EQ(rd8(&f, IIR), 0xcc);
	feed("8");
	CHECK_EQ(rd8(&f, IIR), 0xc4);
	rd8(&f, DATA);
	CHECK_EQ(rd8(&f, IIR), 0xcc);
	fake_fini(&f);
}

static void without_fifo_one_byte_at_a_time(void)
{
	start();
	wr8(&f, IER, 1);
	feed("xy");
	CHECK_EQ(rd8(&f, IIR), 0x04);
	CHECK_EQ(rd8(&f, DATA), 'x');
	fake_pass(&f, 0);
	CHECK_EQ(rd8(&f, DATA), 'y');
	CHECK_EQ(rd8(&f, LSR), 0x60);
	fake_fini(&f);
}

static void transmit_empty_interrupt_is_acknowledged_by_iir(void)
{
	start();
	wr8(&f, FCR, 1);
	rd8(&f, IIR);
	wr8(&f, IER, 2); /* enabling raises it at once */
	CHECK_EQ(f.line[LINE], 1);
	CHECK_EQ(rd8(&f, IIR), 0xc2);
	CHECK_EQ(f.line[LINE], 0);
	CHECK_EQ(rd8(&f, IIR), 0xc1);
	wr8(&f, DATA, 'x');
	CHECK_EQ(f.line[LINE], 1);
	CHECK_EQ(rd8(&f, IIR), 0xc2);
	CHECK_EQ(rd8(&f, IIR), 0xc1);
	/* Off and on again, as drivers do to test for a bug of old chips. */
	wr8(&f, IER, 0);
	wr8(&f, IER, 2);
	CHECK_EQ(rd8(&f, IIR), 0xc2);
	fake_fini(&f);
}

static void interrupts_have_the_data_sheets_priorities(void)
{
	start();
	wr8(&f, FCR, 1);
	wr8(&f, IER, 0x0f);
	wr8(&f, MCR, 0x10); /* loopback drops all modem lines: deltas */
	wr8(&f, LCR, 0x43); /* break, looped back: line status error */
	CHECK_EQ(rd8(&f, IIR), 0xc6);
	CHECK_EQ(rd8(&f, LSR), 0xf1);
	CHECK_EQ(rd8(&f, IIR), 0xc4);
	CHECK_EQ(rd8(&f, DATA), 0);
	CHECK_EQ(rd8(&f, IIR), 0xc2);
	CHECK_EQ(rd8(&f, IIR), 0xc0);
	CHECK_EQ(rd8(&f, MSR), 0x0b);
	CHECK_EQ(rd8(&f, IIR), 0xc1);
	CHECK_EQ(f.line[LINE], 0);
	fake_fini(&f);
}

static void loopback_connects_data_and_modem_lines(void)
{
	start();
	CHECK_EQ(rd8(&f, MSR) & 0xf0, 0xb0);
	wr8(&f, FCR, 1);
	wr8(&f, MCR, 0x1a); /* the presence test of Linux's driver */
	CHECK_EQ(rd8(&f, MSR) & 0xf0, 0x90);
	wr8(&f, MCR, 0x15);
	CHECK_EQ(rd8(&f, MSR) & 0xf0, 0x60);
	wr8(&f, DATA, 0x5a);
	feed("host"); /* does not get in now */
	CHECK_EQ(rd8(&f, DATA), 0x5a);
	CHECK_EQ(rd8(&f, LSR) & 1, 0);
	size_t n;
	chan_mem_output(ch, &n);
	CHECK_EQ(n, 0);
	wr8(&f, MCR, 0x0b);
	fake_pass(&f, 0);
	CHECK_EQ(rd8(&f, DATA), 'h');
	fake_fini(&f);
}

static void loopback_overruns_like_hardware(void)
{
	start();
	wr8(&f, FCR, 1);
	wr8(&f, MCR, 0x10);
	for (int i = 0; i < 17; i++)
		wr8(&f, DATA, (uint8_t)i);
	CHECK_EQ(rd8(&f, LSR) & 3, 3);
	CHECK_EQ(rd8(&f, LSR) & 3, 1);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(rd8(&f, DATA), i);
	CHECK_EQ(rd8(&f, LSR) & 1, 0);
	fake_fini(&f);
}

static void divisor_latch_and_scratch_hold_their_bytes(void)
{
	start();
	wr8(&f, SCR, 0xa5);
	wr8(&f, LCR, 0x83);
	wr8(&f, DATA, 0x34);
	wr8(&f, IER, 0x12);
	CHECK_EQ(rd8(&f, DATA), 0x34);
	CHECK_EQ(rd8(&f, IER), 0x12);
	wr8(&f, LCR, 0x03);
	CHECK_EQ(rd8(&f, IER), 0);
	CHECK_EQ(rd8(&f, LCR), 3);
	CHECK_EQ(rd8(&f, SCR), 0xa5);
	size_t n;
	chan_mem_output(ch, &n);
	CHECK_EQ(n, 0);
	fake_fini(&f);
}

static void fifo_control_is_identified_and_clears(void)
{
	start();
	CHECK_EQ(rd8(&f, IIR), 0x01);
	wr8(&f, FCR, 0x01);
	CHECK_EQ(rd8(&f, IIR), 0xc1);
	feed("abc");
	wr8(&f, FCR, 0x03);
	CHECK_EQ(rd8(&f, LSR), 0x60);
	feed("def");
	wr8(&f, FCR, 0x00);
	CHECK_EQ(rd8(&f, LSR), 0x60);
	CHECK_EQ(rd8(&f, IIR), 0x01);
	fake_fini(&f);
}

static void injected_break_arrives_as_a_flagged_zero(void)
{
	start();
	wr8(&f, FCR, 1);
	wr8(&f, IER, 5);
	uart_send_break(uart);
	CHECK_EQ(f.line[LINE], 1);
	CHECK_EQ(rd8(&f, IIR), 0xc6);
	CHECK_EQ(rd8(&f, LSR), 0xf1);
	CHECK_EQ(rd8(&f, DATA), 0);
	feed("s");
	CHECK_EQ(rd8(&f, LSR), 0x61);
	CHECK_EQ(rd8(&f, DATA), 's');
	/* With a full FIFO it waits and is not lost. */
	feed("0123456789abcdef");
	uart_send_break(uart);
	for (int i = 0; i < 16; i++) {
		CHECK_EQ(rd8(&f, LSR) & 0x10, 0);
		rd8(&f, DATA);
	}
	CHECK_EQ(rd8(&f, LSR), 0xf1);
	fake_fini(&f);
}

/* xv6's handler reads LSR and never IIR. */
static void line_status_acknowledges_an_empty_transmitter(void)
{
	start();
	wr8(&f, IER, 2);
	CHECK_EQ(rd8(&f, LSR) & 0x20, 0x20);
	CHECK_EQ(rd8(&f, IIR) & 0xf, 1);
	fake_fini(&f);
}

static void stalled_reader_stops_thre_and_nothing_is_lost(void)
{
	unsigned sent = 0;

	start_tap(100);
	wr8(&f, FCR, 1);
	while (rd8(&f, LSR) & 0x20) {
		CHECK(sent < 10000);
		wr8(&f, DATA, (uint8_t)('a' + sent++ % 26));
	}
	CHECK(!(rd8(&f, LSR) & 0x40));
	CHECK(tap.want_out);
	CHECK_EQ(tap.n, 100);
	wr8(&f, IER, 2);
	CHECK_EQ(f.line[LINE], 0);
	for (int i = 0; i < 100000; i++) /* a rude guest goes on */
		wr8(&f, DATA, '!');
	CHECK(!(rd8(&f, LSR) & 0x20));
	tap.room = 1 << 20;
	tap.chan.ready(tap.chan.ready_arg, false, true);
	CHECK_EQ(f.line[LINE], 1);
	CHECK_EQ(rd8(&f, LSR), 0x60);
	fake_pass(&f, 2000000);
	CHECK(!tap.want_out);
	for (unsigned i = 0; i < sent; i++)
		CHECK_EQ(tap.got[i], 'a' + i % 26);
	CHECK_EQ(tap.n, sent + 15); /* the FIFO's room was left */
	fake_fini(&f);
}

static void reader_that_goes_away_does_not_stop_the_guest(void)
{
	start_tap(10);
	tap.gone = true;
	for (int i = 0; i < 20000; i++) {
		CHECK(rd8(&f, LSR) & 0x20);
		wr8(&f, DATA, '\n');
	}
	CHECK(!tap.want_out);
	tap.chan.ready(tap.chan.ready_arg, true, false); /* end of input */
	CHECK(!tap.want_in);
	fake_fini(&f);
}

static void wider_accesses_touch_one_register(void)
{
	start();
	wr8(&f, FCR, 1);
	feed("abcd");
	CHECK_EQ(rd(&f, DATA, 4), 'a');
	CHECK_EQ(rd(&f, DATA, 8), 'b');
	wr(&f, LCR + 1, 2, 0xffff);
	CHECK_EQ(rd8(&f, LCR), 0);
	CHECK_EQ(rd8(&f, MCR), 0x1f);
	wr8(&f, MCR, 0);
	CHECK_EQ(rd(&f, BASE + 8, 8), 0);
	wr(&f, BASE + 0xf8, 8, ~0ull);
	CHECK_EQ(rd8(&f, DATA), 'c');
	fake_fini(&f);
}

static void spoil(struct fake *fk)
{
	vm_host_reset(&fk->host);
	wr8(fk, SCR, 0x77);
	wr8(fk, LCR, 0x80);
	wr8(fk, DATA, 0x99);
}

static void state_survives_save_and_load(void)
{
	uint64_t seed = 42;

	start_tap(50);
	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < 100; i++) {
			uint64_t x = test_random(&seed);

			if (x & 1)
				wr8(&f, BASE + (x >> 8 & 7), (uint8_t)(x >> 16));
			else
				rd8(&f, BASE + (x >> 8 & 7));
		}
		tap.room = test_random(&seed) % 2000;
		bool line = f.line[LINE];
		check_round_trip(&f, spoil);
		CHECK_EQ(f.line[LINE], line);
	}
	fake_fini(&f);
}

static void load_refuses_an_overfull_fifo(void)
{
	struct ser_writer w;
	struct ser_reader r;

	start();
	wr8(&f, FCR, 1);
	feed("abc");
	ser_writer_init(&w);
	vm_host_save(&f.host, &w);
	w.buf[28 + 11] = 17; /* header, 11 registers, count */
	ser_reader_init(&r, w.buf, w.len);
	vm_host_load(&f.host, &r);
	CHECK(r.err.code);
	ser_writer_fini(&w);
	fake_fini(&f);
}

TEST_MAIN(
	{ "output_reaches_the_channel_at_a_newline_or_soon",
	  output_reaches_the_channel_at_a_newline_or_soon },
	{ "drain_leaves_nothing_behind", drain_leaves_nothing_behind },
	{ "input_is_received_in_order_with_backpressure",
	  input_is_received_in_order_with_backpressure },
	{ "below_the_trigger_level_the_timeout_interrupt_comes",
	  below_the_trigger_level_the_timeout_interrupt_comes },
	{ "without_fifo_one_byte_at_a_time", without_fifo_one_byte_at_a_time },
	{ "transmit_empty_interrupt_is_acknowledged_by_iir",
	  transmit_empty_interrupt_is_acknowledged_by_iir },
	{ "interrupts_have_the_data_sheets_priorities",
	  interrupts_have_the_data_sheets_priorities },
	{ "loopback_connects_data_and_modem_lines", loopback_connects_data_and_modem_lines },
	{ "loopback_overruns_like_hardware", loopback_overruns_like_hardware },
	{ "divisor_latch_and_scratch_hold_their_bytes",
	  divisor_latch_and_scratch_hold_their_bytes },
	{ "fifo_control_is_identified_and_clears", fifo_control_is_identified_and_clears },
	{ "injected_break_arrives_as_a_flagged_zero", injected_break_arrives_as_a_flagged_zero },
	{ "line_status_acknowledges_an_empty_transmitter",
	  line_status_acknowledges_an_empty_transmitter },
	{ "stalled_reader_stops_thre_and_nothing_is_lost",
	  stalled_reader_stops_thre_and_nothing_is_lost },
	{ "reader_that_goes_away_does_not_stop_the_guest",
	  reader_that_goes_away_does_not_stop_the_guest },
	{ "wider_accesses_touch_one_register", wider_accesses_touch_one_register },
	{ "state_survives_save_and_load", state_survives_save_and_load },
	{ "load_refuses_an_overfull_fifo", load_refuses_an_overfull_fifo })
