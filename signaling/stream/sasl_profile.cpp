#include "signaling/stream/sasl_profile.h"

#include <algorithm>

#include "signaling/stream/stream_text.h"
#include "signaling/xml/writer.h"

namespace carillon::stream {

namespace {

SaslData decoded(std::string text) {
    auto data = base64_decode(text);
    if (!data) return std::unexpected{std::string_view{"incorrect-encoding"}};
    return data;
}

/// RFC 6120 §6.4.2: no text is no data; "=" is data of length zero.
SaslData of_rfc6120(const xml::Element& element) {
    const auto text = element.text();
    if (text.empty()) return std::optional<std::string>{};
    if (text == "=") return std::optional<std::string>{std::in_place};
    return decoded(text);
}

/// XEP-0388 §2.2: no "=", and white space only SHOULD NOT be there: its own examples have some.
SaslData of_sasl2(const xml::Element& element) {
    auto text = element.text();
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
    return decoded(std::move(text));
}

std::string data_text(SaslProfile profile, std::string_view name, std::string_view data) {
    xml::Element element{name, namespace_of(profile)};
    element.add_text(base64_encode(data));
    return xml::to_string(element);
}

}  // namespace

std::string_view namespace_of(SaslProfile profile) { return profile == SaslProfile::sasl2 ? kSasl2 : kSasl; }

SaslData initial_response(SaslProfile profile, const xml::Element& request) {
    if (profile == SaslProfile::rfc6120) return of_rfc6120(request);
    const auto* initial = request.child("initial-response", kSasl2);
    return initial ? of_sasl2(*initial) : SaslData{};
}

SaslData response_data(SaslProfile profile, const xml::Element& response) {
    return profile == SaslProfile::rfc6120 ? of_rfc6120(response) : of_sasl2(response);
}

std::string challenge_text(SaslProfile profile, std::string_view data) { return data_text(profile, "challenge", data); }

std::string failure_text(SaslProfile profile, std::string_view condition, std::string_view text) {
    xml::Element failure{"failure", namespace_of(profile)};
    failure.add(condition, kSasl);
    if (!text.empty()) failure.add("text").set("xml:lang", "en").add_text(text);
    return xml::to_string(failure);
}

std::string success_text(std::string_view data) {
    if (data.empty()) return "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    return data_text(SaslProfile::rfc6120, "success", data);
}

}  // namespace carillon::stream
