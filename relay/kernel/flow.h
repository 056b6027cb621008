/// What the worker and its program in the kernel tell one another: one entry of the map `flows`, a media flow.
/// Plain C: both sides are compiled from it.
/// Spec: docs/kernel-path.md.  Addresses and ports stand in network order; an IPv4 address in the first word.
#ifndef CARILLON_RELAY_KERNEL_FLOW_H
#define CARILLON_RELAY_KERNEL_FLOW_H

#include <linux/types.h>

#define CARILLON_FLOW_STREAMS 4 /* RTP streams (SSRCs) of one flow; as many as the worker measures */
#define CARILLON_FLOW_SAMPLE 48 /* octets of a packet that the worker looks at for sound */

/* RFC 3550 A.1 */
#define CARILLON_MAX_DROPOUT 3000
#define CARILLON_MAX_MISORDER 100

/* Host order. */
struct carillon_kernel_settings {
    __u16 first_port; /* of the worker's media */
    __u16 last_port;
    __u16 first_ice_port; /* that ICE legs share; none: 0 */
    __u16 last_ice_port;
};

/* Where a packet comes from, and to which port of ours. */
struct carillon_flow_key {
    __u32 local[4];
    __u32 remote[4];
    __u16 local_port;
    __u16 remote_port;
    __u32 v6;
};

/* One RTP stream, measured as media/rtp/reception.h does; begins empty when the flow is put in. */
struct carillon_flow_stream {
    __u64 received;
    __u64 first;   /* extended sequence number of the first packet; cycles begin at 1 */
    __u64 highest; /* extended */
    __u64 seen;    /* bit n: highest - n has come */
    __u64 late;
    __u64 duplicates;
    __u64 bursts;    /* gaps in the order of arrival */
    __u64 gone;      /* packets missing in them */
    __u64 arrived;   /* CLOCK_MONOTONIC in ns, of the last packet that brought a new timestamp */
    __u64 jitter;    /* RFC 3550 A.8: in units of the timestamp, times 16 */
    __u32 timestamp; /* of that packet */
    __u32 ssrc;
    __u32 clock_rate; /* Hz; 0: not known, no jitter */
    __u32 used;
};

struct carillon_flow {
    __u32 source[4]; /* ours, of the leg it leaves by */
    __u32 target[4];
    __u16 source_port;
    __u16 target_port;
    __u32 device; /* it leaves by */
    __u32 local;  /* the target is on this host */
    __u32 mtu;    /* longest IP packet on the way */
    __u64 packets;
    __u64 octets;  /* of UDP payload */
    __u64 arrived; /* CLOCK_MONOTONIC in ns, of the last packet */
    __u64 sampled;
    __u32 sample_length; /* the whole UDP payload's */
    __u8 sample[CARILLON_FLOW_SAMPLE];
    __u32 sealed; /* opened and sealed on the way: srtp.h */
    struct carillon_flow_stream streams[CARILLON_FLOW_STREAMS];
};

#endif
