/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random access, input, interrupts, snapshots and resets on all platform
 * devices at once.  Fails by a sanitizer's or an invariant's abort.
 */
#include "../../fuzz/platform_script.h"
#include "../test.h"

static uint64_t next(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s * 0x2545f4914f6cdd1dull;
}

static void random_scripts_do_no_harm(void)
{
	static uint8_t script[40000];
	uint64_t seed = 20250101;

	for (int round = 0; round < 60; round++) {
		for (size_t i = 0; i < sizeof(script); i += 8)
			st_le64(script + i, next(&seed));
		ps_run(script, sizeof(script));
	}
}

/* Every offset of the small register files, every width, zeros and ones. */
static void every_offset_and_width_is_answered(void)
{
	struct ps s;
	uint64_t v;

	ps_init(&s);
	for (size_t i = 0; i < ARRAY_LEN(ps_places); i++) {
		const struct ps_place *p = &ps_places[i];

		for (uint64_t off = 0; off < MIN(p->size, 0x6000ull); off++) {
			for (unsigned width = 1; width <= 8; width *= 2) {
				mem_mmio_write(s.host.mem, GPA(p->base + off), width, ~0ull);
				mem_mmio_read(s.host.mem, GPA(p->base + off), width, &v);
				mem_mmio_write(s.host.mem, GPA(p->base + off), width, 0);
			}
		}
	}
	/* The last bytes of each, and just beyond. */
	for (size_t i = 0; i < ARRAY_LEN(ps_places); i++)
		for (uint64_t d = 0; d < 32; d++)
			for (unsigned width = 1; width <= 8; width *= 2)
				mem_mmio_read(s.host.mem,
					      GPA(ps_places[i].base + ps_places[i].size - 16 + d),
					      width, &v);
	ps_fini(&s);
}

TEST_MAIN(
	{ "every_offset_and_width_is_answered", every_offset_and_width_is_answered },
	{ "random_scripts_do_no_harm", random_scripts_do_no_harm })
