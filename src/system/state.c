/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine's state in a snapshot, section by section:
 *
 *     config     what the machine was made of (to make it again)
 *     system     time, entropy, turns, states of the harts
 *     hartN      riscv/
 *     (devices)  in the order of their creation
 *     ram        mem/
 *
 * Harts stand, I/O is finished: system_save() sees to both.  Loading checks
 * that the machine is of the same make before it changes anything.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "system/machine.h"
#include "vm/snapshot.h"

enum { VERSION_CONFIG = 1, VERSION_SYSTEM = 1, STRING_MAX = 64 << 10 };
static const char kind[] = "system";

/* ---- config ---------------------------------------------------------------------- */

static void put_string(struct ser_writer *w, const char *v)
{
	ser_u8(w, v != NULL);
	if (v)
		ser_blob(w, v, (uint32_t)strlen(v));
}

/* Whoever loads it may stand in another folder. */
static void put_path(struct ser_writer *w, const char *v)
{
	char whole[PATH_MAX];

	put_string(w, v && realpath(v, whole) ? whole : v);
}

static void save_config(const struct system *s, struct ser_writer *w)
{
	const struct system_config *c = &s->config;

	ser_begin(w, "config", VERSION_CONFIG);
	ser_u64(w, s->memory);
	ser_u32(w, s->ncpus);
	ser_u8(w, s->aia);
	ser_u8(w, c->deterministic);
	ser_u8(w, c->no_rng);
	ser_u8(w, c->no_reboot);
	ser_u8(w, c->hvc != NULL);
	ser_u64(w, c->seed);
	put_path(w, c->kernel);
	put_path(w, c->initrd);
	put_path(w, c->firmware);
	put_string(w, c->append);
	ser_u32(w, c->ndisks);
	for (unsigned i = 0; i < c->ndisks; i++) {
		put_path(w, c->disks[i].path);
		put_string(w, c->disks[i].format);
		put_string(w, c->disks[i].serial);
		ser_u8(w, c->disks[i].readonly);
		ser_u8(w, c->disks[i].bus);
	}
	ser_u32(w, c->nshares);
	for (unsigned i = 0; i < c->nshares; i++) {
		put_path(w, c->shares[i].dir);
		put_string(w, c->shares[i].tag);
		ser_u8(w, c->shares[i].readonly);
		ser_u8(w, c->shares[i].bus);
	}
	ser_u32(w, c->nnets);
	for (unsigned i = 0; i < c->nnets; i++) {
		put_string(w, c->nets[i].spec);
		ser_u8(w, c->nets[i].has_mac);
		ser_bytes(w, c->nets[i].mac, sizeof(c->nets[i].mac));
		ser_u8(w, c->nets[i].bus);
	}
	ser_end(w);
}

/* Stands for the channel of a machine that was saved with a virtio console:
 * whoever makes it again puts his own here. */
static struct chan *no_channel(void *arg, struct loop *l, struct err *e)
{
	(void)arg, (void)l;
	err_set(e, EINVAL, "the machine has a virtio console: a channel for it is missing");
	return NULL;
}

/* The configuration as it was saved, in one allocation: `next` walks through
 * the room behind the struct. */
struct stored {
	struct system_config c;
	struct system_disk disks[SYSTEM_DISKS_MAX];
	struct system_share shares[SYSTEM_SHARES_MAX];
	struct system_net nets[SYSTEM_NETS_MAX];
	char *next, *end;
};

static const char *get_string(struct ser_reader *r, struct stored *t)
{
	const char *p, *v;
	uint32_t n;

	if (!ser_get_u8(r))
		return NULL;
	p = ser_get_blob(r, &n, STRING_MAX);
	if (!p || !ser_check(r, !memchr(p, 0, n) && n < (size_t)(t->end - t->next),
			     "malformed string"))
		return NULL;
	v = t->next;
	memcpy(t->next, p, n);
	t->next[n] = 0;
	t->next += n + 1;
	return v;
}

static enum system_bus get_bus(struct ser_reader *r)
{
	uint8_t v = ser_get_u8(r);

	ser_check(r, v <= SYSTEM_BUS_MMIO, "unknown bus");
	return (enum system_bus)v;
}

static void load_tables(struct ser_reader *r, struct stored *t)
{
	struct system_config *c = &t->c;

	c->ndisks = ser_get_u32(r);
	ser_check(r, c->ndisks <= SYSTEM_DISKS_MAX, "too many disks");
	for (unsigned i = 0; i < c->ndisks && !r->err.code; i++) {
		t->disks[i].path = get_string(r, t);
		t->disks[i].format = get_string(r, t);
		t->disks[i].serial = get_string(r, t);
		t->disks[i].readonly = ser_get_u8(r);
		t->disks[i].bus = get_bus(r);
		ser_check(r, t->disks[i].path != NULL, "a disk without a path");
	}
	c->nshares = ser_get_u32(r);
	ser_check(r, c->nshares <= SYSTEM_SHARES_MAX, "too many shares");
	for (unsigned i = 0; i < c->nshares && !r->err.code; i++) {
		t->shares[i].dir = get_string(r, t);
		t->shares[i].tag = get_string(r, t);
		t->shares[i].readonly = ser_get_u8(r);
		t->shares[i].bus = get_bus(r);
		ser_check(r, t->shares[i].dir && t->shares[i].tag, "a share without a name");
	}
	c->nnets = ser_get_u32(r);
	ser_check(r, c->nnets <= SYSTEM_NETS_MAX, "too many networks");
	for (unsigned i = 0; i < c->nnets && !r->err.code; i++) {
		t->nets[i].spec = get_string(r, t);
		t->nets[i].has_mac = ser_get_u8(r);
		ser_get_bytes(r, t->nets[i].mac, sizeof(t->nets[i].mac));
		t->nets[i].bus = get_bus(r);
		ser_check(r, t->nets[i].spec != NULL, "a network without a kind");
	}
	c->disks = t->disks;
	c->shares = t->shares;
	c->nets = t->nets;
}

/* Every string of the section fits into as many bytes as the section has. */
static struct stored *load_config(struct ser_reader *r)
{
	struct stored *t;
	struct system_config *c;
	size_t room;

	if (!ser_open(r, "config", VERSION_CONFIG, VERSION_CONFIG))
		return NULL;
	room = r->section_end - r->pos + 1;
	t = base_zalloc(sizeof(*t) + room);
	if (!t) {
		err_set(&r->err, ENOMEM, "out of memory");
		return NULL;
	}
	t->next = (char *)(t + 1);
	t->end = t->next + room;
	c = &t->c;
	c->memory = ser_get_u64(r);
	c->ncpus = ser_get_u32(r);
	c->interrupts = ser_get_u8(r) ? SYSTEM_INTERRUPTS_AIA : SYSTEM_INTERRUPTS_PLIC;
	c->deterministic = ser_get_u8(r);
	c->no_rng = ser_get_u8(r);
	c->no_reboot = ser_get_u8(r);
	c->hvc = ser_get_u8(r) ? no_channel : NULL;
	c->seed = ser_get_u64(r);
	c->kernel = get_string(r, t);
	c->initrd = get_string(r, t);
	c->firmware = get_string(r, t);
	c->append = get_string(r, t);
	load_tables(r, t);
	ser_close(r);
	return t;
}

/* Whether the machine has the parts that the snapshot was taken with. */
static void check_same(const struct system *s, struct ser_reader *r)
{
	base_auto struct stored *t = load_config(r);
	const struct system_config *c = &s->config;

	if (!t || r->err.code)
		return;
	ser_check(r, t->c.memory == s->memory, "the machine has another memory size");
	ser_check(r, t->c.ncpus == s->ncpus, "the machine has another number of CPUs");
	ser_check(r, !t->c.firmware == s->sbi, "the machine boots another way (firmware)");
	ser_check(r, (t->c.interrupts == SYSTEM_INTERRUPTS_AIA) == s->aia,
		  "the machine has other interrupt controllers");
	ser_check(r, t->c.deterministic == c->deterministic, "one is deterministic, one is not");
	ser_check(r, t->c.no_rng == c->no_rng && !t->c.hvc == !c->hvc &&
		  t->c.ndisks == c->ndisks && t->c.nshares == c->nshares &&
		  t->c.nnets == c->nnets, "the machine has other devices");
}

/* ---- system ------------------------------------------------------------------------ */

static uint64_t time_now(const struct system *s)
{
	return s->paused && !s->clock.is_virtual ? s->paused_at : clock_now(&s->clock);
}

static void save_system(struct system *s, struct ser_writer *w)
{
	const struct system_turns *t = &s->turns;

	ser_begin(w, "system", VERSION_SYSTEM);
	ser_u64(w, time_now(s));
	ser_u64(w, (uint64_t)atomic_load(&s->clock.wall_offset));
	entropy_save(&s->entropy, w);
	ser_u64(w, s->fdt_addr);
	ser_u8(w, s->htif.on);
	ser_u64(w, s->htif.tohost);
	ser_u64(w, s->htif.fromhost);
	ser_u32(w, t->hart);
	ser_u64(w, t->left);
	ser_u64(w, t->used);
	ser_u64(w, t->round);
	ser_u64(w, t->total);
	for (unsigned i = 0; i < s->ncpus; i++) {
		const struct system_hart *h = &s->harts[i];

		ser_u8(w, (uint8_t)h->state);
		ser_u8(w, h->retentive);
		ser_u64(w, h->resume_pc);
		ser_u64(w, h->resume_arg);
		ser_u8(w, t->waiting[i]);
	}
	ser_end(w);
}

static void load_harts(struct system *s, struct ser_reader *r)
{
	for (unsigned i = 0; i < s->ncpus; i++) {
		struct system_hart *h = &s->harts[i];
		uint8_t state = ser_get_u8(r);

		ser_check(r, state == SBI_HART_STARTED || state == SBI_HART_STOPPED ||
			  state == SBI_HART_START_PENDING || state == SBI_HART_SUSPENDED,
			  "unknown state of a hart");
		h->state = state;
		h->retentive = ser_get_u8(r);
		h->resume_pc = ser_get_u64(r);
		h->resume_arg = ser_get_u64(r);
		s->turns.waiting[i] = ser_get_u8(r);
	}
}

/* A real machine's wall clock follows the host's; a virtual one is state. */
static void load_system(struct system *s, struct ser_reader *r)
{
	struct system_turns *t = &s->turns;
	uint64_t now, wall;

	if (!ser_open(r, "system", VERSION_SYSTEM, VERSION_SYSTEM))
		return;
	now = ser_get_u64(r);
	wall = ser_get_u64(r);
	entropy_load(&s->entropy, r);
	s->fdt_addr = ser_get_u64(r);
	s->htif.on = ser_get_u8(r);
	s->htif.tohost = ser_get_u64(r);
	s->htif.fromhost = ser_get_u64(r);
	t->hart = ser_get_u32(r);
	t->left = ser_get_u64(r);
	t->used = ser_get_u64(r);
	t->round = ser_get_u64(r);
	t->total = ser_get_u64(r);
	ser_check(r, t->hart < s->ncpus, "no such hart");
	ser_check(r, t->left <= SYSTEM_QUANTUM && t->used <= SYSTEM_QUANTUM, "no such turn");
	load_harts(s, r);
	ser_close(r);
	if (r->err.code)
		return;
	if (s->clock.is_virtual) {
		clock_set(&s->clock, now);
		atomic_store(&s->clock.wall_offset, (int64_t)wall);
	} else {
		clock_resume(&s->clock, now);
		s->paused_at = now;
	}
}

/* ---- all of it ------------------------------------------------------------------------- */

static int save_all(struct system *s, struct ser_writer *w, struct err *e)
{
	bool busy;

	lock_take(&s->control);
	busy = s->running && !s->paused &&
	       !(s->config.deterministic && pthread_equal(s->loop_thread, pthread_self()));
	lock_drop(&s->control);
	if (busy)
		return err_set(e, EBUSY, "the machine is running: pause it first");
	if (!s->booted)
		return err_set(e, EINVAL, "the machine has not run yet");
	vm_host_drain(&s->host);
	ser_writer_init(w);
	save_config(s, w);
	save_system(s, w);
	for (unsigned i = 0; i < s->ncpus; i++)
		riscv_hart_save(s->harts[i].cpu, w);
	vm_host_save(&s->host, w);
	mem_save(s->host.mem, w);
	if (!w->failed)
		return 0;
	ser_writer_fini(w);
	return err_set(e, ENOMEM, "out of memory");
}

struct save_job {
	struct system *s;
	const char *path;
	struct err *e;
	int r;
	bool done;
};

static void save_here(void *arg)
{
	struct save_job *j = arg;
	struct ser_writer w;

	j->r = save_all(j->s, &w, j->e);
	if (!j->r) {
		j->r = snapshot_write(j->path, kind, &w, j->e);
		ser_writer_fini(&w);
	}
	lock_take(&j->s->control);
	j->done = true;
	pthread_cond_broadcast(&j->s->changed);
	lock_drop(&j->s->control);
}

/* Devices hear from the outside on the loop thread, also while the machine is
 * paused: the state is written there, between two callbacks. */
int system_save(struct system *s, const char *path, struct err *e)
{
	struct save_job j = { .s = s, .path = path, .e = e };
	bool elsewhere;

	lock_take(&s->control);
	elsewhere = s->running && s->paused &&
		    !pthread_equal(s->loop_thread, pthread_self());
	if (elsewhere && !loop_post(s->host.loop, save_here, &j)) {
		lock_drop(&s->control);
		return err_set(e, ENOMEM, "out of memory");
	}
	while (elsewhere && !j.done && s->running)
		lock_wait(&s->control, &s->changed);
	if (elsewhere && !j.done)
		loop_cancel(s->host.loop, save_here, &j);
	lock_drop(&s->control);
	if (!j.done)
		save_here(&j);
	return j.r;
}

int system_digest(struct system *s, uint64_t *digest, struct err *e)
{
	struct ser_writer w;
	int r = save_all(s, &w, e);

	if (r)
		return r;
	*digest = snapshot_digest(w.buf, w.len);
	ser_writer_fini(&w);
	return 0;
}

int system_load(struct system *s, const char *path, struct err *e)
{
	base_auto uint8_t *buf = NULL;
	struct ser_reader r;
	size_t len;
	int err;

	err = snapshot_read(path, kind, &buf, &len, e);
	if (err)
		return err;
	ser_reader_init(&r, buf, len);
	check_same(s, &r);
	load_system(s, &r);
	for (unsigned i = 0; i < s->ncpus && !r.err.code; i++)
		riscv_hart_load(s->harts[i].cpu, &r);
	vm_host_load(&s->host, &r);
	mem_load(s->host.mem, &r);
	s->booted = true;
	err = ser_error(&r, e);
	return err ? err_wrap(e, "%s", path) : 0;
}

struct system_config *system_load_config(const char *path, struct err *e)
{
	base_auto uint8_t *buf = NULL;
	base_auto struct stored *t = NULL;
	struct ser_reader r;
	size_t len;

	if (snapshot_read(path, kind, &buf, &len, e))
		return NULL;
	ser_reader_init(&r, buf, len);
	t = load_config(&r);
	if (ser_error(&r, e)) {
		err_wrap(e, "%s", path);
		return NULL;
	}
	_Static_assert(offsetof(struct stored, c) == 0, "freed through c");
	return &((struct stored *)base_steal(&t))->c;
}
