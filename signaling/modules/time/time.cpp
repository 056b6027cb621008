/// The host's time, in UTC and where it stands.
/// Spec: XEP-0202 2.0.
#include "signaling/modules/time/time.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "signaling/xmpp/datetime.h"

namespace carillon::modules {
namespace {

using namespace runtime;

constexpr ModuleInfo kInfo{.name = "time", .xep = 202, .version = "2.0", .summary = "tells the time"};
constexpr std::string_view kTime = "urn:xmpp:time";

/// +01:00, or Z where that is what is meant (XEP-0082 §3.2).
std::string zone_offset(WallTime now) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    std::tm local{};
    ::localtime_r(&seconds, &local);
    const long minutes = local.tm_gmtoff / 60;
    char text[48];
    std::snprintf(text, sizeof text, "%c%02ld:%02ld", minutes < 0 ? '-' : '+', std::labs(minutes) / 60,
                  std::labs(minutes) % 60);
    return text;
}

class EntityTime final : public Module {
  public:
    explicit EntityTime(ModuleContext& context) : context_{context} {
        hooks_ += context.feature(kTime);
        hooks_ += context.iq(Target::host, "get", kTime, "time", [this](const xmpp::Stanza&) -> IqReply {
            const auto now = context_.clock().wall();
            xml::Element answer{"time", kTime};
            answer.add("tzo").add_text(zone_offset(now));
            answer.add("utc").add_text(xmpp::to_datetime(now));
            return answer;
        });
    }

  private:
    ModuleContext& context_;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor time() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<EntityTime>(context); }};
}

}  // namespace carillon::modules
