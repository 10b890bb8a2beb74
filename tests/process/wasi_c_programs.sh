#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs in C, built with clang and wasi-libc, see of the host what they were
# given: arguments, environment, streams, folders, time, exit.
set -u
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
[ -x "${DOPPEL:?}" ] || { echo "no $DOPPEL"; exit 1; }
[ -e /usr/lib/wasm32-wasi/libc.a ] || { echo "there is no wasi-libc"; exit 77; }

cat >"$tmp/p.c" <<'EOF'
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MUST(c) do { if (!(c)) { printf("line %d: %s: %s\n", __LINE__, #c, strerror(errno)); exit(1); } } while (0)
#define FAILS(c, e) do { errno = 0; MUST((c) == -1 && errno == (e)); } while (0)

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void files(void)
{
	char s[64];
	struct stat st;
	FILE *f = fopen("d/file", "w");

	MUST(f && fprintf(f, "one\ntwo\n") == 8 && !fclose(f));
	MUST((f = fopen("d/file", "a")) && fputs("three\n", f) >= 0 && !fclose(f));
	MUST((f = fopen("d/file", "r+")) && !fseek(f, 4, SEEK_SET) && fgets(s, sizeof(s), f));
	MUST(!strcmp(s, "two\n") && ftell(f) == 8 && !fclose(f));
	MUST(!stat("d/file", &st) && st.st_size == 14 && S_ISREG(st.st_mode));
	MUST(!truncate("d/file", 3) && !stat("d/file", &st) && st.st_size == 3);
	MUST(!rename("d/file", "d/new") && !link("d/new", "d/hard"));
	MUST(!stat("d/hard", &st) && st.st_nlink == 2 && !unlink("d/hard"));
	MUST(!symlink("new", "d/soft") && readlink("d/soft", s, sizeof(s)) == 3);
	MUST(!lstat("d/soft", &st) && S_ISLNK(st.st_mode));
	MUST((f = fopen("d/soft", "r")) && fread(s, 1, 9, f) == 3 && !fclose(f));
	FAILS(mkdir("d/new", 0755), EEXIST);
	MUST(!mkdir("d/sub", 0755) && !mkdir("d/sub/sub", 0755));
	FAILS(rmdir("d/sub"), ENOTEMPTY);
	FAILS(unlink("d/sub"), EISDIR);
	FAILS(rmdir("d/new"), ENOTDIR);
	MUST(!rmdir("d/sub/sub") && !rmdir("d/sub") && !unlink("d/soft") && !unlink("d/new"));
	FAILS(open("d/none", O_RDONLY), ENOENT);
	FAILS(open("d", O_RDWR), EISDIR);
}

static void folder(void)
{
	char name[32], *all[1100];
	struct dirent *e;
	unsigned n = 0;
	DIR *d;

	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "d/f%03u", i);
		MUST(!close(open(name, O_CREAT | O_EXCL | O_WRONLY, 0644)));
	}
	MUST(d = opendir("d"));
	while ((e = readdir(d)))
		if (e->d_name[0] == 'f')
			MUST(e->d_type == DT_REG && n < 1100 && (all[n++] = strdup(e->d_name)));
	MUST(!closedir(d) && n == 1000);
	qsort(all, n, sizeof(*all), compare);
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "d/f%03u", i);
		MUST(!strcmp(all[i], name + 2) && !unlink(name));
	}
}

/* "good" is inside; everything else must not be reached. */
static void escape(void)
{
	static const char *const paths[] = {
		"d/../../etc/passwd", "../etc/passwd", "/etc/passwd", "d/abs/passwd", "d/up/x",
		"d/file", "d/./../../../../etc/passwd", "/proc/self/mem", "d/loop",
		"d/good/../../../etc/passwd", "//etc/passwd",
	};

	MUST(!access("d/good", F_OK));
	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		MUST(open(paths[i], O_RDONLY) == -1);
		MUST(open(paths[i], O_WRONLY | O_CREAT, 0644) == -1);
		/* A link out is a name inside, and only that. */
		MUST(rename(paths[i], "d/got") == -1 || !rename("d/got", paths[i]));
		MUST(link(paths[i], "d/got") == -1 || !unlink("d/got"));
	}
}

static void clocks(void)
{
	struct timespec a, b, t = { 0, 30000000 };
	struct pollfd p = { 0, POLLIN, 0 };

	MUST(!clock_gettime(CLOCK_MONOTONIC, &a) && !nanosleep(&t, NULL));
	MUST(!clock_gettime(CLOCK_MONOTONIC, &b));
	MUST((b.tv_sec - a.tv_sec) * 1000000000ll + b.tv_nsec - a.tv_nsec >= 30000000);
	MUST(poll(&p, 1, 20) == 0);
	MUST(time(NULL) > 1577836800);
}

/* What differs from run to run, unless it must not. */
static void print(void)
{
	struct timespec t;
	struct dirent *e;
	struct stat st;
	char s[16];
	DIR *d;

	for (int i = 0; i < 4; i++) {
		snprintf(s, sizeof(s), "d/%c%d", 'a' + i * 7 % 4, i);
		MUST(!close(open(s, O_CREAT | O_WRONLY, 0644)));
	}
	MUST(d = opendir("d"));
	while ((e = readdir(d))) {
		if (!strcmp(e->d_name, ".."))
			continue;
		MUST(!fstatat(dirfd(d), e->d_name, &st, 0));
		printf("%s %lld %lld %ld\n", e->d_name, (long long)st.st_ino,
		       (long long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec);
	}
	MUST(!getentropy(s, sizeof(s)));
	for (int i = 0; i < 16; i++)
		printf("%02x", s[i] & 0xff);
	MUST(!clock_gettime(CLOCK_REALTIME, &t));
	printf(" %lld.%09ld %ld\n", (long long)t.tv_sec, t.tv_nsec, (long)clock());
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int n = 0, c;

	if (!strcmp(what, "args")) {
		for (int i = 2; i < argc; i++)
			printf("[%s]", argv[i]);
		printf(" A=%s B=%s\n", getenv("A") ? getenv("A") : "?", getenv("B") ? "yes" : "no");
	} else if (!strcmp(what, "count")) {
		while ((c = getchar()) != EOF)
			n += c == '\n';
		printf("%d lines, tty %d\n", n, isatty(0));
		fprintf(stderr, "to stderr\n");
	} else if (!strcmp(what, "exit")) {
		return atoi(argv[2]);
	} else if (!strcmp(what, "abort")) {
		abort();
	} else if (!strcmp(what, "files")) {
		files();
	} else if (!strcmp(what, "folder")) {
		folder();
	} else if (!strcmp(what, "escape")) {
		escape();
	} else if (!strcmp(what, "print")) {
		print();
	} else if (!strcmp(what, "clocks")) {
		clocks();
	} else {
		printf("hello\n");
	}
	return 0;
}
EOF
clang --target=wasm32-wasi --sysroot=/usr -O1 -D_WASI_EMULATED_PROCESS_CLOCKS \
	-o "$tmp/p.wasm" "$tmp/p.c" -lwasi-emulated-process-clocks || exit 1

bad=0
is() { # NAME GOT WANT
	if [ "$2" = "$3" ]; then
		echo "ok $1"
	else
		echo "not ok $1: got '$2', not '$3'"
		bad=1
	fi
}
run() { "$DOPPEL" run "$@" 2>&1; echo "exit $?"; }
p=$tmp/p.wasm
mkdir "$tmp/d"
is hello "$(run "$p")" $'hello\nexit 0'
is arguments_and_environment "$(A=other run --env A=1 "$p" args '' 'x y' '*')" $'[][x y][*] A=1 B=no\nexit 0'
is input_from_a_pipe "$(seq 50000 | run "$p" count)" $'50000 lines, tty 0\nto stderr\nexit 0'
seq 1000 >"$tmp/in"
is input_from_a_file "$(run "$p" count <"$tmp/in")" $'1000 lines, tty 0\nto stderr\nexit 0'
is exit_status "$(run "$p" exit 77)" "exit 77"
run "$p" abort >"$tmp/out"
is a_trap_has_a_status "$(tail -n 1 "$tmp/out")" "exit 134"
is files "$(run --dir "$tmp/d:d" "$p" files)" "exit 0"
is files_deterministic "$(run --deterministic --dir "$tmp/d:d" "$p" files)" "exit 0"
is a_folder_of_1000_files "$(run --dir "$tmp/d:d" "$p" folder)" "exit 0"
is nothing_is_left "$(ls "$tmp/d")" ""
is clocks "$(sleep 1 | run "$p" clocks)" "exit 0"
touch "$tmp/d/good" "$tmp/x"
ln -s /etc "$tmp/d/abs"
ln -s .. "$tmp/d/up"
ln -s ../x "$tmp/d/file"
ln -s loop "$tmp/d/loop"
is no_way_out "$(run --dir "$tmp/d:d" "$p" escape)" "exit 0"
is nothing_given_nothing_seen "$(run "$p" files | tail -n 1)" "exit 1"
mkdir "$tmp/r"
is read_only "$(run --dir "$tmp/r:d:ro" "$p" files | grep -c ': Read-only file system$')" 1
for i in 1 2; do
	rm -rf "$tmp/e"
	mkdir "$tmp/e"
	run --deterministic --dir "$tmp/e:d" "$p" print >"$tmp/out$i"
done
is two_deterministic_runs "$(cat "$tmp/out1")" "$(cat "$tmp/out2")"
is they_ran "$(tail -n 1 "$tmp/out1")" "exit 0"
"$DOPPEL" run --trace wasi "$p" args x 2>"$tmp/trace" >/dev/null
is a_trace "$(grep -c 'fd_write(fd=1, iovs="\[x\] A=? B=no\\n"' "$tmp/trace")" 1
exit $bad
