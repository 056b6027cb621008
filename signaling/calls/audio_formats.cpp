#include "signaling/calls/audio_formats.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace carillon::calls {
namespace {

struct Static {
    unsigned id;
    std::string_view name;
    unsigned clockrate;
    unsigned channels;
};
constexpr auto kStatic = std::to_array<Static>({{0, "PCMU", 8000, 1},
                                                {8, "PCMA", 8000, 1},
                                                {9, "G722", 8000, 1},
                                                {10, "L16", 44100, 2},
                                                {11, "L16", 44100, 1},
                                                {13, "CN", 8000, 1}});

bool is(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b,
                              [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

/// The payload type of that name, best at that clock rate.
const jingle::PayloadType* companion(const std::vector<jingle::PayloadType>& types, std::string_view name,
                                     unsigned clockrate) {
    const jingle::PayloadType* best = nullptr;
    for (const auto& type : types)
        if (is(type.name, name) && (!best || (type.clockrate == clockrate && best->clockrate != clockrate)))
            best = &type;
    return best;
}

std::string_view parameter(const xml::Element* type, std::string_view name) {
    if (!type) return {};
    for (const auto* child : type->children())
        if (child->name() == "parameter" && child->attribute("name") == name) return child->attribute("value");
    return {};
}

std::uint8_t audio_level_id(const xml::Element& description) {
    for (const auto* child : description.children()) {
        if (!child->is("rtp-hdrext", kHeaderExtensions) || child->attribute("uri") != kAudioLevel) continue;
        const auto id = jingle::to_number<unsigned>(child->attribute("id"));
        if (id && *id >= 1 && *id <= 14) return static_cast<std::uint8_t>(*id);
    }
    return 0;
}

void take_opus(AudioFormat& format, const xml::Element* type) {
    format.dtx = parameter(type, "usedtx") == "1";
    const auto most = jingle::to_number<unsigned>(parameter(type, "maxaveragebitrate"));
    if (most && *most >= 6000) format.bitrate = std::min(*most, 510'000u);  // RFC 7587 §6.1
}

}  // namespace

jingle::PayloadType named(jingle::PayloadType type) {
    const auto known = std::ranges::find(kStatic, type.id, &Static::id);
    if (type.name.empty() && known != kStatic.end()) {
        type.name = known->name;
        type.channels = known->channels;
        if (type.clockrate == 0) type.clockrate = known->clockrate;
    }
    return type;
}

std::optional<std::string> relay_codec(const jingle::PayloadType& type) {
    for (const auto name : {"PCMU", "PCMA", "G722"})
        if (is(type.name, name) && (type.clockrate == 8000 || type.clockrate == 0) && type.channels == 1) return name;
    if (is(type.name, "opus") && type.clockrate == 48000) return "opus";
    const bool sampled = type.clockrate >= 8000 && type.clockrate <= 48000 && type.clockrate % 50 == 0;
    if (is(type.name, "L16") && sampled && type.channels == 1) return "L16";
    return std::nullopt;
}

const xml::Element* find_payload_type(const xml::Element& description, unsigned id) {
    for (const auto* child : description.children())
        if (child->name() == "payload-type" && jingle::to_number<unsigned>(child->attribute("id")) == id) return child;
    return nullptr;
}

std::optional<AudioFormat> relay_format(const jingle::Content& content, const xml::Element& description) {
    std::vector<jingle::PayloadType> types;
    for (const auto& type : content.payload_types) types.push_back(named(type));
    const auto chosen =
        std::ranges::find_if(types, [](const jingle::PayloadType& type) { return relay_codec(type).has_value(); });
    if (chosen == types.end()) return std::nullopt;
    const unsigned clock = chosen->clockrate != 0 ? chosen->clockrate : 8000;
    AudioFormat format{.codec = *relay_codec(*chosen), .payload_type = static_cast<std::uint8_t>(chosen->id)};
    if (format.codec == "L16") format.clock_rate = clock;
    if (format.codec == "opus") take_opus(format, find_payload_type(description, chosen->id));
    if (const auto* event = companion(types, "telephone-event", clock)) {
        format.telephone_event = static_cast<std::uint8_t>(event->id);
        format.telephone_event_rate = event->clockrate != 0 ? event->clockrate : 8000;
    }
    const auto* noise = companion(types, "CN", clock);
    if (noise && noise->clockrate == clock) format.comfort_noise = static_cast<std::uint8_t>(noise->id);
    format.audio_level = audio_level_id(description);
    return format;
}

}  // namespace carillon::calls
