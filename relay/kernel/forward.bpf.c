/// The worker's program in the kernel: forwards the media of flows that the worker has decided about, without waking
/// it. Runs where a network device hands packets over (tc, clsact ingress). Everything that is not plainly RTP of a
/// known flow goes on to the worker's sockets as if this program were not there. Spec: docs/kernel-path.md; RFC 5761
/// §4; RFC 7983 §7.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "relay/kernel/flow.h"
#include "relay/kernel/measure.bpf.h"
#include "relay/kernel/packet.bpf.h"
#include "relay/kernel/srtp.h"

/* Set by the worker before the program is loaded. */
const volatile struct carillon_kernel_constants constants = {};

#include "relay/kernel/aes.h"
/* The compiler must not take what the worker sets for the zeros that stand here. */
static __always_inline const struct carillon_aes_tables* carillon_tables(void) {
    const void* tables = (const void*)&constants.tables;
    CARILLON_UNKNOWN(tables);
    return tables;
}
#include "relay/kernel/sealed.bpf.h"

#define TO_THE_WORKER TC_ACT_UNSPEC /* other programs of the device may look at it, too */
#define LOOPBACK 1                  /* its index, in every network namespace */

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1); /* the worker sets it */
    __type(key, struct carillon_flow_key);
    __type(value, struct carillon_flow);
} flows SEC(".maps");

/* Of flows whose packets are opened or sealed. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1); /* as many */
    __type(key, struct carillon_flow_key);
    __type(value, struct carillon_srtp);
} seals SEC(".maps");

/* Until when the flows hold (CLOCK_MONOTONIC, ns): the worker moves it on for as long as it lives. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} lease SEC(".maps");

static __always_inline int pass_plain(struct __sk_buff* skb, const struct headers* at, struct carillon_flow* flow) {
    const __u64 now = bpf_ktime_get_ns();
    if (at->ip_length > flow->mtu) return LEAVE_TO_WORKER;
    const int which = stream_of(flow, &at->rtp);
    if (which < 0 || which >= CARILLON_FLOW_STREAMS) return LEAVE_TO_WORKER;
    struct carillon_flow_stream* stream = &flow->streams[which];
    if (!measure(stream, &at->rtp, now)) return LEAVE_TO_WORKER;
    count(flow, at->payload_length, now);
    if (!wants_sample(flow, stream, now)) return GOES_ON;
    __u32 length = at->payload_length;
    if (length > CARILLON_FLOW_SAMPLE) length = CARILLON_FLOW_SAMPLE;
    if (length < sizeof(struct rtp)) return GOES_ON;
    if (bpf_skb_load_bytes(skb, at->udp + sizeof(struct udphdr), flow->sample, length) != 0) return GOES_ON;
    flow->sample_length = at->payload_length;
    flow->sampled = now;
    return GOES_ON;
}

SEC("tc")
int carillon_forward(struct __sk_buff* skb) {
    /* A message that is cut into packets later counts as one here: the worker does better. */
    if (skb->pkt_type != 0 /* PACKET_HOST */ || skb->gso_segs > 1 || skb->vlan_present) return TO_THE_WORKER;
    const __u32 only = 0;
    struct desk* desk = bpf_map_lookup_elem(&desks, &only);
    if (!desk) return TO_THE_WORKER;
    const struct headers* at = &desk->at;
    if (!read_headers(skb, &constants.settings, &desk->at, &desk->key)) return TO_THE_WORKER;
    /* Version 2, and not RTCP. */
    if ((at->rtp.first & 0xC0) != 0x80 || (at->rtp.type >= 192 && at->rtp.type <= 223)) return TO_THE_WORKER;
    struct carillon_flow* flow = bpf_map_lookup_elem(&flows, &desk->key);
    if (!flow) return TO_THE_WORKER;
    const __u64* until = bpf_map_lookup_elem(&lease, &only);
    if (!until || bpf_ktime_get_ns() > *until) return TO_THE_WORKER;
    if (at->hops <= 1) return TO_THE_WORKER;
    /* To somebody on this host from elsewhere: a source address of our own from a wire would be refused. */
    const int here = flow->local;
    if (here && skb->ifindex != LOOPBACK) return TO_THE_WORKER;

    int verdict = LEAVE_TO_WORKER;
    if (flow->sealed) {
        struct carillon_srtp* srtp = bpf_map_lookup_elem(&seals, &desk->key);
        if (srtp) verdict = pass_sealed(skb, desk, flow, srtp);
    } else {
        verdict = pass_plain(skb, at, flow);
    }
    if (verdict == LEAVE_TO_WORKER) return TO_THE_WORKER;
    if (verdict != GOES_ON || !rewrite(skb, at, &desk->key, flow)) return TC_ACT_SHOT;
    return here ? TC_ACT_OK : (int)bpf_redirect_neigh(flow->device, 0, 0, 0);
}

char _license[] SEC("license") = "MIT";
