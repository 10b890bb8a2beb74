/* SPDX-License-Identifier: Apache-2.0 */
/* What programs for Unix call and WASI has not: included before all of theirs.
 * There are no users, and nobody to hide files from. */
#ifndef UNIX_H
#define UNIX_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int chown(const char *path, uid_t uid, gid_t gid)
{
	return (void)path, (void)uid, (void)gid, 0;
}
static inline int fchown(int fd, uid_t uid, gid_t gid)
{
	return (void)fd, (void)uid, (void)gid, 0;
}
static inline int chmod(const char *path, mode_t mode)
{
	return (void)path, (void)mode, 0;
}
static inline int fchmod(int fd, mode_t mode)
{
	return (void)fd, (void)mode, 0;
}
static inline mode_t umask(mode_t mode)
{
	return mode;
}
static inline uid_t geteuid(void)
{
	return 0;
}
static inline int no_system(const char *command)
{
	return command ? (errno = ENOSYS, -1) : 0;
}
/* fcntl() refuses them. */
#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
#define F_GETLK 5
#define F_SETLK 6
#define system no_system
#define tmpfile() (errno = ENOSYS, (FILE *)NULL)
#define tmpnam(name) ((void)(name), (char *)NULL)
#define L_tmpnam 20

#endif
