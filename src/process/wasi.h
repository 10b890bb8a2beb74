/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WASI preview 1: the host of a WebAssembly program, as the functions of
 * wasi_snapshot_preview1 (and of the older wasi_unstable, where whence values,
 * file status and subscriptions are laid out differently), and wasi-threads.
 *
 * Confinement.  A program sees the folders that it was given, each below a
 * host_fs: paths are resolved here, one name at a time, from node to node.
 * ".." goes back on the stack of nodes that the path came along, never above
 * the descriptor that it is relative to; symbolic links are read and followed
 * here; absolute paths and links are refused.  No path reaches the host.
 *
 * Standard streams are the host's descriptors as they are: read and written
 * straight from the program's memory, blocking.
 *
 * Thread safe: one struct wasi serves all threads of a program.
 */
#ifndef PROCESS_WASI_H
#define PROCESS_WASI_H

#include "base/ser.h"
#include "host/chan.h"
#include "host/clock.h"
#include "wasm/instance.h"

struct wasi;

struct wasi_preopen {
	const char *host;       /* a folder of the host */
	const char *guest;      /* what the program calls it: "/", "/tmp", "." */
	bool readonly;
};

/* All zero is the default of every field.  Strings are copied. */
struct wasi_options {
	uint32_t argc, envc;
	const char *const *argv;        /* argv[0] is the program's name */
	const char *const *env;         /* "NAME=value" */
	uint32_t npreopens;             /* descriptors 3, 4, ... */
	const struct wasi_preopen *preopens;
	/* Standard streams: 0, 1 and 2 of the process, unless has_stdio: then
	 * these (borrowed; -1: closed), or channels where not NULL (borrowed;
	 * their loop runs in another thread, and tells nobody else). */
	bool has_stdio;
	int stdio[3];
	struct chan *chan[3];
	/* Listening or connected sockets (borrowed), after the preopens. */
	uint32_t nsockets;
	const int *sockets;
	uint32_t max_files;             /* open descriptors; 0: 4096 */
	uint32_t max_threads;           /* wasi-threads at one time; 0: none */
	/* wasi_stop() must end calls that block in the host: costs a poll for
	 * each read of a stream. */
	bool interruptible;
	/* Virtual clock, seeded random numbers, sorted folders, inode numbers
	 * and times that are the same every run. */
	bool deterministic;
	uint64_t seed;
	struct clock *clock;            /* borrowed; NULL: its own */
};

struct wasi *wasi_create(const struct wasi_options *o, struct err *e);
void wasi_destroy(struct wasi *w);      /* NULL is fine; after wasi_finish() if there were threads */

/* Fill the imports of m that are WASI's, and leave the others (kind
 * WASM_EXTERN_FUNC and func NULL, from a zeroed array).  *missing: the first
 * import of a WASI module's name that is not one of its functions, or NULL.
 * 0 or -errno. */
int wasi_link(struct wasi *w, struct wasm_store *s, const struct wasm_module *m,
	      struct wasm_extern *imports, const struct wasm_import **missing, struct err *e);

/* wasi-threads: how to make the store of a new thread.  The shared memory that
 * the module imports is shared with it, and WASI is linked; fill() does the
 * rest (may be NULL).  The module must outlive wasi_finish(). */
struct wasi_threads {
	const struct wasm_module *module;
	struct wasm_store_limits limits;
	int (*fill)(void *arg, struct wasm_store *s, struct wasm_extern *imports,
		    struct err *e);
	void *arg;
};
/* Before the program runs, with its first store; without it, thread-spawn
 * fails. */
int wasi_threads_enable(struct wasi *w, struct wasm_store *main_store,
			const struct wasi_threads *t, struct err *e);

/* Any thread: calls that block end, and the program with them (wasm_interrupt
 * the first store too, if there are no threads). */
void wasi_stop(struct wasi *w);
/* Not while a program runs: a stopped one may go on, where it has no threads. */
void wasi_resume(struct wasi *w);

/* After the program's first function returned `trap`: end the other threads.
 * Returns what ended the program (the first trap or exit of any thread), the
 * exit status, and the message and backtrace of a thread's trap (NULL: it is
 * in the first store; they stay until wasi_destroy). */
enum wasm_trap wasi_finish(struct wasi *w, struct wasm_store *s, enum wasm_trap trap,
			   uint32_t *status, const char **message, const char **backtrace);

/* Open files, positions, clock and random state: fields of the caller's
 * section.  Load into a wasi that was made with the same options.  Sockets that
 * were accepted are closed by it; the host's streams stay as they are. */
void wasi_save(struct wasi *w, struct ser_writer *out);
void wasi_load(struct wasi *w, struct ser_reader *r);

#endif
