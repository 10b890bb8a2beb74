/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From files to the first instruction.
 *
 *   built-in firmware   the kernel at RAM + its text offset (or its ELF
 *                       addresses), hart 0 in S-mode: a0 = hart id, a1 = tree
 *   firmware given      that at the start of RAM or at its ELF addresses, all
 *                       harts in M-mode: a0 = hart id, a1 = tree, a2 = what
 *                       OpenSBI's fw_dynamic wants to know; a kernel at
 *                       RAM + 2 MiB
 *
 * The device tree lies at the end of RAM (of its first 3 GiB, which firmware
 * can reach), the initrd below it.  Nothing may overlap: claimed ranges are
 * kept in a small list.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/log.h"
#include "system/machine.h"

enum { RANGES_MAX = ELF_SEGMENTS_MAX * 2 + 4 };
enum { ALIGN_FDT = 2 << 20 };
#define LOW_RAM_END (VIRT_RAM + (3ull << 30))

/* What OpenSBI reads at a2 (its fw_dynamic.h, version 2). */
#define FW_DYNAMIC_MAGIC 0x4942534full
enum { FW_DYNAMIC_VERSION = 2, FW_DYNAMIC_WORDS = 6, FW_DYNAMIC_ROOM = 64, PRIV_S = 1 };

struct boot {
	struct system *s;
	struct err *e;
	struct { uint64_t start, end; const char *name; } ranges[RANGES_MAX];
	unsigned nranges;
	uint64_t entry;         /* of what runs first */
	uint64_t payload;       /* entry of a kernel behind firmware; 0: none */
	uint64_t info;          /* fw_dynamic information */
	struct system_fdt_boot fdt;
};

/* ---- files ------------------------------------------------------------------ */

static int open_image(struct system_image *im, const char *name, struct err *e)
{
	im->fd = -1;
	im->name = name;
	if (!name)
		return 0;
	im->fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe does not block */
	return im->fd < 0 ? err_sys(e, "%s", name) : 0;
}

int system__open_images(struct system *s, struct err *e)
{
	int r = open_image(&s->kernel, s->config.kernel, e);

	if (!r)
		r = open_image(&s->initrd, s->config.initrd, e);
	if (!r)
		r = open_image(&s->firmware, s->config.firmware, e);
	return r;
}

void system__close_images(struct system *s)
{
	struct system_image *im[] = { &s->kernel, &s->initrd, &s->firmware };

	for (unsigned i = 0; i < ARRAY_LEN(im); i++)
		if (im[i]->fd >= 0)
			close(im[i]->fd);
}

/* ---- placing ------------------------------------------------------------------ */

/* Reserve [a, a+n) for `name`; it must be free RAM. */
static int claim(struct boot *b, const char *name, uint64_t a, uint64_t n)
{
	if (n && !mem_ptr(b->s->host.mem, GPA(a), n))
		return err_set(b->e, ENOMEM, "%s: %#" PRIx64 " bytes at %#" PRIx64
			       " are outside of memory (%#" PRIx64 " bytes at %#llx)",
			       name, n, a, b->s->memory, VIRT_RAM);
	for (unsigned i = 0; i < b->nranges; i++)
		if (a < b->ranges[i].end && b->ranges[i].start < a + n)
			return err_set(b->e, ENOMEM, "%s: [%#" PRIx64 ", %#" PRIx64
				       ") overlaps %s", name, a, a + n, b->ranges[i].name);
	if (b->nranges == RANGES_MAX)
		return err_set(b->e, E2BIG, "%s: too many segments", name);
	b->ranges[b->nranges].start = a;
	b->ranges[b->nranges].end = a + n;
	b->ranges[b->nranges++].name = name;
	return 0;
}

static int place(struct boot *b, const char *name, uint64_t a, const void *p, uint64_t n,
		 uint64_t room)
{
	int r = claim(b, name, a, MAX(n, room));

	if (!r && n)
		mem_write(b->s->host.mem, GPA(a), p, n);
	return r;
}

/* The highest aligned address below `limit` where n bytes are free. */
static uint64_t find_below(struct boot *b, uint64_t limit, uint64_t n, uint64_t align)
{
	uint64_t a = limit;
	bool moved;

	if (n > limit - VIRT_RAM)
		return 0;
	do {
		moved = false;
		if (a < VIRT_RAM + n)
			return 0;
		uint64_t at = align_down(a - n, align);

		for (unsigned i = 0; i < b->nranges; i++)
			if (at < b->ranges[i].end && b->ranges[i].start < at + n) {
				a = b->ranges[i].start;
				moved = true;
			}
		if (!moved)
			return at >= VIRT_RAM ? at : 0;
	} while (moved);
	return 0;
}

static uint64_t low_end(const struct boot *b)
{
	return MIN(VIRT_RAM + b->s->memory, (uint64_t)LOW_RAM_END);
}

static int place_elf(struct boot *b, const struct elf *f, uint64_t *entry)
{
	int r = 0;

	for (unsigned i = 0; i < f->nsegments && !r; i++) {
		const struct elf_segment *g = &f->segments[i];

		r = place(b, f->name, g->paddr, f->bytes + g->offset, g->file_size, g->mem_size);
	}
	if (!elf_physical(f, f->entry, entry))
		*entry = f->entry;
	return r;
}

/* Load a program; raw and Linux images go to `base`. */
static int place_program(struct boot *b, struct system_image *im, uint64_t base, bool raw_ok,
			 uint64_t *entry)
{
	struct image_bytes raw;
	struct image_kernel k;
	uint64_t tohost;
	int r;

	r = image_read(im->fd, im->name, b->s->memory, &raw, b->e);
	if (!r)
		r = image_kernel_parse(&k, im->name, &raw, b->s->memory, raw_ok, b->e);
	if (r)
		return r;
	*entry = base;
	switch (k.kind) {
	case IMAGE_LINUX:
		/* The header's offset counts from the start of RAM. */
		if (k.text_offset && base == VIRT_RAM)
			*entry = base + k.text_offset;
		r = place(b, im->name, *entry, k.data.bytes, k.data.len, k.image_size);
		break;
	case IMAGE_RAW:
		r = place(b, im->name, *entry, k.data.bytes, k.data.len, k.data.len);
		break;
	case IMAGE_ELF:
		r = place_elf(b, &k.elf, entry);
		if (elf_symbol(&k.elf, "tohost", &tohost) &&
		    elf_physical(&k.elf, tohost, &b->s->htif.tohost)) {
			b->s->htif.on = true;
			if (!elf_symbol(&k.elf, "fromhost", &tohost) ||
			    !elf_physical(&k.elf, tohost, &b->s->htif.fromhost))
				b->s->htif.fromhost = 0;
		}
		break;
	}
	image_kernel_free(&k);
	return r;
}

static int place_initrd(struct boot *b)
{
	struct system_image *im = &b->s->initrd;
	struct image_bytes d;
	uint64_t a;
	int r;

	if (im->fd < 0)
		return 0;
	r = image_read(im->fd, im->name, b->s->memory, &d, b->e);
	if (r)
		return r;
	a = find_below(b, low_end(b) - ALIGN_FDT, d.len, MEM_PAGE);
	if (!a)
		r = err_set(b->e, ENOMEM, "%s: no room in memory for %" PRIu64 " bytes", im->name,
			    d.len);
	else
		r = place(b, im->name, a, d.bytes, d.len, 0);
	b->fdt.initrd_start = a;
	b->fdt.initrd_end = a + d.len;
	image_bytes_free(&d);
	return r;
}

static int write_dtb(const char *path, const struct image_bytes *d, struct err *e)
{
	base_autofd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0 || write(fd, d->bytes, d->len) != (ssize_t)d->len)
		return err_sys(e, "%s", path);
	return 0;
}

static int place_fdt(struct boot *b)
{
	struct image_bytes d;
	uint64_t a;
	int r;

	b->fdt.bootargs = b->s->config.append;
	r = system__fdt_build(b->s, &b->fdt, &d, b->e);
	if (r)
		return r;
	if (b->s->config.dtb_out && !b->s->booted)
		r = write_dtb(b->s->config.dtb_out, &d, b->e);
	if (log_dumping(FDT) && !b->s->booted)
		system__fdt_print(d.bytes, stderr);
	a = find_below(b, low_end(b), d.len, ALIGN_FDT);
	if (!r && !a)
		r = err_set(b->e, ENOMEM, "no room in memory for the device tree");
	if (!r)
		r = place(b, "device tree", a, d.bytes, d.len, 0);
	b->s->fdt_addr = a;
	image_bytes_free(&d);
	return r;
}

/* Where firmware goes on after itself. */
static int place_info(struct boot *b)
{
	uint64_t w[FW_DYNAMIC_WORDS] = {
		FW_DYNAMIC_MAGIC, FW_DYNAMIC_VERSION, b->payload, PRIV_S, 0, 0,
	};

	b->info = find_below(b, low_end(b), FW_DYNAMIC_ROOM, FW_DYNAMIC_ROOM);
	if (!b->info)
		return err_set(b->e, ENOMEM, "no room in memory for the firmware's information");
	return place(b, "firmware information", b->info, w, sizeof(w), FW_DYNAMIC_ROOM);
}

static int place_all(struct boot *b)
{
	struct system *s = b->s;
	int r;

	if (s->sbi) {
		r = place_program(b, &s->kernel, VIRT_RAM, false, &b->entry);
	} else {
		r = place_program(b, &s->firmware, VIRT_RAM, true, &b->entry);
		if (!r && s->kernel.fd >= 0)
			r = place_program(b, &s->kernel, VIRT_RAM + VIRT_KERNEL_OFFSET, true,
					  &b->payload);
	}
	if (!r)
		r = place_initrd(b);
	if (!r)
		r = place_fdt(b);
	if (!r && !s->sbi)
		r = place_info(b);
	return r;
}

/* ---- harts --------------------------------------------------------------------- */

static void start_harts(struct boot *b)
{
	struct system *s = b->s;

	for (unsigned i = 0; i < s->ncpus; i++) {
		struct system_hart *h = &s->harts[i];

		riscv_set_irq(h->cpu, 1, false); /* an IPI from before the reset */
		riscv_hart_reset(h->cpu, b->entry, s->fdt_addr);
		if (!s->sbi) {
			riscv_set_x(h->cpu, 12, b->info);
			h->state = SBI_HART_STARTED;
		} else if (!i) {
			riscv_hart_start_s(h->cpu, b->entry, s->fdt_addr);
			h->state = SBI_HART_STARTED;
		} else {
			h->state = SBI_HART_STOPPED;
		}
	}
	system__turns_reset(s);
}

/* Zero pages again; what was never touched stays unallocated. */
static void clear_ram(struct system *s)
{
	for (unsigned i = 0; i < mem_ram_count(s->host.mem); i++) {
		const struct mem_ram *r = mem_ram_at(s->host.mem, i);

		if (madvise(r->host, r->size, MADV_REMOVE))
			memset(r->host, 0, r->size);
	}
}

int system__boot(struct system *s, struct err *e)
{
	struct boot b = { .s = s, .e = e };
	int r;

	if (s->booted)
		clear_ram(s);
	r = place_all(&b);
	if (r)
		return r;
	start_harts(&b);
	s->booted = true;
	return 0;
}
