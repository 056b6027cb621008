/// RTP and SRTP streams found in captured datagrams, also inside TURN.
/// Spec: RFC 7983 §7 (telling STUN, DTLS, TURN channels and RTP apart), RFC 8656 §12.4 (ChannelData), §11
/// (indications), RFC 3550 §5.1; what is RTP is judged as RFC 3550 §A.1 validates a source. Not here: decryption
/// (unprotect.h), figures (stream_figures.h).
#pragma once
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "media/capture/datagram.h"
#include "media/rtp/packet.h"

namespace carillon::capture {

struct CapturedPacket {
    Time time{};
    std::vector<std::byte> data;  ///< a whole RTP or SRTP packet
};

/// One SSRC from one endpoint to another. `channel` is the TURN channel it came in, 0 without.
struct StreamKey {
    Endpoint source;
    Endpoint destination;
    std::uint32_t ssrc = 0;
    std::uint16_t channel = 0;
    auto operator<=>(const StreamKey&) const = default;
};

struct CapturedStream {
    StreamKey key;
    std::vector<CapturedPacket> packets;                ///< in the order of capture
    std::map<std::uint8_t, std::size_t> payload_types;  ///< how many packets of each
    /// The payload type of most packets.
    std::uint8_t payload_type() const;
    Time start() const { return packets.front().time; }
    Time duration() const { return packets.back().time - packets.front().time; }
};

struct CaptureContents {
    std::vector<CapturedStream> streams;  ///< by time of the first packet
    Leftover leftover;
    std::uint64_t datagrams = 0, stun = 0, dtls = 0, rtcp = 0, turn_channel = 0, turn_indication = 0, other = 0;
    std::string truncated;  ///< why reading ended before the end of the file; empty: it did not
};

struct ReadLimits {
    std::size_t packets = 5'000'000;
    std::size_t octets = std::size_t{2} << 30;
    std::size_t streams = 10'000;
};

/// Threading: one thread at a time. Owns: all packets that may belong to a stream.
class StreamFinder {
  public:
    explicit StreamFinder(ReadLimits limits = {}) : limits_{limits} {}
    /// False: a limit is reached, nothing more is taken.
    bool add(Datagram datagram);
    /// What is no stream (too few packets in sequence) is counted as other.
    CaptureContents finish();

  private:
    struct Candidate {
        CapturedStream stream;
        std::optional<rtp::SequenceNumber> last;
        unsigned in_sequence = 0, longest_run = 0;
    };
    bool add_payload(const Datagram& datagram, Bytes payload, std::uint16_t channel, unsigned depth);
    bool add_rtp(const Datagram& datagram, Bytes packet, std::uint16_t channel);

    ReadLimits limits_;
    CaptureContents contents_;
    std::map<StreamKey, Candidate> candidates_;
    std::size_t packets_ = 0, octets_ = 0;
};

/// The whole of a file. The error is a sentence for people; a truncated file is no error.
std::expected<CaptureContents, std::string> read_capture(const std::string& path, ReadLimits limits = {});

}  // namespace carillon::capture
