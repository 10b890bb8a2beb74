/* SPDX-License-Identifier: Apache-2.0 */
/* Inside dev/: how the APLIC reaches the interrupt files. */
#ifndef DEV_IMSIC_H
#define DEV_IMSIC_H

#include "dev/platform.h"

/* A message to a physical address; false: not one of this IMSIC's pages. */
bool imsic__send(struct imsic *s, uint64_t addr, uint32_t id);
/* To a hart by its number. */
bool imsic__send_hart(struct imsic *s, unsigned hart, uint32_t id);

#endif
