/// Jingle in memory: what a <jingle/> element says about one audio call, to and from XML.
/// Spec: XEP-0166 §7; XEP-0167 §5; XEP-0176 §5.3; XEP-0177 §5.2; XEP-0320 §2; XEP-0338.
/// Not here: when which action is allowed (session.h); header extensions, feedback messages, sources: audio needs none.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/base/errc.h"
#include "media/phone/element.h"

namespace carillon::phone {

enum class Action {
    content_accept,
    content_add,
    content_modify,
    content_reject,
    content_remove,
    description_info,
    security_info,
    session_accept,
    session_info,
    session_initiate,
    session_terminate,
    transport_accept,
    transport_info,
    transport_reject,
    transport_replace,
};
std::string_view to_string(Action action);

struct PayloadType {
    std::uint8_t id = 0;
    std::string name;
    std::uint32_t clockrate = 8000;
    std::uint8_t channels = 1;
    std::vector<std::pair<std::string, std::string>> parameters;
};

struct Candidate {
    std::string foundation = "1";
    std::string id;
    std::uint8_t component = 1;
    std::string protocol = "udp";
    std::uint32_t priority = 0;
    std::string ip;
    std::uint16_t port = 0;
    std::string type = "host";
    std::string rel_addr;
    std::uint16_t rel_port = 0;
    unsigned generation = 0;
    unsigned network = 0;
};

struct DtlsFingerprint {
    std::string hash;
    std::string value;
    std::string setup;  ///< actpass, active, passive (RFC 5763)
};

/// A key of SDES (XEP-0167 §7).
struct Crypto {
    std::string tag;
    std::string suite;
    std::string key_params;
};

enum class TransportKind { ice_udp, raw_udp };

struct TransportInfo {
    TransportKind kind = TransportKind::ice_udp;
    std::string ufrag;
    std::string pwd;
    std::optional<DtlsFingerprint> fingerprint;
    std::vector<Candidate> candidates;
};

struct Content {
    std::string creator = "initiator";
    std::string name;
    std::string senders = "both";
    std::string media;  ///< "audio", "video"; empty when there is no RTP description
    std::vector<PayloadType> payload_types;
    bool rtcp_mux = false;
    std::string ssrc;
    std::vector<Crypto> cryptos;
    std::optional<TransportInfo> transport;
    bool foreign_transport = false;  ///< has a transport, but none this phone speaks
};

struct Jingle {
    Action action = Action::session_info;
    std::string sid;
    std::string initiator;
    std::string responder;
    std::vector<Content> contents;
    std::vector<std::string> bundle;  ///< content names of the BUNDLE group
    std::string reason;               ///< its condition: "success", "decline" ...
    std::string reason_text;
    std::string info;  ///< session-info: the payload's name, "ringing"; empty is a ping
};

/// `element` is the <jingle/>. Bounded: 16 contents, 64 payload types and 64 candidates each; more is too_large.
Parsed<Jingle> parse_jingle(const Element& element);
Element to_element(const Jingle& jingle);

}  // namespace carillon::phone
