#include "media/phone/external_services.h"

#include "media/phone/namespaces.h"

namespace carillon::phone {
namespace {

constexpr std::size_t kMaxServices = 16;

}  // namespace

std::vector<ExternalService> parse_services(const Element& services) {
    std::vector<ExternalService> out;
    for (const auto& element : services.children()) {
        if (!element.is("service", ns::kExtdisco) || out.size() == kMaxServices) continue;
        const auto& type = element.attribute("type");
        const auto port = element.number("port", 3478);
        if ((type != "stun" && type != "turn") || element.attribute("host").empty() || port == 0 || port > 65535)
            continue;
        ExternalService service{.type = type == "stun" ? ExternalService::Type::stun : ExternalService::Type::turn,
                                .host = element.attribute("host"),
                                .port = static_cast<std::uint16_t>(port),
                                .username = element.attribute("username"),
                                .password = element.attribute("password")};
        if (const auto& transport = element.attribute("transport"); !transport.empty()) service.transport = transport;
        out.push_back(std::move(service));
    }
    return out;
}

}  // namespace carillon::phone
