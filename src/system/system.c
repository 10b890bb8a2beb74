/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A system machine from creation to end.
 *
 * The thread in system_run() is the loop thread and the only one that starts
 * and joins hart threads, pauses, resets and ends the machine.  Everybody
 * else leaves a wish (request, want_pause) and wakes it.
 */
#include "system/system.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "dev/platform.h"
#include "dev/virtio/virtio.h"
#include "host/worker.h"
#include "system/machine.h"

enum { WORKERS = 4, MEMORY_UNIT = 2 << 20 };
#define MEMORY_DEFAULT (1ull << 30)
#define MEMORY_MAX (1ull << 40)

/* ---- creation ------------------------------------------------------------------ */

static const char *keep(struct system *s, const char *v, int *r)
{
	char *p;

	if (!v)
		return NULL;
	p = arena_strdup(&s->arena, v);
	if (!p)
		*r = -ENOMEM;
	return p;
}

static void *keep_table(struct system *s, const void *t, unsigned n, size_t size, int *r)
{
	void *p;

	if (!n)
		return NULL;
	p = arena_alloc(&s->arena, n * size);
	if (!p)
		*r = -ENOMEM;
	else
		memcpy(p, t, n * size);
	return p;
}

/* The machine's own copy: snapshots describe themselves with it. */
static int copy_config(struct system *s, const struct system_config *c, struct err *e)
{
	struct system_config *d = &s->config;
	struct system_disk *disks;
	struct system_share *shares;
	struct system_net *nets;
	int r = 0;

	*d = *c;
	d->kernel = keep(s, c->kernel, &r);
	d->initrd = keep(s, c->initrd, &r);
	d->firmware = keep(s, c->firmware, &r);
	d->append = keep(s, c->append, &r);
	d->dtb_out = keep(s, c->dtb_out, &r);
	d->disks = disks = keep_table(s, c->disks, c->ndisks, sizeof(*disks), &r);
	d->shares = shares = keep_table(s, c->shares, c->nshares, sizeof(*shares), &r);
	d->nets = nets = keep_table(s, c->nets, c->nnets, sizeof(*nets), &r);
	for (unsigned i = 0; i < c->ndisks && !r; i++) {
		disks[i].path = keep(s, c->disks[i].path, &r);
		disks[i].format = keep(s, c->disks[i].format, &r);
		disks[i].serial = keep(s, c->disks[i].serial, &r);
	}
	for (unsigned i = 0; i < c->nshares && !r; i++) {
		shares[i].dir = keep(s, c->shares[i].dir, &r);
		shares[i].tag = keep(s, c->shares[i].tag, &r);
	}
	for (unsigned i = 0; i < c->nnets && !r; i++)
		nets[i].spec = keep(s, c->nets[i].spec, &r);
	return r ? err_set(e, ENOMEM, "out of memory") : 0;
}

static int check_config(const struct system_config *c, struct err *e)
{
	if (!c->kernel && !c->firmware)
		return err_set(e, EINVAL, "neither a kernel nor firmware to start");
	if (c->ncpus > SYSTEM_HARTS_MAX)
		return err_set(e, EINVAL, "%u CPUs: at most %d are possible", c->ncpus,
			       SYSTEM_HARTS_MAX);
	if (c->memory % MEMORY_UNIT || c->memory > MEMORY_MAX)
		return err_set(e, EINVAL, "memory of %" PRIu64 " bytes: must be a multiple of "
			       "2 MiB and at most 1 TiB", c->memory);
	if (c->ndisks > SYSTEM_DISKS_MAX || c->nshares > SYSTEM_SHARES_MAX ||
	    c->nnets > SYSTEM_NETS_MAX)
		return err_set(e, EINVAL, "at most %d disks, %d shares and %d networks are possible",
			       SYSTEM_DISKS_MAX, SYSTEM_SHARES_MAX, SYSTEM_NETS_MAX);
	return 0;
}

static int create_host(struct system *s, struct err *e)
{
	bool det = s->config.deterministic;

	clock_init(&s->clock, det);
	if (det)
		entropy_init_seed(&s->entropy, s->config.seed);
	else
		entropy_init_host(&s->entropy);
	s->host.clock = &s->clock;
	s->host.deterministic = det;
	s->host.mem = mem_create(e);
	if (!s->host.mem)
		return -e->code;
	s->host.io = mem_io_lock(s->host.mem);
	s->host.loop = loop_create(&s->clock, e);
	if (!s->host.loop)
		return -e->code;
	s->host.worker = worker_create(WORKERS, det, e);
	if (!s->host.worker)
		return -e->code;
	return mem_add_ram(s->host.mem, GPA(VIRT_RAM), s->memory, "ram", e);
}

static int create_harts(struct system *s, struct err *e)
{
	for (unsigned i = 0; i < s->ncpus; i++) {
		struct riscv_config c = {
			.id = i,
			.mem = s->host.mem,
			.env = { .ctx = s, .time = system__time },
			.sbi = s->sbi,
			.aia = s->aia,
			.stress = s->config.stress,
			.quantum = s->config.deterministic ? SYSTEM_QUANTUM : 0,
		};

		s->harts[i].cpu = riscv_hart_create(&c, e);
		if (!s->harts[i].cpu)
			return -e->code;
	}
	return 0;
}

static int build(struct system *s, const struct system_config *c, struct err *e)
{
	int r = check_config(c, e);

	if (!r)
		r = copy_config(s, c, e);
	if (r)
		return r;
	s->ncpus = c->ncpus ? c->ncpus : 1;
	s->memory = c->memory ? c->memory : MEMORY_DEFAULT;
	s->sbi = !c->firmware;
	s->aia = c->interrupts == SYSTEM_INTERRUPTS_AIA;
	s->want_pause = c->start_paused;
	s->turns.limit = UINT64_MAX;
	system__harts_init(s);
	system__firmware_init(s);
	r = system__open_images(s, e);
	if (!r)
		r = create_host(s, e);
	if (!r)
		r = create_harts(s, e);
	if (!r)
		r = system__board_create(s, c, e);
	return r;
}

struct system *system_create(const struct system_config *c, struct err *e)
{
	struct err ignored;
	struct system *s = base_zalloc(sizeof(*s));

	if (!e)
		e = &ignored;
	if (!s) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	arena_init(&s->arena, 0);
	lock_init(&s->control, LOCK_RANK_VM);
	lock_cond_init(&s->changed);
	s->kernel.fd = s->initrd.fd = s->firmware.fd = -1;
	if (build(s, c, e)) {
		system_destroy(s);
		return NULL;
	}
	return s;
}

void system_destroy(struct system *s)
{
	if (!s)
		return;
	system__harts_stop(s);
	vm_host_destroy_devices(&s->host);
	if (s->host.worker)
		worker_destroy(s->host.worker);
	loop_destroy(s->host.loop);
	for (unsigned i = 0; i < s->ncpus; i++)
		if (s->harts[i].cpu)
			riscv_hart_destroy(s->harts[i].cpu);
	mem_destroy(s->host.mem);
	system__close_images(s);
	lock_fini(&s->control);
	arena_fini(&s->arena);
	base_free(s);
}

/* ---- wishes of other threads ------------------------------------------------------ */

void system__request(struct system *s, enum system_request r, unsigned code)
{
	int was = REQUEST_NONE;

	/* The code first: whoever sees the request sees it.  Two that come at
	 * once may mix up code and kind of what ended the machine, no more. */
	if (atomic_load(&s->request) == REQUEST_NONE)
		atomic_store(&s->request_code, code);
	while (!atomic_compare_exchange_strong(&s->request, &was, (int)r))
		if (r != REQUEST_STOP || was != REQUEST_RESET) /* a stop outlives a reset */
			return;
	loop_stop(s->host.loop);
	system__kick_all(s);
}

void system_stop(struct system *s)
{
	system__request(s, REQUEST_STOP, 0);
}

void system_reset(struct system *s)
{
	system__request(s, REQUEST_RESET, 0);
}

/* Whether the caller may act on the machine itself.  control is held. */
static bool is_ours(struct system *s)
{
	return !s->running || pthread_equal(s->loop_thread, pthread_self());
}

/* Make want_pause true; on the loop thread, or nobody runs the machine. */
static void apply_pause(struct system *s)
{
	uint64_t now;

	system__harts_stop(s);
	now = clock_now(&s->clock);
	vm_host_drain(&s->host);
	lock_take(&s->control);
	if (!s->paused)
		s->paused_at = now;
	s->paused = true;
	pthread_cond_broadcast(&s->changed);
	lock_drop(&s->control);
}

static void apply_resume(struct system *s)
{
	lock_take(&s->control);
	clock_resume(&s->clock, s->paused_at);
	s->paused = false;
	atomic_store(&s->halt, false);
	lock_drop(&s->control);
}

void system_pause(struct system *s)
{
	bool ours;

	lock_take(&s->control);
	s->want_pause = true;
	ours = is_ours(s);
	if (!ours) {
		atomic_store(&s->halt, true);
		loop_stop(s->host.loop);
		while (s->want_pause && !s->paused && s->running)
			lock_wait(&s->control, &s->changed);
		ours = !s->running && !s->paused;
	}
	lock_drop(&s->control);
	if (ours) {
		atomic_store(&s->halt, true);
		apply_pause(s);
	}
}

void system_resume(struct system *s)
{
	lock_take(&s->control);
	s->want_pause = false;
	pthread_cond_broadcast(&s->changed); /* who waits for the pause, waits no more */
	lock_drop(&s->control);
	loop_stop(s->host.loop);
}

bool system_paused(struct system *s)
{
	bool v;

	lock_take(&s->control);
	v = s->paused;
	lock_drop(&s->control);
	return v;
}

/* ---- running ------------------------------------------------------------------------ */

/* Bring paused in line with want_pause.  Returns whether harts should run. */
static bool follow_wish(struct system *s)
{
	bool want, paused;

	lock_take(&s->control);
	want = s->want_pause;
	paused = s->paused;
	lock_drop(&s->control);
	if (want && !paused)
		apply_pause(s);
	else if (!want && paused)
		apply_resume(s);
	else if (!want && atomic_load(&s->halt))
		system__harts_stop(s); /* a pause that was taken back: all start again */
	return !want;
}

static int run_real(struct system *s, struct err *e)
{
	int r = 0;

	while (!atomic_load(&s->request) && !r) {
		if (follow_wish(s) && !s->threads)
			r = system__harts_start(s, e);
		if (!r && !atomic_load(&s->request))
			loop_step(s->host.loop, -1);
	}
	system__harts_stop(s);
	return r;
}

static void run_deterministic(struct system *s)
{
	while (!atomic_load(&s->request) && s->turns.total < s->turns.limit) {
		if (follow_wish(s)) {
			atomic_store(&s->halt, false);
			system__turns_run(s);
		} else {
			loop_step(s->host.loop, -1);
		}
	}
}

/* Power-on state of everything but the clock and the count of instructions. */
static int reset_machine(struct system *s, struct err *e)
{
	vm_host_drain(&s->host);
	vm_host_reset(&s->host);
	return system__boot(s, e);
}

/* Fill *end from the request and take it back. */
static void take_end(struct system *s, struct system_end *end)
{
	unsigned code = atomic_load(&s->request_code);

	end->code = 0;
	switch ((enum system_request)atomic_exchange(&s->request, REQUEST_NONE)) {
	case REQUEST_NONE:
		end->kind = SYSTEM_END_LIMIT;
		break;
	case REQUEST_POWEROFF:
		end->kind = SYSTEM_END_POWEROFF;
		break;
	case REQUEST_FAIL:
		end->kind = SYSTEM_END_FAIL;
		end->code = code ? MIN(code, 255u) : 1;
		break;
	case REQUEST_RESET:
		end->kind = SYSTEM_END_RESET;
		break;
	case REQUEST_STOP:
		end->kind = SYSTEM_END_STOPPED;
		break;
	}
}

static int run_until_end(struct system *s, struct system_end *end, struct err *e)
{
	int r = 0;

	if (!s->booted || s->ended)
		r = reset_machine(s, e);
	s->ended = false;
	while (!r) {
		if (s->config.deterministic)
			run_deterministic(s);
		else
			r = run_real(s, e);
		if (r)
			break;
		take_end(s, end);
		if (end->kind == SYSTEM_END_STOPPED || end->kind == SYSTEM_END_LIMIT)
			return 0;
		if (end->kind != SYSTEM_END_RESET || s->config.no_reboot) {
			s->ended = true;
			vm_host_drain(&s->host);
			return 0;
		}
		r = reset_machine(s, e);
	}
	end->kind = SYSTEM_END_ERROR;
	return r;
}

int system_run(struct system *s, struct system_end *end, struct err *e)
{
	struct err ignored;
	int r;

	lock_take(&s->control);
	s->running = true;
	s->loop_thread = pthread_self();
	lock_drop(&s->control);
	r = run_until_end(s, end, e ? e : &ignored);
	lock_take(&s->control);
	s->running = false;
	pthread_cond_broadcast(&s->changed);
	lock_drop(&s->control);
	return r;
}

/* ---- the rest -------------------------------------------------------------------------- */

uint64_t system_instructions(struct system *s)
{
	uint64_t n = 0;

	if (s->config.deterministic)
		return s->turns.total;
	for (unsigned i = 0; i < s->ncpus; i++)
		n += atomic_load_explicit(&s->harts[i].executed, memory_order_relaxed);
	return n;
}

void system_set_limit(struct system *s, uint64_t total)
{
	s->turns.limit = total;
}

struct loop *system_loop(struct system *s)
{
	return s->host.loop;
}

struct mem *system_mem(struct system *s)
{
	return s->host.mem;
}

unsigned system_ncpus(const struct system *s)
{
	return s->ncpus;
}

struct riscv_hart *system_hart(struct system *s, unsigned i)
{
	return s->harts[i].cpu;
}

void system_send_break(struct system *s)
{
	uart_send_break(s->uart);
}

void system_console_resize(struct system *s, uint16_t cols, uint16_t rows)
{
	if (s->hvc)
		virtio_console_resize(s->hvc, cols, rows);
}
