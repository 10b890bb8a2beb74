/* SPDX-License-Identifier: Apache-2.0 */
/* `doppel run linux`: the stock kernel with a private root folder. */
#ifndef CLI_LINUX_H
#define CLI_LINUX_H

#include "cli/machine.h"

struct linux_run;

/* Fetch what is missing, make the run's root folder and complete `m`.
 * command: NULL for a shell, else its words, ended by NULL. */
struct linux_run *linux_prepare(struct machine *m, char *const *command, struct err *e);
/* The command's exit status if it left one, else `status`; a session_status_fn. */
int linux_status(void *l, const struct system_end *end, int status, struct err *e);
/* Removes the folder unless `snapshot` (NULL: none) was written, which needs
 * it; l may be NULL. */
void linux_finish(struct linux_run *l, const char *snapshot);

#endif
