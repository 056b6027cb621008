// The SHA-1 of the old interface keeps its state in a plain struct. EVP copies a digest's state by allocating, for
// every packet; starting each HMAC from the key instead would cost two more blocks.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "media/srtp/packet_cipher.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

namespace carillon::srtp {
namespace {

using Octets = unsigned char;

const Octets* octets(Bytes bytes) { return reinterpret_cast<const Octets*>(bytes.data()); }

SHA_CTX padded_key(const std::array<std::byte, 20>& key, Octets pad) {
    std::array<Octets, SHA_CBLOCK> block;
    block.fill(pad);
    for (std::size_t i = 0; i < key.size(); ++i) block[i] ^= std::to_integer<Octets>(key[i]);
    SHA_CTX state;
    SHA1_Init(&state);
    SHA1_Update(&state, block.data(), block.size());
    return state;
}

const EVP_CIPHER* counter_cipher(std::size_t key) { return key == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr(); }
const EVP_CIPHER* galois_cipher(std::size_t key) { return key == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm(); }

}  // namespace

void FreeCipher::operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }

CounterMode::CounterMode(const SessionKeys& keys, std::size_t key_length)
    : context_{EVP_CIPHER_CTX_new()}, salt_{keys.salt} {
    static_assert(sizeof(SHA_CTX) == sizeof(Digest::state));
    if (context_ && EVP_EncryptInit_ex(context_.get(), counter_cipher(key_length), nullptr,
                                       reinterpret_cast<const Octets*>(keys.cipher.data()), nullptr) != 1) {
        context_.reset();
    }
    const auto inner = padded_key(keys.auth, 0x36);
    const auto outer = padded_key(keys.auth, 0x5C);
    std::memcpy(inner_.state.data(), &inner, sizeof inner);
    std::memcpy(outer_.state.data(), &outer, sizeof outer);
}

bool CounterMode::crypt(const PacketId& id, std::span<std::byte> data) {
    // §4.1.1: IV = (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16)
    std::array<std::byte, 16> iv{};
    std::ranges::copy(salt_, iv.begin());
    for (int i = 0; i < 4; ++i) iv[static_cast<std::size_t>(4 + i)] ^= static_cast<std::byte>(id.ssrc >> (24 - 8 * i));
    for (int i = 0; i < 6; ++i) iv[static_cast<std::size_t>(8 + i)] ^= static_cast<std::byte>(id.index >> (40 - 8 * i));
    auto* at = reinterpret_cast<Octets*>(data.data());
    int length = 0;
    return EVP_EncryptInit_ex(context_.get(), nullptr, nullptr, nullptr, reinterpret_cast<const Octets*>(iv.data())) ==
               1 &&
           EVP_EncryptUpdate(context_.get(), at, &length, at, static_cast<int>(data.size())) == 1;
}

std::array<std::byte, 20> CounterMode::tag(Bytes data, Bytes tail) {
    SHA_CTX state;
    std::array<Octets, SHA_DIGEST_LENGTH> digest;
    std::memcpy(&state, inner_.state.data(), sizeof state);
    SHA1_Update(&state, data.data(), data.size());
    if (!tail.empty()) SHA1_Update(&state, tail.data(), tail.size());
    SHA1_Final(digest.data(), &state);
    std::memcpy(&state, outer_.state.data(), sizeof state);
    SHA1_Update(&state, digest.data(), digest.size());
    std::array<std::byte, 20> out;
    SHA1_Final(reinterpret_cast<Octets*>(out.data()), &state);
    return out;
}

GaloisMode::GaloisMode(const SessionKeys& keys, std::size_t key_length, Direction direction, Means means) {
    std::copy_n(keys.salt.begin(), salt_.size(), salt_.begin());
    if (means == Means::fastest && PacketGcm::supported()) {
        own_ = std::make_unique<PacketGcm>(Bytes{keys.cipher}.first(key_length));
        return;
    }
    context_.reset(EVP_CIPHER_CTX_new());
    if (context_ && EVP_CipherInit_ex(context_.get(), galois_cipher(key_length), nullptr,
                                      reinterpret_cast<const Octets*>(keys.cipher.data()), nullptr,
                                      direction == Direction::outbound ? 1 : 0) != 1) {
        context_.reset();
    }
}

std::array<Octets, 12> GaloisMode::iv(const PacketId& id, bool rtcp) const {
    // RFC 7714 §8.1: 00 00 SSRC ROC SEQ; §9.1: 00 00 SSRC 00 00 0+index; each XOR the salt.
    std::array<std::byte, 12> out{};
    store_u32(&out[2], id.ssrc);
    if (rtcp) {
        store_u32(&out[8], static_cast<std::uint32_t>(id.index & 0x7FFFFFFF));
    } else {
        store_u32(&out[6], static_cast<std::uint32_t>(id.index >> 16));
        store_u16(&out[10], static_cast<std::uint16_t>(id.index));
    }
    std::array<Octets, 12> mixed;
    for (std::size_t i = 0; i < mixed.size(); ++i) mixed[i] = std::to_integer<Octets>(out[i] ^ salt_[i]);
    return mixed;
}

bool GaloisMode::start(const PacketId& id, bool rtcp, Bytes first, Bytes second, bool seal) {
    const auto vector = iv(id, rtcp);
    auto* context = context_.get();
    int length = 0;
    return EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, vector.data(), seal ? 1 : 0) == 1 &&
           EVP_CipherUpdate(context, nullptr, &length, octets(first), static_cast<int>(first.size())) == 1 &&
           (second.empty() ||
            EVP_CipherUpdate(context, nullptr, &length, octets(second), static_cast<int>(second.size())) == 1);
}

bool GaloisMode::seal(const PacketId& id, bool rtcp, Bytes first, Bytes second, std::span<std::byte> data,
                      std::byte* tag) {
    if (own_) {
        own_->seal(iv(id, rtcp), first, second, data, tag);
        return true;
    }
    auto* context = context_.get();
    auto* at = reinterpret_cast<Octets*>(data.data());
    int length = 0;
    std::array<Octets, 16> rest;
    return start(id, rtcp, first, second, true) &&
           (data.empty() || EVP_EncryptUpdate(context, at, &length, at, static_cast<int>(data.size())) == 1) &&
           EVP_EncryptFinal_ex(context, rest.data(), &length) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTag, tag) == 1;
}

bool GaloisMode::open(const PacketId& id, bool rtcp, Bytes first, Bytes second, std::span<std::byte> data,
                      std::byte* tag) {
    if (own_) return own_->open(iv(id, rtcp), first, second, data, tag);
    auto* context = context_.get();
    auto* at = reinterpret_cast<Octets*>(data.data());
    int length = 0;
    std::array<Octets, 16> rest;
    return start(id, rtcp, first, second, false) &&
           (data.empty() || EVP_DecryptUpdate(context, at, &length, at, static_cast<int>(data.size())) == 1) &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTag, tag) == 1 &&
           EVP_DecryptFinal_ex(context, rest.data(), &length) == 1;
}

}  // namespace carillon::srtp
