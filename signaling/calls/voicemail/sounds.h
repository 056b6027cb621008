/// What callers hear besides recordings: files of the operator's where there are some, else tones.
/// Spec: docs/voicemail.md (names of the files).
#pragma once
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "relay/api/program.h"

namespace carillon::calls {

using Clips = std::vector<relay::api::Clip>;

/// Threading: an ordinary value.
class VoicemailSounds {
  public:
    /// `folder`: empty, or where NAME.wav or NAME.opus may be.
    explicit VoicemailSounds(std::string folder) : folder_{std::move(folder)} {}

    /// Three rising tones: what is heard where nobody has said a greeting.
    Clips default_greeting() const;
    Clips beep() const;     ///< speak now
    Clips done() const;     ///< it is kept
    Clips refused() const;  ///< that cannot be
    Clips end_of_messages() const;
    Clips deleted() const;
    /// `name`, then the number: spoken where there is a file for it, else that many short tones, ten for a long one.
    Clips count(std::string_view name, std::size_t number) const;

  private:
    /// The file of that name; else the tones.
    Clips named(std::string_view name, Clips tones) const;
    std::string find(std::string_view name) const;

    std::string folder_;
};

relay::api::Source play(Clips clips);
Clips operator+(Clips first, const Clips& second);

}  // namespace carillon::calls
