/// What a client of a bytestream says is understood within bounds, whole or in pieces, and alike.
#include <cstdint>
#include <cstdlib>

#include "signaling/bytestreams/socks5.h"

using namespace carillon::bytestreams;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input{reinterpret_cast<const char*>(data), size};
    const auto greeting = parse_greeting(input);
    if (greeting && *greeting && ((*greeting)->used > size || (*greeting)->used > 257)) std::abort();
    const auto request = parse_request(input);
    if (!request || !*request) return 0;
    if ((*request)->value.size() != 40 || (*request)->used > size) std::abort();
    for (std::size_t less = 0; less < (*request)->used; ++less) {  // what is not all there is waited for
        const auto part = parse_request(input.substr(0, less));
        if (!part || *part) std::abort();
    }
    return 0;
}
