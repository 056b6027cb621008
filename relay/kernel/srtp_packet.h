/// One RTP packet opened and sealed. Plain C for the kernel: every loop ends, every access is within `work`.
/// Spec: RFC 3711 §3.1, §3.3.1, §3.3.2, §4.1.1, §4.2.1; RFC 7714 §8; NIST SP 800-38D §6.5, §7.
/// Not here: which keys, and what becomes of the packet (forward.bpf.c). Without MKI.
#ifndef CARILLON_RELAY_KERNEL_SRTP_PACKET_H
#define CARILLON_RELAY_KERNEL_SRTP_PACKET_H

#include "relay/kernel/aes.h"
#include "relay/kernel/ghash.h"
#include "relay/kernel/sha1.h"
#include "relay/kernel/srtp.h"

#define CARILLON_RTP_HEADER 12
#define CARILLON_LONGEST_HEADER 80 /* with CSRCs and extension; longer ones are the worker's */
#define CARILLON_LONGEST_PACKET 1664
#define CARILLON_LONGEST_TAG 16
#define CARILLON_AAD_ROOM 96
#define CARILLON_BLOCK 64 /* of SHA-1 */
/* A packet, its tag, and what SHA-1 and GHASH want behind it. */
#define CARILLON_PACKET_ROOM 1920

/* What the steps of a repeated action share; the stack is too small for it. */
struct carillon_work {
    __u8 packet[CARILLON_PACKET_ROOM];
    __u8 aad[CARILLON_AAD_ROOM];
    struct carillon_sha1_block around;
    __u8 tag[32];  /* as computed */
    __u8 came[16]; /* as received */
    __u32 length;  /* of the packet */
    __u32 header;
    __u32 iv[4];
    __u32 from;    /* the first block's place */
    __u32 counter; /* with it */
    struct carillon_ghash_block sum;
    struct carillon_sha1_state state;
};

struct carillon_run {
    struct carillon_work* work;
    struct carillon_srtp_keys* keys;
};

/* Appendix A: the index nearest to the highest one. */
CARILLON_INLINE __u64 carillon_guess_index(__u64 highest, __u16 sequence) {
    const __u64 roc = highest >> 16;
    const __s32 last = (__s32)(highest & 0xFFFF), now = sequence;
    __u64 v = roc;
    if (last < 0x8000) {
        if (now - last > 0x8000 && roc > 0) v = roc - 1;
    } else if (last - 0x8000 > now) {
        v = (roc + 1) & 0xFFFFFFFF;
    }
    return v << 16 | sequence;
}

/* Whether that index has not come yet and is not too old to tell. */
CARILLON_INLINE int carillon_fresh(const __u64* seen, __u64 highest, __u64 index) {
    if (index > highest) return 1;
    if (highest - index >= CARILLON_WINDOW) return 0;
    return !(seen[index >> 6 & (CARILLON_WINDOW_WORDS - 1)] >> (index & 63) & 1);
}

CARILLON_INLINE void carillon_mark(__u64* seen, __u64 highest, __u64 index) {
    if (index > highest) {
        const __u64 words = (index >> 6) - (highest >> 6);
        for (__u32 i = 1; i <= CARILLON_WINDOW_WORDS; ++i) {
            if (i > words) break;
            seen[((highest >> 6) + i) & (CARILLON_WINDOW_WORDS - 1)] = 0;
        }
    }
    seen[index >> 6 & (CARILLON_WINDOW_WORDS - 1)] |= 1ull << (index & 63);
}

/* Its header's length, with what follows the fixed part; 0: does not fit. */
CARILLON_INLINE __u32 carillon_header_length(const struct carillon_work* work, __u32 length) {
    if (length < CARILLON_RTP_HEADER) return 0;
    __u32 header = CARILLON_RTP_HEADER + 4 * (__u32)(work->packet[0] & 0x0F);
    if (work->packet[0] & 0x10) {
        if (header + 4 > CARILLON_LONGEST_HEADER) return 0;
        header += 4 + 4 * ((__u32)work->packet[header + 2] << 8 | work->packet[header + 3]);
    }
    return header <= length && header <= CARILLON_LONGEST_HEADER ? header : 0;
}

CARILLON_INLINE void carillon_zero16(__u8* at) {
    for (int i = 0; i < 4; ++i) carillon_store32(at + 4 * i, 0);
}

CARILLON_FUNCTION long carillon_crypt_step(__u32 i, void* context) {
    struct carillon_run* run = (struct carillon_run*)context;
    struct carillon_work* work = run->work;
    const __u32 at = run->work->from + 16 * i;
    if (at > CARILLON_PACKET_ROOM - 16) return 1;
    struct carillon_aes_block stream = {{work->iv[0], work->iv[1], work->iv[2], work->iv[3] + run->work->counter + i}};
    carillon_aes(run->keys, &stream);
    __u8* data = work->packet + at;
    carillon_store32(data, carillon_load32(data) ^ stream.word[0]);
    carillon_store32(data + 4, carillon_load32(data + 4) ^ stream.word[1]);
    carillon_store32(data + 8, carillon_load32(data + 8) ^ stream.word[2]);
    carillon_store32(data + 12, carillon_load32(data + 12) ^ stream.word[3]);
    return 0;
}

/* Encrypts or decrypts what is behind the header, and up to 15 octets behind the packet with it. */
CARILLON_FUNCTION int carillon_crypt(struct carillon_run* run, __u32 first) {
    run->work->from = run->work->header;
    run->work->counter = first;
    const __u32 blocks = (run->work->length - run->work->header + 15) / 16;
    CARILLON_REPEAT(blocks, carillon_crypt_step, run);
    return 1;
}

CARILLON_FUNCTION long carillon_sha1_step(__u32 i, void* context) {
    struct carillon_run* run = (struct carillon_run*)context;
    const __u32 at = CARILLON_BLOCK * i;
    if (at > CARILLON_PACKET_ROOM - CARILLON_BLOCK) return 1;
    carillon_sha1(&run->work->state, (struct carillon_sha1_block*)(void*)(run->work->packet + at));
    return 0;
}

/* HMAC-SHA1 over packet and roll-over counter, into work->tag (RFC 3711 §4.2). */
CARILLON_FUNCTION int carillon_hmac(struct carillon_run* run, __u32 roc) {
    struct carillon_work* work = run->work;
    const __u32 length = work->length;
    if (length > CARILLON_LONGEST_PACKET) return 0;
    __u8* end = work->packet + length;
    carillon_store32(end, roc);
    carillon_store32(end + 4, 0x80000000);
    for (int i = 2; i < 18; ++i) carillon_store32(end + 4 * i, 0);
    const __u32 blocks = (length + 4 + 9 + CARILLON_BLOCK - 1) / CARILLON_BLOCK;
    __u32 size = blocks * CARILLON_BLOCK - 4;
    CARILLON_UNKNOWN(size);
    if (size > CARILLON_PACKET_ROOM - 4) return 0;
    carillon_store32(work->packet + size, (CARILLON_BLOCK + length + 4) * 8);
    for (int i = 0; i < 5; ++i) run->work->state.word[i] = run->keys->inner[i];
    CARILLON_REPEAT(blocks, carillon_sha1_step, run);

    for (int i = 0; i < 5; ++i) carillon_store32(work->around.octet + 4 * i, run->work->state.word[i]);
    carillon_store32(work->around.octet + 20, 0x80000000);
    for (int i = 6; i < 15; ++i) carillon_store32(work->around.octet + 4 * i, 0);
    carillon_store32(work->around.octet + 60, (CARILLON_BLOCK + 20) * 8);
    for (int i = 0; i < 5; ++i) run->work->state.word[i] = run->keys->outer[i];
    carillon_sha1(&run->work->state, &work->around);
    for (int i = 0; i < 5; ++i) carillon_store32(work->tag + 4 * i, run->work->state.word[i]);
    return 1;
}

CARILLON_FUNCTION long carillon_aad_step(__u32 i, void* context) {
    struct carillon_run* run = (struct carillon_run*)context;
    const __u32 at = 16 * i;
    if (at > CARILLON_AAD_ROOM - 16) return 1;
    const __u8* block = run->work->aad + at;
    carillon_ghash(&run->work->sum, &run->keys->hash_key, carillon_load64(block), carillon_load64(block + 8));
    return 0;
}
CARILLON_FUNCTION long carillon_ghash_step(__u32 i, void* context) {
    struct carillon_run* run = (struct carillon_run*)context;
    const __u32 at = run->work->from + 16 * i;
    if (at > CARILLON_PACKET_ROOM - 16) return 1;
    const __u8* block = run->work->packet + at;
    carillon_ghash(&run->work->sum, &run->keys->hash_key, carillon_load64(block), carillon_load64(block + 8));
    return 0;
}

/* The tag over header and ciphertext, into work->tag. Octets behind the packet are overwritten. */
CARILLON_FUNCTION int carillon_gmac(struct carillon_run* run) {
    struct carillon_work* work = run->work;
    const __u32 length = work->length, header = work->header;
    if (length > CARILLON_LONGEST_PACKET || header > CARILLON_LONGEST_HEADER || header > length) return 0;
    carillon_zero16(work->packet + length);
    for (int i = 0; i < CARILLON_LONGEST_HEADER; i += 4)
        carillon_store32(work->aad + i, carillon_load32(work->packet + i));
    carillon_zero16(work->aad + header);
    run->work->sum.first = run->work->sum.last = 0;
    CARILLON_REPEAT((header + 15) / 16, carillon_aad_step, run);
    run->work->from = header;
    CARILLON_REPEAT((length - header + 15) / 16, carillon_ghash_step, run);
    carillon_ghash(&run->work->sum, &run->keys->hash_key, (__u64)header * 8, (__u64)(length - header) * 8);
    struct carillon_aes_block mask = {{work->iv[0], work->iv[1], work->iv[2], 1}};
    carillon_aes(run->keys, &mask);
    carillon_store32(work->tag, (__u32)(run->work->sum.first >> 32) ^ mask.word[0]);
    carillon_store32(work->tag + 4, (__u32)run->work->sum.first ^ mask.word[1]);
    carillon_store32(work->tag + 8, (__u32)(run->work->sum.last >> 32) ^ mask.word[2]);
    carillon_store32(work->tag + 12, (__u32)run->work->sum.last ^ mask.word[3]);
    return 1;
}

CARILLON_INLINE void carillon_set_iv(struct carillon_work* work, const struct carillon_srtp_keys* keys, __u64 index) {
    const __u32 ssrc = carillon_load32(work->packet + 8);
    const __u32 roc = (__u32)(index >> 16), sequence = (__u32)(index & 0xFFFF);
    if (keys->mode == CARILLON_SRTP_GCM) {
        work->iv[0] = keys->salt[0] ^ ssrc >> 16;
        work->iv[1] = keys->salt[1] ^ (ssrc << 16 | roc >> 16);
        work->iv[2] = keys->salt[2] ^ (roc << 16 | sequence);
        work->iv[3] = 0;
        return;
    }
    work->iv[0] = keys->salt[0];
    work->iv[1] = keys->salt[1] ^ ssrc;
    work->iv[2] = keys->salt[2] ^ roc;
    work->iv[3] = keys->salt[3] ^ sequence << 16;
}

/* Opens the packet in `work`: 1, and it is as it was before it was sealed; 0: forged, and the packet is spoilt. */
CARILLON_GLOBAL int carillon_open(struct carillon_work* work, struct carillon_srtp_keys* keys, __u64 index) {
    if (!work || !keys) return 0;
    struct carillon_run run = {.work = work, .keys = keys};
    const __u32 tag = keys->tag;
    if (tag > CARILLON_LONGEST_TAG || work->length > CARILLON_LONGEST_PACKET || work->length < work->header + tag)
        return 0;
    work->length -= tag;
    const __u32 length = work->length;
    if (length > CARILLON_LONGEST_PACKET) return 0;
    for (int i = 0; i < CARILLON_LONGEST_TAG; ++i) work->came[i] = work->packet[length + i];
    carillon_set_iv(work, keys, index);
    if (keys->mode == CARILLON_SRTP_GCM) {
        carillon_gmac(&run);
    } else {
        carillon_hmac(&run, (__u32)(index >> 16));
    }
    __u8 difference = 0;
    for (int i = 0; i < CARILLON_LONGEST_TAG; ++i)
        if ((__u32)i < tag) difference |= work->came[i] ^ work->tag[i];
    if (difference) return 0;
    carillon_crypt(&run, keys->mode == CARILLON_SRTP_GCM ? 2 : 0);
    return 1;
}

/* Seals the packet in `work`. 0: it is too long. */
CARILLON_GLOBAL int carillon_seal(struct carillon_work* work, struct carillon_srtp_keys* keys, __u64 index) {
    if (!work || !keys) return 0;
    struct carillon_run run = {.work = work, .keys = keys};
    const __u32 tag = keys->tag;
    if (tag > CARILLON_LONGEST_TAG || work->length > CARILLON_LONGEST_PACKET || work->length < work->header) return 0;
    carillon_set_iv(work, keys, index);
    carillon_crypt(&run, keys->mode == CARILLON_SRTP_GCM ? 2 : 0);
    if (keys->mode == CARILLON_SRTP_GCM) {
        carillon_gmac(&run);
    } else {
        carillon_hmac(&run, (__u32)(index >> 16));
    }
    const __u32 length = work->length;
    if (length > CARILLON_LONGEST_PACKET) return 0;
    for (int i = 0; i < CARILLON_LONGEST_TAG; ++i)
        if ((__u32)i < tag) work->packet[length + i] = work->tag[i];
    work->length = length + tag;
    return 1;
}

#endif
