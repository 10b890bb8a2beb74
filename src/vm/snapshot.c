/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshot files; the format is in snapshot.h.  Knows nothing of what the
 * sections mean, and never leaves a half-written file under the target's name.
 */
#include "vm/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/fail.h"

enum { FORMAT = 1, HEADER = 48, KIND = 16 };
static const char magic[8] = { 'D', 'O', 'P', 'P', 'E', 'L', 'S', 'N' };

/* ---- digest: XXH64 ------------------------------------------------------- */

#define P1 0x9E3779B185EBCA87ull
#define P2 0xC2B2AE3D27D4EB4Full
#define P3 0x165667B19E3779F9ull
#define P4 0x85EBCA77C2B2AE63ull
#define P5 0x27D4EB2F165667C5ull

static uint64_t rotl(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static uint64_t round64(uint64_t acc, uint64_t in)
{
	return rotl(acc + in * P2, 31) * P1;
}

static uint64_t merge(uint64_t h, uint64_t v)
{
	return (h ^ round64(0, v)) * P1 + P4;
}

static uint64_t tail(uint64_t h, const uint8_t *p, size_t n)
{
	for (; n >= 8; p += 8, n -= 8)
		h = rotl(h ^ round64(0, ld_le64(p)), 27) * P1 + P4;
	if (n >= 4) {
		h = rotl(h ^ ld_le32(p) * P1, 23) * P2 + P3;
		p += 4;
		n -= 4;
	}
	for (; n; p++, n--)
		h = rotl(h ^ *p * P5, 11) * P1;
	h = (h ^ h >> 33) * P2;
	h = (h ^ h >> 29) * P3;
	return h ^ h >> 32;
}

uint64_t snapshot_digest(const void *buf, size_t n)
{
	const uint8_t *p = buf;
	uint64_t v[4] = { P1 + P2, P2, 0, -P1 };
	uint64_t h = P5;
	size_t left = n;

	if (left >= 32) {
		for (; left >= 32; p += 32, left -= 32)
			for (unsigned i = 0; i < 4; i++)
				v[i] = round64(v[i], ld_le64(p + 8 * i));
		h = rotl(v[0], 1) + rotl(v[1], 7) + rotl(v[2], 12) + rotl(v[3], 18);
		for (unsigned i = 0; i < 4; i++)
			h = merge(h, v[i]);
	}
	return tail(h + n, p, left);
}

/* ---- writing ----------------------------------------------------------------- */

static int write_all(int fd, const char *path, const void *buf, size_t n, struct err *e)
{
	const uint8_t *p = buf;

	while (n) {
		ssize_t w = fail_now(FAIL_IO) ? (errno = EIO, -1)
			: write(fd, p, MIN(n, (size_t)1 << 30));

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_sys(e, "%s: write", path);
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static int write_file(int fd, const char *path, const char *kind, const struct ser_writer *w,
		      struct err *e)
{
	uint8_t h[HEADER] = { 0 };
	int r;

	memcpy(h, magic, sizeof(magic));
	st_le32(h + 8, FORMAT);
	strncpy((char *)h + 16, kind, KIND - 1);
	st_le64(h + 32, w->len);
	st_le64(h + 40, snapshot_digest(w->buf, w->len));
	r = write_all(fd, path, h, sizeof(h), e);
	if (!r)
		r = write_all(fd, path, w->buf, w->len, e);
	if (!r && fsync(fd))
		r = err_sys(e, "%s: fsync", path);
	return r;
}

int snapshot_write(const char *path, const char *kind, const struct ser_writer *w,
		   struct err *e)
{
	base_auto char *tmp = base_printf("%s.%d.part", path, (int)getpid());
	int fd, r;

	if (w->failed || !tmp)
		return err_set(e, ENOMEM, "%s: out of memory", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, "%s", path);
	r = write_file(fd, path, kind, w, e);
	close(fd);
	if (!r && rename(tmp, path))
		r = err_sys(e, "%s: rename", path);
	if (r)
		unlink(tmp);
	return r;
}

/* ---- reading ------------------------------------------------------------------- */

static int read_all(int fd, const char *path, uint8_t *p, size_t n, off_t off, struct err *e)
{
	while (n) {
		ssize_t r = fail_now(FAIL_IO) ? (errno = EIO, -1)
			: pread(fd, p, MIN(n, (size_t)1 << 30), off);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_sys(e, "%s: read", path);
		if (!r)
			return err_set(e, EINVAL, "%s: offset %lld: truncated snapshot", path,
				       (long long)off);
		p += r;
		off += r;
		n -= (size_t)r;
	}
	return 0;
}

static int check_header(const char *path, const char *kind, const uint8_t *h, uint64_t size,
			struct err *e)
{
	char padded[KIND] = { 0 };

	strncpy(padded, kind, KIND - 1);
	if (memcmp(h, magic, sizeof(magic)))
		return err_set(e, EINVAL, "%s: offset 0: not a Doppel snapshot", path);
	if (ld_le32(h + 8) != FORMAT)
		return err_set(e, EINVAL, "%s: offset 8: snapshot format %u, this program reads %d",
			       path, ld_le32(h + 8), FORMAT);
	if (memcmp(h + 16, padded, KIND))
		return err_set(e, EINVAL, "%s: offset 16: not a snapshot of a %s machine", path, kind);
	if (ld_le64(h + 32) != size - HEADER)
		return err_set(e, EINVAL, "%s: offset 32: %" PRIu64 " bytes announced, %" PRIu64
			       " there", path, ld_le64(h + 32), size - HEADER);
	return 0;
}

int snapshot_read(const char *path, const char *kind, uint8_t **buf, size_t *len,
		  struct err *e)
{
	base_autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	base_auto uint8_t *p = NULL;
	uint8_t h[HEADER];
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return err_sys(e, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_size < HEADER)
		return err_set(e, EINVAL, "%s: not a Doppel snapshot", path);
	r = read_all(fd, path, h, HEADER, 0, e);
	if (!r)
		r = check_header(path, kind, h, (uint64_t)st.st_size, e);
	if (r)
		return r;
	*len = (size_t)(st.st_size - HEADER);
	p = base_alloc(*len ? *len : 1);
	if (!p)
		return err_set(e, ENOMEM, "%s: out of memory", path);
	r = read_all(fd, path, p, *len, HEADER, e);
	if (!r && snapshot_digest(p, *len) != ld_le64(h + 40))
		r = err_set(e, EINVAL, "%s: offset 40: the digest does not match: damaged", path);
	if (!r)
		*buf = base_steal(&p);
	return r;
}
