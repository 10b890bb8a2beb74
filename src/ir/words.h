/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the text form that the printer and the parser share. */
#ifndef IR_WORDS_H
#define IR_WORDS_H

extern const char *const ir__alias_names[];
extern const char *const ir__how_names[]; /* each but the first with a blank at its end */

#endif
