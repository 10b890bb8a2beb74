;; SPDX-License-Identifier: Apache-2.0
;; Binary trees: short-lived trees of growing depth beside one that lives on.
;; run(depth) returns the number of nodes that were counted.
(module
  (type $tree (struct (field $left (ref null $tree)) (field $right (ref null $tree))))
  (func $make (param $depth i32) (result (ref $tree))
    (if (i32.eqz (local.get $depth))
      (then (return (struct.new_default $tree))))
    (struct.new $tree
      (call $make (i32.sub (local.get $depth) (i32.const 1)))
      (call $make (i32.sub (local.get $depth) (i32.const 1)))))
  (func $count (param $t (ref null $tree)) (result i32)
    (if (ref.is_null (local.get $t)) (then (return (i32.const 0))))
    (i32.add (i32.const 1)
      (i32.add (call $count (struct.get $tree $left (local.get $t)))
               (call $count (struct.get $tree $right (local.get $t))))))
  (func $run (export "run") (param $max i32) (result i64)
    (local $long (ref null $tree)) (local $depth i32) (local $n i32) (local $sum i64)
    (local.set $long (call $make (local.get $max)))
    (local.set $depth (i32.const 4))
    (loop $depths
      (local.set $n (i32.shl (i32.const 1)
        (i32.add (i32.sub (local.get $max) (local.get $depth)) (i32.const 4))))
      (loop $trees
        (local.set $sum (i64.add (local.get $sum)
          (i64.extend_i32_u (call $count (call $make (local.get $depth))))))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $trees (local.get $n)))
      (local.set $depth (i32.add (local.get $depth) (i32.const 2)))
      (br_if $depths (i32.le_u (local.get $depth) (local.get $max))))
    (i64.add (local.get $sum) (i64.extend_i32_u (call $count (local.get $long)))))
  (func (export "_start")
    (if (i64.ne (call $run (i32.const 16)) (i64.const 14723759)) (then unreachable))))
