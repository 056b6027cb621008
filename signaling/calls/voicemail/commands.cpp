#include "signaling/calls/voicemail/commands.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "signaling/calls/voicemail/notice.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::calls {
namespace {

using Verb = VoicemailCommand::Verb;

struct Word {
    std::string_view word;
    Verb verb;
    bool numbered;
};
constexpr auto kWords = std::to_array<Word>({
    {"help", Verb::help, false},
    {"?", Verb::help, false},
    {"list", Verb::list, false},
    {"status", Verb::list, false},
    {"play", Verb::play, true},
    {"heard", Verb::heard, true},
    {"delete", Verb::remove, true},
    {"after", Verb::after, true},
    {"greeting", Verb::greeting, false},
    {"on", Verb::on, false},
    {"off", Verb::off, false},
    {"style", Verb::style, false},
});

std::string_view trimmed(std::string_view text) {
    const auto space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
    while (!text.empty() && space(text.front())) text.remove_prefix(1);
    while (!text.empty() && space(text.back())) text.remove_suffix(1);
    return text;
}

std::string lower(std::string_view text) {
    std::string out{text};
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::optional<std::size_t> number_of(std::string_view text) {
    std::size_t value = 0;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || at != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string after_of(const VoicemailBox& box, const VoicemailSettings& settings) {
    const auto host = std::chrono::duration_cast<std::chrono::seconds>(settings.after);
    return std::to_string(box.after.value_or(host).count());
}

}  // namespace

std::optional<VoicemailCommand> parse_command(std::string_view text) {
    text = trimmed(text);
    if (text.starts_with('/')) text.remove_prefix(1);
    const auto end = std::min(text.find_first_of(" \t\n"), text.size());
    const auto first = lower(text.substr(0, end));
    const auto rest = trimmed(text.substr(end));
    const auto known = std::ranges::find(kWords, first, &Word::word);
    if (known == kWords.end()) return std::nullopt;
    VoicemailCommand command{.verb = known->verb};
    if (command.verb == Verb::remove && lower(rest) == "all") return VoicemailCommand{.verb = Verb::remove_all};
    if (known->numbered) {
        const auto number = number_of(rest);
        if (!number) return std::nullopt;
        command.number = *number;
        return command;
    }
    command.text = rest.contains("://") ? std::string{rest} : lower(rest);
    const bool takes_text = command.verb == Verb::greeting || command.verb == Verb::style;
    if (!takes_text && !rest.empty()) return std::nullopt;
    if (command.verb == Verb::style && command.text != "link" && command.text != "text") return std::nullopt;
    return command;
}

std::string help_text() {
    return "Call me to listen: 1 next, 2 again, 3 delete, * back, 9 say a greeting, 0 the usual greeting, # hang up.\n"
           "Or write to me:\n"
           "list - what there is\n"
           "play N - its link once more (it counts as heard)\n"
           "heard N - it counts as heard\n"
           "delete N, delete all\n"
           "greeting LINK - a sound file that you have uploaded (Ogg/Opus or WAV); greeting default - the usual one\n"
           "on, off - whether I answer for you\n"
           "after N - seconds without an answer, 0 to 120\n"
           "style link - messages are the link alone, as some clients need it to show a player; style text - with "
           "words";
}

std::string length_of(std::chrono::milliseconds duration) {
    const auto seconds = (duration.count() + 500) / 1000;
    const auto rest = std::to_string(seconds % 60);
    return std::to_string(seconds / 60) + ':' + (rest.size() < 2 ? "0" : "") + rest;
}

std::string describe(const VoicemailMessage& message) {
    auto when = xmpp::to_datetime(message.at).substr(0, 16);
    std::ranges::replace(when, 'T', ' ');
    return message.caller + ", " + length_of(message.duration) + (message.complete ? "" : " (cut off)") + ", " + when +
           " UTC";
}

std::string describe(const VoicemailBox& box, const VoicemailSettings& settings) {
    std::string out = box.on ? "I answer when you have not for " + after_of(box, settings) + " s."
                             : std::string{"I do not answer for you; \"on\" changes that."};
    out += '\n' + std::to_string(box.messages.size()) + " messages, " + std::to_string(box.unheard()) + " unheard";
    for (std::size_t i = 0; i < box.messages.size(); ++i)
        out += '\n' + std::to_string(i + 1) + (box.messages[i].heard ? ": " : ": (new) ") + describe(box.messages[i]);
    return out;
}

xml::Element box_form(const VoicemailBox& box, const VoicemailSettings& settings) {
    xml::Element form{"x", "jabber:x:data"};
    form.set("type", "result");
    add_field(form, "FORM_TYPE", kVoicemailForm).set("type", "hidden");
    add_field(form, "messages", std::to_string(box.messages.size()));
    add_field(form, "unheard", std::to_string(box.unheard()));
    add_field(form, "on", box.on ? "true" : "false");
    add_field(form, "after", after_of(box, settings));
    return form;
}

}  // namespace carillon::calls
