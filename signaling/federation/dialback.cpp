#include "signaling/federation/dialback.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "signaling/xml/writer.h"

namespace carillon::federation {

namespace {

std::string hex(const unsigned char* octets, std::size_t count) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    for (std::size_t i = 0; i < count; ++i) {
        out += kDigits[octets[i] >> 4];
        out += kDigits[octets[i] & 15];
    }
    return out;
}

}  // namespace

std::string dialback_key(const Secret& secret, std::string_view receiving, std::string_view originating,
                         std::string_view stream_id) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    const auto& text = secret.reveal();
    EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr);
    const auto key = hex(digest.data(), length);
    std::string message{receiving};
    message.append(" ").append(originating).append(" ").append(stream_id);
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(message.data()),
         message.size(), digest.data(), &length);
    return hex(digest.data(), length);
}

namespace {

void append_head(std::string& out, std::string_view name, std::string_view from, std::string_view to,
                 std::string_view id, std::string_view type) {
    out.append("<db:").append(name);
    for (const auto& [attribute, value] :
         {std::pair{" from='", from}, {" to='", to}, {" id='", id}, {" type='", type}}) {
        if (value.empty()) continue;
        out += attribute;
        xml::append_escaped(out, value);
        out += '\'';
    }
    out += '>';
}

}  // namespace

std::string dialback_error(std::string_view name, std::string_view from, std::string_view to, std::string_view id,
                           std::string_view condition) {
    std::string out;
    append_head(out, name, from, to, id, "error");
    out.append("<error type='cancel'><").append(condition);
    out.append(" xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:").append(name);
    return out + '>';
}

std::string dialback_element(std::string_view name, std::string_view from, std::string_view to, std::string_view id,
                             std::string_view type, std::string_view key) {
    std::string out;
    append_head(out, name, from, to, id, type);
    xml::append_escaped(out, key);
    return out.append("</db:").append(name).append(">");
}

bool same_key(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace carillon::federation
