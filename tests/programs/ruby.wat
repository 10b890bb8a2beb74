;; SPDX-License-Identifier: Apache-2.0
;; Runs a text as a Ruby program: doppel run ... ruby.wat CODE [ARGUMENTS].
;; Ruby is a library here (--preload ruby=...), for another host, which would
;; keep objects for it by handles (--preload canonical_abi=ruby_handles.wat).
;; Strings are a pointer and a length, in memory that cabi_realloc gave, and end
;; with a 0 that counts; what a function takes is its own.  The exit status is 1 after an exception, which is
;; printed.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "ruby" "memory" (memory 1))
  (import "ruby" "cabi_realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
  (import "ruby" "ruby-init: func(args: list<string>) -> ()" (func $init (param i32 i32)))
  (import "ruby" "ruby-init-loadpath: func() -> ()" (func $loadpath))
  (import "ruby" "rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>"
    (func $eval (param i32 i32) (result i32)))
  (export "memory" (memory 0))

  (data $options "ruby\00-EUTF-8\00-e_=0\00")
  (data $report "$stderr.puts $!.full_message(highlight: false) unless SystemExit === $!\00")
  (data $flush "$stdout.flush\00")

  (func $new (param $n i32) (result i32)
    (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (local.get $n)))
  (func $list_add (param $list i32) (param $text i32) (param $len i32)
    (local $copy i32)
    (local.set $copy (call $new (local.get $len)))
    (memory.copy (local.get $copy) (local.get $text) (local.get $len))
    (i32.store (local.get $list) (local.get $copy))
    (i32.store offset=4 (local.get $list) (local.get $len)))

  (func $start_ruby
    (local $text i32) (local $list i32)
    (local.set $text (call $new (i32.const 19)))
    (memory.init $options (local.get $text) (i32.const 0) (i32.const 19))
    (local.set $list (call $new (i32.const 24)))
    (call $list_add (local.get $list) (local.get $text) (i32.const 5))
    (call $list_add (i32.add (local.get $list) (i32.const 8))
      (i32.add (local.get $text) (i32.const 5)) (i32.const 8))
    (call $list_add (i32.add (local.get $list) (i32.const 16))
      (i32.add (local.get $text) (i32.const 13)) (i32.const 6))
    (call $init (local.get $list) (i32.const 3))
    (call $loadpath))

  ;; argv[1]: its address and length, the 0 included.
  (func $code (result i32 i32)
    (local $at i32) (local $argv i32) (local $n i32)
    (local.set $at (call $new (i32.const 8)))
    (drop (call $sizes (local.get $at) (i32.add (local.get $at) (i32.const 4))))
    (if (i32.lt_u (i32.load (local.get $at)) (i32.const 2)) (then (call $exit (i32.const 2))))
    (local.set $argv (call $new (i32.mul (i32.load (local.get $at)) (i32.const 4))))
    (drop (call $args (local.get $argv) (call $new (i32.load offset=4 (local.get $at)))))
    (local.set $at (i32.load offset=4 (local.get $argv)))
    (loop $more
      (if (i32.load8_u (i32.add (local.get $at) (local.get $n)))
        (then
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br $more))))
    (local.get $at) (i32.add (local.get $n) (i32.const 1)))

  (func (export "_start")
    (local $failed i32) (local $text i32)
    (call $start_ruby)
    (local.set $failed (i32.load offset=4 (call $eval (call $code))))
    (if (local.get $failed)
      (then
        (local.set $text (call $new (i32.const 72)))
        (memory.init $report (local.get $text) (i32.const 0) (i32.const 72))
        (drop (call $eval (local.get $text) (i32.const 72)))))
    (local.set $text (call $new (i32.const 14)))
    (memory.init $flush (local.get $text) (i32.const 0) (i32.const 14))
    (drop (call $eval (local.get $text) (i32.const 14)))
    (if (local.get $failed) (then (call $exit (i32.const 1))))))
