/// One stream of sound towards an end, joined of two: what the other end sends and what the relay says in its place.
/// The end sees one SSRC, unbroken numbers and a clock that runs on; reports each way are made to fit. Spec: RFC 3550
/// §5.1, §6.4.1, §7.2 (a translator that changes numbers changes them in RTCP as well); RFC 4585 §6.2.1; RFC 3711
/// §3.3.1 (no number is used twice under one key). Not here: what is said (interlude_job.h), sealing (bridge/).
#pragma once
#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <span>

#include "config/base/bytes.h"
#include "config/base/clock.h"
#include "media/rtp/packet.h"
#include "relay/engine/leg_statistics.h"

namespace carillon::relay {

/// Threading: the shard's. Allocates nothing.
class Splice {
  public:
    using Types = std::bitset<128>;

    /// `types`: payload types of the sound, as the end knows them; `clock_rate` of its RTP.
    void set(const Types& types, unsigned clock_rate) { types_ = types, clock_rate_ = clock_rate; }
    const Types& types() const { return types_; }
    /// Where the other end's stream stands.
    void begin(const StreamPoint& at);
    /// Where the stream stands that the end sees, once it has other numbers than the other end's.
    std::optional<StreamPoint> stands() const;
    /// It stood there in a worker that died: whoever speaks next is fitted on.
    void go_on(const StreamPoint& at);
    /// From the next packets on the relay's leave, not the other end's; or the other way round.
    void play(bool on);
    bool playing() const { return playing_; }

    /// RTP of the other end on its way. False: it does not go on.
    bool live(std::span<std::byte> packet, SteadyTime now) noexcept;
    /// RTP that the relay has made; its numbers are replaced.
    bool made(std::span<std::byte> packet, SteadyTime now) noexcept;
    /// RTCP of the other end on its way: sender reports.
    void report_of_sender(std::span<std::byte> compound, SteadyTime now) const noexcept;
    /// RTCP of the end on its way to the other: what it says of the stream.
    void report_of_listener(std::span<std::byte> compound) const noexcept;

  private:
    static constexpr std::uint32_t kStart = 0x10000;  // extended numbers: room below

    bool is_gone(std::uint32_t ssrc) const;
    void adopt(const rtp::Header& header);
    void resume(const rtp::Header& header, std::uint32_t number, SteadyTime now);
    std::uint32_t next_timestamp(SteadyTime now) const;
    void left(std::uint32_t number, std::uint32_t timestamp, SteadyTime now);
    void fit_sender_report(std::span<std::byte> packet, SteadyTime now) const;
    void fit_block(std::span<std::byte> block) const;
    void fit_requests(std::span<std::byte> packet) const;
    std::uint32_t back(std::uint32_t number) const;

    Types types_;
    unsigned clock_rate_ = 8000;
    std::optional<std::uint32_t> ssrc_;
    bool playing_ = false;
    bool joins_ = false;    // the next packet of the one whose turn it is has to be fitted on
    bool touched_ = false;  // something has been made: from now on numbers differ
    // As they leave; numbers with cycles above.
    std::uint32_t number_ = 0;
    std::uint32_t timestamp_ = 0;
    SteadyTime at_{};
    // Of the other end's stream.
    std::uint32_t live_number_ = 0;  // its highest
    std::uint32_t shift_ = 0;        // what it leaves with is so much more
    std::uint32_t clock_shift_ = 0;
    std::uint32_t floor_ = 0;         // what would leave with this or less has been said by the relay
    std::uint32_t live_before_ = 0;   // its last before the relay spoke
    std::uint32_t shift_before_ = 0;  // and how that left
    // Of the relay's.
    std::uint32_t made_clock_shift_ = 0;
    // For sender reports: what leaves beyond what the other end has counted.
    std::uint32_t packets_ = 0;
    std::uint32_t octets_ = 0;
    // Streams under whose names the relay has spoken, and which were followed by another: they may not come back.
    std::array<std::uint32_t, 4> gone_{};
    std::size_t gone_count_ = 0;
};

}  // namespace carillon::relay
