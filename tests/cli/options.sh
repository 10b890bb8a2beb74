#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is asked for wrongly gets one line that names the option and the value,
# and exit status 125; what can be asked for is explained with an example.
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/guest.sh

one_line() { # WORD ARGUMENTS...: fails with one line on stderr that has WORD
	local word=$1
	shift
	timeout 20 "$DOPPEL" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	[ $? = 125 ] || { echo "doppel $*: exit status is not 125"; return 1; }
	[ "$(wc -l <"$tmp/err")" = 1 ] || { echo "doppel $*: not one line: $(cat "$tmp/err")"; return 1; }
	[ ! -s "$tmp/out" ] || { echo "doppel $*: writes to standard output"; return 1; }
	grep -q "^doppel: " "$tmp/err" || { echo "doppel $*: $(cat "$tmp/err")"; return 1; }
	grep -qF -- "$word" "$tmp/err" || { echo "doppel $*: no '$word' in: $(cat "$tmp/err")"; return 1; }
}
printf '\0asm\1\0\0\0' >"$tmp/x.wasm"
printf 'QFI\373\0\0\0\3' >"$tmp/x.qcow2"
printf 'hello, world, I am a text\n' >"$tmp/x.txt"
printf '\357\273\277/* na\303\257ve */ int main(void) { return 0; }\n' >"$tmp/utf8.c"
printf "\\211PNG\r\n\032\n" >"$tmp/x.png"
head -c 4096 /dev/zero >"$tmp/x.zero"
printf 'abc' >"$tmp/short3"
truncate -s 1M "$tmp/disk"
{ printf "o\0\0\0"; head -c 4092 /dev/zero; } >"$tmp/fw" # j .

while IFS='|' read -r word args; do
	eval "set -- $args"
	word=${word//\$tmp/$tmp}
	args=${args//\$tmp\//}
	check "one_line_about:_${args//[^a-zA-Z0-9=.,:]/_}" one_line "$word" "$@"
done <<'EOF'
unknown command 'frob'|frob
doppel run $tmp/fw|$tmp/fw
--bogus|run --bogus
--memory '1Q'|run --memory 1Q $tmp/fw
--memory '3000000'|run --memory 3000000 $tmp/fw
--memory '8E'|run --memory 8E $tmp/fw
--memory '-1'|run --memory -1 $tmp/fw
--memory '99999999999999999999999'|run --memory 99999999999999999999999 $tmp/fw
--memory '20000001'|run --memory 20000001 $tmp/fw
this host has|run --memory 1T $tmp/fw
--cpus '0'|run --cpus 0 $tmp/fw
--cpus '17'|run --cpus 17 $tmp/fw
--cpus 'two'|run --cpus two $tmp/fw
--cpus needs a value|run --cpus
--json takes no value|run --json=yes $tmp/fw
--disk|run --disk '' $tmp/fw
unknown format 'vmdk'|run --disk $tmp/disk,format=vmdk $tmp/fw
unknown part 'rw'|run --disk $tmp/disk,rw $tmp/fw
unknown bus 'isa'|run --disk $tmp/disk,bus=isa $tmp/fw
$tmp/none|run --disk $tmp/none $tmp/fw
--share '/tmp'|run --share /tmp $tmp/fw
used twice|run --share /tmp:a --share /var:a $tmp/fw
$tmp/none|run --share $tmp/none:a $tmp/fw
--net 'frob'|run --net frob $tmp/fw
MAC|run --net user,mac=zz $tmp/fw
multicast|run --net user,mac=01:00:00:00:00:01 $tmp/fw
none contradicts|run --net none --net user $tmp/fw
forward|run --net user,forward=bogus $tmp/fw
--stop-at needs --deterministic|run --stop-at 5 $tmp/fw
--snapshot-at 'x'|run --deterministic --snapshot-at x $tmp/fw
--console 'vga'|run --console vga $tmp/fw
--initrd needs --kernel|run --initrd $tmp/fw $tmp/fw
--trace: unknown word 'frob'|run --trace frob $tmp/fw
--dump: unknown word 'frob'|run --dump frob $tmp/fw
run what|run
one machine|run $tmp/fw $tmp/fw
takes a command|run $tmp/fw -- ls
No such file|run $tmp/none
No such file|run --kernel $tmp/none
No such file|run --firmware $tmp/none
No such file|run --kernel $tmp/fw --initrd $tmp/none
exports no function "_start"|run $tmp/x.wasm
--disk|run $tmp/x.qcow2
text file|run $tmp/x.txt
a picture|run $tmp/x.png
begins with zeros|run $tmp/x.zero
128M or more|run linux --memory 64M
no operand|version frob
no operand|features frob
too short|run $tmp/short3
folder|run $tmp
a text file|run $tmp/utf8.c
not for 64-bit RISC-V|run /bin/true
given already|run --firmware $tmp/fw $tmp/fw
--kernel does not go with|run linux --kernel $tmp/fw
restore what|restore
$tmp/none|restore $tmp/none
$tmp/x.txt|restore $tmp/x.txt
fetch what|fetch
cannot fetch 'windows'|fetch windows
--package and --to|fetch linux --package git
unknown command 'frob'|help frob
--frob|version --frob
EOF

# A Linux program of the guest's architecture is recognized.
if command -v riscv64-linux-gnu-gcc >/dev/null; then
	echo 'int main(void){return 0;}' >"$tmp/p.c"
	for how in -static ''; do
		riscv64-linux-gnu-gcc $how -o "$tmp/p" "$tmp/p.c" 2>/dev/null &&
			check "a_linux_program_is_recognized$how" \
				one_line "riscv64 Linux program" run "$tmp/p"
	done
else
	echo "skip a_linux_program_is_recognized: because riscv64-linux-gnu-gcc is not installed"
fi

in_manual() { # every option of programs, as help has it
	local name n=0
	"$DOPPEL" run --help >"$tmp/out" || return 1
	for name in $(sed '1,/^usage: .*PROGRAM.wasm .ARGS.$/d' "$tmp/out" | sed -n 's/^  --\([a-z-]*\).*/\1/p'); do
		grep -q -- "\\\\-\\\\-${name//-/\\\\-}" docs/doppel.1 ||
			{ echo "docs/doppel.1 has no --$name"; return 1; }
		n=$((n + 1))
	done
	[ $n -gt 20 ] || { echo "only $n options"; return 1; }
}
check the_manual_has_the_options_of_programs in_manual
has_example() { "$DOPPEL" "$1" --help >"$tmp/out" && grep -A 1 '^Examples:' "$tmp/out" | grep -q '^  doppel '; }
for c in run restore fetch features version help; do
	check "help_of_${c}_has_an_example" has_example "$c"
	check "doppel_help_names_$c" bash -c "'$DOPPEL' help | grep -q '^  $c '"
done
exit $bad
