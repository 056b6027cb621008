#include "media/srtp/packet_gcm.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace carillon::srtp {

#if defined(__x86_64__)

#define CARILLON_GCM __attribute__((target("aes,pclmul,ssse3,sse4.1")))
#define CARILLON_GCM_INLINE __attribute__((target("aes,pclmul,ssse3,sse4.1"), always_inline)) inline

namespace {

constexpr std::size_t kBlock = 16;
constexpr std::size_t kLanes = 8;  // blocks under way at a time: the instructions' latency is hidden

template <class T>
CARILLON_GCM_INLINE __m128i load(const T* at) {
    return _mm_loadu_si128(static_cast<const __m128i*>(static_cast<const void*>(at)));
}
template <class T>
CARILLON_GCM_INLINE void store(T* at, __m128i value) {
    _mm_storeu_si128(static_cast<__m128i*>(static_cast<void*>(at)), value);
}
/// SP 800-38D counts bits from the other end.
CARILLON_GCM_INLINE __m128i reversed(__m128i block) {
    return _mm_shuffle_epi8(block, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}
CARILLON_GCM_INLINE __m128i swapped(__m128i block) { return _mm_shuffle_epi32(block, 0x4E); }

/// Less than a block, with zeros behind it.
CARILLON_GCM_INLINE __m128i load_part(const std::byte* at, std::size_t size) {
    alignas(16) std::array<std::byte, kBlock> block{};
    std::memcpy(block.data(), at, size);
    return load(block.data());
}

/// FIPS 197 §4.2.1, on one word in all four places.
CARILLON_GCM_INLINE std::uint32_t substituted(std::uint32_t word) {
    const auto out = _mm_aeskeygenassist_si128(_mm_set1_epi32(static_cast<int>(word)), 0);
    return static_cast<std::uint32_t>(_mm_cvtsi128_si32(out));
}

/// FIPS 197 §5.2: the number of the last round. Words are little-endian here, so a rotation goes the other way.
CARILLON_GCM int expand(Bytes key, void* out) {
    const std::size_t size = key.size() / 4;
    const int rounds = static_cast<int>(size) + 6;
    std::array<std::uint32_t, 60> words{};
    std::memcpy(words.data(), key.data(), key.size());
    std::uint32_t constant = 1;
    for (std::size_t i = size; i < 4 * (static_cast<std::size_t>(rounds) + 1); ++i) {
        auto word = words[i - 1];
        if (i % size == 0) {
            const auto mixed = substituted(word);
            word = (mixed >> 8 | mixed << 24) ^ constant;
            constant = constant << 1 ^ (constant & 0x80 ? 0x11B : 0);
        } else if (size == 8 && i % size == 4) {
            word = substituted(word);
        }
        words[i] = words[i - size] ^ word;
    }
    std::memcpy(out, words.data(), sizeof words);
    OPENSSL_cleanse(words.data(), sizeof words);
    return rounds;
}

/// A product before it is reduced.
struct Wide {
    __m128i low, middle, high;
};

CARILLON_GCM_INLINE void add_product(Wide& sum, __m128i block, __m128i power, __m128i folded) {
    sum.low = _mm_xor_si128(sum.low, _mm_clmulepi64_si128(block, power, 0x00));
    sum.high = _mm_xor_si128(sum.high, _mm_clmulepi64_si128(block, power, 0x11));
    const auto both = _mm_xor_si128(block, swapped(block));
    sum.middle = _mm_xor_si128(sum.middle, _mm_clmulepi64_si128(both, folded, 0x00));
}

/// Modulo x^128 + x^7 + x^2 + x + 1, in the reversed order of bits.
CARILLON_GCM_INLINE __m128i reduced(const Wide& sum) {
    const auto polynomial = _mm_set_epi64x(0, static_cast<long long>(0xC200'0000'0000'0000));
    const auto middle = _mm_xor_si128(sum.middle, _mm_xor_si128(sum.low, sum.high));
    auto low = _mm_xor_si128(sum.low, _mm_slli_si128(middle, 8));
    const auto high = _mm_xor_si128(sum.high, _mm_srli_si128(middle, 8));
    low = _mm_xor_si128(swapped(low), _mm_clmulepi64_si128(low, polynomial, 0x00));
    low = _mm_xor_si128(swapped(low), _mm_clmulepi64_si128(low, polynomial, 0x00));
    return _mm_xor_si128(low, high);
}

/// Shifted by one bit, modulo the polynomial: what makes up for the reversed order in a product.
CARILLON_GCM_INLINE __m128i shifted(__m128i value) {
    const auto low = static_cast<std::uint64_t>(_mm_cvtsi128_si64(value));
    const auto high = static_cast<std::uint64_t>(_mm_extract_epi64(value, 1));
    const std::uint64_t carry = std::uint64_t{0} - (high >> 63);
    return _mm_set_epi64x(static_cast<long long>((high << 1 | low >> 63) ^ (carry & 0xC200'0000'0000'0000)),
                          static_cast<long long>((low << 1) ^ (carry & 1)));
}

/// The hash key is a block of zeros, encrypted: its powers from kLanes down to 1.
CARILLON_GCM void make_powers(const void* rounds, int last, void* powers, void* folded) {
    const auto* keys = static_cast<const std::byte*>(rounds);
    auto hash_key = load(keys);
    for (int round = 1; round < last; ++round)
        hash_key = _mm_aesenc_si128(hash_key, load(keys + static_cast<std::size_t>(round) * kBlock));
    hash_key = reversed(_mm_aesenclast_si128(hash_key, load(keys + static_cast<std::size_t>(last) * kBlock)));
    const auto one = shifted(hash_key);
    const auto one_folded = _mm_xor_si128(one, swapped(one));
    auto power = hash_key;
    for (std::size_t i = kLanes; i-- > 0;) {
        const auto each = shifted(power);
        store(static_cast<std::byte*>(powers) + i * kBlock, each);
        store(static_cast<std::byte*>(folded) + i * kBlock, _mm_xor_si128(each, swapped(each)));
        Wide product{_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
        add_product(product, power, one, one_folded);
        power = reduced(product);
    }
}

/// The hash of SP 800-38D §6.4, up to kLanes blocks at a time.
class Hash {
  public:
    CARILLON_GCM_INLINE Hash(const void* powers, const void* folded)
        : powers_{static_cast<const std::byte*>(powers)}, folded_{static_cast<const std::byte*>(folded)} {}

    /// The next `count` blocks, at most kLanes: `block(i)` is each of them.
    template <class Block>
    CARILLON_GCM_INLINE void add(std::size_t count, Block block) {
        Wide sum{_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
        for (std::size_t i = 0; i < count; ++i) {
            auto next = reversed(block(i));
            if (i == 0) next = _mm_xor_si128(next, value_);
            const auto place = (kLanes - count + i) * kBlock;
            add_product(sum, next, load(powers_ + place), load(folded_ + place));
        }
        value_ = reduced(sum);
    }
    CARILLON_GCM_INLINE void add(__m128i block) {
        add(1, [&](std::size_t) __attribute__((target("aes,pclmul,ssse3,sse4.1"), always_inline)) { return block; });
    }
    /// Whole blocks, and the rest with zeros behind it.
    CARILLON_GCM_INLINE void add(const std::byte* at, std::size_t size) {
        while (size >= kBlock) {
            const auto count = std::min(size / kBlock, kLanes);
            add(count, [&](std::size_t i) __attribute__((target("aes,pclmul,ssse3,sse4.1"), always_inline)) {
                return load(at + i * kBlock);
            });
            at += count * kBlock;
            size -= count * kBlock;
        }
        if (size > 0) add(load_part(at, size));
    }
    CARILLON_GCM_INLINE __m128i value() const { return reversed(value_); }

  private:
    const std::byte* powers_;
    const std::byte* folded_;
    __m128i value_ = _mm_setzero_si128();
};

/// Associated data: two pieces as if they were one.
CARILLON_GCM_INLINE void add_associated(Hash& hash, Bytes first, Bytes second) {
    const auto whole = second.empty() ? first.size() : first.size() / kBlock * kBlock;
    hash.add(first.data(), whole);
    if (second.empty()) return;
    alignas(16) std::array<std::byte, 2 * kBlock> rest{};
    const auto left = first.size() - whole;
    std::memcpy(rest.data(), first.data() + whole, left);
    std::memcpy(rest.data() + left, second.data(), second.size());
    hash.add(rest.data(), left + second.size());
}

CARILLON_GCM_INLINE __m128i lengths(std::size_t associated, std::size_t data) {
    return reversed(_mm_set_epi64x(static_cast<long long>(8 * associated), static_cast<long long>(8 * data)));
}

/// Counter blocks `from` to `from + kLanes - 1`, encrypted.
CARILLON_GCM_INLINE void key_stream(const void* rounds, int last, const std::array<unsigned char, 12>& iv,
                                    std::uint32_t from, __m128i* out) {
    const auto* keys = static_cast<const std::byte*>(rounds);
    alignas(16) std::array<unsigned char, kBlock> start{};
    std::ranges::copy(iv, start.begin());
    const auto base = load(start.data());
    const auto key = load(keys);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kLanes; ++i) {
        const auto number = __builtin_bswap32(from + static_cast<std::uint32_t>(i));
        out[i] = _mm_xor_si128(_mm_insert_epi32(base, static_cast<int>(number), 3), key);
    }
    for (int round = 1; round < last; ++round) {
        const auto each = load(keys + static_cast<std::size_t>(round) * kBlock);
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kLanes; ++i) out[i] = _mm_aesenc_si128(out[i], each);
    }
    const auto final_key = load(keys + static_cast<std::size_t>(last) * kBlock);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kLanes; ++i) out[i] = _mm_aesenclast_si128(out[i], final_key);
}

/// XORs the key stream from its block `skip` on over `data`; answers how much of it that was.
CARILLON_GCM_INLINE std::size_t cover(std::span<std::byte> data, const __m128i* stream, std::size_t skip) {
    std::size_t done = 0;
    for (std::size_t i = skip; i < kLanes && done < data.size(); ++i) {
        const auto left = data.size() - done;
        auto* at = data.data() + done;
        if (left >= kBlock) {
            store(at, _mm_xor_si128(load(at), stream[i]));
            done += kBlock;
        } else {
            alignas(16) std::array<std::byte, kBlock> part{};
            std::memcpy(part.data(), at, left);
            store(part.data(), _mm_xor_si128(load(part.data()), stream[i]));
            std::memcpy(at, part.data(), left);
            done += left;
        }
    }
    return done;
}

}  // namespace

bool PacketGcm::supported() {
    static const bool kCan = __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") &&
                             __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1");
    return kCan;
}

PacketGcm::PacketGcm(Bytes key) {
    last_round_ = expand(key, rounds_.data());
    make_powers(rounds_.data(), last_round_, powers_.data(), folded_.data());
}

CARILLON_GCM void PacketGcm::seal(const Iv& iv, Bytes first, Bytes second, std::span<std::byte> data,
                                  std::byte* tag) const {
    Hash hash{powers_.data(), folded_.data()};
    add_associated(hash, first, second);
    __m128i stream[kLanes];
    std::uint32_t counter = 1;  // its block is the tag's
    key_stream(rounds_.data(), last_round_, iv, counter, stream);
    const auto mask = stream[0];
    std::size_t done = cover(data, stream, 1);
    hash.add(data.data(), done);
    while (done < data.size()) {
        counter += kLanes;
        key_stream(rounds_.data(), last_round_, iv, counter, stream);
        const auto more = cover(data.subspan(done), stream, 0);
        hash.add(data.data() + done, more);
        done += more;
    }
    hash.add(lengths(first.size() + second.size(), data.size()));
    store(tag, _mm_xor_si128(hash.value(), mask));
}

CARILLON_GCM bool PacketGcm::open(const Iv& iv, Bytes first, Bytes second, std::span<std::byte> data,
                                  const std::byte* tag) const {
    Hash hash{powers_.data(), folded_.data()};
    add_associated(hash, first, second);
    hash.add(data.data(), data.size());
    hash.add(lengths(first.size() + second.size(), data.size()));
    __m128i stream[kLanes];
    std::uint32_t counter = 1;
    key_stream(rounds_.data(), last_round_, iv, counter, stream);
    const auto wrong = _mm_xor_si128(_mm_xor_si128(hash.value(), stream[0]), load(tag));
    if (_mm_testz_si128(wrong, wrong) == 0) return false;
    std::size_t done = cover(data, stream, 1);
    while (done < data.size()) {
        counter += kLanes;
        key_stream(rounds_.data(), last_round_, iv, counter, stream);
        done += cover(data.subspan(done), stream, 0);
    }
    return true;
}

#else

bool PacketGcm::supported() { return false; }
PacketGcm::PacketGcm(Bytes) {}
void PacketGcm::seal(const Iv&, Bytes, Bytes, std::span<std::byte>, std::byte*) const {}
bool PacketGcm::open(const Iv&, Bytes, Bytes, std::span<std::byte>, const std::byte*) const { return false; }

#endif

PacketGcm::~PacketGcm() {
    OPENSSL_cleanse(rounds_.data(), sizeof rounds_);
    OPENSSL_cleanse(powers_.data(), sizeof powers_);
    OPENSSL_cleanse(folded_.data(), sizeof folded_);
}

}  // namespace carillon::srtp
