/* SPDX-License-Identifier: Apache-2.0 */
/* The forms without any host's intrinsics. */
#define SIMD_PORTABLE
#define SIMD_ROWS_HOST
#include "tests/wasm/simd_rows.h"
