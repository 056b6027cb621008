/// The process's dealings with other servers: listeners, incoming streams, and a link for each pair of domains.
/// Spec: RFC 6120 §10.4, XEP-0220, XEP-0288, XEP-0368.
/// Not here: one stream (incoming.h, link.h), configuration (daemon/).
#pragma once
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "signaling/federation/incoming.h"
#include "signaling/federation/link.h"
#include "signaling/runtime/foreign.h"
#include "signaling/runtime/server.h"

namespace carillon::federation {

struct LinkInfo {
    std::string local;
    std::string remote;
    bool open = false;
    bool secure = false;
    bool verified = false;
    bool both_ways = false;     ///< XEP-0288
    bool acknowledged = false;  ///< XEP-0198
    std::size_t waiting = 0;
};

/// The stage of a shard. Threading: its shard.
class Exchange final : public runtime::Server {
  public:
    Exchange(host::Host& host, std::size_t shard, boost::asio::thread_pool& resolving, const Options& options,
             const net::TlsContext& tls, Meters& meters, WayBoard& board);

    void send(xmpp::Stanza stanza);
    void accept(net::Accepted accepted, bool direct_tls);
    std::vector<LinkInfo> links() const;
    void stop();

    // Streams of theirs that go both ways, of the domains that this shard owns.
    using Between = std::pair<std::string, std::string>;  // local, remote
    void offer(const Between& between, std::shared_ptr<Way> way);
    void lost(const Between& between, const std::shared_ptr<Way>& way);
    void handled(const Between& between, const std::shared_ptr<Way>& way, std::uint32_t count);

  private:
    void sweep();
    Link* link(const Between& between);
    Surroundings around() { return {stages_.shard.io(), resolving_, options_, tls_, meters_, board_}; }

    host::Host& host_;
    host::Stages& stages_;
    boost::asio::thread_pool& resolving_;
    const Options& options_;
    const net::TlsContext& tls_;
    Meters& meters_;
    WayBoard& board_;
    std::map<Between, std::shared_ptr<Link>> links_;
    std::map<Between, std::vector<std::shared_ptr<Way>>> ways_;  // never an empty list
    std::vector<std::weak_ptr<Incoming>> incoming_;
    runtime::Counter& sent_;
    runtime::Counter& bounced_;
    Counted counted_;
};

/// Threading: made and stopped by the main thread; send() from any shard.  Destroyed before the Host.
class Federation final : public runtime::Foreign, public WayBoard {
  public:
    Federation(host::Host& host, Options options, const net::TlsContext& tls);
    ~Federation() override;

    std::expected<void, std::string> listen(const std::string& address, std::uint16_t port, bool direct_tls);
    std::uint16_t local_port(std::size_t listener) const { return ports_[listener]; }
    void send(std::size_t shard, xmpp::Stanza stanza) override;
    bool reaches(std::size_t shard, std::string_view domain) const override;
    std::vector<LinkInfo> links();
    // WayBoard
    void offer(const std::string& local, const std::string& remote, std::shared_ptr<Way> way) override;
    void lost(const std::string& local, const std::string& remote, std::shared_ptr<Way> way) override;
    void handled(const std::string& local, const std::string& remote, std::shared_ptr<Way> way,
                 std::uint32_t count) override;
    /// Closes everything; what waits bounces.
    void stop();
    runtime::CounterValues counters() const;

  private:
    void on_owner(const std::string& remote, std::function<void(Exchange&)> work);

    host::Host& host_;
    Options options_;
    Meters meters_;
    boost::asio::thread_pool resolving_{16};
    std::vector<std::unique_ptr<Exchange>> exchanges_;
    std::shared_ptr<net::ConnectionLimiter> limiter_;
    std::vector<std::unique_ptr<net::Listener>> listeners_;  // live on shard 0
    std::vector<std::uint16_t> ports_;
    std::size_t next_shard_ = 0;  // of shard 0's thread
    bool stopped_ = false;
};

}  // namespace carillon::federation
