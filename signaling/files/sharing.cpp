#include "signaling/files/sharing.h"

#include <string>

#include "signaling/auth/base64.h"

namespace carillon::files {
namespace {

std::string octets_of(std::string_view hex) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::string out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
    return out;
}

}  // namespace

void add_hash(xml::Element& file, std::string_view hash) {
    file.add("hash", "urn:xmpp:hashes:2").set("algo", "sha-256").add_text(auth::base64_encode(octets_of(hash)));
}

void add_source(xml::Element& sharing, std::string_view url) {
    sharing.add("sources").add("url-data", "http://jabber.org/protocol/url-data").set("target", url);
}

}  // namespace carillon::files
