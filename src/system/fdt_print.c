/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --dump fdt: the device tree as text, in the form of device tree sources.
 * Relies on libfdt for the walk; the tree is our own, so that the only
 * question is whether a property reads best as words or as numbers.
 */
#include <stdbool.h>
#include <stdio.h>

#include "system/riscv_virt.h"

#ifdef HAVE_FDT
#include <libfdt.h>

/* One or more words, each ended by a zero byte (as dtc guesses it). */
static bool is_words(const char *p, int len)
{
	if (len < 2 || p[len - 1])
		return false;
	for (int i = 0; i < len; i++)
		if (p[i] ? p[i] < 0x20 || p[i] > 0x7e : i == 0 || !p[i - 1])
			return false;
	return true;
}

static void print_words(FILE *f, const char *p, int len)
{
	fputs(" = \"", f);
	for (int i = 0; i < len - 1; i++) {
		if (!p[i])
			fputs("\", \"", f);
		else
			fprintf(f, p[i] == '"' || p[i] == '\\' ? "\\%c" : "%c", p[i]);
	}
	fputc('"', f);
}

static void print_numbers(FILE *f, const uint8_t *p, int len)
{
	bool cells = len % 4 == 0;

	fputs(cells ? " = <" : " = [", f);
	for (int i = 0; i < len; i += cells ? 4 : 1)
		fprintf(f, cells ? "%s%#x" : "%s%02x", i ? " " : "",
			cells ? fdt32_ld((const fdt32_t *)(p + i)) : p[i]);
	fputc(cells ? '>' : ']', f);
}

static void print_properties(FILE *f, const void *fdt, int node, int depth)
{
	int at;

	fdt_for_each_property_offset(at, fdt, node) {
		const char *name;
		int len;
		const void *value = fdt_getprop_by_offset(fdt, at, &name, &len);

		if (!value)
			continue;
		fprintf(f, "%*s%s", 4 * depth, "", name);
		if (is_words(value, len))
			print_words(f, value, len);
		else if (len)
			print_numbers(f, value, len);
		fputs(";\n", f);
	}
}

void system__fdt_print(const void *fdt, FILE *f)
{
	int depth = 0, open = 0, node = 0;

	fputs("/dts-v1/;\n", f);
	for (; node >= 0 && depth >= 0; node = fdt_next_node(fdt, node, &depth)) {
		const char *name = fdt_get_name(fdt, node, NULL);

		for (; open > depth; open--)
			fprintf(f, "%*s};\n", 4 * (open - 1), "");
		fprintf(f, "%*s%s {\n", 4 * depth, "", name && *name ? name : "/");
		print_properties(f, fdt, node, depth + 1);
		open = depth + 1;
	}
	for (; open > 0; open--)
		fprintf(f, "%*s};\n", 4 * (open - 1), "");
}
#else
void system__fdt_print(const void *fdt, FILE *f)
{
	(void)fdt, (void)f; /* no machine is built without libfdt */
}
#endif
