/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every row of x64/insn.def, with low and high registers and in memory, is
 * what objdump says it is: same mnemonic, as many instructions as were written.
 */
#include "tests/test.h"

#include "jit/x64/asm.h"

static void each(struct x64_asm *a, enum x64_id id, char (*want)[16], unsigned *n)
{
	const struct x64_row *r = &x64_rows[id];
	static const uint8_t regs[][3] = { { 1, 2, 3 }, { 9, 2, 3 }, { 1, 10, 3 }, { 1, 2, 12 }, { 6, 7, 5 }, { 13, 14, 15 } };

	for (unsigned k = 0; k < sizeof(regs) / sizeof(*regs); k++) {
		const uint8_t *g = regs[k];
		struct x64_rm rm[4] = { x64_r(g[1]), x64_m(g[1], 0), x64_mi(g[1], g[2], k & 3, 0x40), x64_m(g[1], 0x12345) };

		for (unsigned m = 0; m < 4; m++) {
			if ((m && r->flags & X64_REGONLY) || (!m && (r->flags & X64_MEMONLY || id == X64_LEA || r->kinds[2] == 'S')) ||
			    (m && r->kinds[1] == 'x' && r->form == X64_MI))
				continue;
			if (!m && (id == X64_LDMXCSR || id == X64_STMXCSR))
				continue;
			x64_emit(a, id, k & 1 ? 8 : 4, g[0], X64_NOREG, rm[m], 5);
			snprintf(want[(*n)++], 16, "%s", r->text);
		}
	}
}

static void run(bool avx)
{
	static char want[8000][16];
	struct x64_asm a;
	unsigned n = 0, got = 0;
	char name[] = "/tmp/x64_rows_XXXXXX", cmd[256], line[512];
	FILE *f;

	if (system("objdump --version >/dev/null 2>&1"))
		SKIP("objdump is not installed");
	x64_asm_init(&a);
	a.avx = avx;
	for (unsigned id = 0; id < X64_IDS; id++)
		each(&a, (enum x64_id)id, want, &n);
	CHECK(x64_finish(&a, true));
	int fd = mkstemp(name);
	f = fdopen(fd, "wb");
	CHECK(f && fwrite(a.buf, 1, a.len, f) == a.len);
	fclose(f);
	snprintf(cmd, sizeof(cmd), "objdump -D -b binary -mi386:x86-64 -Mintel --no-show-raw-insn %s", name);
	f = popen(cmd, "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		char *p = strchr(line, '\t'), *w;

		if (!p || got > n)
			continue;
		CHECK(got < n);
		w = want[got++];
		p++;
		size_t len = strcspn(p, " \n");
		bool v = len && p[0] == 'v' && w[0] != 'v';

		if (len - v != strlen(w) || strncmp(p + v, w, len - v))
			if (strncmp(p, "cmp", 3) && strncmp(p + v, "cmp", 3) && strncmp(p + v, "pclmul", 6)) /* aliases by immediate */
				TEST_FAIL("row %.15s (number %u) is %.60s", w, got, p);
	}
	pclose(f);
	remove(name);
	CHECK_EQ(got, n);
	x64_asm_fini(&a);
}

static void legacy(void) { run(false); }
static void with_vex(void) { run(true); }

TEST_MAIN({ "rows_without_vex", legacy }, { "rows_with_vex", with_vex })
