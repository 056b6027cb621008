/// Packets of a hostile end, past its keys, at the job that decodes and encodes pictures.
/// Input: an octet that chooses the codecs, then pieces, each behind an octet: its length, whose lowest bits say which
/// leg and whether it is RTCP.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "relay/media/video_transcode_job.h"

using namespace carillon;

namespace {

relay::api::VideoFormat format(unsigned which) {
    static const std::array<std::string, 3> kCodecs{"VP8", "VP9", "H264"};
    return {.codec = kCodecs[which % kCodecs.size()], .payload_type = 0, .nack = true, .estimate = which % 2 == 0};
}

/// What the job has made is RTP or RTCP, and small enough for any path.
void look_at(relay::MediaChannel& channel) {
    const auto check = [](Bytes made, bool, SteadyTime) {
        if (made.size() < 8 || made.size() > 1400 || std::to_integer<unsigned>(made[0]) >> 6 != 2) std::abort();
    };
    for (auto& ring : channel.out)
        while (ring.pop(check)) {
        }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    auto rest = std::as_bytes(std::span{data + 1, size - 1});
    relay::VideoTranscodeJob job{{.kind = relay::api::Program::Kind::transcode,
                                  .a = {},
                                  .b = {},
                                  .video_a = format(data[0] & 15),
                                  .video_b = format(data[0] >> 4),
                                  .source = {},
                                  .sink = {},
                                  .returned = {}},
                                 std::make_shared<relay::LipSync>()};
    relay::MediaChannel channel{true};
    SteadyTime now{std::chrono::hours{1}};
    while (!rest.empty()) {
        const auto head = std::to_integer<std::size_t>(rest[0]);
        rest = rest.subspan(1);
        const auto piece = rest.first(std::min(head, rest.size()));
        rest = rest.subspan(piece.size());
        channel.in[head & 1].push(piece, (head & 2) != 0, now);
        relay::MediaPort port{channel};
        now += relay::kMediaTick;
        job.tick(port, now);
        look_at(channel);
    }
    return 0;
}
