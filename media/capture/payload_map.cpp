#include "media/capture/payload_map.h"

#include <charconv>

namespace carillon::capture {
namespace {

constexpr unsigned kMaxRate = 192000;

std::optional<unsigned> number(std::string_view text, unsigned most) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > most) return std::nullopt;
    return value;
}

PayloadMeaning named(std::string_view name, unsigned clock_rate) {
    const auto audio = codecs::codec_named(name);
    if (audio)
        return {std::string{codecs::format_of(*audio).encoding_name}, codecs::format_of(*audio).clock_rate, audio};
    return {std::string{name}, clock_rate, std::nullopt};
}

}  // namespace

PayloadMap::PayloadMap() {
    const auto put = [this](std::uint8_t type, std::string_view name, unsigned rate) {
        types_[type] = named(name, rate);
    };
    put(0, "PCMU", 8000);
    put(3, "GSM", 8000);
    put(4, "G723", 8000);
    put(8, "PCMA", 8000);
    put(9, "G722", 8000);
    put(13, "CN", 8000);
    put(18, "G729", 8000);
    put(26, "JPEG", 90000);
    put(31, "H261", 90000);
    put(34, "H263", 90000);
    // Dynamic, but the same with nearly everybody: WebRTC browsers and SIP phones.
    put(96, "VP8", 90000);
    put(101, "telephone-event", 8000);
    put(111, "opus", 48000);
    put(126, "telephone-event", 8000);
}

std::expected<void, std::string> PayloadMap::add(std::string_view rule) {
    const auto complain = [&] {
        return std::unexpected{"\"" + std::string{rule} + "\" is no payload type: say for example 111=opus/48000"};
    };
    const auto equals = rule.find('=');
    if (equals == std::string_view::npos) return complain();
    const auto type = number(rule.substr(0, equals), 127);
    auto name = rule.substr(equals + 1);
    const auto slash = name.find('/');
    unsigned rate = 8000;
    if (slash != std::string_view::npos) {
        const auto said = number(name.substr(slash + 1), kMaxRate);
        if (!said) return complain();
        rate = *said;
        name = name.substr(0, slash);
    }
    if (!type || name.empty()) return complain();
    types_[static_cast<std::uint8_t>(*type)] = named(name, rate);
    return {};
}

PayloadMeaning PayloadMap::meaning(std::uint8_t payload_type) const {
    const auto at = types_.find(payload_type);
    return at == types_.end() ? PayloadMeaning{"unknown", 0, std::nullopt} : at->second;
}

}  // namespace carillon::capture
