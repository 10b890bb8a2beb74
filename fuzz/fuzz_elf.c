/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an ELF file: no crash, and what it says lies in the bytes. */
#include <stdlib.h>

#include "image/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct elf f;
	struct err e = { 0 };
	uint64_t v;

	if (elf_parse(&f, "fuzz", p, n, ELF_MACHINE_RISCV, &e)) {
		if (!e.code)
			abort();
		return 0;
	}
	for (unsigned i = 0; i < f.nsegments; i++)
		if (f.segments[i].offset > n || f.segments[i].file_size > n - f.segments[i].offset)
			abort();
	elf_symbol(&f, "tohost", &v);
	elf_physical(&f, f.entry, &v);
	return 0;
}
