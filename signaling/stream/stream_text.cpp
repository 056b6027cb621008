#include "signaling/stream/stream_text.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "signaling/xml/writer.h"
#include "signaling/xmpp/jid.h"

namespace carillon::stream {

namespace {

void append_attribute(std::string& out, std::string_view name, std::string_view value) {
    if (value.empty()) return;
    out += ' ';
    out += name;
    out += "='";
    xml::append_escaped(out, value);
    out += '\'';
}

/// RFC 6120 §4.7.5: major and minor are numbers apart; absent means 0.9.
bool is_version_1(std::string_view version) {
    int major = 0;
    const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), major);
    return error == std::errc{} && end != version.data() + version.size() && *end == '.' && major >= 1;
}

}  // namespace

std::string open_tag(const OpenAttributes& attributes) {
    std::string out = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='";
    out += kStreams;
    out += '\'';
    append_attribute(out, "id", attributes.id);
    append_attribute(out, "from", attributes.from);
    append_attribute(out, "to", attributes.to);
    out += " version='1.0' xml:lang='en'>";
    return out;
}

std::string framed_open_tag(const OpenAttributes& attributes) {
    std::string out = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'";
    append_attribute(out, "id", attributes.id);
    append_attribute(out, "from", attributes.from);
    append_attribute(out, "to", attributes.to);
    return out + " version='1.0' xml:lang='en'/>";
}

std::string foreign_language(const xml::StreamOpen& open) {
    constexpr std::size_t kLongest = 35;  // RFC 5646 §4.4.1
    const auto language = open.root.attribute("xml:lang");
    const auto is_subtag_character = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    };
    if (language == kLanguage || language.size() > kLongest) return {};
    if (!std::ranges::all_of(language, is_subtag_character)) return {};
    return std::string{language};
}

std::string features_text(const std::vector<xml::Element>& features, bool alone) {
    std::string out = alone ? "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>" : "<stream:features>";
    for (const auto& feature : features) xml::write(out, feature);
    return out + "</stream:features>";
}

std::string error_text(std::string_view condition, std::string_view text, bool alone) {
    std::string out = alone ? "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><" : "<stream:error><";
    out += condition;
    out += " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>";
    if (!text.empty()) {
        out += "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>";
        xml::append_escaped(out, text);
        out += "</text>";
    }
    return out + "</stream:error>";
}

std::string make_stream_id() {
    constexpr std::size_t kOctets = 15;
    // OpenSSL's generator takes as long for one as for many.
    thread_local std::array<char, 32 * kOctets> random;
    thread_local std::size_t used = random.size();
    if (used == random.size()) {
        RAND_bytes(reinterpret_cast<unsigned char*>(random.data()), static_cast<int>(random.size()));
        used = 0;
    }
    const std::string_view octets{random.data() + used, kOctets};
    used += kOctets;
    return base64_encode(octets);
}

std::expected<std::string, std::string_view> check_open(const xml::StreamOpen& open,
                                                        const std::function<bool(std::string_view)>& serves) {
    if (open.root.ns() != kStreams) return std::unexpected{"invalid-namespace"};  // §4.9.3.10
    if (open.root.name() != "stream") return std::unexpected{"bad-format"};       // §4.9.3.1
    if (open.content_ns != kClient) return std::unexpected{"invalid-namespace"};  // §4.8.2
    const auto host = xmpp::Jid::parse(open.root.attribute("to"));
    if (!host || !host->is_domain() || !serves(host->domain())) return std::unexpected{"host-unknown"};  // §4.9.3.6
    if (!is_version_1(open.root.attribute("version"))) return std::unexpected{"unsupported-version"};    // §4.9.3.25
    return std::string{host->domain()};
}

std::optional<xml::Element> read_back(std::string_view stanza) {
    xml::StreamParser parser;
    parser.feed(open_tag({}).append(stanza));
    for (auto event = parser.next(); !std::holds_alternative<xml::NeedMore>(event); event = parser.next()) {
        if (auto* element = std::get_if<xml::Element>(&event)) return std::move(*element);
        if (std::holds_alternative<xml::StreamFault>(event)) break;
    }
    return std::nullopt;
}

std::optional<std::string> base64_decode(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    for (std::size_t i = 0; i < text.size(); ++i) {  // EVP_DecodeBlock passes white space and early '=' over
        const auto c = static_cast<unsigned char>(text[i]);
        const bool digit = std::isalnum(c) || c == '+' || c == '/';
        const bool padding = c == '=' && i + 2 >= text.size() && (i + 1 == text.size() || text[i + 1] == '=');
        if (!digit && !padding) return std::nullopt;
    }
    std::string out(text.size() / 4 * 3, '\0');
    const auto length =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    if (length < 0) return std::nullopt;
    const auto padding = text.ends_with("==") ? 2u : text.ends_with("=") ? 1u : 0u;
    out.resize(static_cast<std::size_t>(length) - padding);
    return out;
}

std::string base64_encode(std::string_view data) {
    std::string out((data.size() + 2) / 3 * 4 + 1, '\0');
    const auto length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(data.data()), static_cast<int>(data.size()));
    out.resize(static_cast<std::size_t>(length));
    return out;
}

}  // namespace carillon::stream
