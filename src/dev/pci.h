/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI Express host, "pci-host-ecam-generic": one bus, ECAM configuration
 * space, a 32-bit and a 64-bit MMIO window, INTx swizzled onto four lines,
 * MSI-X.  Config accesses come with the io lock held.
 */
#ifndef DEV_PCI_H
#define DEV_PCI_H

#include "vm/device.h"
#include "vm/irq.h"

struct pci_bus;
struct pci_func;

struct pci_windows {
	gpa_t ecam;             /* 1 MiB for one bus */
	gpa_t mmio32, mmio64;
	uint64_t mmio32_size, mmio64_size;
};

struct pci_bus *pci_bus_create(struct vm_host *h, const struct pci_windows *w,
			       const struct vm_irq intx[4], struct err *e);

enum { PCI_BAR_MAX = 6, PCI_MSIX_MAX = 64, PCI_FUNC_MAX = 31 };

struct pci_func_desc {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint8_t revision;
	uint32_t class_code;            /* 24 bits: class, subclass, interface */
	unsigned msix_vectors;          /* 0: no MSI-X capability; uses BAR 1 */
	const char *name;
};

/* Takes the next free device number (function 0).  Owned by the bus. */
struct pci_func *pci_func_add(struct pci_bus *b, const struct pci_func_desc *d, struct err *e);
/* A memory BAR: size a power of two >= 4 KiB; is64 takes two BAR slots.
 * The region appears where the guest puts it, inside the windows only. */
int pci_func_bar(struct pci_func *f, unsigned bar, uint64_t size, bool is64,
		 const struct mem_mmio_ops *ops, void *ctx, struct err *e);
/* Append a capability of len bytes (id and next are filled in); returns its
 * offset in configuration space.  mask: writable bits of each byte or NULL. */
int pci_func_capability(struct pci_func *f, uint8_t id, const void *body, unsigned len,
			const uint8_t *mask, struct err *e);
/* Configuration accesses that touch [off, off + len): `off` in the callbacks
 * is the offset in configuration space, aligned to width (1, 2 or 4).  False:
 * the stored bytes answer.  At most 4 hooks a function. */
void pci_func_config_hook(struct pci_func *f, unsigned off, unsigned len,
			  bool (*read)(void *ctx, unsigned off, unsigned width, uint32_t *val),
			  bool (*write)(void *ctx, unsigned off, unsigned width, uint32_t val),
			  void *ctx);
bool pci_func_msix_enabled(const struct pci_func *f);
/* Send vector n (pending bit if masked; nothing if n is out of range). */
void pci_func_msix_send(struct pci_func *f, unsigned n);
void pci_func_intx(struct pci_func *f, bool level);
bool pci_func_bus_master(const struct pci_func *f);
/* Device number on the bus (for the FDT's interrupt map). */
unsigned pci_func_slot(const struct pci_func *f);

#endif
