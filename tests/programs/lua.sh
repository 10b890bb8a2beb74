#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Lua 5.4, compiled here.  Its errors are setjmp() and longjmp(), and these are
# exceptions in their legacy form.
name=lua
. "$(dirname "$0")/lib.bash"
compiler
fetch debian lua5.4
eh=(-fwasm-exceptions -mllvm -wasm-enable-sjlj)
compile "$tmp/setjmp.o" "${eh[@]}" -c $wasi/setjmp.c
compile "$tmp/lua.wasm" "${eh[@]}" $(ls "$fetched"/src/*.c | grep -v '/luac\.c$') "$tmp/setjmp.o" "${emulated[@]}"
run=("$DOPPEL" run --features legacy-exceptions "$tmp/lua.wasm")

shows lua_language 0 'Lua 5.4	42	3.5	0x2a	9223372036854775807
key=value, k2=v2	HELLO	3
1 4 9 | 55
point(4, 6)	true	false
closed 2, closed 1
a-b-c	10	{1=1, x=2}' "${run[@]}" -e '
print(_VERSION, 6 * 7, 7 / 2, string.format("%#x", 42), math.maxinteger)
print((("key value k2 v2"):gsub("(%w+) (%w+) (%w+) (%w+)", "%1=%2, %3=%4")), ("hello"):upper(), #"abc")
local gen = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i * i) end end)
local sum = 0
for i = 1, 10 do sum = sum + i end
print(gen() .. " " .. gen() .. " " .. gen() .. " | " .. sum)
local P = {}
P.__index = P
P.__add = function(a, b) return setmetatable({x = a.x + b.x, y = a.y + b.y}, P) end
P.__tostring = function(p) return "point(" .. p.x .. ", " .. p.y .. ")" end
P.__eq = function(a, b) return a.x == b.x and a.y == b.y end
local p = setmetatable({x = 1, y = 2}, P)
local q = setmetatable({x = 3, y = 4}, P)
print(tostring(p + q), p + q == q + p, p == q)
local log = {}
do
  local a <close> = setmetatable({}, {__close = function() log[#log + 1] = "closed 1" end})
  local b <close> = setmetatable({}, {__close = function() log[#log + 1] = "closed 2" end})
end
print(table.concat(log, ", "))
local t = {1, x = 2}
local parts = {}
for k, v in pairs(t) do parts[#parts + 1] = k .. "=" .. v end
print(table.concat({"a", "b", "c"}, "-"), select("#", table.unpack({}, 1, 10)), "{" .. table.concat(parts, ", ") .. "}")'

shows lua_errors 0 'false	boom
false	table	7
error object is a table: inner outer
false	stack overflow
true	1000
false	cannot resume dead coroutine' "${run[@]}" -e '
print(pcall(error, "boom", 0))
local ok, e = pcall(error, {code = 7})
print(ok, type(e), e.code)
print(select(2, xpcall(function()
  local ok, e = pcall(function() error("inner", 0) end)
  error({e .. " outer"})
end, function(e) return "error object is a " .. type(e) .. ": " .. e[1] end)))
local function deep(n) return 1 + deep(n + 1) end
local ok, e = pcall(deep, 1)
print(ok, e:match("stack overflow"))
local caught = 0
for i = 1, 1000 do if not pcall(error, i) then caught = caught + 1 end end
print(true, caught)
local co = coroutine.create(function() error("x") end)
coroutine.resume(co)
print(coroutine.resume(co))'

mkdir "$tmp/d"
cat >"$tmp/d/words.lua" <<'EOT'
local counts = {}
for line in io.lines("/d/in") do
	for w in line:lower():gmatch("%w+") do counts[w] = (counts[w] or 0) + 1 end
end
local words = {}
for w in pairs(counts) do words[#words + 1] = w end
table.sort(words, function(a, b)
	if counts[a] ~= counts[b] then return counts[a] > counts[b] end
	return a < b
end)
local out <close> = assert(io.open("/d/out", "w"))
for i = 1, 2 do out:write(counts[words[i]], " ", words[i], "\n") end
print(arg[0], arg[1], os.getenv("WHO"), io.open("/d/none"))
os.exit(3)
EOT
echo "The cat and the dog and the bird" >"$tmp/d/in"
shows lua_script_in_a_folder 3 '/d/words.lua	x	me	nil	/d/none: No such file or directory	44' \
	"$DOPPEL" run --features legacy-exceptions --dir "$tmp/d:/d" --env WHO=me "$tmp/lua.wasm" /d/words.lua x
shows lua_wrote_a_file 0 '3 the
2 and' cat "$tmp/d/out"
shows lua_works_long 0 '832040	1229	42534	true' "${run[@]}" -e '
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local s, n = {}, 0
for i = 2, 10000 do
  if not s[i] then
    n = n + 1
    for j = i * i, 10000, i do s[j] = true end
  end
end
local t = {}
for i = 1, 100000 do t[i] = (i * 7919) % 100003 end
table.sort(t)
for i = 1, 200000 do local x = {i, {i}} end
print(fib(30), n, t[42534], collectgarbage("count") < 20000)'
shows lua_uncaught_error 1 '' "${run[@]}" -e 'local function f() error("so") end f()'
says lua_prints_it '(command line):1: so'
exit $bad
