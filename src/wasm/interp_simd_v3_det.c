/* SPDX-License-Identifier: Apache-2.0 */
/* Vector instructions for x86-64-v3, in the deterministic profile. */
#ifdef __x86_64__
#define WASM_DETERMINISTIC
#define SIMD_TABLE wasm__h_simd_v3_det
#define SIMD_TABLE_GUARDED wasm__h_simd_v3_det_guarded
#include "wasm/interp_simd.h"
#endif
