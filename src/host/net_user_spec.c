/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of a user-mode network:
 *   ,forward=[tcp:|udp:][HOST_ADDRESS:]HOST_PORT:GUEST_PORT  (several)
 *   ,restrict=yes|no     the guest reaches nothing but the forwards
 *   ,loopback=yes|no     10.0.2.2 is the host's 127.0.0.1 (no: services that listen
 *                        there trust whoever reaches them)
 *   ,hostname=NAME       what DHCP tells the guest
 */
#include "host/net_user_spec.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/bits.h"

struct scan {
	const char *text;       /* all of it */
	const char *p, *end;    /* the option being read */
	const char *option;
	struct err *e;
};

static int bad(const struct scan *s, const char *why)
{
	return err_set(s->e, EINVAL, "'%.*s' at column %d: %s",
		       (int)MIN(s->end - s->option, (ptrdiff_t)80), s->option,
		       (int)(s->p - s->text) + NET_SPEC_COLUMN, why);
}

static bool skip(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n))
		return false;
	s->p += n;
	return true;
}

static int parse_port(struct scan *s, uint16_t *port)
{
	const char *start = s->p;
	unsigned v = 0;

	while (s->p < s->end && isdigit((unsigned char)*s->p) && v < 100000)
		v = v * 10 + (unsigned)(*s->p++ - '0');
	if (s->p == start)
		return bad(s, "a port number is expected");
	if (!v || v > 65535) {
		s->p = start;
		return bad(s, "a port is 1 to 65535");
	}
	*port = (uint16_t)v;
	return 0;
}

static int parse_address(struct scan *s, struct in_addr *a)
{
	const char *colon = memchr(s->p, ':', (size_t)(s->end - s->p));
	char buf[INET_ADDRSTRLEN];
	size_t n = colon ? (size_t)(colon - s->p) : 0;

	a->s_addr = htonl(INADDR_LOOPBACK);
	/* An address is there if two colons are. */
	if (!colon || !memchr(colon + 1, ':', (size_t)(s->end - colon - 1)))
		return 0;
	if (n >= sizeof(buf))
		return bad(s, "not an IPv4 address");
	memcpy(buf, s->p, n);
	buf[n] = 0;
	if (inet_pton(AF_INET, buf, a) != 1)
		return bad(s, "not an IPv4 address");
	s->p = colon + 1;
	return 0;
}

static int parse_forward(struct scan *s, struct net_user_spec *spec)
{
	struct net_forward *f = &spec->forward[spec->nforwards];
	int r;

	if (spec->nforwards == NET_FORWARDS_MAX)
		return bad(s, "too many forwards");
	f->at = (int)(s->option - s->text);
	f->len = (int)(s->end - s->option);
	f->udp = skip(s, "udp:");
	if (!f->udp)
		skip(s, "tcp:");
	r = parse_address(s, &f->host);
	if (r == 0)
		r = parse_port(s, &f->host_port);
	if (r < 0)
		return r;
	if (!skip(s, ":"))
		return bad(s, "HOST_PORT:GUEST_PORT is expected");
	r = parse_port(s, &f->guest_port);
	if (r == 0 && s->p != s->end)
		r = bad(s, "nothing is expected after the guest's port");
	if (r == 0)
		spec->nforwards++;
	return r;
}

static int parse_bool(struct scan *s, bool *v)
{
	size_t n = (size_t)(s->end - s->p);

	if ((n == 3 && !memcmp(s->p, "yes", 3)) || (n == 2 && !memcmp(s->p, "on", 2)))
		*v = true;
	else if ((n == 2 && !memcmp(s->p, "no", 2)) || (n == 3 && !memcmp(s->p, "off", 3)))
		*v = false;
	else
		return bad(s, "yes or no is expected");
	return 0;
}

static int parse_hostname(struct scan *s, struct net_user_spec *spec)
{
	size_t n = (size_t)(s->end - s->p);

	if (!n || n >= sizeof(spec->hostname))
		return bad(s, "a host name is 1 to 63 characters");
	memcpy(spec->hostname, s->p, n);
	for (; s->p < s->end; s->p++)
		if (!isalnum((unsigned char)*s->p) && *s->p != '-' && *s->p != '.')
			return bad(s, "not a character of a host name");
	return 0;
}

static int parse_option(struct scan *s, struct net_user_spec *spec)
{
	if (skip(s, "forward="))
		return parse_forward(s, spec);
	if (skip(s, "restrict="))
		return parse_bool(s, &spec->restricted);
	if (skip(s, "hostname="))
		return parse_hostname(s, spec);
	if (skip(s, "loopback="))
		return parse_bool(s, &spec->loopback);
	return bad(s, "unknown option; known are forward=, restrict=, loopback= and hostname=");
}

int net__user_spec_parse(const char *text, struct net_user_spec *spec, struct err *e)
{
	struct scan s = { .text = text, .e = e };

	*spec = (struct net_user_spec){ 0 };
	while (*text) {
		int r;

		s.option = s.p = ++text; /* behind the comma */
		text = s.end = strchrnul(text, ',');
		r = parse_option(&s, spec);
		if (r < 0)
			return r;
	}
	return 0;
}
