/// The shard's end of a media program: which of a bridged stream's packets go to the job, which turn back at once, and
/// what the job has made.
/// Spec: RFC 3550 §8.2 (loops: what comes back has another SSRC), RFC 4585 §6.1, RFC 5104 §4.3.1.1.
/// Not here: opening and sealing (bridge/), the job (media_job.h).
#pragma once
#include <array>
#include <bitset>
#include <memory>

#include "relay/api/program.h"
#include "relay/engine/leg_statistics.h"
#include "relay/media/media_channel.h"

namespace carillon::relay {

class MediaOutlet;
class Stream;

/// Threading: the shard's. Allocates nothing for a packet.
class MediaLink {
  public:
    enum class Way : std::uint8_t {
        pass,  ///< it is nothing to the program
        job,   ///< the job has it
        both,  ///< the job has it, and it goes on as well
        back,  ///< it is to be sealed for the leg it came from: it has been rewritten
        drop,  ///< nobody wants it
    };

    MediaLink(const api::Program& program, std::shared_ptr<MediaChannel> channel, MediaOutlet& outlet);
    ~MediaLink();
    MediaLink(const MediaLink&) = delete;

    void attach(Stream& stream);
    /// Which payload types are the program's.
    void set(const api::Program& program);
    Way take(std::size_t leg, std::span<std::byte> packet, bool rtcp, SteadyTime now) noexcept;

    MediaChannel& channel() { return *channel_; }
    bool one_legged() const { return kind_ == api::Program::Kind::endpoint; }
    /// What the relay has made for that leg's end, as it left.
    LegStatistics& made(std::size_t leg) { return made_[leg]; }
    const LegStatistics& made(std::size_t leg) const { return made_[leg]; }

  private:
    api::Program::Kind kind_;
    std::shared_ptr<MediaChannel> channel_;
    MediaOutlet& outlet_;
    Stream* attached_ = nullptr;
    std::array<std::bitset<128>, 2> heard_;  // payload types for the job, by leg
    std::bitset<128> returned_;              // of a transcode: those that pass as they are
    std::uint32_t mask_;                     // makes other SSRCs of those that come back
    std::array<LegStatistics, 2> made_;
};

}  // namespace carillon::relay
