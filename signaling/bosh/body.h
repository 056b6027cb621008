/// The <body/> of BOSH: what a request says, and the texts of answers.
/// Spec: XEP-0124 §5 (the wrapper), §7 (session creation), §17 (errors); XEP-0206 §2 to §6.
/// Not here: what becomes of it (session.h).
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signaling/xml/element.h"

namespace carillon::bosh {

inline constexpr std::string_view kHttpBind = "http://jabber.org/protocol/httpbind";
inline constexpr std::string_view kXbosh = "urn:xmpp:xbosh";
inline constexpr std::string_view kContentType = "text/xml; charset=utf-8";

/// A request. Numbers that are no numbers make the request bad; absent ones are nothing.
struct Body {
    std::optional<std::uint64_t> rid;
    std::string sid;
    std::string to;
    std::string from;
    std::string language;
    std::string version;
    std::string content;
    std::optional<std::uint64_t> wait;
    std::optional<std::uint64_t> hold;
    std::optional<std::uint64_t> ack;
    std::optional<std::uint64_t> pause;
    std::string key;
    std::string new_key;
    bool restart = false;
    bool terminate = false;
    std::vector<xml::Element> payload;

    /// Nothing that the server is to do: a poll.
    bool empty() const { return payload.empty() && !restart && !terminate && !pause; }
};

struct BodyLimits {
    std::size_t octets = 256 * 1024;
    unsigned depth = 64;
    unsigned attributes = 64;
};

/// Else the terminal condition (§17.2): bad-request, or policy-violation past a limit.
std::expected<Body, std::string_view> parse_body(std::string_view text, const BodyLimits& limits);

/// What an element without a namespace of its own gets in a body: clients of old forget that stanzas need one.
void adopt_namespace(xml::Element& element);

/// What stands in the answer to the request that begins a session.
struct Created {
    std::string sid;
    std::string from;
    std::string stream_id;
    std::string version;
    std::uint64_t rid = 0;
    std::uint64_t wait = 0;
    std::uint64_t hold = 0;
    std::uint64_t requests = 0;
    std::uint64_t inactivity = 0;
    std::uint64_t polling = 0;
    std::uint64_t maxpause = 0;
};
std::string created_text(const Created& created, std::string_view payload);
std::string body_text(std::string_view payload, std::optional<std::uint64_t> ack = {});
/// §17.2: the session is over; without a condition: as was agreed.
std::string terminate_text(std::string_view condition, std::string_view payload = {});

/// §13: SHA-1 in hexadecimal digits, as key sequences are made.
std::string key_hash(std::string_view key);

}  // namespace carillon::bosh
