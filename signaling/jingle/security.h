/// How a content's media is protected, as signalled: the fingerprint of a DTLS certificate, or keys in the clear
/// (SDES). Spec: XEP-0320 §2, XEP-0167 §7, RFC 4568 §6.1, §9.2; RFC 7714 §14.2 (suites). Not here: making keys,
/// choosing between what is offered (calls/).
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signaling/xml/element.h"

namespace carillon::jingle {

struct Fingerprint {
    std::string hash;   ///< sha-256 ...
    std::string value;  ///< 02:1A:...
    std::string setup;  ///< actpass, active, passive; empty when absent
};

/// The first whose hash still proves something; nullopt when there is none.
std::optional<Fingerprint> parse_fingerprint(const xml::Element& transport);

struct Crypto {
    std::string tag;
    std::string suite;
    std::string key_params;  ///< inline:...
};

/// Those of an <encryption/> that this server could use: suite known, key usable, no session parameter it would have
/// to obey.
std::vector<Crypto> parse_encryption(const xml::Element& description);

/// Octets of a suite's key and salt; 0 when it is not known.
std::size_t key_length(std::string_view suite);

struct InlineKey {
    std::vector<std::byte> key_and_salt;
    std::vector<std::byte> mki;
};
/// "inline:BASE64|2^20|1:4" for that suite; the lifetime is passed over.
std::optional<InlineKey> parse_inline(std::string_view key_params, std::string_view suite);
std::string write_inline(const std::vector<std::byte>& key_and_salt);

}  // namespace carillon::jingle
