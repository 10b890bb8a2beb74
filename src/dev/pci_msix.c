/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSI-X (PCI 3.0, 6.8.2): capability, vector table and pending bits.
 *
 *      capability + 2  message control: 10..0 vectors - 1, 14 function mask,
 *                      15 enable
 *      BAR 1   000 + 16 * n    address low, address high, data, control
 *                              (bit 0: masked)
 *              800             pending bits, read only
 *
 * A message is a 32-bit write that the function makes as bus master.  The
 * address and the data are the guest's: a write that hits nothing does
 * nothing, and one aimed at a device's registers is dropped by mem/.
 */
#include <assert.h>

#include "base/bits.h"
#include "base/log.h"
#include "dev/pci_func.h"

enum { TABLE = 0x000, PBA = 0x800, BAR_SIZE = 0x1000, MSIX_BAR = 1, ENTRY = 16 };
enum { CONTROL_MASK_ALL = 0x4000, CONTROL_ENABLE = 0x8000 };

static unsigned control(const struct pci_func *f)
{
	return f->vectors ? ld_le16(f->config + f->msix_cap + 2) : 0;
}

bool pci_func_msix_enabled(const struct pci_func *f)
{
	return control(f) & CONTROL_ENABLE;
}

static bool masked(const struct pci_func *f, unsigned n)
{
	return (control(f) & CONTROL_MASK_ALL) || f->vector[n].masked;
}

static void deliver(struct pci_func *f, unsigned n)
{
	const struct pci__vector *v = &f->vector[n];
	bool hit = pci_func_bus_master(f) &&
		mem_dma_write32(pci__mem(f), GPA(v->addr), v->data);

	log_trace(PCI, "%s: vector %u: %#x -> %#llx%s", f->name, n, v->data,
		  (unsigned long long)v->addr, hit ? "" : " (dropped)");
}

void pci_func_msix_send(struct pci_func *f, unsigned n)
{
	if (n >= f->vectors || !pci_func_msix_enabled(f))
		return;
	if (masked(f, n))
		f->pending |= BIT(n);
	else
		deliver(f, n);
}

/* Send what waited for a mask bit to clear. */
static void send_pending(struct pci_func *f)
{
	if (!pci_func_msix_enabled(f))
		return;
	for (unsigned n = 0; n < f->vectors && f->pending; n++) {
		if (!(f->pending & BIT(n)) || masked(f, n))
			continue;
		f->pending &= ~BIT(n);
		deliver(f, n);
	}
}

void pci__msix_control_written(struct pci_func *f)
{
	send_pending(f);
	pci__update_intx(f);
}

/* ---- table and pending bits ------------------------------------------------ */

static uint32_t read_dword(const struct pci_func *f, uint64_t off)
{
	const struct pci__vector *v;

	if (off >= PBA)
		return off < PBA + 8 ? (uint32_t)(f->pending >> (off - PBA) * 8) : 0;
	if (off >= f->vectors * ENTRY)
		return 0;
	v = &f->vector[off / ENTRY];
	switch (off % ENTRY) {
	case 0: return (uint32_t)v->addr;
	case 4: return (uint32_t)(v->addr >> 32);
	case 8: return v->data;
	default: return v->masked;
	}
}

static void write_dword(struct pci_func *f, uint64_t off, uint32_t val)
{
	struct pci__vector *v;

	if (off >= f->vectors * ENTRY)
		return;
	v = &f->vector[off / ENTRY];
	switch (off % ENTRY) {
	case 0: v->addr = (v->addr & ~0xffffffffull) | (val & ~3u); break;
	case 4: v->addr = (uint64_t)val << 32 | (uint32_t)v->addr; break;
	case 8: v->data = val; break;
	default: v->masked = val & 1;
	}
}

/* Aligned 4- and 8-byte accesses (6.8.2: others are undefined: they read 0
 * and write nothing). */
static bool msix_read(void *ctx, uint64_t off, unsigned width, uint64_t *val)
{
	struct pci_func *f = ctx;

	*val = 0;
	if (width >= 4)
		*val = read_dword(f, off);
	if (width == 8)
		*val |= (uint64_t)read_dword(f, off + 4) << 32;
	return true;
}

static bool msix_write(void *ctx, uint64_t off, unsigned width, uint64_t val)
{
	struct pci_func *f = ctx;

	if (width >= 4)
		write_dword(f, off, (uint32_t)val);
	if (width == 8)
		write_dword(f, off + 4, (uint32_t)(val >> 32));
	send_pending(f);
	return true;
}

static const struct mem_mmio_ops msix_mmio = { msix_read, msix_write };

int pci__msix_add(struct pci_func *f, unsigned vectors, struct err *e)
{
	uint8_t body[10] = { 0 }, mask[10] = { 0 };
	int off, r;

	assert(vectors >= 1 && vectors <= PCI_MSIX_MAX);
	r = pci_func_bar(f, MSIX_BAR, BAR_SIZE, false, &msix_mmio, f, e);
	if (r < 0)
		return r;
	st_le16(body, (uint16_t)(vectors - 1));
	st_le16(mask, CONTROL_ENABLE | CONTROL_MASK_ALL);
	st_le32(body + 2, TABLE | MSIX_BAR);
	st_le32(body + 6, PBA | MSIX_BAR);
	off = pci_func_capability(f, PCI__CAP_MSIX, body, sizeof(body), mask, e);
	if (off < 0)
		return off;
	f->msix_cap = (unsigned)off;
	f->vectors = vectors;
	pci__msix_reset(f);
	return 0;
}

/* ---- state ------------------------------------------------------------------- */

void pci__msix_reset(struct pci_func *f)
{
	f->pending = 0;
	for (unsigned n = 0; n < f->vectors; n++)
		f->vector[n] = (struct pci__vector){ .masked = true };
}

void pci__msix_save(const struct pci_func *f, struct ser_writer *w)
{
	ser_u64(w, f->pending);
	for (unsigned n = 0; n < f->vectors; n++) {
		ser_u64(w, f->vector[n].addr);
		ser_u32(w, f->vector[n].data);
		ser_u8(w, f->vector[n].masked);
	}
}

void pci__msix_load(struct pci_func *f, struct ser_reader *r)
{
	f->pending = ser_get_u64(r);
	if (f->vectors < 64)
		f->pending &= BIT(f->vectors) - 1;
	for (unsigned n = 0; n < f->vectors; n++) {
		f->vector[n].addr = ser_get_u64(r) & ~3ull;
		f->vector[n].data = ser_get_u32(r);
		f->vector[n].masked = ser_get_u8(r) & 1;
	}
}
