/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of WASI: the descriptor table and what the wasi_*.c files share.
 *
 * Locks: w->lock guards the table, references, rights and the list of threads;
 * a file's own lock guards its position, flags and listing, and is taken
 * first.  Neither is held while a call may block for long: reads and writes of
 * regular files run under the file's lock, since they move its position.
 *
 * Functions return 0, a negative errno of the host, or a positive WASI errno.
 */
#ifndef PROCESS_WASI_INT_H
#define PROCESS_WASI_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "base/lock.h"
#include "host/entropy.h"
#include "host/fs.h"
#include "process/wasi.h"
#include "process/wasi_abi.h"

enum {
	WASI_PATH_MAX = 4096,   /* bytes of a path, and of what links make of it */
	WASI_IOV_MAX = 1024,
	WASI_RW_MAX = 0x7ffff000, /* bytes of one read or write, as on Linux */
	WASI_LINKS_MAX = 40,    /* links followed in one path */
	WASI_POLL_MAX = 65536,  /* subscriptions */
	WASI_LIST_MAX = 64 << 20, /* bytes of sorted folder listings */
};

struct wasi_share {
	struct host_fs *fs;
	char *guest;            /* its name to the program */
	struct host_fs_cred cred;
};

enum wasi_kind { WASI_FILE, WASI_DIR, WASI_STREAM, WASI_CHAN };

struct wasi_listing;
struct wasi_file {
	uint32_t refs;
	uint8_t kind, type;     /* enum wasi_kind, enum wasi_filetype */
	uint64_t base, inheriting;
	struct lock lock;
	uint16_t flags;
	/* FILE, DIR */
	struct wasi_share *share;
	host_fs_node node;      /* one lookup held, but for the root */
	host_fs_handle handle;  /* DIR: 0 until it is read */
	unsigned access;        /* FILE: HOST_FS_READ, HOST_FS_WRITE of the handle */
	uint64_t offset;
	bool at_end;            /* offset is wherever the last append ended */
	bool preopen;
	struct wasi_listing *list;
	/* STREAM, CHAN */
	int fd;
	bool owned, socket, regular, seekable;
	uint32_t source;        /* which of the options it is, from 1; 0: accepted */
	struct chan *chan;
};

/* Rights only ever go away, so one look at them without the lock is enough. */
static inline uint64_t wasi__base(const struct wasi_file *f)
{
	return __atomic_load_n(&f->base, __ATOMIC_RELAXED);
}
static inline uint64_t wasi__inheriting(const struct wasi_file *f)
{
	return __atomic_load_n(&f->inheriting, __ATOMIC_RELAXED);
}

struct wasi_row;
struct wasi_bind {              /* context of a host function */
	struct wasi *w;
	const struct wasi_row *row;
	bool old;               /* wasi_unstable */
};

struct wasi_thread {
	struct wasi_thread *next;
	struct wasi *w;
	struct wasm_store *store;
	struct wasm_rt_func *start;
	uint32_t tid, arg;
	pthread_t thread;
	bool done;
	bool claimed;           /* somebody joins it, or still makes it */
};

/* A stream of the options. */
struct wasi_source {
	int fd;                 /* -1: none */
	struct chan *chan;
	uint64_t allowed;       /* rights */
};

struct wasi_strings {           /* arguments, environment */
	char *bytes;
	uint32_t count, size;
};

enum { WASI_ROWS = 46 };

struct wasi {
	struct wasi_strings args, env;
	struct wasi_share *shares;
	uint32_t nshares;
	struct wasi_source *sources;    /* three standard streams, then sockets */
	uint32_t nsources;
	uint32_t umask;
	bool deterministic;
	uint32_t max_files, max_threads;

	struct lock lock;
	struct wasi_file **files;
	uint32_t nfiles;        /* length of the table */
	uint32_t lowest;        /* nothing below is free */
	uint64_t listed;        /* bytes of all listings */

	struct clock own_clock, *clock;
	uint64_t last_fuel;
	uint64_t start_wall;    /* of the host, when deterministic */
	struct entropy entropy;
	/* Inode numbers in the order in which they were seen, when deterministic. */
	struct wasi_ino { uint64_t host, guest; } *inos;
	uint32_t inos_cap, inos_used;
	uint64_t next_ino;

	/* Ending: kickable says that blocking calls watch stop_fd. */
	_Atomic bool stop;
	bool kickable;
	int stop_fd;
	pthread_cond_t chan_cond;

	/* Threads */
	struct wasi_threads threads_options;
	bool threads_on;
	struct wasm_store *main_store;
	struct mem_linear *memory;      /* that the threads share; a reference */
	struct wasi_thread *threads;
	uint32_t nthreads, next_tid;
	bool ended;             /* by what follows */
	enum wasm_trap trap;
	uint32_t status;
	char *message, *backtrace;

	struct wasi_bind binds[2][WASI_ROWS];
};

/* ---- a call ------------------------------------------------------------------ */

struct wasi_call {
	struct wasi *w;
	struct wasm_store *store;
	bool old;
	uint8_t *mem;
	uint64_t mem_size;
	enum wasm_trap trap;    /* ends the program instead of returning */
	struct wasi_file *file[2];      /* f, D and k in order; references held */
	/* By position in the row. */
	union {
		uint64_t q;
		int64_t d;
		uint32_t w;
		uint8_t *p;             /* results; B: with len */
	} arg[8];
	uint32_t len;                   /* of B */
	char *path[2];                  /* P in order */
	struct iovec *iov;              /* R, W; empty buffers left out */
	int niov;
	char path_buf[2][WASI_PATH_MAX + 1];
	struct iovec iov_buf[WASI_IOV_MAX];
};

#define WASI(name, params, names, right, right2) int wasi__##name(struct wasi_call *c);
#include "process/wasi.def"
#undef WASI

/* wasi_call.c */
struct wasi_row {
	const char *name, *params, *names;
	uint32_t right, right2;
	int (*fn)(struct wasi_call *c);
};
extern const struct wasi_row wasi__rows[WASI_ROWS];
/* Guest memory at addr, n bytes; NULL: not all of it is there. */
static inline uint8_t *wasi__mem(const struct wasi_call *c, uint32_t addr, uint64_t n)
{
	return addr <= c->mem_size && n <= c->mem_size - addr ? c->mem + addr : NULL;
}
/* One access: the memory may change meanwhile. */
typedef uint32_t __attribute__((aligned(1), may_alias)) wasi_u32;
typedef uint64_t __attribute__((aligned(1), may_alias)) wasi_u64;
static inline uint32_t wasi__ld32(const uint8_t *p) { return *(const volatile wasi_u32 *)p; }
static inline uint64_t wasi__ld64(const uint8_t *p) { return *(const volatile wasi_u64 *)p; }
enum wasm_trap wasi__host(void *ctx, struct wasm_store *s, const union wasm_val *args,
			  union wasm_val *results);
int wasi__type(struct wasm_type_store *t, const struct wasi_row *row, uint32_t *id,
	       struct err *e);

/* wasi_errno.c */
enum wasi_errno wasi__errno(int r);     /* of what functions return */
const char *wasi__errno_name(enum wasi_errno e);

/* wasi_trace.c */
void wasi__trace(const struct wasi_call *c, const struct wasi_row *row,
		 const union wasm_val *args, int result);

/* wasi_fd.c */
struct wasi_file *wasi__file_new(enum wasi_kind kind, enum wasi_filetype type,
				 uint64_t base, uint64_t inheriting);
/* Into the table, at its lowest free number; consumes f, also on failure. */
int wasi__file_add(struct wasi *w, struct wasi_file *f, uint32_t *fd);
/* A reference to an open descriptor that has the rights. */
int wasi__file_get(struct wasi *w, uint32_t fd, uint64_t rights, struct wasi_file **out);
void wasi__file_put(struct wasi *w, struct wasi_file *f);
int wasi__stream_new(int fd, bool owned, uint64_t allowed, struct wasi_file **out);
void wasi__files_close(struct wasi *w);

/* wasi_file.c */
void wasi__write_filestat(const struct wasi_call *c, uint8_t *p, struct wasi_share *share,
			  const struct host_fs_attr *a);
int wasi__times(struct wasi_call *c, uint64_t atim, uint64_t mtim, uint32_t flags,
		unsigned *what, struct host_fs_attr *a);
int wasi__file_size(struct wasi_file *f, uint64_t *size);
enum wasi_filetype wasi__type_of_mode(uint32_t mode);

/* wasi_stream.c */
/* Wait until the stream is ready (poll events); -EINTR: stopped; -EAGAIN: it
 * is not, and is not to block. */
int wasi__stream_wait(struct wasi *w, struct wasi_file *f, short events);
int wasi__stream_read(struct wasi_call *c, struct wasi_file *f, uint32_t *n);
int wasi__stream_write(struct wasi_call *c, struct wasi_file *f, uint32_t *n);
void wasi__chan_ready(void *arg, bool in, bool out);

/* wasi_dir.c */
void wasi__listing_drop(struct wasi *w, struct wasi_file *f);

/* wasi_walk.c */
struct wasi_walk {
	struct wasi_share *share;
	/* Where the path leads: `name` in the folder at the top of the stack, or
	 * that folder itself (name empty). */
	host_fs_node *stack;
	uint32_t depth, cap;
	char name[256];
	bool slash;             /* the path ended in a slash */
	host_fs_node node;      /* what is there; 0: nothing */
	struct host_fs_attr attr;
	host_fs_node inline_stack[32];
};
enum { WASI_WALK_FOLLOW = 1,    /* a last component that is a link */
       WASI_WALK_KEEP = 2 };    /* not even when a slash follows it: -ENOTDIR */
/* Path is changed by it.  wasi__walk_end() in any case. */
int wasi__walk(struct wasi_walk *k, struct wasi_file *dir, const char *path, unsigned how);
void wasi__walk_end(struct wasi_walk *k);
static inline host_fs_node wasi__walk_dir(const struct wasi_walk *k)
{
	return k->stack[k->depth - 1];
}
/* Take the node out of the walk, with its lookup. */
host_fs_node wasi__walk_take(struct wasi_walk *k);

/* wasi_clock.c */
uint64_t wasi__now(struct wasi *w, struct wasm_store *s);       /* monotonic; virtual: moves on */
uint64_t wasi__wall(struct wasi *w, struct wasm_store *s);
int wasi__clock(struct wasi *w, struct wasm_store *s, uint32_t id, uint64_t *ns);
/* Inode number and times as the program sees them. */
uint64_t wasi__ino(struct wasi *w, const struct wasi_share *share, uint64_t host);
void wasi__ino_restore(struct wasi *w, uint64_t key, uint64_t guest);
void wasi__ino_forget(struct wasi *w, const struct wasi_share *share,
		      const struct host_fs_attr *a);

/* wasi.c */
int wasi__source_open(struct wasi *w, uint32_t source, struct wasi_file **out);

/* wasi_thread.c */
/* In a thread's store: the shared memory that the module imports. */
int wasi__thread_memory(struct wasi *w, struct wasm_store *s, const struct wasm_memory *m,
			struct wasm_extern *x, struct err *e);
enum wasm_trap wasi__thread_spawn(void *ctx, struct wasm_store *s,
				  const union wasm_val *args, union wasm_val *results);
/* The program ends by this, unless it is ending already; s: a thread's store
 * that tells why, NULL: the first. */
void wasi__end(struct wasi *w, struct wasm_store *s, enum wasm_trap trap, uint32_t status);

#endif
