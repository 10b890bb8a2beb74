/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New qcow2 images.  Clusters: 0 header, 1 refcount table, 2 refcount block,
 * 3 and on the L1 table.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "image/qcow2_int.h"

enum {
	CREATE_BITS = 16, CREATE_CLUSTER = 1 << CREATE_BITS, CREATE_HEADER = 112,
	CREATE_RT = 1, CREATE_BLOCK = 2, CREATE_L1 = 3,
};

static void put_header(uint8_t *b, uint64_t size, uint32_t l1_n, const char *backing,
		       const char *format)
{
	uint8_t *ext = b + CREATE_HEADER;
	size_t n = backing ? strlen(backing) : 0;

	st_be32(b, QCOW2_MAGIC);
	st_be32(b + 4, 3);
	st_be32(b + 20, CREATE_BITS);
	st_be64(b + 24, size);
	st_be32(b + 36, l1_n);
	st_be64(b + 40, (uint64_t)CREATE_L1 << CREATE_BITS);
	st_be64(b + 48, (uint64_t)CREATE_RT << CREATE_BITS);
	st_be32(b + 56, 1);
	st_be32(b + 96, 4);
	st_be32(b + 100, CREATE_HEADER);
	if (!backing)
		return;
	st_be32(ext, 0xe2792acau); /* backing format */
	st_be32(ext + 4, (uint32_t)strlen(format));
	memcpy(ext + 8, format, strlen(format));
	ext += 8 + align_up(strlen(format), 8) + 8; /* and the end marker */
	memcpy(ext, backing, n);
	st_be64(b + 8, (uint64_t)(ext - b));
	st_be32(b + 16, (uint32_t)n);
}

/* Everything but the header first: a torn image is not an image. */
static int write_image(int fd, uint64_t size, uint32_t l1_n, const char *backing,
		       const char *format)
{
	uint64_t clusters = CREATE_L1 + (((uint64_t)l1_n * 8 + CREATE_CLUSTER - 1) >> CREATE_BITS);
	base_auto uint8_t *b = base_zalloc(CREATE_CLUSTER);
	uint8_t entry[8];

	if (!b)
		return -ENOMEM;
	for (uint64_t c = 0; c < clusters; c++)
		st_be16(b + c * 2, 1);
	st_be64(entry, (uint64_t)CREATE_BLOCK << CREATE_BITS);
	errno = ENOSPC;
	if (ftruncate(fd, (off_t)(clusters << CREATE_BITS)) < 0 ||
	    pwrite(fd, b, CREATE_CLUSTER, CREATE_BLOCK << CREATE_BITS) != CREATE_CLUSTER ||
	    pwrite(fd, entry, 8, CREATE_RT << CREATE_BITS) != 8 || fdatasync(fd) < 0)
		return -errno;
	memset(b, 0, CREATE_CLUSTER);
	put_header(b, size, l1_n, backing, format);
	if (pwrite(fd, b, CREATE_CLUSTER, 0) != CREATE_CLUSTER || fsync(fd) < 0)
		return -errno;
	return 0;
}

/* Opens the backing file to see that it is there, how large and of what kind. */
static int look_at_backing(const char *path, const char *backing, uint64_t *size,
			   const char **format, struct err *e)
{
	base_auto char *full = disk__backing_path(path, backing, e);
	struct disk_chain none = { 0 };
	struct blk *b;

	if (!full)
		return -EINVAL;
	if (strlen(backing) > QCOW2_BACKING_NAME_MAX)
		return err_set(e, ENAMETOOLONG, "the backing file's name is too long");
	*format = disk__probe(full, e);
	if (!*format)
		return -EINVAL;
	b = disk__open_backing(full, *format, &none, e);
	if (!b)
		return -EINVAL;
	if (!*size)
		*size = b->size;
	b->ops->destroy(b);
	return 0;
}

int qcow2_create(const char *path, uint64_t size, const char *backing, struct err *e)
{
	const uint64_t per_l1 = 1ull << (CREATE_BITS + CREATE_BITS - 3);
	const char *format = NULL;
	uint64_t l1_n;
	int r, fd;

	if (backing && (r = look_at_backing(path, backing, &size, &format, e)) < 0)
		return err_wrap(e, "%s: backing file", path);
	/* The refcount block at cluster 2 counts the whole of an L1 table of
	 * this size with room to spare. */
	l1_n = (size + per_l1 - 1) / per_l1;
	if (size % 512 || l1_n > QCOW2_L1_BYTES_MAX / 8)
		return err_set(e, EINVAL, "%s: size %llu is not a multiple of 512 or too large",
			       path, (unsigned long long)size);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(e, "%s", path);
	r = write_image(fd, size, MAX((uint32_t)l1_n, 1u), backing, format);
	close(fd);
	if (r < 0) {
		unlink(path);
		return err_set(e, -r, "%s: %s", path, strerror(-r));
	}
	return 0;
}
