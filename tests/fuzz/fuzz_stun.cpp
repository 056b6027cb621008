/// Whatever parses as STUN can be looked at everywhere without harm, and what the binding server answers is STUN again.
#include <cstdlib>

#include "stun/binding_server.h"

using namespace carillon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input{reinterpret_cast<const std::byte*>(data), size};
    const auto message = stun::Message::parse(input);
    std::array<std::byte, 512> out;
    const auto reply = stun::answer_binding(input, {.port = 7}, out);
    if (!message) return reply.empty() ? 0 : (std::abort(), 1);
    (void)message->integrity_matches("key");
    (void)message->fingerprint_matches();
    if (const auto value = message->attribute(stun::Attribute::xor_mapped_address)) {
        (void)stun::parse_xor_address(*value, message->transaction_id());
    }
    if (!reply.empty()) {
        const auto parsed = stun::Message::parse(reply);
        if (!parsed || parsed->transaction_id() != message->transaction_id()) std::abort();
        if (parsed->message_class() != stun::Class::success && parsed->message_class() != stun::Class::error)
            std::abort();
    }
    return 0;
}
