;; SPDX-License-Identifier: Apache-2.0
;; A large table of old objects whose fields are replaced by new ones at random:
;; the write barrier, and garbage all over the old space.
(module
  (type $node (struct (field $a (mut (ref null $node))) (field $b (mut (ref null $node)))
                      (field $v i32)))
  (type $nodes (array (mut (ref null $node))))
  (func $run (export "run") (param $n i32) (param $writes i32) (result i64)
    (local $all (ref null $nodes)) (local $i i32) (local $x i32) (local $o (ref null $node))
    (local $sum i64)
    (local.set $all (array.new_default $nodes (local.get $n)))
    (loop $fill
      (array.set $nodes (local.get $all) (local.get $i)
        (struct.new $node (ref.null $node) (ref.null $node) (local.get $i)))
      (br_if $fill (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.set $x (i32.const 1))
    (loop $write
      (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
      (local.set $o (array.get $nodes (local.get $all)
        (i32.rem_u (i32.shr_u (local.get $x) (i32.const 4)) (local.get $n))))
      (struct.set $node $a (local.get $o)
        (struct.new $node (ref.null $node) (ref.null $node) (local.get $x)))
      (struct.set $node $b (struct.get $node $a (local.get $o))
        (struct.new $node (ref.null $node) (ref.null $node) (local.get $writes)))
      (br_if $write (local.tee $writes (i32.sub (local.get $writes) (i32.const 1)))))
    (local.set $i (i32.const 0))
    (loop $count
      (local.set $o (struct.get $node $a (array.get $nodes (local.get $all) (local.get $i))))
      (if (i32.eqz (ref.is_null (local.get $o)))
        (then (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u
          (struct.get $node $v (struct.get $node $b (local.get $o))))))))
      (br_if $count (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $sum))
  (func (export "_start")
    (if (i64.eqz (call $run (i32.const 1000000) (i32.const 8000000))) (then unreachable))))
