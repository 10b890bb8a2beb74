/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a machine's options and their parsers; see machine.h. */
#include "cli/machine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/lazy.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/sandbox.h"
#include "cli/term.h"

static void machine_init(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	arena_init(&m->arena, 0);
	m->config.disks = m->disks;
	m->config.shares = m->shares;
	m->config.nets = m->nets;
}

int machine_command(machine_body_fn *body, int argc, char **argv)
{
	struct machine m;
	struct err e = { 0 };
	int status;

	sandbox_close_strays();
	base_lazy_load_all();   /* later, files cannot be opened */
	term_init();
	machine_init(&m);
	status = body(&m, argc, argv, &e);
	arena_fini(&m.arena);
	return e.code ? cli_fail(&e) : status;
}

char *machine_printf(struct machine *m, struct err *e, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	p = arena_alloc(&m->arena, (size_t)n + 1);
	if (!p) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

int machine_append(struct machine *m, const char *words, struct err *e)
{
	const char *old = m->config.append;

	m->config.append = machine_printf(m, e, "%s%s%s", old ? old : "", old ? " " : "", words);
	return m->config.append ? 0 : -ENOMEM;
}

/* ---- values with parts -------------------------------------------------------- */

enum { PARTS_MAX = 16 };

/* "key=" at the start of `part`: what follows, else NULL. */
static const char *part_value(const char *part, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(part, key, n) && part[n] == '=' ? part + n + 1 : NULL;
}

static int split_value(struct machine *m, const struct cli_opt *o, const char *value,
		       char *parts[PARTS_MAX], struct err *e)
{
	char *copy = machine_printf(m, e, "%s", value);
	int n = copy ? cli_split(copy, parts, PARTS_MAX) : -ENOMEM;

	if (n == -EINVAL)
		return err_set(e, EINVAL, "--%s '%s': too many parts", o->name, value);
	return n;
}

static int parse_bus(const struct cli_opt *o, const char *value, const char *v,
		     enum system_bus *bus, struct err *e)
{
	if (strcmp(v, "pci") && strcmp(v, "mmio"))
		return err_set(e, EINVAL, "--%s '%s': unknown bus '%s' (pci, mmio)", o->name,
			       value, v);
	*bus = *v == 'p' ? SYSTEM_BUS_PCI : SYSTEM_BUS_MMIO;
	return 0;
}

/* F[,format=raw|qcow2][,ro][,bus=pci|mmio][,serial=S] */
static int set_disk(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	struct machine *m = ctx;
	struct system_disk *d = &m->disks[m->config.ndisks];
	char *parts[PARTS_MAX];
	int n = split_value(m, o, value, parts, e), r = 0;

	if (n < 0)
		return n;
	if (m->config.ndisks == SYSTEM_DISKS_MAX)
		return err_set(e, E2BIG, "--%s '%s': at most %d disks", o->name, value,
			       SYSTEM_DISKS_MAX);
	*d = (struct system_disk){ .path = parts[0] };
	if (!*parts[0])
		return err_set(e, EINVAL, "--%s '%s': no file", o->name, value);
	for (int i = 1; i < n && !r; i++) {
		const char *v;

		if ((v = part_value(parts[i], "format"))) {
			if (strcmp(v, "raw") && strcmp(v, "qcow2"))
				return err_set(e, EINVAL, "--%s '%s': unknown format '%s' "
					       "(raw, qcow2)", o->name, value, v);
			d->format = v;
		} else if ((v = part_value(parts[i], "bus"))) {
			r = parse_bus(o, value, v, &d->bus, e);
		} else if ((v = part_value(parts[i], "serial"))) {
			if (strlen(v) > 20)
				return err_set(e, EINVAL, "--%s '%s': serial longer than 20 "
					       "characters", o->name, value);
			d->serial = v;
		} else if (!strcmp(parts[i], "ro")) {
			d->readonly = true;
		} else {
			return err_set(e, EINVAL, "--%s '%s': unknown part '%s' "
				       "(format=, ro, bus=, serial=)", o->name, value, parts[i]);
		}
	}
	if (!r)
		m->config.ndisks++;
	return r;
}

int machine_add_share(struct machine *m, const char *dir, const char *tag, bool readonly,
		      struct err *e)
{
	for (unsigned i = 0; i < m->config.nshares; i++)
		if (!strcmp(m->shares[i].tag, tag))
			return err_set(e, EINVAL, "--share: the tag '%s' is used twice", tag);
	if (m->config.nshares == SYSTEM_SHARES_MAX)
		return err_set(e, E2BIG, "--share: at most %d shares", SYSTEM_SHARES_MAX);
	m->shares[m->config.nshares++] = (struct system_share){
		.dir = dir, .tag = tag, .readonly = readonly,
	};
	return 0;
}

/* DIR:TAG[:ro]; a folder's name may contain colons. */
static int set_share(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	struct machine *m = ctx;
	char *copy = machine_printf(m, e, "%s", value), *colon;
	size_t n = strlen(value);
	bool ro = n > 3 && !strcmp(value + n - 3, ":ro");

	if (!copy)
		return -ENOMEM;
	if (!strcmp(value, "none")) {
		m->no_shares = true;
		return 0;
	}
	if (ro)
		copy[n - 3] = 0;
	colon = strrchr(copy, ':');
	if (!colon || colon == copy || !colon[1])
		return err_set(e, EINVAL, "--%s '%s': expected %s", o->name, value, o->arg);
	*colon = 0;
	if (strlen(colon + 1) > 36)
		return err_set(e, EINVAL, "--%s '%s': the tag is longer than 36 bytes", o->name,
			       value);
	return machine_add_share(m, copy, colon + 1, ro, e);
}

int machine_add_net(struct machine *m, const char *spec, struct err *e)
{
	if (m->config.nnets == SYSTEM_NETS_MAX)
		return err_set(e, E2BIG, "--net: at most %d networks", SYSTEM_NETS_MAX);
	m->nets[m->config.nnets++] = (struct system_net){ .spec = spec };
	return 0;
}

static int parse_mac(const struct cli_opt *o, const char *value, const char *v,
		     struct system_net *net, struct err *e)
{
	unsigned b[6];
	int end = 0;

	if (sscanf(v, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &end) != 6 || v[end])
		return err_set(e, EINVAL, "--%s '%s': '%s' is not a MAC address", o->name, value, v);
	if (b[0] & 1)
		return err_set(e, EINVAL, "--%s '%s': '%s' is a multicast address", o->name, value, v);
	for (int i = 0; i < 6; i++)
		net->mac[i] = (uint8_t)b[i];
	net->has_mac = true;
	return 0;
}

/* user[,...] | tap=NAME | none, with mac= and bus= taken out for the device. */
static int set_net(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	struct machine *m = ctx;
	struct system_net net = { .bus = SYSTEM_BUS_PCI };
	char *parts[PARTS_MAX], *spec = "";
	int n = split_value(m, o, value, parts, e), r = 0;

	if (n < 0)
		return n;
	if (!strcmp(value, "none")) {
		m->no_nets = true;
		return 0;
	}
	if (strcmp(parts[0], "user") && strncmp(parts[0], "tap=", 4))
		return err_set(e, EINVAL, "--%s '%s': expected %s", o->name, value, o->arg);
	for (int i = 0; i < n && !r; i++) {
		const char *v;

		if ((v = part_value(parts[i], "mac")))
			r = parse_mac(o, value, v, &net, e);
		else if ((v = part_value(parts[i], "bus")))
			r = parse_bus(o, value, v, &net.bus, e);
		else if (!(spec = machine_printf(m, e, "%s%s%s", spec, i ? "," : "", parts[i])))
			r = -ENOMEM;
	}
	if (!r)
		r = machine_add_net(m, spec, e);
	if (!r) {
		net.spec = spec;
		m->nets[m->config.nnets - 1] = net;
	}
	return r;
}

/* ---- small ones ----------------------------------------------------------------- */

static int set_append(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	(void)o;
	return machine_append(ctx, value, e);
}

static int set_memory(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	struct machine *m = ctx;
	int r = cli_parse_number(o->name, value, true, o->min, o->max, &m->config.memory, e);

	if (!r && m->config.memory & ((2u << 20) - 1))
		return err_set(e, EINVAL, "--%s '%s': not a multiple of 2M", o->name, value);
	/* A guest's page tables alone would take what is not there. */
	if (!r && m->config.memory / (uint64_t)sysconf(_SC_PAGESIZE) >
			  (uint64_t)sysconf(_SC_PHYS_PAGES))
		return err_set(e, ENOMEM, "--%s '%s': this host has %llu MiB", o->name, value,
			       (unsigned long long)sysconf(_SC_PHYS_PAGES) *
				       (unsigned long long)sysconf(_SC_PAGESIZE) >> 20);
	return r;
}

static int set_interrupts(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	static const char *const names[] = {
		[SYSTEM_INTERRUPTS_PLIC] = "plic", [SYSTEM_INTERRUPTS_AIA] = "aia",
	};
	struct machine *m = ctx;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(value, names[i])) {
			m->config.interrupts = (enum system_interrupts)i;
			return 0;
		}
	return err_set(e, EINVAL, "--%s '%s': expected %s", o->name, value, o->arg);
}

static int set_console(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	static const char *const names[] = {
		[SESSION_UART] = "uart", [SESSION_VIRTIO] = "virtio", [SESSION_NONE] = "none",
	};
	struct machine *m = ctx;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(value, names[i])) {
			m->session.console = (enum session_console)i;
			m->console_given = true;
			return 0;
		}
	return err_set(e, EINVAL, "--%s '%s': expected %s", o->name, value, o->arg);
}

/* N:FILE */
static int set_snapshot(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	struct machine *m = ctx;
	const char *colon = strchr(value, ':');
	char *number;

	if (!colon || !colon[1])
		return err_set(e, EINVAL, "--%s '%s': expected %s", o->name, value, o->arg);
	number = machine_printf(m, e, "%.*s", (int)(colon - value), value);
	m->session.snapshot_file = colon + 1;
	return number ? cli_parse_number(o->name, number, false, o->min, o->max,
					 &m->session.snapshot_at, e)
		      : -ENOMEM;
}

static int set_seed(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	struct machine *m = ctx;

	m->seed_given = value;
	return cli_parse_number(o->name, value, false, o->min, o->max, &m->config.seed, e);
}

static int set_trace(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	(void)ctx, (void)o;
	return log_set_trace_of(value, TRACE(MMIO) | TRACE(IRQ) | TRACE(TRAP) | TRACE(VIRTIO) |
				       TRACE(SBI) | TRACE(FUSE) | TRACE(BLK) | TRACE(NET) |
				       TRACE(PCI), e);
}

static int set_dump(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	int r = log_set_dump(value, e);

	(void)ctx;
	return !r && log_mask.dump & ~DUMP(FDT)
		       ? err_set(e, ENOTSUP, "--%s '%s': there is only fdt in this version",
				 o->name, value)
		       : r;
}

#define AT(field) offsetof(struct machine, field)

#define SESSION_OPTS                                                                     \
	{ "console", "uart|virtio|none", "which console the terminal is connected to\n"     \
	  "(default: uart)", set_console, 0, 0, 0 },                                        \
	{ "json", NULL, "events as JSON lines on standard output; the\n"                    \
	  "console is then on standard error", cli_opt_flag, AT(session.json), 0, 0 },      \
	{ "name", "NAME", "the machine's name in events", cli_opt_string,                   \
	  AT(session.name), 0, 0 },                                                         \
	{ "stop-at", "N", "stop after exactly N instructions\n(deterministic machines)",    \
	  cli_opt_number, AT(session.stop_at), 1, UINT64_MAX - 1 },                         \
	{ "snapshot-at", "N:FILE", "save the machine after N instructions and go on\n"      \
	  "(deterministic machines)", set_snapshot, 0, 1, UINT64_MAX - 1 },                 \
	{ "trace", "LIST", "trace to standard error: mmio, irq, trap, virtio,\n"            \
	  "sbi, fuse, blk, net, pci (separated by commas)",             \
	  set_trace, 0, 0, 0 },                                                             \
	{ "no-sandbox", NULL, "keep privileges and every system call while the\n"           \
	  "guest runs", cli_opt_flag, AT(session.no_sandbox), 0, 0 }

const struct cli_opt machine_session_opts[] = {
	SESSION_OPTS,
	{ 0 },
};

const struct cli_opt machine_opts[] = {
	{ "kernel", "FILE", "Linux Image (plain, gzip'ed or EFI zboot) or ELF,\n"
	  "started in supervisor mode on the built-in SBI", cli_opt_string,
	  AT(config.kernel), 0, 0 },
	{ "initrd", "FILE", "initial RAM disk for the kernel", cli_opt_string,
	  AT(config.initrd), 0, 0 },
	{ "append", "WORDS", "kernel command line; may be given again", set_append, 0, 0, 0 },
	{ "firmware", "FILE", "machine-mode firmware instead of the built-in SBI",
	  cli_opt_string, AT(config.firmware), 0, 0 },
	{ "disk", "FILE[,format=raw|qcow2][,ro][,bus=pci|mmio][,serial=S]",
	  "a virtio disk; may be given again", set_disk, 0, 0, 0 },
	{ "share", "DIR:TAG[:ro]", "share a folder by virtio-fs; may be given again;\n"
	  "none: no folder", set_share, 0, 0, 0 },
	{ "net", "user[,forward=[tcp:|udp:]2222:22]|tap=NAME|none",
	  "a network card (also: mac=, bus=; user: loopback=yes\n"
	  "lets the guest reach the host's own 127.0.0.1)", set_net, 0, 0, 0 },
	{ "memory", "SIZE", "like 512M or 2G; default 1G", set_memory, 0, 16ull << 20, 1ull << 40 },
	{ "cpus", "N", "harts, up to 16; default 1", cli_opt_number, AT(cpus), 1, SYSTEM_HARTS_MAX },
	{ "interrupts", "plic|aia", "plic: known to every kernel (default); aia: APLIC and\n"
	  "IMSIC, with MSI-X for PCI, for kernels from 6.10 on", set_interrupts, 0, 0, 0 },
	{ "no-reboot", NULL, "a guest's reset ends the machine", cli_opt_flag,
	  AT(config.no_reboot), 0, 0 },
	{ "deterministic", NULL, "one thread, time counted in instructions: two runs\n"
	  "are identical", cli_opt_flag, AT(config.deterministic), 0, 0 },
	{ "seed", "N", "of the entropy of a deterministic machine", set_seed, 0, 0, UINT64_MAX },
	{ "dump", "LIST", "print to standard error what is built: fdt, the\n"
	  "device tree as source", set_dump, 0, 0, 0 },
	{ "dump-dtb", "FILE", "write the device tree to a file", cli_opt_string,
	  AT(config.dtb_out), 0, 0 },
	SESSION_OPTS,
	{ 0 },
};

int machine_check(struct machine *m, struct err *e)
{
	struct session_options *s = &m->session;

	m->config.ncpus = (unsigned)m->cpus;
	if (!m->config.deterministic && (s->stop_at || s->snapshot_file || m->seed_given))
		return err_set(e, EINVAL, "--%s needs --deterministic",
			       s->stop_at ? "stop-at" : s->snapshot_file ? "snapshot-at" : "seed");
	if (m->config.initrd && !m->config.kernel)
		return err_set(e, EINVAL, "--initrd needs --kernel");
	if (m->no_nets && m->config.nnets)
		return err_set(e, EINVAL, "--net none contradicts another --net");
	if (m->no_shares && m->config.nshares)
		return err_set(e, EINVAL, "--share none contradicts another --share");
#ifndef HAVE_JSON
	if (s->json)
		return err_set(e, ENOTSUP, "--json: built without json-c");
#endif
	return 0;
}
