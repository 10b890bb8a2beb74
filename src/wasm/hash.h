/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A keyed hash, so that no module can choose its types or names to collide.
 * Only for tables in memory: values differ from run to run.
 */
#ifndef WASM_HASH_H
#define WASM_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>

/* From the random bytes that the kernel gives each process. */
static inline uint64_t wasm__hash_key(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	uint64_t key[2] = { 0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9 };

	if (random)
		memcpy(key, random, sizeof(key));
	return key[0] * 0x9fb21c651e98df25 ^ key[1];
}

static inline uint64_t wasm__hash_mix(uint64_t h, uint64_t v, uint64_t key)
{
	unsigned __int128 m = (unsigned __int128)(h ^ v ^ 0x2d358dccaa6c78a5) *
		(key ^ 0x8bb84b93962eacc9 ^ h << 1);

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t wasm__hash_bytes(const void *p, size_t n, uint64_t key)
{
	const uint8_t *b = p;
	uint64_t h = wasm__hash_mix(key, n, key), v;

	for (; n >= 8; n -= 8, b += 8) {
		memcpy(&v, b, 8);
		h = wasm__hash_mix(h, v, key);
	}
	v = 0;
	memcpy(&v, b, n);
	return wasm__hash_mix(h, v, key);
}

#endif
