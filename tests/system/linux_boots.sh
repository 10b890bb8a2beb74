#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 300
# The stock Debian kernel from an initramfs: 1 and 4 harts, clock source,
# reboot, panic, power-off, and two equal deterministic runs.
set -u
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
fetched=$("$DOPPEL" fetch linux --json 2>"$tmp/why") || {
	tail -n 1 "$tmp/why"
	exit 77
}
field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" <<<"$fetched"; }
kernel=$(field kernel) root=$(field root)

mkdir -p "$tmp/t/bin" "$tmp/t/proc" "$tmp/t/sys" "$tmp/t/dev"
cp "$root"/usr/bin/busybox "$tmp/t/bin/" 2>/dev/null || cp "$root"/bin/busybox "$tmp/t/bin/"
cat >"$tmp/t/init" <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc p /proc
mount -t sysfs s /sys
mount -t devtmpfs d /dev
echo "harts: $(nproc)"
echo "clock: $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
grep -q msi /proc/cmdline && grep -i msi /proc/interrupts | head -n 2
case $(cat /proc/cmdline) in
*want=reboot*) reboot -f ;;
*want=panic*) echo c >/proc/sysrq-trigger ;;
*) poweroff -f ;;
esac
END
chmod 755 "$tmp/t/init"
(cd "$tmp/t" && find . | cpio --quiet -o -H newc --reproducible) >"$tmp/initrd"

boot() { # APPEND OPTIONS... : console to $tmp/out, status to $rc
	local append=$1
	shift
	"$DOPPEL" run --kernel "$kernel" --initrd "$tmp/initrd" --append "console=ttyS0 $append" \
		--memory 512M "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	rc=$?
}
check() { # NAME COMMAND...
	local name=$1
	shift
	if "$@"; then
		echo "ok $name"
	else
		echo "not ok $name: status $rc; $(tail -n 3 "$tmp/out" "$tmp/err" | tr -d '\r' | tr '\n' ' ')"
	fi
}
said() { [ "$rc" = "$1" ] && grep -aq "$2" "$tmp/out"; }

boot ""
check one_hart_boots_and_powers_off said 0 "harts: 1"
boot "" --cpus 4
check four_harts_boot said 0 "harts: 4"
check the_hart_timer_is_the_clock said 0 "clock: riscv_clocksource"
boot "want=reboot quiet" --no-reboot
check a_reboot_can_end_the_machine grep -aq "Restarting system" "$tmp/out"
boot "want=panic panic=-1 quiet" --no-reboot
check a_panic_restarts grep -aq "Kernel panic" "$tmp/out"

boot "" --cpus 2 --deterministic --seed 5
mv "$tmp/out" "$tmp/first"
boot "" --cpus 2 --deterministic --seed 5
check two_deterministic_runs_are_equal cmp -s "$tmp/first" "$tmp/out"
