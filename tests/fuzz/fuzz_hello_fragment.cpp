/// Any datagram is either no first piece of a ClientHello, or one that can be asked for a cookie in no more octets than
/// it has, and from which a whole ClientHello can be made.
#include <cstdint>
#include <cstdlib>

#include "relay/turn/hello_fragment.h"

using namespace carillon;
using relay::HelloFragment;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 2048) return 0;
    const Bytes datagram{reinterpret_cast<const std::byte*>(data), size};
    const auto piece = HelloFragment::parse(datagram);
    if (!piece) return 0;
    if (piece->random.size() != 32 || piece->session.size() > 32 || piece->record_number.size() != 6) std::abort();
    constexpr std::array<std::byte, 32> kCookie{};
    std::array<std::byte, HelloFragment::kMost> room;
    const auto question = piece->verify_request(kCookie, room);
    if (question.empty() || question.size() > datagram.size()) std::abort();
    const auto whole = piece->first_hello(room);
    if (whole.empty() || HelloFragment::parse(whole)) std::abort();  // whole ones are no pieces
    return 0;
}
