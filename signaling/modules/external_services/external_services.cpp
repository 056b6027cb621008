/// Tells clients of the STUN and TURN services beside this server, with credentials that live a day.
/// Spec: XEP-0215 1.0.0 (urn:xmpp:extdisco:2; :1 answered alike for older clients).
/// Credentials are those of draft-uberti-behave-turn-rest-00: nothing is stored. The name in them is no JID: TURN over
/// UDP shows it to the network. Not here: TURN itself (relay/turn).
#include "signaling/modules/external_services/external_services.h"

#include "signaling/runtime/external_service.h"
#include "signaling/xmpp/datetime.h"
#include "stun/turn/credentials.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{
    .name = "external_services", .xep = 215, .version = "1.0.0", .summary = "tells of STUN and TURN services"};

class ExternalServices final : public Module {
  public:
    explicit ExternalServices(ModuleContext& context) : context_{context} {
        for (const std::string_view ns : {"urn:xmpp:extdisco:2", "urn:xmpp:extdisco:1"}) {
            hooks_ += context.feature(ns);
            hooks_ += context.iq(Target::host, "get", ns, "services",
                                 [this](const xmpp::Stanza& iq) { return services(iq); });
            hooks_ += context.iq(Target::host, "get", ns, "credentials",
                                 [this](const xmpp::Stanza& iq) { return credentials(iq); });
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
            add(answer, *list, service, iq.from().bare().str());
        }
        return answer;
    }

    // §3.4: of one service, which the client names.
    IqReply credentials(const xmpp::Stanza& iq) {
        if (iq.from().domain() != context_.host().domain()) return std::unexpected{StanzaError::forbidden()};
        const auto* named = iq.payload()->child("service");
        if (!named || named->attribute("type").empty() || named->attribute("host").empty())
            return std::unexpected{StanzaError::bad_request()};
        xml::Element answer{"credentials", iq.payload()->ns()};
        bool known = false;
        const auto* list = context_.service<ExternalServiceList>();
        for (const auto& service : list ? list->services : std::vector<ExternalService>{}) {
            const auto port = named->attribute("port");
            if (service.type != named->attribute("type") || host_of(service) != named->attribute("host") ||
                (!port.empty() && port != std::to_string(service.port)) || !service.credentials)
                continue;
            known = true;
            add(answer, *list, service, iq.from().bare().str());
        }
        if (!known)
            return std::unexpected{StanzaError::item_not_found().with_text("no such service here wants credentials")};
        return answer;
    }

    std::string host_of(const ExternalService& service) const {
        return service.host.empty() ? context_.host().str() : service.host;
    }

    void add(xml::Element& answer, const ExternalServiceList& list, const ExternalService& service,
             const std::string& user) const {
        auto& out = answer.add("service");
        out.set("type", service.type)
            .set("host", host_of(service))
            .set("port", std::to_string(service.port))
            .set("transport", service.transport);
        if (!service.credentials) return;
        const auto expires = std::chrono::system_clock::now() + list.credentials_lifetime;
        const auto until = std::chrono::duration_cast<std::chrono::seconds>(expires.time_since_epoch());
        // The same for all of a user's devices, so that quotas are the user's; to others it says nothing.
        const auto name = stun::turn::rest_password(list.turn_secret.reveal(), "name of " + user).substr(0, 16);
        const auto user_name = stun::turn::rest_user_name(until, name);
        out.set("username", user_name)
            .set("password", stun::turn::rest_password(list.turn_secret.reveal(), user_name))
            .set("expires", xmpp::to_datetime(expires))
            .set("restricted", "1");
    }

    ModuleContext& context_;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor external_services() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<ExternalServices>(context); }};
}

}  // namespace carillon::modules
