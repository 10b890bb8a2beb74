/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes: the host's, or a seeded stream that is the same every run. */
#ifndef HOST_ENTROPY_H
#define HOST_ENTROPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ser.h"

struct entropy {
	bool seeded;
	uint64_t state[4]; /* xoshiro256** when seeded */
};

void entropy_init_host(struct entropy *s);
void entropy_init_seed(struct entropy *s, uint64_t seed);
void entropy_fill(struct entropy *s, void *buf, size_t n);
void entropy_save(const struct entropy *s, struct ser_writer *w); /* fields, no section */
void entropy_load(struct entropy *s, struct ser_reader *r);

#endif
