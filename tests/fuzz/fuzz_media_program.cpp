/// Packets of a hostile end, past its keys, at the jobs that decode them; at what turns packets back, and at what puts
/// an announcement in their place.
/// Input: an octet that chooses the codecs, then pieces, each behind an octet: its length, whose lowest bits say which
/// leg and whether it is RTCP.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "relay/media/announcement.h"
#include "relay/media/transcode_job.h"
#include "relay/media/turn_back.h"

using namespace carillon;

namespace {

relay::api::AudioFormat format(unsigned which) {
    static const std::array<relay::api::AudioFormat, 5> kFormats{
        {{.codec = "opus", .payload_type = 0},
         {.codec = "PCMU", .payload_type = 0},
         {.codec = "G722", .payload_type = 0},
         {.codec = "L16", .payload_type = 0, .clock_rate = 44100},
         {.codec = "PCMA", .payload_type = 0}}};
    auto out = kFormats[which % kFormats.size()];
    out.telephone_event = 1;
    out.comfort_noise = 2;
    out.audio_level = 1;
    return out;
}

/// The head stays what it was, whatever comes behind it.
void announce(relay::Announcement& announcement, std::size_t leg, std::vector<std::byte> packet) {
    const auto was = packet;
    packet.resize(2048);
    const auto size = announcement.replace(leg, packet, was.size());
    if (size > packet.size()) std::abort();
    if (was.size() > 12 && !std::equal(was.begin() + 1, was.begin() + 12, packet.begin() + 1)) std::abort();
}

std::shared_ptr<const relay::AnnouncementSound> announcement_sound() {
    relay::SoundLibrary library;
    return relay::AnnouncementSound::create(library,
                                            {.file = {}, .tone_hz = 1400, .duration = std::chrono::milliseconds{200}},
                                            {"opus/48000", "PCMU/8000", "G722/8000", "L16/44100"})
        .value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    auto rest = std::as_bytes(std::span{data + 1, size - 1});
    relay::TranscodeJob job{{.kind = relay::api::Program::Kind::transcode,
                             .a = format(data[0] & 15),
                             .b = format(data[0] >> 4),
                             .source = {},
                             .sink = {},
                             .returned = {}}};
    static const auto sound = announcement_sound();
    const record::PayloadNames names{
        {0, "opus/48000"}, {1, "PCMU/8000"}, {2, "red/48000"}, {3, "L16/44100"}, {4, "G722/8000"}};
    relay::Announcement announcement{sound, {names, names}, SteadyTime{}, {}};
    relay::MediaChannel channel{true};
    SteadyTime now{std::chrono::hours{1}};
    while (!rest.empty()) {
        const auto head = std::to_integer<std::size_t>(rest[0]);
        rest = rest.subspan(1);
        const auto piece = rest.first(std::min(head, rest.size()));
        rest = rest.subspan(piece.size());
        std::vector<std::byte> packet{piece.begin(), piece.end()};
        channel.in[head & 1].push(packet, (head & 2) != 0, now);
        announce(announcement, head & 1, packet);
        (head & 2) != 0 ? relay::turn_back_rtcp(packet, 0x01020304) : relay::turn_back_rtp(packet, 0x01020304);
        relay::MediaPort port{channel};
        now += relay::kMediaTick;
        job.tick(port, now);
        for (auto& ring : channel.out)
            while (ring.pop([](Bytes made, bool, SteadyTime) {
                if (made.size() < 8 || std::to_integer<unsigned>(made[0]) >> 6 != 2) std::abort();
            })) {
            }
    }
    return 0;
}
