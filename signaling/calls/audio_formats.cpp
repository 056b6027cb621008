#include "signaling/calls/audio_formats.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "signaling/jingle/namespaces.h"

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

std::uint8_t audio_level_id(const jingle::Content& content) {
    const auto at = std::ranges::find(content.header_extensions, kAudioLevel, &jingle::HeaderExtension::uri);
    return at != content.header_extensions.end() && at->id >= 1 && at->id <= 14 ? static_cast<std::uint8_t>(at->id) : 0;
}

void take_opus(AudioFormat& format, const jingle::PayloadType& type) {
    format.dtx = type.parameter("usedtx") == "1";
    const auto most = jingle::to_number<unsigned>(type.parameter("maxaveragebitrate"));
    if (most && *most >= 6000) format.bitrate = std::min(*most, 510'000u);  // RFC 7587 §6.1
}

/// RFC 3556 §2 counts IP and UDP heads as well: 40 octets and RTP's 12, fifty times a second.
void obey_bandwidth(AudioFormat& format, unsigned kilobits) {
    constexpr unsigned kHeads = 21'000, kLeast = 6'000;
    if (kilobits == 0) return;
    const auto whole = std::min(kilobits, 1'000u) * 1'000;
    const auto most = std::max(whole > kHeads ? whole - kHeads : 0, kLeast);
    format.bitrate = format.bitrate == 0 ? most : std::min(format.bitrate, most);
}

void add_parameter(xml::Element& type, std::string_view name, std::string_view value) {
    type.add("parameter", jingle::ns::kRtp).set("name", name).set("value", value);
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

bool goes_along(const jingle::PayloadType& type) {
    return std::ranges::any_of(std::to_array<std::string_view>({"telephone-event", "CN", "red", "ulpfec", "rtx"}),
                               [&](std::string_view name) { return is(type.name, name); });
}

bool sound_along(const jingle::PayloadType& type) {
    return std::ranges::none_of(std::to_array<std::string_view>({"ulpfec", "flexfec-03", "rtx"}),
                                [&](std::string_view name) { return is(type.name, name); });
}

bool same_codec(const jingle::PayloadType& a, const jingle::PayloadType& b) {
    return !a.name.empty() && a.clockrate == b.clockrate && a.channels == b.channels && is(a.name, b.name);
}

std::optional<AudioFormat> relay_format(const jingle::Content& content) {
    std::vector<jingle::PayloadType> types;
    for (const auto& type : content.payload_types) types.push_back(named(type));
    const auto chosen =
        std::ranges::find_if(types, [](const jingle::PayloadType& type) { return relay_codec(type).has_value(); });
    if (chosen == types.end()) return std::nullopt;
    const unsigned clock = chosen->clockrate != 0 ? chosen->clockrate : 8000;
    AudioFormat format{.codec = *relay_codec(*chosen), .payload_type = static_cast<std::uint8_t>(chosen->id)};
    if (format.codec == "L16") format.clock_rate = clock;
    if (format.codec == "opus") {
        take_opus(format, *chosen);
        obey_bandwidth(format, content.bandwidth);
    }
    if (const auto* event = companion(types, "telephone-event", clock)) {
        format.telephone_event = static_cast<std::uint8_t>(event->id);
        format.telephone_event_rate = event->clockrate != 0 ? event->clockrate : 8000;
    }
    const auto* noise = companion(types, "CN", clock);
    if (noise && noise->clockrate == clock) format.comfort_noise = static_cast<std::uint8_t>(noise->id);
    format.audio_level = audio_level_id(content);
    return format;
}

xml::Element& add_payload_type(xml::Element& description, const jingle::PayloadType& type) {
    auto& out = description.add("payload-type", jingle::ns::kRtp);
    out.set("id", std::to_string(type.id));
    if (!type.name.empty()) out.set("name", type.name);
    if (type.clockrate != 0) out.set("clockrate", std::to_string(type.clockrate));
    if (type.channels > 1) out.set("channels", std::to_string(type.channels));
    return out;
}

void write_format(xml::Element& description, const AudioFormat& format, const std::vector<jingle::PayloadType>& types) {
    // What else stands there is of another sender's streams, or of packets that nobody sends.
    description.remove_children_if([](const xml::Element& child) {
        constexpr auto kNames = std::to_array<std::string_view>(
            {"payload-type", "rtcp-fb", "rtp-hdrext", "extmap-allow-mixed", "source", "ssrc-group", "bandwidth"});
        return std::ranges::find(kNames, child.name()) != kNames.end();
    });
    const auto add = [&](std::optional<std::uint8_t> id) -> xml::Element* {
        const auto type = id ? std::ranges::find(types, *id, &jingle::PayloadType::id) : types.end();
        return type == types.end() ? nullptr : &add_payload_type(description, *type);
    };
    auto* codec = add(format.payload_type);
    if (codec && format.codec == "opus") {
        add_parameter(*codec, "minptime", "10");
        add_parameter(*codec, "useinbandfec", "1");
    }
    add(format.telephone_event);
    add(format.comfort_noise);
    if (format.audio_level != 0)
        description.add("rtp-hdrext", jingle::ns::kHeaderExtensions)
            .set("id", std::to_string(format.audio_level))
            .set("uri", kAudioLevel);
}

}  // namespace carillon::calls
