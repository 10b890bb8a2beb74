/* SPDX-License-Identifier: Apache-2.0 */
/* Bare ELF programs that speak to the host through `tohost`: exit status,
 * characters, the write call; and ELF files that do not fit. */
#include "base/bits.h"
#include "tests/system/bare.h"

enum { BASE = 0x80001000, TOHOST = 0x80002000, FROMHOST = 0x80002040, BLOCK = 0x80002080 };
enum { TEXT = 0x1000, MEM = 0x2000, SYMTAB = 0x100, STRTAB = 0x180, SHDR = 0x200 };

static struct bare b;
static struct bare_run r;
static uint8_t file[TEXT + sizeof(b.w)];

static void symbol(unsigned i, unsigned name, uint64_t value)
{
	uint8_t *p = file + SYMTAB + i * 24;

	st_le32(p, name);
	st_le16(p + 6, 1);
	st_le64(p + 8, value);
}

/* The program at BASE, RAM up to BASE + MEM. */
static void make_elf(uint64_t paddr)
{
	uint8_t *p = file + 64;

	memset(file, 0, sizeof(file));
	memcpy(file, "\177ELF\2\1\1", 7);
	st_le16(file + 16, 2);
	st_le16(file + 18, 243);
	st_le64(file + 24, BASE);
	st_le64(file + 32, 64);
	st_le64(file + 40, SHDR);
	st_le16(file + 54, 56);
	st_le16(file + 56, 1);
	st_le16(file + 58, 64);
	st_le16(file + 60, 3);
	st_le32(p, 1);
	st_le32(p + 4, 7);
	st_le64(p + 8, TEXT);
	st_le64(p + 16, BASE);
	st_le64(p + 24, paddr);
	st_le64(p + 32, b.n * 4);
	st_le64(p + 40, MEM);
	symbol(1, 1, TOHOST);
	symbol(2, 8, FROMHOST);
	memcpy(file + STRTAB, "\0tohost\0fromhost", 17);
	p = file + SHDR + 64;
	st_le32(p + 4, 2);
	st_le64(p + 24, SYMTAB);
	st_le64(p + 32, 72);
	st_le32(p + 40, 2);
	p = file + SHDR + 128;
	st_le64(p + 24, STRTAB);
	st_le64(p + 32, 17);
	memcpy(file + TEXT, b.w, b.n * 4);
}

static bool start(bool det)
{
	struct system_config c = { .memory = 16 << 20, .deterministic = det,
				   .console = bare_console, .console_arg = &r };
	char path[64];
	int fd;

	memset(&r, 0, sizeof(r));
	snprintf(path, sizeof(path), "/tmp/doppel-htif-%d", (int)getpid());
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, file, TEXT + b.n * 4), TEXT + b.n * 4);
	close(fd);
	c.firmware = path;
	r.sys = system_create(&c, &r.err);
	unlink(path);
	CHECK(r.sys);
	return !system_run(r.sys, &r.end, &r.err);
}

/* sd of a value to tohost. */
static void tell_host(uint64_t v)
{
	li(&b, T0, TOHOST);
	li(&b, T1, v);
	sd(&b, T1, 0, T0);
}

static void exits(void)
{
	static const struct { uint64_t v; int kind; unsigned code; } cases[] = {
		{ 1, SYSTEM_END_POWEROFF, 0 },
		{ 5 << 1 | 1, SYSTEM_END_FAIL, 5 },
		{ 1000 << 1 | 1, SYSTEM_END_FAIL, 255 },
	};

	for (unsigned i = 0; i < 6; i++) {
		b.n = 0;
		tell_host(cases[i / 2].v);
		jump(&b, here(&b));
		make_elf(BASE);
		CHECK(start(i & 1));
		CHECK_EQ(r.end.kind, cases[i / 2].kind);
		CHECK_EQ(r.end.code, cases[i / 2].code);
		bare_end(&r);
	}
}

static void await_host(void)
{
	unsigned loop;

	li(&b, T0, FROMHOST);
	loop = here(&b);
	ld(&b, T1, 0, T0);
	beq(&b, T1, ZERO, loop);
	sd(&b, ZERO, 0, T0);
}

static void output(void)
{
	for (int det = 0; det < 2; det++) {
		b.n = 0;
		tell_host(0x0101000000000000ull | 'x');
		await_host();
		li(&b, S0, BLOCK);
		li(&b, T0, 64);
		sd(&b, T0, 0, S0);
		addi(&b, T0, S0, 64);
		sd(&b, T0, 16, S0);
		li(&b, T1, 0x0a6f6c6c6568);     /* "hello\n" */
		sd(&b, T1, 0, T0);
		li(&b, T0, 6);
		sd(&b, T0, 24, S0);
		tell_host(BLOCK);
		await_host();
		tell_host(1);
		jump(&b, here(&b));
		make_elf(BASE);
		CHECK(start(det));
		CHECK_STR(bare_output(&r), "xhello\n");
		bare_end(&r);
	}
}

/* Commands that point nowhere or mean nothing do nothing. */
static void hostile(void)
{
	static const uint64_t words[] = {
		0x1000, 0xfffffffffff0, 0x80ffffc8, 0xff00000000000000, 0x01ff000000000000, 2,
	};

	b.n = 0;
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		tell_host(words[i]);
		await_host();
	}
	tell_host(1);
	jump(&b, here(&b));
	make_elf(BASE);
	CHECK(start(true));
	CHECK_EQ(r.end.kind, SYSTEM_END_POWEROFF);
	bare_end(&r);
}

static void does_not_fit(void)
{
	b.n = 0;
	jump(&b, 0);
	make_elf(0x1000);
	CHECK(!start(true));
	CHECK(strstr(r.err.msg, "outside of memory"));
	CHECK_EQ(r.end.kind, SYSTEM_END_ERROR);
	bare_end(&r);
	make_elf(0x81000000 - 0x1000);
	CHECK(!start(true));
	bare_end(&r);
}

TEST_MAIN(
	{ "the_exit_status_is_the_guests", exits },
	{ "characters_and_write_calls", output },
	{ "hostile_commands_do_nothing", hostile },
	{ "an_elf_outside_of_memory_is_refused", does_not_fit },
)
