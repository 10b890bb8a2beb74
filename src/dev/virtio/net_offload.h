/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network card does for its driver: Internet checksums, TCP
 * segmentation and its reverse, in software.  Frames are Ethernet without FCS; everything in
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

/* The other way round: TCP segments of one connection that arrive one after
 * the other become one large frame, which the guest takes with one buffer's
 * cost (GUEST_TSO).  The frame waits here until the next does not fit. */
struct virtio__net_segment {
	bool v6;
	unsigned ip, tcp, hlen;         /* offsets of both headers, and the payload's */
	unsigned data;                  /* bytes of payload */
	uint32_t seq;
};
struct virtio__net_merge {
	size_t len;                     /* 0: empty */
	bool open;                      /* may grow; the fields below are valid */
	struct virtio__net_segment first; /* its data is the largest that may follow */
	unsigned segments;
	uint32_t next_seq;
	uint8_t frame[VIRTIO__NET_FRAME];
};
/* Put a frame of at most VIRTIO__NET_FRAME bytes into the empty m.  It is open
 * if it is a TCP segment with data, alone or mergeable, of an allowed family
 * and with a right checksum. */
void virtio__net_merge_start(struct virtio__net_merge *m, const uint8_t *frame, size_t len,
			     bool v4, bool v6);
/* Append the frame if it continues what is there. */
bool virtio__net_merge_add(struct virtio__net_merge *m, const uint8_t *frame, size_t len);
/* Make the headers right.  True: the frame is larger than a segment, and its
 * TCP checksum is the pseudo header's sum, to be completed over tcp .. end. */
bool virtio__net_merge_close(struct virtio__net_merge *m);

#endif
