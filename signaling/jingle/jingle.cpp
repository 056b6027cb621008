#include "signaling/jingle/jingle.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>

#include "signaling/jingle/namespaces.h"

namespace carillon::jingle {
namespace {

constexpr std::array<std::pair<std::string_view, Action>, 15> kActions{{
    {"content-accept", Action::content_accept},
    {"content-add", Action::content_add},
    {"content-modify", Action::content_modify},
    {"content-reject", Action::content_reject},
    {"content-remove", Action::content_remove},
    {"description-info", Action::description_info},
    {"security-info", Action::security_info},
    {"session-accept", Action::session_accept},
    {"session-info", Action::session_info},
    {"session-initiate", Action::session_initiate},
    {"session-terminate", Action::session_terminate},
    {"transport-accept", Action::transport_accept},
    {"transport-info", Action::transport_info},
    {"transport-reject", Action::transport_reject},
    {"transport-replace", Action::transport_replace},
}};

constexpr std::size_t kMaxSid = 256;      // random identifiers are a tenth of it
constexpr std::size_t kMaxIceText = 256;  // RFC 8839 §5.4: ufrag and pwd end at 256 characters
constexpr std::size_t kMaxPayloadTypes = 128;
constexpr std::size_t kMaxParameters = 32;
constexpr std::size_t kMaxFeedback = 16;
constexpr std::size_t kMaxExtensions = 32;

std::string lower(std::string_view text) {
    std::string out{text};
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

CandidateType candidate_type(std::string_view text) {
    if (text == "host") return CandidateType::host;
    if (text == "srflx") return CandidateType::srflx;
    if (text == "prflx") return CandidateType::prflx;
    if (text == "relay") return CandidateType::relay;
    return CandidateType::unknown;
}

std::optional<Candidate> parse_candidate(const xml::Element& element) {
    const auto port = to_number<std::uint16_t>(element.attribute("port"));
    const auto component = to_number<unsigned>(element.attribute("component"));
    const auto ip = element.attribute("ip");
    if (!port || ip.empty()) return std::nullopt;
    if (element.has_attribute("component") && (!component || *component < 1 || *component > 256)) return std::nullopt;
    return Candidate{.component = component.value_or(1),
                     .type = candidate_type(element.attribute("type")),
                     .ip = std::string{ip},
                     .port = *port,
                     .protocol = element.has_attribute("protocol") ? lower(element.attribute("protocol")) : "udp",
                     .id = std::string{element.attribute("id")},
                     .generation = std::string{element.attribute("generation")},
                     .rel_addr = std::string{element.attribute("rel-addr")}};
}

Parsed<Transport> parse_transport(const xml::Element& element, const Limits& limits) {
    Transport transport;
    transport.kind = element.ns() == ns::kIceUdp   ? TransportKind::ice_udp
                     : element.ns() == ns::kRawUdp ? TransportKind::raw_udp
                                                   : TransportKind::other;
    const auto ufrag = element.attribute("ufrag");
    const auto pwd = element.attribute("pwd");
    if (ufrag.size() > kMaxIceText || pwd.size() > kMaxIceText) return std::unexpected{Errc::too_large};
    transport.ice = {.ufrag = std::string{ufrag}, .pwd = std::string{pwd}};
    transport.fingerprint = parse_fingerprint(element);
    std::size_t seen = 0;
    for (const auto* child : element.children()) {
        if (child->name() == "fingerprint") transport.has_fingerprint = true;
        if (child->name() != "candidate") continue;
        if (++seen > limits.candidates) return std::unexpected{Errc::too_large};
        if (auto candidate = parse_candidate(*child)) transport.candidates.push_back(std::move(*candidate));
    }
    return transport;
}

std::map<std::string, std::string> parse_parameters(const xml::Element& type) {
    std::map<std::string, std::string> out;
    for (const auto* child : type.children())
        if (child->name() == "parameter" && out.size() < kMaxParameters)
            out.try_emplace(std::string{child->attribute("name")}, child->attribute("value"));
    return out;
}

/// Of a payload type, or of all of a description's.
std::vector<std::string> parse_feedback(const xml::Element& element) {
    std::vector<std::string> out;
    for (const auto* child : element.children()) {
        if (!child->is("rtcp-fb", ns::kFeedback) || out.size() >= kMaxFeedback) continue;
        std::string kind{child->attribute("type")};
        if (const auto subtype = child->attribute("subtype"); !subtype.empty()) kind += ' ' + std::string{subtype};
        out.push_back(std::move(kind));
    }
    return out;
}

void parse_header_extension(const xml::Element& element, Content& content) {
    const auto id = to_number<unsigned>(element.attribute("id"));
    if (!id || content.header_extensions.size() >= kMaxExtensions) return;
    content.header_extensions.push_back({.id = *id, .uri = std::string{element.attribute("uri")}});
}

void parse_description(const xml::Element& element, Content& content) {
    content.has_description = true;
    content.is_rtp = element.ns() == ns::kRtp;
    if (!content.is_rtp) return;
    content.media = std::string{element.attribute("media")};
    content.cryptos = parse_encryption(element);
    if (const auto* encryption = element.child("encryption", ns::kRtp)) {
        const auto required = encryption->attribute("required");
        content.must_encrypt = required == "1" || required == "true";
    }
    const auto of_all = parse_feedback(element);
    for (const auto* child : element.children()) {
        if (child->name() == "rtcp-mux") content.rtcp_mux = true;
        if (child->is("rtp-hdrext", ns::kHeaderExtensions)) parse_header_extension(*child, content);
        if (child->name() == "bandwidth" && child->attribute("type") == "AS")
            content.bandwidth = to_number<unsigned>(child->text()).value_or(0);
        if (child->name() != "payload-type" || content.payload_types.size() >= kMaxPayloadTypes) continue;
        const auto id = to_number<unsigned>(child->attribute("id"));
        if (!id || *id > 127) continue;
        auto parameters = parse_parameters(*child);
        auto feedback = parse_feedback(*child);
        feedback.insert(feedback.end(), of_all.begin(), of_all.end());
        const auto apt = parameters.contains("apt") ? to_number<unsigned>(parameters["apt"]) : std::nullopt;
        content.payload_types.push_back({.id = *id,
                                         .name = std::string{child->attribute("name")},
                                         .clockrate = to_number<unsigned>(child->attribute("clockrate")).value_or(0),
                                         .channels = to_number<unsigned>(child->attribute("channels")).value_or(1),
                                         .apt = apt,
                                         .parameters = std::move(parameters),
                                         .feedback = std::move(feedback)});
    }
}

Parsed<Content> parse_content(const xml::Element& element, const Limits& limits) {
    Content content;
    content.name = std::string{element.attribute("name")};
    if (content.name.empty()) return std::unexpected{Errc::bad_value};
    content.creator = element.has_attribute("creator") ? std::string{element.attribute("creator")} : "initiator";
    content.senders = std::string{element.attribute("senders")};
    if (const auto* description = element.child("description")) parse_description(*description, content);
    if (const auto* transport = element.child("transport")) {
        auto parsed = parse_transport(*transport, limits);
        if (!parsed) return std::unexpected{parsed.error()};
        content.transport = std::move(*parsed);
    }
    return content;
}

Group parse_group(const xml::Element& element, const Limits& limits) {
    Group group{.semantics = std::string{element.attribute("semantics")}, .contents = {}};
    for (const auto* child : element.children()) {
        if (child->name() != "content" || group.contents.size() >= limits.contents) continue;
        group.contents.emplace_back(child->attribute("name"));
    }
    return group;
}

/// What helps media along without being it: not worth a place in a record.
bool is_auxiliary(const PayloadType& type) {
    const auto name = lower(type.name);
    return name == "telephone-event" || name == "cn" || name == "rtx" || name == "red" || name == "ulpfec" ||
           name == "flexfec-03";
}

/// RFC 3551 §6: static payload types may come without a name.
std::string codec_name(const PayloadType& type) {
    if (!type.name.empty()) return type.name;
    switch (type.id) {
        case 0:
            return "PCMU";
        case 3:
            return "GSM";
        case 8:
            return "PCMA";
        case 9:
            return "G722";
        case 18:
            return "G729";
        default:
            return "pt" + std::to_string(type.id);
    }
}

}  // namespace

template <class T>
std::optional<T> to_number(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}
template std::optional<unsigned> to_number<unsigned>(std::string_view);
template std::optional<std::uint16_t> to_number<std::uint16_t>(std::string_view);
template std::optional<std::uint64_t> to_number<std::uint64_t>(std::string_view);

std::string_view to_string(Action action) {
    for (const auto& [name, value] : kActions)
        if (value == action) return name;
    return "other";
}

std::string_view PayloadType::parameter(std::string_view wanted) const {
    const auto at = parameters.find(std::string{wanted});
    return at == parameters.end() ? std::string_view{} : std::string_view{at->second};
}

bool PayloadType::takes(std::string_view wanted) const { return std::ranges::find(feedback, wanted) != feedback.end(); }

bool Candidate::is_mdns() const { return ip.ends_with(".local"); }

bool Transport::has_component(unsigned component) const {
    return std::ranges::any_of(candidates, [&](const Candidate& c) { return c.component == component; });
}

const Group* Jingle::bundle() const {
    const auto at = std::ranges::find(groups, "BUNDLE", &Group::semantics);
    return at == groups.end() || at->contents.empty() ? nullptr : &*at;
}

Parsed<Jingle> parse(const xml::Element& element, const Limits& limits) {
    if (!element.is("jingle", ns::kJingle)) return std::unexpected{Errc::bad_magic};
    Jingle jingle;
    const auto action = element.attribute("action");
    if (action.empty()) return std::unexpected{Errc::bad_value};
    const auto known = std::ranges::find(kActions, action, &std::pair<std::string_view, Action>::first);
    if (known != kActions.end()) jingle.action = known->second;
    jingle.sid = std::string{element.attribute("sid")};
    if (jingle.sid.empty()) return std::unexpected{Errc::bad_value};
    if (jingle.sid.size() > kMaxSid) return std::unexpected{Errc::too_large};
    jingle.initiator = std::string{element.attribute("initiator")};
    for (const auto* child : element.children()) {
        if (child->is("content", ns::kJingle)) {
            if (jingle.contents.size() >= limits.contents) return std::unexpected{Errc::too_large};
            auto content = parse_content(*child, limits);
            if (!content) return std::unexpected{content.error()};
            jingle.contents.push_back(std::move(*content));
        } else if (child->is("group", ns::kGrouping)) {
            if (jingle.groups.size() >= limits.contents) return std::unexpected{Errc::too_large};
            jingle.groups.push_back(parse_group(*child, limits));
        } else if (child->is("reason", ns::kJingle)) {
            jingle.reason = parse_reason(*child);
        } else if (child->is("ringing", ns::kRtpInfo)) {
            jingle.ringing = true;
        } else if (child->ns() == ns::kRtpInfo) {
            const auto& word = child->name();
            if (word == "hold" || word == "mute") jingle.on_hold = true;
            if (word == "unhold" || word == "unmute" || word == "active") jingle.on_hold = false;
            if (word == "hold") jingle.holds = true;
            if (word == "unhold" || word == "active") jingle.holds = false;
        }
    }
    return jingle;
}

Reason parse_reason(const xml::Element& element) {
    Reason reason;
    for (const auto* child : element.children()) {
        if (child->name() == "text") {
            reason.text = child->text();
        } else if (child->ns() == ns::kJingle && reason.condition.empty()) {
            reason.condition = child->name();
        }
    }
    return reason;
}

const xml::Element* find_jingle(const xml::Element& iq) { return iq.child("jingle", ns::kJingle); }
xml::Element* find_jingle(xml::Element& iq) { return iq.child("jingle", ns::kJingle); }

std::string describe_codecs(const std::vector<Content>& contents) {
    std::string out;
    for (const auto& content : contents) {
        const auto first =
            std::ranges::find_if(content.payload_types, [](const PayloadType& type) { return !is_auxiliary(type); });
        if (first == content.payload_types.end()) continue;
        if (!out.empty()) out += ", ";
        out += codec_name(*first);
        const auto rate = first->clockrate != 0 ? first->clockrate : first->id < 64 ? 8000u : 0u;
        if (rate != 0) out += '/' + std::to_string(rate);
        if (first->channels > 1) out += '/' + std::to_string(first->channels);
    }
    return out;
}

}  // namespace carillon::jingle
