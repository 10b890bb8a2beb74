/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every row of insn.def on random operands and states, in our interpreter and in
 * qemu-riscv64, whose registers, flags and memory have to be the same.
 *
 *   differential [-s SEED] [-e ENCODINGS] [-n STATES] [-r ROUNDS] [-t SECONDS] [-v] [ROW...]
 *
 * Each round makes a program (diff_image.h) of ENCODINGS blocks for each row over
 * STATES states, and lets both run it; no round starts after SECONDS.  The reference is $DOPPEL_QEMU_RISCV64 or
 * qemu-riscv64 of the PATH; what it does not know is skipped by name.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mem/mem.h"
#include "riscv/hart.h"
#include "tests/riscv/diff_image.h"

static struct {
	const char *qemu;
	char version[64];
	int release;                    /* major * 100 + minor */
	const char *cpu;
	unsigned encodings, states, rounds, seconds;
	uint64_t seed;
	bool verbose;
	char **rows;
	int row_count;
} opt = { .encodings = 24, .states = 48, .rounds = 1 };

static struct riscv_decoder *dec;

/* ---- the reference -------------------------------------------------------------- */

static void exec_qemu(const char *file, int out)
{
	int null = open("/dev/null", O_RDWR);

	dup2(null, 0), dup2(out, 1), dup2(null, 2);
	execlp(opt.qemu, opt.qemu, "-cpu", opt.cpu, file, (char *)0);
	_exit(127);
}

/* Run the image; `len` bytes of output into `out`.  False: it died by *sig. */
static bool run_qemu(const struct diff_image *m, uint8_t *out, size_t len, int *sig)
{
	char path[] = "/tmp/doppel-diff-XXXXXX";
	int fd = mkstemp(path), pipes[2], status = 0;
	size_t got = 0;
	pid_t pid;

	*sig = 0;
	if (fd < 0 || pipe(pipes) || fchmod(fd, 0700) ||
	    write(fd, m->bytes, m->file_size) != (ssize_t)m->file_size || close(fd)) {
		perror(path);
		exit(1);
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		exec_qemu(path, pipes[1]);
	close(pipes[1]);
	for (ssize_t n; got < len; got += (size_t)n)
		if ((n = read(pipes[0], out + got, len - got)) <= 0)
			break;
	close(pipes[0]);
	waitpid(pid, &status, 0);
	unlink(path);
	*sig = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) ? -1 : 0;
	return got == len && status == 0;
}

static bool find_qemu(void)
{
	char command[512];
	int major = 0, minor = 0;
	FILE *f;

	opt.qemu = getenv("DOPPEL_QEMU_RISCV64");
	if (!opt.qemu)
		opt.qemu = "qemu-riscv64";
	snprintf(command, sizeof(command), "'%s' --version 2>/dev/null", opt.qemu);
	f = popen(command, "r");
	if (f) {
		if (fscanf(f, "qemu-riscv64 version %63s", opt.version) == 1)
			sscanf(opt.version, "%d.%d", &major, &minor);
		pclose(f);
	}
	/* "max", all that it knows, came with 8.2; 7.2 names some with a capital */
	opt.release = major * 100 + minor;
	opt.cpu = opt.release >= 802 ? "max" :
		  major == 7 ? "rv64,zba=true,zbb=true,zbc=true,zbs=true,Zfh=true,Zfhmin=true" : "rv64";
	return major > 0;
}

/* ---- ours --------------------------------------------------------------------------- */

static uint64_t no_time(void *ctx)
{
	(void)ctx;
	return 0;
}

/* The program runs in M-mode without translation; traps stop at DIFF_TRAP. */
enum { DIFF_TRAP = DIFF_BASE + 0x800 };

static bool run_ours(const struct diff_image *m, uint8_t *out, size_t len, char *why, size_t n)
{
	struct err e = { 0 };
	struct mem *mem = mem_create(&e);
	struct riscv_config c = { .mem = mem, .env = { .time = no_time } };
	struct riscv_hart *h;
	bool done = false, written = false;

	mem_add_ram(mem, GPA(DIFF_BASE), DIFF_SIZE, "ram", &e);
	mem_write(mem, GPA(DIFF_BASE), m->bytes, m->file_size);
	h = riscv_hart_create(&c, &e);
	if (!h) {
		fprintf(stderr, "no hart\n");
		exit(1);
	}
	riscv_hart_reset(h, ((const uint64_t *)m->bytes)[3], 0);
	riscv_set_csr(h, 0x305, DIFF_TRAP);
	riscv_set_csr(h, 0x300, 1 << 13);       /* FS */
	riscv_set_break(h, DIFF_TRAP, true);
	while (!done) {
		uint64_t cause = 0, pc = 0;

		if (riscv_run(h, UINT64_MAX) != RISCV_EXIT_BREAK)
			continue;
		riscv_get_csr(h, 0x342, &cause);
		riscv_get_csr(h, 0x341, &pc);
		if (cause != 11) {
			snprintf(why, n, "cause %d at %#llx", (int)cause, (unsigned long long)pc);
			break;
		}
		if (riscv_get_x(h, 17) == 93) {
			done = true;
		} else {
			uint64_t size = riscv_get_x(h, 12);

			written = size == len && mem_read(mem, GPA(riscv_get_x(h, 11)), out, len);
		}
		riscv_set_pc(h, pc + 4);
	}
	riscv_hart_destroy(h);
	mem_destroy(mem);
	return done && written;
}

/* ---- details of one block ------------------------------------------------------------ */

static void describe(const struct diff_block *b, char *buf, size_t n)
{
	char text[96];

	riscv_disasm(dec, b->insn, 0, text, sizeof(text));
	snprintf(buf, n, "%s [%0*x] %s", riscv_rows[b->row].name, b->len * 2, b->insn, text);
}

static void print_difference(const struct diff_state *in, const struct diff_state *q,
			     const struct diff_state *o, const struct riscv_decoded *d, bool mem)
{
	printf("    rs1 x%u=%#llx f=%#llx; rs2 x%u=%#llx f=%#llx; f%u=%#llx; imm %d fcsr %#llx\n", d->rs1,
	       d->rs1 ? (unsigned long long)in->x[d->rs1 - 1] : 0, (unsigned long long)in->f[d->rs1],
	       d->rs2, d->rs2 ? (unsigned long long)in->x[d->rs2 - 1] : 0,
	       (unsigned long long)in->f[d->rs2], d->imm & 31, (unsigned long long)in->f[d->imm & 31],
	       d->imm, (unsigned long long)in->fcsr);
#define SHOW(what, i, a, b) \
	if ((a) != (b)) printf("    %s%u: qemu %#llx, ours %#llx\n", what, (unsigned)(i), \
			       (unsigned long long)(a), (unsigned long long)(b))
	SHOW("fcsr", 0, q->fcsr_out, o->fcsr_out);
	for (unsigned i = 0; i < 31; i++)
		SHOW("x", i + 1, q->x_out[i], o->x_out[i]);
	for (unsigned i = 0; i < 32; i++)
		SHOW("f", i, q->f_out[i], o->f_out[i]);
	for (unsigned i = 0; mem && i < SCRATCH_WORDS; i++)
		SHOW("mem", i, q->mem[i], o->mem[i]);
#undef SHOW
}

/* The same states with this one block; says what differs.  False: nothing does. */
static bool details(struct diff_image *m, uint64_t seed, const struct diff_block *b)
{
	size_t len = FLAVORS * (size_t)opt.states * sizeof(struct diff_state);
	struct diff_state *q = malloc(len), *o = malloc(len), *in = malloc(len);
	struct riscv_decoded d = riscv_decode(dec, b->insn);
	struct fp_random r = { seed };
	char text[160], why[80] = "";
	bool differs = false;
	int sig;

	diff_begin(m, opt.states, 1, &r);
	memcpy(in, m->bytes + m->states, len);
	diff_emit_block(m, dec, b, true);
	diff_finish(m, m->states, (uint32_t)len);
	describe(b, text, sizeof(text));
	if (!run_qemu(m, (uint8_t *)q, len, &sig)) {
		differs = true;
		printf("  %s: qemu died, signal %d\n", text, sig);
	} else if (!run_ours(m, (uint8_t *)o, len, why, sizeof(why))) {
		differs = true;
		printf("  %s: we trapped, %s\n", text, why);
	}
	for (unsigned i = 0; !differs && i < FLAVORS * opt.states; i++) {
		if (!memcmp(&q[i], &o[i], sizeof(*q)))
			continue;
		differs = true;
		printf("  %s\n", text);
		print_difference(&in[i], &q[i], &o[i], &d, b->mem);
	}
	free(q), free(o), free(in);
	return differs;
}

/* ---- rows ------------------------------------------------------------------------------- */

static bool row_wanted(unsigned row)
{
	for (int i = 0; i < opt.row_count; i++)
		if (!strcmp(opt.rows[i], riscv_rows[row].name))
			return true;
	return opt.row_count == 0;
}

/* Rows that only trap or need a privileged mode are not for a user program. */
static bool row_traps(unsigned row)
{
	switch (riscv_rows[row].base) {
	case INSN_illegal: case INSN_ecall: case INSN_ebreak: case INSN_mret: case INSN_sret:
	case INSN_wfi: case INSN_sfence_vma: case INSN_sinval_vma: case INSN_sfence_w_inval:
	case INSN_sfence_inval_ir:
		return true;
	default:
		return false;
	}
}

/* What the reference is known to do wrong, up to a version (major * 100 + minor). */
static const char *reference_bug(unsigned row)
{
	static const struct { uint16_t row; int until; const char *why; } bugs[] = {
		{ INSN_ctzw, 702, "counts past bit 31 when the low word is 0" },
	};

	for (unsigned i = 0; i < sizeof(bugs) / sizeof(bugs[0]); i++)
		if (bugs[i].row == row && opt.release <= bugs[i].until)
			return bugs[i].why;
	return NULL;
}

/* Does the reference have the extension of this row?  Asks it. */
static bool qemu_knows(struct diff_image *m, unsigned row)
{
	struct fp_random r = { 99 };
	struct diff_block b;
	uint64_t out;
	int sig;

	diff_begin(m, 1, 1, &r);
	diff_random_block(dec, row, &b, &r);
	diff_emit_block(m, dec, &b, false);
	diff_finish(m, m->out, 8);
	return run_qemu(m, (uint8_t *)&out, 8, &sig) || sig != SIGILL;
}

static struct {
	bool use;
	uint64_t cases, bad;
} rows[INSN_COUNT];

static unsigned choose_rows(struct diff_image *m)
{
	const char *ext[64];
	bool known[64];
	unsigned n = 0, used = 0, traps = 0;

	for (unsigned row = 1; row < INSN_COUNT; row++) {
		unsigned k;

		if (!row_wanted(row))
			continue;
		if (row_traps(row)) {
			traps++;
			continue;
		}
		if (reference_bug(row)) {
			printf("skip %s: because qemu-riscv64 %s %s\n", riscv_rows[row].name,
			       opt.version, reference_bug(row));
			continue;
		}
		for (k = 0; k < n && strcmp(ext[k], riscv_rows[row].ext); k++)
			;
		if (k == n) {
			ext[n] = riscv_rows[row].ext;
			known[n++] = qemu_knows(m, row);
			if (!known[k])
				printf("skip %s: because qemu-riscv64 %s does not execute %s\n",
				       ext[k], opt.version, ext[k]);
		}
		rows[row].use = known[k];
		used += known[k];
	}
	if (traps)
		printf("skip %u_rows: because they only trap or need a privileged mode\n", traps);
	return used;
}

/* ---- a round ------------------------------------------------------------------------------ */

static void check_block(struct diff_image *m, uint64_t seed, const struct diff_block *b)
{
	char text[160];

	rows[b->row].bad++;
	if (rows[b->row].bad > 2)
		return;
	if (!details(m, seed, b)) {
		describe(b, text, sizeof(text));
		printf("  %s: differs in the hash only\n", text);
	}
}

/* Blocks [first, first + n) in one program.  When either side dies, halve. */
static void run_blocks(struct diff_image *m, uint64_t seed, const struct diff_block *blocks,
		       unsigned n, uint64_t *q, uint64_t *o)
{
	struct fp_random r = { seed };
	char why[80];
	int sig;

	diff_begin(m, opt.states, n, &r);
	for (unsigned i = 0; i < n; i++)
		diff_emit_block(m, dec, &blocks[i], false);
	diff_finish(m, m->out, 8 * n);
	if (run_qemu(m, (uint8_t *)q, 8 * n, &sig) && run_ours(m, (uint8_t *)o, 8 * n, why, sizeof(why))) {
		for (unsigned i = 0; i < n; i++) {
			rows[blocks[i].row].cases += opt.states;
			if (q[i] != o[i])
				check_block(m, seed, &blocks[i]);
		}
	} else if (n == 1) {
		check_block(m, seed, blocks);
	} else {
		run_blocks(m, seed, blocks, n / 2, q, o);
		run_blocks(m, seed, blocks + n / 2, n - n / 2, q, o);
	}
}

static void run_round(struct diff_image *m, uint64_t seed, unsigned used)
{
	unsigned n = used * opt.encodings, k = 0, at_once = 12000;
	struct diff_block *blocks = calloc(n, sizeof(*blocks));
	uint64_t *q = calloc(n, 8), *o = calloc(n, 8);
	struct fp_random r = { seed ^ 0x5555 };

	for (unsigned row = 1; row < INSN_COUNT; row++)
		for (unsigned i = 0; rows[row].use && i < opt.encodings; i++)
			diff_random_block(dec, row, &blocks[k++], &r);
	for (k = 0; k < n; k += at_once)
		run_blocks(m, seed, blocks + k, n - k < at_once ? n - k : at_once, q, o);
	free(blocks), free(q), free(o);
}

static int report(void)
{
	uint64_t total = 0, least = UINT64_MAX;
	unsigned good = 0, bad = 0;

	for (unsigned row = 1; row < INSN_COUNT; row++) {
		if (!rows[row].use)
			continue;
		if (rows[row].bad) {
			printf("not ok %s: %llu of its blocks differ from qemu-riscv64 %s (seed %llu)\n",
			       riscv_rows[row].name, (unsigned long long)rows[row].bad, opt.version,
			       (unsigned long long)opt.seed);
			bad++;
		} else {
			good++;
		}
		total += rows[row].cases;
		least = rows[row].cases < least ? rows[row].cases : least;
		if (opt.verbose)
			printf("%-16s %-10s %llu\n", riscv_rows[row].name, riscv_rows[row].ext,
			       (unsigned long long)rows[row].cases);
	}
	if (!bad && good)
		printf("ok %u_rows_as_qemu_riscv64_%s seed %llu, %llu cases, at least %llu a row\n", good,
		       opt.version, (unsigned long long)opt.seed, (unsigned long long)total,
		       (unsigned long long)least);
	return bad != 0;
}

int main(int argc, char **argv)
{
	struct diff_image m = { 0 };
	unsigned used;
	time_t start;
	int c;

	opt.seed = 1;
	while ((c = getopt(argc, argv, "s:e:n:r:t:v")) != -1) {
		switch (c) {
		case 's': opt.seed = strtoull(optarg, NULL, 0); break;
		case 'e': opt.encodings = (unsigned)atoi(optarg); break;
		case 'n': opt.states = (unsigned)atoi(optarg); break;
		case 'r': opt.rounds = (unsigned)atoi(optarg); break;
		case 't': opt.seconds = (unsigned)atoi(optarg); break;
		case 'v': opt.verbose = true; break;
		default: return 2;
		}
	}
	opt.rows = argv + optind;
	opt.row_count = argc - optind;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!find_qemu()) {
		printf("skip differential: because there is no qemu-riscv64 (set DOPPEL_QEMU_RISCV64)\n");
		return 0;
	}
	dec = riscv_decoder_create();
	m.bytes = mmap(NULL, DIFF_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!dec || m.bytes == MAP_FAILED)
		return 1;
	used = choose_rows(&m);
	start = time(NULL);
	for (unsigned i = 0; i < opt.rounds && (!opt.seconds || time(NULL) < start + opt.seconds); i++)
		run_round(&m, opt.seed * 1000003 + i, used);
	return report();
}
