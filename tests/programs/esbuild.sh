#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# esbuild, a Go program of 20 MB with Go's scheduler and garbage collector:
# TypeScript and JSX are parsed, bundled, minified, written.
name=esbuild
. "$(dirname "$0")/lib.bash"
fetch npm @esbuild/wasi-preview1@0.27.2 \
	ed4ef442d8db48e201bf5f55b8cd6a8fb65d21bcfa2705cc5a7381ceed33f008 esbuild.wasm
run=("$DOPPEL" run --dir "$tmp/d:/" "$fetched")

mkdir -p "$tmp/d/src"
cat >"$tmp/d/src/main.ts" <<'EOT'
import { add, type Pair } from "./lib";
import * as shapes from "./shapes";
enum Color { Red, Green = 5 }
const p: Pair = { x: add(1, 2) };
console.log(p.x as number, Color.Green, p?.y ?? "none", new shapes.Square(3).area);
EOT
cat >"$tmp/d/src/lib.ts" <<'EOT'
export interface Pair { x: number; y?: string }
export function add(a: number, b: number): number { return a + b }
export function unused<T>(a: T): T { return a }
EOT
cat >"$tmp/d/src/shapes.ts" <<'EOT'
abstract class Shape { abstract get area(): number }
export class Square extends Shape {
	constructor(private readonly side: number) { super() }
	get area() { return this.side ** 2 }
}
export class Circle extends Shape { get area() { return Math.PI } }
EOT
echo 'export default ({ n }) => <ul id="l">{n.map(i => <li>{i}</li>)}</ul>' >"$tmp/d/src/list.jsx"
echo 'body { color: #ff0000; & a { margin: 0px 0px 0px 0px } }' >"$tmp/d/src/style.css"
echo 'let a = ;' >"$tmp/d/src/bad.js"

shows esbuild_version 0 0.27.2 "${run[@]}" --version
shows esbuild_bundles_typescript 0 '(() => {
  // src/lib.ts
  function add(a, b) {
    return a + b;
  }

  // src/shapes.ts
  var Shape = class {
  };
  var Square = class extends Shape {
    constructor(side) {
      super();
      this.side = side;
    }
    get area() {
      return this.side ** 2;
    }
  };

  // src/main.ts
  var p = { x: add(1, 2) };
  console.log(p.x, 5 /* Green */, p?.y ?? "none", new Square(3).area);
})();' "${run[@]}" --bundle /src/main.ts
shows esbuild_writes_files 0 '' "${run[@]}" --log-level=error --bundle --minify --sourcemap --target=es2015 \
	--outdir=/out /src/main.ts /src/style.css
shows esbuild_wrote_maps_too 0 'main.css main.css.map main.js main.js.map' sh -c "echo \$(ls '$tmp/d/out' | sed s/style/main/ | sort)"
shows esbuild_compiles_jsx 0 'export default ({ n }) => /* @__PURE__ */ React.createElement("ul", { id: "l" }, n.map((i) => /* @__PURE__ */ React.createElement("li", null, i)));' \
	"${run[@]}" /src/list.jsx
shows esbuild_minifies_css 0 'body{color:red;& a{margin:0}}' "${run[@]}" --minify /src/style.css
shows esbuild_reports_errors 1 '' "${run[@]}" /src/bad.js
says esbuild_says_where 'src/bad.js:1:8'
if command -v node >/dev/null; then
	"${run[@]}" --bundle --minify /src/main.ts >"$tmp/bundle.js"
	shows what_esbuild_made_runs 0 '3 5 none 9' node "$tmp/bundle.js"
fi

# A module of thousands of functions takes its collector and its time.
for i in $(seq 3000); do
	echo "export function f$i(a: number[]): string { return a.map(x => x * $i + $((i % 7))).join(\"-\") + f$((i % 3000 + 1)).name }"
done >"$tmp/d/src/many.ts"
shows esbuild_minifies_a_large_file 0 '' "${run[@]}" --log-level=error --minify --outfile=/out/many.js /src/many.ts
shows what_it_minified_is_whole 0 3000 sh -c "grep -o 'export function' '$tmp/d/out/many.js' | wc -l"
exit $bad
