/// The worker's program in the kernel: forwards the media of flows that the worker has decided about, without waking
/// it. Runs where a network device hands packets over (tc, clsact ingress). Everything that is not plainly RTP of a
/// known flow goes on to the worker's sockets as if this program were not there. Spec: docs/kernel-path.md; RFC 3550
/// §A.1, §A.8; RFC 5761 §4; RFC 7983 §7.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flow.h"

#define TO_THE_WORKER TC_ACT_UNSPEC /* other programs of the device may look at it, too */
#define LOOPBACK 1                  /* its index, in every network namespace */
#define VIDEO_CLOCK 90000
#define SAMPLE_EVERY 1000000000ull /* ns */

/* Set by the worker before the program is loaded. */
const volatile struct carillon_kernel_settings settings = {};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1); /* the worker sets it */
    __type(key, struct carillon_flow_key);
    __type(value, struct carillon_flow);
} flows SEC(".maps");

/* Until when the flows hold (CLOCK_MONOTONIC, ns): the worker moves it on for as long as it lives. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} lease SEC(".maps");

struct rtp {
    __u8 first;
    __u8 type;
    __be16 sequence;
    __be32 timestamp;
    __be32 ssrc;
};

struct headers {
    __u32 ip;  /* offset */
    __u32 udp; /* offset */
    __u32 ip_length;
    __u32 payload_length;
    __u8 hops;
    struct rtp rtp;
};

/* The packet's place in its RTP stream. 0: not of these streams, or the sender has begun anew: the worker's business.
 */
static __always_inline struct carillon_flow_stream* measure(struct carillon_flow* flow, const struct rtp* rtp,
                                                            __u64 now) {
    const __u32 ssrc = bpf_ntohl(rtp->ssrc);
    const __u32 timestamp = bpf_ntohl(rtp->timestamp);
    const __u16 sequence = bpf_ntohs(rtp->sequence);
    struct carillon_flow_stream* stream = 0;
#pragma unroll
    for (int i = 0; i < CARILLON_FLOW_STREAMS; ++i)
        if (!stream && flow->streams[i].used && flow->streams[i].ssrc == ssrc) stream = &flow->streams[i];
    if (!stream) return 0;

    if (stream->received == 0) {
        stream->first = stream->highest = 0x10000ull + sequence;
        stream->seen = 1;
        stream->timestamp = timestamp;
        stream->arrived = now;
        stream->received = 1;
        return stream;
    }
    const __s32 ahead = (__s16)(__u16)(sequence - (__u16)stream->highest);
    if (ahead >= CARILLON_MAX_DROPOUT || ahead <= -CARILLON_MAX_MISORDER) return 0;
    if (ahead <= 0) {
        const __u32 behind = (__u32)-ahead;
        if (behind < 64) {
            if (stream->seen >> behind & 1) {
                ++stream->duplicates;
                return stream;
            }
            stream->seen |= 1ull << behind;
        }
        if (stream->highest - behind < stream->first) stream->first = stream->highest - behind;
        ++stream->late;
        ++stream->received;
        if (stream->gone > 0) --stream->gone;
        if (stream->bursts > stream->gone) stream->bursts = stream->gone;
        return stream;
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
    return stream;
}

/* Every second the beginning of a packet is kept for the worker, who can tell sound from silence. */
static __always_inline void sample(struct __sk_buff* skb, struct carillon_flow* flow, const struct headers* at,
                                   __u64 now) {
    if (now - flow->sampled < SAMPLE_EVERY) return;
    __u32 length = at->payload_length;
    if (length > CARILLON_FLOW_SAMPLE) length = CARILLON_FLOW_SAMPLE;
    if (length < sizeof(struct rtp)) return;
    if (bpf_skb_load_bytes(skb, at->udp + sizeof(struct udphdr), flow->sample, length) != 0) return;
    flow->sample_length = at->payload_length;
    flow->sampled = now;
}

/* Finds a UDP datagram that could be RTP; 0: there is none. */
static __always_inline int read_headers(struct __sk_buff* skb, struct headers* at, struct carillon_flow_key* key) {
    const void* end = (void*)(long)skb->data_end;
    const struct ethhdr* ethernet = (void*)(long)skb->data;
    const struct udphdr* udp;
    if ((void*)(ethernet + 1) > end) return 0;
    at->ip = sizeof *ethernet;
    if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
        const struct iphdr* ip = (void*)(ethernet + 1);
        if ((void*)(ip + 1) > end) return 0;
        /* Options and fragments are rare enough for the worker. */
        if (ip->ihl != 5 || ip->protocol != IPPROTO_UDP || ip->frag_off & bpf_htons(0x3FFF)) return 0;
        key->local[0] = ip->daddr;
        key->remote[0] = ip->saddr;
        at->hops = ip->ttl;
        at->ip_length = bpf_ntohs(ip->tot_len);
        at->udp = at->ip + sizeof *ip;
        udp = (void*)(ip + 1);
    } else if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) {
        const struct ipv6hdr* ip = (void*)(ethernet + 1);
        if ((void*)(ip + 1) > end) return 0;
        if (ip->nexthdr != IPPROTO_UDP) return 0;
        __builtin_memcpy(key->local, &ip->daddr, sizeof key->local);
        __builtin_memcpy(key->remote, &ip->saddr, sizeof key->remote);
        key->v6 = 1;
        at->hops = ip->hop_limit;
        at->ip_length = sizeof *ip + bpf_ntohs(ip->payload_len);
        at->udp = at->ip + sizeof *ip;
        udp = (void*)(ip + 1);
    } else {
        return 0;
    }
    if ((void*)(udp + 1) > end) return 0;
    const __u16 port = bpf_ntohs(udp->dest);
    if (port < settings.first_port || port > settings.last_port) return 0;
    key->local_port = udp->dest;
    key->remote_port = udp->source;
    const __u32 length = bpf_ntohs(udp->len);
    const __u32 head = at->udp - at->ip;
    if (length < sizeof *udp + sizeof(struct rtp) || at->ip_length != head + length) return 0;
    if (skb->len < at->ip + at->ip_length) return 0;
    at->payload_length = length - sizeof *udp;
    return bpf_skb_load_bytes(skb, at->udp + sizeof *udp, &at->rtp, sizeof at->rtp) == 0;
}

static __always_inline int rewrite_ipv4(struct __sk_buff* skb, const struct headers* at,
                                        const struct carillon_flow_key* key, const struct carillon_flow* flow) {
    __be32 before[2] = {key->remote[0], key->local[0]};
    __be32 after[2] = {flow->source[0], flow->target[0]};
    const __s64 change = bpf_csum_diff(before, sizeof before, after, sizeof after, 0);
    const __u32 check = at->ip + __builtin_offsetof(struct iphdr, check);
    const __u32 udp_check = at->udp + __builtin_offsetof(struct udphdr, check);
    if (bpf_l4_csum_replace(skb, udp_check, 0, (__u64)change, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0) != 0) return 0;
    if (bpf_l3_csum_replace(skb, check, 0, (__u64)change, 0) != 0) return 0;
    if (bpf_skb_store_bytes(skb, at->ip + __builtin_offsetof(struct iphdr, saddr), after, sizeof after, 0) != 0)
        return 0;
    /* Time to live and protocol are one word of the header's sum. */
    const __u8 hops = at->hops - 1;
    if (bpf_l3_csum_replace(skb, check, bpf_htons((__u16)at->hops << 8), bpf_htons((__u16)hops << 8), 2) != 0) return 0;
    return bpf_skb_store_bytes(skb, at->ip + __builtin_offsetof(struct iphdr, ttl), &hops, sizeof hops, 0) == 0;
}

static __always_inline int rewrite_ipv6(struct __sk_buff* skb, const struct headers* at,
                                        const struct carillon_flow_key* key, const struct carillon_flow* flow) {
    __be32 before[8];
    __be32 after[8];
    __builtin_memcpy(before, key->remote, 16);
    __builtin_memcpy(before + 4, key->local, 16);
    __builtin_memcpy(after, flow->source, 16);
    __builtin_memcpy(after + 4, flow->target, 16);
    const __s64 change = bpf_csum_diff(before, sizeof before, after, sizeof after, 0);
    const __u32 udp_check = at->udp + __builtin_offsetof(struct udphdr, check);
    if (bpf_l4_csum_replace(skb, udp_check, 0, (__u64)change, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0) != 0) return 0;
    if (bpf_skb_store_bytes(skb, at->ip + __builtin_offsetof(struct ipv6hdr, saddr), after, sizeof after, 0) != 0)
        return 0;
    const __u8 hops = at->hops - 1;
    return bpf_skb_store_bytes(skb, at->ip + __builtin_offsetof(struct ipv6hdr, hop_limit), &hops, sizeof hops, 0) == 0;
}

static __always_inline int rewrite_ports(struct __sk_buff* skb, const struct headers* at,
                                         const struct carillon_flow_key* key, const struct carillon_flow* flow) {
    struct {
        __be16 source;
        __be16 target;
    } before = {key->remote_port, key->local_port}, after = {flow->source_port, flow->target_port};
    const __s64 change = bpf_csum_diff((__be32*)&before, sizeof before, (__be32*)&after, sizeof after, 0);
    const __u32 udp_check = at->udp + __builtin_offsetof(struct udphdr, check);
    if (bpf_l4_csum_replace(skb, udp_check, 0, (__u64)change, BPF_F_MARK_MANGLED_0) != 0) return 0;
    return bpf_skb_store_bytes(skb, at->udp, &after, sizeof after, 0) == 0;
}

SEC("tc")
int carillon_forward(struct __sk_buff* skb) {
    /* A message that is cut into packets later counts as one here: the worker does better. */
    if (skb->pkt_type != 0 /* PACKET_HOST */ || skb->gso_segs > 1 || skb->vlan_present) return TO_THE_WORKER;
    struct carillon_flow_key key = {};
    struct headers at = {};
    if (!read_headers(skb, &at, &key)) return TO_THE_WORKER;
    /* Version 2, and not RTCP. */
    if ((at.rtp.first & 0xC0) != 0x80 || (at.rtp.type >= 192 && at.rtp.type <= 223)) return TO_THE_WORKER;
    struct carillon_flow* flow = bpf_map_lookup_elem(&flows, &key);
    if (!flow) return TO_THE_WORKER;
    const __u32 zero = 0;
    const __u64* until = bpf_map_lookup_elem(&lease, &zero);
    const __u64 now = bpf_ktime_get_ns();
    if (!until || now > *until) return TO_THE_WORKER;
    if (at.hops <= 1 || at.ip_length > flow->mtu) return TO_THE_WORKER;
    /* To somebody on this host from elsewhere: a source address of our own from a wire would be refused. */
    const int here = flow->local;
    if (here && skb->ifindex != LOOPBACK) return TO_THE_WORKER;

    const struct carillon_flow_stream* stream = measure(flow, &at.rtp, now);
    if (!stream) return TO_THE_WORKER;
    ++flow->packets;
    flow->octets += at.payload_length;
    flow->arrived = now;
    if (stream->clock_rate != VIDEO_CLOCK) sample(skb, flow, &at, now);
    if (!(key.v6 ? rewrite_ipv6(skb, &at, &key, flow) : rewrite_ipv4(skb, &at, &key, flow))) return TC_ACT_SHOT;
    if (!rewrite_ports(skb, &at, &key, flow)) return TC_ACT_SHOT;
    return here ? TC_ACT_OK : (int)bpf_redirect_neigh(flow->device, 0, 0, 0);
}

char _license[] SEC("license") = "MIT";
