/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of a module between text_module.c and text_segment.c. */
#ifndef WASM_TEXT_FIELD_H
#define WASM_TEXT_FIELD_H

#include "wasm/text_int.h"

void text__name(struct text *t, struct ser_writer *w);
enum text_space text__field_space(const struct text *t);
/* "id? (export ...)*" of the next thing in the space: its index. */
uint32_t text__field_head(struct text *t, enum text_space space);

void text__table_type(struct text *t, struct ser_writer *w);
void text__memory_type(struct text *t, struct ser_writer *w);
/* What follows the head, with the segment that may be inside. */
void text__table_rest(struct text *t, uint32_t index);
void text__memory_rest(struct text *t, uint32_t index);
void text__elem_field(struct text *t);
void text__data_field(struct text *t);

#endif
