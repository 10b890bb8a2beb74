/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JSON object on one line of standard output, for --json.
 * Running out of memory loses the field, never the machine.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct cli_json;

struct cli_json *cli_json_begin(struct err *e); /* NULL: built without json-c */
void cli_json_string(struct cli_json *j, const char *key, const char *value);
void cli_json_number(struct cli_json *j, const char *key, uint64_t value);
void cli_json_seconds(struct cli_json *j, const char *key, uint64_t ns);
void cli_json_bool(struct cli_json *j, const char *key, bool value);
void cli_json_print(struct cli_json *j); /* prints, flushes, frees */
void cli_json_free(struct cli_json *j); /* without printing; NULL is fine */

#endif
