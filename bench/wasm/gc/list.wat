;; SPDX-License-Identifier: Apache-2.0
;; Lists: one of a million cells is made and reversed in place, again and again;
;; in between, short ones are mapped and summed.
(module
  (type $cell (struct (field $next (mut (ref null $cell))) (field $value i32)))
  (func $make (param $n i32) (result (ref null $cell))
    (local $l (ref null $cell))
    (loop $more
      (local.set $l (struct.new $cell (local.get $l) (local.get $n)))
      (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $l))
  (func $reverse (param $l (ref null $cell)) (result (ref null $cell))
    (local $done (ref null $cell)) (local $next (ref null $cell))
    (loop $more
      (if (i32.eqz (ref.is_null (local.get $l)))
        (then
          (local.set $next (struct.get $cell $next (local.get $l)))
          (struct.set $cell $next (local.get $l) (local.get $done))
          (local.set $done (local.get $l))
          (local.set $l (local.get $next))
          (br $more))))
    (local.get $done))
  (func $double (param $l (ref null $cell)) (result (ref null $cell))
    (local $done (ref null $cell))
    (loop $more
      (if (i32.eqz (ref.is_null (local.get $l)))
        (then
          (local.set $done (struct.new $cell (local.get $done)
            (i32.shl (struct.get $cell $value (local.get $l)) (i32.const 1))))
          (local.set $l (struct.get $cell $next (local.get $l)))
          (br $more))))
    (local.get $done))
  (func $sum (param $l (ref null $cell)) (result i64)
    (local $s i64)
    (loop $more
      (if (i32.eqz (ref.is_null (local.get $l)))
        (then
          (local.set $s (i64.add (local.get $s)
            (i64.extend_i32_u (struct.get $cell $value (local.get $l)))))
          (local.set $l (struct.get $cell $next (local.get $l)))
          (br $more))))
    (local.get $s))
  (func $run (export "run") (param $rounds i32) (result i64)
    (local $long (ref null $cell)) (local $i i32) (local $s i64)
    (loop $more
      (local.set $long (call $reverse (call $make (i32.const 1000000))))
      (local.set $i (i32.const 2000))
      (loop $short
        (local.set $s (i64.add (local.get $s)
          (call $sum (call $double (call $make (i32.const 500))))))
        (br_if $short (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (local.set $s (i64.add (local.get $s) (call $sum (local.get $long))))
      (br_if $more (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (local.get $s))
  (func (export "_start")
    (if (i64.ne (call $run (i32.const 10)) (i64.const 5005015000000)) (then unreachable))))
