/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to numbers: a critical-bit tree, chosen because no choice of names
 * makes it slow (a hash table with a fixed function has bad inputs), and the
 * symbols that identifiers are.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "wasm/text_int.h"

enum { IS_ENTRY = 1u << 31 };

/* Bit `bit` of a key: each byte is preceded by a 1, the end is all 0. */
static unsigned key_bit(const uint8_t *key, uint32_t len, uint64_t bit)
{
	uint64_t byte = bit / 9;
	unsigned i = bit % 9;

	if (byte >= len)
		return 0;
	return i ? key[byte] >> (8 - i) & 1 : 1;
}

static struct text_map_entry *nearest(struct text_map *m, const uint8_t *key, uint32_t len)
{
	uint32_t n = m->root;

	while (!(n & IS_ENTRY)) {
		const struct text_map_node *node = &m->nodes[n];

		n = node->child[key_bit(key, len, node->bit)];
	}
	return &m->entries[n & ~IS_ENTRY];
}

uint32_t *text__map_find(struct text_map *m, const void *key, uint32_t len)
{
	struct text_map_entry *e;

	if (!m->nentries)
		return NULL;
	e = nearest(m, key, len);
	return e->len == len && !memcmp(e->key, key, len) ? &e->value : NULL;
}

static bool map_room(struct text_map *m)
{
	if (m->nentries == m->entry_cap) {
		uint32_t cap = m->entry_cap ? m->entry_cap * 2 : 32;
		void *e = base_realloc(m->entries, (size_t)cap * sizeof(*m->entries));

		if (!e)
			return false;
		m->entries = e;
		m->entry_cap = cap;
	}
	if (m->nnodes == m->node_cap) {
		uint32_t cap = m->node_cap ? m->node_cap * 2 : 32;
		void *n = base_realloc(m->nodes, (size_t)cap * sizeof(*m->nodes));

		if (!n)
			return false;
		m->nodes = n;
		m->node_cap = cap;
	}
	return true;
}

/* The first bit in which two different keys differ. */
static uint64_t first_difference(const uint8_t *a, uint32_t alen, const uint8_t *b, uint32_t blen)
{
	uint64_t i = 0, n = MIN(alen, blen);

	while (i < n && a[i] == b[i])
		i++;
	if (i == n)
		return i * 9;
	return i * 9 + 1 + (unsigned)__builtin_clz((uint32_t)(a[i] ^ b[i]) << 24);
}

bool text__map_add(struct text_map *m, const void *key, uint32_t len, uint32_t value)
{
	uint32_t entry, *link;
	uint64_t bit;

	if (!map_room(m))
		return false;
	entry = m->nentries++;
	m->entries[entry] = (struct text_map_entry){ key, len, value };
	if (!entry) {
		m->root = IS_ENTRY;
		return true;
	}
	const struct text_map_entry *e = nearest(m, key, len);

	bit = first_difference(e->key, e->len, key, len);
	for (link = &m->root; !(*link & IS_ENTRY) && m->nodes[*link].bit < bit;)
		link = &m->nodes[*link].child[key_bit(key, len, m->nodes[*link].bit)];
	uint32_t node = m->nnodes++, side = key_bit(key, len, bit);

	m->nodes[node].bit = bit;
	m->nodes[node].child[side] = entry | IS_ENTRY;
	m->nodes[node].child[!side] = *link;
	*link = node;
	return true;
}

void text__map_fini(struct text_map *m)
{
	base_free(m->nodes);
	base_free(m->entries);
	memset(m, 0, sizeof(*m));
}

bool text__grow(struct text *t, void *pp, uint32_t *cap, uint32_t n, size_t size)
{
	void *old, *p;
	uint32_t c = *cap ? *cap : 16;

	if (n <= *cap)
		return true;
	while (c < n)
		c *= 2;
	memcpy(&old, pp, sizeof(old));
	p = base_realloc(old, c * size);
	if (!p)
		return text__oom(t);
	memset((char *)p + *cap * size, 0, (c - *cap) * size);
	memcpy(pp, &p, sizeof(p));
	*cap = c;
	return true;
}

uint32_t text__symbol(struct text *t)
{
	struct text_token k = t->tok;
	const uint8_t *key = (const uint8_t *)t->s + k.off + 1;
	uint32_t len = k.len - 1, *found, n;

	if (k.kind != TEXT_ID) {
		text__unexpected(t);
		return UINT32_MAX;
	}
	if (*key == '"') {
		text__decode(t, k, &t->string);
		key = t->string.buf;
		len = (uint32_t)t->string.len;
	}
	if (t->failed)
		return UINT32_MAX;
	text__next(t);
	found = text__map_find(&t->symbol_map, key, len);
	if (found)
		return *found;
	if (key == t->string.buf) {
		uint8_t *copy = arena_alloc(&t->arena, len);

		if (!copy) {
			text__oom(t);
			return UINT32_MAX;
		}
		key = memcpy(copy, key, len);
	}
	n = t->nsymbols;
	if (!text__grow(t, &t->symbols, &t->symbol_cap, n + 1, sizeof(*t->symbols)) ||
	    (!text__map_add(&t->symbol_map, key, len, n) && !text__oom(t)))
		return UINT32_MAX;
	t->nsymbols++;
	return n;
}

bool text__add_name(struct text *t, struct text_names *n, uint32_t index, const void *s,
		    uint32_t len)
{
	if (!text__grow(t, &n->e, &n->cap, n->n + 1, sizeof(*n->e)))
		return false;
	n->e[n->n++] = (struct text_name_entry){ index, (uint32_t)t->name_bytes.len, len };
	ser_bytes(&t->name_bytes, s, len);
	return t->name_bytes.failed ? text__oom(t) : true;
}
