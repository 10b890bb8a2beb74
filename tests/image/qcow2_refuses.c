/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is not read, or not trusted: foreign features, backing files that
 * loop, tables that overlap or leave the file, raw disks that a guest wants
 * to turn into images.  Each gets one line that names the file and why.
 */
#include "tests/image/qcow2_lib.h"

static void refused(const char *path, bool readonly, const char *want)
{
	struct err e = { 0 };
	struct blk *b = disk_open(path, NULL, readonly, &e);

	if (b)
		TEST_FAIL("%s was opened; expected: %s", path, want);
	if (!strstr(e.msg, want))
		TEST_FAIL("'%.300s' does not say '%s'", e.msg, want);
	CHECK(!strncmp(e.msg, path, strlen(path)));
	CHECK(!strchr(e.msg, '\n'));
}

static void opens(const char *path)
{
	struct blk *b = open_disk(path, true);

	b->ops->destroy(b);
}

static void poke(const char *path, off_t at, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY);

	CHECK(fd >= 0 && pwrite(fd, p, n, at) == (ssize_t)n);
	close(fd);
}

static void poke32(const char *path, off_t at, uint32_t v)
{
	uint8_t b[4];

	st_be32(b, v);
	poke(path, at, b, 4);
}

static void poke64(const char *path, off_t at, uint64_t v)
{
	uint8_t b[8];

	st_be64(b, v);
	poke(path, at, b, 8);
}

static uint64_t peek64(const char *path, off_t at)
{
	uint8_t b[8];
	int fd = open(path, O_RDONLY);

	CHECK(fd >= 0 && pread(fd, b, 8, at) == 8);
	close(fd);
	return ld_be64(b);
}

/* A fresh image of ours with 256 KiB of data, 64 KiB clusters. */
static void fresh(const char *path)
{
	uint8_t *buf = calloc(1, 256 << 10);
	struct err e;
	struct blk *b;

	scratch_enter();
	unlink(path);
	CHECK_EQ(qcow2_create(path, 4 << 20, NULL, &e), 0);
	b = open_disk(path, false);
	memset(buf, 0x11, 256 << 10);
	CHECK_EQ(disk_write(b, buf, 256 << 10, 0), 0);
	b->ops->destroy(b);
	free(buf);
}

static void foreign_features(void)
{
	need_tools();
	RUN("qemu-img create -f qcow2 -o extended_l2=on,cluster_size=128k f.qcow2 1M");
	refused("f.qcow2", true, "extended L2 entries");
	RUN("qemu-img create -f qcow2 -o data_file=f.data f.qcow2 1M");
	refused("f.qcow2", true, "external file");
	RUN("qemu-img create -f qcow2 f.qcow2 1M");
	poke64("f.qcow2", 72, 1ull << 40);
	refused("f.qcow2", true, "feature 'unknown' (incompatible bit 40)");
	RUN("qemu-img create -f qcow2 f.qcow2 1M");
	poke64("f.qcow2", 72, 2);
	refused("f.qcow2", false, "marked corrupt");
	opens("f.qcow2");
}

static void unknown_feature_by_its_name(void)
{
	uint8_t table[64] = { 0x68, 0x03, 0xf8, 0x57, 0, 0, 0, 48, 0, 41, 'w', 'a', 'r', 'p', 1 };

	fresh("n.qcow2");
	poke("n.qcow2", 112, table, sizeof(table));
	poke64("n.qcow2", 72, 1ull << 41);
	refused("n.qcow2", true, "feature 'warp?' (incompatible bit 41)");
}

static void header_fields_out_of_range(void)
{
	static const struct {
		off_t at;
		unsigned width;
		uint64_t val;
		const char *want;
	} bad[] = {
		{ 4, 4, 4, "version 4" },
		{ 20, 4, 8, "clusters of 2^8" },
		{ 20, 4, 22, "clusters of 2^22" },
		{ 20, 4, 0xffffffff, "clusters of 2^" },
		{ 24, 8, UINT64_MAX, "disk of" },
		{ 24, 8, 1ull << 40, "too short for a disk" },
		{ 32, 4, 1, "encrypted" },
		{ 36, 4, 0xffffffff, "L1 table of 4294967295 entries" },
		{ 36, 4, 1 << 20, "outside the file" },
		{ 40, 8, 1ull << 60, "L1 table at offset" },
		{ 40, 8, 0x30001, "not at a cluster" },
		{ 40, 8, UINT64_MAX & ~0xffffull, "outside the file" },
		{ 48, 8, 1ull << 40, "refcount table at offset" },
		{ 56, 4, 0, "refcount table of 0 bytes" },
		{ 56, 4, 0xffffffff, "refcount table of" },
		{ 60, 4, 0xffffffff, "snapshots" },
		{ 60, 4, 1, "snapshot table" },
		{ 96, 4, 7, "reference counts of 2^7" },
		{ 100, 4, 96, "header of 96 bytes" },
		{ 100, 4, 0xfffffff8, "header of" },
		{ 104, 1, 1, "compression type" },
		{ 116, 4, 0xfffffff0, "header extension" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint8_t b[8];

		fresh("h.qcow2");
		st_be64(b, bad[i].val << (64 - 8 * bad[i].width));
		poke("h.qcow2", bad[i].at, b, bad[i].width);
		if (bad[i].at == 116)
			poke32("h.qcow2", 112, 0x12345678);
		refused("h.qcow2", false, bad[i].want);
		if (i > 0 && bad[i].at != 56)
			refused("h.qcow2", true, bad[i].want);
	}
	fresh("h.qcow2");
	CHECK(truncate("h.qcow2", 60) == 0);
	refused("h.qcow2", true, "truncated header");
	fresh("h.qcow2");
	CHECK(truncate("h.qcow2", 100) == 0);
	refused("h.qcow2", true, "truncated header");
	fresh("h.qcow2");
	poke64("h.qcow2", 8, 200);
	poke32("h.qcow2", 16, 1024);
	refused("h.qcow2", true, "backing file name of 1024 bytes");
	poke32("h.qcow2", 16, 1000);
	refused("h.qcow2", true, "backing file name is not a string");
	poke64("h.qcow2", 8, UINT64_MAX - 100);
	refused("h.qcow2", true, "backing file name of");
}

/* Tables that overlap would let a guest's data become metadata. */
static void overlapping_tables(void)
{
	uint64_t l2;

	fresh("o.qcow2");
	l2 = peek64("o.qcow2", 0x30000) & 0xffffffffff00;
	poke64("o.qcow2", 0x30000, 0x30000 | 1ull << 63);
	refused("o.qcow2", false, "overlaps another table");
	poke64("o.qcow2", 0x30000, 0x10000 | 1ull << 63);
	refused("o.qcow2", false, "overlaps another table");
	poke64("o.qcow2", 0x30000, l2 | 1ull << 63 | 2);
	refused("o.qcow2", false, "reserved bits");
	fresh("o.qcow2");
	poke64("o.qcow2", 0x10008, 0x20000);
	refused("o.qcow2", false, "overlaps another table");
	poke64("o.qcow2", 0x10008, 1ull << 50);
	refused("o.qcow2", false, "outside the file");
}

/* The guest maps a data cluster onto the header, or counts a table as free:
 * writes fail, the header stays. */
static void data_over_metadata(void)
{
	uint64_t l2, magic;
	uint8_t buf[512] = { 0 };
	struct blk *b;

	fresh("d.qcow2");
	l2 = peek64("d.qcow2", 0x30000) & 0xffffffffff00;
	magic = peek64("d.qcow2", 0);
	poke64("d.qcow2", (off_t)l2, 1ull << 63); /* no offset: unallocated */
	poke64("d.qcow2", (off_t)l2 + 8, 0x10000 | 1ull << 63);
	poke64("d.qcow2", (off_t)l2 + 16, 1ull << 63 | 1ull << 45);
	poke64("d.qcow2", (off_t)l2 + 24, 1ull << 63 | 0x20200);
	b = open_disk("d.qcow2", false);
	CHECK_EQ(disk_write(b, buf, 512, 65536), -EIO);
	b->ops->destroy(b);
	b = open_disk("d.qcow2", true);
	CHECK_EQ(disk_read(b, buf, 512, 2 * 65536), -EIO);
	CHECK_EQ(disk_read(b, buf, 512, 3 * 65536), -EIO);
	CHECK_EQ(disk_read(b, buf, 512, 0), 0);
	b->ops->destroy(b);
	fresh("d.qcow2");
	memset(buf, 0, 16);
	poke("d.qcow2", 0x20000, buf, 16); /* counts of the first clusters */
	b = open_disk("d.qcow2", false);
	CHECK_EQ(disk_write(b, buf, 512, 1 << 20), -EIO);
	b->ops->destroy(b);
	CHECK_EQ(peek64("d.qcow2", 0), magic);
}

static void backing_files(void)
{
	char name[32];
	struct err e;

	need_tools();
	fresh("b0.qcow2");
	for (int i = 1; i <= 34; i++) {
		snprintf(name, sizeof(name), "b%d.qcow2", i);
		unlink(name);
		RUN("qemu-img create -u -f qcow2 -b b%d.qcow2 -F qcow2 b%d.qcow2 4M", i - 1, i);
	}
	refused("b34.qcow2", true, "more than 32 backing files");
	opens("b31.qcow2");
	RUN("qemu-img create -u -f qcow2 -b l2.qcow2 -F qcow2 l1.qcow2 4M");
	RUN("qemu-img create -u -f qcow2 -b l1.qcow2 -F qcow2 l2.qcow2 4M");
	refused("l1.qcow2", false,
		"l1.qcow2: backing file: l1.qcow2: the backing files form a loop");
	RUN("qemu-img create -u -f qcow2 -b ./l3.qcow2 -F qcow2 l3.qcow2 4M");
	refused("l3.qcow2", false, "form a loop");
	RUN("qemu-img create -u -f qcow2 -b nbd:localhost:1 -F raw l3.qcow2 4M");
	refused("l3.qcow2", true, "'nbd:localhost:1' is not a plain file name");
	RUN("qemu-img create -u -f qcow2 -b nothere -F raw l3.qcow2 4M");
	refused("l3.qcow2", true, "nothere: No such file");
	RUN("qemu-img create -u -f qcow2 -b b0.qcow2 -F vmdk l3.qcow2 4M");
	refused("l3.qcow2", true, "unknown disk format 'vmdk'");
	CHECK(!disk_open("b0.qcow2", "vdi", true, &e));
	CHECK_STR(e.msg, "b0.qcow2: unknown disk format 'vdi'; known are raw and qcow2");
}

/* A guest writes a header with a backing file of its choice to its raw disk. */
static void raw_disk_stays_raw(void)
{
	uint8_t image[4096] = { 'Q', 'F', 'I', 0xfb, 0, 0, 0, 3 }, back[4096];
	struct err e;
	struct blk *b;
	int fd;

	scratch_enter();
	fd = open("raw.img", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(ftruncate(fd, 1 << 20) == 0);
	close(fd);
	b = open_disk("raw.img", false);
	CHECK_EQ(disk_write(b, image, 4096, 0), -EPERM);
	CHECK_EQ(disk_write(b, image, 512, 0), -EPERM);
	CHECK_EQ(disk_write(b, image, 4096, 512), 0);
	image[0] = 'x';
	CHECK_EQ(disk_write(b, image, 4096, 0), 0);
	CHECK_EQ(disk_read(b, back, 4096, 0), 0);
	CHECK(!memcmp(back, image, 4096));
	CHECK_EQ(b->ops->flush(b), 0);
	CHECK_EQ(b->ops->discard(b, 0, 4096), 0);
	CHECK_EQ(b->ops->write_zeroes(b, 0, 4096, true), 0);
	b->ops->destroy(b);
	image[0] = 'Q';
	b = disk_open("raw.img", "raw", false, &e);
	CHECK(b);
	CHECK_EQ(disk_write(b, image, 4096, 0), 0); /* the user has said so */
	b->ops->destroy(b);
}

static void one_writer(void)
{
	struct blk *b;

	fresh("w.qcow2");
	b = open_disk("w.qcow2", false);
	refused("w.qcow2", false, "in use by another process");
	refused("w.qcow2", true, "in use by another process");
	b->ops->destroy(b);
}

TEST_MAIN({ "foreign_features", foreign_features },
	  { "an_unknown_feature_by_its_name", unknown_feature_by_its_name },
	  { "header_fields_out_of_range", header_fields_out_of_range },
	  { "overlapping_tables", overlapping_tables },
	  { "data_over_metadata", data_over_metadata },
	  { "backing_files", backing_files },
	  { "a_raw_disk_stays_raw", raw_disk_stays_raw },
	  { "one_writer", one_writer })
