/// GHASH by integer multiplication: with three zeros between the bits of a factor no carry reaches the next one, so
/// four partial products give the carry-less one, in the same time for any key.
/// Spec: NIST SP 800-38D §6.3, §6.4.
#ifndef CARILLON_RELAY_KERNEL_GHASH_H
#define CARILLON_RELAY_KERNEL_GHASH_H

#include "relay/kernel/plain_c.h"
#include "relay/kernel/srtp.h"

/* The lower half of the carry-less product. */
CARILLON_INLINE __u64 carillon_multiply(__u64 x, __u64 y) {
    /* One product after the other: the stack has no room for the parts of several. */
    CARILLON_UNKNOWN(x);
    CARILLON_UNKNOWN(y);
    const __u64 m = 0x1111111111111111ull;
    const __u64 x0 = x & m, x1 = x & m << 1, x2 = x & m << 2, x3 = x & m << 3;
    const __u64 y0 = y & m, y1 = y & m << 1, y2 = y & m << 2, y3 = y & m << 3;
    const __u64 z0 = x0 * y0 ^ x1 * y3 ^ x2 * y2 ^ x3 * y1;
    const __u64 z1 = x0 * y1 ^ x1 * y0 ^ x2 * y3 ^ x3 * y2;
    const __u64 z2 = x0 * y2 ^ x1 * y1 ^ x2 * y0 ^ x3 * y3;
    const __u64 z3 = x0 * y3 ^ x1 * y2 ^ x2 * y1 ^ x3 * y0;
    __u64 product = (z0 & m) | (z1 & m << 1) | (z2 & m << 2) | (z3 & m << 3);
    CARILLON_UNKNOWN(product);
    return product;
}

CARILLON_INLINE __u64 carillon_reverse(__u64 x) {
    x = (x & 0x5555555555555555ull) << 1 | (x >> 1 & 0x5555555555555555ull);
    x = (x & 0x3333333333333333ull) << 2 | (x >> 2 & 0x3333333333333333ull);
    x = (x & 0x0F0F0F0F0F0F0F0Full) << 4 | (x >> 4 & 0x0F0F0F0F0F0F0F0Full);
    return __builtin_bswap64(x);
}

/* `sum` takes a block in. */
CARILLON_GLOBAL int carillon_ghash(struct carillon_ghash_block* sum, struct carillon_ghash_block* key, __u64 first,
                                   __u64 last) {
    if (!sum || !key) return 0;
    const __u64 y0 = sum->last ^ last, y1 = sum->first ^ first;
    const __u64 h0 = key->last, h1 = key->first;
    const __u64 y0r = carillon_reverse(y0), y1r = carillon_reverse(y1);
    const __u64 h0r = carillon_reverse(h0), h1r = carillon_reverse(h1);
    const __u64 z0 = carillon_multiply(y0, h0);
    const __u64 z1 = carillon_multiply(y1, h1);
    const __u64 z2 = carillon_multiply(y0 ^ y1, h0 ^ h1) ^ z0 ^ z1;
    /* The upper half is the lower one of the factors reversed. */
    const __u64 r0 = carillon_multiply(y0r, h0r);
    const __u64 r1 = carillon_multiply(y1r, h1r);
    const __u64 r2 = carillon_multiply(y0r ^ y1r, h0r ^ h1r) ^ r0 ^ r1;
    __u64 v0 = z0;
    __u64 v1 = carillon_reverse(r0) >> 1 ^ z2;
    __u64 v2 = carillon_reverse(r2) >> 1 ^ z1;
    __u64 v3 = carillon_reverse(r1) >> 1;
    v3 = v3 << 1 | v2 >> 63;
    v2 = v2 << 1 | v1 >> 63;
    v1 = v1 << 1 | v0 >> 63;
    v0 = v0 << 1;
    v2 ^= v0 ^ v0 >> 1 ^ v0 >> 2 ^ v0 >> 7;
    v1 ^= v0 << 63 ^ v0 << 62 ^ v0 << 57;
    v3 ^= v1 ^ v1 >> 1 ^ v1 >> 2 ^ v1 >> 7;
    v2 ^= v1 << 63 ^ v1 << 62 ^ v1 << 57;
    sum->last = v2;
    sum->first = v3;
    return 1;
}

#endif
