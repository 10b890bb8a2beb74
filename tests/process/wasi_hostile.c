/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every call of the table with arguments that a hostile program would use.
 * What counts is that each returns an errno or ends the program, under the
 * address sanitizer too; DP_WASI_CALLS sets how many calls are made.
 */
#include "tests/process/wasi_rig.h"

#include <signal.h>

static uint64_t state = 88172645463325252ull;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Edges of 32 bits and of the memory, small numbers, anything. */
static int64_t wild(void)
{
	static const int64_t edges[] = {
		0, 1, 2, 3, 4, 5, 7, 8, 16, 64, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe,
		RIG_MEM, RIG_MEM - 1, RIG_MEM - 4, RIG_MEM - 8, RIG_MEM - 24, RIG_MEM - 64,
		RIG_PATH, RIG_PATH2, RIG_IOV, RIG_BUF, INT64_MAX, INT64_MIN, -1, 1 << 29,
	};
	uint64_t k = next();

	switch (k & 7) {
	case 0: case 1: return edges[(k >> 8) % ARRAY_LEN(edges)];
	case 2: return (int64_t)(next() % RIG_MEM);
	case 3: return (int64_t)next();
	default: return (int64_t)(next() & 0x1f);
	}
}

/* What mostly makes sense for the letter, so that the calls get far. */
static unsigned likely(struct rig *r, char letter, int64_t *v)
{
	static const char *const paths[] = {
		".", "a", "b/c", "b", "../x", "a/", "b/../a", "l", "l/a", "/", "b/./c//d", "..",
	};

	switch (letter) {
	case 'n': case 'f': case 'D': case 'k':
		v[0] = (int64_t)(next() % 12);
		return 1;
	case 'P':
		v[0] = next() & 1 ? RIG_PATH : RIG_PATH2;
		v[1] = rig_str(r, (uint32_t)v[0], paths[next() % ARRAY_LEN(paths)]);
		return 2;
	case 'R': case 'W':
		for (unsigned i = 0; i < 8; i++)
			st_le32(r->mem + RIG_IOV + i * 4, (uint32_t)(next() % RIG_MEM) >>
				(i & 1 ? next() % 18 : 0));
		v[0] = RIG_IOV;
		v[1] = (int64_t)(next() % 5);
		return 2;
	case 'B':
		v[0] = RIG_BUF;
		v[1] = (int64_t)(next() % 3000);
		return 2;
	case 'w': case 'l': case 'o': case 'g': case 't': case 'e': case 'i':
		v[0] = (int64_t)(next() & 7);
		return 1;
	case 'q': case 'd': case 'r':
		v[0] = next() & 1 ? (int64_t)(next() & 0xffff) : (int64_t)WASI_RIGHTS_FILE;
		return 1;
	default:
		v[0] = RIG_OUT + (int64_t)(next() % 8) * 64;
		return 1;
	}
}

static bool blocks(const struct rig_row *row, const int64_t *v)
{
	/* A wait for what never comes is what the program asked for. */
	return !strcmp(row->name, "poll_oneoff") && (uint32_t)v[2] < 100000;
}

static void one_call(struct rig *r, const struct rig_row *row)
{
	bool sane = next() & 3;
	int64_t v[16] = { 0 };
	unsigned n = 0;
	int e;

	for (const char *p = row->params; *p; p++) {
		if (sane && next() % 16) {
			n += likely(r, *p, v + n);
		} else {
			v[n++] = wild();
			if (strlen(rig_types(*p)) == 2)
				v[n++] = wild();
		}
	}
	if (blocks(row, v)) /* a clock of 1 ns and one descriptor */
		for (unsigned i = 0; i < 2; i++) {
			memset(r->mem + RIG_BUF + 48 * i, 0, 48);
			r->mem[RIG_BUF + 48 * i + 8] = (uint8_t)(i * (next() % 4));
			st_le32(r->mem + RIG_BUF + 48 * i + 16, (uint32_t)(next() % 5));
			st_le64(r->mem + RIG_BUF + 48 * i + 24, 1);
			v[0] = RIG_BUF;
			v[2] = 2;
		}
	/* A disk is not to be filled. */
	if (!strcmp(row->name, "fd_allocate") && (uint64_t)v[2] < 1ull << 50)
		v[2] &= 0xfffff;
	e = rig_callv(r, row->name, v);
	if (e < 0)
		CHECK(r->trap == WASM_TRAP_EXIT);
	else
		CHECK(e < WASI_ERRNO_COUNT);
}

static void run(bool deterministic, const char *module)
{
	const char *env = getenv("DP_WASI_CALLS");
	unsigned calls = env ? (unsigned)atoi(env) : 20000;
	struct wasi_options o = { .has_stdio = true, .deterministic = deterministic,
				  .max_files = 64 };
	int in[2], null = open("/dev/null", O_RDWR);
	struct rig r = { 0 };
	char path[128];

	signal(SIGPIPE, SIG_IGN);
	CHECK(!pipe(in) && !close(in[1]));
	o.stdio[0] = in[0];
	o.stdio[1] = o.stdio[2] = null;
	rig_make_dir(&r);
	rig_start(&r, &o, module);
	snprintf(path, sizeof(path), "%s/l", r.dir);
	CHECK(!symlink("b", path));
	for (unsigned i = 0; i < calls; i++) {
		const struct rig_row *row = &rig_rows[next() % RIG_ROWS];

		if (module && !strcmp(row->name, "sock_accept"))
			continue;
		one_call(&r, row);
		if (i % 512 == 0)
			for (uint32_t fd = 4; fd < 64; fd++)
				rig_call(&r, "fd_close", fd);
	}
	rig_fini(&r);
	close(in[0]), close(null);
}

static void any_arguments(void) { run(false, NULL); }
static void any_arguments_deterministic(void) { run(true, NULL); }
static void any_arguments_unstable(void) { run(false, "wasi_unstable"); }

TEST_MAIN({ "any_arguments", any_arguments },
	  { "any_arguments_deterministic", any_arguments_deterministic },
	  { "any_arguments_unstable", any_arguments_unstable })
