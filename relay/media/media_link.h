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
#include "relay/media/continuation.h"
#include "relay/media/media_channel.h"
#include "relay/media/splice.h"

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

    /// `video`: null while no pictures are the program's.
    MediaLink(const api::Program& program, std::shared_ptr<MediaChannel> sound, std::shared_ptr<MediaChannel> video,
              MediaOutlet& outlet);
    ~MediaLink();
    MediaLink(const MediaLink&) = delete;

    void attach(Stream& stream);
    /// Which payload types are the program's. `video`: of a job for pictures that is new.
    void set(const api::Program& program, std::shared_ptr<MediaChannel> video = {});
    /// `size`: of what goes on, where that is less than the packet.
    Way take(std::size_t leg, std::span<std::byte> packet, bool rtcp, SteadyTime now, std::size_t& size) noexcept;

    /// `f(packet, rtcp, time)` for each that the jobs have made for that leg's end.
    template <class F>
    void pop_made(std::size_t leg, F f) {
        for (const auto& channel : {sound_.get(), video_.get()}) {
            while (channel && channel->out[leg].pop(f)) {
            }
        }
    }
    /// Something has gone out to that end.
    void flows(std::size_t leg) {
        for (const auto& channel : {sound_.get(), video_.get()})
            if (channel) channel->flows[leg].store(true, std::memory_order_relaxed);
    }
    /// What the program has made, before it is sealed for that leg's end. False: it is not wanted any more.
    bool fit(std::size_t leg, std::span<std::byte> packet, bool rtcp, SteadyTime now) noexcept {
        return !splices_ || rtcp || (*splices_)[leg].made(packet, now);
    }
    /// An interlude: what leaves for that leg's end, until now the other end's alone.
    Splice* splice(std::size_t leg) { return splices_ ? &(*splices_)[leg] : nullptr; }
    /// Where what leaves for that leg's end stands, for a successor: the sound, or the pictures.
    std::optional<StreamPoint> stands(std::size_t leg, bool pictures) const;
    /// A predecessor stood there.
    void go_on(const Continuation& before);
    bool one_legged() const { return kind_ == api::Program::Kind::endpoint; }
    /// What the relay has made for that leg's end, as it left.
    LegStatistics& made(std::size_t leg) { return made_[leg]; }
    const LegStatistics& made(std::size_t leg) const { return made_[leg]; }

  private:
    void set_splice(std::size_t leg, const api::Program& program);
    Way pass_spliced(std::size_t leg, std::span<std::byte> packet, bool rtcp, SteadyTime now) noexcept;

    api::Program::Kind kind_;
    Way take_report(std::size_t leg, std::span<std::byte> packet, SteadyTime now, std::size_t& size) noexcept;
    void note_passing(std::size_t leg, Bytes packet) noexcept;

    std::shared_ptr<MediaChannel> sound_, video_;
    MediaOutlet& outlet_;
    Stream* attached_ = nullptr;
    std::array<std::bitset<128>, 2> heard_;  // payload types for the sound's job, by leg
    std::array<std::bitset<128>, 2> seen_;   // and for the pictures'
    // Streams from that leg that go on as they are although pictures are the program's: an end that was offered what
    // the other one speaks, too, may send that whatever it has answered (libwebrtc takes the first of the offer).
    std::array<std::array<std::uint32_t, 2>, 2> passing_{};
    std::bitset<128> returned_;  // of a transcode: those that pass as they are
    std::uint32_t mask_;         // makes other SSRCs of those that come back
    std::array<LegStatistics, 2> made_;
    std::unique_ptr<std::array<Splice, 2>> splices_;  // of an interlude, by the leg that hears it
};

}  // namespace carillon::relay
