#include "signaling/xmpp/ascii_domain.h"

#include <idna.h>

#include <algorithm>
#include <cstdlib>

namespace carillon::xmpp {

std::string ascii_domain(std::string_view domain) {
    std::string out{domain};
    if (std::ranges::all_of(out, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return out;
    char* ascii = nullptr;
    if (idna_to_ascii_8z(out.c_str(), &ascii, IDNA_USE_STD3_ASCII_RULES) == IDNA_SUCCESS) out = ascii;
    std::free(ascii);
    return out;
}

}  // namespace carillon::xmpp
