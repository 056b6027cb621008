/// What a <jingle/> element says, read into plain values: action, session, contents with their transports, reason.
/// Reading is liberal (unknown parts are passed over, bad candidates skipped); only what makes a message useless is an
/// error.
/// Spec: XEP-0166 §7, XEP-0167 §4, XEP-0176 §5.3, XEP-0177 §4.2, XEP-0320, XEP-0338, XEP-0343.
/// Not here: changing an element (rewrite.h), Jingle messages (invite.h), the life of a session (calls/).
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/base/errc.h"
#include "signaling/jingle/security.h"
#include "signaling/xml/element.h"

namespace carillon::jingle {

enum class Action : std::uint8_t {
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
    other,  ///< not of XEP-0166 (source-add and the like); passes
};
std::string_view to_string(Action action);

enum class CandidateType : std::uint8_t { unknown, host, srflx, prflx, relay };

struct Candidate {
    unsigned component = 1;  ///< 1: RTP, 2: RTCP
    CandidateType type = CandidateType::unknown;
    std::string ip;  ///< as written: IPv4, IPv6 or a name ending in .local (mDNS)
    std::uint16_t port = 0;
    std::string protocol;  ///< lower case; "udp" unless it says otherwise
    std::string id;
    std::string generation;
    std::string rel_addr;  ///< empty when absent

    bool is_mdns() const;
};

struct IceCredentials {
    std::string ufrag;
    std::string pwd;
    bool complete() const { return !ufrag.empty() && !pwd.empty(); }
    friend bool operator==(const IceCredentials&, const IceCredentials&) = default;
};

enum class TransportKind : std::uint8_t { none, ice_udp, raw_udp, other };

struct Transport {
    TransportKind kind = TransportKind::none;
    IceCredentials ice;
    std::vector<Candidate> candidates;
    bool has_fingerprint = false;            ///< DTLS (XEP-0320)
    std::optional<Fingerprint> fingerprint;  ///< one that proves something

    bool has_component(unsigned component) const;
};

struct PayloadType {
    unsigned id = 0;
    std::string name;
    unsigned clockrate = 0;
    unsigned channels = 1;
    std::optional<unsigned> apt{};  ///< of rtx (RFC 4588): the payload type it repeats
    std::map<std::string, std::string> parameters{};
    std::vector<std::string> feedback{};  ///< XEP-0293: "nack", "nack pli", "ccm fir" ...

    std::string_view parameter(std::string_view name) const;  ///< empty when absent
    bool takes(std::string_view feedback) const;
};

struct HeaderExtension {  // XEP-0294
    unsigned id = 0;
    std::string uri;
};

struct Content {
    std::string creator;  ///< initiator or responder
    std::string name;
    std::string senders;  ///< both, initiator, responder, none; empty: both
    bool has_description = false;
    bool is_rtp = false;  ///< XEP-0167; else a data channel (XEP-0343), a file ...
    std::string media;    ///< audio, video
    bool rtcp_mux = false;
    bool must_encrypt = false;    ///< <encryption required='1'/>
    std::vector<Crypto> cryptos;  ///< SDES keys that can be used
    std::vector<PayloadType> payload_types;
    std::vector<HeaderExtension> header_extensions{};
    unsigned bandwidth = 0;  ///< kbit/s with all heads (<bandwidth type='AS'/>); 0: it is not said
    Transport transport;
};

struct Group {
    std::string semantics;  ///< BUNDLE ...
    std::vector<std::string> contents;
};

struct Reason {
    std::string condition;  ///< e.g. success, decline; empty when absent
    std::string text;
};

struct Jingle {
    Action action = Action::other;
    std::string sid;
    std::string initiator;  ///< as written, empty when absent
    std::vector<Content> contents;
    std::vector<Group> groups;
    Reason reason;
    bool ringing = false;  ///< session-info with <ringing/> of XEP-0167
    std::optional<bool>
        on_hold;                ///< session-info with <hold/> or <mute/>: true; <unhold/>, <unmute/>, <active/>: false
    std::optional<bool> holds;  ///< session-info with <hold/>: true; <unhold/>, <active/>: false

    /// The contents that share one transport with the first of them; nullptr without BUNDLE.
    const Group* bundle() const;
};

struct Limits {
    std::size_t contents = 16;
    std::size_t candidates = 64;  ///< of one content in one stanza
};

/// Errc::bad_value: no action, sid or content name; Errc::too_large: over `limits`; Errc::bad_magic: not <jingle/>.
Parsed<Jingle> parse(const xml::Element& element, const Limits& limits = {});

/// A <reason/> element (XEP-0166 §7.4).
Reason parse_reason(const xml::Element& element);

/// The <jingle/> of an IQ set, or nullptr.
const xml::Element* find_jingle(const xml::Element& iq);
xml::Element* find_jingle(xml::Element& iq);

/// "opus/48000/2, VP8/90000": the first payload type of each RTP content, of those that carry media (no telephone
/// events, comfort noise, retransmission or FEC).
std::string describe_codecs(const std::vector<Content>& contents);

/// A whole decimal number within T, or nothing.
template <class T>
std::optional<T> to_number(std::string_view text);

}  // namespace carillon::jingle
