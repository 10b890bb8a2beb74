/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hart's side of message-signaled interrupts (AIA spec: IMSIC, Smaia,
 * Ssaia).  Present when h->imsic is not NULL.
 */
#ifndef RISCV_IMSIC_H
#define RISCV_IMSIC_H

#include "riscv/state.h"

/* MEIP and SEIP as the interrupt files drive them. */
uint64_t riscv__imsic_lines(struct riscv_hart *h);
bool riscv__imsic_csr_read(struct riscv_hart *h, unsigned csr, uint64_t *v);
bool riscv__imsic_csr_write(struct riscv_hart *h, unsigned csr, uint64_t v);
/* The write of a CSR instruction that has read `old`, where it is more than a
 * write of the new value; false: it is not. */
bool riscv__imsic_modify(struct riscv_hart *h, unsigned csr, uint64_t old, uint64_t operand,
			 enum riscv_csr_op op);
int riscv__imsic_create(struct riscv_hart *h, struct err *e);
void riscv__imsic_destroy(struct riscv_hart *h);
void riscv__imsic_reset(struct riscv_hart *h);
void riscv__imsic_save(struct riscv_hart *h, struct ser_writer *w);
void riscv__imsic_load(struct riscv_hart *h, struct ser_reader *r);

#endif
