/// Something that both ends of a bridged stream hear in the place of one another: each packet that passes gets the next
/// piece of it as its payload, and keeps its numbers, so that no end notices where it begins and ends.
/// Spec: docs/recording.md; RFC 3551 §4.5, RFC 7587 §4.2, RFC 6716 §3.2.5 (several frames in a packet), RFC 2198.
/// Not here: what it is for (control/tap_desk.h), reading files (sound_library.h).
#pragma once
#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/base/clock.h"
#include "media/record/rtp_payload.h"
#include "relay/media/sound_library.h"

namespace carillon::relay {

/// A sound in the codecs of a call. Constant; any number of streams share it.
class AnnouncementSound {
  public:
    static constexpr std::chrono::seconds kLongest{60};

    /// `names`: encoding names with clock rates, "opus/48000"; what the relay does not speak is left out. The error is
    /// a sentence. Threading: the control thread; a second of it costs about 5 ms.
    static std::expected<std::shared_ptr<const AnnouncementSound>, std::string> create(
        SoundLibrary& library, const api::Clip& clip, const std::vector<std::string>& names);

    struct Form {
        std::string name;
        std::size_t octets_per_second = 0;           ///< of codecs without frames; 0: Opus
        std::vector<std::byte> octets;               ///< all of it
        std::vector<std::vector<std::byte>> frames;  ///< of Opus, 10 ms each, without their first octet
        std::byte toc{};
    };
    const Form* form(const std::string& name) const;
    std::uint64_t length() const { return length_; }  ///< in samples at 48 kHz

  private:
    std::vector<Form> forms_;
    std::uint64_t length_ = 0;
};

/// Threading: the stream's shard, once it is there.
class Announcement {
  public:
    /// Empty: both ends have heard it; else why not, a sentence.
    using Done = std::function<void(std::string fault)>;

    /// `to`: by leg, what its end is sent: names by payload type.
    Announcement(std::shared_ptr<const AnnouncementSound> sound, const std::array<record::PayloadNames, 2>& to,
                 SteadyTime now, Done done);
    ~Announcement() { tell("the stream has ended"); }
    Announcement(const Announcement&) = delete;

    /// An RTP packet that is about to go to that leg's end; answers its size now. Allocates nothing.
    std::size_t replace(std::size_t leg, std::span<std::byte> buffer, std::size_t size) noexcept;
    /// Whether it is over, one way or the other; then it has been told.
    bool tick(SteadyTime now);

  private:
    using Form = AnnouncementSound::Form;
    struct Kind {
        const Form* form = nullptr;
        bool red = false;
    };
    struct Way {
        std::array<Kind, 128> kinds{};
        std::uint64_t position = 0;  ///< in samples at 48 kHz
    };
    std::size_t put(const Form& form, Way& way, std::span<std::byte> room, Bytes payload) const noexcept;
    std::size_t put_opus(const Form& form, Way& way, std::span<std::byte> room, unsigned samples) const noexcept;
    void tell(std::string fault);

    std::shared_ptr<const AnnouncementSound> sound_;
    std::array<Way, 2> ways_;
    SteadyTime until_;
    Done done_;
};

}  // namespace carillon::relay
