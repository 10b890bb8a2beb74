/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of ir/ share; never included from outside. */
#ifndef IR_INTERNAL_H
#define IR_INTERNAL_H

#include "base/bits.h"
#include "ir/ir.h"

/* A new instruction in no block. */
ir_ref ir__new(struct ir_func *f, const struct ir_insn *i);
/* Make room for n more instructions, so that pointers stay valid. */
bool ir__room(struct ir_func *f, uint32_t n);
/* The instruction where emit puts it: f->at or the end of f->cur. */
ir_ref ir__place(struct ir_func *f, const struct ir_insn *i);
/* n edges in a row; index, 0 when out of memory. */
uint32_t ir__edges(struct ir_func *f, uint32_t n);
void ir__scratch_reset(struct ir_func *f);
void *ir__scratch(struct ir_func *f, size_t n, size_t size); /* zeroed; sets failed */

/* The value that *i computes, when there is one already or after rules; 0: it
 * has to be made, as *i now says.  May emit (at f->at). */
ir_ref ir__simplify(struct ir_func *f, struct ir_insn *i);
/* Hash of what makes two pure instructions equal, and the comparison. */
void ir__hash_room(struct ir_func *f);
uint32_t ir__hash(const struct ir_insn *i);
bool ir__same(const struct ir_insn *a, const struct ir_insn *b);
ir_ref ir__const_of(struct ir_func *f, enum ir_type t, const union ir_value *v);
void ir__value_of(const struct ir_func *f, ir_ref v, union ir_value *out);
/* Type of a row's result; t: what a row with an open result was asked for. */
enum ir_type ir__result_type(enum ir_op op, enum ir_type ct, enum ir_type t);
/* Type that operand n must have; IR_VOID: any. */
enum ir_type ir__operand_type(enum ir_op op, enum ir_type ct, unsigned n);

/* Replace operands by fwd[] (0: as it is), following chains. */
static inline ir_ref ir__fwd(const ir_ref *fwd, ir_ref v)
{
	while (fwd[v])
		v = fwd[v];
	return v;
}
/* ir_verify(), and the instruction that it complains of. */
const char *ir__verify(struct ir_func *f, char *buf, size_t size, ir_ref *where);
void ir__forward(struct ir_func *f, const ir_ref *fwd);
bool ir__remove_unreachable(struct ir_func *f, const struct ir_cfg *c);

/* What an instruction may do, as sets of alias classes. */
static inline uint32_t ir__reads(const struct ir_func *f, const struct ir_insn *i)
{
	uint32_t flags = ir_rows[i->op].flags;

	if (flags & IR_CALLS)
		return f->helper[f->list[i->imm]]->reads;
	if (!(flags & IR_READS))
		return 0;
	return flags & IR_STATE ? BIT(IR_ALIAS_STATE) : BIT(i->aux & IR_MEM_ALIAS);
}
static inline uint32_t ir__writes(const struct ir_func *f, const struct ir_insn *i)
{
	uint32_t flags = ir_rows[i->op].flags;

	if (flags & IR_CALLS)
		return f->helper[f->list[i->imm]]->writes;
	if (!(flags & IR_WRITES))
		return 0;
	return flags & IR_STATE ? BIT(IR_ALIAS_STATE) : BIT(i->aux & IR_MEM_ALIAS);
}
/* Neither its value nor what it does may be missed? */
static inline bool ir__removable(const struct ir_insn *i)
{
	uint32_t flags = ir_rows[i->op].flags;

	if (flags & IR_EFFECT)
		return false;
	if ((flags & IR_FP) && (i->aux & IR_FP_FLAGS))
		return false;
	if (flags & IR_READS) /* a load that may fault is a test, too */
		return !((flags & IR_EXITS) && i->x) && !(i->aux & IR_MEM_ORDERED && flags & IR_MEM);
	return true;
}
/* May it be computed where it was not asked for? */
static inline bool ir__speculable(const struct ir_insn *i)
{
	uint32_t flags = ir_rows[i->op].flags;

	return (flags & IR_PURE) && !((flags & IR_FP) && (i->aux & IR_FP_FLAGS)) &&
	       !((flags & IR_DIV) && i->aux);
}

/* For each operand; fn is inlined. */
#define IR__EACH_OPERAND(f, ref, P, body)                                            \
	do {                                                                         \
		struct ir_insn *in_ = &(f)->insn[ref];                               \
		uint32_t fl_ = ir_rows[in_->op].flags;                               \
		ir_ref *P;                                                           \
		for (unsigned k_ = 0; k_ < 3; k_++)                                  \
			if (*(P = &in_->a[k_])) {                                    \
				body;                                                \
			}                                                            \
		if (!(fl_ & (IR_TERM | IR_CALLS | IR_EXITS)))                        \
			break;                                                       \
		if (fl_ & IR_CALLS)                                                  \
			for (uint32_t k_ = 0; k_ < (f)->list[in_->imm + 1]; k_++) {  \
				P = &(f)->list[in_->imm + 2 + k_];                   \
				body;                                                \
			}                                                            \
		if ((fl_ & IR_EXITS) && in_->x)                                      \
			for (uint32_t k_ = 0; k_ < (f)->exit[in_->x].nslots; k_++) { \
				P = &(f)->list[(f)->exit[in_->x].slots + 2 * k_ + 1]; \
				body;                                                \
			}                                                            \
		if (in_->op == IR_RET)                                               \
			for (uint32_t k_ = 0; k_ < (f)->nresults; k_++) {            \
				P = &(f)->list[in_->imm + k_];                       \
				body;                                                \
			}                                                            \
		if (in_->op == IR_JUMP || in_->op == IR_BRANCH || in_->op == IR_SWITCH) \
			for (uint32_t e_ = 0; e_ < in_->x; e_++) {                   \
				struct ir_edge *ed_ = &(f)->edge[in_->imm + e_];     \
				for (uint32_t k_ = 0; k_ < (f)->block[ed_->target].nparams; k_++) { \
					P = &(f)->list[ed_->args + k_];              \
					body;                                        \
				}                                                    \
			}                                                            \
	} while (0)

/* The passes. */
bool ir__pass_promote(struct ir_func *f);
bool ir__pass_simplify(struct ir_func *f);
bool ir__pass_gvn(struct ir_func *f);
bool ir__pass_dce(struct ir_func *f);
bool ir__pass_memory(struct ir_func *f);
bool ir__pass_guards(struct ir_func *f);
bool ir__pass_licm(struct ir_func *f);
bool ir__pass_address(struct ir_func *f);
bool ir__pass_sink(struct ir_func *f);
bool ir__pass_layout(struct ir_func *f);

#endif
