#include "signaling/calls/video_formats.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "signaling/jingle/namespaces.h"

namespace carillon::calls {
namespace {

constexpr unsigned kClock = 90'000;
constexpr unsigned kMacroblock = 256;  // pixels
/// What the relay does itself, whoever sends.
constexpr std::array<std::string_view, 4> kFeedback{"nack", "nack pli", "ccm fir", "goog-remb"};
constexpr std::string_view kTransportWide = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
constexpr std::string_view kOrientation = "urn:3gpp:video-orientation";

bool is(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b,
                              [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

/// Table A-1, MaxFS: of the last octet of profile-level-id; 0 when it tells nothing.
unsigned most_macroblocks(std::string_view profile_level_id) {
    struct Level {
        unsigned idc, macroblocks;
    };
    constexpr auto kLevels = std::to_array<Level>({{10, 99},
                                                   {20, 396},
                                                   {21, 792},
                                                   {30, 1620},
                                                   {31, 3600},
                                                   {32, 5120},
                                                   {41, 8192},
                                                   {42, 8704},
                                                   {50, 22080},
                                                   {52, 36864}});
    unsigned idc = 0;
    if (profile_level_id.size() != 6) return 0;
    const auto* end = profile_level_id.data() + 6;
    if (std::from_chars(profile_level_id.data() + 4, end, idc, 16).ptr != end || idc < 9) return 0;
    for (const auto& level : kLevels)
        if (idc <= level.idc) return level.macroblocks;
    return 0;
}

unsigned most_pixels(const jingle::PayloadType& type, std::string_view codec) {
    constexpr unsigned kNoPicture = 36'864;  // larger ones nobody makes
    if (codec == "H264") return most_macroblocks(type.parameter("profile-level-id")) * kMacroblock;
    const auto most = jingle::to_number<unsigned>(type.parameter("max-fs"));
    return most && *most > 0 && *most < kNoPicture ? *most * kMacroblock : 0;
}

void keep_children(xml::Element& element, bool (*kept)(const xml::Element&)) {
    element.remove_children_if([&](const xml::Element& child) { return !kept(child); });
}

bool is_transport_wide(const xml::Element& child) {
    return child.name() == "rtcp-fb" && child.attribute("type") == "transport-cc";
}

}  // namespace

std::optional<std::string> relay_video_codec(const jingle::PayloadType& type, const std::vector<std::string>& spoken,
                                             bool answers) {
    const auto name = std::ranges::find_if(spoken, [&](const auto& each) { return is(each, type.name); });
    if (name == spoken.end() || type.clockrate != kClock) return std::nullopt;
    // A packet of mode 0 holds one NAL unit, however large it is.
    if (*name == "H264" && !answers && type.parameter("packetization-mode") != "1") return std::nullopt;
    const auto profile = type.parameter("profile-id");
    if (*name == "VP9" && !profile.empty() && profile != "0") return std::nullopt;
    return *name;
}

std::optional<VideoFormat> relay_video(const jingle::Content& content, const std::vector<std::string>& spoken,
                                       bool answers) {
    for (const auto& type : content.payload_types) {
        const auto codec = relay_video_codec(type, spoken, answers);
        if (!codec) continue;
        constexpr unsigned kHeads = 20;  // one part in so many is IP's, UDP's and RTP's
        const auto kilobits = std::min(content.bandwidth, 100'000u);
        return VideoFormat{.codec = *codec,
                           .payload_type = static_cast<std::uint8_t>(type.id),
                           .bitrate = kilobits * 1'000 / kHeads * (kHeads - 1),
                           .max_pixels = most_pixels(type, *codec),
                           .nack = type.takes("nack"),
                           .full_intra = type.takes("ccm fir") && !type.takes("nack pli"),
                           .estimate = type.takes("goog-remb")};
    }
    return std::nullopt;
}

std::vector<jingle::PayloadType> offered_video(const std::vector<std::string>& spoken) {
    std::vector<jingle::PayloadType> out;
    for (const std::string_view name : {"VP8", "VP9", "H264"}) {
        if (std::ranges::find(spoken, name) == spoken.end()) continue;
        jingle::PayloadType type{.id = 0, .name = std::string{name}, .clockrate = kClock};
        type.feedback.assign(kFeedback.begin(), kFeedback.end());
        if (name == "VP9") type.parameters = {{"profile-id", "0"}};
        if (name == "H264")
            type.parameters = {
                {"packetization-mode", "1"}, {"profile-level-id", "42e01f"}, {"level-asymmetry-allowed", "1"}};
        out.push_back(std::move(type));
    }
    return out;
}

void add_video_type(xml::Element& description, const jingle::PayloadType& type) {
    auto& out = description.add("payload-type", jingle::ns::kRtp);
    out.set("id", std::to_string(type.id)).set("name", type.name).set("clockrate", std::to_string(type.clockrate));
    for (const auto& [name, value] : type.parameters)
        out.add("parameter", jingle::ns::kRtp).set("name", name).set("value", value);
    for (const auto feedback : kFeedback) {
        if (!type.takes(feedback)) continue;
        const auto blank = feedback.find(' ');
        auto& said = out.add("rtcp-fb", jingle::ns::kFeedback).set("type", std::string{feedback.substr(0, blank)});
        if (blank != std::string_view::npos) said.set("subtype", std::string{feedback.substr(blank + 1)});
    }
}

void write_video(xml::Element& description, const VideoFormat& format, const std::vector<jingle::PayloadType>& types) {
    keep_children(description, [](const xml::Element& child) {
        return child.name() == "rtcp-mux" || child.name() == "encryption" || child.name() == "rtcp-rsize";
    });
    const auto type = std::ranges::find(types, format.payload_type, &jingle::PayloadType::id);
    if (type != types.end()) add_video_type(description, *type);
}

void forget_end_to_end(xml::Element& description) {
    const bool pictures = description.attribute("media") == "video";
    description.remove_children_if([&](const xml::Element& child) {
        if (child.name() == "rtp-hdrext") {
            const auto uri = child.attribute("uri");
            return uri == kTransportWide || (pictures && uri == kOrientation);
        }
        return is_transport_wide(child) || (pictures && (child.name() == "source" || child.name() == "ssrc-group"));
    });
    for (auto* type : description.children())
        if (type->name() == "payload-type") type->remove_children_if(is_transport_wide);
}

}  // namespace carillon::calls
