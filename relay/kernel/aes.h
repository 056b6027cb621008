/// One block of AES by tables. Spec: FIPS 197 §5.1.  Not here: how the tables and keys are made (srtp_keys.cpp).
/// As with the kernel's own portable AES, which lines of the cache the tables occupy depends on key and data.
#ifndef CARILLON_RELAY_KERNEL_AES_H
#define CARILLON_RELAY_KERNEL_AES_H

#include "relay/kernel/plain_c.h"
#include "relay/kernel/srtp.h"

#define CARILLON_COLUMN(a, b, c, d, key)                                                        \
    (t->column[0][(a) >> 24] ^ t->column[1][(b) >> 16 & 0xFF] ^ t->column[2][(c) >> 8 & 0xFF] ^ \
     t->column[3][(d) & 0xFF] ^ (key))
/* SubBytes alone: an octet of the tables that MixColumns has left as it was. */
#define CARILLON_LAST(a, b, c, d, key)                                                      \
    ((t->column[2][(a) >> 24] & 0xFF000000) ^ (t->column[3][(b) >> 16 & 0xFF] & 0xFF0000) ^ \
     (t->column[0][(c) >> 8 & 0xFF] & 0xFF00) ^ (t->column[1][(d) & 0xFF] & 0xFF) ^ (key))
#define CARILLON_ROUND(keys)                                         \
    do {                                                             \
        const __u32 n0 = CARILLON_COLUMN(s0, s1, s2, s3, (keys)[0]); \
        const __u32 n1 = CARILLON_COLUMN(s1, s2, s3, s0, (keys)[1]); \
        const __u32 n2 = CARILLON_COLUMN(s2, s3, s0, s1, (keys)[2]); \
        const __u32 n3 = CARILLON_COLUMN(s3, s0, s1, s2, (keys)[3]); \
        s0 = n0;                                                     \
        s1 = n1;                                                     \
        s2 = n2;                                                     \
        s3 = n3;                                                     \
    } while (0)

/* Where the tables stand. */
#ifdef __bpf__
CARILLON_INLINE const struct carillon_aes_tables* carillon_tables(void);
#else
const carillon_aes_tables* carillon_tables();
#endif

/* Four words, most significant octet first. */
struct carillon_aes_block {
    __u32 word[4];
};

CARILLON_GLOBAL int carillon_aes(struct carillon_srtp_keys* keys, struct carillon_aes_block* block) {
    if (!keys || !block) return 0;
    const struct carillon_aes_tables* t = carillon_tables();
    const __u32* in = block->word;
    __u32* out = block->word;
    const __u32* k = keys->round_keys;
    __u32 s0 = in[0] ^ k[0], s1 = in[1] ^ k[1], s2 = in[2] ^ k[2], s3 = in[3] ^ k[3];
    CARILLON_ROUND(k + 4);
    CARILLON_ROUND(k + 8);
    CARILLON_ROUND(k + 12);
    CARILLON_ROUND(k + 16);
    CARILLON_ROUND(k + 20);
    CARILLON_ROUND(k + 24);
    CARILLON_ROUND(k + 28);
    CARILLON_ROUND(k + 32);
    CARILLON_ROUND(k + 36);
    k += 40;
    if (keys->rounds == 14) {
        CARILLON_ROUND(k);
        CARILLON_ROUND(k + 4);
        CARILLON_ROUND(k + 8);
        CARILLON_ROUND(k + 12);
        k += 16;
    }
    out[0] = CARILLON_LAST(s0, s1, s2, s3, k[0]);
    out[1] = CARILLON_LAST(s1, s2, s3, s0, k[1]);
    out[2] = CARILLON_LAST(s2, s3, s0, s1, k[2]);
    out[3] = CARILLON_LAST(s3, s0, s1, s2, k[3]);
    return 1;
}

#endif
