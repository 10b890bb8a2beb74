/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host's processor has, beyond the least of its architecture.
 */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	CPU_ASKED = 1,
	CPU_FMA = 2,            /* x86: fused multiply and add */
	CPU_X86_64_V3 = 4,      /* x86: AVX2, BMI2, FMA and what comes with them */
};

/* Asked once: 0 before.  The same for all that runs in the process. */
extern _Atomic uint8_t cpu__features;
unsigned cpu__ask(void);

static inline bool cpu_has(unsigned feature)
{
	unsigned have = atomic_load_explicit(&cpu__features, memory_order_relaxed);

	return (have ? have : cpu__ask()) & feature;
}

#endif
