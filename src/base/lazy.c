/* SPDX-License-Identifier: Apache-2.0 */
/* The loader behind the functions that scripts/lazy makes; see lazy.h. */
#include "base/lazy.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the generated file; not there in other builds. */
extern void *_Atomic base__lazy_slots[] __attribute__((weak));
extern const char base__lazy_names[] __attribute__((weak));
extern const uint32_t base__lazy_count __attribute__((weak));
void *base__lazy_resolve(uint32_t i);

/* A library that was there when we were built and is not any more: the dynamic
 * linker, too, would end the process, and nobody can go on without. */
static void fail(void)
{
	fprintf(stderr, "doppel: %s\n", dlerror());
	exit(125);
}

void *base__lazy_resolve(uint32_t i)
{
	const char *name = base__lazy_names, *library;
	void *handle, *f;

	for (uint32_t k = 0; k < i; k++) {
		name += strlen(name) + 1;
		name += strlen(name) + 1;
	}
	library = name + strlen(name) + 1;
	handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	f = handle ? dlsym(handle, name) : NULL;
	if (!f)
		fail();
	/* Two threads find the same. */
	base__lazy_slots[i] = f;
	return f;
}

void base_lazy_load_all(void)
{
	for (uint32_t i = 0; &base__lazy_count && i < base__lazy_count; i++)
		base__lazy_resolve(i);
}
