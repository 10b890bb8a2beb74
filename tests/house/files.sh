# SPDX-License-Identifier: Apache-2.0
# Shared by the house tests: the project's files, from git where there is one,
# else from the tree without what was built.  Read by `.`.
cd "$(dirname "$0")/../.." || exit 1
files() { # PATTERN...
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1 &&
	   [ "$(git rev-parse --show-prefix)" = "" ]; then
		git ls-files -- "$@" | while IFS= read -r f; do [ -f "$f" ] && echo "$f"; done
	else
		local p
		for p in "$@"; do
			find . -path ./build -prune -o -path ./.git -prune -o -type f \
				-path "./$p" -print | sed 's|^\./||'
		done
	fi
	true
}
verdict() { # NAME FILE_WITH_COMPLAINTS
	if [ -s "$2" ]; then
		echo "not ok $1: $(wc -l <"$2") places, first: $(head -n 1 "$2")"
		head -n 20 "$2" >&2
		bad=1
	else
		echo "ok $1"
	fi
}
bad=0
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
