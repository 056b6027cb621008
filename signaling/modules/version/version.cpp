/// Which software this is.
/// Spec: XEP-0092 1.1.  Not here: the operating system, which is nobody's business (§7).
#include "signaling/modules/version/version.h"

#include "config/base/version.h"

namespace carillon::modules {
namespace {

using namespace runtime;

constexpr ModuleInfo kInfo{.name = "version", .xep = 92, .version = "1.1", .summary = "names the software"};
constexpr std::string_view kVersion = "jabber:iq:version";

class SoftwareVersion final : public Module {
  public:
    explicit SoftwareVersion(ModuleContext& context) {
        hooks_ += context.feature(kVersion);
        hooks_ += context.iq(Target::host, "get", kVersion, "query", [](const xmpp::Stanza&) -> IqReply {
            xml::Element answer{"query", kVersion};
            answer.add("name").add_text("Carillon");
            answer.add("version").add_text(carillon::kProgramVersion);
            return answer;
        });
    }

  private:
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor version() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<SoftwareVersion>(context); }};
}

}  // namespace carillon::modules
