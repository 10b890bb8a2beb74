#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Ruby and its standard library, 32 MB, as a library that ruby.wat calls.  It
# unwinds its stack (exceptions, fibers, its collector's roots) by rewriting
# that Binaryen did, and reads its library from a file system inside of it.
name=ruby
. "$(dirname "$0")/lib.bash"
fetch npm @ruby/4.0-wasm-wasi@2.10.1 \
	9fe3c749730a16da9b0d1a973bb77bec164f8d958efcb7f5b81e4275ea8c5439 'dist/ruby+stdlib.wasm'
"$DOPPEL" wasm binary --output "$tmp/ruby.wasm" tests/programs/ruby.wat || exit 1
run=("$DOPPEL" run --unknown-imports trap --preload canonical_abi=tests/programs/ruby_handles.wat
	--preload ruby="$fetched")

shows ruby_language 0 '4.0.0
["apple", "fig", "kiwi"] 13
olleh héllo 6 HÉLLO
2026-11-23 x=42 ["2026", "11"]
{1 => [1, 3, 5], 0 => [2, 4]}
[Symbol, Integer, Float, Rational, Complex]
2432902008176640000 265252859812191058636308480000000
[1, 1, 2, 3, 5, 8, 13, 21]
{name: "a", rest: [2, 3]}
#<data Point x=1, y=2> 5.0' "${run[@]}" "$tmp/ruby.wasm" '
puts RUBY_VERSION
words = %w[kiwi fig apple]
puts "#{words.sort} #{words.sum(&:size) + 1}"
s = "héllo"
puts "#{"hello".reverse} #{s} #{s.bytesize} #{s.upcase}"
m = "on 2026-11-23 x=42".match(/(?<year>\d+)-(?<month>\d\d)-\d+\s(?=x)/)
puts "#{m[0].strip} #{m.post_match} #{[m[:year], m[:month]]}"
p (1..5).group_by { |i| i % 2 }
p [:a, 1, 1.5, 1r, 1i].map(&:class)
puts "#{(1..20).inject(:*)} #{(1..30).inject(:*)}"
fib = Enumerator.new { |y| a, b = 1, 1; loop { y << a; a, b = b, a + b } }
p fib.lazy.first(8)
case {kind: "list", items: ["a", 2, 3]}
in {kind: "list", items: [String => name, *rest]} then p({name:, rest:})
end
Point = Data.define(:x, :y) { def length = Math.sqrt(x * x + y * y) }
puts "#{Point.new(x: 1, y: 2).inspect} #{Point.new(3, 4).length}"'

shows ruby_exceptions_and_fibers 0 'ZeroDivisionError: divided by 0
ensured
found 7
no key
[0, 2, 4] done
SystemStackError
retried 3' "${run[@]}" "$tmp/ruby.wasm" '
begin
  begin
    1 / 0
  rescue => e
    puts "#{e.class}: #{e.message}"
    raise KeyError, "no key"
  ensure
    puts "ensured"
  end
rescue KeyError => e
  puts "found #{catch(:found) { 10.times { |i| throw :found, i if i == 7 } }}", e.message
end
f = Fiber.new { |x| 3.times { |i| x = Fiber.yield(i * x) }; :done }
puts "#{3.times.map { f.resume(2) }} #{f.resume(2)}"
def deep(n) = deep(n + 1) + 1
begin; deep(0); rescue SystemStackError => e; puts e.class; end
tries = 0
begin; tries += 1; raise "again" if tries < 3; puts "retried #{tries}"; rescue; retry; end'

shows ruby_standard_library 0 '{"a":[1,2.5,null],"b":{"c":"\u00e9"}} [1, {"x" => true}]
Set[3, 1, 2, 7]
ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
<p>7 &lt; 8</p>
1,"two, three",4
2026-11-30 Monday
[true, false] 42' "${run[@]}" "$tmp/ruby.wasm" '
require "json"; require "set"; require "digest"; require "erb"
require "strscan"; require "stringio"; require "date"; require "time"
puts "#{JSON.generate({a: [1, 2.5, nil], b: {c: "é"}}, ascii_only: true)} #{JSON.parse(%q([1, {"x": true}]))}"
p Set[3, 1, 2, 3] | Set[2, 7]
puts Digest::SHA256.hexdigest("abc")
puts ERB.new("<p><%= n %> &lt; <%= n + 1 %></p>").result_with_hash(n: 7)
io = StringIO.new; io.print 1, ",", "two, three".inspect, ",", 4; puts io.string
puts (Date.new(2026, 11, 23) + 7).strftime("%F %A")
sc = StringScanner.new("a=42")
puts "#{[!!sc.scan(/a=/), sc.eos?]} #{sc.scan(/\d+/)}"'

mkdir "$tmp/d"
cat >"$tmp/d/count.rb" <<'EOT'
# How often each word is in a file, into another.
counts = File.read("/d/in").downcase.scan(/\w+/).tally
File.open("/d/out", "w") { |f| counts.sort_by { |w, n| [-n, w] }.each { |w, n| f.puts "#{n} #{w}" } }
puts "#{__FILE__} #{Dir.children("/d").sort} #{ENV["WHO"]}"
EOT
echo "The cat and the dog and the bird" >"$tmp/d/in"
shows ruby_script_in_a_folder 0 '/d/count.rb ["count.rb", "in", "out"] me' \
	"${run[@]}" --dir "$tmp/d:/d" --env WHO=me "$tmp/ruby.wasm" 'load "/d/count.rb"'
shows ruby_wrote_a_file 0 '3 the
2 and
1 bird
1 cat
1 dog' cat "$tmp/d/out"

shows ruby_collects_garbage 0 '[1229, 9973] 200000 true' "${run[@]}" --max-memory 256M "$tmp/ruby.wasm" '
sieve = (2..10000).each_with_object(Array.new(10001, true)) { |i, s| (i * i).step(10000, i) { |j| s[j] = false } if s[i] && i * i <= 10000 }
primes = (2..10000).select { |i| sieve[i] }
h = {}
200_000.times { |i| h["key #{i}"] = [i] ; h.delete("key #{i - 1000}") }
puts "#{[primes.size, primes.last]} #{h["key 199999"][0] + 1} #{GC.count > 3}"'

shows ruby_uncaught_exception 1 '' "${run[@]}" "$tmp/ruby.wasm" 'def f = raise(ArgumentError, "so"); f'
says ruby_prints_it "f': so (ArgumentError)"
exit $bad
