/// A PROXY header is as long as it says and no longer, is the same however it comes, and whoever sends garbage is not
/// waited for beyond its longest form.
#include <cstdlib>

#include "signaling/net/proxy_header.h"

using namespace carillon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input{reinterpret_cast<const char*>(data), size};
    const auto whole = net::ProxyHeader::parse(input);
    if (whole && !*whole && size > net::ProxyHeader::kLongest) std::abort();  // asks for more without end
    if (whole && *whole && ((*whole)->size == 0 || (*whole)->size > size)) std::abort();
    for (std::size_t length = 0; length <= size; ++length) {
        const auto part = net::ProxyHeader::parse(input.substr(0, length));
        if (part && !*part) continue;  // needs more
        // Once decided, more octets change nothing.
        if (part.has_value() != whole.has_value()) std::abort();
        if (part && ((*part)->size != (*whole)->size || (*part)->source != (*whole)->source)) std::abort();
        break;
    }
    return 0;
}
