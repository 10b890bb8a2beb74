/* SPDX-License-Identifier: Apache-2.0 */
/* The loader on modules built by hand: what is read, what is refused and how,
 * bodies that wait for their call, names, hints, every allocation failing. */
#include <pthread.h>

#include "wasm/op.h"
#include "tests/wasm/bytes.h"

#define BODY(b, ...) \
	one_function(b, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* One of each section. */
static void put_everything(struct bytes *b)
{
	header(b);
	section(b, 1);
	PUT(b, 4, 0x60, 1, 0x7f, 1, 0x7f);              /* 0: i32 -> i32 */
	PUT(b, 0x60, 0, 0);                             /* 1 */
	PUT(b, 0x4e, 2, 0x50, 0, 0x5f, 1, 0x63, 3, 1,   /* 2: struct (ref null 3) */
	    0x50, 1, 2, 0x5f, 2, 0x63, 3, 1, 0x78, 0);  /* 3: sub 2 */
	PUT(b, 0x5e, 0x77, 1);                          /* 4: array i16 */
	part_end(b);
	section(b, 2);
	PUT(b, 3);
	put_name(b, "env"); put_name(b, "f"); PUT(b, 0, 0);
	put_name(b, "env"); put_name(b, "g"); PUT(b, 3, 0x7f, 0);
	put_name(b, "env"); put_name(b, "t"); PUT(b, 4, 0, 1);
	part_end(b);
	section(b, 3); PUT(b, 2, 0, 1); part_end(b);
	section(b, 4);
	PUT(b, 2, 0x70, 0, 5, 0x40, 0, 0x64, 0x70, 1, 1, 9, 0xd2, 0, 0x0b);
	part_end(b);
	section(b, 5); PUT(b, 2, 0, 1, 5, 1, 2); part_end(b);
	section(b, 13); PUT(b, 1, 0, 1); part_end(b);
	section(b, 6);
	PUT(b, 2, 0x7f, 0, 0x23, 0, 0x41, 1, 0x6a, 0x0b, 0x6c, 1, 0x41, 7, 0xfb, 28, 0x0b);
	part_end(b);
	section(b, 7);
	PUT(b, 2); put_name(b, "run"); PUT(b, 0, 1); put_name(b, "m"); PUT(b, 2, 0);
	part_end(b);
	section(b, 8); PUT(b, 2); part_end(b);
	section(b, 9);
	PUT(b, 3, 0, 0x41, 0, 0x0b, 1, 1);
	PUT(b, 5, 0x70, 1, 0xd0, 0x70, 0x0b, 7, 0x70, 1, 0xd2, 2, 0x0b);
	part_end(b);
	section(b, 12); PUT(b, 2); part_end(b);
	section(b, 0);
	put_name(b, "metadata.code.branch_hint");
	PUT(b, 1, 1, 1, 3, 1, 1);               /* function 1, offset 3: likely */
	part_end(b);
	section(b, 10);
	PUT(b, 2);
	part(b); PUT(b, 0, 0x20, 0, 0x04, 0x40, 0x0b, 0x20, 0, 0x0b); part_end(b);
	part(b); PUT(b, 2, 3, 0x7e, 2, 0x63, 2, 0x0b); part_end(b);
	part_end(b);
	section(b, 11);
	PUT(b, 2, 0, 0x41, 8, 0x0b, 3, 'a', 'b', 'c', 1, 1, 'd');
	part_end(b);
	section(b, 0);
	put_name(b, "name");
	PUT(b, 0, 4, 3, 'm', 'o', 'd');
	PUT(b, 1, 9, 2, 2, 2, 'f', '2', 0, 2, 'f', '0');        /* not in order */
	PUT(b, 2, 6, 1, 2, 1, 1, 1, 'x');
	part_end(b);
}

static void test_everything(void)
{
	struct bytes b = { 0 };
	struct loaded l;
	const struct wasm_module *m;
	struct wasm_name n;
	const struct wasm_deftype *t;

	put_everything(&b);
	l = load(&b, 0);
	m = l.m;
	if (!m)
		TEST_FAIL("%.300s", l.e.msg);
	CHECK_EQ(m->ntypes, 5);
	t = wasm_type_get(m->store, m->types[3]);
	CHECK_EQ(t->super, m->types[2]);
	CHECK_EQ(wasm_type_heap(t->fields[0].type), m->types[3]);
	CHECK_EQ(t->fields[1].packed, WASM_PACKED_I8);
	CHECK_EQ(m->nimports, 3);
	CHECK_EQ(m->imports[2].kind, WASM_EXTERN_TAG);
	CHECK(m->imports[0].module.len == 3 && !memcmp(m->imports[0].module.s, "env", 3));
	CHECK(m->nfuncs == 3 && m->nfuncs_imported == 1 && m->funcs[0].imported);
	CHECK(m->funcs[0].declared && m->funcs[1].declared && m->funcs[2].declared);
	CHECK_EQ(m->funcs[2].nlocals, 5);
	CHECK_EQ(m->funcs[2].nruns, 2);
	CHECK_EQ(m->funcs[2].runs[1].count, 2);
	CHECK_EQ(m->funcs[2].runs[1].type.bits, wasm_type_ref(m->types[2], true).bits);
	CHECK_EQ(m->funcs[1].max_stack, 1);
	CHECK_EQ(m->funcs[1].body.len, 8);
	CHECK_EQ(b.p[m->funcs[1].body.off], 0x20);
	CHECK(m->ntables == 2 && m->tables[1].init.len == 3 && !m->tables[0].init.len);
	CHECK(m->tables[1].limits.has_max && m->tables[1].limits.max == 9);
	CHECK(m->nmemories == 2 && m->memories[1].limits.is64 && m->memories[1].limits.max == 2);
	CHECK_EQ(m->memories[0].page_shift, 16);
	CHECK(m->ntags == 2 && m->nglobals == 3 && m->globals[2].mutable_);
	CHECK(m->nexports == 2 && m->has_start && m->start == 2);
	CHECK_EQ(m->nelems, 3);
	CHECK(m->elems[0].mode == WASM_SEGMENT_ACTIVE && m->elems[0].funcs[0] == 1);
	CHECK(m->elems[1].mode == WASM_SEGMENT_PASSIVE && m->elems[1].exprs[0].len == 3);
	CHECK_EQ(m->elems[2].mode, WASM_SEGMENT_DECLARATIVE);
	CHECK(m->ndatas == 2 && m->datas[0].len == 3 && m->datas[1].bytes[0] == 'd');
	CHECK_EQ(m->datas[1].mode, WASM_SEGMENT_PASSIVE);
	CHECK_EQ(m->ncustoms, 2);

	CHECK(wasm_module_func_name(m, 0, &n) && n.len == 2 && !memcmp(n.s, "f0", 2));
	CHECK(wasm_module_func_name(m, 2, &n) && !memcmp(n.s, "f2", 2));
	CHECK(!wasm_module_func_name(m, 1, &n));
	CHECK(wasm_module_item_name(m, WASM_NAME_MODULE, 0, 0, &n) && n.len == 3);
	CHECK(wasm_module_item_name(m, WASM_NAME_LOCAL, 2, 1, &n) && n.s[0] == 'x');
	CHECK(!wasm_module_item_name(m, WASM_NAME_LOCAL, 1, 2, &n));
	CHECK_EQ(wasm_module_branch_hint(m, m->funcs[1].body.off + 2), 1);
	CHECK_EQ(wasm_module_branch_hint(m, m->funcs[1].body.off), (uint64_t)-1);
	unload(&l);
	free(b.p);
}

/* Cut anywhere, it is malformed (or, between sections, lacks something), and
 * nothing behind the cut is read (a sanitizer sees that). */
static void test_truncated(void)
{
	struct bytes b = { 0 };

	put_everything(&b);
	for (size_t n = b.n - 1; n > 8; n--) {
		struct bytes cut = { .p = b.p, .n = n };
		struct loaded l = load(&cut, 0);

		if (!l.m)
			CHECK(l.e.code == EILSEQ && !strncmp(l.e.msg, "test: offset 0x", 15));
		unload(&l);
	}
	free(b.p);
}

/* Every byte changed in every way: loaded or refused, never worse. */
static void test_changed(void)
{
	struct bytes b = { 0 };

	put_everything(&b);
	for (size_t i = 8; i < b.n; i++) {
		uint8_t old = b.p[i];

		for (unsigned v = 0; v < 256; v += 1 + i % 3) {
			struct loaded l;

			b.p[i] = (uint8_t)v;
			l = load(&b, i & 1 ? WASM_FEATURE_THREADS | WASM_FEATURE_LEGACY_EH : 0);
			if (!l.m)
				CHECK(l.e.code && l.e.msg[0]);
			unload(&l);
		}
		b.p[i] = old;
	}
	free(b.p);
}

static void test_sections(void)
{
	struct bytes b = { 0 };

	CHECK_REFUSED(&b, 0, EILSEQ, "unexpected end");
	header(&b);
	CHECK_LOADS(&b, 0);
	b.p[4] = 2;
	CHECK_REFUSED(&b, 0, EILSEQ, "unknown binary version");
	b.p[0] = 1;
	CHECK_REFUSED(&b, 0, EILSEQ, "magic header not detected");
	header(&b);
	PUT(&b, 14, 0);
	CHECK_REFUSED(&b, 0, EILSEQ, "malformed section id");
	header(&b);
	PUT(&b, 5, 1, 0, 1, 1, 0);
	CHECK_REFUSED(&b, 0, EILSEQ, "unexpected content after last section");
	header(&b);
	PUT(&b, 1, 9, 0);
	CHECK_REFUSED(&b, 0, EILSEQ, "length out of bounds");
	header(&b);
	PUT(&b, 1, 2, 0, 0);
	CHECK_REFUSED(&b, 0, EILSEQ, "section size mismatch");
	header(&b);
	PUT(&b, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0);
	CHECK_REFUSED(&b, 0, EILSEQ, "function and code section have inconsistent lengths");
	header(&b);
	PUT(&b, 0, 3, 2, 0xc0, 0x80);
	CHECK_REFUSED(&b, 0, EILSEQ, "malformed UTF-8 encoding");
	header(&b);
	PUT(&b, 7, 7, 2, 1, 'a', 4, 0, 1, 'a');
	CHECK_REFUSED(&b, 0, EINVAL, "unknown tag 0");
	header(&b);
	PUT(&b, 5, 3, 1, 0, 1, 7, 9, 2, 1, 'a', 2, 0, 1, 'a', 2, 0);
	CHECK_REFUSED(&b, 0, EINVAL, "duplicate export name \"a\"");
	free(b.p);
}

static void test_types(void)
{
	struct bytes b = { 0 };

	header(&b);
	PUT(&b, 1, 4, 1, 0x60, 1, 0x63);
	CHECK_REFUSED(&b, 0, EILSEQ, "unexpected end");
	header(&b);
	PUT(&b, 1, 6, 1, 0x60, 1, 0x63, 9, 0);
	CHECK_REFUSED(&b, 0, EINVAL, "unknown type 9");
	header(&b);
	PUT(&b, 1, 5, 1, 0x5f, 1, 0x63, 0);
	CHECK_REFUSED(&b, 0, EILSEQ, "unexpected end");
	header(&b);     /* final supertype */
	PUT(&b, 1, 8, 2, 0x5f, 0, 0x50, 1, 0, 0x5f, 0);
	CHECK_REFUSED(&b, 0, EINVAL, "sub type 1 has final super type");
	header(&b);     /* fewer fields */
	PUT(&b, 1, 12, 2, 0x50, 0, 0x5f, 1, 0x7f, 0, 0x50, 1, 0, 0x5f, 0);
	CHECK_REFUSED(&b, 0, EINVAL, "sub type 1 does not match super type");
	header(&b);     /* of itself */
	PUT(&b, 1, 6, 1, 0x50, 1, 0, 0x5f, 0);
	CHECK_REFUSED(&b, 0, EINVAL, "unknown type");
	header(&b);
	PUT(&b, 5, 3, 1, 2, 1);
	CHECK_REFUSED(&b, 0, EILSEQ, "malformed limits flags");
	CHECK_REFUSED(&b, WASM_FEATURE_THREADS, EINVAL, "shared memory must have maximum");
	header(&b);
	PUT(&b, 5, 5, 1, 0, 0x81, 0x80, 4);
	CHECK_REFUSED(&b, 0, EINVAL, "memory size");
	free(b.p);
}

static void test_bodies(void)
{
	struct bytes b = { 0 };

	BODY(&b, 0x41, 1, 0x1a);
	CHECK_LOADS(&b, 0);
	BODY(&b, 0x41, 1);
	CHECK_REFUSED(&b, 0, EINVAL, "type mismatch: block requires [] but stack has [i32]");
	BODY(&b, 0x42, 1, 0x45, 0x1a);
	CHECK_REFUSED(&b, 0, EINVAL,
		      "type mismatch: instruction requires [i32] but stack has [i64]");
	BODY(&b, 0x41, 1, 0x6a, 0x1a);
	CHECK_REFUSED(&b, 0, EINVAL,
		      "type mismatch: instruction requires [i32 i32] but stack has [i32]");
	BODY(&b, 0x00, 0x6a, 0x1a);
	CHECK_LOADS(&b, 0);
	BODY(&b, 0x00, 0x42, 0, 0x6a, 0x1a);
	CHECK_REFUSED(&b, 0, EINVAL, "type mismatch");
	BODY(&b, 0x20, 0, 0x1a);
	CHECK_REFUSED(&b, 0, EINVAL, "unknown local 0");
	BODY(&b, 0x0c, 1);
	CHECK_REFUSED(&b, 0, EINVAL, "unknown label 1");
	BODY(&b, 0x28, 2, 0, 0x1a);
	CHECK_REFUSED(&b, 0, EINVAL, "unknown memory 0");
	BODY(&b, 0x05);
	CHECK_REFUSED(&b, 0, EILSEQ, "END opcode expected");
	BODY(&b, 0x41, 0x80, 0x80, 0x80, 0x80, 0x80, 0);
	CHECK_REFUSED(&b, 0, EILSEQ, "integer representation too long");
	BODY(&b, 0x41, 0x80, 0x80, 0x80, 0x80, 0x70, 0x1a, 0x41, 0x80, 0x80, 0x80, 0x80, 0x60);
	CHECK_REFUSED(&b, 0, EILSEQ, "integer too large");
	BODY(&b, 0xff);
	CHECK_REFUSED(&b, 0, EILSEQ, "illegal opcode ff");
	BODY(&b, 0xfd, 0xff, 0x0f);
	CHECK_REFUSED(&b, 0, EILSEQ, "illegal opcode fd 7ff");
	BODY(&b, 0xfe, 3, 0);
	CHECK_REFUSED(&b, 0, EILSEQ, "illegal opcode fe 03");
	CHECK_LOADS(&b, WASM_FEATURE_THREADS);
	BODY(&b, 0x06, 0x40, 0x19, 0x0b);
	CHECK_REFUSED(&b, 0, EILSEQ, "illegal opcode 06");
	CHECK_LOADS(&b, WASM_FEATURE_LEGACY_EH);
	BODY(&b, 0x06, 0x40, 0x18, 1);
	CHECK_REFUSED(&b, WASM_FEATURE_LEGACY_EH, EINVAL, "unknown label 1");
	BODY(&b, 0x09, 0);
	CHECK_REFUSED(&b, WASM_FEATURE_LEGACY_EH, EINVAL, "invalid rethrow label");
	free(b.p);
}

/* A local without a default has a value only where it was set. */
static void test_local_init(void)
{
	static const uint8_t get[] = { 0x20, 0, 0x1a }, set[] = { 0xd2, 0, 0x21, 0 };
	static const struct { bool set, in_block, ok; } cases[] = {
		{ false, false, false }, { true, false, true }, { true, true, false },
	};
	struct bytes b = { 0 };

	for (unsigned i = 0; i < 3; i++) {
		header(&b);
		PUT(&b, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 7, 4, 1, 0, 0, 0);
		section(&b, 10);
		PUT(&b, 1);
		part(&b);
		PUT(&b, 1, 1, 0x64, 0x70);
		if (cases[i].in_block)
			PUT(&b, 0x02, 0x40);
		if (cases[i].set)
			put_bytes(&b, set, sizeof(set));
		if (cases[i].in_block)
			PUT(&b, 0x0b);
		put_bytes(&b, get, sizeof(get));
		PUT(&b, 0x0b);
		part_end(&b);
		part_end(&b);
		if (cases[i].ok)
			CHECK_LOADS(&b, 0);
		else
			CHECK_REFUSED(&b, 0, EINVAL, "uninitialized local 0");
	}
	free(b.p);
}

/* Each row of op.def is decoded to itself and typed by somebody: with nothing
 * on the stack and zeros behind it, the answer is a verdict on the body. */
static void test_every_instruction(void)
{
	for (unsigned row = 0; row < WASM_ROWS; row++) {
		uint32_t code = wasm_ops[row].code;
		uint8_t body[40] = { 0x00, code > 0xff ? (uint8_t)(code >> 16) : (uint8_t)code };
		struct bytes b = { 0 };
		struct wasm_insn in;
		const uint8_t *p = body + 1;
		struct loaded l;

		CHECK_EQ(wasm_op_row(code), row);
		if (code > 0xff) {
			body[2] = code & 0x7f;
			if ((code & 0xffff) > 0x7f) {
				body[2] |= 0x80;
				body[3] = (code & 0xffff) >> 7;
			}
		}
		if (wasm_op_decode(&p, body + sizeof(body), &in) || in.row != row)
			TEST_FAIL("%s is not read", wasm_ops[row].text);
		one_function(&b, body, sizeof(body));
		l = load(&b, WASM_FEATURE_THREADS | WASM_FEATURE_LEGACY_EH);
		if (!l.m && strstr(l.e.msg, "illegal opcode"))
			TEST_FAIL("%s: %.300s", wasm_ops[row].text, l.e.msg);
		unload(&l);
		free(b.p);
	}
}

/* ---- bodies that wait ---- */

static void *validate(void *m)
{
	return (void *)(intptr_t)wasm_module_validate_body(m, 0, NULL);
}

static void test_lazy(void)
{
	struct bytes b = { 0 };
	struct loaded l;
	pthread_t thread;
	void *other;
	struct err e = { 0 };

	BODY(&b, 0x41, 1);
	l = load(&b, WASM_LAZY_BODIES);
	CHECK(l.m);
	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(wasm_module_validate_body(l.m, 0, &e), -EINVAL);
		CHECK(strstr(e.msg, "type mismatch"));
	}
	unload(&l);
	BODY(&b, 0x41, 1, 0x1a);
	l = load(&b, WASM_LAZY_BODIES);
	CHECK_EQ(pthread_create(&thread, NULL, validate, l.m), 0);
	CHECK_EQ(wasm_module_validate_body(l.m, 0, &e), 0);
	CHECK_EQ(l.m->funcs[0].body.len, 4);
	CHECK_EQ(l.m->funcs[0].max_stack, 1);
	pthread_join(thread, &other);
	CHECK(!other);
	unload(&l);
	/* The entry's size counts also then. */
	BODY(&b, 0x0b);
	l = load(&b, WASM_LAZY_BODIES);
	CHECK_EQ(wasm_module_validate_body(l.m, 0, &e), -EILSEQ);
	CHECK(strstr(e.msg, "section size mismatch"));
	unload(&l);
	free(b.p);
}

/* ---- the host is out of memory ---- */

static void test_out_of_memory(void)
{
	struct bytes b = { 0 };
	bool loaded = false;
	int n;

	put_everything(&b);
	for (n = 1; !loaded && n < 200; n++) {
		char spec[32];
		struct loaded l;

		snprintf(spec, sizeof(spec), "alloc:%d", n);
		fail_setup(spec);
		l = load(&b, n & 1 ? WASM_LAZY_BODIES : 0);
		fail_setup(NULL);
		loaded = l.m;
		if (!l.m)
			CHECK(l.e.code == ENOMEM && strstr(l.e.msg, "out of memory"));
		unload(&l);
	}
	CHECK(loaded && n > 10);
	free(b.p);
}

TEST_MAIN({ "one_of_each_section", test_everything },
	  { "cut_anywhere", test_truncated },
	  { "changed_anywhere", test_changed },
	  { "sections_have_order_and_size", test_sections },
	  { "types_are_checked", test_types },
	  { "bodies_are_checked", test_bodies },
	  { "locals_without_default_need_a_value", test_local_init },
	  { "each_instruction_is_read_and_typed", test_every_instruction },
	  { "bodies_can_wait_for_their_call", test_lazy },
	  { "each_allocation_may_fail", test_out_of_memory })
