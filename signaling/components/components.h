/// External components: who may connect on which port, and the domains that are theirs.
/// Spec: XEP-0114 1.6 (jabber:component:accept), XEP-0030 (items of the hosts).
/// Not here: one connection (visitor.h), configuration (daemon/).
#pragma once
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "signaling/components/visitor.h"
#include "signaling/runtime/server.h"

namespace carillon::components {

/// Threading: made, started and stopped by the main thread, while the Host runs.
class Components final : public runtime::Server {
  public:
    Components(host::Host& host, Options options);
    ~Components() override;

    /// Takes the domains over from the router and lists them at the hosts. The error is for people.
    std::expected<void, std::string> start();
    std::expected<void, std::string> listen(const std::string& address, std::uint16_t port);
    /// Closes everything; what waits bounces.
    void stop();

  private:
    std::expected<void, std::string> add(const Component& component);
    Visitor::Place find(std::string_view domain) const;
    void run_on(std::size_t shard, const std::function<void()>& work);

    host::Host& host_;
    Options options_;
    Counted counted_;
    std::map<std::string, Visitor::Place, std::less<>> seats_;  // constant after start()
    std::shared_ptr<net::ConnectionLimiter> limiter_;
    std::vector<std::unique_ptr<net::Listener>> listeners_;       // live on shard 0
    std::vector<std::vector<runtime::Registration>> registered_;  // by shard, and of its thread
    bool stopped_ = false;
};

}  // namespace carillon::components
