/// A module of somebody else's, built apart from the server and loaded by it: it answers
/// <hello xmlns='urn:example:greeter'/> to the host with the greeting of its configuration.
/// To build one: compile with the server's headers and the same compiler into a shared object; link nothing of the
/// server, which lends its own functions.
#include "signaling/runtime/plugin.h"

namespace {

using namespace carillon;

constexpr std::string_view kGreeter = "urn:example:greeter";

class Greeter final : public runtime::Module {
  public:
    explicit Greeter(runtime::ModuleContext& context)
        : greeting_{context.settings()["greeting"].value_or(std::string{"hello"})} {
        hooks_ += context.feature(kGreeter);
        hooks_ += context.iq(runtime::Target::host, "get", kGreeter, "hello",
                             [this](const xmpp::Stanza& iq) -> runtime::IqReply {
                                 xml::Element answer{"hello", kGreeter};
                                 answer.add_text(greeting_ + ", " + std::string{iq.from().node()});
                                 return answer;
                             });
    }

  private:
    std::string greeting_;
    runtime::Registrations hooks_;
};

std::vector<runtime::ModuleDescriptor> modules() {
    return {{{.name = "greeter", .xep = 0, .version = "1.0", .summary = "Says hello"},
             [](runtime::ModuleContext& context) { return std::make_unique<Greeter>(context); }}};
}

}  // namespace

CARILLON_PLUGIN(modules())
