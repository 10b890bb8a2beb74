/* SPDX-License-Identifier: Apache-2.0 */
/* The deterministic profile. */
#define WASM_DETERMINISTIC
#define SIMD_ROWS_HOST
#include "tests/wasm/simd_rows.h"
