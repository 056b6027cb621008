/// One block of SHA-1. Spec: RFC 3174 §6.1.  Not here: HMAC (srtp_packet.h).
#ifndef CARILLON_RELAY_KERNEL_SHA1_H
#define CARILLON_RELAY_KERNEL_SHA1_H

#include "relay/kernel/plain_c.h"

#define CARILLON_ROTATE(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define CARILLON_WORD(t)          \
    ((t) < 16 ? w[(t) & 15]       \
              : carillon_keep(    \
                    &w[(t) & 15], \
                    CARILLON_ROTATE(w[((t) + 13) & 15] ^ w[((t) + 8) & 15] ^ w[((t) + 2) & 15] ^ w[(t) & 15], 1)))
#define CARILLON_SHA1_STEP(a, b, c, d, e, f, k, t)                 \
    do {                                                           \
        e += CARILLON_ROTATE(a, 5) + (f) + (k) + CARILLON_WORD(t); \
        b = CARILLON_ROTATE(b, 30);                                \
    } while (0)
#define CARILLON_CHOOSE(b, c, d) (((b) & ((c) ^ (d))) ^ (d))
#define CARILLON_PARITY(b, c, d) ((b) ^ (c) ^ (d))
#define CARILLON_MAJORITY(b, c, d) (((b) & (c)) | ((d) & ((b) | (c))))
#define CARILLON_FIVE(f, k, t)                                 \
    CARILLON_SHA1_STEP(a, b, c, d, e, f(b, c, d), k, (t));     \
    CARILLON_SHA1_STEP(e, a, b, c, d, f(a, b, c), k, (t) + 1); \
    CARILLON_SHA1_STEP(d, e, a, b, c, f(e, a, b), k, (t) + 2); \
    CARILLON_SHA1_STEP(c, d, e, a, b, f(d, e, a), k, (t) + 3); \
    CARILLON_SHA1_STEP(b, c, d, e, a, f(c, d, e), k, (t) + 4)
#define CARILLON_TWENTY(f, k, t)   \
    CARILLON_FIVE(f, k, (t));      \
    CARILLON_FIVE(f, k, (t) + 5);  \
    CARILLON_FIVE(f, k, (t) + 10); \
    CARILLON_FIVE(f, k, (t) + 15)

CARILLON_INLINE __u32 carillon_keep(volatile __u32* at, __u32 word) {
    *at = word;
    return word;
}

struct carillon_sha1_state {
    __u32 word[5];
    __u32 schedule[16]; /* of the block it works on */
};
struct carillon_sha1_block {
    __u8 octet[64];
};

CARILLON_GLOBAL int carillon_sha1(struct carillon_sha1_state* to, struct carillon_sha1_block* from) {
    if (!to || !from) return 0;
    __u32* state = to->word;
    const __u8* block = from->octet;
    /* In memory: the compiler would rather hold all of them at once, on a stack too small for that. */
    volatile __u32* w = to->schedule;
    for (int t = 0; t < 16; ++t) w[t] = carillon_load32(block + 4 * t);
    __u32 a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    CARILLON_TWENTY(CARILLON_CHOOSE, 0x5A827999, 0);
    CARILLON_TWENTY(CARILLON_PARITY, 0x6ED9EBA1, 20);
    CARILLON_TWENTY(CARILLON_MAJORITY, 0x8F1BBCDC, 40);
    CARILLON_TWENTY(CARILLON_PARITY, 0xCA62C1D6, 60);
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    return 1;
}

#endif
