/// What the worker would measure of a packet (media/rtp/reception.h). Spec: RFC 3550 §A.1, §A.8.
#ifndef CARILLON_RELAY_KERNEL_MEASURE_BPF_H
#define CARILLON_RELAY_KERNEL_MEASURE_BPF_H

#include "relay/kernel/packet.bpf.h"

#define VIDEO_CLOCK 90000
#define SAMPLE_EVERY 1000000000ull /* ns */

/* Which of the flow's streams the packet belongs to; negative: none. */
static __always_inline int stream_of(const struct carillon_flow* flow, const struct rtp* rtp) {
    const __u32 ssrc = bpf_ntohl(rtp->ssrc);
#pragma unroll
    for (int i = 0; i < CARILLON_FLOW_STREAMS; ++i)
        if (flow->streams[i].used && flow->streams[i].ssrc == ssrc) return i;
    return -1;
}

/* The packet's place in its RTP stream. 0: the sender has begun anew, which is the worker's business. */
static __always_inline int measure(struct carillon_flow_stream* stream, const struct rtp* rtp, __u64 now) {
    const __u32 timestamp = bpf_ntohl(rtp->timestamp);
    const __u16 sequence = bpf_ntohs(rtp->sequence);
    if (stream->received == 0) {
        stream->first = stream->highest = 0x10000ull + sequence;
        stream->seen = 1;
        stream->timestamp = timestamp;
        stream->arrived = now;
        stream->received = 1;
        return 1;
    }
    const __s32 ahead = (__s16)(__u16)(sequence - (__u16)stream->highest);
    if (ahead >= CARILLON_MAX_DROPOUT || ahead <= -CARILLON_MAX_MISORDER) return 0;
    if (ahead <= 0) {
        const __u32 behind = (__u32)-ahead;
        if (behind < 64) {
            if (stream->seen >> behind & 1) {
                ++stream->duplicates;
                return 1;
            }
            stream->seen |= 1ull << behind;
        }
        if (stream->highest - behind < stream->first) stream->first = stream->highest - behind;
        ++stream->late;
        ++stream->received;
        if (stream->gone > 0) --stream->gone;
        if (stream->bursts > stream->gone) stream->bursts = stream->gone;
        return 1;
    }
    stream->seen = ahead >= 64 ? 1 : (stream->seen << ahead) | 1;
    stream->highest += (__u64)ahead;
    ++stream->received;
    if (ahead > 1) {
        ++stream->bursts;
        stream->gone += (__u64)(ahead - 1);
    }
    if (timestamp != stream->timestamp) {
        const __u64 rate = stream->clock_rate;
        const __s64 passed = (__s64)((now - stream->arrived) / 1000 * rate / 1000000);
        __s64 difference = passed - (__s32)(timestamp - stream->timestamp);
        if (difference < 0) difference = -difference;
        if (rate && (__u64)difference < rate * 5) stream->jitter += (__u64)difference - ((stream->jitter + 8) >> 4);
        stream->timestamp = timestamp;
        stream->arrived = now;
    }
    return 1;
}

/* A packet that leaves counts; `octets` of UDP payload, as the worker would see it. */
static __always_inline void count(struct carillon_flow* flow, __u32 octets, __u64 now) {
    ++flow->packets;
    flow->octets += octets;
    flow->arrived = now;
}

/* Every second the beginning of a packet of sound is kept for the worker, who can tell it from silence. */
static __always_inline int wants_sample(const struct carillon_flow* flow, const struct carillon_flow_stream* stream,
                                        __u64 now) {
    return stream->clock_rate != VIDEO_CLOCK && now - flow->sampled >= SAMPLE_EVERY;
}

#endif
