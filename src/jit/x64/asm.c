/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding by table, labels and relaxation; see asm.h. */
#include "jit/x64/asm.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"

#define W X64_W
#define W1 X64_W1
#define S8 X64_S8
#define I8 X64_I8
#define I16 X64_I16
#define I32 X64_I32
#define V X64_V
#define V2 X64_V2
#define VO X64_VO
#define TIED X64_TIED
#define CL X64_CL
#define FENCE X64_FENCE
#define MEMONLY X64_MEMONLY
#define REGONLY X64_REGONLY
const struct x64_row x64_rows[X64_IDS] = {
#define X(id, text, form, prefix, map, opcode, ext, kinds, flags) \
	[X64_##id] = { text, kinds, X64_##form, prefix, map, opcode, ext, flags },
#include "jit/x64/insn.def"
#undef X
};
#undef W
#undef V

/* An instruction is at most 15 bytes; a little more, so that one check does. */
enum { ROOM = 32, NOT_PLACED = ~0u };

int x64_asm_init(struct x64_asm *a)
{
	*a = (struct x64_asm){ .nlabel = 1 };
	return 0;
}

void x64_asm_reset(struct x64_asm *a)
{
	a->len = a->nsite = 0;
	a->nlabel = 1;
	a->failed = false;
}

void x64_asm_fini(struct x64_asm *a)
{
	base_free(a->buf);
	base_free(a->site);
	base_free(a->label);
}

static bool grow(struct x64_asm *a, void *pp, uint32_t *cap, uint32_t need, size_t size)
{
	uint32_t n = MAX(need, *cap * 2);
	void *p;

	n = MAX(n, 256u);
	p = n > 1u << 28 ? NULL : base_realloc(*(void **)pp, n * size);
	if (!p) {
		a->failed = true;
		return false;
	}
	*(void **)pp = p;
	*cap = n;
	return true;
}

static inline bool room(struct x64_asm *a, uint32_t n)
{
	return LIKELY(a->len + n <= a->cap) || grow(a, &a->buf, &a->cap, a->len + n, 1);
}

uint32_t x64_label(struct x64_asm *a)
{
	if (a->nlabel >= a->clabel && !grow(a, &a->label, &a->clabel, a->nlabel + 1, sizeof(*a->label)))
		return 0;
	a->label[a->nlabel] = NOT_PLACED;
	return a->nlabel++;
}

void x64_place(struct x64_asm *a, uint32_t label)
{
	if (label)
		a->label[label] = a->len;
}

static void site(struct x64_asm *a, struct x64_site s)
{
	if (a->nsite >= a->csite && !grow(a, &a->site, &a->csite, a->nsite + 1, sizeof(*a->site)))
		return;
	a->site[a->nsite++] = s;
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	st_le32(p, v);
	return p + 4;
}

/* ModRM, SIB and displacement (SDM 2.1.5); `tail`: bytes that follow. */
static uint8_t *modrm(struct x64_asm *a, uint8_t *p, unsigned reg, const struct x64_rm *m, unsigned tail)
{
	unsigned r = (reg & 7) << 3;

	if (m->reg != X64_NOREG) {
		*p++ = (uint8_t)(0xc0 | r | (m->reg & 7));
		return p;
	}
	if (m->label) {
		*p++ = (uint8_t)(r | 5);
		site(a, (struct x64_site){ .at = (uint32_t)(p - a->buf), .label = m->label,
					   .fix = X64_FIX_REL32, .tail = (uint8_t)tail });
		return put32(p, (uint32_t)m->disp);
	}
	if (m->base == X64_NOREG) { /* [index << scale + disp32] */
		*p++ = (uint8_t)(r | 4);
		*p++ = (uint8_t)(m->scale << 6 | ((m->index == X64_NOREG ? X64_RSP : m->index) & 7) << 3 | 5);
		return put32(p, (uint32_t)m->disp);
	}
	unsigned mod = m->disp == 0 && (m->base & 7) != X64_RBP ? 0 : m->disp == (int8_t)m->disp ? 1 : 2;

	if (m->index != X64_NOREG || (m->base & 7) == X64_RSP) {
		*p++ = (uint8_t)(mod << 6 | r | 4);
		*p++ = (uint8_t)(m->scale << 6 | ((m->index == X64_NOREG ? X64_RSP : m->index) & 7) << 3 |
				 (m->base & 7));
	} else {
		*p++ = (uint8_t)(mod << 6 | r | (m->base & 7));
	}
	if (mod == 1)
		*p++ = (uint8_t)m->disp;
	else if (mod == 2)
		p = put32(p, (uint32_t)m->disp);
	return p;
}

/* Bits R, X, B of REX and VEX. */
struct ext { unsigned r, x, b; };
static struct ext ext_bits(unsigned reg, const struct x64_rm *m)
{
	struct ext e = { reg != X64_NOREG ? reg >> 3 : 0, 0, 0 };

	if (m->reg != X64_NOREG)
		e.b = m->reg >> 3;
	else {
		e.b = m->base != X64_NOREG ? m->base >> 3 : 0;
		e.x = m->index != X64_NOREG ? m->index >> 3 : 0;
	}
	return e;
}

static uint8_t *vex(uint8_t *p, const struct x64_row *row, unsigned w, struct ext e, unsigned v)
{
	unsigned pp = row->prefix == 0x66 ? 1 : row->prefix == 0xf3 ? 2 : row->prefix == 0xf2 ? 3 : 0;
	unsigned low = (~v & 15) << 3 | pp;

	if (row->map == 1 && !w && !e.x && !e.b) {
		*p++ = 0xc5;
		*p++ = (uint8_t)((!e.r << 7) | low);
		return p;
	}
	*p++ = 0xc4;
	*p++ = (uint8_t)(!e.r << 7 | !e.x << 6 | !e.b << 5 | row->map);
	*p++ = (uint8_t)(w << 7 | low);
	return p;
}

static uint8_t *legacy(uint8_t *p, const struct x64_row *row, unsigned w, struct ext e, bool byte)
{
	unsigned rex = w << 3 | e.r << 2 | e.x << 1 | e.b;

	if (row->prefix)
		*p++ = row->prefix;
	if (rex || byte)
		*p++ = (uint8_t)(0x40 | rex);
	if (row->map) {
		*p++ = 0x0f;
		if (row->map > 1)
			*p++ = row->map == 2 ? 0x38 : 0x3a;
	}
	return p;
}

/* SPL, BPL, SIL and DIL need a REX prefix, if only an empty one. */
static bool needs_rex(const struct x64_row *row, unsigned reg, const struct x64_rm *m)
{
	return (row->kinds[0] == 'b' && reg >= 4 && reg < 8) ||
	       (row->kinds[1] == 'b' && m->reg >= 4 && m->reg < 8);
}

static void encode(struct x64_asm *a, const struct x64_row *row, unsigned opcode, unsigned w, unsigned reg,
		   unsigned v, const struct x64_rm *m, int32_t imm)
{
	unsigned wbit = row->flags & X64_W1 ? 1 : row->flags & X64_W ? w == 8 : 0;
	unsigned tail = row->flags & X64_I8 ? 1 : row->flags & X64_I16 ? 2 : row->flags & X64_I32 ? 4 : 0;
	bool is_vex = row->flags & X64_VO || (a->avx && row->flags & (X64_V | X64_V2));
	bool has_modrm = row->form != X64_N && row->form != X64_O;
	struct ext e;
	uint8_t *p;

	if (!room(a, ROOM))
		return;
	p = a->buf + a->len;
	if (row->flags & X64_S8) {
		tail = imm == (int8_t)imm ? 1 : 4;
		if (tail == 1)
			opcode |= 2;
	}
	if (row->form == X64_M || row->form == X64_MI)
		reg = row->ext;
	if (row->form == X64_O)
		e = (struct ext){ 0, 0, reg >> 3 };
	else if (row->form == X64_N)
		e = (struct ext){ 0, 0, 0 };
	else
		e = ext_bits(reg, m);
	if (is_vex)
		p = vex(p, row, wbit, e, row->flags & X64_V2 || row->form == X64_RMI ?
			(row->flags & X64_V ? v : 0) : v);
	else
		p = legacy(p, row, wbit, e, needs_rex(row, has_modrm ? reg : 0, m));
	*p++ = (uint8_t)(row->form == X64_O ? opcode | (reg & 7) : opcode);
	if (row->flags & X64_FENCE)
		*p++ = 0xf0;
	if (has_modrm)
		p = modrm(a, p, reg, m, tail);
	if (tail == 1)
		*p++ = (uint8_t)imm;
	else if (tail == 2)
		st_le16(p, (uint16_t)imm), p += 2;
	else if (tail == 4)
		p = put32(p, (uint32_t)imm);
	a->len = (uint32_t)(p - a->buf);
}

void x64_emit(struct x64_asm *a, enum x64_id id, unsigned w, unsigned reg, unsigned v, struct x64_rm rm,
	      int32_t imm)
{
	const struct x64_row *row = &x64_rows[id];

	encode(a, row, row->opcode, w, reg, v == X64_NOREG ? reg : v, &rm, imm);
}

void x64_emit_cc(struct x64_asm *a, enum x64_id id, unsigned w, enum x64_cc cc, unsigned reg,
		 struct x64_rm rm)
{
	const struct x64_row *row = &x64_rows[id];

	encode(a, row, row->opcode + cc, w, reg, 0, &rm, 0);
}

void x64_mov_imm(struct x64_asm *a, unsigned reg, uint64_t v)
{
	uint8_t *p;

	if (v > UINT32_MAX && (int64_t)v == (int32_t)v) {
		x64_emit(a, X64_MOV_I, 8, 0, X64_NOREG, x64_r(reg), (int32_t)v);
		return;
	}
	if (!room(a, ROOM))
		return;
	p = a->buf + a->len;
	if (reg >= 8 || v > UINT32_MAX)
		*p++ = (uint8_t)(0x40 | (v > UINT32_MAX ? 8 : 0) | reg >> 3);
	*p++ = (uint8_t)(0xb8 | (reg & 7));
	if (v > UINT32_MAX)
		st_le64(p, v), p += 8;
	else
		p = put32(p, (uint32_t)v);
	a->len = (uint32_t)(p - a->buf);
}

static void byte(struct x64_asm *a, unsigned v)
{
	if (room(a, 1))
		a->buf[a->len++] = (uint8_t)v;
}

void x64_lock(struct x64_asm *a) { byte(a, 0xf0); }

static void branch(struct x64_asm *a, unsigned op, unsigned op2, uint32_t label, bool pinned)
{
	uint32_t at = a->len;

	if (!room(a, ROOM))
		return;
	a->buf[a->len++] = (uint8_t)op;
	if (op2)
		a->buf[a->len++] = (uint8_t)op2;
	st_le32(a->buf + a->len, 0);
	a->len += 4;
	site(a, (struct x64_site){ .at = at, .label = label, .pinned = pinned, .room = (uint8_t)(a->len - at),
				   .fix = op2 ? X64_FIX_CC : X64_FIX_JUMP });
}

void x64_jmp(struct x64_asm *a, uint32_t label) { branch(a, 0xe9, 0, label, false); }
void x64_jcc(struct x64_asm *a, enum x64_cc cc, uint32_t label) { branch(a, 0x0f, 0x80 + cc, label, false); }

static void nops(uint8_t *p, unsigned n)
{
	static const uint8_t nop[8][7] = { { 0 }, { 0x90 }, { 0x66, 0x90 }, { 0x0f, 0x1f, 0 },
		{ 0x0f, 0x1f, 0x40, 0 }, { 0x0f, 0x1f, 0x44, 0, 0 }, { 0x66, 0x0f, 0x1f, 0x44, 0, 0 },
		{ 0x0f, 0x1f, 0x80, 0, 0, 0, 0 } };

	for (; n > 7; n -= 7, p += 7)
		memcpy(p, nop[7], 7);
	memcpy(p, nop[n], n);
}

/* So many no-ops that position + plus is a multiple of n.  While branches may
 * still shrink, n - 1 of them are assumed. */
static void align(struct x64_asm *a, unsigned n, unsigned plus)
{
	if (!room(a, ROOM))
		return;
	site(a, (struct x64_site){ .at = a->len, .base = n, .tail = (uint8_t)plus, .fix = X64_FIX_ALIGN,
				   .room = (uint8_t)(n - 1) });
	nops(a->buf + a->len, n - 1);
	a->len += n - 1;
}

void x64_align(struct x64_asm *a, unsigned n) { align(a, n, 0); }

uint32_t x64_jmp_patchable(struct x64_asm *a, uint32_t label)
{
	uint32_t l = x64_label(a);

	align(a, 4, 1);
	branch(a, 0xe9, 0, label, true);
	if (!a->failed)
		a->label[l] = a->len - 4;
	return l;
}

void x64_call(struct x64_asm *a, uint32_t label)
{
	byte(a, 0xe8);
	site(a, (struct x64_site){ .at = a->len, .label = label, .fix = X64_FIX_REL32 });
	if (room(a, 4)) {
		st_le32(a->buf + a->len, 0);
		a->len += 4;
	}
}

void x64_lea_label(struct x64_asm *a, unsigned reg, uint32_t label)
{
	x64_emit(a, X64_LEA, 8, reg, X64_NOREG, x64_at(label), 0);
}

void x64_table(struct x64_asm *a, uint32_t base, uint32_t label)
{
	site(a, (struct x64_site){ .at = a->len, .label = label, .base = base, .fix = X64_FIX_TABLE });
	if (room(a, 4)) {
		st_le32(a->buf + a->len, 0);
		a->len += 4;
	}
}

void x64_bytes(struct x64_asm *a, const void *p, uint32_t n)
{
	if (!room(a, n))
		return;
	memcpy(a->buf + a->len, p, n);
	a->len += n;
}

/* ---- relaxation ----------------------------------------------------------- */

static bool is_branch(const struct x64_site *s) { return s->fix == X64_FIX_JUMP || s->fix == X64_FIX_CC; }

/*
 * Which branches are short is decided on the offsets as they are now: code
 * only ever gets shorter (alignment has been counted at its greatest), so
 * what reaches now will reach in the end.  One more round finds those that
 * reach only after the others have shrunk; more rounds are not worth it.
 */
static void shrink(struct x64_asm *a)
{
	for (uint32_t i = 0; i < a->nsite; i++) {
		struct x64_site *s = &a->site[i];
		int64_t d;

		if (!is_branch(s) || s->pinned || s->room == 2)
			continue;
		d = (int64_t)a->label[s->label] - (s->at + s->room);
		/* A backward branch keeps its end where it is, a forward one
		 * may see alignment in between grow by nothing: see above. */
		if (d >= -128 && d <= 127)
			s->room = 2;
	}
}

/* Move the code to its new place; labels and sites with it. */
static bool compact(struct x64_asm *a)
{
	uint32_t from = 0, to = 0, l = 0;
	uint32_t *order = base_alloc((size_t)a->nlabel * sizeof(*order));
	uint32_t *count = base_zalloc(((size_t)a->len + 2) * sizeof(*count));

	if (!order || !count) {
		base_free(order);
		base_free(count);
		return false;
	}
	/* Labels in order of their offsets, by counting. */
	for (uint32_t i = 1; i < a->nlabel; i++)
		if (a->label[i] != NOT_PLACED)
			count[a->label[i] + 1]++;
	for (uint32_t i = 1; i <= a->len + 1; i++)
		count[i] += count[i - 1];
	uint32_t placed = count[a->len + 1];
	for (uint32_t i = 1; i < a->nlabel; i++)
		if (a->label[i] != NOT_PLACED)
			order[count[a->label[i]]++] = i;
	for (uint32_t i = 0; i <= a->nsite; i++) {
		struct x64_site *s = i < a->nsite ? &a->site[i] : NULL;
		uint32_t end = s ? s->at : a->len;

		for (; l < placed && a->label[order[l]] <= end; l++)
			a->label[order[l]] = a->label[order[l]] - from + to;
		memmove(a->buf + to, a->buf + from, end - from);
		to += end - from;
		from = end;
		if (!s)
			break;
		s->at = to;
		if (s->fix == X64_FIX_ALIGN) {
			unsigned n = (unsigned)-(to + s->tail) & (s->base - 1);

			nops(a->buf + to, n);
			from += s->room;
			to += n;
			s->room = (uint8_t)n;
		} else if (is_branch(s) && s->room == 2) {
			bool cc = s->fix == X64_FIX_CC;

			a->buf[to] = cc ? (uint8_t)(a->buf[from + 1] - 0x10) : 0xeb;
			from += cc ? 6 : 5;
			to += 2;
		}
	}
	a->len = to;
	base_free(order);
	base_free(count);
	return true;
}

static void resolve(struct x64_asm *a)
{
	for (uint32_t i = 0; i < a->nsite; i++) {
		const struct x64_site *s = &a->site[i];
		uint8_t *p = a->buf + s->at;
		uint32_t to;

		if (s->fix == X64_FIX_ALIGN)
			continue;
		to = a->label[s->label];
		assert(to != NOT_PLACED);
		if (s->fix == X64_FIX_REL32)
			st_le32(p, ld_le32(p) + to - (s->at + 4 + s->tail));
		else if (s->fix == X64_FIX_TABLE)
			st_le32(p, to - a->label[s->base]);
		else if (s->room == 2)
			p[1] = (uint8_t)(to - (s->at + 2));
		else
			st_le32(p + s->room - 4, to - (s->at + s->room));
	}
}

bool x64_finish(struct x64_asm *a, bool relax)
{
	if (a->failed)
		return false;
	if (relax)
		shrink(a);
	if (!compact(a)) {
		a->failed = true;
		return false;
	}
	resolve(a);
	return true;
}
