/// A recording as Ogg/Opus, 20 ms at a time: the end's own Opus packets where it speaks Opus, else encoded here.
/// Spec: RFC 7845; RFC 6716.
/// Not here: when a recording ends (sound_sink.h), pages (media/record).
#pragma once
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "codecs/opus/storage_codec.h"
#include "codecs/resample/resampler.h"
#include "media/record/ogg_opus_writer.h"
#include "relay/media/audio_receiver.h"

namespace carillon::relay {

/// Owns: the file, made with the first sound. Threading: one thread at a time.
class OpusFile {
  public:
    /// The error is a sentence: there is such a file already, or it cannot be made.
    static std::expected<OpusFile, std::string> create(const std::string& path, unsigned sample_rate,
                                                       std::uint64_t most_octets);

    /// Before write(): the packet that was decoded for it.
    void payload(Bytes packet);
    /// 20 ms. False: the file takes nothing more.
    bool write(const AudioReceiver::Heard& heard, codecs::Samples samples);
    bool close() { return writer_.close(); }

  private:
    OpusFile(record::OggOpusWriter writer, unsigned sample_rate);
    bool write_passed(const AudioReceiver::Heard& heard);
    bool write_encoded(codecs::Samples samples);
    void start_encoder();

    static constexpr std::uint64_t kTick = 960;  // at 48 kHz

    record::OggOpusWriter writer_;
    unsigned rate_;
    bool passes_ = false;                                    // what is written are the end's own packets
    std::unique_ptr<codecs::opus::StorageEncoder> encoder_;  // made when they are not
    std::unique_ptr<codecs::Resampler> to_encoder_;          // where Opus does not know the rate
    std::vector<std::int16_t> pending_;                      // resampled, not encoded
    std::uint64_t time_ = 0;                                 // at 48 kHz
};

}  // namespace carillon::relay
