// SPDX-License-Identifier: Apache-2.0
// Makes a WASI program that runs every numeric row of op.def and simd.def, and
// all loads and stores, in each way in which operands can reach it, on random
// and special numbers, and writes all results to standard output.
//
//     node rows_agree_with_v8.mjs make SEED DIR       DIR/rows.wasm, DIR/v8.out
//     node rows_agree_with_v8.mjs compare SEED DIR    DIR/v8.out with DIR/doppel.out
//     node rows_agree_with_v8.mjs canonical SEED DIR  the same, deterministic
//
// A row that makes a NaN may choose which one (the positive canonical one in
// the deterministic profile); everything else agrees bit for bit.  Rows that may trap get operands for which they do not; relaxed rows
// are left out.
import { readFileSync, writeFileSync } from 'node:fs'

const [, , command, seedText, dir] = process.argv
const CASES = 48 // for each row and variant
const IN = 1024 // three operands of all cases, 16 bytes each
const OUT = IN + 3 * CASES * 16

// ---- rows ----

const rows = []
for (const file of ['op', 'simd']) {
	const text = readFileSync(`src/wasm/${file}.def`, 'utf8')
	const re = /^OP\((\w+), (0x[0-9a-f]+), "([^"]+)", (\w+), "([^"]*)",\s*(.*)\)$/gm
	for (const m of text.matchAll(re)) {
		const [, id, code, name, imm, sig, sem] = m
		if (sig === '*' || name.includes('relaxed') || name.includes('atomic')) continue
		if (!['NONE', 'LANE', 'LANES16', 'MEMARG', 'MEMARG_LANE'].includes(imm)) continue
		const [params, results] = sig.replace('x', 'i').split(':')
		if (!params) continue
		const nan = /^(NAN|V_V\(CANON|VV_V\(CANON|VVV_V\(CANON)/.test(sem)
		rows.push({ id, code: Number(code), name, imm, params, result: results, nan })
	}
}
if (rows.length < 390) throw new Error(`only ${rows.length} rows read`)

// ---- numbers ----

let state = BigInt(seedText) * 0x9e3779b97f4a7c15n + 88172645463325252n
const M64 = (1n << 64n) - 1n
function random64() {
	state &= M64
	state ^= (state << 13n) & M64
	state ^= state >> 7n
	state ^= (state << 17n) & M64
	return (state * 0x2545f4914f6cdd1dn) & M64
}
const pick = (list) => list[Number(random64() >> 40n) % list.length]
const view = new DataView(new ArrayBuffer(16))
const FLOATS = [0, 0.5, 1, 1.5, 2.5, 127, 32767, 8388607.5, 8388608, 2147483647, 2147483648, 2147483649,
	4294967295, 4294967296, 9223372036854775807, 18446744073709551615, 1e30, 1e300, 1.4e-45, 5e-324,
	4503599627370495.5, 0.1, 3, Infinity]
const INTS = [0n, 1n, 2n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 0x7fffffffn, 0x80000000n, 0xffffffffn,
	0x7fffffffffffffffn, 0x8000000000000000n, M64, 0x7fc000007fc00000n, 0x7ff8000000000000n, 0x7f8000017f800001n,
	0x7ff0000000000001n, 0xfff4000000000000n]
function number64() {
	switch (Number(random64() >> 61n)) {
	case 0: case 1:
		view.setFloat64(0, pick(FLOATS) * (random64() & 1n ? -1 : 1))
		return view.getBigUint64(0)
	case 2: case 3:
		view.setFloat32(0, pick(FLOATS) * (random64() & 1n ? -1 : 1))
		view.setFloat32(4, pick(FLOATS) * (random64() & 1n ? -1 : 1))
		return view.getBigUint64(0)
	case 4: case 5: return pick(INTS)
	case 6: return random64() & 0xffn
	default: return random64()
	}
}

// ---- code ----

const TYPE = { i: 0x7f, I: 0x7e, f: 0x7d, F: 0x7c, V: 0x7b }
const LOAD = { i: [0x28], I: [0x29], f: [0x2a], F: [0x2b], V: [0xfd, 0] }
const STORE = { i: [0x36], I: [0x37], f: [0x38], F: [0x39], V: [0xfd, 11] }
const LOCAL = { i: [1, 2, 3], I: [4, 5, 6], f: [7, 8, 9], F: [10, 11, 12], V: [13, 14, 15] } // 0: the case's offset
function leb(n) {
	const out = []
	do {
		out.push((n & 127) | (n > 127 ? 128 : 0))
		n >>>= 7
	} while (n)
	return out
}
function sleb(v) { // BigInt
	const out = []
	for (;;) {
		const b = Number(v & 127n)
		v >>= 7n
		if ((v === 0n && !(b & 64)) || (v === -1n && b & 64)) return [...out, b]
		out.push(b | 128)
	}
}
const le = (v, n) => Array.from({ length: n }, (_, i) => Number((v >> BigInt(8 * i)) & 255n))
function constant(t, v = number64()) {
	switch (t) {
	case 'i': return [0x41, ...sleb(BigInt.asIntN(32, v))]
	case 'I': return [0x42, ...sleb(BigInt.asIntN(64, v))]
	case 'f': return [0x43, ...le(v, 4)]
	case 'F': return [0x44, ...le(v, 8)]
	default: return [0xfd, 12, ...le(v, 8), ...le(number64(), 8)]
	}
}
const f32 = (x) => (view.setFloat32(0, x), BigInt(view.getUint32(0)))
const f64 = (x) => (view.setFloat64(0, x), view.getBigUint64(0))
const memory = (op, offset) => [...op, 0, ...leb(offset)]
const load = (t, k) => [0x20, 0, ...memory(LOAD[t], IN + k * CASES * 16)]

// Operands that a trapping row takes: what traps is replaced by something else.
function tame(row, k, code) {
	const [, op] = row.name.split('.'), t = row.params[0]
	const tmp = LOCAL[t][2], get = [0x20, tmp]
	if (/^(div|rem)_/.test(op)) {
		if (k === 0 && op === 'div_s')
			return [...code, ...constant(t, t === 'i' ? 0x7fffffffn : 0x7fffffffffffffffn), t === 'i' ? 0x71 : 0x83]
		if (k === 1) return [...code, 0x22, tmp, ...constant(t, 7n), ...get, t === 'i' ? 0x45 : 0x50, 0x45, 0x1b]
	}
	const m = /^trunc_f(32|64)_([su])$/.exec(op)
	if (m && m[1] === (t === 'f' ? '32' : '64')) {
		const bits = row.result === 'i' ? 31 : 63
		const lo = m[2] === 's' ? -(2 ** bits) : -1, hi = 2 ** (m[2] === 's' ? bits : bits + 1)
		const c = t === 'f' ? f32 : f64
		// x > lo and x < hi
		return [...code, 0x22, tmp, ...constant(t, c(1.5)), ...get, ...constant(t, c(lo)), t === 'f' ? 0x5e : 0x64,
			...get, ...constant(t, c(hi)), t === 'f' ? 0x5d : 0x63, 0x71, 0x1b]
	}
	return code
}
function opcode(row, offset) {
	const code = row.code >= 0x10000 ? [row.code >> 16, ...leb(row.code & 0xffff)] : [row.code]
	const lanes = { i8x16: 16, i16x8: 8, i32x4: 4, i64x2: 2, f32x4: 4, f64x2: 2 }[row.name.split('.')[0]] ??
		128 / Number(/\d+(?=_lane)/.exec(row.name))
	if (row.imm.startsWith('MEMARG')) code.push(0, ...leb(offset))
	if (row.imm.endsWith('LANE')) code.push(Number(random64() >> 40n) % lanes)
	if (row.imm === 'LANES16') for (let i = 0; i < 16; i++) code.push(Number(random64() >> 59n))
	return code
}
// Where operands come from: m(emory: just loaded), l(ocal), c(onstant).
const VARIANTS = { 1: ['m', 'l', 'c'], 2: ['mm', 'll', 'lc', 'mc', 'cl', 'ml', 'lm', 'cm'], 3: ['mmm', 'lll', 'lcm'] }
function body(row, variant) {
	let code = []
	row.params.split('').forEach((t, k) => {
		if (variant[k] === 'l') code.push(...tame(row, k, load(t, k)), 0x21, LOCAL[t][k])
	})
	row.params.split('').forEach((t, k) => {
		if (variant[k] === 'm') code.push(...tame(row, k, load(t, k)))
		if (variant[k] === 'l') code.push(0x20, LOCAL[t][k])
		if (variant[k] === 'c') code.push(...tame(row, k, constant(t)))
	})
	return [...code, ...opcode(row)]
}
// Addresses: of loads anywhere in the input, of stores the case's place in the
// output; "a" and "k" are sums, of two locals and of a local and a constant.
const ADDRESSES = ['m', 'l', 'c', 'a', 'k']
function memoryBody(row, variant, n) {
	const store = !row.result, at = store ? OUT + n * CASES * 16 : IN
	const offset = pick([0, 1, 8, 200, 700]), base = store ? at - offset : at + (Number(random64() >> 40n) % 256)
	const varying = store ? [0x20, 0] : [...load('i', 0), 0x41, 0xff, 0, 0x71] // case, or 0 to 127
	let pre = [], code
	switch (variant[0]) {
	case 'm': code = [...constant('i', BigInt(base)), ...varying, 0x6a, 0x41, 0, 0x6a]; break
	case 'l': pre = [...constant('i', BigInt(base)), ...varying, 0x6a, 0x21, 2]; code = [0x20, 2]; break
	case 'c': code = constant('i', BigInt(base)); break
	case 'a':
		pre = [...constant('i', BigInt(base)), 0x21, 2, ...varying, 0x21, 3]
		code = [0x20, 2, 0x20, 3, 0x6a]
		break
	case 'k': pre = [...varying, 0x21, 2]; code = [0x20, 2, ...constant('i', BigInt(base)), 0x6a]; break
	}
	const t = row.params[1]
	if (t && variant[1] === 'l') pre = [...load(t, 1), 0x21, LOCAL[t][0], ...pre]
	if (t) code = [...code, ...(variant[1] === 'l' ? [0x20, LOCAL[t][0]] : variant[1] === 'm' ? load(t, 1) : constant(t))]
	return [...pre, ...code, ...opcode(row, offset)]
}
function memoryFunctions(row) {
	for (const a of ADDRESSES)
		for (const v of row.params[1] ? ['m', 'l', 'c'] : ['']) {
			const n = functions.length
			functions.push({ row, variant: a + v, use: row.result ? 'load' : 'store', code: memoryBody(row, a + v, n) })
		}
}

// What a test's result goes to: memory, if, br_if, select.
const USES = {
	value: (c) => c,
	if: (c) => [...c, 0x04, 0x7f, ...constant('i', 11n), 0x05, ...constant('i', 22n), 0x0b],
	br_if: (c) => [0x02, 0x7f, ...constant('i', 33n), ...c, 0x0d, 0, 0x1a, ...constant('i', 44n), 0x0b],
	eqz_br_if: (c) => [0x02, 0x7f, ...constant('i', 33n), ...c, 0x45, 0x0d, 0, 0x1a, ...constant('i', 44n), 0x0b],
	select: (c) => [...constant('i', 55n), ...constant('i', 66n), ...c, 0x1b],
}
const isTest = (row) => row.result === 'i' && /^(eqz?|ne|[lg][te])(_[su])?$|_true$/.test(row.name.split('.')[1])
const functions = []
for (const row of rows)
	if (row.imm.startsWith('MEMARG')) memoryFunctions(row)
	else for (const variant of VARIANTS[row.params.length])
		for (const use of isTest(row) ? Object.keys(USES) : ['value'])
			functions.push({ row, variant, use, code: USES[use](body(row, variant)) })

// ---- the module ----

const vec = (items) => [...leb(items.length), ...items.flat()]
const section = (id, bytes) => [id, ...leb(bytes.length), ...bytes]
const str = (s) => [...leb(s.length), ...Buffer.from(s)]
function make() {
	const size = functions.length * CASES * 16
	const locals = [['i', 3], ['I', 3], ['f', 3], ['F', 3], ['V', 3]].map(([t, n]) => [n, TYPE[t]])
	const bodies = functions.map(({ row, code }, n) => {
		const b = [...vec([[1, 0x7f], ...locals]),
			0x03, 0x40, // loop
			...(row.result ? [0x20, 0, ...code, ...memory(STORE[row.result], OUT + n * CASES * 16)] : code),
			0x20, 0, 0x41, 16, 0x6a, 0x22, 0, // next case
			0x41, ...sleb(BigInt(CASES * 16)), 0x49, 0x0d, 0, 0x0b, 0x0b]
		return [...leb(b.length), ...b]
	})
	// _start: all of them, then fd_write(1, { OUT, size }, 1, 8)
	const start = [0, ...functions.flatMap((_, n) => [0x10, ...leb(n + 1)]),
		...[1, 0, 1, 8].flatMap((x) => [0x41, x]), 0x10, 0, 0x1a, 0x0b]
	const input = Array.from({ length: 3 * CASES * 2 }, () => le(number64(), 8)).flat()
	const data = (at, bytes) => [0, 0x41, ...sleb(BigInt(at)), 0x0b, ...vec(bytes.map((b) => [b]))]
	return Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
		...section(1, vec([[0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f], [0x60, 0, 0]])),
		...section(2, vec([[...str('wasi_snapshot_preview1'), ...str('fd_write'), 0, 0]])),
		...section(3, vec([...functions.map(() => [1]), [1]])),
		...section(5, vec([[0, ...leb(Math.ceil((OUT + size) / 65536))]])),
		...section(7, vec([[...str('memory'), 2, 0], [...str('_start'), 0, ...leb(functions.length + 1)]])),
		...section(10, vec([...bodies, [...leb(start.length), ...start]])),
		...section(11, vec([data(0, [...le(BigInt(OUT), 4), ...le(BigInt(size), 4)]), data(IN, input)])),
	])
}

// ---- comparison ----

const isNan = (v, w) => (w === 32 ? (v & 0x7fffffffn) > 0x7f800000n : (v & (M64 >> 1n)) > 0x7ff0000000000000n)
const isQuiet = (v, w) => (v >> (w === 32 ? 22n : 51n)) & 1n
const CANONICAL = { 32: 0x7fc00000n, 64: 0x7ff8000000000000n }
const nanAllowed = (v, w) => (command === 'canonical' ? v === CANONICAL[w] : isQuiet(v, w))
function compare(want, got) {
	if (want.length !== got.length) return `${got.length} bytes of ${want.length}`
	for (let at = 0; at < want.length; at += 8) {
		let a = want.readBigUInt64LE(at), b = got.readBigUInt64LE(at)
		const { row, variant, use } = functions[Math.floor(at / (CASES * 16))]
		if (a === b && !row.nan) continue
		const w = row.name.startsWith('f32') ? 32 : 64
		let same = row.nan
		for (let i = 0; i < 64 && same; i += w) {
			const x = BigInt.asUintN(w, a >> BigInt(i)), y = BigInt.asUintN(w, b >> BigInt(i))
			same = isNan(y, w) ? isNan(x, w) && nanAllowed(y, w) : x === y
		}
		if (!same)
			return `${row.name} (operands ${variant}, ${use}, case ${Math.floor(at / 16) % CASES}): ` +
				`${a.toString(16)} in V8, ${b.toString(16)} here`
	}
	return null
}

const module = make()
if (command === 'make') {
	writeFileSync(`${dir}/rows.wasm`, module)
	let instance
	const fd_write = (fd, iov) => {
		const m = instance.exports.memory.buffer, v = new DataView(m)
		writeFileSync(`${dir}/v8.out`, Buffer.from(m, v.getUint32(iov, true), v.getUint32(iov + 4, true)))
		return 0
	}
	instance = new WebAssembly.Instance(new WebAssembly.Module(module), { wasi_snapshot_preview1: { fd_write } })
	instance.exports._start()
} else {
	const why = compare(readFileSync(`${dir}/v8.out`), readFileSync(`${dir}/doppel.out`))
	if (why) console.log(why)
	process.exitCode = why ? 1 : 0
}
