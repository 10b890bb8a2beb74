/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16550A UART on a byte channel.
 *
 *      off  read                       write
 *      0    RBR receiver buffer        THR transmitter holding   (DLAB: DLL)
 *      1    IER interrupt enable       IER                       (DLAB: DLM)
 *      2    IIR interrupt identity     FCR FIFO control
 *      3    LCR line control           LCR   (bit 7: DLAB)
 *      4    MCR modem control          MCR   (bit 4: loopback)
 *      5    LSR line status            -
 *      6    MSR modem status           -
 *      7    SCR scratch                SCR
 *
 * Transmit path:  THR -> 16-byte FIFO -> line buffer (LINE bytes) -> channel.
 * The line buffer stands for the wire: bytes are on it at once and reach the
 * channel in batches (at a newline, at BATCH bytes, or after FLUSH_NS), so
 * that a message costs one host write and not one a byte.  When the reader of
 * the channel stalls, the line fills, then the FIFO, then THRE stays clear:
 * memory is bounded and the hart never blocks.  What a guest writes in spite
 * of that is lost, as on hardware.
 *
 * Receive path:  channel -> 16-byte FIFO.  The channel is asked for more only
 * when there is room, so nothing from the host is ever overrun.  The character
 * timeout interrupt comes at once: below the trigger level, any byte that
 * waits counts as timed out.
 *
 * Relies on: the io lock, held by every entry.  Never waits, never allocates
 * after create.  The baud rate does not limit the speed.
 */
#include "dev/platform.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "host/chan.h"

enum { FIFO = 16, LINE = 4096, BATCH = 256, FLUSH_NS = 1000000 };

enum { RBR_THR = 0, IER = 1, IIR_FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };
enum { IER_RX = 1, IER_THRE = 2, IER_LINE = 4, IER_MODEM = 8 };
enum { IIR_MODEM = 0, IIR_NONE = 1, IIR_THRE = 2, IIR_RX = 4, IIR_LINE = 6, IIR_TIMEOUT = 12,
       IIR_FIFO = 0xc0 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_CLEAR_TX = 4, FCR_KEPT = 0xc9 };
enum { LCR_BREAK = 0x40, LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 16 };
enum { LSR_DR = 1, LSR_OE = 2, LSR_BI = 16, LSR_THRE = 32, LSR_TEMT = 64, LSR_FIFO_ERR = 128,
       LSR_PER_BYTE = 0x1c };
enum { MSR_CTS = 16, MSR_DSR = 32, MSR_RI = 64, MSR_DCD = 128, MSR_TERI = 4 };

struct fifo {
	uint8_t data[FIFO];
	uint8_t flags[FIFO];    /* LSR bits of the byte; receive only */
	uint8_t head, count;
};

struct uart {
	struct vm_dev dev;      /* first */
	struct vm_host *host;
	struct chan *chan;
	struct vm_irq irq;
	struct loop_timer flush;

	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	bool overrun;           /* LSR.OE */
	bool thre_event;        /* THRE interrupt not yet acknowledged */
	uint8_t msr_delta;      /* MSR bits 3..0 */
	bool break_waits;       /* an injected break that found the FIFO full */
	struct fifo rx, tx;
	uint8_t line[LINE];
	unsigned line_head, line_len;

	/* The host side, not state of the machine. */
	bool irq_level;
	bool in_eof, out_gone, out_stalled;
	bool asked_in, asked_out; /* what chan_want was told last */
};

static unsigned depth(const struct uart *u)
{
	return u->fcr & FCR_ENABLE ? FIFO : 1;
}

static void fifo_push(struct fifo *f, uint8_t byte, uint8_t flags)
{
	unsigned i = (f->head + f->count) % FIFO;

	f->data[i] = byte;
	f->flags[i] = flags;
	f->count++;
}

static uint8_t fifo_pop(struct fifo *f)
{
	uint8_t byte = f->data[f->head];

	f->head = (f->head + 1) % FIFO;
	f->count--;
	return byte;
}

static void fifo_clear(struct fifo *f)
{
	f->head = f->count = 0;
}

/* ---- interrupt ---------------------------------------------------------- */

static uint8_t head_flags(const struct uart *u)
{
	return u->rx.count ? u->rx.flags[u->rx.head] : 0;
}

/* The highest-priority source that is enabled and pending. */
static uint8_t irq_identity(const struct uart *u)
{
	static const uint8_t trigger[4] = { 1, 4, 8, 14 };

	if ((u->ier & IER_LINE) && (u->overrun || head_flags(u)))
		return IIR_LINE;
	if ((u->ier & IER_RX) && u->rx.count)
		return !(u->fcr & FCR_ENABLE) || u->rx.count >= trigger[u->fcr >> 6] ?
			IIR_RX : IIR_TIMEOUT;
	if ((u->ier & IER_THRE) && u->thre_event)
		return IIR_THRE;
	if ((u->ier & IER_MODEM) && u->msr_delta)
		return IIR_MODEM;
	return IIR_NONE;
}

static void update_irq(struct uart *u)
{
	bool level = irq_identity(u) != IIR_NONE;

	if (level != u->irq_level) {
		u->irq_level = level;
		vm_irq_set(&u->irq, level);
	}
}

/* ---- channel ------------------------------------------------------------ */

static void update_want(struct uart *u)
{
	bool in = !u->in_eof && !(u->mcr & MCR_LOOP) && u->rx.count < depth(u);

	if (in == u->asked_in && u->out_stalled == u->asked_out)
		return;
	u->asked_in = in;
	u->asked_out = u->out_stalled;
	chan_want(u->chan, in, u->out_stalled);
}

/* Hand the line to the channel as far as it takes it. */
static void line_flush(struct uart *u)
{
	loop_timer_cancel(&u->flush);
	u->out_stalled = false;
	while (u->line_len) {
		unsigned n = MIN(u->line_len, LINE - u->line_head);
		ssize_t done = u->out_gone ? (ssize_t)n :
			chan_write(u->chan, u->line + u->line_head, n);

		if (done < 0) { /* nobody will ever read: discard from now on */
			u->out_gone = true;
			continue;
		}
		if (!done) {
			u->out_stalled = true;
			break;
		}
		u->line_head = (u->line_head + (unsigned)done) % LINE;
		u->line_len -= (unsigned)done;
	}
}

static void line_put(struct uart *u, uint8_t byte)
{
	u->line[(u->line_head + u->line_len) % LINE] = byte;
	u->line_len++;
	if (u->out_stalled)
		return; /* the channel will call */
	if (byte == '\n' || u->line_len == BATCH)
		line_flush(u);
	else if (u->line_len == 1)
		loop_timer_set(&u->flush, clock_now(u->host->clock) + FLUSH_NS);
}

/* Move the transmit FIFO onto the line. */
static void transmit(struct uart *u)
{
	bool had = u->tx.count;

	while (u->tx.count && u->line_len < LINE)
		line_put(u, fifo_pop(&u->tx));
	if (had && !u->tx.count)
		u->thre_event = true;
}

static void deliver_break(struct uart *u)
{
	if (!u->break_waits || (u->mcr & MCR_LOOP) || u->rx.count >= depth(u))
		return;
	u->break_waits = false;
	fifo_push(&u->rx, 0, LSR_BI);
}

/* There may be room in the receive FIFO. */
static void receive(struct uart *u)
{
	uint8_t buf[FIFO];

	deliver_break(u);
	if (u->in_eof || (u->mcr & MCR_LOOP) || u->rx.count >= depth(u))
		return;

	ssize_t n = chan_read(u->chan, buf, depth(u) - u->rx.count);

	if (n < 0)
		u->in_eof = true;
	for (ssize_t i = 0; i < n; i++)
		fifo_push(&u->rx, buf[i], 0);
}

static void settle(struct uart *u)
{
	update_want(u);
	update_irq(u);
}

static void chan_ready(void *arg, bool in, bool out)
{
	struct uart *u = arg;

	lock_take(u->host->io);
	if (out) {
		line_flush(u);
		transmit(u);
	}
	if (in)
		receive(u);
	settle(u);
	lock_drop(u->host->io);
}

static void flush_due(void *arg)
{
	chan_ready(arg, false, true);
}

void uart_send_break(struct uart *u)
{
	lock_take(u->host->io);
	u->break_waits = true;
	deliver_break(u);
	settle(u);
	lock_drop(u->host->io);
}

/* ---- registers ---------------------------------------------------------- */

/* Loopback ties the modem outputs to the inputs; otherwise a peer is there. */
static uint8_t modem_lines(const struct uart *u)
{
	if (!(u->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
	       (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

/* What comes back in loopback mode; the receiver can overrun here. */
static void loop_back(struct uart *u, uint8_t byte, uint8_t flags)
{
	if (u->rx.count >= depth(u))
		u->overrun = true;
	else
		fifo_push(&u->rx, byte, flags);
}

static uint8_t read_lsr(struct uart *u)
{
	uint8_t v = u->rx.count ? LSR_DR | head_flags(u) : 0;

	if (u->overrun)
		v |= LSR_OE;
	if (!u->tx.count)
		v |= LSR_THRE | LSR_TEMT;
	/* Beyond the data sheet, where only IIR and THR acknowledge: xv6 looks
	 * here alone, and would never leave its handler. */
	if (irq_identity(u) == IIR_THRE)
		u->thre_event = false;
	for (unsigned i = 0; i < u->rx.count && (u->fcr & FCR_ENABLE); i++)
		if (u->rx.flags[(u->rx.head + i) % FIFO])
			v |= LSR_FIFO_ERR;
	/* Reading acknowledges the errors of the byte on top. */
	u->overrun = false;
	if (u->rx.count)
		u->rx.flags[u->rx.head] = 0;
	return v;
}

static uint8_t read_iir(struct uart *u)
{
	uint8_t id = irq_identity(u);

	if (id == IIR_THRE)
		u->thre_event = false;
	return id | (u->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static uint8_t read_rbr(struct uart *u)
{
	uint8_t byte = u->rx.count ? fifo_pop(&u->rx) : 0;

	/* Ask the channel directly when the FIFO ran empty: a paste goes
	 * through in FIFO-sized gulps without a trip through the loop. */
	if (!u->rx.count)
		receive(u);
	else
		deliver_break(u);
	return byte;
}

static uint8_t read_reg(struct uart *u, unsigned reg)
{
	bool dlab = u->lcr & LCR_DLAB;
	uint8_t v;

	switch (reg) {
	case RBR_THR: return dlab ? u->dll : read_rbr(u);
	case IER: return dlab ? u->dlm : u->ier;
	case IIR_FCR: return read_iir(u);
	case LCR: return u->lcr;
	case MCR: return u->mcr;
	case LSR: return read_lsr(u);
	case MSR:
		v = modem_lines(u) | u->msr_delta;
		u->msr_delta = 0;
		return v;
	case SCR: return u->scr;
	}
	return 0;
}

static void write_thr(struct uart *u, uint8_t byte)
{
	u->thre_event = false;
	if (u->mcr & MCR_LOOP) {
		loop_back(u, byte, 0);
		u->thre_event = true;
		return;
	}
	if (u->tx.count < depth(u))
		fifo_push(&u->tx, byte, 0);
	transmit(u);
}

static void write_ier(struct uart *u, uint8_t v)
{
	/* Enabling THRE with an empty transmitter interrupts at once. */
	if ((v & ~u->ier & IER_THRE) && !u->tx.count)
		u->thre_event = true;
	u->ier = v & 0x0f;
}

static void write_fcr(struct uart *u, uint8_t v)
{
	bool switched = (v ^ u->fcr) & FCR_ENABLE;

	if (switched || (v & FCR_CLEAR_RX))
		fifo_clear(&u->rx);
	if (switched || (v & FCR_CLEAR_TX)) {
		fifo_clear(&u->tx);
		u->thre_event = true;
	}
	u->fcr = v & FCR_ENABLE ? v & FCR_KEPT : 0;
	deliver_break(u);
}

static void write_lcr(struct uart *u, uint8_t v)
{
	if ((v & ~u->lcr & LCR_BREAK) && (u->mcr & MCR_LOOP))
		loop_back(u, 0, LSR_BI);
	u->lcr = v;
}

static void write_mcr(struct uart *u, uint8_t v)
{
	uint8_t before = modem_lines(u), now;

	u->mcr = v & 0x1f;
	now = modem_lines(u);
	/* DCTS, DDSR, DDCD on any change; TERI on RI falling only. */
	u->msr_delta |= ((before ^ now) >> 4 & ~MSR_TERI) |
			((before & ~now) >> 4 & MSR_TERI);
	deliver_break(u);
}

static void write_reg(struct uart *u, unsigned reg, uint8_t v)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case RBR_THR:
		if (dlab)
			u->dll = v;
		else
			write_thr(u, v);
		break;
	case IER:
		if (dlab)
			u->dlm = v;
		else
			write_ier(u, v);
		break;
	case IIR_FCR: write_fcr(u, v); break;
	case LCR: write_lcr(u, v); break;
	case MCR: write_mcr(u, v); break;
	case SCR: u->scr = v; break;
	}
}

/* A wider access touches the addressed register only, as its low byte:
 * no neighbor's side effect (popping a byte) happens by accident. */
static bool uart_read(void *ctx, uint64_t off, unsigned width, uint64_t *val)
{
	struct uart *u = ctx;

	(void)width;
	*val = off < 8 ? read_reg(u, (unsigned)off) : 0;
	settle(u);
	return true;
}

static bool uart_write(void *ctx, uint64_t off, unsigned width, uint64_t val)
{
	struct uart *u = ctx;

	(void)width;
	if (off < 8)
		write_reg(u, (unsigned)off, (uint8_t)val);
	settle(u);
	return true;
}

static const struct mem_mmio_ops uart_mmio = { uart_read, uart_write };

/* ---- life and state ------------------------------------------------------ */

/* What is on the line stays there: the guest sent it before the reset. */
static void uart_reset(struct vm_dev *d)
{
	struct uart *u = container_of(d, struct uart, dev);

	u->ier = u->fcr = u->lcr = u->scr = u->dlm = u->msr_delta = 0;
	u->mcr = MCR_OUT2;
	u->dll = 12; /* 9600 baud at 1.8432 MHz */
	u->overrun = u->break_waits = false;
	u->thre_event = true;
	fifo_clear(&u->rx);
	fifo_clear(&u->tx);
	line_flush(u);
	u->irq_level = true; /* force the line down */
	settle(u);
}

static void save_fifo(const struct fifo *f, struct ser_writer *w)
{
	ser_u8(w, f->count);
	for (unsigned i = 0; i < f->count; i++) {
		ser_u8(w, f->data[(f->head + i) % FIFO]);
		ser_u8(w, f->flags[(f->head + i) % FIFO]);
	}
}

static void load_fifo(struct fifo *f, struct ser_reader *r, unsigned max)
{
	unsigned n = ser_get_u8(r);

	fifo_clear(f);
	if (!ser_check(r, n <= max, "FIFO overfull"))
		return;
	for (unsigned i = 0; i < n; i++) {
		uint8_t byte = ser_get_u8(r);

		fifo_push(f, byte, ser_get_u8(r) & LSR_PER_BYTE);
	}
}

static void uart_save(struct vm_dev *d, struct ser_writer *w)
{
	struct uart *u = container_of(d, struct uart, dev);
	unsigned n = MIN(u->line_len, LINE - u->line_head);

	ser_begin(w, d->name, 1);
	ser_u8(w, u->ier);
	ser_u8(w, u->fcr);
	ser_u8(w, u->lcr);
	ser_u8(w, u->mcr);
	ser_u8(w, u->scr);
	ser_u8(w, u->dll);
	ser_u8(w, u->dlm);
	ser_u8(w, u->msr_delta);
	ser_u8(w, u->overrun);
	ser_u8(w, u->thre_event);
	ser_u8(w, u->break_waits);
	save_fifo(&u->rx, w);
	save_fifo(&u->tx, w);
	ser_u32(w, u->line_len);
	ser_bytes(w, u->line + u->line_head, n);
	ser_bytes(w, u->line, u->line_len - n);
	ser_end(w);
}

static void load_line(struct uart *u, struct ser_reader *r)
{
	uint32_t n;
	const void *p = ser_get_blob(r, &n, LINE);

	u->line_head = 0;
	u->line_len = n;
	if (p)
		memcpy(u->line, p, n);
	loop_timer_cancel(&u->flush);
	if (n)
		loop_timer_set(&u->flush, clock_now(u->host->clock) + FLUSH_NS);
}

static void uart_load(struct vm_dev *d, struct ser_reader *r)
{
	struct uart *u = container_of(d, struct uart, dev);

	if (!ser_open(r, d->name, 1, 1))
		return;
	u->ier = ser_get_u8(r) & 0x0f;
	u->fcr = ser_get_u8(r) & FCR_KEPT;
	u->lcr = ser_get_u8(r);
	u->mcr = ser_get_u8(r) & 0x1f;
	u->scr = ser_get_u8(r);
	u->dll = ser_get_u8(r);
	u->dlm = ser_get_u8(r);
	u->msr_delta = ser_get_u8(r) & 0x0f;
	u->overrun = ser_get_u8(r) & 1;
	u->thre_event = ser_get_u8(r) & 1;
	u->break_waits = ser_get_u8(r) & 1;
	load_fifo(&u->rx, r, depth(u));
	load_fifo(&u->tx, r, depth(u));
	load_line(u, r);
	ser_close(r);
	u->irq_level = irq_identity(u) == IIR_NONE; /* force the line */
	settle(u);
}

static void uart_drain(struct vm_dev *d)
{
	struct uart *u = container_of(d, struct uart, dev);

	lock_take(u->host->io);
	line_flush(u);
	transmit(u);
	settle(u);
	lock_drop(u->host->io);
}

/* The last words of a guest get a tenth of a second to reach a slow reader. */
static void uart_destroy(struct vm_dev *d)
{
	struct uart *u = container_of(d, struct uart, dev);

	line_flush(u);
	for (int i = 0; u->line_len && i < 50; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
		line_flush(u);
	}
	loop_timer_fini(&u->flush);
	chan_destroy(u->chan);
	base_free(u);
}

static const struct vm_dev_ops uart_ops = {
	.reset = uart_reset, .save = uart_save, .load = uart_load,
	.drain = uart_drain, .destroy = uart_destroy,
};

struct uart *uart_create(struct vm_host *h, const char *name, gpa_t base,
			 struct chan *c, struct vm_irq irq, struct err *e)
{
	struct uart *u = base_zalloc(sizeof(*u));

	if (!u) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	u->dev.ops = &uart_ops;
	strncpy(u->dev.name, name, sizeof(u->dev.name) - 1);
	u->host = h;
	u->chan = c;
	u->irq = irq;
	if (!mem_add_mmio(h->mem, base, UART_SIZE, &uart_mmio, u, 0, "uart", e)) {
		base_free(u);
		return NULL;
	}
	loop_timer_init(&u->flush, h->loop, flush_due, u);
	c->ready = chan_ready;
	c->ready_arg = u;
	vm_host_add(h, &u->dev);
	uart_reset(&u->dev);
	return u;
}
