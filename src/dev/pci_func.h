/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside dev/: a PCI function as pci.c (bus, configuration space, BARs) and
 * pci_msix.c (MSI-X) share it.  Everything is guarded by the io lock.
 */
#ifndef DEV_PCI_FUNC_H
#define DEV_PCI_FUNC_H

#include "dev/pci.h"

enum {
	PCI__CONFIG = 256,      /* stored bytes; the extended space reads 0 */
	PCI__HOOKS = 4,

	PCI__VENDOR = 0x00, PCI__COMMAND = 0x04, PCI__STATUS = 0x06, PCI__REVISION = 0x08,
	PCI__CACHE_LINE = 0x0c, PCI__BAR0 = 0x10, PCI__SUBSYSTEM = 0x2c,
	PCI__CAPABILITIES = 0x34, PCI__IRQ_LINE = 0x3c, PCI__IRQ_PIN = 0x3d,

	PCI__CMD_MEMORY = 0x002, PCI__CMD_MASTER = 0x004, PCI__CMD_INTX_OFF = 0x400,
	/* I/O, memory, master, parity, SERR#, INTx disable */
	PCI__CMD_WRITABLE = 0x547,
	PCI__STATUS_INTX = 0x08, PCI__STATUS_CAPABILITIES = 0x10,

	PCI__CAP_EXPRESS = 0x10, PCI__CAP_MSIX = 0x11,
};

struct pci__bar {
	uint64_t size;          /* 0: none (or the upper half of the one before) */
	bool is64, mapped;
	struct mem_mmio *region;
};

struct pci__hook {
	unsigned off, len;
	bool (*read)(void *ctx, unsigned off, unsigned width, uint32_t *val);
	bool (*write)(void *ctx, unsigned off, unsigned width, uint32_t val);
	void *ctx;
};

struct pci__vector {
	uint64_t addr;
	uint32_t data;
	bool masked;
};

struct pci_func {
	struct pci_bus *bus;
	unsigned slot;
	const char *name;       /* borrowed */
	uint8_t config[PCI__CONFIG], writable[PCI__CONFIG], initial[PCI__CONFIG];
	unsigned cap_tail;      /* offset of the last capability's next pointer */
	unsigned cap_free;      /* where the next one goes */
	struct pci__bar bar[PCI_BAR_MAX];
	struct pci__hook hook[PCI__HOOKS];
	unsigned nhooks;
	bool intx;              /* level the device asks for */
	/* MSI-X */
	unsigned vectors, msix_cap;
	struct pci__vector vector[PCI_MSIX_MAX];
	uint64_t pending;
};

struct mem *pci__mem(struct pci_func *f);
/* Recompute the function's INTx line (level, disable bit or MSI-X changed). */
void pci__update_intx(struct pci_func *f);

/* pci_msix.c */
int pci__msix_add(struct pci_func *f, unsigned vectors, struct err *e);
/* Message control or the command register changed. */
void pci__msix_control_written(struct pci_func *f);
void pci__msix_reset(struct pci_func *f);
void pci__msix_save(const struct pci_func *f, struct ser_writer *w);
void pci__msix_load(struct pci_func *f, struct ser_reader *r);

#endif
