/// Ending the service, after a word to those who are there.
/// Spec: XEP-0133 1.3.1 §4.31 (shutdown).
/// Not here: restart, which is for whoever started the process to do.
#pragma once
#include "signaling/modules/administration/announcements.h"

namespace carillon::modules::administrative {

/// Threading: its module's. The process ends as it does for SIGTERM: streams get system-shutdown, storage is written.
class Shutdown {
  public:
    Shutdown(runtime::ModuleContext& context, Announcements& announcements)
        : context_{context}, announcements_{announcements} {}
    Command command();

  private:
    runtime::awaitable<Outcome> plan(xmpp::Jid admin, Form form);

    runtime::ModuleContext& context_;
    Announcements& announcements_;
    runtime::Registration planned_;
};

}  // namespace carillon::modules::administrative
