/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `doppel run PROGRAM.wasm`: the options of a WebAssembly program and its life
 * in this process.  Start-up is what counts here: no thread, event loop or
 * library that the program does not need.
 */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

#include "cli/opt.h"

extern const struct cli_opt program_opts[];
extern const struct cli_usage program_usage;
int program_command(int argc, char **argv);

#endif
