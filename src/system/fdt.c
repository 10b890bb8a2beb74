/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree that firmware and kernel get (Devicetree Specification 0.4,
 * and the kernel's bindings for each "compatible").  Written front to back
 * with libfdt's sequential interface; phandles are assigned by hand.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/log.h"
#include "dev/platform.h"
#include "system/machine.h"

#ifdef HAVE_FDT
#include <libfdt.h>

enum { FDT_ROOM = 64 << 10 };
enum {
	PHANDLE_INTC = 1,       /* and following, one for each hart */
	PHANDLE_CPU = 32,
	PHANDLE_IRQ = 64,       /* PLIC or S-level APLIC */
	PHANDLE_APLIC_M,
	PHANDLE_IMSIC_M,
	PHANDLE_IMSIC_S,
	PHANDLE_SYSCON,
	PHANDLE_PCI_INTC,
};
enum { IRQ_S_EXT = 9, IRQ_M_EXT = 11, IRQ_M_SOFT = 3, IRQ_M_TIMER = 7, LEVEL_HIGH = 4 };
enum { CELLS_MAX = 4 * 4 * 8 };

struct fdt {
	struct system *s;
	void *buf;
	int r;                  /* first failure */
};

#define DO(f, call) do { if (!(f)->r) (f)->r = (call); } while (0)

static void node(struct fdt *f, const char *name) { DO(f, fdt_begin_node(f->buf, name)); }
static void end(struct fdt *f) { DO(f, fdt_end_node(f->buf)); }
static void flag(struct fdt *f, const char *name) { DO(f, fdt_property(f->buf, name, "", 0)); }

static void u32(struct fdt *f, const char *name, uint32_t v)
{
	DO(f, fdt_property_u32(f->buf, name, v));
}

static void str(struct fdt *f, const char *name, const char *v)
{
	DO(f, fdt_property_string(f->buf, name, v));
}

static void cells(struct fdt *f, const char *name, const uint32_t *v, unsigned n)
{
	uint32_t be[CELLS_MAX];

	for (unsigned i = 0; i < n; i++)
		be[i] = be32(v[i]);
	DO(f, fdt_property(f->buf, name, be, (int)(n * 4)));
}
#define CELLS(f, name, ...)                                                    \
	cells(f, name, (const uint32_t[]){ __VA_ARGS__ },                      \
	      sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

/* A node "name@base" with its reg. */
static void device(struct fdt *f, const char *name, uint64_t base, uint64_t size)
{
	char full[64];

	snprintf(full, sizeof(full), "%s@%" PRIx64, name, base);
	node(f, full);
	CELLS(f, "reg", base >> 32, (uint32_t)base, size >> 32, (uint32_t)size);
}

/* The APLIC takes a trigger type, the PLIC does not. */
static void interrupt(struct fdt *f, unsigned source)
{
	u32(f, "interrupt-parent", PHANDLE_IRQ);
	if (f->s->aia)
		CELLS(f, "interrupts", source, LEVEL_HIGH);
	else
		CELLS(f, "interrupts", source);
}

static void chosen(struct fdt *f, const struct system_fdt_boot *b)
{
	uint8_t seed[32];
	char path[32];

	node(f, "chosen");
	if (b->bootargs)
		str(f, "bootargs", b->bootargs);
	if (b->initrd_end != b->initrd_start) {
		CELLS(f, "linux,initrd-start", b->initrd_start >> 32, (uint32_t)b->initrd_start);
		CELLS(f, "linux,initrd-end", b->initrd_end >> 32, (uint32_t)b->initrd_end);
	}
	snprintf(path, sizeof(path), "/soc/serial@%llx", VIRT_UART);
	str(f, "stdout-path", path);
	entropy_fill(&f->s->entropy, seed, sizeof(seed));
	DO(f, fdt_property(f->buf, "rng-seed", seed, sizeof(seed)));
	end(f);
}

static void cpu(struct fdt *f, unsigned i)
{
	const char *ext;
	unsigned len;
	char name[16];

	snprintf(name, sizeof(name), "cpu@%x", i);
	node(f, name);
	str(f, "device_type", "cpu");
	u32(f, "reg", i);
	str(f, "status", "okay");
	str(f, "compatible", "riscv");
	str(f, "riscv,isa", riscv_isa_string(f->s->aia));
	str(f, "riscv,isa-base", "rv64i");
	ext = riscv_isa_extensions(f->s->aia, &len);
	DO(f, fdt_property(f->buf, "riscv,isa-extensions", ext, (int)len));
	str(f, "mmu-type", "riscv,sv57");
	u32(f, "riscv,cbom-block-size", 64);
	u32(f, "riscv,cboz-block-size", 64);
	u32(f, "phandle", PHANDLE_CPU + i);
	node(f, "interrupt-controller");
	u32(f, "#interrupt-cells", 1);
	u32(f, "#address-cells", 0);
	flag(f, "interrupt-controller");
	str(f, "compatible", "riscv,cpu-intc");
	u32(f, "phandle", PHANDLE_INTC + i);
	end(f);
	end(f);
}

static void cpus(struct fdt *f)
{
	node(f, "cpus");
	u32(f, "#address-cells", 1);
	u32(f, "#size-cells", 0);
	u32(f, "timebase-frequency", VIRT_TIMEBASE);
	for (unsigned i = 0; i < f->s->ncpus; i++)
		cpu(f, i);
	end(f);
}

static void memory(struct fdt *f)
{
	device(f, "memory", VIRT_RAM, f->s->memory);
	str(f, "device_type", "memory");
	end(f);
}

/* interrupts-extended: for each hart the local interrupts a and b (0: one only). */
static void extended(struct fdt *f, uint32_t a, uint32_t b)
{
	uint32_t v[4 * SYSTEM_HARTS_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < f->s->ncpus; i++) {
		v[n++] = PHANDLE_INTC + i;
		v[n++] = a;
		if (b) {
			v[n++] = PHANDLE_INTC + i;
			v[n++] = b;
		}
	}
	cells(f, "interrupts-extended", v, n);
}

static void compatible2(struct fdt *f, const char *a, const char *b)
{
	char v[128];
	int n = snprintf(v, sizeof(v), "%s%c%s", a, 0, b) + 1;

	DO(f, fdt_property(f->buf, "compatible", v, n));
}

/* With built-in firmware M-mode is not the kernel's business, but its drivers
 * find the S-mode contexts by position. */
static void timer(struct fdt *f)
{
	device(f, "clint", VIRT_ACLINT, ACLINT_SIZE);
	compatible2(f, "sifive,clint0", "riscv,clint0");
	extended(f, IRQ_M_SOFT, IRQ_M_TIMER);
	end(f);
}

static void plic(struct fdt *f)
{
	device(f, "plic", VIRT_PLIC, PLIC_SIZE);
	compatible2(f, "sifive,plic-1.0.0", "riscv,plic0");
	u32(f, "#interrupt-cells", 1);
	u32(f, "#address-cells", 0);
	flag(f, "interrupt-controller");
	extended(f, IRQ_M_EXT, IRQ_S_EXT);
	u32(f, "riscv,ndev", PLIC_SOURCES);
	u32(f, "phandle", PHANDLE_IRQ);
	end(f);
}

static void imsic(struct fdt *f, uint64_t base, uint32_t irq, uint32_t phandle)
{
	device(f, "interrupt-controller", base, (uint64_t)IMSIC_STRIDE * f->s->ncpus);
	str(f, "compatible", "riscv,imsics");
	u32(f, "#interrupt-cells", 0);
	u32(f, "#address-cells", 0);
	u32(f, "#msi-cells", 0);
	flag(f, "interrupt-controller");
	flag(f, "msi-controller");
	extended(f, irq, 0);
	u32(f, "riscv,num-ids", IMSIC_IDS);
	u32(f, "phandle", phandle);
	end(f);
}

static void aplic(struct fdt *f, bool m_level)
{
	device(f, "interrupt-controller", m_level ? VIRT_APLIC_M : VIRT_APLIC_S, APLIC_SIZE);
	str(f, "compatible", "riscv,aplic");
	u32(f, "#interrupt-cells", 2);
	u32(f, "#address-cells", 0);
	flag(f, "interrupt-controller");
	u32(f, "msi-parent", m_level ? PHANDLE_IMSIC_M : PHANDLE_IMSIC_S);
	u32(f, "riscv,num-sources", APLIC_SOURCES);
	if (m_level) {
		u32(f, "riscv,children", PHANDLE_IRQ);
		CELLS(f, "riscv,delegation", PHANDLE_IRQ, 1, APLIC_SOURCES);
	}
	u32(f, "phandle", m_level ? PHANDLE_APLIC_M : PHANDLE_IRQ);
	end(f);
}

static void interrupt_controllers(struct fdt *f)
{
	if (!f->s->aia) {
		plic(f);
		return;
	}
	if (!f->s->sbi) {
		imsic(f, VIRT_IMSIC_M, IRQ_M_EXT, PHANDLE_IMSIC_M);
		aplic(f, true);
	}
	imsic(f, VIRT_IMSIC_S, IRQ_S_EXT, PHANDLE_IMSIC_S);
	aplic(f, false);
}

static void serial(struct fdt *f)
{
	device(f, "serial", VIRT_UART, UART_SIZE);
	str(f, "compatible", "ns16550a");
	u32(f, "clock-frequency", 3686400);
	interrupt(f, VIRT_IRQ_UART);
	end(f);
}

static void syscon_action(struct fdt *f, const char *name, const char *compatible, uint32_t value)
{
	node(f, name);
	str(f, "compatible", compatible);
	u32(f, "regmap", PHANDLE_SYSCON);
	u32(f, "offset", 0);
	u32(f, "value", value);
	end(f);
}

static void syscon(struct fdt *f)
{
	static const char names[] = "sifive,test1\0sifive,test0\0syscon";

	device(f, "test", VIRT_SYSCON, SYSCON_SIZE);
	DO(f, fdt_property(f->buf, "compatible", names, sizeof(names)));
	u32(f, "phandle", PHANDLE_SYSCON);
	end(f);
}

static void rtc(struct fdt *f)
{
	device(f, "rtc", VIRT_RTC, RTC_SIZE);
	str(f, "compatible", "google,goldfish-rtc");
	interrupt(f, VIRT_IRQ_RTC);
	end(f);
}

static void virtio_slots(struct fdt *f)
{
	for (unsigned i = 0; i < f->s->mmio_slots; i++) {
		device(f, "virtio_mmio", VIRT_VIRTIO + i * VIRT_VIRTIO_SIZE, VIRT_VIRTIO_SIZE);
		str(f, "compatible", "virtio,mmio");
		interrupt(f, VIRT_IRQ_VIRTIO + i);
		flag(f, "dma-coherent");
		end(f);
	}
}

/* INTA..INTD of device d go to line (d + pin) mod 4; the map repeats after
 * four devices, hence the mask 0x1800 on the device number. */
static void interrupt_map(struct fdt *f)
{
	uint32_t v[4 * 4 * 8];
	unsigned n = 0;

	for (unsigned d = 0; d < 4; d++)
		for (unsigned pin = 0; pin < 4; pin++) {
			v[n++] = d << 11;
			v[n++] = 0;
			v[n++] = 0;
			v[n++] = pin + 1;
			v[n++] = PHANDLE_IRQ;
			v[n++] = VIRT_IRQ_PCIE + (d + pin) % 4;
			if (f->s->aia)
				v[n++] = LEVEL_HIGH;
		}
	cells(f, "interrupt-map", v, n);
	CELLS(f, "interrupt-map-mask", 0x1800, 0, 0, 7);
}

static void pcie(struct fdt *f)
{
	uint64_t m64 = f->s->mmio64;

	device(f, "pci", VIRT_ECAM, VIRT_ECAM_SIZE);
	str(f, "compatible", "pci-host-ecam-generic");
	str(f, "device_type", "pci");
	u32(f, "#address-cells", 3);
	u32(f, "#size-cells", 2);
	u32(f, "#interrupt-cells", 1);
	u32(f, "linux,pci-domain", 0);
	CELLS(f, "bus-range", 0, 0);
	flag(f, "dma-coherent");
	if (f->s->aia)
		u32(f, "msi-parent", PHANDLE_IMSIC_S);
	CELLS(f, "ranges",
	      0x02000000, 0, (uint32_t)VIRT_MMIO32, 0, (uint32_t)VIRT_MMIO32,
	      0, (uint32_t)VIRT_MMIO32_SIZE,
	      0x03000000, m64 >> 32, (uint32_t)m64, m64 >> 32, (uint32_t)m64,
	      VIRT_MMIO64_SIZE >> 32, (uint32_t)VIRT_MMIO64_SIZE);
	interrupt_map(f);
	end(f);
}

static void soc(struct fdt *f)
{
	node(f, "soc");
	u32(f, "#address-cells", 2);
	u32(f, "#size-cells", 2);
	str(f, "compatible", "simple-bus");
	flag(f, "ranges");
	syscon(f);
	rtc(f);
	timer(f);
	interrupt_controllers(f);
	serial(f);
	virtio_slots(f);
	pcie(f);
	end(f);
}

static void root(struct fdt *f, const struct system_fdt_boot *b)
{
	node(f, "");
	u32(f, "#address-cells", 2);
	u32(f, "#size-cells", 2);
	str(f, "compatible", "riscv-virtio");
	str(f, "model", "riscv-virtio,doppel");
	chosen(f, b);
	memory(f);
	cpus(f);
	soc(f);
	syscon_action(f, "poweroff", "syscon-poweroff", SYSCON_VALUE_POWEROFF);
	syscon_action(f, "reboot", "syscon-reboot", SYSCON_VALUE_REBOOT);
	end(f);
}

int system__fdt_build(struct system *s, const struct system_fdt_boot *b,
		      struct image_bytes *out, struct err *e)
{
	struct fdt f = { .s = s };
	size_t room = FDT_ROOM + (b->bootargs ? strlen(b->bootargs) : 0);

	f.buf = base_zalloc(room);
	if (!f.buf)
		return err_set(e, ENOMEM, "out of memory");
	DO(&f, fdt_create(f.buf, (int)room));
	DO(&f, fdt_finish_reservemap(f.buf));
	root(&f, b);
	DO(&f, fdt_finish(f.buf));
	if (f.r) {
		base_free(f.buf);
		return err_set(e, EINVAL, "device tree: %s", fdt_strerror(f.r));
	}
	*out = (struct image_bytes){ .bytes = f.buf, .len = fdt_totalsize(f.buf) };
	return 0;
}
#else
int system__fdt_build(struct system *s, const struct system_fdt_boot *b,
		      struct image_bytes *out, struct err *e)
{
	(void)s, (void)b;
	*out = (struct image_bytes){ 0 };
	return err_set(e, ENOTSUP, "device tree: built without libfdt");
}
#endif
