#include "media/phone/jingle.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "media/phone/namespaces.h"

namespace carillon::phone {
namespace {

constexpr std::size_t kMaxContents = 16;
constexpr std::size_t kMaxPayloadTypes = 64;
constexpr std::size_t kMaxCandidates = 64;
constexpr std::size_t kMaxParameters = 32;
constexpr std::size_t kMaxCryptos = 16;

constexpr std::array<std::string_view, 15> kActions{
    "content-accept",    "content-add",      "content-modify", "content-reject",   "content-remove",
    "description-info",  "security-info",    "session-accept", "session-info",     "session-initiate",
    "session-terminate", "transport-accept", "transport-info", "transport-reject", "transport-replace"};

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

Parsed<std::vector<PayloadType>> parse_payload_types(const Element& description) {
    std::vector<PayloadType> out;
    for (const auto& element : description.children()) {
        if (!element.is("payload-type", ns::kRtp)) continue;
        const auto id = element.number("id", 128);
        if (id > 127) return std::unexpected{Errc::bad_value};
        if (out.size() == kMaxPayloadTypes) return std::unexpected{Errc::too_large};
        PayloadType type{.id = static_cast<std::uint8_t>(id),
                         .name = element.attribute("name"),
                         .clockrate = static_cast<std::uint32_t>(element.number("clockrate", 8000)),
                         .channels = static_cast<std::uint8_t>(std::min(element.number("channels", 1), 255UL))};
        for (const auto& parameter : element.children()) {
            if (!parameter.is("parameter", ns::kRtp)) continue;
            if (type.parameters.size() == kMaxParameters) return std::unexpected{Errc::too_large};
            type.parameters.emplace_back(parameter.attribute("name"), parameter.attribute("value"));
        }
        out.push_back(std::move(type));
    }
    return out;
}

Parsed<Candidate> parse_candidate(const Element& element) {
    Candidate out;
    const auto component = element.number("component", 1);
    const auto port = element.number("port", 65536);
    const auto rel_port = element.number("rel-port", 0);
    if (component < 1 || component > 255 || port > 65535 || rel_port > 65535) return std::unexpected{Errc::bad_value};
    if (element.attribute("ip").empty()) return std::unexpected{Errc::bad_value};
    out.foundation = element.attribute("foundation");
    out.id = element.attribute("id");
    out.component = static_cast<std::uint8_t>(component);
    if (const auto& protocol = element.attribute("protocol"); !protocol.empty()) out.protocol = protocol;
    out.priority = static_cast<std::uint32_t>(element.number("priority"));
    out.ip = element.attribute("ip");
    out.port = static_cast<std::uint16_t>(port);
    if (const auto& type = element.attribute("type"); !type.empty()) out.type = type;
    out.rel_addr = element.attribute("rel-addr");
    out.rel_port = static_cast<std::uint16_t>(rel_port);
    out.generation = static_cast<unsigned>(element.number("generation"));
    out.network = static_cast<unsigned>(element.number("network"));
    return out;
}

Parsed<TransportInfo> parse_transport(const Element& element, TransportKind kind) {
    TransportInfo out{.kind = kind, .ufrag = element.attribute("ufrag"), .pwd = element.attribute("pwd")};
    if (const auto* fingerprint = element.child("fingerprint", ns::kDtls)) {
        out.fingerprint = DtlsFingerprint{fingerprint->attribute("hash"), std::string{trimmed(fingerprint->text())},
                                          fingerprint->attribute("setup")};
    }
    for (const auto& child : element.children()) {
        if (!child.is("candidate", element.ns())) continue;
        if (out.candidates.size() == kMaxCandidates) return std::unexpected{Errc::too_large};
        auto candidate = parse_candidate(child);
        if (!candidate) return std::unexpected{candidate.error()};
        out.candidates.push_back(std::move(*candidate));
    }
    return out;
}

std::vector<Crypto> parse_cryptos(const Element& description) {
    std::vector<Crypto> out;
    const auto* encryption = description.child("encryption", ns::kRtp);
    if (!encryption) return out;
    for (const auto& crypto : encryption->children()) {
        if (!crypto.is("crypto", ns::kRtp) || out.size() == kMaxCryptos) continue;
        out.push_back({crypto.attribute("tag"), crypto.attribute("crypto-suite"), crypto.attribute("key-params")});
    }
    return out;
}

Parsed<Content> parse_content(const Element& element) {
    Content out;
    out.creator = element.attribute("creator");
    out.name = element.attribute("name");
    if (const auto& senders = element.attribute("senders"); !senders.empty()) out.senders = senders;
    if (out.name.empty()) return std::unexpected{Errc::bad_value};
    if (const auto* description = element.child("description", ns::kRtp)) {
        out.media = description->attribute("media");
        out.ssrc = description->attribute("ssrc");
        out.rtcp_mux = description->child("rtcp-mux", ns::kRtp) != nullptr;
        auto types = parse_payload_types(*description);
        if (!types) return std::unexpected{types.error()};
        out.payload_types = std::move(*types);
        out.cryptos = parse_cryptos(*description);
    }
    const auto* transport = element.child("transport");
    if (!transport) return out;
    const bool ice = transport->ns() == ns::kIceUdp;
    if (!ice && transport->ns() != ns::kRawUdp) {
        out.foreign_transport = true;
        return out;
    }
    auto parsed = parse_transport(*transport, ice ? TransportKind::ice_udp : TransportKind::raw_udp);
    if (!parsed) return std::unexpected{parsed.error()};
    out.transport = std::move(*parsed);
    return out;
}

void parse_reason(const Element& element, Jingle& out) {
    for (const auto& child : element.children()) {
        if (child.name() == "text") {
            out.reason_text = child.text();
        } else if (out.reason.empty() && child.ns() == ns::kJingle) {
            out.reason = child.name();
        }
    }
}

Element candidate_element(const Candidate& candidate, TransportKind kind) {
    Element out{"candidate"};
    out.set("component", std::to_string(candidate.component))
        .set("generation", std::to_string(candidate.generation))
        .set("id", candidate.id)
        .set("ip", candidate.ip)
        .set("port", std::to_string(candidate.port));
    if (kind == TransportKind::raw_udp) return out;  // XEP-0177 §5.2: nothing else
    out.set("foundation", candidate.foundation)
        .set("network", std::to_string(candidate.network))
        .set("priority", std::to_string(candidate.priority))
        .set("protocol", candidate.protocol)
        .set("type", candidate.type);
    if (!candidate.rel_addr.empty()) {
        out.set("rel-addr", candidate.rel_addr).set("rel-port", std::to_string(candidate.rel_port));
    }
    return out;
}

Element transport_element(const TransportInfo& transport) {
    Element out{"transport", transport.kind == TransportKind::ice_udp ? ns::kIceUdp : ns::kRawUdp};
    if (!transport.ufrag.empty()) out.set("ufrag", transport.ufrag).set("pwd", transport.pwd);
    if (transport.fingerprint) {
        out.add(Element{"fingerprint", ns::kDtls}
                    .set("hash", transport.fingerprint->hash)
                    .set("setup", transport.fingerprint->setup)
                    .text(transport.fingerprint->value));
    }
    for (const auto& candidate : transport.candidates) out.add(candidate_element(candidate, transport.kind));
    return out;
}

Element encryption_element(const std::vector<Crypto>& cryptos) {
    Element out{"encryption", ns::kRtp};
    for (const auto& crypto : cryptos) {
        out.add(Element{"crypto", ns::kRtp}
                    .set("crypto-suite", crypto.suite)
                    .set("key-params", crypto.key_params)
                    .set("tag", crypto.tag));
    }
    return out;
}

Element description_element(const Content& content) {
    Element out{"description", ns::kRtp};
    out.set("media", content.media);
    if (!content.ssrc.empty()) out.set("ssrc", content.ssrc);
    for (const auto& type : content.payload_types) {
        Element element{"payload-type"};
        element.set("id", std::to_string(type.id))
            .set("name", type.name)
            .set("clockrate", std::to_string(type.clockrate));
        if (type.channels != 1) element.set("channels", std::to_string(type.channels));
        for (const auto& [name, value] : type.parameters) {
            element.add(Element{"parameter", ns::kRtp}.set("name", name).set("value", value));
        }
        out.add(std::move(element));
    }
    if (content.rtcp_mux) out.add(Element{"rtcp-mux"});
    if (!content.cryptos.empty()) out.add(encryption_element(content.cryptos));
    return out;
}

}  // namespace

std::string_view to_string(Action action) { return kActions[static_cast<std::size_t>(action)]; }

Parsed<Jingle> parse_jingle(const Element& element) {
    if (!element.is("jingle", ns::kJingle)) return std::unexpected{Errc::bad_magic};
    const auto action = std::ranges::find(kActions, element.attribute("action"));
    if (action == kActions.end() || element.attribute("sid").empty()) return std::unexpected{Errc::bad_value};
    Jingle out;
    out.action = static_cast<Action>(action - kActions.begin());
    out.sid = element.attribute("sid");
    out.initiator = element.attribute("initiator");
    out.responder = element.attribute("responder");
    for (const auto& child : element.children()) {
        if (child.is("content", ns::kJingle)) {
            if (out.contents.size() == kMaxContents) return std::unexpected{Errc::too_large};
            auto content = parse_content(child);
            if (!content) return std::unexpected{content.error()};
            out.contents.push_back(std::move(*content));
        } else if (child.is("reason", ns::kJingle)) {
            parse_reason(child, out);
        } else if (child.is("group", ns::kGrouping) && child.attribute("semantics") == "BUNDLE") {
            for (const auto& member : child.children()) {
                if (out.bundle.size() < kMaxContents) out.bundle.push_back(member.attribute("name"));
            }
        } else if (out.action == Action::session_info && out.info.empty()) {
            out.info = child.ns() == ns::kRtpInfo ? child.name() : "unknown";
        }
    }
    return out;
}

Element to_element(const Jingle& jingle) {
    Element out{"jingle", ns::kJingle};
    out.set("action", to_string(jingle.action)).set("sid", jingle.sid);
    if (!jingle.initiator.empty()) out.set("initiator", jingle.initiator);
    if (!jingle.responder.empty()) out.set("responder", jingle.responder);
    if (!jingle.bundle.empty()) {
        Element group{"group", ns::kGrouping};
        group.set("semantics", "BUNDLE");
        for (const auto& name : jingle.bundle) group.add(Element{"content"}.set("name", name));
        out.add(std::move(group));
    }
    for (const auto& content : jingle.contents) {
        Element element{"content"};
        element.set("creator", content.creator).set("name", content.name);
        if (content.senders != "both") element.set("senders", content.senders);
        if (!content.media.empty()) element.add(description_element(content));
        if (content.transport) element.add(transport_element(*content.transport));
        out.add(std::move(element));
    }
    if (!jingle.reason.empty()) {
        Element reason{"reason"};
        reason.add(Element{jingle.reason});
        if (!jingle.reason_text.empty()) reason.add(Element{"text"}.text(jingle.reason_text));
        out.add(std::move(reason));
    }
    if (!jingle.info.empty()) out.add(Element{jingle.info, ns::kRtpInfo});
    return out;
}

}  // namespace carillon::phone
