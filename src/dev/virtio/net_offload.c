/* SPDX-License-Identifier: Apache-2.0 */
/* Checksums (RFC 1071), TCP segmentation and merging; see net_offload.h.  Never reads
 * or writes outside of the frame that it is given. */
#include "dev/virtio/net_offload.h"

#include "base/bits.h"

enum { ETH_LEN = 14, ETH_VLAN = 0x8100, ETH_IPV4 = 0x0800, ETH_IPV6 = 0x86dd };
enum { PROTO_TCP = 6, PROTO_UDP = 17 };
enum { TCP_SEQ = 4, TCP_OFF = 12, TCP_FLAGS = 13, TCP_CSUM = 16, UDP_CSUM = 6, TCP_MIN = 20 };
enum { TCP_FIN = 0x01, TCP_PSH = 0x08, TCP_ACK = 0x10, TCP_CWR = 0x80 };

/* One's complement sum as big-endian 16-bit words, not yet folded. */
static uint64_t sum(const uint8_t *p, size_t len)
{
	uint64_t s = 0;

	/* 32-bit words in host order first: the sum commutes with byte swapping. */
	for (; len >= 4; p += 4, len -= 4)
		s += ld_le32(p);
	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	s = be16((uint16_t)s);
	if (len >= 2)
		s += ld_be16(p);
	if (len & 1)
		s += (uint64_t)p[len - 1] << 8;
	return s;
}

static uint16_t fold(uint64_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

bool virtio__net_checksum(uint8_t *frame, size_t len, unsigned start, unsigned off)
{
	uint16_t csum;

	if ((size_t)start + off + 2 > len)
		return false;
	csum = ~fold(sum(frame + start, len - start));
	/* Of UDP, 0 means "none": send the other zero.  For TCP both are valid. */
	st_be16(frame + start + off, csum ? csum : 0xffff);
	return true;
}

/* Where things are in a frame. */
struct layout {
	unsigned ip, transport;         /* offsets */
	size_t end;                     /* of the IP packet */
	bool v6;
	uint8_t proto;
};

static bool parse_v4(const uint8_t *f, size_t len, struct layout *l)
{
	const uint8_t *ip = f + l->ip;
	unsigned hlen, total;

	if (len < l->ip + 20u || ip[0] >> 4 != 4)
		return false;
	hlen = 4 * (ip[0] & 15);
	total = ld_be16(ip + 2);
	if (hlen < 20 || len < l->ip + hlen || ld_be16(ip + 6) & 0x3fff)
		return false;
	l->proto = ip[9];
	l->transport = l->ip + hlen;
	l->end = l->ip + (size_t)total;
	return true;
}

/* Extension headers are not walked: such packets are simply not offloaded. */
static bool parse_v6(const uint8_t *f, size_t len, struct layout *l)
{
	const uint8_t *ip = f + l->ip;

	if (len < l->ip + 40u || ip[0] >> 4 != 6)
		return false;
	l->v6 = true;
	l->proto = ip[6];
	l->transport = l->ip + 40;
	l->end = l->transport + (size_t)ld_be16(ip + 4);
	return true;
}

static bool parse(const uint8_t *f, size_t len, struct layout *l)
{
	unsigned type;

	*l = (struct layout){ .ip = ETH_LEN };
	if (len < ETH_LEN)
		return false;
	type = ld_be16(f + 12);
	if (type == ETH_VLAN && len >= ETH_LEN + 4) {
		type = ld_be16(f + 16);
		l->ip += 4;
	}
	if (type == ETH_IPV4)
		return parse_v4(f, len, l);
	return type == ETH_IPV6 && parse_v6(f, len, l);
}

static uint64_t pseudo(const uint8_t *f, const struct layout *l, size_t transport_len)
{
	const uint8_t *addr = f + l->ip + (l->v6 ? 8 : 12);

	return sum(addr, l->v6 ? 32 : 8) + l->proto + (transport_len & 0xffff) +
	       (transport_len >> 16);
}

bool virtio__net_verify(const uint8_t *frame, size_t len)
{
	struct layout l;
	size_t n;

	if (!parse(frame, len, &l) || l.end > len || l.end < l.transport)
		return false;
	n = l.end - l.transport;
	if (l.proto == PROTO_UDP ? n < 8 || !ld_be16(frame + l.transport + UDP_CSUM) :
	    l.proto != PROTO_TCP || n < TCP_MIN)
		return false;
	return fold(pseudo(frame, &l, n) + sum(frame + l.transport, n)) == 0xffff;
}

/* Headers of segment number i, whose payload is n bytes at `at`. */
static void fix_headers(uint8_t *out, const struct layout *l, size_t hlen, unsigned i,
			size_t at, size_t n, bool last)
{
	uint8_t *ip = out + l->ip, *tcp = out + l->transport;
	size_t tlen = hlen - l->transport + n;

	if (l->v6) {
		st_be16(ip + 4, tlen);
	} else {
		st_be16(ip + 2, l->transport - l->ip + tlen);
		st_be16(ip + 4, ld_be16(ip + 4) + i);
		st_be16(ip + 10, 0);
		st_be16(ip + 10, ~fold(sum(ip, l->transport - l->ip)));
	}
	st_be32(tcp + TCP_SEQ, ld_be32(tcp + TCP_SEQ) + at);
	if (!last)
		tcp[TCP_FLAGS] &= ~(TCP_FIN | TCP_PSH);
	if (i)
		tcp[TCP_FLAGS] &= ~TCP_CWR;
	st_be16(tcp + TCP_CSUM, 0);
	st_be16(tcp + TCP_CSUM, ~fold(pseudo(out, l, tlen) + sum(tcp, tlen)));
}

bool virtio__net_segment(const uint8_t *frame, size_t len, unsigned tcp, unsigned mss,
			 uint8_t *out, virtio__net_emit *emit, void *arg)
{
	struct layout l;
	size_t hlen, payload, at = 0;

	if (len > VIRTIO__NET_FRAME || mss < VIRTIO__NET_MSS_MIN || !parse(frame, len, &l) ||
	    l.proto != PROTO_TCP || l.transport != tcp || len < (size_t)tcp + TCP_MIN)
		return false;
	hlen = tcp + 4u * (frame[tcp + TCP_OFF] >> 4);
	if (hlen < tcp + TCP_MIN || hlen > len)
		return false;
	payload = len - hlen;
	/* A segment must fit the IP length field. */
	mss = MIN(mss, 65535u - 128u);
	for (unsigned i = 0; at < payload || !i; i++) {
		size_t n = MIN(payload - at, (size_t)mss);

		memcpy(out, frame, hlen);
		memcpy(out + hlen, frame + hlen + at, n);
		fix_headers(out, &l, hlen, i, at, n, at + n == payload);
		emit(arg, out, hlen + n);
		at += n;
	}
	return true;
}

/* ---- merging ---------------------------------------------------------------- */

/* A TCP segment with data and nothing unusual.  Does not look at its checksum. */
static bool plain_segment(const uint8_t *f, size_t len, struct virtio__net_segment *s)
{
	struct layout l;
	const uint8_t *tcp;

	if (!parse(f, len, &l) || l.proto != PROTO_TCP || l.end != len ||
	    len < (size_t)l.transport + TCP_MIN)
		return false;
	tcp = f + l.transport;
	*s = (struct virtio__net_segment){
		.v6 = l.v6, .ip = l.ip, .tcp = l.transport, .seq = ld_be32(tcp + TCP_SEQ),
		.hlen = l.transport + 4u * (tcp[TCP_OFF] >> 4),
	};
	if (s->hlen < s->tcp + TCP_MIN || s->hlen >= len ||
	    (tcp[TCP_FLAGS] | TCP_PSH) != (TCP_ACK | TCP_PSH) ||
	    (!l.v6 && (l.transport - l.ip != 20 || fold(sum(f + l.ip, 20)) != 0xffff)))
		return false;
	s->data = len - s->hlen;
	return true;
}

void virtio__net_merge_start(struct virtio__net_merge *m, const uint8_t *frame, size_t len,
			     bool v4, bool v6)
{
	memcpy(m->frame, frame, len);
	m->len = len;
	m->segments = 1;
	m->open = plain_segment(frame, len, &m->first) && (m->first.v6 ? v6 : v4) &&
		  !(frame[m->first.tcp + TCP_FLAGS] & TCP_PSH) && virtio__net_verify(frame, len);
	m->next_seq = m->first.seq + m->first.data;
}

/* Equal headers but for the fields that differ from segment to segment: IP
 * length, identification and checksum; sequence, PSH and checksum of TCP. */
static bool same_flow(const uint8_t *a, const uint8_t *b, const struct virtio__net_segment *s)
{
	const uint8_t *ta = a + s->tcp, *tb = b + s->tcp, *ia = a + s->ip, *ib = b + s->ip;
	bool ip = s->v6 ? !memcmp(ia, ib, 4) && !memcmp(ia + 6, ib + 6, 34) :
		  !memcmp(ia, ib, 2) && !memcmp(ia + 6, ib + 6, 4) && !memcmp(ia + 12, ib + 12, 8);

	return ip && !memcmp(a, b, s->ip) && !memcmp(ta, tb, TCP_SEQ) &&
	       !memcmp(ta + 8, tb + 8, 5) && !memcmp(ta + 14, tb + 14, 2) &&
	       !memcmp(ta + 18, tb + 18, s->hlen - s->tcp - 18);
}

bool virtio__net_merge_add(struct virtio__net_merge *m, const uint8_t *frame, size_t len)
{
	const struct virtio__net_segment *f = &m->first;
	struct virtio__net_segment s;

	if (!m->len || !m->open || !plain_segment(frame, len, &s) || s.tcp != f->tcp ||
	    s.hlen != f->hlen || s.v6 != f->v6 || s.ip != f->ip || s.seq != m->next_seq ||
	    s.data > f->data || m->len + s.data - f->ip > UINT16_MAX ||
	    !same_flow(m->frame, frame, f) || !virtio__net_verify(frame, len))
		return false;
	memcpy(m->frame + m->len, frame + s.hlen, s.data);
	m->len += s.data;
	m->segments++;
	m->next_seq += s.data;
	/* A short segment or PSH ends the run (as a sender's own offload would). */
	if (frame[s.tcp + TCP_FLAGS] & TCP_PSH)
		m->frame[f->tcp + TCP_FLAGS] |= TCP_PSH;
	m->open = s.data == f->data && !(frame[s.tcp + TCP_FLAGS] & TCP_PSH);
	return true;
}

bool virtio__net_merge_close(struct virtio__net_merge *m)
{
	const struct virtio__net_segment *f = &m->first;
	struct layout l = { .ip = f->ip, .transport = f->tcp, .v6 = f->v6, .proto = PROTO_TCP };
	uint8_t *ip = m->frame + f->ip;

	m->open = false;
	if (m->segments < 2)
		return false;
	if (f->v6) {
		st_be16(ip + 4, m->len - f->tcp);
	} else {
		st_be16(ip + 2, m->len - f->ip);
		st_be16(ip + 10, 0);
		st_be16(ip + 10, ~fold(sum(ip, 20)));
	}
	st_be16(m->frame + f->tcp + TCP_CSUM, fold(pseudo(m->frame, &l, m->len - f->tcp)));
	return true;
}
