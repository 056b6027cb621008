#include "relay/kernel/srtp_keys.h"

#include <algorithm>
#include <bit>

#include "relay/kernel/srtp_packet.h"

namespace carillon::relay {
namespace {

constexpr std::uint8_t twice(std::uint8_t x) {  // in GF(2^8) of FIPS 197 §4.2
    return static_cast<std::uint8_t>(x << 1 ^ (x >> 7) * 0x1B);
}

/// SubBytes (FIPS 197 §5.1.1): 3 generates the field, so that powers of 3 and of its inverse meet every element and
/// its inverse.
constexpr std::array<std::uint8_t, 256> kSubstitution = [] {
    std::array<std::uint8_t, 256> box{};
    std::uint8_t element = 1;
    std::uint8_t inverse = 1;
    do {
        element = static_cast<std::uint8_t>(element ^ twice(element));
        // Divided by 3.
        inverse = static_cast<std::uint8_t>(inverse ^ inverse << 1);
        inverse = static_cast<std::uint8_t>(inverse ^ inverse << 2);
        inverse = static_cast<std::uint8_t>(inverse ^ inverse << 4);
        if ((inverse & 0x80) != 0) inverse ^= 0x09;
        box[element] = static_cast<std::uint8_t>(inverse ^ std::rotl(inverse, 1) ^ std::rotl(inverse, 2) ^
                                                 std::rotl(inverse, 3) ^ std::rotl(inverse, 4) ^ 0x63);
    } while (element != 1);
    box[0] = 0x63;
    return box;
}();
static_assert(kSubstitution[0x53] == 0xED);  // FIPS 197 §5.1.1

std::uint32_t substitute(std::uint32_t word) {
    std::uint32_t out = 0;
    for (int shift = 24; shift >= 0; shift -= 8) out = out << 8 | kSubstitution[word >> shift & 0xFF];
    return out;
}

void expand(Bytes key, carillon_srtp_keys& out) {
    const std::size_t words = key.size() / 4;
    out.rounds = static_cast<__u32>(words + 6);
    std::uint32_t round = 0x01000000;
    for (std::size_t i = 0; i < 4 * (out.rounds + 1); ++i) {
        if (i < words) {
            out.round_keys[i] = load_u32(key.data() + 4 * i);
            continue;
        }
        auto word = out.round_keys[i - 1];
        if (i % words == 0) {
            word = substitute(std::rotl(word, 8)) ^ round;
            round = std::uint32_t{twice(static_cast<std::uint8_t>(round >> 24))} << 24;
        } else if (words > 6 && i % words == 4) {
            word = substitute(word);
        }
        out.round_keys[i] = out.round_keys[i - words] ^ word;
    }
}

void pad(const std::array<std::byte, 20>& key, std::uint8_t with, __u32* out) {
    carillon_sha1_block block;
    std::ranges::fill(block.octet, with);
    for (std::size_t i = 0; i < key.size(); ++i) block.octet[i] ^= std::to_integer<std::uint8_t>(key[i]);
    carillon_sha1_state state{.word = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}, .schedule = {}};
    carillon_sha1(&state, &block);
    std::ranges::copy(state.word, out);
}

}  // namespace

carillon_aes_tables aes_tables() {
    carillon_aes_tables tables;
    for (std::size_t i = 0; i < 256; ++i) {
        const std::uint32_t s = kSubstitution[i];
        const std::uint32_t column =
            std::uint32_t{twice(kSubstitution[i])} << 24 | s << 16 | s << 8 | (s ^ twice(kSubstitution[i]));
        for (int n = 0; n < 4; ++n) tables.column[n][i] = std::rotr(column, 8 * n);
    }
    return tables;
}

std::optional<carillon_srtp_keys> kernel_keys(srtp::Profile profile, const srtp::SessionKeys& keys) {
    // Calls do without AES-256 in counter mode, and its indices are libsrtp's (media/srtp/srtp_session.cpp).
    if (profile == srtp::Profile::aes256_cm_sha1_80 || profile == srtp::Profile::aes256_cm_sha1_32) return std::nullopt;
    const auto lengths = srtp::lengths_of(profile);
    carillon_srtp_keys out{};
    out.mode = srtp::is_aead(profile) ? CARILLON_SRTP_GCM : CARILLON_SRTP_CM;
    out.tag = static_cast<__u32>(srtp::rtp_tag_length(profile));
    std::array<std::byte, 16> salt{};
    std::copy_n(keys.salt.begin(), lengths.salt, salt.begin());
    for (std::size_t i = 0; i < 4; ++i) out.salt[i] = load_u32(&salt[4 * i]);
    expand(Bytes{keys.cipher}.first(lengths.key), out);
    if (out.mode == CARILLON_SRTP_CM) {
        pad(keys.auth, 0x36, out.inner);
        pad(keys.auth, 0x5C, out.outer);
        return out;
    }
    carillon_aes_block hash{};
    carillon_aes(&out, &hash);
    out.hash_key.first = std::uint64_t{hash.word[0]} << 32 | hash.word[1];
    out.hash_key.last = std::uint64_t{hash.word[2]} << 32 | hash.word[3];
    return out;
}

}  // namespace carillon::relay

const carillon_aes_tables* carillon_tables() {
    static const auto kTables = carillon::relay::aes_tables();
    return &kTables;
}
