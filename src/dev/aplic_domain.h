/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside dev/: an APLIC as aplic.c (registers, life, state) and
 * aplic_domain.c (what sources, domains and delivery do) share it.
 * Everything is guarded by aplic.lock.
 */
#ifndef DEV_APLIC_DOMAIN_H
#define DEV_APLIC_DOMAIN_H

#include "dev/platform.h"

enum {
	APLIC__SOURCES = APLIC_SOURCES + 1, /* with 0, which does not exist */
	APLIC__WORDS = (APLIC__SOURCES + 31) / 32,

	/* domaincfg (AIA 4.5.1) */
	APLIC__IE = 0x100, APLIC__DM = 0x4,
	/* sourcecfg (4.5.2) */
	APLIC__DELEGATE = 0x400,
	APLIC__INACTIVE = 0, APLIC__DETACHED = 1, APLIC__EDGE1 = 4, APLIC__EDGE0 = 5,
	APLIC__LEVEL1 = 6, APLIC__LEVEL0 = 7,
};

struct aplic__idc {
	bool delivery, force;
	uint32_t threshold;
	bool out;               /* what output() was told last */
};

struct aplic__domain {
	struct aplic *aplic;
	bool m_level, is_root;
	uint32_t domaincfg;     /* IE and DM */
	uint16_t sourcecfg[APLIC__SOURCES];
	uint32_t target[APLIC__SOURCES];
	uint32_t pending[APLIC__WORDS], enable[APLIC__WORDS];
	struct aplic__idc idc[PLATFORM_HARTS];
};

struct aplic {
	struct vm_dev dev;      /* first */
	struct lock lock;
	struct aplic_desc desc;
	unsigned domains;
	struct aplic__domain domain[2]; /* root, child */
	uint32_t level[APLIC__WORDS];   /* the wires */
	/* mmsiaddrcfg, mmsiaddrcfgh, smsiaddrcfg, smsiaddrcfgh (4.5.3, 4.5.4) */
	uint32_t msiaddr[4];
};

static inline bool aplic__bit(const uint32_t *w, unsigned n)
{
	return w[n / 32] >> (n % 32) & 1;
}

static inline void aplic__put(uint32_t *w, unsigned n, bool v)
{
	w[n / 32] = (w[n / 32] & ~(1u << (n % 32))) | (uint32_t)v << (n % 32);
}

/* The source exists in this domain and is in use. */
bool aplic__active(const struct aplic__domain *d, unsigned source);
/* The wire's value as the source mode sees it (4.5.2): 1 is asserted. */
bool aplic__rectified(const struct aplic__domain *d, unsigned source);
bool aplic__pending(const struct aplic__domain *d, unsigned source);
/* Requests by register: setip and clrip, setie and clrie. */
void aplic__request(struct aplic__domain *d, unsigned source, bool set);
void aplic__enable(struct aplic__domain *d, unsigned source, bool on);
void aplic__write_sourcecfg(struct aplic__domain *d, unsigned source, uint32_t v);
void aplic__write_domaincfg(struct aplic__domain *d, uint32_t v);
/* A wire changed. */
void aplic__wire(struct aplic__domain *d, unsigned source, bool rose);
/* topi (4.8.1.4) of a hart: source << 16 | priority, or 0. */
uint32_t aplic__top(const struct aplic__domain *d, unsigned hart);
uint32_t aplic__claim(struct aplic__domain *d, unsigned hart);
/* genmsi: send at once, also with interrupts off. */
void aplic__send_msi(struct aplic__domain *d, uint32_t target);
/* Deliver what became deliverable: send messages, or drive the lines. */
void aplic__deliver(struct aplic__domain *d);

#endif
