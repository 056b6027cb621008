/// A flow whose ends do not share keys: opened with those of the one, sealed with those of the other.
/// Spec: RFC 3711 §3.3; RFC 1624 (sums that follow a change).  Not here: the packet itself (srtp_packet.h).
#ifndef CARILLON_RELAY_KERNEL_SEALED_BPF_H
#define CARILLON_RELAY_KERNEL_SEALED_BPF_H

#include "relay/kernel/measure.bpf.h"
#include "relay/kernel/srtp_packet.h"

enum verdict { LEAVE_TO_WORKER, DROP, GOES_ON };

/* What is known of the packet at hand, and where it is worked on: too much for the stack, and no core is taken away
   from a program at work. */
struct desk {
    struct carillon_flow_key key;
    struct headers at;
    struct carillon_work work;
};
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct desk);
} desks SEC(".maps");

#define SUM_STEP 512 /* octets that bpf_csum_diff takes at once */

/* The sum of the packet in `work`, added to `sum` or taken from it. */
static __always_inline __s64 sum_packet(struct carillon_work* work, __s64 sum, int add) {
    const __u32 length = work->length;
    if (length > CARILLON_PACKET_ROOM - 4) return sum;
    carillon_store32(work->packet + length, 0); /* it takes whole words */
    for (__u32 at = 0; at < 4 * SUM_STEP; at += SUM_STEP) {
        if (at >= length) break;
        __u32 size = length - at;
        if (size > SUM_STEP) size = SUM_STEP;
        size = (size + 3) & ~3u;
        __be32* words = (__be32*)(void*)(work->packet + at);
        sum = add ? bpf_csum_diff(0, 0, words, size, (__u32)sum) : bpf_csum_diff(words, size, 0, 0, (__u32)sum);
    }
    return sum;
}

/* The UDP datagram becomes `change` octets longer. */
static __always_inline int rewrite_lengths(struct __sk_buff* skb, const struct headers* at, int v6, __s32 change) {
    const __u32 udp_length = at->payload_length + sizeof(struct udphdr);
    const __be16 before = bpf_htons((__u16)udp_length), after = bpf_htons((__u16)(udp_length + change));
    const __u32 udp_check = at->udp + __builtin_offsetof(struct udphdr, check);
    /* Twice in the sum: as it stands in the header, and in the pseudo-header. */
    if (bpf_l4_csum_replace(skb, udp_check, before, after, 2 | BPF_F_MARK_MANGLED_0) != 0) return 0;
    if (bpf_l4_csum_replace(skb, udp_check, before, after, 2 | BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0) != 0) return 0;
    if (bpf_skb_store_bytes(skb, at->udp + __builtin_offsetof(struct udphdr, len), &after, sizeof after, 0) != 0)
        return 0;
    if (v6)
        return bpf_skb_store_bytes(skb, at->ip + __builtin_offsetof(struct ipv6hdr, payload_len), &after, sizeof after,
                                   0) == 0;
    const __be16 was = bpf_htons((__u16)at->ip_length), is = bpf_htons((__u16)(at->ip_length + change));
    return bpf_l3_csum_replace(skb, at->ip + __builtin_offsetof(struct iphdr, check), was, is, 2) == 0 &&
           bpf_skb_store_bytes(skb, at->ip + __builtin_offsetof(struct iphdr, tot_len), &is, sizeof is, 0) == 0;
}

/* Puts what stands in `work` in the place of the payload. `sum`: what the payload was, taken from nothing. */
static __noinline int replace_payload(struct __sk_buff* skb, const struct headers* at, int v6,
                                      struct carillon_work* work, __s64 sum) {
    const __s64 change = sum_packet(work, sum, 1);
    const __u32 length = work->length;
    if (length < 1 || length > CARILLON_LONGEST_PACKET + CARILLON_LONGEST_TAG) return 0;
    const __s32 longer = (__s32)length - (__s32)at->payload_length;
    if (longer != 0 && bpf_skb_change_tail(skb, at->ip + at->ip_length + longer, 0) != 0) return 0;
    if (bpf_skb_store_bytes(skb, at->udp + sizeof(struct udphdr), work->packet, length, 0) != 0) return 0;
    const __u32 udp_check = at->udp + __builtin_offsetof(struct udphdr, check);
    if (bpf_l4_csum_replace(skb, udp_check, 0, (__u64)change, BPF_F_MARK_MANGLED_0) != 0) return 0;
    return longer == 0 || rewrite_lengths(skb, at, v6, longer);
}

/* Only afterwards the packet is another one: what is left to the worker is as it came. */
static __noinline int pass_sealed(struct __sk_buff* skb, struct desk* desk, struct carillon_flow* flow,
                                  struct carillon_srtp* srtp) {
    const struct headers* at = &desk->at;
    struct carillon_work* work = &desk->work;
    const __u32 came = at->payload_length;
    if (came < CARILLON_RTP_HEADER || came > CARILLON_LONGEST_PACKET) return LEAVE_TO_WORKER;
    if (at->ip_length + srtp->seal.tag > flow->mtu + srtp->open.tag) return LEAVE_TO_WORKER;
    const int which = stream_of(flow, &at->rtp);
    if (which < 0 || which >= CARILLON_FLOW_STREAMS) return LEAVE_TO_WORKER;
    struct carillon_srtp_stream* indices = &srtp->streams[which];
    if (bpf_skb_load_bytes(skb, at->udp + sizeof(struct udphdr), work->packet, came) != 0) return LEAVE_TO_WORKER;
    work->length = came;
    work->header = carillon_header_length(work, came);
    if (work->header == 0) return LEAVE_TO_WORKER;
    const __s64 sum = sum_packet(work, 0, 0);

    const int opens = srtp->open.mode != CARILLON_SRTP_NONE;
    const __u64 highest = opens ? indices->opened : indices->sealed;
    const __u16 sequence = bpf_ntohs(at->rtp.sequence);
    const __u64 index = carillon_guess_index(highest, sequence);
    if (!carillon_fresh(indices->seen, highest, index)) {
        __sync_fetch_and_add(&srtp->replayed, 1);
        return DROP;
    }
    if (opens && !carillon_open(work, &srtp->open, index)) {
        __sync_fetch_and_add(&srtp->forged, 1);
        return DROP;
    }
    const __u32 opened = work->length;
    const __u64 now = bpf_ktime_get_ns();
    struct carillon_flow_stream* stream = &flow->streams[which];
    if (!measure(stream, &at->rtp, now)) return LEAVE_TO_WORKER;
    if (wants_sample(flow, stream, now)) {
        __builtin_memcpy(flow->sample, work->packet, sizeof flow->sample);
        flow->sample_length = opened;
        flow->sampled = now;
    }
    count(flow, opened, now);
    if (srtp->maps) work->packet[1] = (work->packet[1] & 0x80) | (srtp->payload_types[work->packet[1] & 0x7F] & 0x7F);

    carillon_mark(indices->seen, highest, index);
    if (opens && index > indices->opened) indices->opened = index;
    if (srtp->seal.mode != CARILLON_SRTP_NONE) {
        /* The same sequence number, under a roll-over counter of its own. */
        const __u64 out = carillon_guess_index(indices->sealed, sequence);
        if (!carillon_seal(work, &srtp->seal, out)) return DROP;
        if (out > indices->sealed) indices->sealed = out;
    }
    return replace_payload(skb, at, (int)desk->key.v6, work, sum) ? GOES_ON : DROP;
}

#endif
