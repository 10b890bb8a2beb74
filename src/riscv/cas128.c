/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16-byte compare-and-swap for AMOCAS.Q.  x86-64: CMPXCHG16B, which every
 * machine since 2006 has but the baseline of compilers does not assume.
 */
#include "riscv/handlers.h"

unsigned __int128 riscv__cas128(unsigned __int128 *p, unsigned __int128 want,
				unsigned __int128 put)
{
#if defined(__x86_64__)
	uint64_t lo = (uint64_t)want, hi = (uint64_t)(want >> 64);

	__asm__ volatile("lock cmpxchg16b %0"
			 : "+m"(*p), "+a"(lo), "+d"(hi)
			 : "b"((uint64_t)put), "c"((uint64_t)(put >> 64))
			 : "cc", "memory");
	return (unsigned __int128)hi << 64 | lo;
#elif defined(__aarch64__)
	uint64_t lo, hi, wlo = (uint64_t)want, whi = (uint64_t)(want >> 64);
	uint64_t plo = (uint64_t)put, phi = (uint64_t)(put >> 64);
	uint32_t fail;

	/* The pair is read atomically only if a store of it succeeds. */
	do {
		__asm__ volatile("ldaxp %0, %1, %2" : "=&r"(lo), "=&r"(hi) : "Q"(*p));
		bool same = lo == wlo && hi == whi;

		__asm__ volatile("stlxp %w0, %2, %3, %1"
				 : "=&r"(fail), "=Q"(*p)
				 : "r"(same ? plo : lo), "r"(same ? phi : hi)
				 : "memory");
	} while (fail);
	return (unsigned __int128)hi << 64 | lo;
#else
	__atomic_compare_exchange_n(p, &want, put, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return want;
#endif
}
