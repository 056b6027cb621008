#include "signaling/calls/endpoints/answer.h"

#include <algorithm>
#include <array>

#include "signaling/calls/audio_formats.h"
#include "signaling/jingle/leg.h"
#include "signaling/jingle/namespaces.h"

namespace carillon::calls {
namespace {

using jingle::Content;

constexpr std::string_view kTransportWide = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

bool answerable(const Content& content) {
    using jingle::TransportKind;
    return content.is_rtp &&
           (content.transport.kind == TransportKind::ice_udp || content.transport.kind == TransportKind::raw_udp);
}

const xml::Element* description_of(const xml::Element& offer, const Content& content) {
    for (const auto* each : offer.children())
        if (each->is("content", jingle::ns::kJingle) && each->attribute("name") == content.name)
            return each->child("description");
    return nullptr;
}

/// Who sends stays as it was offered.
xml::Element& add_content(xml::Element& jingle, const Content& content) {
    auto& out = jingle.add("content", jingle::ns::kJingle);
    out.set("creator", content.creator).set("name", content.name);
    if (!content.senders.empty()) out.set("senders", content.senders);
    return out;
}

xml::Element& add_description(xml::Element& content, std::string_view media) {
    auto& description = content.add("description", jingle::ns::kRtp);
    description.set("media", media);
    return description;
}

void finish_content(xml::Element& element, const Content& content) {
    if (content.rtcp_mux) element.child("description")->add("rtcp-mux", jingle::ns::kRtp);
    element.add("transport",
                content.transport.kind == jingle::TransportKind::ice_udp ? jingle::ns::kIceUdp : jingle::ns::kRawUdp);
}

void answer_audio(xml::Element& jingle, const Content& content, const AudioFormat& format) {
    auto& element = add_content(jingle, content);
    write_format(add_description(element, "audio"), format, content.payload_types);
    finish_content(element, content);
}

/// Congestion control over the whole transport would miss the packets of the sound, which are the relay's own.
bool is_transport_wide(const xml::Element& child) {
    return child.attribute("type") == "transport-cc" || child.attribute("uri") == kTransportWide;
}
/// What describes one sender's streams is for the other end of a real call.
bool is_of_sender(const xml::Element& child) {
    constexpr auto kNames = std::to_array<std::string_view>(
        {"source", "ssrc-group", "rid", "simulcast", "bandwidth", "encryption", "rtcp-mux"});
    return std::ranges::find(kNames, child.name()) != kNames.end();
}

void answer_video(xml::Element& jingle, const Content& content, const xml::Element& offered, bool returned) {
    auto& element = add_content(jingle, content);
    if (!returned && content.senders != "responder") element.set("senders", "initiator");
    auto& description = element.append(offered);
    const auto unwanted = [](const xml::Element& child) { return is_transport_wide(child) || is_of_sender(child); };
    description.remove_children_if(unwanted);
    for (auto* type : description.children()) type->remove_children_if(is_transport_wide);
    finish_content(element, content);
}

std::vector<std::uint8_t> ids_of(const Content& content) {
    std::vector<std::uint8_t> ids;
    for (const auto& type : content.payload_types) ids.push_back(static_cast<std::uint8_t>(type.id));
    return ids;
}

void answer_bundle(xml::Element& jingle, const jingle::Jingle& parsed, const std::vector<std::string>& answered) {
    const auto* bundle = parsed.bundle();
    if (!bundle) return;
    xml::Element group{"group", jingle::ns::kGrouping};
    group.set("semantics", "BUNDLE");
    for (const auto& name : bundle->contents)
        if (std::ranges::find(answered, name) != answered.end())
            group.add("content", jingle::ns::kGrouping).set("name", name);
    if (!group.empty()) jingle.append(std::move(group));
}

}  // namespace

std::expected<Answer, jingle::Reason> make_answer(const xml::Element& offer, const jingle::Jingle& parsed,
                                                  bool returns_video) {
    Answer out{.jingle = xml::Element{"jingle", jingle::ns::kJingle}, .audio = {}, .format = {}, .video = {}};
    out.jingle.set("action", "session-accept").set("sid", parsed.sid);
    std::vector<std::string> answered;
    bool sound = false;
    for (const auto& content : parsed.contents) {
        const auto* offered = answerable(content) ? description_of(offer, content) : nullptr;
        if (!offered || std::ranges::find(answered, content.name) != answered.end()) continue;
        if (content.media == "video") {
            answer_video(out.jingle, content, *offered, returns_video);
            out.video.push_back({content.name, returns_video ? ids_of(content) : std::vector<std::uint8_t>{}});
        } else {
            sound = true;
            const auto format = out.audio.empty() ? relay_format(content) : std::nullopt;
            if (!format) continue;
            out.audio = content.name;
            out.format = *format;
            answer_audio(out.jingle, content, *format);
        }
        answered.push_back(content.name);
    }
    if (out.audio.empty() && !sound)
        return std::unexpected{jingle::Reason{"unsupported-applications", "there is nothing to hear"}};
    if (out.audio.empty())
        return std::unexpected{jingle::Reason{"incompatible-parameters", "no codec that this server speaks"}};
    answer_bundle(out.jingle, parsed, answered);
    return out;
}

}  // namespace carillon::calls
