/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root folder of `doppel run linux`: busybox under all its names, a few
 * kernel modules, and the scripts that bring the guest up.  What a run adds
 * (etc/fstab, files of etc/doppel) is written by the command line into the run's
 * private copy; etc/doppel/exit is where a command's exit status comes back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "image/debian_internal.h"

/* Modules that a guest of ours can want and that the kernel has not built in;
 * what they need comes with them. */
static const char *const modules[] = {
	"virtio_net", "virtio_blk", "virtio_rng", "virtio_mmio", "virtio_balloon",
	"ext4", "crc32c_generic", "libcrc32c", "vfat", "nls_cp437", "nls_ascii",
	"nls_iso8859_1", "nls_utf8", "isofs", "squashfs", "overlay", "loop",
	"tun", "veth", "dm_mod", "nbd", "9p",
	"9pnet_virtio", "zram", "af_packet", NULL,
};

static const struct {
	const char *path;
	unsigned mode;
	const char *text;
} files[] = {
	{ "etc/passwd", 0644, "root::0:0:root:/root:/bin/sh\n"
			      "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n" },
	{ "etc/group", 0644, "root:x:0:\ntty:x:5:\ndisk:x:6:\nnogroup:x:65534:\n" },
	{ "etc/hostname", 0644, "doppel\n" },
	{ "etc/hosts", 0644, "127.0.0.1 localhost doppel\n::1 localhost\n" },
	{ "etc/nsswitch.conf", 0644, "hosts: files dns\n" },
	{ "etc/shells", 0644, "/bin/sh\n" },
	{ "etc/resolv.conf", 0644, "" },
	{ "etc/fstab", 0644, "" },
	{ "etc/inittab", 0644,
	  "::sysinit:/etc/doppel/start\n"
	  "::once:/etc/doppel/session\n"
	  "::ctrlaltdel:/sbin/reboot\n"
	  "::shutdown:/bin/umount -a -r\n" },
	{ "etc/profile", 0644,
	  "export PATH=/usr/bin:/usr/sbin HOME=/root\n"
	  "export PS1='doppel:\\w# '\n"
	  "[ -r /etc/doppel/env ] && . /etc/doppel/env\n" },
	{ "etc/doppel/start", 0755,
	  "#!/bin/sh\n"
	  "# Runs once, before the session.\n"
	  "export PATH=/usr/bin:/usr/sbin\n"
	  "mount -t proc proc /proc\n"
	  "mount -t sysfs sys /sys\n"
	  "mount -t devtmpfs -o mode=0755 dev /dev\n"
	  "mkdir -p /dev/pts /dev/shm\n"
	  "mount -t devpts -o mode=0620,gid=5 devpts /dev/pts\n"
	  "mount -t tmpfs -o mode=1777 shm /dev/shm\n"
	  "mount -t tmpfs -o mode=0755 run /run\n"
	  "mount -t tmpfs -o mode=1777 tmp /tmp\n"
	  "ln -snf /proc/self/fd /dev/fd\n"
	  "hostname -F /etc/hostname\n"
	  "for a in /sys/bus/virtio/devices/*/modalias; do\n"
	  "	[ -r \"$a\" ] && modprobe -b \"$(cat \"$a\")\" 2>/dev/null\n"
	  "done\n"
	  "ip link set lo up\n"
	  "mount -a\n"
	  "[ -d /sys/class/net/eth0 ] && ip link set eth0 up &&\n"
	  "	udhcpc -q -n -t 5 -T 1 -i eth0 -s /etc/doppel/dhcp >/dev/null 2>&1\n"
	  "true\n" },
	{ "etc/doppel/dhcp", 0755,
	  "#!/bin/sh\n"
	  "# Called by udhcpc with the lease in its environment.\n"
	  "case $1 in\n"
	  "deconfig)\n"
	  "	ip addr flush dev $interface ;;\n"
	  "bound|renew)\n"
	  "	ip addr flush dev $interface\n"
	  "	ip addr add $ip/$mask dev $interface\n"
	  "	for r in $router; do ip route replace default via $r; done\n"
	  "	for d in $dns; do echo nameserver $d; done >/etc/resolv.conf ;;\n"
	  "esac\n" },
	{ "etc/doppel/session", 0755,
	  "#!/bin/sh\n"
	  "# One shell, or one command whose status goes back to the host.\n"
	  ". /etc/profile\n"
	  "grep -q ' /host ' /proc/mounts && cd /host || cd /root\n"
	  "if [ -x /etc/doppel/command ]; then\n"
	  "	setsid cttyhack /etc/doppel/command\n"
	  "	echo $? >/etc/doppel/exit\n"
	  "else\n"
	  "	setsid cttyhack sh -l\n"
	  "fi\n"
	  "sync\n"
	  "umount -a -r 2>/dev/null\n"
	  "poweroff -f\n" },
};

static const char *const dirs[] = {
	"usr", "usr/bin", "usr/lib", "usr/lib/modules", "usr/share", "dev", "etc",
	"etc/doppel", "host", "mnt", "proc", "root", "run", "sys", "tmp", "var",
	"var/tmp", "var/log",
};

static const struct {
	const char *path, *target;
} links[] = {
	{ "bin", "usr/bin" }, { "sbin", "usr/bin" }, { "lib", "usr/lib" },
	{ "usr/sbin", "bin" }, { "var/run", "../run" }, { "etc/mtab", "../proc/mounts" },
};

static int make_tree(const char *root, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		base_auto char *p = base_printf("%s/%s", root, dirs[i]);

		if (!p || (mkdir(p, 0755) && errno != EEXIST))
			return err_sys(e, "%s/%s", root, dirs[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		base_auto char *p = base_printf("%s/%s", root, links[i].path);

		if (!p || symlink(links[i].target, p))
			return err_sys(e, "%s/%s", root, links[i].path);
	}
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		base_auto char *p = base_printf("%s/%s", root, files[i].path);
		int r = p ? image__write_file(p, files[i].text, files[i].mode, e)
			  : err_set(e, ENOMEM, "out of memory");

		if (r)
			return r;
	}
	return 0;
}

/*
 * The names that a busybox answers to stand in it one after the other, NUL
 * between them, sorted, "[" and "[[" first and an empty one at the end.
 * Reading them spares running a program of a foreign architecture.
 */
static int link_applets(const char *root, const uint8_t *p, size_t n, struct err *e)
{
	const uint8_t *s = memmem(p, n, "[\0[[\0", 5), *end = p + n;
	unsigned made = 0;

	while (s && s < end && *s) {
		size_t len = strnlen((const char *)s, (size_t)(end - s));
		base_auto char *at = NULL;

		if (s + len == end || len > 32 || memchr(s, '/', len))
			break;
		at = base_printf("%s/usr/bin/%s", root, (const char *)s);
		if (!at || (symlink("busybox", at) && errno != EEXIST))
			return err_sys(e, "%s/usr/bin/%s", root, (const char *)s);
		s += len + 1;
		made++;
	}
	return made > 50 ? 0 : err_set(e, EINVAL, "busybox: its list of names was not found");
}

static int install_busybox(const char *root, struct err *e)
{
	base_auto char *path = base_printf("%s/usr/bin/busybox", root);
	base_autofd int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	struct stat st;
	void *p;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return err_sys(e, "%s/usr/bin/busybox", root);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, "%s", path);
	r = link_applets(root, p, (size_t)st.st_size, e);
	munmap(p, (size_t)st.st_size);
	return r;
}

int image__root_build(const char *root, const char *from, const char *version,
		      struct err *e)
{
	base_auto char *to = base_printf("%s/usr/lib/modules/%s", root, version);
	int r = make_tree(root, e);

	if (!r)
		r = install_busybox(root, e);
	if (!r && (!to || mkdir(to, 0755)))
		r = err_sys(e, "%s/usr/lib/modules/%s", root, version);
	return r ? r : image__modules_install(from, to, modules, e);
}
