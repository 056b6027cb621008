/// What one side of a call says: its RTP on the recording's time line. Opus goes into the file as it came, the rest as
/// sound on a PcmLine.
/// Spec: RFC 3550 §5.1, RFC 7587, RFC 3551, RFC 2198 (the primary block).
/// Not here: encoding (call_recorder.h).
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "codecs/audio_codec.h"
#include "codecs/resample/resampler.h"
#include "media/record/ogg_opus_writer.h"
#include "media/record/pcm_line.h"
#include "media/record/rtp_order.h"
#include "media/record/rtp_payload.h"

namespace carillon::record {

/// Threading: one thread at a time.
class LegTrack {
  public:
    /// `file` may be null: not wanted; `line` gets what does not come as Opus, with `all` also what does. Both outlive
    /// it. Times count from the recording's beginning.
    LegTrack(PayloadNames names, OggOpusWriter* file, PcmLine& line, bool all);

    /// An RTP packet, in the clear. False: it is none that can be heard.
    bool packet(Bytes rtp, std::chrono::nanoseconds at);
    /// Lets out what need not wait; `all`: everything.
    void advance(std::chrono::nanoseconds now, bool all);
    /// A side that says nothing has silence up to here: in samples at 48 kHz.
    void silent_until(std::uint64_t position);

  private:
    struct Meaning {
        std::optional<codecs::AudioCodec> codec;
        unsigned clock = 8000;
        bool red = false;
    };
    Meaning meaning_of(std::uint8_t payload_type) const;
    void take(const RtpOrder::Packet& packet);
    std::uint64_t place(const rtp::Header& header, unsigned clock, std::chrono::nanoseconds at);
    void write_opus(Bytes payload, std::uint64_t position);
    void decode(codecs::AudioCodec codec, Bytes payload, std::uint64_t position);
    bool use(codecs::AudioCodec codec);
    void put(std::uint64_t position, codecs::Samples samples, bool encoded);
    void bridge_gap(std::uint64_t position, bool encoded);

    PayloadNames names_;
    OggOpusWriter* file_;
    PcmLine& line_;
    bool all_;
    RtpOrder order_;
    std::optional<std::uint32_t> ssrc_;
    unsigned clock_ = 0;  // of the anchor
    std::uint32_t anchor_timestamp_ = 0;
    std::int64_t anchor_ = 0;                  // where that is, in samples at 48 kHz
    std::optional<codecs::AudioCodec> codec_;  // that decoder_ is of
    std::unique_ptr<codecs::Decoder> decoder_;
    std::unique_ptr<codecs::Resampler> resampler_;
    unsigned decoder_rate_ = PcmLine::kRate;
    std::uint64_t heard_until_ = 0;  // on the line, at 16 kHz
};

}  // namespace carillon::record
