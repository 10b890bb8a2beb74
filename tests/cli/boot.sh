#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 600
# The stock kernel boots to a shell with one and with four harts, from a host
# folder as root; power-off ends Doppel, reboot boots again.
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/guest.sh
linux_paths
# A cache of this test's own around the fetched kernel: nobody else runs in it.
cache=$(dirname "$(dirname "$(dirname "$root")")")
mkdir -p "$tmp/cache/doppel"
ln -s "$cache"/debian-* "$tmp/cache/doppel/"
export XDG_CACHE_HOME=$tmp/cache

guest -- 'uname -r; nproc; grep -c . /proc/mounts; head -n 1 /proc/mounts; exit 42' >"$tmp/out"
status=$?
check "the_commands_status_is_the_exit_status" test "$status" = 42
check "the_stock_kernel_runs" has "$tmp/out" "^$version\$"
check "its_root_is_a_host_folder" has "$tmp/out" ' / virtiofs rw'
check "one_hart" has "$tmp/out" '^1$'

guest --cpus 4 --memory 512M --console virtio -- 'nproc; tty <&1
for i in 1 2 3 4; do (n=0; while [ $n -lt 2000 ]; do n=$((n+1)); done; echo done $i) & done; wait
echo written >/host/from-guest; cat /host/from-host' >"$tmp/out" 2>&1 < <(echo hello >"$tmp/host/from-host")
check "four_harts" has "$tmp/out" '^4$'
check "the_virtio_console_is_the_terminal" has "$tmp/out" '^/dev/hvc0$'
for i in 1 2 3 4; do check "work_on_every_hart_$i" has "$tmp/out" "^done $i\$"; done
check "the_guest_writes_to_the_share" has "$tmp/host/from-guest" written

# A command whose input and output are files: bytes as they are; its status in the event.
echo "to the command" >"$tmp/in"
timeout 240 "$DOPPEL" run linux --net none --share none --json -- sh -c 'cat; exit 5' \
	<"$tmp/in" >"$tmp/events" 2>"$tmp/out"
check "the_event_has_the_commands_status" has "$tmp/events" '"event":"exited".*"code":5,'
check "a_file_is_the_commands_input" cmp "$tmp/in" "$tmp/out"
timeout 240 "$DOPPEL" run linux --net none --share none -- sh -c 'echo c >/proc/sysrq-trigger' \
	</dev/null >"$tmp/out" 2>&1
status=$?
check "a_dead_kernel_ends_the_run_with_125" test "$status" = 125
check "and_says_why" has "$tmp/out" '^doppel: the guest ended before its command was done$'

# What the guest does to its root is gone with it; the cache is untouched.
find "$root" | sort | sha256sum >"$tmp/before"
guest -- 'rm -rf /usr/lib/modules; echo x >/etc/passwd; echo y >/usr/bin/new; sync' >"$tmp/out"
find "$root" | sort | sha256sum >"$tmp/after"
check "the_cached_root_is_never_written" cmp "$tmp/before" "$tmp/after"
check "nothing_of_the_run_is_left" bash -c "! ls '$tmp/cache/doppel/run' | grep -v '^lock$' | grep -q ."

# An interactive shell, typed at over a pipe; reboot first, then power-off.
mkfifo "$tmp/keys"
timeout 240 "$DOPPEL" run linux --net none --share none --append quiet <"$tmp/keys" >"$tmp/out" 2>&1 &
pid=$!
exec 9>"$tmp/keys"
prompts() { [ "$(grep -ac 'doppel:~#' "$tmp/out")" -ge "$1" ]; }
wait_prompt() { for _ in $(seq 1000); do prompts "$1" && return; kill -0 $pid 2>/dev/null || return 1; sleep 0.2; done; return 1; }
check "a_shell_prompt" wait_prompt 1
printf 'reboot -f\n' >&9
check "a_reboot_ends_at_the_prompt_again" wait_prompt 2
printf 'poweroff\n' >&9
exec 9>&-
wait $pid
status=$?
check "power_off_ends_doppel_with_0" test $status = 0
exit $bad
