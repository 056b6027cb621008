/// What lets one source be compiled for the kernel and for the worker (its tests, and what prepares keys).
#ifndef CARILLON_RELAY_KERNEL_PLAIN_C_H
#define CARILLON_RELAY_KERNEL_PLAIN_C_H

#include <linux/types.h>

#ifdef __bpf__
#include <bpf/bpf_helpers.h>
#define CARILLON_INLINE static __always_inline
#define CARILLON_FUNCTION static __attribute__((noinline))
/* Verified by itself, for any arguments. */
#define CARILLON_GLOBAL __attribute__((noinline))
/* Verified once, however often it runs. */
#define CARILLON_REPEAT(times, step, context) bpf_loop(times, step, context, 0)
#else
#define CARILLON_INLINE static inline
#define CARILLON_FUNCTION static inline
#define CARILLON_GLOBAL inline
#define CARILLON_REPEAT(times, step, context)                                            \
    for (__u32 repeat = 0; repeat < (times) && (step)(repeat, context) == 0; ++repeat) { \
    }
#endif

/* The compiler knows nothing of this value any more, and leaves the check of a bound where the verifier wants to see
 * it.
 */
#define CARILLON_UNKNOWN(value) __asm__ volatile("" : "+r"(value))

#ifdef __bpf__ /* its verifier and its processors take words from anywhere */
CARILLON_INLINE __u32 carillon_load32(const __u8* at) { return __builtin_bswap32(*(const __u32*)(const void*)at); }
CARILLON_INLINE __u64 carillon_load64(const __u8* at) { return __builtin_bswap64(*(const __u64*)(const void*)at); }
CARILLON_INLINE void carillon_store32(__u8* at, __u32 word) { *(__u32*)(void*)at = __builtin_bswap32(word); }
#else
CARILLON_INLINE __u32 carillon_load32(const __u8* at) {
    __u32 word;
    __builtin_memcpy(&word, at, sizeof word);
    return __builtin_bswap32(word);
}
CARILLON_INLINE __u64 carillon_load64(const __u8* at) {
    __u64 word;
    __builtin_memcpy(&word, at, sizeof word);
    return __builtin_bswap64(word);
}
CARILLON_INLINE void carillon_store32(__u8* at, __u32 word) {
    word = __builtin_bswap32(word);
    __builtin_memcpy(at, &word, sizeof word);
}
#endif

#endif
