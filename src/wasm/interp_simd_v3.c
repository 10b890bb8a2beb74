/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector instructions for x86-64-v3 (AVX2, FMA, ...): the Makefile compiles
 * this file for it, and nothing in it runs elsewhere.
 */
#ifdef __x86_64__
#define SIMD_TABLE wasm__h_simd_v3
#define SIMD_TABLE_GUARDED wasm__h_simd_v3_guarded
#include "wasm/interp_simd.h"
#endif
