/// A far end for jobs under test: RTP of a tone goes in, what comes out is decoded. Time is the test's.
#pragma once
#include <cmath>
#include <memory>
#include <numbers>
#include <vector>

#include "codecs/audio_codec.h"
#include "media/rtp/rtp_stream.h"
#include "relay/media/audio_receiver.h"
#include "relay/media/media_job.h"

namespace carillon::relay::test {

struct Sent {
    rtp::Header header;
    std::vector<std::byte> payload;
};

class FarEnd {
  public:
    FarEnd(const api::AudioFormat& format, std::size_t leg, std::uint32_t ssrc = 7)
        : format_{format},
          leg_{leg},
          rate_{sample_rate_of(format)},
          encoder_{codecs::make_encoder(*codec_of(format))},
          decoder_{codecs::make_decoder(*codec_of(format))},
          sender_{ssrc, 65530, 0xFFFFF000} {}

    /// 20 ms of a tone arrive, or are lost on the way.
    void say(MediaChannel& channel, SteadyTime now, double hz = 440, bool lost = false) {
        std::vector<std::int16_t> frame(rate_ / 50);
        for (auto& sample : frame) {
            sample = static_cast<std::int16_t>(8000 * std::sin(phase_));
            phase_ += 2 * std::numbers::pi * hz / rate_;
        }
        std::array<std::byte, 2000> room{};
        const auto size = encoder_->encode(frame, room);
        const auto packet =
            sender_.packet(format_.payload_type, false, Bytes{room}.first(size), clock_rate_of(format_) / 50);
        if (!lost) channel.in[leg_].push(packet, false, now);
    }
    void pause(unsigned ticks) { sender_.pass(ticks * clock_rate_of(format_) / 50); }
    rtp::RtpSender& sender() { return sender_; }

    /// All that was sent to this end since.
    void hear(MediaChannel& channel) {
        const auto one = [this](Bytes packet, bool rtcp, SteadyTime) {
            if (rtcp) return reports.emplace_back(packet.begin(), packet.end()), void();
            const auto parsed = rtp::parse_rtp(packet);
            if (!parsed) return;
            sent.push_back({parsed->header, {parsed->payload.begin(), parsed->payload.end()}});
            if (parsed->header.payload_type != format_.payload_type) return;
            std::vector<std::int16_t> room(5760);
            room.resize(decoder_->decode(parsed->payload, room));
            heard.insert(heard.end(), room.begin(), room.end());
        };
        while (channel.out[leg_].pop(one)) {
        }
    }
    /// How much of the last `seconds` is that tone: 1 is all.
    double tone(double hz, double seconds) const {
        const auto count = std::min(heard.size(), static_cast<std::size_t>(seconds * rate_));
        double re = 0, im = 0, energy = 1e-9;
        for (std::size_t i = heard.size() - count; i < heard.size(); ++i) {
            const double angle = 2 * std::numbers::pi * hz * static_cast<double>(i) / rate_;
            re += heard[i] * std::cos(angle), im += heard[i] * std::sin(angle);
            energy += static_cast<double>(heard[i]) * heard[i];
        }
        return 2 * (re * re + im * im) / (energy * static_cast<double>(count));
    }

    std::vector<Sent> sent;
    std::vector<std::vector<std::byte>> reports;
    std::vector<std::int16_t> heard;

  private:
    api::AudioFormat format_;
    std::size_t leg_;
    unsigned rate_;
    std::unique_ptr<codecs::Encoder> encoder_;
    std::unique_ptr<codecs::Decoder> decoder_;
    rtp::RtpSender sender_;
    double phase_ = 0;
};

}  // namespace carillon::relay::test
