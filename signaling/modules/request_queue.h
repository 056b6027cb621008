/// Requests to a service, answered one after the other: what is stored is in the order of what was asked.
#pragma once
#include <deque>
#include <functional>

#include "signaling/runtime/module.h"

namespace carillon::modules {

/// Threading: its module's. Who asks when too many wait is told resource-constraint, and internal-server-error when the
/// storage fails.
class RequestQueue {
  public:
    using Answer = std::function<runtime::awaitable<void>(const xmpp::Stanza& request)>;

    RequestQueue(runtime::ModuleContext& context, Answer answer) : context_{context}, answer_{std::move(answer)} {}
    void push(xmpp::Stanza request);

  private:
    runtime::awaitable<void> work();

    static constexpr std::size_t kMax = 2000;
    runtime::ModuleContext& context_;
    Answer answer_;
    std::deque<xmpp::Stanza> waiting_;
    bool working_ = false;
};

}  // namespace carillon::modules
