/* SPDX-License-Identifier: Apache-2.0 */
/* JSON output by json-c; see json.h. */
#include "cli/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"

#ifdef HAVE_JSON
#include <json-c/json.h>

/* A cli_json is a json-c object under another name. */
static json_object *object(struct cli_json *j)
{
	return (json_object *)j;
}

struct cli_json *cli_json_begin(struct err *e)
{
	json_object *o = json_object_new_object();

	if (!o)
		err_set(e, ENOMEM, "out of memory");
	return (struct cli_json *)o;
}

/* JSON is UTF-8; names of files are any bytes.  U+FFFD for each that is not. */
static char *utf8_of(const char *s)
{
	size_t n = strlen(s), k;
	char *out = base_alloc(3 * n + 1), *p = out;

	for (size_t i = 0; out && i < n; i += k + !k) {
		k = base_utf8_len(s + i, n - i);
		p = mempcpy(p, k ? s + i : "\xef\xbf\xbd", k ? k : 3);
	}
	if (out)
		*p = 0;
	return out;
}

void cli_json_string(struct cli_json *j, const char *key, const char *value)
{
	base_auto char *clean = value && !base_utf8(value, strlen(value)) ? utf8_of(value) : NULL;

	json_object_object_add(object(j), key,
			       value ? json_object_new_string(clean ? clean : value) : NULL);
}

void cli_json_number(struct cli_json *j, const char *key, uint64_t value)
{
	json_object_object_add(object(j), key, json_object_new_uint64(value));
}

void cli_json_seconds(struct cli_json *j, const char *key, uint64_t ns)
{
	char text[32];

	snprintf(text, sizeof(text), "%.3f", (double)ns / 1e9);
	json_object_object_add(object(j), key, json_object_new_double_s((double)ns / 1e9, text));
}

void cli_json_bool(struct cli_json *j, const char *key, bool value)
{
	json_object_object_add(object(j), key, json_object_new_boolean(value));
}

void cli_json_print(struct cli_json *j)
{
	puts(json_object_to_json_string_ext(object(j), JSON_C_TO_STRING_PLAIN |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(stdout);
	json_object_put(object(j));
}

void cli_json_free(struct cli_json *j)
{
	json_object_put(object(j));
}

#else

struct cli_json *cli_json_begin(struct err *e)
{
	err_set(e, ENOTSUP, "--json: built without json-c");
	return NULL;
}

void cli_json_string(struct cli_json *j, const char *key, const char *value)
{
	(void)j, (void)key, (void)value;
}

void cli_json_number(struct cli_json *j, const char *key, uint64_t value)
{
	(void)j, (void)key, (void)value;
}

void cli_json_seconds(struct cli_json *j, const char *key, uint64_t ns)
{
	(void)j, (void)key, (void)ns;
}

void cli_json_bool(struct cli_json *j, const char *key, bool value)
{
	(void)j, (void)key, (void)value;
}

void cli_json_print(struct cli_json *j)
{
	(void)j;
}

void cli_json_free(struct cli_json *j)
{
	(void)j;
}

#endif
