#include "signaling/stream/sasl2_login.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "signaling/stream/sasl_profile.h"
#include "signaling/stream/stream_management.h"
#include "signaling/stream/stream_text.h"
#include "signaling/xml/writer.h"

namespace carillon::stream {

namespace {

constexpr std::size_t kLongestText = 128;  // of software and device, for people
constexpr std::size_t kLongestTag = 256;

std::string shortened(std::string text, std::size_t octets) {
    if (text.size() <= octets) return text;
    while (octets > 0 && (static_cast<unsigned char>(text[octets]) & 0xC0) == 0x80) --octets;  // whole characters
    text.resize(octets);
    return text;
}

/// XEP-0388 §2.3 wants a version 4; any UUID names an installation as well.
bool is_uuid(std::string_view text) {
    if (text.size() != 36) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : std::isxdigit(static_cast<unsigned char>(text[i])) == 0) return false;
    }
    return true;
}

std::string lower(std::string_view text) {
    std::string out{text};
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

bool is_true(std::string_view value) { return value == "true" || value == "1"; }

std::optional<xml::Element> copy_of(const xml::Element* element) {
    return element ? std::optional{*element} : std::nullopt;
}

}  // namespace

std::unique_ptr<Sasl2Login> read_authenticate(const xml::Element& authenticate) {
    auto login = std::make_unique<Sasl2Login>();
    if (const auto* agent = authenticate.child("user-agent", kSasl2)) {
        if (is_uuid(agent->attribute("id"))) login->client.id = lower(agent->attribute("id"));
        login->client.software = shortened(agent->child_text("software", kSasl2), kLongestText);
        login->client.device = shortened(agent->child_text("device", kSasl2), kLongestText);
    }
    login->resume = copy_of(authenticate.child("resume", kManagement));
    login->bind = copy_of(authenticate.child("bind", kBind2));
    if (const auto* fast = authenticate.child("fast", kFast)) {
        login->with_token = true;
        login->invalidate = is_true(fast->attribute("invalidate"));
    }
    if (const auto* request = authenticate.child("request-token", kFast))
        login->token_mechanism = request->attribute("mechanism");
    return login;
}

std::string sasl2_success_text(const Sasl2Login& login, std::string_view who, std::string_view inside) {
    std::string out = "<success xmlns='urn:xmpp:sasl:2'>";
    if (!login.additional_data.empty())
        out += "<additional-data>" + base64_encode(login.additional_data) + "</additional-data>";
    out += "<authorization-identifier>";
    xml::append_escaped(out, who);
    out += "</authorization-identifier>";
    out += inside;
    out += login.token;
    return out + "</success>";
}

std::string inline_resource(const Sasl2Login& login, std::string_view user, const Secret& secret) {
    const auto tag = login.bind ? shortened(login.bind->child_text("tag", kBind2), kLongestTag) : std::string{};
    if (tag.empty() && login.client.id.empty()) return {};
    std::string own;
    if (login.client.id.empty()) {
        own = make_stream_id().substr(0, 12);
    } else {
        const auto text = "resource\n" + std::string{user} + '\n' + tag + '\n' + login.client.id;
        unsigned char hash[EVP_MAX_MD_SIZE];
        unsigned length = 0;
        HMAC(EVP_sha256(), secret.reveal().data(), static_cast<int>(secret.reveal().size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash, &length);
        own = base64_encode({reinterpret_cast<const char*>(hash), 9});
    }
    std::ranges::replace(own, '/', '_');
    std::ranges::replace(own, '+', '-');
    return tag.empty() ? own : tag + '/' + own;
}

}  // namespace carillon::stream
