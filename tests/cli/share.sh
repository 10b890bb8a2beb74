#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 600
# The shared folder under real programs: git, tar, hard and symbolic links,
# rename over, 10,000 files; a read-only share; no way out of the folder.
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/guest.sh
have python3
linux_paths
echo secret >"$tmp/outside"
ln -s "$tmp/outside" "$tmp/host/absolute"
ln -s ../outside "$tmp/host/relative"
mkdir "$tmp/ro"
echo fixed >"$tmp/ro/file"

# Stock git for riscv64, unpacked into a folder that the guest mounts.
git=
"$DOPPEL" fetch linux --to "$tmp/pk" --package git --package libc6 --package libpcre2-8-0 \
	--package zlib1g >/dev/null 2>"$tmp/git.err" && git=yes

guest_limit=500 guest --cpus 2 --share "$tmp/ro:fixed:ro" ${git:+--share "$tmp/pk:pk:ro"} -- '
cd /host; mkdir w; cd w
ok() { n=$1; shift; if "$@" >/tmp/o 2>&1; then echo "did $n"; else echo "failed $n: $(tail -n 1 /tmp/o)"; fi; }
echo one >a; ln a b; ln -s a c
ok hard_link [ "$(stat -c %h a)" = 2 ]
ok symbolic_link [ "$(readlink c)" = a -a "$(cat c)" = one ]
echo two >d; mv d a
ok rename_over [ "$(cat a)" = two -a "$(cat b)" = one -a "$(stat -c %h b)" = 1 ]
mkdir x; mkdir y; touch y/f
ok rename_over_a_full_folder_fails sh -c "! mv -T x y 2>/dev/null"
exec 5>open; echo before >&5; rm open; echo after >&5; exec 5>&-
ok write_after_unlink [ ! -e open ]
echo 0123456789 >t; truncate -s 4 t; ok truncate [ "$(cat t)" = 0123 ]
chmod 640 t; ok chmod [ "$(stat -c %a t)" = 640 ]
touch -d "2001-02-03 04:05:06" t; ok times [ "$(date -r t +%Y-%m-%d)" = 2001-02-03 ]
mkfifo p; ok fifo [ -p p ]
mkdir -p src/deep/er; cp /usr/lib/modules/*/*.ko src/deep; ln -s deep src/link
chmod 751 src/deep/er
tar -cf t.tar src; mkdir out; ok tar tar -xf t.tar -C out
ok tar_is_true diff -r src out/src
i=0; mkdir many; while [ $i -lt 10000 ]; do : >many/f$i; i=$((i+1)); done
ok ten_thousand_files [ "$(ls many | wc -l)" = 10000 ]
ok ten_thousand_names [ "$(ls many | sort -u | wc -l)" = 10000 ]
dd if=/dev/zero of=big bs=1M count=24 conv=fsync 2>/dev/null
ok big_file [ "$(stat -c %s big)" = 25165824 ]
ok no_way_out_by_an_absolute_link sh -c "! cat /host/absolute"
ok no_way_out_by_a_relative_link sh -c "! cat /host/relative"
ok no_way_out_by_dots sh -c "! cat /host/../outside"
ok read_only_can_be_read [ "$(cat /mnt/fixed/file)" = fixed ]
ok read_only_cannot_be_written sh -c "! echo x >/mnt/fixed/file; ! touch /mnt/fixed/new; ! rm -f /mnt/fixed/file"
if [ -d /mnt/pk ]; then
	export LD_LIBRARY_PATH=/mnt/pk/usr/lib/riscv64-linux-gnu GIT_EXEC_PATH=/mnt/pk/usr/lib/git-core
	export GIT_CONFIG_NOSYSTEM=1 HOME=/tmp PATH=$PATH:/mnt/pk/usr/bin
	ln -s /mnt/pk/usr/lib/ld-linux-riscv64-lp64d.so.1 /lib/
	git config --global user.email a@b; git config --global user.name a
	git config --global init.defaultBranch main; git config --global gc.auto 0
	mkdir repo; cd repo
	ok git_init git init -q .
	cp -r ../src .; rmdir src/deep/er; ok git_add git add .
	ok git_commit git commit -q -m first
	i=0; while [ $i -lt 50 ]; do echo $i >n$i; i=$((i+1)); done
	ok git_second git add . ; ok git_commit_again git commit -q -m second
	ok git_checkout git checkout -q HEAD~1; ok git_back git checkout -q main
	ok git_status [ -z "$(git status --porcelain)" ]
	ok git_fsck git fsck --full --strict
	ok git_clone git clone -q . ../clone
	ok git_repack git repack -q -a -d
	cd ..
fi
echo end' >"$tmp/out"
check "the_script_ran_to_its_end" has "$tmp/out" '^end$'
names=(hard_link symbolic_link rename_over rename_over_a_full_folder_fails write_after_unlink
	truncate chmod times fifo tar tar_is_true ten_thousand_files ten_thousand_names big_file
	no_way_out_by_an_absolute_link no_way_out_by_a_relative_link no_way_out_by_dots
	read_only_can_be_read read_only_cannot_be_written)
if [ -n "$git" ]; then
	names+=(git_init git_add git_commit git_second git_commit_again git_checkout git_back
		git_status git_fsck git_clone git_repack)
else
	echo "skip git: because the packages cannot be fetched: $(head -n 1 "$tmp/git.err")"
fi
for n in "${names[@]}"; do
	if grep -qx "did $n" "$tmp/out"; then
		echo "ok $n"
	else
		echo "not ok $n: $(grep "^failed $n" "$tmp/out" || echo "did not run")"
		bad=1
	fi
done
check "the_host_sees_ten_thousand_files" test "$(ls "$tmp/host/w/many" 2>/dev/null | wc -l)" = 10000
check "the_host_sees_the_links" test "$(readlink "$tmp/host/w/c")" = a
check "the_host_sees_the_tree" diff -r "$tmp/host/w/src" "$tmp/host/w/out/src"
[ -z "$git" ] || check "a_clone_is_the_same_tree" diff -r --no-dereference "$tmp/host/w/repo/src" "$tmp/host/w/clone/src"
check "what_is_outside_is_as_it_was" test "$(cat "$tmp/outside")" = secret
check "what_is_read_only_is_as_it_was" test "$(cat "$tmp/ro/file"; ls "$tmp/ro")" = "fixed
file"
exit $bad
