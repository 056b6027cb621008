#include "media/phone/sdes.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "media/srtp/profile.h"

namespace carillon::phone {
namespace {

constexpr std::string_view kInline = "inline:";
constexpr std::size_t kMaxText = 128;
constexpr std::array kSuites{srtp::Profile::aead_aes_128_gcm, srtp::Profile::aes128_cm_sha1_80,
                             srtp::Profile::aes128_cm_sha1_32};

std::size_t key_size(srtp::Profile profile) {
    const auto [key, salt] = srtp::lengths_of(profile);
    return key + salt;
}

std::string base64(const std::vector<std::byte>& octets) {
    std::string out(4 * ((octets.size() + 2) / 3) + 1, '\0');
    const auto size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(octets.data()), static_cast<int>(octets.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
}

std::optional<std::vector<std::byte>> key_in(const Crypto& crypto, srtp::Profile profile) {
    if (!crypto.key_params.starts_with(kInline) || crypto.key_params.size() > kMaxText) return std::nullopt;
    auto text = crypto.key_params.substr(kInline.size());
    const auto bar = text.find('|');
    if (bar != std::string::npos && text.find(':', bar) != std::string::npos) return std::nullopt;  // an MKI
    text.resize(std::min(bar, text.size()));
    while (text.size() % 4 != 0) text += '=';
    std::vector<std::byte> out(text.size());
    const auto size =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    const auto padding = static_cast<int>(std::ranges::count(text, '='));
    if (size < padding || static_cast<std::size_t>(size - padding) != key_size(profile)) return std::nullopt;
    out.resize(key_size(profile));
    return out;
}

}  // namespace

std::vector<Crypto> make_cryptos() {
    std::vector<Crypto> out;
    for (const auto profile : kSuites) {
        std::vector<std::byte> key(key_size(profile));
        if (RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(key.size())) != 1)
            throw std::runtime_error{"no random numbers"};
        out.push_back({.tag = std::to_string(out.size() + 1),
                       .suite = std::string{srtp::to_string(profile)},
                       .key_params = std::string{kInline} + base64(key)});
    }
    return out;
}

std::optional<AgreedCrypto> choose_crypto(const std::vector<Crypto>& own, const std::vector<Crypto>& theirs) {
    for (const auto& each : theirs) {
        const auto at = std::ranges::find(own, each.suite, &Crypto::suite);
        if (at == own.end()) continue;
        AgreedCrypto out{*at, each};
        out.local.tag = each.tag;
        return out;
    }
    return std::nullopt;
}

std::optional<AgreedCrypto> match_crypto(const std::vector<Crypto>& own, const std::vector<Crypto>& answered) {
    for (const auto& each : answered)
        for (const auto& mine : own)
            if (mine.tag == each.tag && mine.suite == each.suite) return AgreedCrypto{mine, each};
    return std::nullopt;
}

std::optional<dtls::SrtpKeys> to_keys(const AgreedCrypto& agreed) {
    const auto profile = srtp::profile_named(agreed.remote.suite);
    if (!profile) return std::nullopt;
    auto local = key_in(agreed.local, *profile);
    auto remote = key_in(agreed.remote, *profile);
    if (!local || !remote) return std::nullopt;
    return dtls::SrtpKeys{*profile, std::move(*local), std::move(*remote)};
}

}  // namespace carillon::phone
