/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integer and floating-point workloads for the guest, written for this
 * benchmark: `mix` runs each for a fixed amount of work and prints
 *     bench NAME NANOSECONDS CHECKSUM
 * The checksum keeps the compiler from leaving work out and shows that two
 * machines computed the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint32_t rnd(uint32_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 17;
	return *s ^= *s << 5;
}

/* ---- records and strings: copies, comparisons, calls through pointers ------- */

struct record {
	struct record *next;
	int kind, count;
	char name[32];
};

static int __attribute__((noinline)) same_name(const struct record *a, const struct record *b)
{
	return strcmp(a->name, b->name) == 0 && a->kind == b->kind;
}

static void __attribute__((noinline)) pass_on(struct record *to, const struct record *from)
{
	*to = *from;
	to->count += from->kind;
	to->name[0] ^= 1;
}

static uint32_t records(void)
{
	struct record r[3] = { { NULL, 1, 0, "A RECORD WITH A LONG NAME, ONE" },
			       { NULL, 2, 0, "A RECORD WITH A LONG NAME, TWO" } };
	uint32_t sum = 0;

	for (uint32_t i = 0; i < 1000000; i++) {
		r[2].next = &r[i & 1];
		pass_on(&r[2], r[2].next);
		sum += (uint32_t)same_name(&r[2], &r[0]) + (uint32_t)r[2].count + (i & 7);
		r[i & 1].count = (int)(sum & 0xff);
	}
	return sum;
}

/* ---- a list: search, reversal, insertion sort by links ------------------------ */

struct node {
	struct node *next;
	int value;
};

static struct node *merge(struct node *a, struct node *b)
{
	struct node head, *t = &head;

	while (a && b) {
		struct node **low = a->value <= b->value ? &a : &b;

		t->next = *low;
		t = *low;
		*low = t->next;
	}
	t->next = a ? a : b;
	return head.next;
}

static struct node *sort(struct node *l, unsigned n)
{
	struct node *right = l;

	if (n < 2)
		return l;
	for (unsigned i = 1; i < n / 2; i++)
		right = right->next;
	struct node *second = right->next;

	right->next = NULL;
	return merge(sort(l, n / 2), sort(second, n - n / 2));
}

static uint32_t lists(void)
{
	enum { N = 1000 };
	static struct node pool[N];
	uint32_t sum = 0, seed = 1;

	for (int round = 0; round < 150; round++) {
		struct node *l = NULL;
		uint32_t at = 0;

		for (int i = 0; i < N; i++) {
			pool[i] = (struct node){ l, (int)(rnd(&seed) & 0xffff) };
			l = &pool[i];
		}
		for (l = sort(l, N); l; l = l->next)
			sum += (uint32_t)l->value * ++at;
	}
	return sum;
}

/* ---- a matrix, a state machine over text, a checksum ---------------------------- */

static uint32_t matrix(void)
{
	enum { N = 64 };
	static int16_t a[N][N], b[N][N];
	static int32_t c[N][N];
	uint32_t seed = 7, sum = 0;

	for (int i = 0; i < N * N; i++) {
		a[i / N][i % N] = (int16_t)rnd(&seed);
		b[i / N][i % N] = (int16_t)rnd(&seed);
	}
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < N; i++)
			for (int j = 0; j < N; j++) {
				uint32_t v = 0;

				for (int k = 0; k < N; k++)
					v += (uint32_t)(a[i][k] * b[k][j]);
				c[i][j] = (int32_t)v;
				sum += v >> (round & 15);
			}
		a[0][round] = (int16_t)c[1][round];
	}
	return sum;
}

static uint32_t states(void)
{
	static const char text[] = "12,-7.5,0x1f,+3e10,abc,99,1.e,-,4e+2,17;";
	enum { START, SIGN, INT, POINT, EXP, HEX, BAD } s = START;
	uint32_t counts[7] = { 0 }, sum = 0;

	for (uint32_t i = 0; i < 6000000; i++) {
		char ch = text[i % (sizeof(text) - 1)];

		switch (ch) {
		case ',': case ';':
			counts[s]++;
			s = START;
			break;
		case '+': case '-':
			s = s == START || s == EXP ? SIGN : BAD;
			break;
		case '.':
			s = s <= INT ? POINT : BAD;
			break;
		case 'x':
			s = s == INT ? HEX : BAD;
			break;
		case 'e':
			s = s == INT || s == POINT ? EXP : s == HEX ? HEX : BAD;
			break;
		default:
			s = ch >= '0' && ch <= '9' ? (s <= INT ? INT : s) : s == HEX ? HEX : BAD;
		}
	}
	for (int i = 0; i < 7; i++)
		sum = sum * 31 + counts[i];
	return sum;
}

static uint32_t crc(void)
{
	static uint32_t table[256];
	uint32_t v = ~0u;

	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
		table[i] = c;
	}
	for (uint32_t i = 0; i < 12000000; i++)
		v = table[(v ^ i * 7) & 255] ^ v >> 8;
	return ~v;
}

/* ---- memory, hashing, recursion, floating point ----------------------------------- */

static uint32_t sieve(void)
{
	enum { N = 4000000 };
	uint8_t *p = calloc(N, 1);
	uint32_t count = 0;

	for (uint32_t i = 2; i < N; i++) {
		if (p[i])
			continue;
		count++;
		for (uint64_t k = (uint64_t)i * i; k < N; k += i)
			p[k] = 1;
	}
	free(p);
	return count;
}

static uint32_t rotr(uint32_t v, int n)
{
	return v >> n | v << (32 - n);
}

/* The round function of a SHA-2 style hash over a counter. */
static uint32_t hash(void)
{
	uint32_t h[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, w[64];

	for (uint32_t block = 0; block < 6000; block++) {
		uint32_t a[8];

		for (int i = 0; i < 16; i++)
			w[i] = block * 16 + (uint32_t)i;
		for (int i = 16; i < 64; i++)
			w[i] = w[i - 16] + w[i - 7] +
			       (rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3) +
			       (rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10);
		memcpy(a, h, sizeof(a));
		for (int i = 0; i < 64; i++) {
			uint32_t t = a[7] + (rotr(a[4], 6) ^ rotr(a[4], 11) ^ rotr(a[4], 25)) +
				     ((a[4] & a[5]) ^ (~a[4] & a[6])) + w[i];
			uint32_t u = (rotr(a[0], 2) ^ rotr(a[0], 13) ^ rotr(a[0], 22)) +
				     ((a[0] & a[1]) ^ (a[0] & a[2]) ^ (a[1] & a[2]));

			memmove(a + 1, a, 7 * sizeof(a[0]));
			a[4] += t;
			a[0] = t + u;
		}
		for (int i = 0; i < 8; i++)
			h[i] += a[i];
	}
	return h[0] ^ h[7];
}

static uint32_t __attribute__((noinline)) fib(uint32_t n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint32_t calls(void)
{
	return fib(30);
}

static uint32_t floats(void)
{
	double x = 0.5, y = 0.25, z = 1.0;

	for (uint32_t i = 0; i < 1500000; i++) {
		x = (x * 1.7 + y) / (1.0 + x * x);
		y = y * 0.9 + x * 0.05;
		z = z * 0.999 + x * y;
	}
	return (uint32_t)(int64_t)((x + y + z) * 1e6);
}

static const struct {
	const char *name;
	uint32_t (*run)(void);
} works[] = {
	{ "records", records }, { "lists", lists }, { "matrix", matrix },
	{ "states", states }, { "crc", crc }, { "sieve", sieve }, { "hash", hash },
	{ "calls", calls }, { "floats", floats },
};

int main(void)
{
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		struct timespec a, b;
		uint32_t sum;

		clock_gettime(CLOCK_MONOTONIC, &a);
		sum = works[i].run();
		clock_gettime(CLOCK_MONOTONIC, &b);
		printf("bench %s %lld %u\n", works[i].name,
		       (long long)(b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec, sum);
		fflush(stdout);
	}
	return 0;
}
