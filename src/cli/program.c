/* SPDX-License-Identifier: Apache-2.0 */
/* doppel run PROGRAM.wasm; see program.h. */
#include "cli/program.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/confine.h"
#include "cli/json.h"
#include "cli/listen.h"
#include "cli/machine.h"
#include "cli/sandbox.h"
#include "process/deadline.h"
#include "process/program.h"

enum { DIRS_MAX = 64, ENV_MAX = 1024, SOCKETS_MAX = 16, LIBS_MAX = 16, THREADS = 1024 };
enum {
	STATUS_DEADLINE = 124,          /* as timeout(1) */
	STATUS_TRAP = 128 + SIGABRT,    /* as a native program that is broken */
};

struct run {
	struct program_options o;
	struct wasi_preopen dirs[DIRS_MAX];
	const char *env[ENV_MAX + 1];
	int sockets[SOCKETS_MAX];
	struct program_library libs[LIBS_MAX];
	uint64_t fuel, stack, threads, seed, deadline;
	bool fuel_given, seed_given, threads_given, inherit_env, json, no_sandbox;
	const char *name;
	struct program *program;
	uint64_t started;
	_Atomic bool late;
	_Atomic int signal;
	_Atomic bool over;
};

extern char **environ;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- options ---------------------------------------------------------------------- */

/* HOST[:GUEST][:ro], in place: argv is ours.  Also as others have it: :rw, and
 * HOST::GUEST. */
static int set_dir(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	struct run *r = ctx;
	struct wasi_preopen *d = &r->dirs[r->o.wasi.npreopens];
	char *v = (char *)value, *colon;
	size_t n = strlen(v);

	if (r->o.wasi.npreopens == DIRS_MAX)
		return err_set(e, E2BIG, "--%s: at most %d folders", o->name, DIRS_MAX);
	*d = (struct wasi_preopen){ .host = v, .guest = v };
	if (n > 3 && (!strcmp(v + n - 3, ":ro") || !strcmp(v + n - 3, ":rw"))) {
		d->readonly = v[n - 1] == 'o';
		v[n - 3] = 0;
	}
	colon = strrchr(v, ':');
	if (colon) {
		colon[colon > v && colon[-1] == ':' ? -1 : 0] = 0;
		d->guest = colon + 1;
	}
	if (!*d->host || !*d->guest)
		return err_set(e, EINVAL, "--%s: an empty name (expected %s)", o->name, o->arg);
	r->o.wasi.npreopens++;
	return 0;
}

static int add_env(struct run *r, const char *value, struct err *e)
{
	if (r->o.wasi.envc == ENV_MAX)
		return err_set(e, E2BIG, "--env: at most %d variables", ENV_MAX);
	r->env[r->o.wasi.envc++] = value;
	return 0;
}

/* NAME=VALUE, or NAME alone: as it is here. */
static int set_env(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	size_t n = strlen(value);

	if (!*value || *value == '=')
		return err_set(e, EINVAL, "--%s '%s': expected %s", o->name, value, o->arg);
	if (strchr(value, '='))
		return add_env(ctx, value, e);
	for (char **p = environ; *p; p++)
		if (!strncmp(*p, value, n) && (*p)[n] == '=')
			return add_env(ctx, *p, e);
	return 0;
}

/* 10, 1.5, 200ms, 2m: nanoseconds. */
static int set_time(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "", 1e9 }, { "s", 1e9 }, { "ms", 1e6 }, { "us", 1e3 }, { "m", 60e9 },
		      { "h", 3600e9 } };
	char *end;
	double v = strtod(value, &end);

	for (size_t i = 0; end != value && i < ARRAY_LEN(units); i++)
		if (!strcmp(end, units[i].unit) && v > 0 && v * units[i].ns < 9e18) {
			*(uint64_t *)((char *)ctx + o->offset) = (uint64_t)(v * units[i].ns) | 1;
			return 0;
		}
	return err_set(e, EINVAL, "--%s '%s': not a time (like 10, 1.5s, 200ms or 2m)", o->name,
		       value);
}

/* 1000000, 1e6 and 1M are the same: instructions are counted in tens. */
static int set_fuel(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	static const char letters[] = "KMGT";
	struct run *r = ctx;
	size_t n = strcspn(value, "eE");
	char number[32];
	const char *p;
	unsigned zeros = 0;

	snprintf(number, sizeof(number), "%s", value);
	if (strncmp(value, "0x", 2) && n && n < sizeof(number) && value[n] &&
	    strspn(value + n + 1, "0123456789") == strlen(value + n + 1) && value[n + 1]) {
		number[n] = 0;
		zeros = (unsigned)MIN(strtoul(value + n + 1, NULL, 10), 99ul);
	} else if (*value && strlen(value) < sizeof(number)) {
		p = strchr(letters, value[strlen(value) - 1] & ~32);
		zeros = p && *p ? 3 * (unsigned)(p - letters + 1) : 0;
		number[strlen(value) - !!zeros] = 0;
	}
	r->fuel_given = true;
	if (cli_parse_number(o->name, number, false, 0, UINT64_MAX, &r->fuel, NULL))
		return err_set(e, EINVAL, "--%s '%s': not a number (like 1000000, 1e6 or 1M)",
			       o->name, value);
	for (; zeros; zeros--)
		if (__builtin_mul_overflow(r->fuel, 10, &r->fuel))
			return err_set(e, ERANGE, "--%s '%s': out of range", o->name, value);
	return 0;
}

static int set_seed(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	((struct run *)ctx)->seed_given = true;
	return cli_opt_number(ctx, o, value, e);
}

static int set_threads(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	((struct run *)ctx)->threads_given = true;
	return cli_opt_number(ctx, o, value, e);
}

static int set_features(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	struct run *r = ctx;

	if (strcmp(value, "legacy-exceptions"))
		return err_set(e, EINVAL, "--%s '%s': unknown feature (legacy-exceptions)", o->name,
			       value);
	r->o.features |= WASM_FEATURE_LEGACY_EH;
	return 0;
}

/* NAME=FILE, in place. */
static int set_preload(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	struct run *r = ctx;
	char *file = strchr(value, '=');

	if (!file || file == value || !file[1])
		return err_set(e, EINVAL, "--%s '%s': expected %s", o->name, value, o->arg);
	if (r->o.nlibs == LIBS_MAX)
		return err_set(e, E2BIG, "--%s: at most %d modules", o->name, LIBS_MAX);
	*file++ = 0;
	r->libs[r->o.nlibs++] = (struct program_library){ value, file };
	return 0;
}

static int set_unknown(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	if (strcmp(value, "trap"))
		return err_set(e, EINVAL, "--%s '%s': expected %s", o->name, value, o->arg);
	((struct run *)ctx)->o.trap_unknown = true;
	return 0;
}

static int set_listen(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	struct run *r = ctx;
	int fd;

	if (r->o.wasi.nsockets == SOCKETS_MAX)
		return err_set(e, E2BIG, "--%s: at most %d sockets", o->name, SOCKETS_MAX);
	fd = cli_listen(value, e);
	if (fd < 0)
		return err_wrap(e, "--%s '%s'", o->name, value);
	r->sockets[r->o.wasi.nsockets++] = fd;
	return 0;
}

static int set_trace(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	(void)ctx, (void)o;
	return log_set_trace_of(value, TRACE(WASI) | TRACE(CALL) | TRACE(GC), e);
}

#define AT(field) offsetof(struct run, field)
const struct cli_opt program_opts[] = {
	{ "dir", "HOST[:GUEST][:ro]", "give it a folder, under GUEST's name if there is one;\n"
	  "may be given again", set_dir, 0, 0, 0 },
	{ "env", "NAME[=VALUE]", "give it a variable; may be given again", set_env, 0, 0, 0 },
	{ "env-inherit", NULL, "give it all variables of this process", cli_opt_flag,
	  AT(inherit_env), 0, 0 },
	{ "listen", "[ADDRESS:]PORT", "give it a listening TCP socket, behind the folders",
	  set_listen, 0, 0, 0 },
	{ "invoke", "FUNCTION", "call this export with ARGS and print its results",
	  cli_opt_string, AT(o.invoke), 0, 0 },
	{ "fuel", "N", "end it after about N instructions, like 1000000, 1e6\n"
	  "or 1M (K, M, G, T: 1000 times)", set_fuel, AT(fuel), 0, UINT64_MAX },
	{ "deadline", "TIME", "end it after this time, like 10, 1.5s or 200ms\n"
	  "(exit status 124)", set_time, AT(deadline), 0, 0 },
	{ "timeout", "TIME", "the same as --deadline", set_time, AT(deadline), 0, 0 },
	{ "max-memory", "SIZE", "most of all linear memories", cli_opt_size, AT(o.limits.memory),
	  65536, 1ull << 48 },
	{ "max-heap", "SIZE", "most of collected objects; default 1G", cli_opt_size,
	  AT(o.limits.heap), 1 << 20, 1ull << 34 },
	{ "max-table", "N", "entries of all tables; default 10000000", cli_opt_number,
	  AT(o.limits.table), 1, 1ull << 32 },
	{ "stack-size", "SIZE", "of the guest's calls; default 8M", cli_opt_size, AT(stack),
	  64 << 10, 1 << 30 },
	{ "threads", "N", "most threads of it; default 1024, 0: none", set_threads, AT(threads),
	  0, 65536 },
	{ "features", "legacy-exceptions", "accept what is not in WebAssembly 3.0", set_features,
	  0, 0, 0 },
	{ "preload", "NAME=FILE", "a module that those after it import from as NAME;\n"
	  "may be given again", set_preload, 0, 0, 0 },
	{ "unknown-imports", "trap", "imported functions that are not of WASI are no error\n"
	  "before they are called", set_unknown, 0, 0, 0 },
	{ "deterministic", NULL, "virtual time, seeded random numbers, canonical NaNs,\n"
	  "no threads: two runs are the same", cli_opt_flag, AT(o.limits.deterministic), 0, 0 },
	{ "seed", "N", "of the random numbers of a deterministic run", set_seed, AT(seed), 0,
	  UINT64_MAX },
	{ "save", "FILE", "write its state there when it has ended well", cli_opt_string,
	  AT(o.save), 0, 0 },
	{ "load", "FILE", "begin with a state that --save wrote", cli_opt_string, AT(o.load), 0,
	  0 },
	{ "name", "NAME", "in the events of --json", cli_opt_string, AT(name), 0, 0 },
	{ "json", NULL, "events on standard output, one JSON object a line; the\n"
	  "program's output goes to standard error", cli_opt_flag, AT(json), 0, 0 },
	{ "trace", "LIST", "lines on standard error: wasi, call, gc", set_trace, 0, 0, 0 },
	{ "no-sandbox", NULL, "keep privileges and system calls that it does not need",
	  cli_opt_flag, AT(no_sandbox), 0, 0 },
	{ 0 },
};

const struct cli_usage program_usage = {
	.synopsis = "doppel run [OPTIONS] PROGRAM.wasm [ARGS]",
	.about =
		"Run a WebAssembly program, binary or text, in a process machine with WASI.  It\n"
		"has its arguments and standard streams, and nothing else of the host that is\n"
		"not given to it.  The exit status is the program's; 134 when it trapped, 124 at\n"
		"its deadline, 125 when Doppel itself failed.",
	.opts = program_opts,
	.examples =
		"doppel run hello.wasm\n"
		"doppel run --dir . --env LANG=C sort.wasm -n numbers.txt\n"
		"doppel run --invoke add sum.wat 1 2\n"
		"doppel run --fuel 1000000000 --max-memory 64M --deadline 5s untrusted.wasm",
	.foreign = machine_opts,
	.why_foreign = "an option of machines, not of WebAssembly programs",
};

static int check(struct run *r, struct err *e)
{
	struct program_options *o = &r->o;

	if (r->seed_given && !o->limits.deterministic)
		return err_set(e, EINVAL, "--seed needs --deterministic");
	if (r->threads && o->limits.deterministic && r->threads_given)
		return err_set(e, EINVAL, "--threads contradicts --deterministic");
	for (char **p = environ; r->inherit_env && *p; p++)
		if (add_env(r, *p, e))
			return -e->code;
	o->limits.has_fuel = r->fuel_given;
	o->limits.fuel = r->fuel;
	o->limits.stack = (uint32_t)r->stack;
	o->threads = o->limits.deterministic ? 0 : (uint32_t)r->threads;
	o->features |= WASM_FEATURE_THREADS;
	o->libs = r->libs;
	o->wasi.preopens = r->dirs;
	o->wasi.env = r->env;
	o->wasi.sockets = r->sockets;
	o->wasi.deterministic = o->limits.deterministic;
	o->wasi.seed = r->seed;
	o->wasi.interruptible = r->json || r->deadline;
	if (r->json) {
		o->wasi.has_stdio = true;
		o->wasi.stdio[0] = 0;
		o->wasi.stdio[1] = o->wasi.stdio[2] = 2;
	}
	return 0;
}

/* ---- events ------------------------------------------------------------------------- */

static const char *name_of(const struct run *r)
{
	return r->name ? r->name : r->o.path;
}

static int event_started(const struct run *r, struct err *e)
{
	struct cli_json *j;

	if (!r->json)
		return 0;
	j = cli_json_begin(e);
	if (!j)
		return -e->code;
	cli_json_string(j, "event", "started");
	cli_json_string(j, "name", name_of(r));
	cli_json_string(j, "kind", "process");
	cli_json_number(j, "pid", (uint64_t)getpid());
	cli_json_print(j);
	return 0;
}

static const char *reason(const struct run *r, const struct program_end *end)
{
	switch (end->kind) {
	case PROGRAM_RETURNED:
	case PROGRAM_EXITED:
		return "exit";
	case PROGRAM_STOPPED:
		return r->late ? "deadline" : "stopped";
	case PROGRAM_TRAPPED:
		return end->trap == WASM_TRAP_FUEL ? "fuel" : "trap";
	default:
		return "error";
	}
}

static void event_exited(const struct run *r, const struct program_end *end, int status,
			 const struct err *e)
{
	struct cli_json *j = r->json ? cli_json_begin(NULL) : NULL;
	struct rusage u;

	if (!j)
		return;
	getrusage(RUSAGE_SELF, &u);
	cli_json_string(j, "event", "exited");
	cli_json_string(j, "name", name_of(r));
	cli_json_string(j, "reason", reason(r, end));
	cli_json_number(j, "code", (uint64_t)status);
	if (end->kind == PROGRAM_TRAPPED) {
		cli_json_string(j, "trap", end->message);
		cli_json_string(j, "backtrace", end->backtrace);
	}
	if (end->kind == PROGRAM_FAILED)
		cli_json_string(j, "error", e->msg);
	if (end->results && *end->results)
		cli_json_string(j, "results", end->results);
	if (r->fuel_given && r->program)
		cli_json_number(j, "fuel", r->fuel - MIN(program_fuel_left(r->program), r->fuel));
	cli_json_seconds(j, "seconds", now_ns() - r->started);
	cli_json_number(j, "peak_memory", (uint64_t)u.ru_maxrss * 1024);
	cli_json_print(j);
}

/* ---- what ends it from outside -------------------------------------------------------- */

static void on_deadline(void *arg)
{
	struct run *r = arg;

	r->late = true;
	program_stop(r->program);
}

/* Without events a signal ends the process at once, as it does a native
 * program.  With them a thread takes it, so that the last event is written. */
static void signal_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
}

static void *signal_thread(void *arg)
{
	struct run *r = arg;
	sigset_t set;
	int sig;

	signal_set(&set);
	/* SIGUSR1 is ours when all is over, and before that as the others. */
	while (!sigwait(&set, &sig) && !r->over) {
		if (r->signal)
			_exit(128 + sig);
		r->signal = sig;
		program_stop(r->program);
	}
	return NULL;
}

/* ---- running ---------------------------------------------------------------------------- */

/* A recursion without end is not worth a screen of equal lines. */
static void print_backtrace(const char *p)
{
	const char *last = NULL;
	size_t last_n = 0;
	unsigned lines = 0, same = 0;

	for (; *p; lines++) {
		size_t n = strcspn(p, "\n"), number = strcspn(p, " \n");
		bool again = last && n - number == last_n && !memcmp(p + number, last, last_n);

		if (!again && same)
			cli_say("    ... %u more like it", same);
		if (!again)
			cli_say("    %.*s", (int)n, p);
		same = again ? same + 1 : 0;
		last = p + number;
		last_n = n - number;
		p += n + (p[n] == '\n');
	}
	if (lines == WASM_TRACE_MAX)
		cli_say("    ... and more%s", same ? " like it" : "");
	else if (same)
		cli_say("    ... %u more like it", same);
}

static void print_end(const struct run *r, const struct program_end *end)
{
	if (end->kind == PROGRAM_STOPPED && r->late)
		cli_say("doppel: %s: deadline reached", r->o.path);
	if (end->kind != PROGRAM_TRAPPED)
		return;
	cli_say("doppel: %s: trap: %s", r->o.path, end->message);
	print_backtrace(end->backtrace);
}

static int exit_status(const struct run *r, const struct program_end *end)
{
	switch (end->kind) {
	case PROGRAM_RETURNED:
		return 0;
	case PROGRAM_EXITED:
		return (int)(end->status & 255);
	case PROGRAM_TRAPPED:
		return STATUS_TRAP;
	case PROGRAM_STOPPED:
		return r->signal ? 128 + r->signal : STATUS_DEADLINE;
	default:
		return CLI_FAILED;
	}
}

/* The threads of ours, which are confined as the program is. */
static int start_threads(struct run *r, pthread_t *signals, struct process_deadline **d,
			 struct err *e)
{
	if (r->deadline && !(*d = process_deadline_start(r->deadline, on_deadline, r, e)))
		return -e->code;
	if (r->json && pthread_create(signals, NULL, signal_thread, r))
		return err_set(e, EAGAIN, "cannot start a thread");
	return 0;
}

static void end_threads(struct run *r, pthread_t signals, struct process_deadline *d)
{
	process_deadline_cancel(d);
	if (r->json) {
		r->over = true;
		pthread_kill(signals, SIGUSR1);
		pthread_join(signals, NULL);
	}
}

static int run_confined(struct run *r, struct err *e)
{
	struct process_deadline *d = NULL;
	struct program_end end = { .kind = PROGRAM_FAILED };
	pthread_t signals;
	int status;

	if (event_started(r, e) || (!r->no_sandbox && confine_process(&r->o, e)) ||
	    start_threads(r, &signals, &d, e)) {
		event_exited(r, &end, CLI_FAILED, e);
		return CLI_FAILED;
	}
	program_run(r->program, &end, e);
	end_threads(r, signals, d);
	status = exit_status(r, &end);
	if (!r->json && end.results)
		fputs(end.results, stdout);
	if (fflush(stdout)) {
		err_sys(e, "standard output");
		status = CLI_FAILED;
	}
	print_end(r, &end);
	event_exited(r, &end, status, e);
	if (ferror(stdout) && !e->code) {
		err_set(e, EIO, "standard output: cannot write");
		status = CLI_FAILED;
	}
	return status;
}

static int run_program(struct run *r, struct err *e)
{
	const struct program_end none = { .kind = PROGRAM_FAILED };
	sigset_t set;

	if (r->json) {
		signal_set(&set);
		pthread_sigmask(SIG_BLOCK, &set, NULL);
	}
	r->program = program_create(&r->o, e);
	/* What it had goes with the process, which is faster. */
	if (r->program)
		return run_confined(r, e);
	event_exited(r, &none, CLI_FAILED, e);
	return CLI_FAILED;
}

int program_command(int argc, char **argv)
{
	struct err e = { 0 };
	struct run r = { .threads = THREADS, .started = now_ns() };
	int at, status, ret;

	sandbox_close_strays();
	ret = cli_opt_parse_head(&program_usage, &r, argc, argv, &at, &e);
	if (ret > 0)
		return 0;
	if (!ret && at >= argc)
		ret = err_set(&e, EINVAL, "run what? (a .wasm file; see doppel run --help)");
	if (!ret)
		ret = check(&r, &e);
	if (ret)
		return cli_fail(&e);
	r.o.path = argv[at];
	r.o.wasi.argc = (uint32_t)(argc - at);
	r.o.wasi.argv = (const char *const *)argv + at;
	r.o.nargs = (uint32_t)(argc - at - 1);
	r.o.args = (const char *const *)argv + at + 1;
	status = run_program(&r, &e);
	return e.code ? cli_fail(&e) : status;
}
