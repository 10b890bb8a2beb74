#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A saved run of stock Linux goes on, from another folder too: its root stays
# in the cache while the snapshot is there, and no longer.
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/guest.sh
linux_paths
DOPPEL=$(realpath "$DOPPEL")
runs=${root%/debian-*}/run
mkdir "$tmp/a" "$tmp/b"

run() { (cd "$1" && shift && "$DOPPEL" "$@") </dev/null; }
links() { find "$runs" -name '.*' -lname "$tmp/*" | wc -l; }
run "$tmp/a" run linux --deterministic --snapshot-at 2000000:vm --stop-at 2500000 >"$tmp/out" 2>&1
check "its_root_is_kept" test "$(links)" = 1
check "it_goes_on" run "$tmp/b" restore --stop-at 3000000 ../a/vm
folder=$runs/$(basename "$(find "$runs" -name '.*' -lname "$tmp/*")" | cut -c 2-)
check "in_this_folder" test -d "$folder/etc"
rm -f "$tmp/a/vm"
run "$tmp/a" run linux --deterministic --stop-at 1000 >"$tmp/out" 2>&1
check "without_the_snapshot_the_next_run_removes_it" test ! -e "$folder" -a "$(links)" = 0
exit $bad
