/// Where a packet's headers stand, and how they become those of the way out.
/// Spec: RFC 768; RFC 791; RFC 8200; RFC 1624 (sums that follow a change).
#ifndef CARILLON_RELAY_KERNEL_PACKET_BPF_H
#define CARILLON_RELAY_KERNEL_PACKET_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "relay/kernel/flow.h"

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

/* Finds a UDP datagram that could be RTP; 0: there is none. */
static __always_inline int read_headers(struct __sk_buff* skb, const volatile struct carillon_kernel_settings* settings,
                                        struct headers* at, struct carillon_flow_key* key) {
    const void* end = (void*)(long)skb->data_end;
    const struct ethhdr* ethernet = (void*)(long)skb->data;
    const struct udphdr* udp;
    if ((void*)(ethernet + 1) > end) return 0;
    __builtin_memset(key, 0, sizeof *key);
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
    if ((port < settings->first_port || port > settings->last_port) &&
        (port < settings->first_ice_port || port > settings->last_ice_port))
        return 0;
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

/* Other addresses, ports, and a hop less; the sums follow. */
static __noinline int rewrite(struct __sk_buff* skb, const struct headers* at, const struct carillon_flow_key* key,
                              const struct carillon_flow* flow) {
    return (key->v6 ? rewrite_ipv6(skb, at, key, flow) : rewrite_ipv4(skb, at, key, flow)) &&
           rewrite_ports(skb, at, key, flow);
}

#endif
