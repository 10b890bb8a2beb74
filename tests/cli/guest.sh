# SPDX-License-Identifier: Apache-2.0
# Library for tests that run the stock kernel: read by `.`.
#   guest OPTIONS... -- SCRIPT    run a shell script in the guest, print what
#                                 it prints; its exit status
#   $tmp                          a folder of this test, /host in the guest
#   check NAME COMMAND...         "ok NAME", or "not ok NAME: why"
#   have PROGRAM...               skip the test unless all are installed
DOPPEL=${DOPPEL:-build/doppel}
tmp=$(mktemp -d) || exit 1
cleanup() {
	local p
	for p in $(jobs -p); do kill "$p" 2>/dev/null; done
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' TERM INT
mkdir "$tmp/host"
bad=0

skip() { echo "$*"; exit 77; }
have() {
	local p
	for p in "$@"; do
		command -v "$p" >/dev/null || [ -x "/sbin/$p" ] || [ -x "/usr/sbin/$p" ] ||
			skip "$p is not installed"
	done
	PATH=$PATH:/usr/sbin:/sbin
}
# Sets kernel, root, modules, version.
linux_paths() {
	local key value
	"$DOPPEL" fetch linux >"$tmp/paths" 2>"$tmp/fetch.err" ||
		skip "the stock kernel cannot be fetched here: $(head -n 1 "$tmp/fetch.err")"
	while read -r key value; do
		case $key in version|kernel|config|root|modules) eval "$key=\$value" ;; esac
	done <"$tmp/paths"
}
guest() {
	local opts=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do opts+=("$1"); shift; done
	shift
	printf '%s\n' "$1" >"$tmp/host/script"
	timeout "${guest_limit:-240}" "$DOPPEL" run linux --share "$tmp/host:host" \
		"${opts[@]}" -- sh /host/script </dev/null 2>"$tmp/stderr" | tr -d '\r'
	return "${PIPESTATUS[0]}"
}
check() {
	local name=$1
	shift
	if "$@" >"$tmp/check.out" 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name: $* failed: $(tail -n 1 "$tmp/check.out" | cut -c 1-200)"
		bad=1
	fi
}
has() { grep -q -- "$2" "$1" || { echo "no '$2' in: $(tail -n 3 "$1" | tr '\n' '|')"; false; }; }

# An initrd with busybox, the named modules and this /init.
make_initrd() { # OUT INIT_TEXT MODULE...
	local out=$1 init=$2 d m
	d=$(mktemp -d -p "$tmp")
	shift 2
	mkdir -p "$d"/{bin,dev,proc,sys,root,mod,newroot}
	cp "$root/usr/bin/busybox" "$d/bin/busybox"
	ln -s busybox "$d/bin/sh"
	for m in "$@"; do cp "$root/usr/lib/modules/$version/$m.ko" "$d/mod/" || return 1; done
	{
		echo '#!/bin/sh'
		echo '/bin/busybox --install -s /bin'
		echo 'mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev'
		for m in "$@"; do echo "insmod /mod/$m.ko"; done
		echo "$init"
	} >"$d/init"
	chmod +x "$d/init"
	(cd "$d" && find . | cpio -o -H newc --quiet) | gzip -1 >"$out"
	rm -rf "$d"
}

# The bare program of echo.S.
bare_echo() { # OUT
	local cc
	for cc in riscv64-linux-gnu-gcc riscv64-unknown-elf-gcc; do
		command -v "$cc" >/dev/null || continue
		"$cc" -nostdlib -static -Wl,-Ttext=0x80000000,--build-id=none,-n \
			-Wl,--no-warn-rwx-segments -o "$1" tests/cli/echo.S 2>/dev/null && return
	done
	skip "there is no RISC-V compiler"
}
