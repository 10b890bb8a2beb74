/* SPDX-License-Identifier: Apache-2.0 */
/* Trace and dump masks, line output; see log.h.  The mask and the output
 * file are process-wide by nature. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/bits.h"

struct log_mask log_mask;
static FILE *log_file;

#define X(up, lo) #lo,
static const char *const trace_names[] = { LOG_TRACES(X) };
static const char *const dump_names[] = { LOG_DUMPS(X) };
#undef X

const char *log_trace_name(uint32_t bit)
{
	return trace_names[__builtin_ctz(bit)];
}

void log_set_file(FILE *f)
{
	log_file = f;
}

void log_line(const char *channel, const char *fmt, ...)
{
	char line[1024];
	FILE *f = log_file ? log_file : stderr;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fprintf(f, "%s: %s\n", channel, line);
}

static int parse(const char *what, const char *list, const char *const *names,
		 size_t n, uint32_t allowed, uint32_t *mask, struct err *e)
{
	char known[256] = "";

	while (*list) {
		size_t len = strcspn(list, ","), i;

		for (i = 0; i < n; i++)
			if (allowed >> i & 1 && strlen(names[i]) == len &&
			    !memcmp(names[i], list, len))
				break;
		if (i == n) {
			for (i = 0; i < n; i++) {
				if (!(allowed >> i & 1))
					continue;
				if (*known)
					strncat(known, ", ", sizeof(known) - strlen(known) - 1);
				strncat(known, names[i], sizeof(known) - strlen(known) - 1);
			}
			return err_set(e, EINVAL, "--%s: unknown word '%.*s' (known: %s)",
				       what, (int)len, list, known);
		}
		*mask |= 1u << i;
		list += len + (list[len] == ',');
	}
	return 0;
}

int log_set_trace_of(const char *list, uint32_t allowed, struct err *e)
{
	return parse("trace", list, trace_names, ARRAY_LEN(trace_names), allowed,
		     &log_mask.trace, e);
}

int log_set_trace(const char *list, struct err *e)
{
	return log_set_trace_of(list, UINT32_MAX, e);
}

int log_set_dump(const char *list, struct err *e)
{
	return parse("dump", list, dump_names, ARRAY_LEN(dump_names), UINT32_MAX,
		     &log_mask.dump, e);
}
