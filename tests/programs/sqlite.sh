#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# SQLite, its shell and its speed test, compiled here.
name=sqlite
. "$(dirname "$0")/lib.bash"
compiler
command -v tclsh >/dev/null || { echo "skip $name: because there is no tclsh, with which SQLite makes its sources"; exit 0; }
fetch debian sqlite3
if ! (cd "$tmp" && make -s -f "$fetched/main.mk" TOP="$fetched" TCCX="cc -O1" BCC="cc -O1" sqlite3.c shell.c >log 2>&1); then
	echo "not ok $name: its sources cannot be made: $(tail -n 1 "$tmp/log")"
	exit 1
fi
options=(-I"$tmp" -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL
	-DSQLITE_DEFAULT_UNIX_VFS='"unix-none"' -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE
	-DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_OMIT_POPEN -DSQLITE_NOHAVE_SYSTEM)
compile "$tmp/sqlite3.o" "${options[@]}" -c "$tmp/sqlite3.c"
compile "$tmp/sqlite.wasm" "${options[@]}" "$tmp/shell.c" "$tmp/sqlite3.o" "${emulated[@]}"
compile "$tmp/speedtest.wasm" "${options[@]}" "$fetched/test/speedtest1.c" "$tmp/sqlite3.o" "${emulated[@]}"
mkdir "$tmp/d"
run=("$DOPPEL" run --dir "$tmp/d:/d" "$tmp/sqlite.wasm" -batch)

shows sqlite_makes_a_database 0 '100|4950|49.5' "${run[@]}" /d/x.db '
create table item (id integer primary key, name text not null unique, price real check (price >= 0));
with recursive n (i) as (select 0 union all select i + 1 from n where i < 99)
insert into item (name, price) select printf("item %03d", i), i from n;
create index by_price on item (price desc);
create virtual table note using fts5 (body);
insert into note values ("the quick brown fox"), ("a lazy dog"), ("quick thinking");
select count(*), sum(id) - 100, avg(price) from item;'
shows sqlite_opens_it_again 0 'ok
item 099|99.0
item 098|98.0
03|10
04|10
the quick brown fox
quick thinking
9.0|item 008|item 010
{"a":[1,2]}|2' "${run[@]}" /d/x.db '
pragma integrity_check;
select name, price from item order by price desc limit 2;
select substr(name, 6, 2) tens, count(*) from item group by tens having tens between "03" and "04";
select body from note where note match "quick" order by rowid;
select n, lag, lead from (select price n, lag(name) over w lag, lead(name) over w lead from item window w as (order by id)) where n = 9;
select json_object("a", json_array(1, 2)), json_extract("{""a"":[1,2]}", "$.a[1]");'
shows sqlite_transactions 0 '100
100' "${run[@]}" /d/x.db '
begin; delete from item; rollback; select count(*) from item;
savepoint s; delete from item where id > 5; rollback to s; release s; select count(*) from item;'
shows sqlite_refuses 19 '' "${run[@]}" /d/x.db 'insert into item (name, price) values ("item 001", 1)'
says sqlite_says_why 'UNIQUE constraint failed: item.name'
shows sqlite_from_a_read_only_folder 8 100 "$DOPPEL" run --dir "$tmp/d:/d:ro" "$tmp/sqlite.wasm" -batch -bail /d/x.db \
	'select count(*) from item; delete from item'

# The hash of all results of the speed test is that of a native one.
speed() { # HASH ARGUMENTS...
	"$DOPPEL" run --dir "$tmp/d:/d" "$tmp/speedtest.wasm" --verify "${@:2}" >"$tmp/speed" 2>&1 || { cat "$tmp/speed"; return 1; }
	grep -q "^Verification Hash: $1\$" "$tmp/speed" && echo verified
}
shows sqlite_speedtest_in_memory 0 verified speed '1770470 19f033c0ab47f9479fc13174d106795176c427658861a74b' --memdb --size 10
shows sqlite_speedtest_in_a_file 0 verified speed '244592 28e6676ac610b0067f7b48634a7665a3ccf4f1ef8d7fd374' --size 2 /d/speed.db
exit $bad
