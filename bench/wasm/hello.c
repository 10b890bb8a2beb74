/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest program that says something: what is left is start-up. */
#include <stdio.h>

int main(void)
{
	puts("hello, world");
	return 0;
}
