/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer entry: the input is a script for platform_script.h. */
#include "platform_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	ps_run(data, n);
	return 0;
}
