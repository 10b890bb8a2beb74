/* SPDX-License-Identifier: Apache-2.0 */
/* An interrupt line as a device sees it: level-triggered, any thread. */
#ifndef VM_IRQ_H
#define VM_IRQ_H

#include <stdbool.h>
#include <stddef.h>

struct vm_irq {
	void (*set)(void *ctx, unsigned line, bool level);
	void *ctx;
	unsigned line;
};

static inline void vm_irq_set(const struct vm_irq *irq, bool level)
{
	if (irq->set)
		irq->set(irq->ctx, irq->line, level);
}

#endif
