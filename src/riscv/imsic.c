/* SPDX-License-Identifier: Apache-2.0 */
#include "riscv/imsic.h"

uint64_t riscv__imsic_lines(struct riscv_hart *h) { (void)h; return 0; }
bool riscv__imsic_csr_allowed(struct riscv_hart *h, unsigned csr) { (void)h, (void)csr; return true; }
bool riscv__imsic_csr_read(struct riscv_hart *h, unsigned csr, uint64_t *v) { (void)h, (void)csr, (void)v; return false; }
bool riscv__imsic_csr_write(struct riscv_hart *h, unsigned csr, uint64_t v) { (void)h, (void)csr, (void)v; return false; }
bool riscv__imsic_claim(struct riscv_hart *h, unsigned csr) { (void)h, (void)csr; return false; }
int riscv__imsic_create(struct riscv_hart *h, struct err *e) { (void)h, (void)e; return 0; }
void riscv__imsic_destroy(struct riscv_hart *h) { (void)h; }
void riscv__imsic_reset(struct riscv_hart *h) { (void)h; }
void riscv__imsic_save(struct riscv_hart *h, struct ser_writer *w) { (void)h, (void)w; }
void riscv__imsic_load(struct riscv_hart *h, struct ser_reader *r) { (void)h, (void)r; }
void riscv_imsic_set(struct riscv_hart *h, bool m_level, uint32_t id) { (void)h, (void)m_level, (void)id; }
