#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# QuickJS, as a library that quickjs.wat calls.
name=quickjs
. "$(dirname "$0")/lib.bash"
fetch npm quickjs-wasi@3.6.2 d4c9375f2b1ca4dc95f72c8aa2982a7a9951ac8011490d79c6582df732b4bbd9 quickjs.wasm
run=("$DOPPEL" run --unknown-imports trap --preload quickjs="$fetched" tests/programs/quickjs.wat)

shows quickjs_language 0 '1,4,9 6 2026-11-23
{"a":[1,null,"é"],"b":{}} 3 object
Square 9 Shape true
0,1,1,2,3,5,8
265252859812191058636308480000000n 0.30000000000000004 1e+21 NaN
x=1,rest=2,3 none 7
a-b-c 2 HÉLLO ab|ba
true false 3 k
1,2,10 10,9,1 [object Map]
typed 255 -1 1.5 8
caught TypeError true finally
tag: a 1 b 2 c
get x 42 trapped
5 microtask done' "${run[@]}" '
const log = (...a) => print(a.map(String).join(" "));
log([1, 2, 3].map(x => x ** 2), [1, 2, 3].reduce((a, b) => a + b), new Date(Date.UTC(2026, 10, 23)).toISOString().slice(0, 10));
log(JSON.stringify({a: [1, undefined, "é"], b: {}}), JSON.parse("[1,2,3]").length, typeof null);
class Shape { static kind = "Shape"; get area() { return 0 } }
class Square extends Shape { #side; constructor(s) { super(); this.#side = s } get area() { return this.#side ** 2 } }
const q = new Square(3); log(q.constructor.name, q.area, Square.kind, q instanceof Shape);
function* fib() { let [a, b] = [0, 1]; for (;;) { yield a; [a, b] = [b, a + b] } }
const seven = []; for (const x of fib()) { if (seven.length == 7) break; seven.push(x) } log(seven);
let f = 1n; for (let i = 1n; i <= 30n; i++) f *= i; log(f + "n", 0.1 + 0.2, 1e21, 0 / 0);
const {x, ...rest} = {x: 1, y: 2, z: 3}; log(`x=${x},rest=${Object.values(rest)}`, q?.none?.deep ?? "none", ((a, b = 5) => a + b)(2));
log("a b  c".replace(/\s+/g, "-"), "2026-11".match(/(?<y>\d+)-(?<m>\d)/).groups.m + 1 - 9, "héllo".toUpperCase(), "ab|" + [..."ab"].reverse().join(""));
const s = new Set([1, 2, 2]), m = new Map([["k", 3]]); log(s.has(1), s.has(9), m.get("k"), [...m.keys()]);
log([10, 1, 2].sort((a, b) => a - b), [1, 10, 9].sort().reverse().sort((a, b) => b - a), Object.prototype.toString.call(m));
const b = new ArrayBuffer(8); new Uint8Array(b)[0] = 255; log("typed", new Uint8Array(b)[0], new Int8Array(b)[0], new Float64Array([1.5])[0], b.byteLength);
try { try { null.x } catch (e) { throw e } finally { var fin = "finally" } } catch (e) { log("caught", e.name, e instanceof TypeError, fin) }
log(((s, ...v) => "tag: " + s.map((x, i) => x + (v[i] ?? "")).join(""))`a ${1} b ${2} c`);
const p = new Proxy({}, {get: (t, k) => "get " + String(k), set: () => true, has: () => true}); log(p.x, 42, "y" in p ? "trapped" : "");
(async () => { const v = await Promise.all([2, Promise.resolve(3)]); log(v[0] + v[1], "microtask", await (async () => "done")()) })();'

shows quickjs_works_long 0 '121393 1229 50000 42534 13641' "${run[@]}" '
const fib = n => n < 2 ? n : fib(n - 1) + fib(n - 2);
const s = new Uint8Array(10001); let n = 0;
for (let i = 2; i <= 10000; i++) if (!s[i]) { n++; for (let j = i * i; j <= 10000; j += i) s[j] = 1 }
const m = new Map(); for (let i = 0; i < 100000; i++) { m.set("k" + i, {i, me: null}); m.get("k" + i).me = m; if (i >= 50000) m.delete("k" + (i - 50000)) }
const a = []; for (let i = 1; i <= 100000; i++) a.push((i * 7919) % 100003); a.sort((x, y) => x - y);
let t = ""; for (let i = 0; i < 10000; i++) t += i;
print(fib(26), n, m.size, a[42533], t.replace(/1/g, "one").replace(/[02-9]{3}/g, "").length)'
shows quickjs_deep_recursion_is_an_exception 0 'InternalError true' "${run[@]}" '
function f(n) { return f(n + 1) + 1 } try { f(0) } catch (e) { print(e.name.replace("RangeError", "InternalError"), e instanceof Error) }'
shows quickjs_uncaught_exception 1 'before
TypeError: so' "${run[@]}" 'print("before"); throw new TypeError("so")'
exit $bad
