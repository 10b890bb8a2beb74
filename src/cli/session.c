/* SPDX-License-Identifier: Apache-2.0 */
/* One machine's life in this process; see session.h. */
#include "cli/session.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/keys.h"
#include "cli/sandbox.h"
#include "cli/term.h"

struct session {
	const struct session_options *o;
	struct system *sys;
	uint64_t started;               /* monotonic ns */
	pthread_t signals;
	_Atomic int signal;             /* the one that ends the machine */
	uint64_t signaled;              /* when it came; signal thread */
	_Atomic bool quit;              /* by the escape key */
	_Atomic bool done;              /* the machine has ended */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- console ------------------------------------------------------------------ */

static void note(const char *text)
{
	if (write(2, text, strlen(text)) < 0)
		return; /* nobody is there to read it */
}

static void on_key(void *arg, enum keys_action a)
{
	struct session *s = arg;

	switch (a) {
	case KEYS_HELP:
		note("\r\n");
		note(keys_help());
		break;
	case KEYS_QUIT:
		s->quit = true;
		system_stop(s->sys);
		break;
	case KEYS_BREAK:
		system_send_break(s->sys);
		break;
	case KEYS_PAUSE:
		if (system_paused(s->sys)) {
			system_resume(s->sys);
			note("\r\ndoppel: goes on\r\n");
		} else {
			system_pause(s->sys);
			note("\r\ndoppel: paused (Ctrl-] p goes on)\r\n");
		}
		break;
	case KEYS_RESET:
		system_reset(s->sys);
		break;
	case KEYS_UNKNOWN:
		note("\r\ndoppel: Ctrl-] h lists the keys\r\n");
		break;
	}
}

/* With --json, standard output belongs to the events. */
static int console_out(const struct session *s)
{
	return s->o->json ? 2 : 1;
}

static struct chan *terminal_chan(void *arg, struct loop *l, struct err *e)
{
	struct session *s = arg;
	struct chan *c = chan_fd_create(l, 0, console_out(s), e);

	if (!c || !isatty(0))
		return c;
	return keys_create(l, c, on_key, s, e);
}

/* The console that does not have the keyboard still shows what it says. */
static struct chan *output_chan(void *arg, struct loop *l, struct err *e)
{
	return chan_fd_create(l, -1, console_out(arg), e);
}

static void connect_consoles(struct session *s, struct system_config *c)
{
	c->console_arg = c->hvc_arg = s;
	c->console = s->o->console == SESSION_UART     ? terminal_chan
		     : s->o->console == SESSION_VIRTIO ? output_chan
						       : NULL;
	c->hvc = s->o->console == SESSION_VIRTIO ? terminal_chan : NULL;
}

static void pass_size(struct session *s)
{
	unsigned rows, cols;

	if (s->o->console == SESSION_VIRTIO && term_size(&rows, &cols))
		system_console_resize(s->sys, (uint16_t)MIN(cols, 65535u),
				      (uint16_t)MIN(rows, 65535u));
}

/* ---- signals -------------------------------------------------------------------- */

static void signal_set(sigset_t *set)
{
	static const int signals[] = {
		SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT, SIGUSR1,
	};

	sigemptyset(set);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaddset(set, signals[i]);
}

/* The terminal back to the shell, guest time stands, and on again. */
static void stop_and_go_on(struct session *s)
{
	bool was_paused = system_paused(s->sys);

	system_pause(s->sys);
	term_restore();
	/* To this thread: sent to the process, another one may take it first
	 * and the next line would run before all stand. */
	pthread_kill(pthread_self(), SIGSTOP);
	term_raw();
	if (!was_paused)
		system_resume(s->sys);
}

/* A clean stop; who asks again after a while does not want to wait for it.
 * (Once may come twice: to the process and to its group.) */
static void end_by(struct session *s, int sig)
{
	if (s->signal) {
		if (now_ns() - s->signaled < 1000000000u)
			return;
		term_restore();
		_exit(128 + sig);
	}
	s->signaled = now_ns();
	s->signal = sig;
	system_stop(s->sys);
}

static void *signal_thread(void *arg)
{
	struct session *s = arg;
	sigset_t set;
	int sig;

	signal_set(&set);
	while (!sigwait(&set, &sig)) {
		if (s->done && sig == SIGUSR1)
			break;
		switch (sig) {
		case SIGTSTP:
			stop_and_go_on(s);
			break;
		case SIGCONT: /* after a stop that nobody could catch */
			term_raw();
			pass_size(s);
			break;
		case SIGWINCH:
			pass_size(s);
			break;
		case SIGUSR1:
			break;
		default:
			end_by(s, sig);
		}
	}
	return NULL;
}

/* ---- events ------------------------------------------------------------------- */

static void event_started(const struct session *s, const struct system_config *c)
{
	struct cli_json *j = s->o->json ? cli_json_begin(NULL) : NULL;

	if (!j)
		return;
	cli_json_string(j, "event", "started");
	if (s->o->name)
		cli_json_string(j, "name", s->o->name);
	cli_json_string(j, "kind", "system");
	cli_json_number(j, "pid", (uint64_t)getpid());
	cli_json_number(j, "cpus", system_ncpus(s->sys));
	cli_json_number(j, "memory", c->memory ? c->memory : 1ull << 30);
	cli_json_print(j);
}

static const char *const reasons[] = {
	[SYSTEM_END_POWEROFF] = "poweroff", [SYSTEM_END_FAIL] = "fail",
	[SYSTEM_END_RESET] = "reset", [SYSTEM_END_STOPPED] = "stopped",
	[SYSTEM_END_LIMIT] = "limit", [SYSTEM_END_ERROR] = "error",
};

static void event_exited(const struct session *s, const struct system_end *end, int status,
			 const struct err *e)
{
	struct cli_json *j = s->o->json ? cli_json_begin(NULL) : NULL;
	struct rusage u;

	if (!j)
		return;
	getrusage(RUSAGE_SELF, &u);
	cli_json_string(j, "event", "exited");
	if (s->o->name)
		cli_json_string(j, "name", s->o->name);
	cli_json_string(j, "reason", reasons[end->kind]);
	cli_json_number(j, "code", (uint64_t)status);
	if (end->kind == SYSTEM_END_ERROR)
		cli_json_string(j, "error", e->msg);
	cli_json_number(j, "instructions", system_instructions(s->sys));
	cli_json_seconds(j, "seconds", now_ns() - s->started);
	cli_json_number(j, "peak_memory", (uint64_t)u.ru_maxrss * 1024);
	cli_json_print(j);
}

static void event_saved(const struct session *s)
{
	struct cli_json *j = s->o->json ? cli_json_begin(NULL) : NULL;

	if (!j)
		return;
	cli_json_string(j, "event", "saved");
	cli_json_string(j, "file", s->o->snapshot_file);
	cli_json_number(j, "instructions", system_instructions(s->sys));
	cli_json_print(j);
}

/* ---- running -------------------------------------------------------------------- */

/* From stop to stop, until the machine ends or the last stop is reached. */
static int run_to_end(struct session *s, struct system_end *end, struct err *e)
{
	const struct session_options *o = s->o;
	uint64_t last = o->stop_at ? o->stop_at : UINT64_MAX;
	bool save = o->snapshot_file != NULL;
	int r;

	for (;;) {
		bool saving = save && o->snapshot_at <= last;

		system_set_limit(s->sys, saving ? o->snapshot_at : last);
		r = system_run(s->sys, end, e);
		if (r || end->kind != SYSTEM_END_LIMIT || !saving)
			return r;
		r = system_save(s->sys, o->snapshot_file, e);
		if (r) {
			end->kind = SYSTEM_END_ERROR;
			return r;
		}
		event_saved(s);
		save = false;
		if (o->snapshot_at == last)
			return 0;
	}
}

static int exit_status(const struct session *s, const struct system_end *end)
{
	switch (end->kind) {
	case SYSTEM_END_POWEROFF:
		return (int)(end->code & 255);
	case SYSTEM_END_FAIL:
		return end->code & 255 ? (int)(end->code & 255) : 1;
	case SYSTEM_END_STOPPED:
		return s->signal && !s->quit ? 128 + s->signal : 0;
	case SYSTEM_END_ERROR:
		return CLI_FAILED;
	default:
		return 0;
	}
}

static int run_confined(struct session *s, const struct system_config *c, struct err *e)
{
	struct sandbox box = {
		.config = c, .snapshot = s->o->snapshot_file, .own = s->o->own,
		.off = s->o->no_sandbox,
	};
	struct system_end end = { .kind = SYSTEM_END_ERROR };
	int r = 0, status;

	if (s->o->load)
		r = system_load(s->sys, s->o->load, e);
	if (!r && s->o->stop_at && s->o->stop_at < system_instructions(s->sys))
		r = err_set(e, ERANGE, "--stop-at %llu: the machine is at instruction %llu already",
			    (unsigned long long)s->o->stop_at,
			    (unsigned long long)system_instructions(s->sys));
	if (!r && s->o->snapshot_file && s->o->snapshot_at < system_instructions(s->sys))
		r = err_set(e, ERANGE, "--snapshot-at %llu: the machine is at instruction %llu already",
			    (unsigned long long)s->o->snapshot_at,
			    (unsigned long long)system_instructions(s->sys));
	if (!r)
		r = sandbox_enter(&box, e);
	if (r)
		return CLI_FAILED;
	pass_size(s);
	event_started(s, c);
	run_to_end(s, &end, e);
	status = exit_status(s, &end);
	if (s->o->status && end.kind != SYSTEM_END_ERROR)
		status = s->o->status(s->o->status_arg, &end, status, e);
	event_exited(s, &end, status, e);
	return status;
}

/*
 * Signals are blocked in every thread of the machine and taken by one thread
 * of their own, which works whatever the machine is doing.
 */
int session_run(const struct session_options *o, const struct system_config *config,
		struct err *e)
{
	struct session s = { .o = o, .started = now_ns() };
	struct system_config c = *config;
	sigset_t set, before;
	int status = CLI_FAILED;

	connect_consoles(&s, &c);
	signal_set(&set);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	s.sys = system_create(&c, e);
	if (s.sys && pthread_create(&s.signals, NULL, signal_thread, &s)) {
		err_set(e, EAGAIN, "cannot start a thread");
	} else if (s.sys) {
		if (o->console != SESSION_NONE)
			term_raw();
		status = run_confined(&s, &c, e);
		s.done = true;
		pthread_kill(s.signals, SIGUSR1);
		pthread_join(s.signals, NULL);
	}
	system_destroy(s.sys);
	term_restore();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return status;
}
