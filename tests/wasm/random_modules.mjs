// SPDX-License-Identifier: Apache-2.0
// random_modules.mjs FILE SEED: what the modules of FILE do in this engine, in
// the words of random_modules.c.
import { readFileSync } from 'node:fs';

const GEN_FUEL = 500;
const file = readFileSync(process.argv[2]);
let seed = BigInt(process.argv[3]);
const view = new DataView(new ArrayBuffer(8));
const words = [
	[/unreachable/, 'unreachable'],
	[/memory access out of bounds|offset is out of bounds/, 'out of bounds memory access'],
	[/divide by zero|remainder by zero/, 'integer divide by zero'],
	[/divide result unrepresentable/, 'integer overflow'],
	[/table index is out of bounds|table or element segment/, 'table'],
	[/null function or function signature|signature mismatch/, 'indirect'],
	[/dereferencing a null pointer/, 'null'],
	[/illegal cast/, 'cast failure'],
	[/array (element access|index).*out of bounds|array copy/, 'out of bounds array access'],
	[/float unrepresentable/, 'float'],
];
// Engines name the same trap more or less exactly: both texts go through this.
export function plain(trap) {
	if (/^null .*reference|^null reference/.test(trap)) return 'null';
	if (/undefined element|uninitialized element|indirect call type/.test(trap)) return 'table or indirect';
	if (/out of bounds table/.test(trap)) return 'table or indirect';
	if (trap === 'table' || trap === 'indirect') return 'table or indirect';
	if (/integer overflow|invalid conversion/.test(trap)) return 'number';
	if (trap === 'float') return 'number';
	return trap;
}
function bits(type, v) {
	if (typeof v === 'bigint') return BigInt.asUintN(64, v).toString(16);
	if (type === 'i32') return (v >>> 0).toString(16);
	if (Number.isNaN(v)) return 'nan';
	if (type === 'f32') {
		view.setFloat32(0, v);
		return view.getUint32(0).toString(16);
	}
	view.setFloat64(0, v);
	return view.getBigUint64(0).toString(16);
}
function unbits(type, text) {
	const v = BigInt('0x' + text);
	if (type === 'i64') return BigInt.asIntN(64, v);
	if (type === 'i32') return Number(BigInt.asIntN(32, v));
	if (type === 'f32') {
		view.setUint32(0, Number(v));
		return view.getFloat32(0);
	}
	view.setBigUint64(0, v);
	return view.getFloat64(0);
}
// The signatures of a module's functions, from its type section: the last
// types are the functions', in order.
function leb(b, at) {
	let v = 0, s = 0, x;
	do {
		x = b[at.i++];
		v |= (x & 127) << s;
		s += 7;
	} while (x & 128);
	return v >>> 0;
}
function signatures(b) {
	const names = { 0x7f: 'i32', 0x7e: 'i64', 0x7d: 'f32', 0x7c: 'f64', 0x7b: 'v128' };
	const at = { i: 8 };
	at.i++;
	leb(b, at);
	const n = leb(b, at);
	const sigs = [];
	const type = () => {
		const c = b[at.i++];
		if (c === 0x63 || c === 0x64) leb(b, at);
		return names[c] ?? 'ref';
	};
	const list = () => Array.from({ length: leb(b, at) }, type);
	const field = () => {
		type();
		at.i++;
	};
	const one = () => {
		let c = b[at.i++];
		if (c === 0x50 || c === 0x4f) {
			for (let k = leb(b, at); k > 0; k--) leb(b, at);
			c = b[at.i++];
		}
		if (c === 0x60) sigs.push([list(), list()]);
		else if (c === 0x5e) field();
		else for (let k = leb(b, at); k > 0; k--) field();
	};
	for (let k = 0; k < n; k++) {
		if (b[at.i] === 0x4e) {
			at.i++;
			for (let r = leb(b, at); r > 0; r--) one();
		} else one();
	}
	return sigs;
}
let out = '';
for (let at = 0; at < file.length; seed++) {
	const len = file.readUInt32LE(at);
	const bytes = file.subarray(at + 4, at + 4 + len);
	at += 4 + len;
	out += `module ${seed}\n`;
	let module;
	try {
		module = new WebAssembly.Module(bytes);
	} catch (e) {
		out += `refused: ${e.message}\n`;
		continue;
	}
	const x = new WebAssembly.Instance(module).exports;
	const calls = new TextDecoder().decode(WebAssembly.Module.customSections(module, 'calls')[0]);
	let sigs = signatures(bytes);
	sigs = sigs.slice(sigs.length - nfuncs(bytes));
	for (const line of calls.split('\n').slice(0, -1)) {
		const [f, ...args] = line.split(' ');
		const [params, results] = sigs[+f];
		x.fuel.value = GEN_FUEL;
		let text;
		try {
			const r = x['f' + f](...args.map((a, i) => unbits(params[i], a)));
			const list = results.length === 0 ? [] : results.length === 1 ? [r] : [...r];
			text = list.map((v, i) => ' ' + bits(results[i], v)).join('');
		} catch (e) {
			let what = e.message ?? String(e);
			if (WebAssembly.Exception && e instanceof WebAssembly.Exception) what = 'unhandled exception';
			for (const [re, word] of words) if (re.test(what)) what = word;
			text = ' trap ' + plain(what);
		}
		out += `f${f}:${text}\n`;
	}
	const m = new Uint8Array(x.m0.buffer);
	let h = 2166136261;
	for (let i = 0; i < m.length; i++) h = Math.imul(h ^ m[i], 16777619);
	out += `memory ${m.length} ${(h >>> 0).toString(16)}\n`;
	if (out.length > 1 << 20) {
		process.stdout.write(out);
		out = '';
	}
}
process.stdout.write(out);

// The count of functions: the function section's vector.
function nfuncs(b) {
	const at = { i: 8 };
	for (;;) {
		const id = b[at.i++], n = leb(b, at);
		if (id === 3) return leb(b, at);
		at.i += n;
	}
}
