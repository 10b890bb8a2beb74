/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI 2.0: base, timer, IPI, remote fence, hart state management, system
 * reset, debug console; and of the legacy 0.1 calls the timer, the console
 * and shutdown, which need no access to the caller's virtual memory.
 * Everything that a supervisor passes is checked here; the ops get hart
 * numbers that exist and addresses that are RAM.
 */
#include "riscv/sbi.h"

#include <stddef.h>

#include "base/bits.h"

enum {
	EXT_LEGACY_SET_TIMER = 0x00,
	EXT_LEGACY_PUTCHAR = 0x01,
	EXT_LEGACY_GETCHAR = 0x02,
	EXT_LEGACY_SHUTDOWN = 0x08,
	EXT_BASE = 0x10,
	EXT_TIME = 0x54494D45,
	EXT_IPI = 0x735049,
	EXT_RFENCE = 0x52464E43,
	EXT_HSM = 0x48534D,
	EXT_SRST = 0x53525354,
	EXT_DBCN = 0x4442434E,
};

/* SBI_IMPL_ID: none is assigned to us; the largest numbers are for nobody. */
enum { SPEC_VERSION = 2u << 24, IMPL_ID = 0x446f70, IMPL_VERSION = 0x000100 };

struct call {
	const struct sbi_ops *ops;
	unsigned self;
	uint64_t *a;
	uint64_t value;         /* goes to a1 */
	enum sbi_result result;
};

static bool known(uint64_t ext)
{
	switch (ext) {
	case EXT_LEGACY_SET_TIMER:
	case EXT_LEGACY_PUTCHAR:
	case EXT_LEGACY_GETCHAR:
	case EXT_LEGACY_SHUTDOWN:
	case EXT_BASE:
	case EXT_TIME:
	case EXT_IPI:
	case EXT_RFENCE:
	case EXT_HSM:
	case EXT_SRST:
	case EXT_DBCN:
		return true;
	}
	return false;
}

/* SBI 4 */
static int base_call(struct call *c, uint64_t fid)
{
	switch (fid) {
	case 0: c->value = SPEC_VERSION; break;
	case 1: c->value = IMPL_ID; break;
	case 2: c->value = IMPL_VERSION; break;
	case 3: c->value = known(c->a[0]); break;
	case 4:         /* mvendorid, marchid, mimpid: zero, not assigned */
	case 5:
	case 6: c->value = 0; break;
	default: return SBI_ERR_NOT_SUPPORTED;
	}
	return SBI_SUCCESS;
}

/* SBI 3.1: mask of harts base..base+63, base -1 is all of them. */
static int hart_mask(const struct call *c, uint64_t mask, uint64_t base, uint32_t *out)
{
	uint32_t all = (uint32_t)(BIT(c->ops->harts) - 1);

	if (base == UINT64_MAX) {
		*out = all;
		return SBI_SUCCESS;
	}
	if (base >= c->ops->harts || mask & ~(uint64_t)(all >> base))
		return SBI_ERR_INVALID_PARAM;
	*out = (uint32_t)mask << base;
	return SBI_SUCCESS;
}

static int time_call(struct call *c, uint64_t fid)
{
	if (fid)
		return SBI_ERR_NOT_SUPPORTED;
	c->ops->set_timer(c->ops->ctx, c->self, c->a[0]);
	return SBI_SUCCESS;
}

static int ipi_call(struct call *c, uint64_t fid)
{
	uint32_t harts;
	int r;

	if (fid)
		return SBI_ERR_NOT_SUPPORTED;
	r = hart_mask(c, c->a[0], c->a[1], &harts);
	if (!r)
		c->ops->send_ipi(c->ops->ctx, harts);
	return r;
}

/* SBI 8.  The hypervisor variants (3..6) need H. */
static int rfence_call(struct call *c, uint64_t fid)
{
	struct sbi_fence f = { .insn = fid == 0, .start = c->a[2], .size = c->a[3] };
	int r;

	if (fid > 2)
		return SBI_ERR_NOT_SUPPORTED;
	r = hart_mask(c, c->a[0], c->a[1], &f.harts);
	if (r)
		return r;
	if (f.insn || (!f.start && !f.size))
		f.size = UINT64_MAX;
	else if (f.size != UINT64_MAX && f.start + f.size < f.start)
		return SBI_ERR_INVALID_ADDRESS;
	if (fid == 2) {
		f.has_asid = true;
		f.asid = c->a[4];
	}
	c->ops->fence(c->ops->ctx, c->self, &f);
	return SBI_SUCCESS;
}

/* SBI 9.4: types are 32 bits wide: 0 default retentive, 0x80000000 default
 * non-retentive; the rest is reserved or platform specific. */
static int suspend_call(struct call *c)
{
	const struct sbi_ops *o = c->ops;
	uint64_t type = c->a[0];
	bool retentive = type == 0;

	if (type != 0 && (uint32_t)type != 0x80000000u)
		return type > UINT32_MAX || (uint32_t)type << 1 < 0x20000000u
			? SBI_ERR_INVALID_PARAM : SBI_ERR_NOT_SUPPORTED;
	if (!retentive && (c->a[1] & 1 || !o->is_ram(o->ctx, c->a[1], 2)))
		return SBI_ERR_INVALID_ADDRESS;
	o->hart_suspend(o->ctx, c->self, retentive, c->a[1], c->a[2]);
	if (!retentive)
		c->result = SBI_NO_RETURN;
	return SBI_SUCCESS;
}

/* SBI 9 */
static int hsm_call(struct call *c, uint64_t fid)
{
	const struct sbi_ops *o = c->ops;

	switch (fid) {
	case 0:
		if (c->a[0] >= o->harts)
			return SBI_ERR_INVALID_PARAM;
		if (c->a[1] & 1 || !o->is_ram(o->ctx, c->a[1], 2))
			return SBI_ERR_INVALID_ADDRESS;
		return o->hart_start(o->ctx, (unsigned)c->a[0], c->a[1], c->a[2]);
	case 1:
		o->hart_stop(o->ctx, c->self);
		c->result = SBI_NO_RETURN;
		return SBI_SUCCESS;
	case 2:
		if (c->a[0] >= o->harts)
			return SBI_ERR_INVALID_PARAM;
		c->value = o->hart_state(o->ctx, (unsigned)c->a[0]);
		return SBI_SUCCESS;
	case 3:
		return suspend_call(c);
	}
	return SBI_ERR_NOT_SUPPORTED;
}

/* SBI 10: reasons are 0 none, 1 system failure; the rest is reserved. */
static int srst_call(struct call *c, uint64_t fid)
{
	uint64_t type = c->a[0], reason = c->a[1];

	if (fid)
		return SBI_ERR_NOT_SUPPORTED;
	if (type > UINT32_MAX || reason > UINT32_MAX)
		return SBI_ERR_INVALID_PARAM;
	if (type > SBI_RESET_WARM)
		return type >= 0xf0000000 ? SBI_ERR_NOT_SUPPORTED : SBI_ERR_INVALID_PARAM;
	if (reason > 1)
		return reason >= 0xe0000000 ? SBI_ERR_NOT_SUPPORTED : SBI_ERR_INVALID_PARAM;
	c->ops->reset(c->ops->ctx, (enum sbi_reset)type, reason == 1);
	c->result = SBI_NO_RETURN;
	return SBI_SUCCESS;
}

/* SBI 12 */
static int dbcn_call(struct call *c, uint64_t fid)
{
	const struct sbi_ops *o = c->ops;
	uint64_t n = c->a[0];

	switch (fid) {
	case 0:
	case 1:
		if (c->a[2] || (n && !o->is_ram(o->ctx, c->a[1], n)))
			return SBI_ERR_INVALID_PARAM;
		if (n)
			c->value = fid ? o->console_read(o->ctx, c->a[1], n)
				       : o->console_write(o->ctx, c->a[1], n);
		return SBI_SUCCESS;
	case 2:
		return o->console_putc(o->ctx, (uint8_t)c->a[0]) ? SBI_SUCCESS : SBI_ERR_FAILED;
	}
	return SBI_ERR_NOT_SUPPORTED;
}

/* SBI 5: only a0 is returned. */
static enum sbi_result legacy_call(struct call *c)
{
	const struct sbi_ops *o = c->ops;

	switch (c->a[7]) {
	case EXT_LEGACY_SET_TIMER:
		o->set_timer(o->ctx, c->self, c->a[0]);
		c->a[0] = 0;
		return SBI_RETURN_A0;
	case EXT_LEGACY_PUTCHAR:
		o->console_putc(o->ctx, (uint8_t)c->a[0]);
		c->a[0] = 0;
		return SBI_RETURN_A0;
	case EXT_LEGACY_GETCHAR:
		c->a[0] = (uint64_t)(int64_t)o->console_getc(o->ctx);
		return SBI_RETURN_A0;
	case EXT_LEGACY_SHUTDOWN:
		o->reset(o->ctx, SBI_RESET_SHUTDOWN, false);
		return SBI_NO_RETURN;
	}
	c->a[0] = (uint64_t)SBI_ERR_NOT_SUPPORTED;
	return SBI_RETURN_A0;
}

enum sbi_result sbi_call(const struct sbi_ops *ops, unsigned self, uint64_t a[8])
{
	struct call c = { .ops = ops, .self = self, .a = a, .result = SBI_RETURN };
	uint64_t fid = a[6];
	int r;

	if (a[7] < EXT_BASE)
		return legacy_call(&c);
	switch (a[7]) {
	case EXT_BASE: r = base_call(&c, fid); break;
	case EXT_TIME: r = time_call(&c, fid); break;
	case EXT_IPI: r = ipi_call(&c, fid); break;
	case EXT_RFENCE: r = rfence_call(&c, fid); break;
	case EXT_HSM: r = hsm_call(&c, fid); break;
	case EXT_SRST: r = srst_call(&c, fid); break;
	case EXT_DBCN: r = dbcn_call(&c, fid); break;
	default: r = SBI_ERR_NOT_SUPPORTED; break;
	}
	a[0] = (uint64_t)(int64_t)r;
	a[1] = r ? 0 : c.value;
	return c.result;
}
