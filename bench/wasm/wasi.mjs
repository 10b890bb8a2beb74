// SPDX-License-Identifier: Apache-2.0
// wasi.mjs FILE.wasm [ARGS]: a WASI program in node.
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';
import { argv, env } from 'node:process';

const wasi = new WASI({ version: 'preview1', args: argv.slice(2), env, preopens: { '.': '.' },
	returnOnExit: false });
const module = new WebAssembly.Module(readFileSync(argv[2]));
const wanted = WebAssembly.Module.imports(module);
const imports = {};
for (const name of ['wasi_snapshot_preview1', 'wasi_unstable'])
	if (wanted.some((i) => i.module === name)) imports[name] = wasi.wasiImport;
const instance = new WebAssembly.Instance(module, imports);
if (instance.exports._start && instance.exports.memory) wasi.start(instance);
else if (instance.exports._initialize) wasi.initialize(instance);
else if (instance.exports._start) instance.exports._start();
