/* SPDX-License-Identifier: Apache-2.0 */
/* Vector instructions in the deterministic profile. */
#define WASM_DETERMINISTIC
#define SIMD_TABLE wasm__h_simd_det
#define SIMD_TABLE_GUARDED wasm__h_simd_det_guarded
#include "wasm/interp_simd.h"
