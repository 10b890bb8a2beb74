/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bare program for the command line's tests: says "ready", sends back what
 * is typed, and ends the machine on request:
 *   Q power-off    F failure with code 7    R reset    W sleeps for ever
 */
	.option norvc
	.globl _start
_start:
	csrr	t0, mhartid
	bnez	t0, sleep
	li	s0, 0x10000000		/* UART: data at 0, line status at 5 */
	li	s1, 0x100000		/* finisher */
	la	a0, ready
1:	lbu	a1, 0(a0)
	beqz	a1, loop
	jal	putc
	addi	a0, a0, 1
	j	1b

loop:	lbu	t0, 5(s0)
	andi	t0, t0, 1
	beqz	t0, loop
	lbu	a1, 0(s0)
	li	t0, 'Q'
	beq	a1, t0, poweroff
	li	t0, 'F'
	beq	a1, t0, fail
	li	t0, 'R'
	beq	a1, t0, reset
	li	t0, 'W'
	beq	a1, t0, sleep
	jal	putc
	j	loop

putc:	lbu	t0, 5(s0)
	andi	t0, t0, 0x20
	beqz	t0, putc
	sb	a1, 0(s0)
	ret

poweroff:
	li	t0, 0x5555
	j	finish
fail:	li	t0, 0x73333
	j	finish
reset:	li	t0, 0x7777
finish:	sw	t0, 0(s1)
sleep:	wfi
	j	sleep
ready:	.asciz	"ready\r\n"
