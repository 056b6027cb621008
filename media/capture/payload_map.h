/// What the payload types of a capture mean: the static ones, those that everybody uses, and what the user says.
/// Spec: RFC 3551 table 4.
#pragma once
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "codecs/audio_codec.h"

namespace carillon::capture {

struct PayloadMeaning {
    std::string name;         ///< as registered with IANA, e.g. "PCMU", "opus", "telephone-event", "VP8"
    unsigned clock_rate = 0;  ///< Hz; 0: not known
    std::optional<codecs::AudioCodec> audio{};  ///< when it can be decoded here
    bool operator==(const PayloadMeaning&) const = default;
};

class PayloadMap {
  public:
    PayloadMap();
    /// "111=opus/48000", "96=VP8/90000", "101=telephone-event"; the error is a sentence.
    std::expected<void, std::string> add(std::string_view rule);
    PayloadMeaning meaning(std::uint8_t payload_type) const;  ///< name "unknown" when nobody knows

  private:
    std::map<std::uint8_t, PayloadMeaning> types_;
};

}  // namespace carillon::capture
