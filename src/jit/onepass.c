/* SPDX-License-Identifier: Apache-2.0 */
/* The quick tier's allocator: for now the same as the other's. */
#include "jit/mir.h"

bool jit__one_pass(struct jit_mir *m) { return jit__linear_scan(m); }
