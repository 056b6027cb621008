/// SRTP in the kernel, as far as the worker and its program tell one another: keys and indices of one flow, one entry
/// of the map `seals`. Plain C: both sides are compiled from it.
/// Spec: RFC 3711 §3.2.3 (what a stream's context holds), §3.3.2; RFC 7714; docs/kernel-path.md.
/// Words are in host order unless said otherwise.
#ifndef CARILLON_RELAY_KERNEL_SRTP_H
#define CARILLON_RELAY_KERNEL_SRTP_H

#include "relay/kernel/flow.h"

#define CARILLON_SRTP_NONE 0 /* plain RTP */
#define CARILLON_SRTP_CM 1   /* AES counter mode, HMAC-SHA1 */
#define CARILLON_SRTP_GCM 2

#define CARILLON_WINDOW_WORDS 16
/* Indices behind the highest that are told apart from repeated ones; the ring's last word is being filled. */
#define CARILLON_WINDOW 960

/* An element of GCM's field: eight octets and eight. */
struct carillon_ghash_block {
    __u64 first;
    __u64 last;
};

/* The session keys of one direction of a leg. */
struct carillon_srtp_keys {
    __u32 mode;           /* CARILLON_SRTP_... */
    __u32 tag;            /* octets */
    __u32 rounds;         /* of AES: 10 or 14 */
    __u32 salt[4];        /* 14 or 12 octets and zeros, as four words */
    __u32 round_keys[60]; /* four for the beginning and each round */
    __u32 inner[5];       /* CM: SHA-1 after the key's block, for the hash within and the one around it */
    __u32 outer[5];
    struct carillon_ghash_block hash_key; /* GCM */
};

/* One RTP stream's packet indices (roll-over counter and sequence number). */
struct carillon_srtp_stream {
    __u64 opened;                      /* highest, under the keys to open; nothing when these are none */
    __u64 sealed;                      /* highest, under the keys to seal */
    __u64 seen[CARILLON_WINDOW_WORDS]; /* bit n % 64 of word n / 64 % 16: index n has come, n at most the highest */
};

struct carillon_srtp {
    struct carillon_srtp_keys open; /* of the end that sends */
    struct carillon_srtp_keys seal; /* of the end that gets it */
    __u64 forged;                   /* packets dropped since it was put in */
    __u64 replayed;
    __u32 maps; /* payload types are others at the far end */
    __u32 padding;
    __u8 payload_types[128];
    struct carillon_srtp_stream streams[CARILLON_FLOW_STREAMS]; /* by the flow's streams */
};

/* AES as table lookups: column n of MixColumns applied to SubBytes (FIPS 197 §5.1). */
struct carillon_aes_tables {
    __u32 column[4][256];
};

struct carillon_kernel_constants {
    struct carillon_kernel_settings settings;
    struct carillon_aes_tables tables;
};

#endif
