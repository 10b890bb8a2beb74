/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure FILE COMMAND...: runs the command and writes to FILE what it used:
 * CPU nanoseconds and peak KiB.  Small itself, since a process counts the
 * memory of the one that it was forked from.
 */
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char **environ;

int main(int argc, char **argv)
{
	struct rusage u;
	FILE *out;
	pid_t pid;
	int status;

	if (argc < 3 || posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ) ||
	    wait4(pid, &status, 0, &u) != pid)
		return 125;
	out = fopen(argv[1], "w");
	if (!out)
		return 125;
	fprintf(out, "%lld %ld\n",
		(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000ll +
		(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000ll, u.ru_maxrss);
	fclose(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
