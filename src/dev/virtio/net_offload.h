/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network card does for its driver: Internet checksums and TCP
 * segmentation, in software.  Frames are Ethernet without FCS; everything in
 * them comes from a guest (or the network) and is checked.
 */
#ifndef DEV_VIRTIO_NET_OFFLOAD_H
#define DEV_VIRTIO_NET_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Put the checksum of [start, len) at start + off, where the pseudo header's
 * sum is already (virtio 1.2, 5.1.6.2).  False: outside of the frame. */
bool virtio__net_checksum(uint8_t *frame, size_t len, unsigned start, unsigned off);

/* Whether the frame is TCP or UDP over IPv4 or IPv6, not a fragment, and its
 * transport checksum is right. */
bool virtio__net_verify(const uint8_t *frame, size_t len);

/* Cut one large TCP frame (tcp: offset of its TCP header) into segments of at
 * most mss bytes of payload, complete with checksums, and give each to emit.
 * `out` has room for VIRTIO__NET_FRAME bytes.  False: not such a frame. */
enum { VIRTIO__NET_FRAME = 65536 + 64, VIRTIO__NET_MSS_MIN = 8 };
typedef void virtio__net_emit(void *arg, const void *frame, size_t len);
bool virtio__net_segment(const uint8_t *frame, size_t len, unsigned tcp, unsigned mss,
			 uint8_t *out, virtio__net_emit *emit, void *arg);

#endif
