/// What becomes of what an end says to a program.
/// Not here: forms of files (opus_file.h, media/wav).
#pragma once
#include <chrono>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "relay/media/audio_receiver.h"

namespace carillon::relay {

/// Threading: made on the control thread, then the media thread's.
class SoundSink {
  public:
    virtual ~SoundSink() = default;
    /// Each 20 ms. Afterwards ended() may have become true.
    virtual void take(const AudioReceiver::Heard& heard) = 0;
    /// Before take(), where the end speaks Opus: the packets that what is heard now was decoded from.
    virtual void payload(Bytes) {}
    /// Why it takes no more; nothing while it does.
    virtual std::optional<std::string> ended() const { return std::nullopt; }
    /// Completes it, once; answers how long it is. An Ogg/Opus file in which nobody speaks is removed.
    virtual std::chrono::milliseconds finish() { return {}; }
    virtual std::chrono::milliseconds sound() const { return {}; }  ///< how much was not quiet
    virtual std::string file() const { return {}; }
};

/// The sink a program asks for, at that sample rate; the error is a sentence.
std::expected<std::unique_ptr<SoundSink>, std::string> make_sink(const api::Sink& wanted, unsigned sample_rate);

}  // namespace carillon::relay
