/* SPDX-License-Identifier: Apache-2.0 */
#define SIMD_ROWS_HOST
#include "tests/wasm/simd_rows.h"
