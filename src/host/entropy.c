/* SPDX-License-Identifier: Apache-2.0 */
/* Host randomness by getrandom(2); the seeded stream is xoshiro256** with
 * its state filled by splitmix64. */
#include "host/entropy.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/bits.h"

void entropy_init_host(struct entropy *s)
{
	*s = (struct entropy){ 0 };
}

void entropy_init_seed(struct entropy *s, uint64_t seed)
{
	s->seeded = true;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t z = seed += 0x9e3779b97f4a7c15;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		s->state[i] = z ^ z >> 31;
	}
}

static uint64_t rotl(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static uint64_t next(uint64_t s[4])
{
	uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

void entropy_fill(struct entropy *s, void *buf, size_t n)
{
	uint8_t *p = buf;

	while (n && s->seeded) {
		uint64_t v = le64(next(s->state));
		size_t k = MIN(n, sizeof(v));

		memcpy(p, &v, k);
		p += k;
		n -= k;
	}
	while (n) {
		ssize_t k = getrandom(p, n, 0);

		if (k < 0) /* EINTR; other errors cannot happen for a valid buffer */
			continue;
		p += k;
		n -= (size_t)k;
	}
}

void entropy_save(const struct entropy *s, struct ser_writer *w)
{
	ser_u8(w, s->seeded);
	for (unsigned i = 0; i < 4; i++)
		ser_u64(w, s->state[i]);
}

void entropy_load(struct entropy *s, struct ser_reader *r)
{
	s->seeded = ser_get_u8(r);
	for (unsigned i = 0; i < 4; i++)
		s->state[i] = ser_get_u64(r);
}
