#include "signaling/bosh/body.h"

#include <openssl/evp.h>

#include <array>
#include <charconv>

#include "signaling/xml/stream_parser.h"
#include "signaling/xml/writer.h"

namespace carillon::bosh {

namespace {

constexpr std::uint64_t kHighest = 9007199254740991;  // §14: rids stay below 2^53
constexpr std::string_view kNamespaces =
    " xmlns='http://jabber.org/protocol/httpbind' xmlns:stream='http://etherx.jabber.org/streams'";

/// False: there is such an attribute and it is no number.
bool read_number(const xml::Element& body, std::string_view name, std::optional<std::uint64_t>& into) {
    const auto text = body.attribute(name);
    if (!body.has_attribute(name)) return true;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > kHighest) return false;
    into = value;
    return true;
}

bool is_true(std::string_view text) { return text == "true" || text == "1"; }

void attribute(std::string& out, std::string_view name, std::string_view value) {
    out += ' ';
    out += name;
    out += "='";
    xml::append_escaped(out, value);
    out += '\'';
}

std::string xbosh(std::string_view name) { return '{' + std::string{kXbosh} + '}' + std::string{name}; }

std::string finish(std::string out, std::string_view payload) {
    if (payload.empty()) return out + "/>";
    out += '>';
    out += payload;
    return out + "</body>";
}

}  // namespace

std::expected<Body, std::string_view> parse_body(std::string_view text, const BodyLimits& limits) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\n' || text.front() == '\r'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    xml::ParserLimits bounds;
    bounds.stanza_bytes = limits.octets;
    bounds.depth = limits.depth + 1;
    bounds.attributes = limits.attributes;
    auto parsed = xml::parse_document(text, bounds);
    const std::unexpected bad{std::string_view{"bad-request"}};
    if (!parsed && parsed.error() == "policy-violation") return std::unexpected{parsed.error()};
    if (!parsed || !parsed->is("body", kHttpBind)) return bad;
    Body body;
    if (!read_number(*parsed, "rid", body.rid) || !read_number(*parsed, "wait", body.wait) ||
        !read_number(*parsed, "hold", body.hold) || !read_number(*parsed, "ack", body.ack) ||
        !read_number(*parsed, "pause", body.pause)) {
        return bad;
    }
    body.sid = parsed->attribute("sid");
    body.to = parsed->attribute("to");
    body.from = parsed->attribute("from");
    body.language = parsed->attribute("xml:lang");
    body.version = parsed->attribute("ver");
    body.content = parsed->attribute("content");
    body.key = parsed->attribute("key");
    body.new_key = parsed->attribute("newkey");
    body.restart = is_true(parsed->attribute(xbosh("restart")));
    body.terminate = parsed->attribute("type") == "terminate";
    for (auto& node : parsed->nodes()) {
        if (auto* element = std::get_if<xml::Element>(&node)) body.payload.push_back(std::move(*element));
    }
    return body;
}

void adopt_namespace(xml::Element& element) {
    if (element.ns() != kHttpBind) return;
    element.rename(std::string{element.name()}, "jabber:client");
    for (auto* child : element.children()) adopt_namespace(*child);
}

std::string created_text(const Created& created, std::string_view payload) {
    std::string out = "<body" + std::string{kNamespaces} + " xmlns:xmpp='urn:xmpp:xbosh'";
    attribute(out, "sid", created.sid);
    attribute(out, "from", created.from);
    if (!created.stream_id.empty()) attribute(out, "authid", created.stream_id);
    attribute(out, "ver", created.version);
    const std::pair<std::string_view, std::uint64_t> numbers[] = {
        {"ack", created.rid},           {"wait", created.wait},       {"hold", created.hold},
        {"requests", created.requests}, {"polling", created.polling}, {"inactivity", created.inactivity},
        {"maxpause", created.maxpause}};
    for (const auto& [name, value] : numbers) attribute(out, name, std::to_string(value));
    out += " xmpp:version='1.0' xmpp:restartlogic='true'";
    return finish(std::move(out), payload);
}

std::string body_text(std::string_view payload, std::optional<std::uint64_t> ack) {
    std::string out = "<body" + std::string{kNamespaces};
    if (ack) attribute(out, "ack", std::to_string(*ack));
    return finish(std::move(out), payload);
}

std::string terminate_text(std::string_view condition, std::string_view payload) {
    std::string out = "<body type='terminate'" + std::string{kNamespaces};
    if (!condition.empty()) attribute(out, "condition", condition);
    return finish(std::move(out), payload);
}

std::string key_hash(std::string_view key) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    EVP_Digest(key.data(), key.size(), digest.data(), &length, EVP_sha1(), nullptr);
    std::string out;
    for (unsigned i = 0; i < length; ++i) {
        constexpr std::string_view kDigits = "0123456789abcdef";
        out += kDigits[digest[i] >> 4];
        out += kDigits[digest[i] & 15];
    }
    return out;
}

}  // namespace carillon::bosh
