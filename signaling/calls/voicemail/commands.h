/// What a user writes to their voicemail, and what it answers: short words, so that any chat client will do.
/// Spec: docs/voicemail.md.
/// Not here: doing it (office.h).
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "signaling/calls/voicemail/box.h"
#include "signaling/calls/voicemail/settings.h"
#include "signaling/xml/element.h"

namespace carillon::calls {

struct VoicemailCommand {
    enum class Verb { help, list, play, heard, remove, remove_all, greeting, on, off, after, style };
    Verb verb = Verb::help;
    std::size_t number = 0;  ///< of a message, or seconds
    std::string text{};      ///< greeting: an address, "default" or nothing; style: "link" or "text"
};

/// Letter case and spaces do not matter; nothing when it is no command, or lacks its number.
std::optional<VoicemailCommand> parse_command(std::string_view text);

std::string help_text();
/// The settings in force and each message on a line.
std::string describe(const VoicemailBox& box, const VoicemailSettings& settings);
/// "romeo@montague.example, 0:12, 2026-01-02 03:04 UTC".
std::string describe(const VoicemailMessage& message);
/// "1:05".
std::string length_of(std::chrono::milliseconds duration);
/// Counts for programs: a form (XEP-0004) of the type urn:carillon:voicemail.
xml::Element box_form(const VoicemailBox& box, const VoicemailSettings& settings);

}  // namespace carillon::calls
