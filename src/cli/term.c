/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw mode and its end; see term.h.  The state is file-scope because signal
 * handlers and atexit have no argument and a process has one terminal.
 */
#include "cli/term.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/bits.h"

static struct termios term_before;
static bool term_is_tty;
static volatile sig_atomic_t term_is_raw;

/*
 * The process is about to die, of a bug, a limit or a signal that nobody
 * sends to be answered: give the terminal back, then die of the same signal,
 * so that a core dump and the exit status stay true.
 */
static void on_crash(int sig)
{
	term_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void catch_crashes(void)
{
	static const int signals[] = {
		SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP, SIGXCPU,
		SIGALRM, SIGVTALRM, SIGPROF, SIGUSR2, SIGIO, SIGPWR, SIGSTKFLT,
	};
	static char stack[65536];
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_handler = on_crash,
				.sa_flags = (int)(SA_ONSTACK | SA_NODEFER | SA_RESETHAND) };

	sigaltstack(&alt, NULL);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		struct sigaction old;

		/* Sanitizers have their own handlers: let them report. */
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler == SIG_DFL)
			sigaction(signals[i], &sa, NULL);
	}
}

void term_init(void)
{
	term_is_tty = isatty(0) && !tcgetattr(0, &term_before);
	if (!term_is_tty)
		return;
	atexit(term_restore);
	catch_crashes();
}

bool term_raw(void)
{
	struct termios t = term_before;

	if (!term_is_tty)
		return false;
	t.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INLCR | IGNCR | INPCK | ISTRIP | IXON);
	t.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN | ISIG);
	/* Newlines of our own messages still return the carriage; the
	 * guest's consoles send both characters anyway. */
	t.c_cflag = (t.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	term_is_raw = 1;
	tcsetattr(0, TCSANOW, &t);
	return true;
}

void term_restore(void)
{
	if (!term_is_raw)
		return;
	term_is_raw = 0;
	tcsetattr(0, TCSANOW, &term_before);
}

bool term_size(unsigned *rows, unsigned *cols)
{
	struct winsize w;

	if (ioctl(1, TIOCGWINSZ, &w) || !w.ws_row || !w.ws_col)
		return false;
	*rows = w.ws_row;
	*cols = w.ws_col;
	return true;
}
