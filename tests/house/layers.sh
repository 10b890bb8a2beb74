#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every #include "folder/..." obeys src/layers.txt: a folder includes lower
# folders only, and only those that are listed for it.
. "$(dirname "$0")/files.sh"
folder_of() { # src/dev/virtio/x.c -> dev
	local f=${1#src/}
	echo "${f%%/*}"
}
declare -A level may
while read -r name lv list; do
	[[ $name == "" || $name == \#* ]] && continue
	level[$name]=$lv may[$name]=" $list "
done <src/layers.txt

for name in "${!level[@]}"; do
	for low in ${may[$name]}; do
		[ -n "${level[$low]:-}" ] || { echo "layers.txt: $name: unknown folder $low"; continue; }
		[ "${level[$low]}" -lt "${level[$name]}" ] ||
			echo "layers.txt: $name (level ${level[$name]}) may not include $low (level ${level[$low]})"
	done
done >"$tmp/table"
verdict layers_txt_is_ordered "$tmp/table"

files 'src/*.c' 'src/*.h' 'src/*.def' | sort -u >"$tmp/files"
while IFS= read -r f; do
	own=$(folder_of "$f")
	[ -n "${level[$own]:-}" ] || { echo "$f: folder $own is not in src/layers.txt"; continue; }
	while IFS=: read -r line text; do
		inc=${text#*\"} inc=${inc%%\"*}
		to=${inc%%/*}
		if [[ $inc != */* ]]; then
			echo "$f:$line: \"$inc\" without its folder"
		elif [ "$to" != "$own" ] && [[ ${may[$own]} != *" $to "* ]]; then
			echo "$f:$line: $own may not include $to"
		elif [ ! -f "src/$inc" ] && ! grep -qF "__has_include(\"$inc\")" "$f"; then
			echo "$f:$line: no such header: $inc"
		fi
	done < <(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$f")
done <"$tmp/files" >"$tmp/includes"
verdict includes_obey_the_layers "$tmp/includes"
[ -s "$tmp/files" ] || { echo "not ok layers: no sources found"; bad=1; }
exit $bad
