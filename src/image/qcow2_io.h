/* SPDX-License-Identifier: Apache-2.0 */
/* qcow2 data path; the meaning of the calls is host/blk.h's. */
#ifndef IMAGE_QCOW2_IO_H
#define IMAGE_QCOW2_IO_H

#include "image/qcow2_int.h"

int qcow2__readv(struct qcow2 *q, const struct iovec *iov, int n, uint64_t off);
int qcow2__writev(struct qcow2 *q, const struct iovec *iov, int n, uint64_t off);
int qcow2__discard(struct qcow2 *q, uint64_t off, uint64_t len);
int qcow2__write_zeroes(struct qcow2 *q, uint64_t off, uint64_t len, bool unmap);

#endif
