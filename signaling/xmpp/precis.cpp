#include "signaling/xmpp/precis.h"

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace carillon::xmpp {

namespace {

template <class T>
using Allocated = std::unique_ptr<T, decltype(&std::free)>;

std::optional<std::u32string> decode(std::string_view text) {
    std::size_t length = 0;
    const Allocated<std::uint32_t> points{
        u8_to_u32(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), nullptr, &length), &std::free};
    if (!points) return std::nullopt;  // not UTF-8
    return std::u32string{points.get(), points.get() + length};
}

std::string encode(const std::u32string& text) {
    std::size_t length = 0;
    const Allocated<std::uint8_t> octets{
        u32_to_u8(reinterpret_cast<const std::uint32_t*>(text.data()), text.size(), nullptr, &length), &std::free};
    return octets ? std::string{octets.get(), octets.get() + length} : std::string{};
}

std::u32string normalize(uninorm_t form, const std::u32string& text) {
    std::size_t length = 0;
    const Allocated<std::uint32_t> points{
        u32_normalize(form, reinterpret_cast<const std::uint32_t*>(text.data()), text.size(), nullptr, &length),
        &std::free};
    return points ? std::u32string{points.get(), points.get() + length} : std::u32string{};
}

bool is_category(char32_t c, std::uint32_t mask) { return uc_is_general_category_withtable(c, mask); }

/// RFC 5892 §2.6, which RFC 8264 §9.6 takes over.
std::optional<PrecisProperty> exception(char32_t c) {
    switch (c) {
        case 0x00DF:
        case 0x03C2:
        case 0x06FD:
        case 0x06FE:
        case 0x0F0B:
        case 0x3007:
            return PrecisProperty::pvalid;
        case 0x00B7:
        case 0x0375:
        case 0x05F3:
        case 0x05F4:
        case 0x30FB:
            return PrecisProperty::contexto;
        case 0x0640:
        case 0x07FA:
        case 0x302E:
        case 0x302F:
        case 0x3031:
        case 0x3032:
        case 0x3033:
        case 0x3034:
        case 0x3035:
        case 0x303B:
            return PrecisProperty::disallowed;
        default:
            break;
    }
    if ((c >= 0x0660 && c <= 0x0669) || (c >= 0x06F0 && c <= 0x06F9)) return PrecisProperty::contexto;
    return std::nullopt;
}

bool has_compatibility_form(char32_t c) {
    const std::u32string one(1, c);
    return normalize(UNINORM_NFKC, one) != one;
}

bool is_old_hangul_jamo(char32_t c) {
    return (c >= 0x1100 && c <= 0x11FF) || (c >= 0xA960 && c <= 0xA97C) || (c >= 0xD7B0 && c <= 0xD7FB);
}

bool is_script(char32_t c, const char* name) {
    const auto* script = uc_script(c);
    return script && std::string_view{script->name} == name;
}

/// RFC 5892 appendix A.1: after a virama, or between letters that it would join.
bool joins(const std::u32string& text, std::size_t at, bool may_shape) {
    if (at > 0 && uc_combining_class(text[at - 1]) == UC_CCC_VR) return true;
    if (!may_shape) return false;
    const auto type = [&](std::size_t i) { return uc_joining_type(text[i]); };
    auto left = at;
    while (left > 0 && type(left - 1) == UC_JOINING_TYPE_T) --left;
    auto right = at + 1;
    while (right < text.size() && type(right) == UC_JOINING_TYPE_T) ++right;
    if (left == 0 || right >= text.size()) return false;
    const bool before = type(left - 1) == UC_JOINING_TYPE_L || type(left - 1) == UC_JOINING_TYPE_D;
    return before && (type(right) == UC_JOINING_TYPE_R || type(right) == UC_JOINING_TYPE_D);
}

/// RFC 5892 appendix A.
bool fits_context(const std::u32string& text, std::size_t at) {
    const auto c = text[at];
    const auto before = at > 0 ? text[at - 1] : U'\0';
    const auto after = at + 1 < text.size() ? text[at + 1] : U'\0';
    const auto holds = [&](char32_t low, char32_t high) {
        return std::ranges::any_of(text, [&](char32_t other) { return other >= low && other <= high; });
    };
    if (c == 0x200C) return joins(text, at, true);
    if (c == 0x200D) return joins(text, at, false);
    if (c == 0x00B7) return before == U'l' && after == U'l';
    if (c == 0x0375) return after != 0 && is_script(after, "Greek");
    if (c == 0x05F3 || c == 0x05F4) return before != 0 && is_script(before, "Hebrew");
    if (c == 0x30FB) {
        return std::ranges::any_of(text, [](char32_t other) {
            return is_script(other, "Hiragana") || is_script(other, "Katakana") || is_script(other, "Han");
        });
    }
    if (c >= 0x0660 && c <= 0x0669) return !holds(0x06F0, 0x06F9);
    return !holds(0x0660, 0x0669);
}

bool conforms(const std::u32string& text, bool identifier) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto property = precis_property(text[i]);
        if (property == PrecisProperty::disallowed || property == PrecisProperty::unassigned) return false;
        if (property == PrecisProperty::id_dis && identifier) return false;
        const bool contextual = property == PrecisProperty::contextj || property == PrecisProperty::contexto;
        if (contextual && !fits_context(text, i)) return false;
    }
    return true;
}

/// RFC 5893 §2, for texts that hold a character written from right to left.
bool obeys_bidi_rule(const std::u32string& text) {
    const auto type = [](char32_t c) { return uc_bidi_class(c); };
    const auto is_right = [&](char32_t c) {
        const auto t = type(c);
        return t == UC_BIDI_R || t == UC_BIDI_AL || t == UC_BIDI_AN;
    };
    if (std::ranges::none_of(text, is_right)) return true;
    const auto first = type(text.front());
    const bool rtl = first == UC_BIDI_R || first == UC_BIDI_AL;
    if (!rtl && first != UC_BIDI_L) return false;  // condition 1
    bool european = false;
    bool arabic = false;
    int last = 0;
    for (const char32_t c : text) {
        const auto t = type(c);
        const bool neutral = t == UC_BIDI_ES || t == UC_BIDI_CS || t == UC_BIDI_ET || t == UC_BIDI_ON ||
                             t == UC_BIDI_BN || t == UC_BIDI_NSM || t == UC_BIDI_EN;
        const bool own = rtl ? t == UC_BIDI_R || t == UC_BIDI_AL || t == UC_BIDI_AN : t == UC_BIDI_L;
        if (!neutral && !own) return false;  // conditions 2 and 5
        european = european || t == UC_BIDI_EN;
        arabic = arabic || t == UC_BIDI_AN;
        if (t != UC_BIDI_NSM) last = t;
    }
    if (rtl) {  // conditions 3 and 4
        return (last == UC_BIDI_R || last == UC_BIDI_AL || last == UC_BIDI_EN || last == UC_BIDI_AN) &&
               !(european && arabic);
    }
    return last == UC_BIDI_L || last == UC_BIDI_EN;  // condition 6
}

/// RFC 8265 §3.3.1: full-width and half-width characters are their usual ones.
std::u32string map_width(const std::u32string& text) {
    std::u32string out;
    for (const char32_t c : text) {
        int kind = 0;
        ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
        const int count = uc_decomposition(c, &kind, parts);
        if (count > 0 && (kind == UC_DECOMP_WIDE || kind == UC_DECOMP_NARROW)) {
            out.append(parts, parts + count);
        } else {
            out += c;
        }
    }
    return out;
}

std::u32string to_lower(const std::u32string& text) {
    std::u32string out;
    for (const char32_t c : text) {
        if (c == 0x0130) {  // the one letter whose lower case is two
            out += U"i\u0307";
        } else {
            out += static_cast<char32_t>(uc_tolower(c));
        }
    }
    return out;
}

}  // namespace

PrecisProperty precis_property(char32_t c) {
    if (const auto special = exception(c)) return *special;
    if (is_category(c, UC_CATEGORY_MASK_Cn) && !uc_is_property(c, UC_PROPERTY_NOT_A_CHARACTER)) {
        return PrecisProperty::unassigned;
    }
    if (c >= 0x21 && c <= 0x7E) return PrecisProperty::pvalid;
    if (uc_is_property(c, UC_PROPERTY_JOIN_CONTROL)) return PrecisProperty::contextj;
    if (is_old_hangul_jamo(c)) return PrecisProperty::disallowed;
    if (uc_is_property(c, UC_PROPERTY_DEFAULT_IGNORABLE_CODE_POINT) || uc_is_property(c, UC_PROPERTY_NOT_A_CHARACTER)) {
        return PrecisProperty::disallowed;
    }
    if (is_category(c, UC_CATEGORY_MASK_Cc)) return PrecisProperty::disallowed;
    if (has_compatibility_form(c)) return PrecisProperty::id_dis;
    constexpr std::uint32_t kLettersAndDigits = UC_CATEGORY_MASK_Ll | UC_CATEGORY_MASK_Lu | UC_CATEGORY_MASK_Lo |
                                                UC_CATEGORY_MASK_Nd | UC_CATEGORY_MASK_Lm | UC_CATEGORY_MASK_Mn |
                                                UC_CATEGORY_MASK_Mc;
    if (is_category(c, kLettersAndDigits)) return PrecisProperty::pvalid;
    constexpr std::uint32_t kOthers = UC_CATEGORY_MASK_Lt | UC_CATEGORY_MASK_Nl | UC_CATEGORY_MASK_No |
                                      UC_CATEGORY_MASK_Me | UC_CATEGORY_MASK_Zs | UC_CATEGORY_MASK_S |
                                      UC_CATEGORY_MASK_P;
    return is_category(c, kOthers) ? PrecisProperty::id_dis : PrecisProperty::disallowed;
}

std::optional<std::string> username_case_mapped(std::string_view text) {
    const auto points = decode(text);
    if (!points) return std::nullopt;
    auto mapped = map_width(*points);
    // RFC 8264 §7: until nothing changes; what does not come to rest is no name.
    for (int round = 0; round < 4; ++round) {
        auto next = normalize(UNINORM_NFC, to_lower(mapped));
        if (next.empty() || !conforms(next, true) || !obeys_bidi_rule(next)) return std::nullopt;
        if (next == mapped) return encode(next);
        mapped = std::move(next);
    }
    return std::nullopt;
}

std::optional<std::string> opaque_string(std::string_view text) {
    auto points = decode(text);
    if (!points) return std::nullopt;
    for (auto& c : *points) {
        if (is_category(c, UC_CATEGORY_MASK_Zs)) c = U' ';
    }
    const auto whole = normalize(UNINORM_NFC, *points);
    if (whole.empty() || !conforms(whole, false)) return std::nullopt;
    return encode(whole);
}

}  // namespace carillon::xmpp
