#include "signaling/calls/transcoding.h"

#include <algorithm>
#include <array>
#include <set>

#include "signaling/calls/audio_formats.h"
#include "signaling/calls/bandwidth.h"
#include "signaling/calls/video_formats.h"

namespace carillon::calls {
namespace {

using Kind = relay::api::Program::Kind;

/// Best first; 0 is a number still to be found.
const std::array<jingle::PayloadType, 5> kSpoken{{{.id = 0, .name = "opus", .clockrate = 48000, .channels = 2},
                                                  {.id = 9, .name = "G722", .clockrate = 8000},
                                                  {.id = 8, .name = "PCMA", .clockrate = 8000},
                                                  {.id = 0, .name = "PCMU", .clockrate = 8000},
                                                  {.id = 0, .name = "L16", .clockrate = 16000}}};
const jingle::PayloadType kEvents{.id = 0, .name = "telephone-event", .clockrate = 8000};

bool is_static(const jingle::PayloadType& type) { return type.clockrate == 8000 && type.name != kEvents.name; }

/// RFC 3551 §3: dynamic numbers, and those that RTCP leaves when they are used up.
std::optional<unsigned> free_number(const std::set<unsigned>& taken) {
    for (unsigned id = 96; id <= 127; ++id)
        if (!taken.contains(id)) return id;
    for (unsigned id = 35; id <= 63; ++id)
        if (!taken.contains(id)) return id;
    return std::nullopt;
}

void add(Stream& stream, jingle::PayloadType type, std::set<unsigned>& taken) {
    const bool fits = is_static(type) && !taken.contains(type.id);
    const auto id = fits ? std::optional{type.id} : free_number(taken);
    if (!id) return;
    type.id = *id;
    taken.insert(*id);
    stream.added.push_back(std::move(type));
}

/// Numbers of this content are told apart by the relay: none passes to the other side.
void forget_numbers(Stream& stream, Side side, const std::vector<jingle::PayloadType>& types) {
    auto& numbers = stream.leg(side).said.bridge->payload_types;
    for (const auto& type : types) numbers.erase(static_cast<std::uint8_t>(type.id));
}

}  // namespace

bool lacks_codec(std::string_view reason) {
    return reason == "failed-application" || reason == "incompatible-parameters" ||
           reason == "unsupported-applications";
}

void extend_offer(Stream& stream, Side offerer, const jingle::Content& content, const jingle::Jingle& offer,
                  const std::vector<Stream>& others, const std::vector<std::string>& video) {
    stream.offerer = offerer;
    const bool pictures = content.media == "video";
    if (pictures) {
        stream.offered_video = relay_video(content, video);
    } else {
        stream.offered_format = fitting_format(content, stream.line[index(offerer)]);
    }
    if (!stream.offered_video && !stream.offered_format) return;
    std::vector<jingle::PayloadType> types;
    for (const auto& type : content.payload_types) types.push_back(named(type));
    std::set<unsigned> taken;
    for (const auto& each : offer.contents)
        for (const auto& type : each.payload_types) taken.insert(type.id);
    for (const auto& each : others)
        for (const auto& type : each.added) taken.insert(type.id);
    const auto spoken = pictures ? offered_video(video) : std::vector(kSpoken.begin(), kSpoken.end());
    for (const auto& each : spoken)
        if (std::ranges::none_of(types, [&](const auto& type) { return same_codec(type, each); }))
            add(stream, each, taken);
    if (!pictures && !stream.offered_format->telephone_event) add(stream, kEvents, taken);
}

namespace {

bool take_video(Stream& stream, Side answerer, const jingle::Content& content, const std::vector<std::string>& video) {
    const auto format = relay_video(content, video, true);
    if (!format) return false;
    (stream.offerer == Side::caller ? stream.program.video_a : stream.program.video_b) = *stream.offered_video;
    (answerer == Side::caller ? stream.program.video_a : stream.program.video_b) = *format;
    return true;
}

bool take_sound(Stream& stream, Side answerer, const jingle::Content& content) {
    const auto format = fitting_format(content, narrow_line(stream.line[index(answerer)], content.bandwidth));
    if (!format) return false;
    (stream.offerer == Side::caller ? stream.program.a : stream.program.b) = *stream.offered_format;
    (answerer == Side::caller ? stream.program.a : stream.program.b) = *format;
    return true;
}

}  // namespace

bool take_codecs(Stream& stream, Side answerer, const jingle::Content& content, const std::vector<std::string>& video) {
    if (!stream.offered_format && !stream.offered_video) return false;
    std::vector<jingle::PayloadType> answered;
    for (const auto& type : content.payload_types) answered.push_back(named(type));
    const auto first = std::ranges::find_if(answered, [](const auto& type) { return !goes_along(type); });
    const auto is_added = [&](const jingle::PayloadType& type) {
        return std::ranges::any_of(stream.added, [&](const auto& added) { return same_codec(added, type); });
    };
    const bool strange = first != answered.end() &&
                         (is_added(*first) || (stream.offered_format && too_wide(stream, *first)));
    if (!strange) return false;  // the ends understand one another
    stream.recoded =
        stream.offered_video ? take_video(stream, answerer, content, video) : take_sound(stream, answerer, content);
    if (!stream.recoded) return false;
    stream.program.kind = Kind::transcode;
    forget_numbers(stream, stream.offerer, stream.offered_types);
    forget_numbers(stream, answerer, content.payload_types);
    return true;
}

std::string codecs_of(const Stream& stream) {
    const auto& program = stream.program;
    if (stream.offered_video) return program.video_a.codec + " | " + program.video_b.codec;
    return program.a.codec + " | " + program.b.codec;
}

void limit_bitrate(relay::api::Program& program, std::size_t most) {
    constexpr unsigned kLeast = 6'000;  // RFC 6716 §2.1.1
    if (most == 0) return;
    const auto limit = std::max(static_cast<unsigned>(most), kLeast);
    for (auto* format : {&program.a, &program.b})
        if (format->codec == "opus") format->bitrate = format->bitrate == 0 ? limit : std::min(format->bitrate, limit);
}

void describe_codecs(const Stream& stream, Side to, xml::Element& description) {
    if (!stream.offered_format && !stream.offered_video) return;
    const bool sound = stream.offered_format.has_value();
    const auto line = stream.line[index(to)];
    const auto other_line = stream.line[index(other(to))];
    if (to != stream.offerer) {
        if (!stream.added.empty()) forget_end_to_end(description);
        for (const auto& type : stream.added)
            stream.offered_video ? add_video_type(description, type) : (void)add_payload_type(description, type);
        if (sound) describe_narrow(description, line, other_line);
        return;
    }
    if (stream.recoded && stream.offered_video)
        return write_video(description, *stream.offered_video, stream.offered_types);
    if (stream.recoded) {
        write_format(description, *stream.offered_format, stream.offered_types);
        return describe_narrow(description, line, 0);
    }
    // Of what was added nothing is used.
    description.remove_children_if([&](const xml::Element& child) {
        const auto id =
            child.name() == "payload-type" ? jingle::to_number<unsigned>(child.attribute("id")) : std::nullopt;
        return id && std::ranges::find(stream.added, *id, &jingle::PayloadType::id) != stream.added.end();
    });
    if (sound) describe_narrow(description, line, other_line);
}

}  // namespace carillon::calls
