#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Half a minute of each fuzzer (DP_FUZZ_SECONDS for another time), from the
# seeds that the installed tools make.  Needs clang.
# limit: 1200
set -u
cd "$(dirname "$0")/../.." || exit 1
command -v clang >/dev/null || { echo "clang is not installed"; exit 77; }
echo 'int LLVMFuzzerTestOneInput(const char *p, long n) { return p[n] * 0; }' |
	clang -fsanitize=fuzzer -x c - -o /dev/null 2>/dev/null ||
	{ echo "clang has no libFuzzer here"; exit 77; }
out=${BUILD:-build}/fuzz-check
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
make -s -j"$(nproc)" MODE=fuzz O="$out" fuzzers >"$tmp/make" 2>&1 || {
	tail -n 20 "$tmp/make"
	exit 1
}
fuzz/seeds "$tmp/seeds" >/dev/null 2>&1
seconds=${DP_FUZZ_SECONDS:-30}

one() { # NAME
	local seeds="$tmp/seeds/$1" log="$tmp/log-$1"
	[ -d "$seeds" ] || seeds=
	mkdir -p "$tmp/corpus-$1"
	# shellcheck disable=SC2086
	if "$out/fuzz/fuzz_$1" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=60 \
		-artifact_prefix="$tmp/" "$tmp/corpus-$1" $seeds >"$log" 2>&1; then
		echo "ok fuzz_$1"
	else
		echo "not ok fuzz_$1: $(grep -m1 -E 'ERROR|SUMMARY' "$log")"
		base64 -w0 "$tmp"/{crash,timeout,oom,leak}-* 2>/dev/null | head -c 4000
		echo
	fi
}
# Two at a time.
for src in fuzz/fuzz_*.c; do
	name=${src#fuzz/fuzz_} name=${name%.c}
	while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
	one "$name" &
done
wait
