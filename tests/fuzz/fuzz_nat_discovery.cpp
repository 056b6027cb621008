/// Whatever is asked, an answer of NAT discovery is STUN, no longer than the request and what it has to tell, and from
/// another socket only when that was asked for.
#include <array>
#include <cstdlib>

#include "stun/nat_discovery.h"

using namespace carillon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1 || size > 2048) return 0;
    const Bytes input{reinterpret_cast<const std::byte*>(data) + 1, size - 1};
    stun::DiscoveryPlace place{.local = {.port = 1}, .other = std::nullopt, .answered_from = {}};
    if ((data[0] & 1) != 0) place.other = stun::TransportAddress{.port = 2};
    std::array<std::byte, 2048 + 256> out;
    const auto answer = stun::answer_discovery(input, {.port = 7}, place, out);
    if (answer.bytes.empty()) return 0;
    const auto request = stun::Message::parse(input);
    const auto reply = stun::Message::parse(answer.bytes);
    if (!request || !reply || reply->transaction_id() != request->transaction_id()) std::abort();
    if (answer.bytes.size() > input.size() + 160) std::abort();
    const bool changed = answer.change_address || answer.change_port;
    if (changed && (!request->has(stun::Attribute::change_request) || !place.other)) std::abort();
    if (answer.port && !request->has(stun::Attribute::response_port)) std::abort();
    return 0;
}
