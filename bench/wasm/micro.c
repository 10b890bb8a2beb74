/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The micro set: micro NAME N does N units of one kind of work and prints a
 * checksum, the same natively and as a WASI program.  Each kernel keeps an
 * engine busy with one thing: calls, memory, floats, indirect calls, branches.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

static uint32_t seed = 1;
static uint32_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	return seed ^= seed << 5;
}

/* ---- calls ---- */
static NOINLINE uint32_t fib(uint32_t n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}
static uint64_t k_fib(unsigned n)
{
	uint64_t sum = 0;

	while (n--)
		sum += fib(21 + n % 6);
	return sum;
}

/* ---- bytes and strides ---- */
static uint64_t k_sieve(unsigned n)
{
	enum { SIZE = 400000 };
	static uint8_t composite[SIZE];
	uint64_t count = 0;

	while (n--) {
		memset(composite, 0, sizeof(composite));
		for (unsigned i = 2; i < SIZE; i++) {
			if (composite[i])
				continue;
			count++;
			for (unsigned j = i + i; j < SIZE; j += i)
				composite[j] = 1;
		}
	}
	return count;
}

/* ---- floats ---- */
static uint64_t k_mandelbrot(unsigned n)
{
	uint64_t inside = 0;

	while (n--)
		for (int y = 0; y < 64; y++)
			for (int x = 0; x < 64; x++) {
				double cr = x / 24.0 - 2, ci = y / 24.0 - 1.3, r = 0, i = 0;
				int k = 0;

				for (; k < 100 && r * r + i * i < 4; k++) {
					double t = r * r - i * i + cr;

					i = 2 * r * i + ci;
					r = t;
				}
				inside += (unsigned)k;
			}
	return inside;
}

struct body {
	double p[3], v[3], mass;
};
static uint64_t k_nbody(unsigned n)
{
	struct body b[5];
	double energy = 0;

	for (int i = 0; i < 5; i++) {
		for (int k = 0; k < 3; k++) {
			b[i].p[k] = (double)(rnd() % 1000) / 100;
			b[i].v[k] = (double)(rnd() % 1000) / 5000;
		}
		b[i].mass = 1 + i;
	}
	for (unsigned step = 0; step < n * 1000; step++) {
		for (int i = 0; i < 5; i++)
			for (int j = i + 1; j < 5; j++) {
				double d[3], dist = 0.01, mag;

				for (int k = 0; k < 3; k++) {
					d[k] = b[i].p[k] - b[j].p[k];
					dist += d[k] * d[k];
				}
				mag = 0.001 / (dist * sqrt(dist));
				for (int k = 0; k < 3; k++) {
					b[i].v[k] -= d[k] * b[j].mass * mag;
					b[j].v[k] += d[k] * b[i].mass * mag;
				}
			}
		for (int i = 0; i < 5; i++)
			for (int k = 0; k < 3; k++)
				b[i].p[k] += 0.001 * b[i].v[k];
	}
	for (int i = 0; i < 5; i++)
		energy += b[i].v[0] * b[i].v[0] * b[i].mass;
	return (uint64_t)(energy * 1e6);
}

/* ---- 32-bit words: rotations and additions (FIPS 180-4) ---- */
static uint32_t ror(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}
static NOINLINE void sha256_block(uint32_t h[8], const uint32_t k[64], const uint8_t *p)
{
	uint32_t w[64], s[8];

	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 |
		       (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
	for (int i = 16; i < 64; i++)
		w[i] = (ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10) + w[i - 7] +
		       (ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 16];
	memcpy(s, h, sizeof(s));
	for (int i = 0; i < 64; i++) {
		uint32_t t1 = s[7] + (ror(s[4], 6) ^ ror(s[4], 11) ^ ror(s[4], 25)) +
			      ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i];
		uint32_t t2 = (ror(s[0], 2) ^ ror(s[0], 13) ^ ror(s[0], 22)) +
			      ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

		memmove(s + 1, s, 7 * sizeof(*s));
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		h[i] += s[i];
}
static uint64_t k_sha256(unsigned n)
{
	uint32_t h[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, k[64];
	uint8_t block[64];

	for (int i = 0; i < 64; i++) {
		k[i] = rnd();
		block[i] = (uint8_t)i;
	}
	for (unsigned i = 0; i < n * 100; i++)
		sha256_block(h, k, block);
	return (uint64_t)h[0] << 32 | h[7];
}

/* ---- indirect calls ---- */
static NOINLINE uint32_t op0(uint32_t x) { return x + 7; }
static NOINLINE uint32_t op1(uint32_t x) { return x ^ 0x55; }
static NOINLINE uint32_t op2(uint32_t x) { return x * 5; }
static NOINLINE uint32_t op3(uint32_t x) { return x - (x >> 3); }
static uint64_t k_indirect(unsigned n)
{
	static uint32_t (*volatile const ops[4])(uint32_t) = { op0, op1, op2, op3 };
	uint32_t x = 1;

	for (unsigned i = 0; i < n * 10000; i++)
		x = ops[(x ^ i) & 3](x);
	return x;
}

/* ---- pointers and an allocator ---- */
struct tree {
	struct tree *left, *right;
};
static struct tree *tree_make(unsigned depth)
{
	struct tree *t = malloc(sizeof(*t));

	t->left = depth ? tree_make(depth - 1) : NULL;
	t->right = depth ? tree_make(depth - 1) : NULL;
	return t;
}
static unsigned tree_free(struct tree *t)
{
	unsigned n = 1;

	if (t->left)
		n += tree_free(t->left) + tree_free(t->right);
	free(t);
	return n;
}
static uint64_t k_trees(unsigned n)
{
	uint64_t sum = 0;

	while (n--)
		sum += tree_free(tree_make(11));
	return sum;
}

/* ---- a small interpreter: one switch in a loop ---- */
static uint64_t k_switch(unsigned n)
{
	uint8_t code[1024];
	uint32_t r[4] = { 1, 2, 3, 4 };

	for (unsigned i = 0; i < sizeof(code); i++)
		code[i] = (uint8_t)rnd();
	for (unsigned i = 0; i < n * 10; i++)
		for (unsigned pc = 0; pc < sizeof(code); pc++) {
			uint32_t *d = &r[code[pc] >> 4 & 3], s = r[code[pc] >> 6];

			switch (code[pc] & 15) {
			case 0: *d += s; break;
			case 1: *d -= s; break;
			case 2: *d ^= s; break;
			case 3: *d |= s; break;
			case 4: *d &= s | 1; break;
			case 5: *d <<= 1; break;
			case 6: *d >>= 1; break;
			case 7: *d *= 3; break;
			case 8: *d = ~s; break;
			case 9: *d = s + pc; break;
			case 10: if (s & 1) pc++; break;
			case 11: *d = ror(*d, 5); break;
			case 12: *d += 1; break;
			case 13: *d = s * s; break;
			case 14: *d ^= pc; break;
			default: break;
			}
		}
	return r[0] ^ r[1] ^ r[2] ^ r[3];
}

/* ---- 64-bit words ---- */
static uint64_t k_mul64(unsigned n)
{
	uint64_t x = 88172645463325252u, sum = 0;

	for (unsigned i = 0; i < n * 100000; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		sum += x >> 33 ^ (x * (i | 1));
	}
	return sum;
}

/* ---- sorting through a comparison function ---- */
static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}
static uint64_t k_qsort(unsigned n)
{
	enum { COUNT = 20000 };
	static uint32_t v[COUNT];
	uint64_t sum = 0;

	while (n--) {
		for (unsigned i = 0; i < COUNT; i++)
			v[i] = rnd();
		qsort(v, COUNT, sizeof(*v), compare);
		sum += v[COUNT / 2];
	}
	return sum;
}

static const struct {
	const char *name;
	uint64_t (*fn)(unsigned n);
} kernels[] = {
	{ "fib", k_fib }, { "sieve", k_sieve }, { "mandelbrot", k_mandelbrot },
	{ "nbody", k_nbody }, { "sha256", k_sha256 }, { "indirect", k_indirect },
	{ "trees", k_trees }, { "switch", k_switch }, { "mul64", k_mul64 }, { "qsort", k_qsort },
};

int main(int argc, char **argv)
{
	for (unsigned i = 0; argc > 2 && i < sizeof(kernels) / sizeof(*kernels); i++)
		if (!strcmp(kernels[i].name, argv[1])) {
			printf("%s %016llx\n", argv[1],
			       (unsigned long long)kernels[i].fn((unsigned)atoi(argv[2])));
			return 0;
		}
	fprintf(stderr, "usage: micro NAME N\n");
	return 2;
}
