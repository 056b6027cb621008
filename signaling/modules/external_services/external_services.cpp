/// Tells clients of the STUN service beside this server.
/// Spec: XEP-0215 1.0.0 (urn:xmpp:extdisco:2; :1 answered alike for older clients).
/// Not here: TURN and its credentials.
#include "signaling/modules/external_services/external_services.h"

#include "signaling/runtime/external_service.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{
    .name = "external_services", .xep = 215, .version = "1.0.0", .summary = "tells of STUN services"};

class ExternalServices final : public Module {
  public:
    explicit ExternalServices(ModuleContext& context) : context_{context} {
        for (const std::string_view ns : {"urn:xmpp:extdisco:2", "urn:xmpp:extdisco:1"}) {
            hooks_ += context.feature(ns);
            hooks_ += context.iq(Target::host, "get", ns, "services",
                                 [this](const xmpp::Stanza& iq) { return services(iq); });
            hooks_ += context.iq(Target::host, "get", ns, "credentials", [](const xmpp::Stanza&) -> IqReply {
                return std::unexpected{StanzaError::item_not_found().with_text("no service here wants credentials")};
            });
        }
    }

  private:
    IqReply services(const xmpp::Stanza& iq) {
        if (iq.from().domain() != context_.host().domain()) return std::unexpected{StanzaError::forbidden()};
        const auto wanted = iq.payload()->attribute("type");  // §3.3: one type only
        xml::Element answer{"services", iq.payload()->ns()};
        if (!wanted.empty()) answer.set("type", wanted);
        const auto* list = context_.service<ExternalServiceList>();
        if (!list) return answer;
        for (const auto& service : list->services) {
            if (!wanted.empty() && wanted != service.type) continue;
            answer.add("service")
                .set("type", service.type)
                .set("host", service.host.empty() ? context_.host().str() : service.host)
                .set("port", std::to_string(service.port))
                .set("transport", service.transport);
        }
        return answer;
    }

    ModuleContext& context_;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor external_services() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<ExternalServices>(context); }};
}

}  // namespace carillon::modules
