/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stock Linux that boots is saved at random instructions; a fresh process
 * loads it and runs on.  Console output and final state equal those of a run
 * that nobody disturbed.
 *
 *     POINTS=100 END=1200000000 SEED=1 linux_snapshots     (the long form)
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "host/chan.h"
#include "image/debian.h"
#include "system/system.h"
#include "tests/test.h"

enum { OUTPUT_MAX = 1 << 20 };

static struct image_debian debian;
static char initrd[128], snapshot[128];

struct result {
	uint64_t digest, total;
	int end;
	unsigned len;
	char text[OUTPUT_MAX];
};
static struct result *whole, *first, *second;

static struct chan *the_chan;
static struct chan *console(void *arg, struct loop *l, struct err *e)
{
	(void)arg;
	the_chan = chan_mem_create(l, OUTPUT_MAX * 2, e);
	return the_chan;
}

static void must(int r, const struct err *e)
{
	if (r) {
		fprintf(stderr, "%s\n", e->msg);
		_exit(1);
	}
}

/* In a process of its own: from the start or from a snapshot, up to `limit`
 * instructions; save there if asked. */
static void child(const char *load, uint64_t limit, const char *save, struct result *out)
{
	struct system_config c = {
		.kernel = debian.kernel, .initrd = initrd, .append = "console=ttyS0 earlycon=sbi",
		.memory = 256 << 20, .ncpus = 2, .deterministic = true, .seed = 42,
		.console = console,
	};
	struct err e = { 0 };
	struct system *s = system_create(&c, &e);
	struct system_end end;
	const char *text;
	size_t n;

	must(!s, &e);
	if (load)
		must(system_load(s, load, &e), &e);
	system_set_limit(s, limit);
	must(system_run(s, &end, &e), &e);
	if (save)
		must(system_save(s, save, &e), &e);
	must(system_digest(s, &out->digest, &e), &e);
	out->end = (int)end.kind;
	out->total = system_instructions(s);
	text = chan_mem_output(the_chan, &n);
	out->len = (unsigned)MIN(n, (size_t)OUTPUT_MAX);
	memcpy(out->text, text, out->len);
	system_destroy(s);
	_exit(0);
}

static void run(const char *load, uint64_t limit, const char *save, struct result *out)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		child(load, limit, save, out);
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
}

/* An initramfs with busybox that says hello and powers off. */
static void make_initrd(const char *dir)
{
	char cmd[4096];
	const char *busybox[] = { "/usr/bin/busybox", "/bin/busybox" };
	struct stat st;
	unsigned i;

	for (i = 0; i < 2; i++) {
		snprintf(cmd, sizeof(cmd), "%s%s", debian.root, busybox[i]);
		if (!stat(cmd, &st))
			break;
	}
	if (i == 2)
		SKIP("there is no busybox in %.200s", debian.root);
	snprintf(cmd, sizeof(cmd),
		 "mkdir -p %s/t/bin %s/t/proc && cp %s%s %s/t/bin/busybox && "
		 "printf '#!/bin/busybox sh\\n/bin/busybox mount -t proc p /proc\\n"
		 "/bin/busybox echo hello from $(/bin/busybox nproc)\\n"
		 "/bin/busybox poweroff -f\\n' >%s/t/init && chmod 755 %s/t/init && "
		 "cd %s/t && find . | cpio --quiet -o -H newc --reproducible >%s",
		 dir, dir, debian.root, busybox[i], dir, dir, dir, dir, initrd);
	if (system(cmd))
		SKIP("cpio cannot make an initramfs here");
}

static uint64_t number(const char *name, uint64_t fallback)
{
	const char *v = getenv(name);

	return v ? strtoull(v, NULL, 0) : fallback;
}

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static void points(const char *dir)
{
	uint64_t n = number("POINTS", 4), end = number("END", 400000000);
	uint64_t seed = number("SEED", 20240229), at;
	struct image_debian_want want = { 0 };
	struct err e = { 0 };

	if (image_debian_get(&want, &debian, &e))
		SKIP("%.400s", e.msg);
	snprintf(initrd, sizeof(initrd), "%s/initrd", dir);
	snprintf(snapshot, sizeof(snapshot), "%s/snapshot", dir);
	make_initrd(dir);
	run(NULL, end, NULL, whole);
	CHECK(whole->len > 1000 && strstr(whole->text, "Linux version"));
	for (uint64_t i = 0; i < n; i++) {
		at = next_random(&seed) % MIN(end, whole->total);
		run(NULL, at, snapshot, first);
		CHECK_EQ(first->total, at);
		run(snapshot, end, NULL, second);
		CHECK_EQ(second->end, whole->end);
		if (second->digest != whole->digest || second->total != whole->total)
			TEST_FAIL("saved at %" PRIu64 ": the final state differs", at);
		if (first->len + second->len != whole->len ||
		    memcmp(first->text, whole->text, first->len) ||
		    memcmp(second->text, whole->text + first->len, second->len))
			TEST_FAIL("saved at %" PRIu64 ": the console differs", at);
	}
}

static char dir_name[64];

static void clean_up(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir_name);
	if (dir_name[0] && system(cmd))
		fprintf(stderr, "%s is left behind\n", dir_name);
}

static void saved_and_loaded(void)
{
	size_t n = sizeof(struct result);

	/* Children write their results here. */
	whole = mmap(NULL, 3 * n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(whole != MAP_FAILED);
	first = whole + 1;
	second = whole + 2;
	snprintf(dir_name, sizeof(dir_name), "/tmp/doppel-linux-XXXXXX");
	CHECK(mkdtemp(dir_name));
	atexit(clean_up);
	points(dir_name);
}

TEST_MAIN(
	{ "saved_anywhere_linux_goes_on_the_same", saved_and_loaded },
)
