#include "signaling/xmpp/ascii_domain.h"

#include <idn2.h>

#include <algorithm>

namespace carillon::xmpp {

std::string ascii_domain(std::string_view domain) {
    std::string out{domain};
    if (std::ranges::all_of(out, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return out;
    char* ascii = nullptr;
    constexpr int kFlags = IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT | IDN2_USE_STD3_ASCII_RULES;
    if (idn2_to_ascii_8z(out.c_str(), &ascii, kFlags) != IDN2_OK) return out;
    out = ascii;
    idn2_free(ascii);
    return out;
}

}  // namespace carillon::xmpp
