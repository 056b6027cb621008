#include "signaling/calls/voicemail/sounds.h"

namespace carillon::calls {
namespace {

using namespace std::chrono_literals;
using relay::api::Clip;

Clip tone(unsigned hz, std::chrono::milliseconds length) { return {.file = {}, .tone_hz = hz, .duration = length}; }
Clip pause(std::chrono::milliseconds length) { return tone(0, length); }
Clip recording(std::string file) { return {.file = std::move(file), .tone_hz = 0, .duration = 0ms}; }

}  // namespace

relay::api::Source play(Clips clips) {
    return {.kind = relay::api::Source::Kind::clips, .clips = std::move(clips), .loop = false};
}

Clips operator+(Clips first, const Clips& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

std::string VoicemailSounds::find(std::string_view name) const {
    if (folder_.empty()) return {};
    for (const auto* ending : {".wav", ".opus", ".ogg"}) {
        const auto file = std::filesystem::path{folder_} / (std::string{name} + ending);
        std::error_code error;
        if (std::filesystem::is_regular_file(file, error)) return std::filesystem::absolute(file, error).string();
    }
    return {};
}

Clips VoicemailSounds::named(std::string_view name, Clips tones) const {
    auto file = find(name);
    return file.empty() ? tones : Clips{recording(std::move(file))};
}

Clips VoicemailSounds::default_greeting() const {
    return named("greeting", {pause(300ms), tone(440, 300ms), pause(60ms), tone(554, 300ms), pause(60ms),
                              tone(659, 450ms), pause(400ms)});
}
Clips VoicemailSounds::beep() const { return named("beep", {tone(1000, 400ms), pause(60ms)}); }
Clips VoicemailSounds::done() const {
    return named("done", {tone(659, 150ms), pause(50ms), tone(880, 200ms), pause(200ms)});
}
Clips VoicemailSounds::refused() const {
    return named("refused", {tone(300, 200ms), pause(100ms), tone(300, 400ms), pause(200ms)});
}
Clips VoicemailSounds::end_of_messages() const {
    return named("end-of-messages", {tone(440, 200ms), pause(60ms), tone(330, 300ms), pause(100ms)});
}
Clips VoicemailSounds::deleted() const {
    return named("deleted", {tone(880, 120ms), pause(50ms), tone(440, 250ms), pause(100ms)});
}

Clips VoicemailSounds::count(std::string_view name, std::size_t number) const {
    auto clips = named(name, {pause(300ms)});
    if (auto spoken = find(std::to_string(number)); !spoken.empty()) return clips + Clips{recording(std::move(spoken))};
    for (std::size_t i = 0; i < number / 10 && i < 10; ++i) clips = clips + Clips{tone(700, 500ms), pause(150ms)};
    for (std::size_t i = 0; i < number % 10; ++i) clips = clips + Clips{tone(900, 120ms), pause(120ms)};
    return clips + Clips{pause(200ms)};
}

}  // namespace carillon::calls
