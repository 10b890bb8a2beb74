/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random operations of ours on images made by qemu-img; then qemu-img check
 * must be clean and qemu-img compare must find the shadow.  And the other
 * way round: images that QEMU wrote, read by us.
 */
#include "tests/image/qcow2_lib.h"

static uint32_t refcount_table_clusters; /* of the last random image */

static void note_header(const char *path)
{
	uint8_t head[64];
	FILE *f = fopen(path, "r");

	CHECK(f && fread(head, 1, sizeof(head), f) == sizeof(head));
	refcount_table_clusters = ld_be32(head + 56);
	fclose(f);
}

static void random_image(const char *options, const char *backing, uint64_t size,
			 unsigned ops, uint64_t seed)
{
	struct rng r = { seed * 0x9e3779b97f4a7c15ull + 1 };
	struct shadow s;
	uint64_t off, len;
	struct blk *b;

	shadow_init(&s, size);
	if (backing) {
		RUN("qemu-img convert -O raw %s base.raw", backing);
		shadow_load(&s, "base.raw");
		RUN("qemu-img create -f qcow2 -o %s -b %s -F %s r.qcow2 %" PRIu64, options, backing,
		    strstr(backing, "qcow2") ? "qcow2" : "raw", size);
	} else {
		RUN("qemu-img create -f qcow2 -o %s r.qcow2 %" PRIu64, options, size);
	}
	b = open_disk("r.qcow2", false);
	for (unsigned i = 0; i < ops; i++) {
		CHECK_EQ(random_op(&r, b, &s, &off, &len), 0);
		if (rnd(&r) % 100 == 0) {
			b->ops->destroy(b);
			b = open_disk("r.qcow2", false);
		}
	}
	shadow_compare(&s, b);
	b->ops->destroy(b);
	check_image("r.qcow2", false);
	shadow_save(&s, "shadow.raw");
	RUN("qemu-img compare -f qcow2 -F raw r.qcow2 shadow.raw");
	shadow_fini(&s);
	note_header("r.qcow2");
	unlink("r.qcow2");
}

static void random_every_geometry(void)
{
	static const char *const cluster[] = { "512", "4096", "65536", "2097152" };
	static const char *const bits[] = { "1", "2", "4", "8", "16", "32", "64" };
	char options[128];

	need_tools();
	for (unsigned c = 0; c < 4; c++) {
		for (unsigned i = 0; i < 7; i++) {
			if (effort() == 1 && (c + i) & 1)
				continue;
			snprintf(options, sizeof(options), "cluster_size=%s,refcount_bits=%s",
				 cluster[c], bits[i]);
			random_image(options, NULL, c == 3 ? 24 << 20 : 3 << 20, 120, c * 7 + i);
		}
		snprintf(options, sizeof(options), "compat=0.10,cluster_size=%s", cluster[c]);
		random_image(options, NULL, c == 3 ? 24 << 20 : 3 << 20, 120, 100 + c);
	}
}

/* Small clusters and a larger disk: the refcount table has to grow. */
static void refcount_table_grows(void)
{
	need_tools();
	random_image("cluster_size=512,refcount_bits=64", NULL, 16 << 20, 300, 7);
	CHECK(refcount_table_clusters > 1);
	random_image("cluster_size=512,refcount_bits=16", NULL, 48 << 20, 60, 8);
	CHECK(refcount_table_clusters > 1);
}

static void make_bases(void)
{
	struct rng r = { 77 };
	struct shadow s;

	shadow_init(&s, (2 << 20) + 512 * 5);
	fill(&r, s.data, s.size / 2);
	shadow_save(&s, "base1.img");
	shadow_fini(&s);
	RUN("qemu-img convert -f raw -O qcow2 -c base1.img base-zlib.qcow2");
	RUN("qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd base1.img base-zstd.qcow2");
	RUN("qemu-img create -f qcow2 -o cluster_size=4096 -b base-zlib.qcow2 -F qcow2 "
	    "base-mid.qcow2 3M");
	RUN("qemu-io -f qcow2 -c 'write -P 7 300k 200k' -c 'write -z 10k 90k' "
	    "-c 'write -P 9 2500k 10k' base-mid.qcow2");
}

static void overlays_over_backing_files(void)
{
	static const char *const bases[] = { "base1.img", "base-zlib.qcow2", "base-zstd.qcow2",
					     "base-mid.qcow2" };

	need_tools();
	make_bases();
	for (unsigned i = 0; i < 4u * (unsigned)effort(); i++) {
		const char *base = bases[i % 4];

		random_image("cluster_size=65536", base, 4 << 20, 150, 200 + i);
		random_image("cluster_size=512", base, 4 << 20, 100, 300 + i);
		random_image("compat=0.10,cluster_size=4096", base, 4 << 20, 150, 400 + i);
		random_image("cluster_size=2097152", base, (4 << 20) + 512, 60, 500 + i);
	}
}

/* An image that has compressed clusters itself, written over by us. */
static void compressed_clusters_written_over(void)
{
	static const char *const type[] = { "zlib", "zstd" };

	need_tools();
	make_bases();
	for (unsigned i = 0; i < 2; i++) {
		struct rng r = { 5 + i };
		struct shadow s;
		uint64_t off, len;
		struct blk *b;

		shadow_init(&s, (2 << 20) + 512 * 5);
		shadow_load(&s, "base1.img");
		/* compressible, so that several share a cluster */
		memset(s.data + (1 << 19), 0x5a, 1 << 19);
		shadow_save(&s, "c.raw");
		RUN("qemu-img convert -f raw -O qcow2 -c -o cluster_size=16384,compression_type=%s "
		    "c.raw c.qcow2", type[i]);
		b = open_disk("c.qcow2", false);
		shadow_compare(&s, b);
		for (unsigned k = 0; k < 150; k++)
			CHECK_EQ(random_op(&r, b, &s, &off, &len), 0);
		shadow_compare(&s, b);
		b->ops->destroy(b);
		check_image("c.qcow2", false);
		shadow_save(&s, "shadow.raw");
		RUN("qemu-img compare -f qcow2 -F raw c.qcow2 shadow.raw");
		shadow_fini(&s);
	}
}

/* Random writes by qemu-io, read by us. */
static void read_what_qemu_wrote(void)
{
	static const char *const options[] = { "compat=1.1", "compat=0.10",
		"cluster_size=512,refcount_bits=1", "cluster_size=2M", "preallocation=metadata",
		"preallocation=falloc,cluster_size=4k" };
	struct rng r = { 99 };

	need_tools();
	for (unsigned i = 0; i < ARRAY_LEN(options); i++) {
		char cmd[1500];
		struct shadow s;
		struct blk *b;
		int n = 0;

		for (int k = 0; k < 20; k++)
			n += snprintf(cmd + n, sizeof(cmd) - (size_t)n,
				      " -c 'write %s %" PRIu64 "k %" PRIu64 "k'",
				      k % 5 == 4 ? "-z" : k % 2 ? "-P 17" : "-P 34",
				      rnd(&r) % 6000, rnd(&r) % 300 + 1);
		RUN("qemu-img create -f qcow2 -o %s w.qcow2 8M", options[i]);
		RUN("qemu-io -f qcow2 %s w.qcow2", cmd);
		RUN("qemu-img convert -f qcow2 -O raw w.qcow2 w.raw");
		shadow_init(&s, 8 << 20);
		shadow_load(&s, "w.raw");
		b = open_disk("w.qcow2", true);
		shadow_compare(&s, b);
		CHECK_EQ(disk_write(b, s.buf, 512, 0), -EROFS);
		b->ops->destroy(b);
		b = open_disk("w.qcow2", false);
		shadow_compare(&s, b);
		b->ops->destroy(b);
		check_image("w.qcow2", false);
		shadow_fini(&s);
	}
}

/* What a snapshot holds stays as it was while we write. */
static void internal_snapshots_survive_writes(void)
{
	struct rng r = { 1234 };
	struct shadow s, old;
	uint64_t off, len;
	struct blk *b;

	need_tools();
	shadow_init(&s, 6 << 20);
	RUN("qemu-img create -f qcow2 -o cluster_size=4096 s.qcow2 6M");
	for (int round = 0; round < 3; round++) {
		b = open_disk("s.qcow2", false);
		for (int i = 0; i < 60; i++)
			CHECK_EQ(random_op(&r, b, &s, &off, &len), 0);
		b->ops->destroy(b);
		check_image("s.qcow2", false);
		shadow_save(&s, round == 0 ? "old.raw" : "shadow.raw");
		if (round < 2)
			RUN("qemu-img snapshot -c s%d s.qcow2", round);
	}
	RUN("qemu-img compare -f qcow2 -F raw s.qcow2 shadow.raw");
	RUN("qemu-img snapshot -a s0 s.qcow2");
	check_image("s.qcow2", false);
	RUN("qemu-img compare -f qcow2 -F raw s.qcow2 old.raw");
	RUN("qemu-img snapshot -d s1 s.qcow2");
	shadow_init(&old, 6 << 20);
	shadow_load(&old, "old.raw");
	b = open_disk("s.qcow2", false);
	for (int i = 0; i < 60; i++)
		CHECK_EQ(random_op(&r, b, &old, &off, &len), 0);
	shadow_compare(&old, b);
	b->ops->destroy(b);
	check_image("s.qcow2", false);
	shadow_fini(&old);
	shadow_fini(&s);
}

/* Lazy counts and a crash: QEMU leaves the dirty bit, we repair. */
static void dirty_image_is_repaired(void)
{
	static const char *const cluster[] = { "65536", "512" };
	struct shadow s;
	struct blk *b;

	need_tools();
	for (unsigned i = 0; i < 2; i++) {
		RUN("qemu-img create -f qcow2 -o lazy_refcounts=on,cluster_size=%s d.qcow2 4M",
		    cluster[i]);
		run("qemu-io -f qcow2 -c 'write -P 5 0 1M' -c 'write -P 6 2M 1500k' -c flush "
		    "-c abort d.qcow2");
		shadow_init(&s, 4 << 20);
		memset(s.data, 5, 1 << 20);
		memset(s.data + (2 << 20), 6, 1500 << 10);
		CHECK(run("qemu-img check -f qcow2 d.qcow2") != 0);
		b = open_disk("d.qcow2", true);
		shadow_compare(&s, b);
		b->ops->destroy(b);
		b = open_disk("d.qcow2", false);
		shadow_compare(&s, b);
		b->ops->destroy(b);
		check_image("d.qcow2", false);
		shadow_fini(&s);
	}
}

/* Images and overlays that we create are QEMU's too. */
static void created_images_are_valid(void)
{
	struct err e = { 0 };
	struct blk *b;

	need_tools();
	make_bases();
	unlink("n.qcow2");
	CHECK_EQ(qcow2_create("n.qcow2", 5ull << 40, NULL, &e), 0);
	check_image("n.qcow2", false);
	CHECK_EQ(qcow2_create("n.qcow2", 1 << 20, NULL, &e), -EEXIST);
	CHECK_EQ(mkdir("sub", 0755) < 0 && errno != EEXIST, 0);
	unlink("sub/o.qcow2");
	CHECK_EQ(qcow2_create("sub/o.qcow2", 0, "../base-mid.qcow2", &e), 0);
	check_image("sub/o.qcow2", false);
	RUN("qemu-img compare -f qcow2 -F qcow2 sub/o.qcow2 base-mid.qcow2");
	b = open_disk("sub/o.qcow2", false);
	CHECK_EQ(b->size, 3 << 20);
	CHECK_EQ(disk_write(b, "x", 0, 0), 0);
	b->ops->destroy(b);
	CHECK(qcow2_create("x.qcow2", 0, "missing.img", &e) < 0);
	CHECK_STR(e.msg, "x.qcow2: backing file: missing.img: No such file or directory");
	CHECK(access("x.qcow2", F_OK) < 0);
}

TEST_MAIN({ "random_operations_in_every_geometry", random_every_geometry },
	  { "the_refcount_table_grows", refcount_table_grows },
	  { "overlays_over_backing_files", overlays_over_backing_files },
	  { "compressed_clusters_written_over", compressed_clusters_written_over },
	  { "we_read_what_qemu_wrote", read_what_qemu_wrote },
	  { "internal_snapshots_survive_writes", internal_snapshots_survive_writes },
	  { "a_dirty_image_is_repaired", dirty_image_is_repaired },
	  { "created_images_are_valid", created_images_are_valid })
