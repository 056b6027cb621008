#include "media/capture/unprotect.h"

#include <openssl/evp.h>

#include <charconv>

namespace carillon::capture {
namespace {

constexpr std::size_t kMaxTrials = 50;  // packets tried before a key counts as another stream's

std::optional<std::vector<std::byte>> from_base64(std::string_view text) {
    if (text.empty() || text.size() % 4 != 0 || text.size() > 128) return std::nullopt;
    std::vector<std::byte> out(text.size() / 4 * 3);
    const int size =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    if (size < 0) return std::nullopt;
    const auto padding = text.size() - text.find_last_not_of('=') - 1;
    out.resize(out.size() - padding);
    return out;
}

std::optional<srtp::Profile> suite_named(std::string_view name) {
    if (name == "AES_CM_128_HMAC_SHA1_80") return srtp::Profile::aes128_cm_sha1_80;
    if (name == "AES_CM_128_HMAC_SHA1_32") return srtp::Profile::aes128_cm_sha1_32;
    if (name == "AEAD_AES_128_GCM") return srtp::Profile::aead_aes_128_gcm;
    if (name == "AEAD_AES_256_GCM") return srtp::Profile::aead_aes_256_gcm;
    return std::nullopt;
}

std::optional<std::uint32_t> ssrc_from(std::string_view text) {
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    if (hex) text.remove_prefix(2);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

std::expected<StreamSecret, std::string> StreamSecret::parse(std::string_view text) {
    StreamSecret secret;
    if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
        const auto suite = suite_named(text.substr(colon + 1));
        if (!suite)
            return std::unexpected{
                "the suite after the key is not known: AES_CM_128_HMAC_SHA1_80, ..._32, "
                "AEAD_AES_128_GCM and AEAD_AES_256_GCM are"};
        secret.profile = *suite;
        text = text.substr(0, colon);
    }
    // Base64 ends in '=', an SSRC is followed by one: it can stand only among the first eleven letters.
    if (const auto equals = text.find('=');
        equals != std::string_view::npos && equals <= 10 && equals + 4 < text.size()) {
        secret.ssrc = ssrc_from(text.substr(0, equals));
        if (!secret.ssrc) return std::unexpected{"what stands before the key is no SSRC: say for example 0x20C23467"};
        text = text.substr(equals + 1);
    }
    const auto key = from_base64(text);
    const auto lengths = srtp::lengths_of(secret.profile);
    if (!key || key->size() != lengths.key + lengths.salt) {
        return std::unexpected{"a key is base64 of " + std::to_string(lengths.key + lengths.salt) +
                               " octets for this suite: master key and salt"};
    }
    secret.key = *key;
    return secret;
}

std::optional<Unprotected> unprotect(const CapturedStream& stream, const StreamSecret& secret) {
    if (secret.ssrc && *secret.ssrc != stream.key.ssrc) return std::nullopt;
    auto session = srtp::Session::create(secret.profile, secret.key, srtp::Direction::inbound);
    if (!session) return std::nullopt;
    Unprotected out{.stream = {.key = stream.key, .packets = {}, .payload_types = {}}};
    for (const auto& packet : stream.packets) {
        auto data = packet.data;
        const auto size = session->unprotect_rtp(data);
        if (!size) {
            if (++out.rejected >= kMaxTrials && out.stream.packets.empty()) return std::nullopt;
            continue;
        }
        data.resize(*size);
        ++out.stream.payload_types[std::to_integer<std::uint8_t>(data[1]) & 0x7F];
        out.stream.packets.push_back({packet.time, std::move(data)});
    }
    if (out.stream.packets.empty()) return std::nullopt;
    return out;
}

}  // namespace carillon::capture
