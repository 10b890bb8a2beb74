/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clang -mllvm -wasm-enable-sjlj calls.  A function that calls setjmp()
 * has a table from numbers of its calls to places in it, ends it by a number 0,
 * and catches exceptions: one that is for a number in its table continues at
 * that place, others it throws on.
 */
#include <setjmp.h>
#include <stdlib.h>

struct entry { unsigned long number; unsigned place; };

static unsigned long calls;
static unsigned second_result;
static struct { unsigned long *env; int value; } thrown;

unsigned getTempRet0(void)
{
	return second_result;
}

void setTempRet0(unsigned v)
{
	second_result = v;
}

/* The table has `size` entries and one more; returns it and its size. */
struct entry *saveSetjmp(unsigned long *env, unsigned place, struct entry *table, unsigned size)
{
	unsigned i = 0;

	while (i < size && table[i].number)
		i++;
	if (i == size) {
		size *= 2;
		table = realloc(table, (size + 1) * sizeof(*table));
		if (!table)
			abort();
	}
	*env = ++calls;
	table[i] = (struct entry){ *env, place };
	table[i + 1].number = 0;
	second_result = size;
	return table;
}

unsigned testSetjmp(unsigned long number, struct entry *table, unsigned size)
{
	for (unsigned i = 0; i < size && table[i].number; i++)
		if (table[i].number == number)
			return table[i].place;
	return 0;
}

_Noreturn void __wasm_longjmp(unsigned long *env, int value)
{
	thrown.env = env;
	thrown.value = value ? value : 1;
	__builtin_wasm_throw(1, &thrown);
}
