;; SPDX-License-Identifier: Apache-2.0
;; Runs a text as JavaScript and prints what it gave to print():
;; doppel run --preload quickjs=quickjs.wasm quickjs.wat CODE.
;; QuickJS is a library here.  The exit status is 1 after an exception, which is
;; printed too.  Values are handles; promises' jobs run when the text is done.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "quickjs" "memory" (memory 1))
  (import "quickjs" "malloc" (func $new (param i32) (result i32)))
  (import "quickjs" "strlen" (func $strlen (param i32) (result i32)))
  (import "quickjs" "qjs_init" (func $init (result i32)))
  (import "quickjs" "qjs_set_max_stack_size" (func $max_stack (param i32)))
  (import "quickjs" "qjs_eval" (func $qjs_eval (param i32 i32 i32 i32) (result i32)))
  (import "quickjs" "qjs_is_exception" (func $is_exception (param i32) (result i32)))
  (import "quickjs" "qjs_get_exception" (func $exception (result i32)))
  (import "quickjs" "qjs_get_string" (func $text_of (param i32) (result i32)))
  (import "quickjs" "qjs_execute_pending_job" (func $job (result i32)))
  (export "memory" (memory 0))

  (data $prelude "globalThis.printed = ''; globalThis.print = (...a) => { printed += a.join(' ') + '\\n' };\00")
  (data $printed "printed\00")

  ;; A text that ends with 0, as its value.
  (func $eval (param $text i32) (result i32)
    (call $qjs_eval (local.get $text) (call $strlen (local.get $text))
      (i32.add (local.get $text) (call $strlen (local.get $text))) (i32.const 0)))

  (func $put (param $value i32)
    (local $io i32) (local $text i32)
    (local.set $text (call $text_of (local.get $value)))
    (local.set $io (call $new (i32.const 12)))
    (i32.store (local.get $io) (local.get $text))
    (i32.store offset=4 (local.get $io) (call $strlen (local.get $text)))
    (drop (call $write (i32.const 1) (local.get $io) (i32.const 1)
      (i32.add (local.get $io) (i32.const 8)))))

  (func $argument (result i32)
    (local $at i32) (local $argv i32)
    (local.set $at (call $new (i32.const 8)))
    (drop (call $sizes (local.get $at) (i32.add (local.get $at) (i32.const 4))))
    (if (i32.lt_u (i32.load (local.get $at)) (i32.const 2)) (then (call $exit (i32.const 2))))
    (local.set $argv (call $new (i32.mul (i32.load (local.get $at)) (i32.const 4))))
    (drop (call $args (local.get $argv) (call $new (i32.load offset=4 (local.get $at)))))
    (i32.load offset=4 (local.get $argv)))

  (func (export "_start")
    (local $text i32) (local $result i32)
    (if (call $init) (then unreachable))
    (call $max_stack (i32.const 32768))
    (local.set $text (call $new (i32.const 100)))
    (memory.init $prelude (local.get $text) (i32.const 0) (i32.const 89))
    (drop (call $eval (local.get $text)))
    (local.set $result (call $eval (call $argument)))
    (loop $more (br_if $more (i32.gt_s (call $job) (i32.const 0))))
    (memory.init $printed (local.get $text) (i32.const 0) (i32.const 8))
    (call $put (call $eval (local.get $text)))
    (if (call $is_exception (local.get $result))
      (then
        (call $put (call $exception))
        (call $exit (i32.const 1))))))
