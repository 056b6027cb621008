#include "signaling/jingle/security.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "config/base/bytes.h"
#include "signaling/auth/base64.h"
#include "signaling/jingle/namespaces.h"

namespace carillon::jingle {
namespace {

constexpr std::size_t kMaxCryptos = 16;
constexpr std::size_t kMaxText = 256;  // of a fingerprint, a tag, a suite
constexpr std::size_t kMaxMki = 16;
constexpr std::string_view kInline = "inline:";

constexpr std::array<std::pair<std::string_view, std::size_t>, 6> kSuites{{{"AEAD_AES_128_GCM", 28},
                                                                           {"AEAD_AES_256_GCM", 44},
                                                                           {"AES_CM_128_HMAC_SHA1_80", 30},
                                                                           {"AES_CM_128_HMAC_SHA1_32", 30},
                                                                           {"AES_256_CM_HMAC_SHA1_80", 46},
                                                                           {"AES_256_CM_HMAC_SHA1_32", 46}}};

std::string lower(std::string_view text) {
    std::string out{text};
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::string without_space(std::string_view text) {
    std::string out{text};
    std::erase_if(out, [](unsigned char c) { return std::isspace(c) != 0; });
    return out;
}

/// RFC 4568 §6.3: a parameter that begins with '-' may be passed over, any other must be obeyed.
bool must_obey(std::string_view session_params) {
    while (!session_params.empty()) {
        const auto end = std::min(session_params.find(' '), session_params.size());
        const auto one = session_params.substr(0, end);
        if (!one.empty() && one.front() != '-') return true;
        session_params.remove_prefix(std::min(end + 1, session_params.size()));
    }
    return false;
}

/// "1:4": the value, in that many octets.
std::optional<std::vector<std::byte>> parse_mki(std::string_view text) {
    const auto colon = text.find(':');
    std::uint64_t value = 0;
    std::size_t length = 0;
    const auto number = [](std::string_view digits, auto& into) {
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), into);
        return error == std::errc{} && end == digits.data() + digits.size();
    };
    if (!number(text.substr(0, colon), value) || !number(text.substr(colon + 1), length)) return std::nullopt;
    if (length == 0 || length > kMaxMki) return std::nullopt;
    std::vector<std::byte> out(length);
    for (auto at = out.rbegin(); at != out.rend(); ++at, value >>= 8) *at = static_cast<std::byte>(value & 0xFF);
    return out;
}

}  // namespace

std::optional<Fingerprint> parse_fingerprint(const xml::Element& transport) {
    for (const auto* child : transport.children()) {
        if (!child->is("fingerprint", ns::kDtls)) continue;
        Fingerprint out{.hash = lower(child->attribute("hash")),
                        .value = without_space(child->text()),
                        .setup = lower(child->attribute("setup"))};
        const bool proves = out.hash == "sha-256" || out.hash == "sha-384" || out.hash == "sha-512";
        if (proves && !out.value.empty() && out.value.size() <= kMaxText) return out;
    }
    return std::nullopt;
}

std::vector<Crypto> parse_encryption(const xml::Element& description) {
    std::vector<Crypto> out;
    const auto* encryption = description.child("encryption", ns::kRtp);
    if (!encryption) return out;
    for (const auto* child : encryption->children()) {
        if (child->name() != "crypto" || out.size() >= kMaxCryptos) continue;
        Crypto crypto{.tag = std::string{child->attribute("tag")},
                      .suite = std::string{child->attribute("crypto-suite")},
                      .key_params = std::string{child->attribute("key-params")}};
        if (crypto.tag.empty() || crypto.tag.size() > kMaxText || must_obey(child->attribute("session-params")))
            continue;
        if (parse_inline(crypto.key_params, crypto.suite)) out.push_back(std::move(crypto));
    }
    return out;
}

std::size_t key_length(std::string_view suite) {
    const auto at = std::ranges::find(kSuites, suite, &std::pair<std::string_view, std::size_t>::first);
    return at == kSuites.end() ? 0 : at->second;
}

std::optional<InlineKey> parse_inline(std::string_view key_params, std::string_view suite) {
    if (!key_params.starts_with(kInline) || key_length(suite) == 0) return std::nullopt;
    auto rest = key_params.substr(kInline.size());
    if (rest.find(';') != std::string_view::npos) return std::nullopt;  // several master keys: not one of ours
    const auto bar = rest.find('|');
    auto padded = std::string{rest.substr(0, bar)};
    while (padded.size() % 4 != 0) padded += '=';  // some leave the padding out
    const auto key = auth::base64_decode(padded);
    if (!key || key->size() != key_length(suite)) return std::nullopt;
    const auto octets = as_bytes(*key);
    InlineKey out{.key_and_salt = {octets.begin(), octets.end()}, .mki = {}};
    while (rest.find('|') != std::string_view::npos) {
        rest.remove_prefix(rest.find('|') + 1);
        const auto one = rest.substr(0, rest.find('|'));
        if (one.find(':') == std::string_view::npos) continue;  // a lifetime
        auto mki = parse_mki(one);
        if (!mki) return std::nullopt;
        out.mki = std::move(*mki);
    }
    return out;
}

std::string write_inline(const std::vector<std::byte>& key_and_salt) {
    return std::string{kInline} + auth::base64_encode(as_text(key_and_salt));
}

}  // namespace carillon::jingle
