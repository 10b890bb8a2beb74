/* SPDX-License-Identifier: Apache-2.0 */
/* A listening TCP socket for "[ADDRESS:]PORT"; the address is a number, IPv6
 * in brackets, 127.0.0.1 when it is left out.  A descriptor or -errno. */
#ifndef CLI_LISTEN_H
#define CLI_LISTEN_H

#include "base/err.h"

int cli_listen(const char *where, struct err *e);

#endif
