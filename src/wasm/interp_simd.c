/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector instructions for every processor of the host's architecture, and the
 * choice between these handlers, those for x86-64-v3 (interp_simd_v3.c) and
 * the deterministic ones of both (interp_simd_det.c, interp_simd_v3_det.c).
 */
#define SIMD_TABLE wasm__h_simd
#define SIMD_TABLE_GUARDED wasm__h_simd_guarded
#include "wasm/interp_simd.h"

#include "base/cpu.h"

struct wasm_simd_handlers wasm__simd_handlers(bool deterministic)
{
#ifdef __x86_64__
	if (cpu_has(CPU_X86_64_V3))
		return deterministic ?
			(struct wasm_simd_handlers){ wasm__h_simd_v3_det,
				wasm__h_simd_v3_det_guarded, wasm__h_num_v3 } :
			(struct wasm_simd_handlers){ wasm__h_simd_v3,
				wasm__h_simd_v3_guarded, wasm__h_num_v3 };
#endif
	return deterministic ?
		(struct wasm_simd_handlers){ wasm__h_simd_det, wasm__h_simd_det_guarded, NULL } :
		(struct wasm_simd_handlers){ wasm__h_simd, wasm__h_simd_guarded, NULL };
}
