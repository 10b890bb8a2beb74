/* SPDX-License-Identifier: Apache-2.0 */
/* What a file is that `doppel run FILE` was given: by its contents. */
#ifndef CLI_KIND_H
#define CLI_KIND_H

#include "base/err.h"

enum kind { KIND_KERNEL, KIND_FIRMWARE, KIND_WASM };

/* The kind, or a negative errno and one line that says what the file is and
 * what to do with it. */
int kind_of_file(const char *path, struct err *e);

#endif
