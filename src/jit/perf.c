/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling perf about code: a map of names (/tmp/perf-PID.map, lines of
 * "address size name"), and a jitdump, which has the bytes too and outlives
 * the process (linux: tools/perf/Documentation/jitdump-specification.txt).
 *
 * jitdump: header  magic u32 | version u32 | size u32 | ELF machine u32 |
 *                  0 u32 | pid u32 | time u64 | flags u64
 *          record  id u32 (0: code is loaded) | size u32 | time u64 | pid u32 |
 *                  tid u32 | vma u64 | address u64 | bytes u64 | index u64 |
 *                  name, 0 | code
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "jit/cache_int.h"

enum { MAGIC = 0x4a695444 };

struct header {
	uint32_t magic, version, size, machine, pad, pid;
	uint64_t time, flags;
};
struct record {
	uint32_t id, size;
	uint64_t time;
	uint32_t pid, tid;
	uint64_t vma, address, bytes, index;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int open_dump(struct jit_cache *c, const char *dir, struct err *e)
{
	struct header h = { .magic = MAGIC, .version = 1, .size = sizeof(h), .pid = (uint32_t)getpid(), .time = now(),
#ifdef __x86_64__
			    .machine = EM_X86_64
#else
			    .machine = EM_AARCH64
#endif
	};
	char path[4096];

	snprintf(path, sizeof(path), "%s/jit-%d.dump", dir, (int)getpid());
	c->dump = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
	if (c->dump < 0 || write(c->dump, &h, sizeof(h)) != sizeof(h))
		return err_sys(e, "%s", path);
	c->marker = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, c->dump, 0);
	return 0;
}

int jit__perf_open(struct jit_cache *c, const struct jit_cache_options *o, struct err *e)
{
	char path[64];

	c->dump = -1;
	if (o->perf_map) {
		snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
		c->map = fopen(path, "we");
		if (!c->map)
			return err_sys(e, "%s", path);
		setvbuf(c->map, NULL, _IOLBF, 0);
	}
	return o->jitdump ? open_dump(c, o->jitdump, e) : 0;
}

/* A record that cannot be written ends the dump: it is an aid, no more. */
static void dump(struct jit_cache *c, const struct jit_code *code)
{
	size_t name = strlen(code->name) + 1;
	struct record r = { .size = (uint32_t)(sizeof(r) + name + code->size), .time = now(),
			    .pid = (uint32_t)getpid(), .tid = (uint32_t)syscall(SYS_gettid),
			    .vma = (uint64_t)(uintptr_t)code->entry, .address = (uint64_t)(uintptr_t)code->entry,
			    .bytes = code->size, .index = c->index++ };

	if (write(c->dump, &r, sizeof(r)) == sizeof(r) && write(c->dump, code->name, name) == (ssize_t)name &&
	    write(c->dump, code->entry, code->size) == (ssize_t)code->size)
		return;
	close(c->dump);
	c->dump = -1;
}

void jit__perf_add(struct jit_cache *c, const struct jit_code *code)
{
	if (c->map)
		fprintf(c->map, "%llx %x %s\n", (unsigned long long)(uintptr_t)code->entry, code->size, code->name);
	if (c->dump >= 0)
		dump(c, code);
}

void jit__perf_close(struct jit_cache *c)
{
	if (c->map)
		fclose(c->map);
	if (c->marker && c->marker != MAP_FAILED)
		munmap(c->marker, 4096);
	if (c->dump >= 0)
		close(c->dump);
}
