;; SPDX-License-Identifier: Apache-2.0
;; Atomic instructions alone, then between threads of the script.

;; ---- one thread: what each width reads, writes and returns ----

(module
  (memory 1 1 shared)
  (func (export "init") (param i64) (i64.store (i32.const 0) (local.get 0)))
  (func (export "get") (result i64) (i64.load (i32.const 0)))
  (func (export "fence") (atomic.fence))

  (func (export "load8_u") (param i32) (result i32) (i32.atomic.load8_u (local.get 0)))
  (func (export "load16_u") (param i32) (result i32) (i32.atomic.load16_u (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.atomic.load (local.get 0)))
  (func (export "i64.load8_u") (param i32) (result i64) (i64.atomic.load8_u offset=3 (local.get 0)))
  (func (export "i64.load16_u") (param i32) (result i64) (i64.atomic.load16_u offset=2 (local.get 0)))
  (func (export "i64.load32_u") (param i32) (result i64) (i64.atomic.load32_u offset=4 (local.get 0)))
  (func (export "i64.load") (param i32) (result i64) (i64.atomic.load (local.get 0)))
  (func (export "store8") (param i32 i32) (i32.atomic.store8 (local.get 0) (local.get 1)))
  (func (export "store16") (param i32 i32) (i32.atomic.store16 (local.get 0) (local.get 1)))
  (func (export "store") (param i32 i32) (i32.atomic.store (local.get 0) (local.get 1)))
  (func (export "i64.store32") (param i32 i64) (i64.atomic.store32 (local.get 0) (local.get 1)))
  (func (export "i64.store") (param i32 i64) (i64.atomic.store (local.get 0) (local.get 1)))

  (func (export "add") (param i32 i32) (result i32) (i32.atomic.rmw.add (local.get 0) (local.get 1)))
  (func (export "sub") (param i32 i32) (result i32) (i32.atomic.rmw.sub (local.get 0) (local.get 1)))
  (func (export "and16") (param i32 i32) (result i32) (i32.atomic.rmw16.and_u (local.get 0) (local.get 1)))
  (func (export "or8") (param i32 i32) (result i32) (i32.atomic.rmw8.or_u (local.get 0) (local.get 1)))
  (func (export "xor") (param i32 i64) (result i64) (i64.atomic.rmw.xor (local.get 0) (local.get 1)))
  (func (export "xchg32") (param i32 i64) (result i64) (i64.atomic.rmw32.xchg_u (local.get 0) (local.get 1)))
  (func (export "add8") (param i32 i64) (result i64) (i64.atomic.rmw8.add_u (local.get 0) (local.get 1)))
  (func (export "sub16") (param i32 i64) (result i64) (i64.atomic.rmw16.sub_u (local.get 0) (local.get 1)))
  (func (export "cmpxchg") (param i32 i32 i32) (result i32)
    (i32.atomic.rmw.cmpxchg (local.get 0) (local.get 1) (local.get 2)))
  (func (export "cmpxchg8") (param i32 i32 i32) (result i32)
    (i32.atomic.rmw8.cmpxchg_u (local.get 0) (local.get 1) (local.get 2)))
  (func (export "cmpxchg64") (param i32 i64 i64) (result i64)
    (i64.atomic.rmw.cmpxchg (local.get 0) (local.get 1) (local.get 2)))
  (func (export "cmpxchg32") (param i32 i64 i64) (result i64)
    (i64.atomic.rmw32.cmpxchg_u (local.get 0) (local.get 1) (local.get 2)))

  (func (export "wait32") (param i32 i32 i64) (result i32)
    (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "wait64") (param i32 i64 i64) (result i32)
    (memory.atomic.wait64 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "notify") (param i32 i32) (result i32)
    (memory.atomic.notify (local.get 0) (local.get 1)))
  (func (export "wait32+4") (param i32) (result i32)
    (memory.atomic.wait32 offset=4 (local.get 0) (i32.const 0) (i64.const 0)))
  (func (export "notify+far") (param i32) (result i32)
    (memory.atomic.notify offset=0xfffffffc (local.get 0) (i32.const 1)))
)

(assert_return (invoke "init" (i64.const 0x8877665544332291)))
(assert_return (invoke "fence"))
(assert_return (invoke "load8_u" (i32.const 0)) (i32.const 0x91))
(assert_return (invoke "load16_u" (i32.const 6)) (i32.const 0x8877))
(assert_return (invoke "load" (i32.const 4)) (i32.const 0x88776655))
(assert_return (invoke "i64.load8_u" (i32.const 4)) (i64.const 0x88))
(assert_return (invoke "i64.load16_u" (i32.const 4)) (i64.const 0x8877))
(assert_return (invoke "i64.load32_u" (i32.const 0)) (i64.const 0x88776655))
(assert_return (invoke "i64.load" (i32.const 0)) (i64.const 0x8877665544332291))
(assert_return (invoke "store8" (i32.const 0) (i32.const 0xabcd)))
(assert_return (invoke "store16" (i32.const 2) (i32.const 0xfffe0102)))
(assert_return (invoke "get") (i64.const 0x88776655010222cd))
(assert_return (invoke "store" (i32.const 4) (i32.const -1)))
(assert_return (invoke "i64.store32" (i32.const 0) (i64.const 0x1234567890)))
(assert_return (invoke "get") (i64.const 0xffffffff34567890))
(assert_return (invoke "i64.store" (i32.const 0) (i64.const 0x0123456789abcdef)))

(assert_return (invoke "add" (i32.const 0) (i32.const 0x80000000)) (i32.const 0x89abcdef))
(assert_return (invoke "get") (i64.const 0x0123456709abcdef))
(assert_return (invoke "sub" (i32.const 4) (i32.const 0x01234568)) (i32.const 0x01234567))
(assert_return (invoke "get") (i64.const 0xffffffff09abcdef))
(assert_return (invoke "and16" (i32.const 2) (i32.const 0xffff0f0f)) (i32.const 0x09ab))
(assert_return (invoke "or8" (i32.const 0) (i32.const 0xff10)) (i32.const 0xef))
(assert_return (invoke "get") (i64.const 0xffffffff090bcdff))
(assert_return (invoke "xor" (i32.const 0) (i64.const -1)) (i64.const 0xffffffff090bcdff))
(assert_return (invoke "get") (i64.const 0x00000000f6f43200))
(assert_return (invoke "xchg32" (i32.const 4) (i64.const 0xaaaaaaaa77777777)) (i64.const 0))
(assert_return (invoke "add8" (i32.const 0) (i64.const 0x1ff)) (i64.const 0))
(assert_return (invoke "sub16" (i32.const 2) (i64.const 0x1f6f5)) (i64.const 0xf6f4))
(assert_return (invoke "get") (i64.const 0x77777777ffff32ff))
(assert_return (invoke "cmpxchg" (i32.const 4) (i32.const 0) (i32.const 1)) (i32.const 0x77777777))
(assert_return (invoke "cmpxchg" (i32.const 4) (i32.const 0x77777777) (i32.const 1)) (i32.const 0x77777777))
(assert_return (invoke "get") (i64.const 0x00000001ffff32ff))
;; what is expected is wrapped to the width of the access
(assert_return (invoke "cmpxchg8" (i32.const 0) (i32.const 0x1fe) (i32.const 0)) (i32.const 0xff))
(assert_return (invoke "get") (i64.const 0x00000001ffff32ff))
(assert_return (invoke "cmpxchg8" (i32.const 0) (i32.const 0x1ff) (i32.const 0xa11)) (i32.const 0xff))
(assert_return (invoke "get") (i64.const 0x00000001ffff3211))
(assert_return (invoke "cmpxchg32" (i32.const 0) (i64.const 0x1ffff3211) (i64.const 5)) (i64.const 0xffff3211))
(assert_return (invoke "cmpxchg64" (i32.const 0) (i64.const 0x100000005) (i64.const 7)) (i64.const 0x100000005))
(assert_return (invoke "get") (i64.const 7))

(assert_trap (invoke "load16_u" (i32.const 1)) "unaligned atomic")
(assert_trap (invoke "load" (i32.const 2)) "unaligned atomic")
(assert_trap (invoke "i64.load" (i32.const 4)) "unaligned atomic")
(assert_trap (invoke "store" (i32.const 1) (i32.const 0)) "unaligned atomic")
(assert_trap (invoke "add" (i32.const 3) (i32.const 0)) "unaligned atomic")
(assert_trap (invoke "cmpxchg64" (i32.const 4) (i64.const 0) (i64.const 0)) "unaligned atomic")
(assert_trap (invoke "load8_u" (i32.const 65536)) "out of bounds memory access")
(assert_trap (invoke "i64.load" (i32.const 65536)) "out of bounds memory access")
(assert_trap (invoke "i64.store" (i32.const -8) (i64.const 0)) "out of bounds memory access")
(assert_trap (invoke "xor" (i32.const 65536) (i64.const 0)) "out of bounds memory access")

(assert_return (invoke "wait32" (i32.const 0) (i32.const 0) (i64.const -1)) (i32.const 1))
(assert_return (invoke "wait32" (i32.const 0) (i32.const 7) (i64.const 1000)) (i32.const 2))
(assert_return (invoke "wait64" (i32.const 0) (i64.const 8) (i64.const -1)) (i32.const 1))
(assert_return (invoke "wait64" (i32.const 0) (i64.const 7) (i64.const 0)) (i32.const 2))
(assert_return (invoke "wait32+4" (i32.const 0)) (i32.const 2))
(assert_return (invoke "notify" (i32.const 0) (i32.const -1)) (i32.const 0))
(assert_trap (invoke "wait32" (i32.const 2) (i32.const 0) (i64.const 0)) "unaligned atomic")
(assert_trap (invoke "wait64" (i32.const 4) (i64.const 0) (i64.const 0)) "unaligned atomic")
(assert_trap (invoke "notify" (i32.const 1) (i32.const 0)) "unaligned atomic")
(assert_trap (invoke "wait32" (i32.const 65536) (i32.const 0) (i64.const 0)) "out of bounds memory access")
(assert_trap (invoke "wait32+4" (i32.const 65532)) "out of bounds memory access")
(assert_trap (invoke "wait32+4" (i32.const -4)) "out of bounds memory access")
(assert_trap (invoke "notify" (i32.const 65536) (i32.const 0)) "out of bounds memory access")
(assert_trap (invoke "notify+far" (i32.const 4)) "out of bounds memory access")

;; ---- a memory that is not shared ----

(module
  (memory 1 1)
  (func (export "add") (param i32) (result i32) (i32.atomic.rmw.add (local.get 0) (i32.const 5)))
  (func (export "wait32") (result i32)
    (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0)))
  (func (export "wait64") (result i32)
    (memory.atomic.wait64 (i32.const 0) (i64.const 0) (i64.const 0)))
  (func (export "notify") (param i32) (result i32)
    (memory.atomic.notify (local.get 0) (i32.const 10)))
)
(assert_return (invoke "add" (i32.const 8)) (i32.const 0))
(assert_return (invoke "add" (i32.const 8)) (i32.const 5))
(assert_trap (invoke "add" (i32.const 9)) "unaligned atomic")
(assert_trap (invoke "wait32") "expected shared memory")
(assert_trap (invoke "wait64") "expected shared memory")
(assert_return (invoke "notify" (i32.const 0)) (i32.const 0))
(assert_trap (invoke "notify" (i32.const 65536)) "out of bounds memory access")

;; ---- validation ----

(assert_invalid (module (memory 1 shared)) "shared memory must have maximum")
(assert_invalid (module (func (result i32) (i32.atomic.load (i32.const 0)))) "unknown memory")
(assert_invalid
  (module (memory 1 1 shared) (func (drop (i32.atomic.load align=2 (i32.const 0)))))
  "atomic alignment must be natural")
(assert_invalid
  (module (memory 1 1 shared) (func (drop (i64.atomic.rmw16.add_u align=1 (i32.const 0) (i64.const 0)))))
  "atomic alignment must be natural")
(assert_invalid
  (module (memory 1 1 shared) (func (drop (i32.atomic.rmw.add (i32.const 0) (i64.const 0)))))
  "type mismatch")

;; ---- an address of 64 bits ----

(module
  (memory i64 1 1 shared)
  (func (export "add") (param i64) (result i64) (i64.atomic.rmw.add offset=8 (local.get 0) (i64.const 3)))
  (func (export "wait") (param i64) (result i32)
    (memory.atomic.wait32 offset=8 (local.get 0) (i32.const 3) (i64.const 0)))
)
(assert_return (invoke "add" (i64.const 8)) (i64.const 0))
(assert_return (invoke "add" (i64.const 8)) (i64.const 3))
(assert_trap (invoke "add" (i64.const -8)) "out of bounds memory access")
(assert_trap (invoke "wait" (i64.const -8)) "out of bounds memory access")
(assert_return (invoke "wait" (i64.const 8)) (i32.const 1))

;; ---- threads: counters, and a mutex around one that is not atomic ----

(module $Counter
  (memory (export "memory") 1 1 shared)
  (func (export "counters") (result i64) (i64.load (i32.const 0)))
  (func (export "guarded") (result i32) (i32.load (i32.const 68)))
  (func (export "bytes") (result i32) (i32.load (i32.const 16)))
)

(thread $A (shared (module $Counter))
  (register "c" $Counter)
  (module
    (memory (import "c" "memory") 1 1 shared)
    (func (export "count") (local $n i32)
      (local.set $n (i32.const 20000))
      (loop $again
        (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
        (drop (i64.atomic.rmw32.sub_u (i32.const 4) (i64.const 1)))
        (drop (i32.atomic.rmw8.add_u (i32.const 16) (i32.const 1)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func $lock (local $old i32)
      (if (i32.atomic.rmw.cmpxchg (i32.const 64) (i32.const 0) (i32.const 1))
        (then
          (loop $again
            (if (i32.atomic.rmw.xchg (i32.const 64) (i32.const 2))
              (then
                (drop (memory.atomic.wait32 (i32.const 64) (i32.const 2) (i64.const -1)))
                (br $again)))))))
    (func $unlock
      (if (i32.eq (i32.atomic.rmw.xchg (i32.const 64) (i32.const 0)) (i32.const 2))
        (then (drop (memory.atomic.notify (i32.const 64) (i32.const 1))))))
    (func (export "guard") (local $n i32)
      (local.set $n (i32.const 3000))
      (loop $again
        (call $lock)
        (i32.store (i32.const 68) (i32.add (i32.load (i32.const 68)) (i32.const 1)))
        (call $unlock)
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
  (assert_return (invoke "count"))
  (assert_return (invoke "guard"))
)
(thread $B (shared (module $Counter))
  (register "c" $Counter)
  (module
    (memory (import "c" "memory") 1 1 shared)
    (func (export "count") (local $n i32)
      (local.set $n (i32.const 20000))
      (loop $again
        (drop (i64.atomic.rmw.add (i32.const 0) (i64.const 1)))
        (drop (i32.atomic.rmw.sub (i32.const 4) (i32.const 1)))
        (drop (i64.atomic.rmw8.add_u (i32.const 17) (i64.const 1)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func $lock
      (if (i32.atomic.rmw.cmpxchg (i32.const 64) (i32.const 0) (i32.const 1))
        (then
          (loop $again
            (if (i32.atomic.rmw.xchg (i32.const 64) (i32.const 2))
              (then
                (drop (memory.atomic.wait32 (i32.const 64) (i32.const 2) (i64.const -1)))
                (br $again)))))))
    (func $unlock
      (if (i32.eq (i32.atomic.rmw.xchg (i32.const 64) (i32.const 0)) (i32.const 2))
        (then (drop (memory.atomic.notify (i32.const 64) (i32.const 1))))))
    (func (export "guard") (local $n i32)
      (local.set $n (i32.const 3000))
      (loop $again
        (call $lock)
        (i32.store (i32.const 68) (i32.add (i32.load (i32.const 68)) (i32.const 1)))
        (call $unlock)
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
  (assert_return (invoke "count"))
  (assert_return (invoke "guard"))
)
(wait $A)
(wait $B)
;; -40000 in the high half, 40000 in the low one
(assert_return (invoke $Counter "counters") (i64.const 0xffff63c000009c40))
;; 20000 mod 256, twice
(assert_return (invoke $Counter "bytes") (i32.const 0x2020))
(assert_return (invoke $Counter "guarded") (i32.const 6000))

;; ---- ping and pong: each waits for the other's turn ----

(module $Table
  (memory (export "memory") 1 1 shared)
  (func (export "turns") (result i32) (i32.load (i32.const 0)))
)
(thread $Ping (shared (module $Table))
  (register "t" $Table)
  (module
    (memory (import "t" "memory") 1 1 shared)
    (func (export "play") (local $turn i32)
      (loop $next
        ;; wait until the turn is even, then make it odd
        (block $mine
          (loop $wait
            (br_if $mine (i32.eqz (i32.and
              (local.tee $turn (i32.atomic.load (i32.const 0))) (i32.const 1))))
            (drop (memory.atomic.wait32 (i32.const 0) (local.get $turn) (i64.const -1)))
            (br $wait)))
        (i32.atomic.store (i32.const 0) (i32.add (local.get $turn) (i32.const 1)))
        (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $turn) (i32.const 398))))))
  (assert_return (invoke "play"))
)
(thread $Pong (shared (module $Table))
  (register "t" $Table)
  (module
    (memory (import "t" "memory") 1 1 shared)
    (func (export "play") (local $turn i32)
      (loop $next
        (block $mine
          (loop $wait
            (br_if $mine (i32.and
              (local.tee $turn (i32.atomic.load (i32.const 0))) (i32.const 1)))
            (drop (memory.atomic.wait32 (i32.const 0) (local.get $turn) (i64.const -1)))
            (br $wait)))
        (i32.atomic.store (i32.const 0) (i32.add (local.get $turn) (i32.const 1)))
        (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $turn) (i32.const 399))))))
  (assert_return (invoke "play"))
)
(wait $Ping)
(wait $Pong)
(assert_return (invoke $Table "turns") (i32.const 400))

;; ---- growing while others look: the new pages are there for all ----

(module $Grow
  (memory (export "memory") 1 20 shared)
  (func (export "size") (result i32) (memory.size))
)
(thread $Grower (shared (module $Grow))
  (register "g" $Grow)
  (module
    (memory (import "g" "memory") 1 20 shared)
    (func (export "grow") (local $n i32)
      (loop $again
        (br_if 1 (i32.eq (memory.grow (i32.const 1)) (i32.const -1)))
        (i32.atomic.store
          (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)) (i32.const 77))
        (i32.atomic.store (i32.const 0) (memory.size))
        (br $again))))
  (assert_return (invoke "grow"))
)
(thread $Looker (shared (module $Grow))
  (register "g" $Grow)
  (module
    (memory (import "g" "memory") 1 20 shared)
    (func (export "look") (local $n i32)
      (loop $again
        (local.set $n (i32.atomic.load (i32.const 0)))
        (if (local.get $n)
          (then
            (if (i32.ne (i32.const 77)
                        (i32.atomic.load (i32.sub (i32.mul (local.get $n) (i32.const 65536)) (i32.const 4))))
              (then unreachable))
            (if (i32.lt_u (memory.size) (local.get $n)) (then unreachable))))
        (br_if $again (i32.lt_u (local.get $n) (i32.const 20))))))
  (assert_return (invoke "look"))
)
(wait $Grower)
(wait $Looker)
(assert_return (invoke $Grow "size") (i32.const 20))
