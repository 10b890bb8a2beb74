/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree for any command line and shape of machine: it is always
 * well formed, and the command line is in it byte for byte.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "system/machine.h"

#ifdef HAVE_FDT
#include <libfdt.h>

static void check(const struct image_bytes *d, const struct system_fdt_boot *b, unsigned cpus)
{
	int chosen, len, n = 0, node;
	const char *args;

	if (fdt_check_full(d->bytes, d->len))
		abort();
	chosen = fdt_path_offset(d->bytes, "/chosen");
	args = fdt_getprop(d->bytes, chosen, "bootargs", &len);
	if (!args || (size_t)len != strlen(b->bootargs) + 1 || strcmp(args, b->bootargs))
		abort();
	fdt_for_each_subnode(node, d->bytes, fdt_path_offset(d->bytes, "/cpus"))
		n++;
	if (n != (int)cpus)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct system *s = base_zalloc(sizeof(*s));
	char *args = base_zalloc(n + 1);
	struct system_fdt_boot b = { .bootargs = args };
	struct image_bytes d;

	if (s && args && n >= 3) {
		memcpy(args, p + 3, n - 3);
		s->ncpus = 1 + p[0] % SYSTEM_HARTS_MAX;
		s->aia = p[1] & 1;
		s->sbi = p[1] & 2;
		s->mmio_slots = p[2] % (VIRT_VIRTIO_SLOTS + 1);
		s->memory = 64 << 20;
		s->mmio64 = VIRT_MMIO64_MIN;
		b.initrd_end = p[2] & 16;
		entropy_init_seed(&s->entropy, 1);
		if (!system__fdt_build(s, &b, &d, NULL)) {
			check(&d, &b, s->ncpus);
			base_free(d.bytes);
		}
	}
	base_free(args);
	base_free(s);
	return 0;
}
#else
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	(void)p, (void)n;
	return 0;
}
#endif
