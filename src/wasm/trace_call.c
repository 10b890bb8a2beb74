/* SPDX-License-Identifier: Apache-2.0 */
/* Lines for calls; see trace_call.h. */
#include "wasm/trace_call.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "wasm/interp_ops.h"

enum { INDENT_MAX = 64, TEXT = 512 };

struct wasm_call_trace {
	uint64_t **frames;      /* from the outermost */
	uint32_t n, cap;
	bool open;              /* the innermost's line is not written yet: */
	char line[TEXT];
	size_t len;
};

/* ---- text ---- */

static void __attribute__((format(printf, 2, 3)))
add(struct wasm_call_trace *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->line + t->len, TEXT - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len = MIN(t->len + (size_t)n, (size_t)TEXT - 1);
}

static void begin(struct wasm_call_trace *t, uint32_t depth)
{
	t->len = 0;
	t->line[0] = 0;
	add(t, "%*s", (int)(2 * MIN(depth, (uint32_t)INDENT_MAX)), "");
}

static void write_line(struct wasm_call_trace *t)
{
	t->open = false;
	base_utf8_clean(t->line, t->len);
	log_line("call", "%s", t->line);
}

static void add_name(struct wasm_call_trace *t, const struct wasm_rt_func *f)
{
	const struct wasm_module *m = f->inst->module;
	struct wasm_name name;

	if (wasm_module_item_name(m, WASM_NAME_MODULE, 0, 0, &name))
		add(t, "%.*s!", (int)MIN(name.len, 80u), name.s);
	if (wasm_module_func_name(m, f->index, &name))
		add(t, "%.*s", (int)MIN(name.len, 200u), name.s);
	else
		add(t, "func[%" PRIu32 "]", f->index);
}

static void add_value(struct wasm_call_trace *t, struct wasm_type type, const uint64_t *slot)
{
	float f;
	double d;

	switch (wasm_type_kind(type)) {
	case WASM_I32:
		add(t, "%" PRId32, (int32_t)slot[0]);
		break;
	case WASM_I64:
		add(t, "%" PRId64, (int64_t)slot[0]);
		break;
	case WASM_F32:
		memcpy(&f, slot, sizeof(f));
		add(t, "%.9g", (double)f);
		break;
	case WASM_F64:
		memcpy(&d, slot, sizeof(d));
		add(t, "%.17g", d);
		break;
	case WASM_V128:
		add(t, "0x%016" PRIx64 "%016" PRIx64, slot[1], slot[0]);
		break;
	default:
		add(t, slot[0] ? "ref" : "null");
	}
}

static void add_values(struct wasm_call_trace *t, const struct wasm_type *types, uint32_t n,
		       const uint64_t *slots)
{
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			add(t, ", ");
		add_value(t, types[i], slots);
		slots += wasm_type_kind(types[i]) == WASM_V128 ? 2 : 1;
	}
}

/* ---- events ---- */

/* NULL: no memory for it. */
static struct wasm_call_trace *trace_of(struct wasm_store *s)
{
	if (!s->calls)
		s->calls = base_zalloc(sizeof(*s->calls));
	return s->calls;
}

static void forget_from(struct wasm_call_trace *t, const uint64_t *fp)
{
	while (t->n && t->frames[t->n - 1] >= fp)
		t->n--;
}

static bool push(struct wasm_call_trace *t, uint64_t *fp)
{
	if (t->n == t->cap) {
		uint32_t cap = t->cap ? t->cap * 2 : 256;
		void *more = base_realloc(t->frames, cap * sizeof(*t->frames));

		if (!more)
			return false;
		t->frames = more;
		t->cap = cap;
	}
	t->frames[t->n++] = fp;
	return true;
}

static void __attribute__((noinline))
entered(struct wasm_store *s, uint64_t *fp, const struct wasm_rt_func *f)
{
	const struct wasm_deftype *d = wasm_type_get(s->types, f->type);
	struct wasm_call_trace *t = trace_of(s);

	if (!t)
		return;
	if (t->open)
		write_line(t);
	forget_from(t, fp);
	begin(t, t->n);
	add_name(t, f);
	add(t, "(");
	add_values(t, d->types, d->nparams, fp);
	add(t, ")");
	t->open = push(t, fp);
}

static void __attribute__((noinline))
left(struct wasm_store *s, uint64_t *fp, const struct wasm_rt_func *f, const uint64_t *results)
{
	const struct wasm_deftype *d = wasm_type_get(s->types, f->type);
	struct wasm_call_trace *t = trace_of(s);
	bool leaf;

	/* A constant expression returns, too. */
	if (!t || !f->body || !t->n)
		return;
	leaf = t->open && t->frames[t->n - 1] == fp;
	if (t->open && !leaf)
		write_line(t);
	forget_from(t, fp);
	if (!leaf) {
		begin(t, t->n);
		add_name(t, f);
	}
	if (d->nresults || !leaf)
		add(t, d->nresults ? " = " : " returns");
	add_values(t, d->types + d->nparams, d->nresults, results);
	write_line(t);
}

void wasm__trace_trap(struct wasm_store *s, const uint64_t *base, enum wasm_trap trap)
{
	struct wasm_call_trace *t = s->calls;

	if (!t || !t->n || t->frames[t->n - 1] < base)
		return;
	if (!t->open)
		begin(t, t->n);
	add(t, "%s%s", t->open ? " " : "", trap == WASM_TRAP_EXIT ? "exits" : "traps: ");
	if (trap != WASM_TRAP_EXIT)
		add(t, "%s", trap == WASM_TRAP_HOST ? wasm_store_trap_message(s)
						    : wasm_rt_trap_message(trap));
	write_line(t);
	forget_from(t, base);
}

void wasm__trace_flush(struct wasm_store *s)
{
	if (s->calls && s->calls->open)
		write_line(s->calls);
}

void wasm__trace_fini(struct wasm_store *s)
{
	if (s->calls)
		base_free(s->calls->frames);
	base_free(s->calls);
	s->calls = NULL;
}

/* ---- operations ---- */

static inline const struct wasm_rt_func *func_of(const struct wasm_op *pc, const uint64_t *fp)
{
	return ((const struct wasm_frame *)(fp + pc->d))->func;
}

OP_FN(trace_entered)
{
	entered(st, fp, func_of(pc, fp));
	NEXT(1);
}

/* By value: an address of an argument would keep the next operation from being
 * a jump. */
static void __attribute__((noinline))
left_by(struct wasm_store *st, const struct wasm_op *pc, uint64_t *fp, uint64_t r, float sf,
	double df)
{
	const struct wasm_op *ret = pc + 1;
	uint64_t acc = r;

	if (ret->fn == wasm__op_ret_f32_r)
		memcpy(&acc, &sf, sizeof(sf));
	else if (ret->fn == wasm__op_ret_f64_r)
		memcpy(&acc, &df, sizeof(df));
	else if (ret->fn != wasm__op_ret_r) {
		left(st, fp, func_of(pc, fp), fp + ret->a);
		return;
	}
	left(st, fp, func_of(pc, fp), &acc);
}

OP_FN(trace_left)
{
	left_by(st, pc, fp, r, sf, df);
	NEXT(1);
}
