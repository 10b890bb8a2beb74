# SPDX-License-Identifier: Apache-2.0
# For shell tests to begin with: the project's folder, a temporary one in $tmp,
# and check, which runs a command as a test of that name.
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
bad=0
check() { # NAME COMMAND...
	local name=$1 why
	shift
	if why=$("$@" 2>&1); then echo "ok $name"; else
		echo "not ok $name: $(echo "$why" | tail -n 3 | tr '\n' ' ')"
		bad=1
	fi
}
