/// The STUN and TURN servers that the XMPP server offers.
/// Spec: XEP-0215 §3.
/// Not here: other types of services; TLS transports, which libnice does not speak to TURN.
#pragma once
#include <string>
#include <vector>

#include "media/phone/element.h"

namespace carillon::phone {

struct ExternalService {
    enum class Type { stun, turn };
    Type type = Type::stun;
    std::string host;
    std::uint16_t port = 3478;
    std::string transport = "udp";
    std::string username;
    std::string password;
};

/// From the <services/> of an answer; entries that cannot be used are left out, at most 16 are taken.
std::vector<ExternalService> parse_services(const Element& services);

}  // namespace carillon::phone
