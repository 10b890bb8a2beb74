/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Features of the processor, from the C library where it tells: the compiler's
 * own question runs at each start, and in a virtual machine each CPUID of it
 * leaves the machine.
 */
#include "base/cpu.h"

#if defined(__x86_64__) && defined(__has_include)
#if __has_include(<sys/platform/x86.h>)
#include <sys/platform/x86.h>
#endif
#endif

#if !defined(__x86_64__)
#define HAS(upper, lower) false
#elif defined(CPU_FEATURE_ACTIVE)
#define HAS(upper, lower) CPU_FEATURE_ACTIVE(upper)
#else
#define HAS(upper, lower) __builtin_cpu_supports(lower)
#endif

_Atomic uint8_t cpu__features;

unsigned cpu__ask(void)
{
	unsigned have = CPU_ASKED;

	if (HAS(FMA, "fma"))
		have |= CPU_FMA;
	if (have & CPU_FMA && HAS(AVX2, "avx2") && HAS(BMI2, "bmi2"))
		have |= CPU_X86_64_V3;
	atomic_store_explicit(&cpu__features, (uint8_t)have, memory_order_relaxed);
	return have;
}
