/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Optional libraries, loaded when one of their functions is first called, in
 * builds that scripts/lazy has linked; others have them from the start.
 * Loading opens files: whoever gives up that right does this before.
 */
#ifndef BASE_LAZY_H
#define BASE_LAZY_H

void base_lazy_load_all(void);

#endif
