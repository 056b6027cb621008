/// One user's voicemail: what is in it, how it is set, and how that is stored as text.
/// Spec: docs/voicemail.md.
/// Not here: the recordings themselves (signaling/files), storing (office.h).
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/base/clock.h"

namespace carillon::calls {

struct VoicemailMessage {
    std::string id{};      ///< of the upload
    std::string stanza{};  ///< id of the message that told of it
    std::string caller{};  ///< bare JID
    WallTime at{};         ///< when the recording began
    std::chrono::milliseconds duration{0};
    std::uint64_t size = 0;
    std::string hash{};  ///< SHA-256 of the file, hexadecimal
    std::string path{};  ///< behind the address of the web server
    bool heard = false;
    bool complete = true;  ///< else it was cut off
    friend bool operator==(const VoicemailMessage&, const VoicemailMessage&) = default;
};

/// Threading: an ordinary value.
struct VoicemailBox {
    bool on = true;
    std::optional<std::chrono::seconds> after{};  ///< nothing: as the host has it
    bool link_only = false;                       ///< messages say the link and nothing else
    std::string greeting{};                       ///< a file; empty: the host's
    std::vector<VoicemailMessage> messages{};     ///< oldest first

    std::size_t unheard() const;
    /// Counted from 1; nullptr when there is none.
    VoicemailMessage* number(std::size_t number);
    /// Takes out what is older than `keep` (0: nothing is).
    void expire(WallTime now, std::chrono::milliseconds keep);
    /// Makes room for one more; what has to go: the oldest heard one, else the oldest.
    std::vector<VoicemailMessage> make_room(std::size_t most);
    friend bool operator==(const VoicemailBox&, const VoicemailBox&) = default;
};

std::string to_text(const VoicemailBox& box);
/// An empty box of default settings for what is no such text.
VoicemailBox parse_box(std::string_view text);

}  // namespace carillon::calls
