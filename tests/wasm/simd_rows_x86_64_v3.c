/* SPDX-License-Identifier: Apache-2.0 */
/* The forms for x86-64-v3 (the Makefile compiles this file for it). */
#ifdef __FMA__
#define SIMD_ROWS_HOST \
	__builtin_cpu_init(); \
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) \
		SKIP("the processor has no AVX2 or no FMA");
#else
#define SIMD_ROWS_HOST SKIP("not compiled for x86-64-v3");
#endif
#include "tests/wasm/simd_rows.h"
