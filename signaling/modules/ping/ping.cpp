/// Answers pings.
/// Spec: XEP-0199 2.0.1.
#include "signaling/modules/ping/ping.h"

namespace carillon::modules {
namespace {

using namespace runtime;

constexpr ModuleInfo kInfo{.name = "ping", .xep = 199, .version = "2.0.1", .summary = "answers pings"};
constexpr std::string_view kPing = "urn:xmpp:ping";

class Ping final : public Module {
  public:
    explicit Ping(ModuleContext& context) {
        for (const auto target : {Target::host, Target::account}) {
            hooks_ += context.feature(kPing, target);
            hooks_ +=
                context.iq(target, "get", kPing, "ping", [](const xmpp::Stanza&) -> IqReply { return std::nullopt; });
        }
    }

  private:
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor ping() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Ping>(context); }};
}

}  // namespace carillon::modules
