#include "signaling/calls/bandwidth.h"

#include <algorithm>
#include <charconv>

#include "signaling/calls/audio_formats.h"
#include "signaling/jingle/namespaces.h"

namespace carillon::calls {
namespace {

constexpr unsigned kHeads = 16;           // kbit/s: 40 octets of IP, UDP and RTP, fifty times a second
constexpr unsigned kProtectedHeads = 21;  // with IPv6 or what SRTP adds
constexpr unsigned kLeastOpus = 6;        // RFC 6716 §2.1.1

bool is_sound(const jingle::Content& content) { return content.is_rtp && content.media != "video"; }

bool is_opus(const xml::Element& child) {
    std::string name{child.attribute("name")};
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    return child.name() == "payload-type" && name == "opus";
}

void limit_parameter(xml::Element& type, unsigned bits) {
    constexpr std::string_view kName = "maxaveragebitrate";
    type.remove_children_if([&](const xml::Element& child) {
        const auto said = jingle::to_number<unsigned>(child.attribute("value"));
        return child.name() == "parameter" && child.attribute("name") == kName && (!said || *said > bits);
    });
    const auto stays = std::ranges::any_of(
        type.children(), [&](const xml::Element* child) { return child->attribute("name") == kName; });
    if (!stays) type.add("parameter", jingle::ns::kRtp).set("name", kName).set("value", std::to_string(bits));
}

}  // namespace

unsigned kilobits_of(const jingle::PayloadType& type) {
    const auto codec = relay_codec(named(type));
    if (!codec || *codec == "opus") return 0;
    return kHeads + (*codec == "L16" ? type.clockrate * 16 / 1000 : 64);
}

bool needs_narrow_leg(const jingle::Jingle& offer, const std::array<unsigned, 2>& limits) {
    const auto wide = [&](const jingle::PayloadType& type) {
        return std::ranges::any_of(limits, [&](unsigned limit) { return limit != 0 && kilobits_of(type) > limit; });
    };
    return std::ranges::any_of(offer.contents, [&](const jingle::Content& content) {
        return is_sound(content) && std::ranges::any_of(content.payload_types, wide);
    });
}

unsigned said_bandwidth(const jingle::Jingle& offer) {
    const auto sound = std::ranges::find_if(offer.contents, is_sound);
    return sound == offer.contents.end() ? 0 : sound->bandwidth;
}

unsigned narrow_line(unsigned limit, unsigned said) {
    return limit == 0 ? said : said == 0 ? limit : std::min(limit, said);
}

std::optional<relay::api::AudioFormat> fitting_format(const jingle::Content& content, unsigned line) {
    if (line == 0) return relay_format(content);
    auto narrow = content;
    std::erase_if(narrow.payload_types, [&](const jingle::PayloadType& type) { return kilobits_of(type) > line; });
    auto format = relay_format(narrow);
    if (!format) return relay_format(content);  // there is no other: it is as wide as it is
    if (format->codec == "opus") {
        const auto most = opus_bitrate_on(line);
        format->bitrate = format->bitrate == 0 ? most : std::min(format->bitrate, most);
    }
    return format;
}

bool too_wide(const Stream& stream, const jingle::PayloadType& chosen) {
    const auto line = stream.line[index(stream.offerer)];
    return line != 0 && kilobits_of(chosen) > line && stream.offered_format && stream.offered_format->codec == "opus";
}

unsigned opus_bitrate_on(unsigned line) {
    return 1000 * std::max(line > kProtectedHeads ? line - kProtectedHeads : 0, kLeastOpus);
}

void describe_narrow(xml::Element& description, unsigned line, unsigned other_line) {
    const auto narrowest = narrow_line(line, other_line);
    if (narrowest == 0) return;
    std::vector<xml::Element> opus, others;
    for (const auto* child : description.children())
        if (child->name() == "payload-type") (is_opus(*child) ? opus : others).push_back(*child);
    if (opus.empty()) return;
    description.remove_children_if(
        [](const xml::Element& child) { return child.name() == "payload-type" || child.name() == "bandwidth"; });
    for (auto& type : opus) limit_parameter(type, opus_bitrate_on(narrowest));
    for (auto* types : {&opus, &others})
        for (auto& type : *types) description.append(std::move(type));
    if (line != 0) description.add("bandwidth", jingle::ns::kRtp).set("type", "AS").add_text(std::to_string(line));
}

}  // namespace carillon::calls
