/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host-target interface of bare test programs: a program that has the
 * symbols `tohost` (and `fromhost`) writes commands there.
 *
 *   bits 63..56 device, 55..48 command, 47..0 payload
 *   device 0, payload odd:   exit with status payload >> 1
 *   device 0, payload even:  address of a system call block of eight words;
 *                            write (64) and exit (93) are served
 *   device 1, command 1:     put a character
 *
 * Between two runs of a hart somebody looks; two harts that look at once are
 * told apart by the exchange.  Also here: the console as firmware reaches it.
 */
#include "base/bits.h"
#include "base/log.h"
#include "system/machine.h"

enum { SYS_WRITE = 64, SYS_EXIT = 93, WRITE_MAX = 4096 };
enum { UART_DATA = 0, UART_LSR = 5, LSR_DR = 1, LSR_THRE = 32 };

bool system__console_putc(struct system *s, uint8_t c)
{
	uint64_t lsr;

	if (!mem_mmio_read(s->host.mem, GPA(VIRT_UART + UART_LSR), 1, &lsr) ||
	    !(lsr & LSR_THRE))
		return false;
	return mem_mmio_write(s->host.mem, GPA(VIRT_UART + UART_DATA), 1, c);
}

int system__console_getc(struct system *s)
{
	uint64_t lsr, c;

	if (!mem_mmio_read(s->host.mem, GPA(VIRT_UART + UART_LSR), 1, &lsr) ||
	    !(lsr & LSR_DR) ||
	    !mem_mmio_read(s->host.mem, GPA(VIRT_UART + UART_DATA), 1, &c))
		return -1;
	return (int)(c & 0xff);
}

static void end(struct system *s, uint64_t code)
{
	if (code)
		system__request(s, REQUEST_FAIL, (unsigned)MIN(code, (uint64_t)255));
	else
		system__request(s, REQUEST_POWEROFF, 0);
}

static void system_call(struct system *s, uint64_t block)
{
	uint64_t w[8];

	if (!mem_read(s->host.mem, GPA(block), w, sizeof(w)))
		return;
	if (w[0] == SYS_EXIT) {
		end(s, w[1]);
	} else if (w[0] == SYS_WRITE) {
		uint64_t n = MIN(w[3], (uint64_t)WRITE_MAX);
		uint8_t c;

		for (uint64_t i = 0; i < n && mem_read(s->host.mem, GPA(w[2] + i), &c, 1); i++)
			system__console_putc(s, c);
		w[0] = w[3];
	} else {
		w[0] = (uint64_t)-38; /* ENOSYS */
	}
	mem_write(s->host.mem, GPA(block), w, sizeof(w[0]));
}

void system__htif_poll(struct system *s)
{
	/* The symbol stands where the program wants it; the exchange does not. */
	uint64_t *p = s->htif.tohost & 7 ? NULL : mem_ptr(s->host.mem, GPA(s->htif.tohost), 8);
	uint64_t cmd, one = 1;

	if (!p || !__atomic_load_n(p, __ATOMIC_RELAXED))
		return;
	cmd = __atomic_exchange_n(p, 0, __ATOMIC_ACQ_REL);
	if (!cmd)
		return;
	if (cmd >> 56 == 1 && bits(cmd, 55, 48) == 1) {
		system__console_putc(s, (uint8_t)cmd);
	} else if (cmd >> 56 == 0 && cmd & 1) {
		end(s, bits(cmd, 47, 1));
	} else if (cmd >> 56 == 0) {
		system_call(s, bits(cmd, 47, 0));
	}
	if (s->htif.fromhost)
		mem_write(s->host.mem, GPA(s->htif.fromhost), &one, sizeof(one));
}
