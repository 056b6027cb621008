#include "signaling/xmpp/nickname.h"

#include <unicase.h>
#include <uninorm.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

namespace carillon::xmpp {
namespace {

/// Small letters only: case is folded before.
constexpr std::array<std::pair<char32_t, char>, 36> kLookalikes{
    {{U'а', 'a'}, {U'в', 'b'}, {U'с', 'c'}, {U'ԁ', 'd'}, {U'е', 'e'}, {U'һ', 'h'}, {U'н', 'h'}, {U'і', 'i'},
     {U'ј', 'j'}, {U'к', 'k'}, {U'ӏ', 'l'}, {U'м', 'm'}, {U'о', 'o'}, {U'р', 'p'}, {U'ԛ', 'q'}, {U'ѕ', 's'},
     {U'т', 't'}, {U'у', 'y'}, {U'х', 'x'}, {U'ԝ', 'w'}, {U'α', 'a'}, {U'β', 'b'}, {U'ε', 'e'}, {U'η', 'n'},
     {U'ι', 'i'}, {U'κ', 'k'}, {U'ν', 'v'}, {U'ο', 'o'}, {U'ρ', 'p'}, {U'τ', 't'}, {U'υ', 'u'}, {U'χ', 'x'},
     {U'ı', 'i'}, {U'ɑ', 'a'}, {U'ɡ', 'g'}, {U'ո', 'n'}}};

std::u32string decode(std::string_view text) {
    std::u32string out;
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        char32_t value = length == 1 ? lead : lead & (0x7fu >> length);
        for (std::size_t k = 1; k < length && i + k < text.size(); ++k)
            value = (value << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3f);
        out += value;
        i += length;
    }
    return out;
}

void encode(std::string& out, char32_t value) {
    const auto put = [&](char32_t octet) { out += static_cast<char>(octet); };
    if (value < 0x80) return put(value);
    if (value < 0x800) {
        put(0xc0 | value >> 6);
    } else if (value < 0x10000) {
        put(0xe0 | value >> 12);
        put(0x80 | (value >> 6 & 0x3f));
    } else {
        put(0xf0 | value >> 18);
        put(0x80 | (value >> 12 & 0x3f));
        put(0x80 | (value >> 6 & 0x3f));
    }
    put(0x80 | (value & 0x3f));
}

bool is_invisible(char32_t c) {
    return c == U' ' || c == 0xa0 || c == 0xad || c == 0x34f || c == 0x61c || c == 0x115f || c == 0x1160 ||
           c == 0x1680 || c == 0x180e || (c >= 0x2000 && c <= 0x200f) || (c >= 0x2028 && c <= 0x202f) ||
           (c >= 0x205f && c <= 0x206f) || c == 0x3000 || c == 0x3164 || c == 0x2800 || (c >= 0xfe00 && c <= 0xfe0f) ||
           c == 0xfeff || c == 0xffa0 || (c >= 0xe0000 && c <= 0xe0fff);
}

/// Overrides and embeddings change the look of the text around them.
bool turns_writing(char32_t c) { return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069); }

/// Composed by compatibility, so that width makes no difference either.
std::string fold(std::string_view nick) {
    std::size_t size = 0;
    const std::unique_ptr<std::uint8_t, decltype(&std::free)> folded{
        u8_casefold(reinterpret_cast<const std::uint8_t*>(nick.data()), nick.size(), nullptr, UNINORM_NFKC, nullptr,
                    &size),
        &std::free};
    return folded ? std::string{reinterpret_cast<const char*>(folded.get()), size} : std::string{nick};
}

}  // namespace

std::string nick_skeleton(std::string_view nick) {
    std::string skeleton;
    for (const auto c : decode(fold(nick))) {
        if (is_invisible(c)) continue;
        const auto* alike = std::ranges::find(kLookalikes, c, [](const auto& entry) { return entry.first; });
        if (alike != kLookalikes.end()) {
            skeleton += alike->second;
        } else {
            encode(skeleton, c);
        }
    }
    return skeleton;
}

bool is_proper_nick(std::string_view nick) {
    const auto text = decode(nick);
    return std::ranges::any_of(text, [](char32_t c) { return !is_invisible(c); }) &&
           std::ranges::none_of(text, turns_writing);
}

}  // namespace carillon::xmpp
