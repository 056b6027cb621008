#include "signaling/federation/federation.h"

#include <future>

#include "signaling/router/delivery_rules.h"

namespace carillon::federation {

Exchange::Exchange(host::Host& host, std::size_t shard, boost::asio::thread_pool& resolving, const Options& options,
                   const net::TlsContext& tls, Meters& meters, WayBoard& board)
    : Server{"federation"},
      host_{host},
      stages_{host.stages(shard)},
      resolving_{resolving},
      options_{options},
      tls_{tls},
      meters_{meters},
      board_{board},
      sent_{counter("sent")},
      bounced_{counter("bounced")},
      counted_{counter("incoming"), counter("accepted"), counter("received"), counter("refused")} {}

void Exchange::send(xmpp::Stanza stanza) {
    const std::string local{stanza.from().domain()};
    const std::string remote{stanza.to().domain()};
    if (!permitted(options_, remote)) {
        bounced_.add();
        if (stanza.is_presence() && !router::is_subscription(stanza.type())) return;
        stages_.router.reply_error(stanza, xmpp::StanzaError::policy_violation());
        return stages_.router.drain();
    }
    auto& link = links_[{local, remote}];
    if (link && link->ended()) {
        const bool resting = link->failure() && !ways_.contains({local, remote}) &&
                             stages_.environment.clock->now() - link->ended_at() < options_.back_off;
        if (resting) {
            bounced_.add();
            if (stanza.is_presence() && !router::is_subscription(stanza.type())) return;
            stages_.router.reply_error(stanza, *link->failure());
            return stages_.router.drain();
        }
        link.reset();
    }
    if (!link) {
        if (links_.size() > 1000) sweep();
        auto theirs = [this, between = Between{local, remote}] {
            const auto at = ways_.find(between);
            return at == ways_.end() ? nullptr : at->second.back();
        };
        link = std::make_shared<Link>(host_, stages_, around(), local, remote, std::move(theirs));
        links_[{local, remote}] = link;
    }
    sent_.add();
    link->send(std::move(stanza));
}

Link* Exchange::link(const Between& between) {
    const auto at = links_.find(between);
    return at == links_.end() || !at->second || at->second->ended() ? nullptr : at->second.get();
}

void Exchange::offer(const Between& between, std::shared_ptr<Way> way) { ways_[between].push_back(std::move(way)); }

void Exchange::lost(const Between& between, const std::shared_ptr<Way>& way) {
    if (const auto at = ways_.find(between); at != ways_.end()) {
        std::erase(at->second, way);
        if (at->second.empty()) ways_.erase(at);
    }
    if (auto* known = link(between)) known->lost(way.get());
}

void Exchange::handled(const Between& between, const std::shared_ptr<Way>& way, std::uint32_t count) {
    if (auto* known = link(between)) known->handled(way.get(), count);
}

/// Links that are over and rested.
void Exchange::sweep() {
    const auto now = stages_.environment.clock->now();
    std::erase_if(links_, [&](const auto& entry) {
        return !entry.second || (entry.second->ended() && now - entry.second->ended_at() >= options_.back_off);
    });
}

void Exchange::accept(net::Accepted accepted, bool direct_tls) {
    auto made = std::make_shared<Incoming>(host_, stages_, around(), counted_, std::move(accepted), direct_tls);
    std::erase_if(incoming_, [](const auto& known) { return known.expired(); });
    incoming_.push_back(made);
    made->start();
}

std::vector<LinkInfo> Exchange::links() const {
    std::vector<LinkInfo> list;
    for (const auto& [key, link] : links_) {
        if (!link || link->ended()) continue;
        list.push_back({key.first, key.second, link->open(), link->secure(), link->verified(), link->both_ways(),
                        link->acknowledged(), link->waiting()});
    }
    return list;
}

void Exchange::stop() {
    for (const auto& [key, link] : links_) {
        if (link) link->stop();
    }
    for (const auto& weak : incoming_) {
        if (const auto incoming = weak.lock()) incoming->stop();
    }
}

Federation::Federation(host::Host& host, Options options, const net::TlsContext& tls)
    : host_{host},
      options_{std::move(options)},
      limiter_{std::make_shared<net::ConnectionLimiter>(options_.connections_per_address, options_.connections)} {
    for (std::size_t i = 0; i < host.shard_count(); ++i) {
        exchanges_.push_back(std::make_unique<Exchange>(host, i, resolving_, options_, tls, meters_, *this));
    }
}

Federation::~Federation() {
    stop();
    resolving_.join();
}

std::expected<void, std::string> Federation::listen(const std::string& address, std::uint16_t port, bool direct_tls) {
    using Result = std::expected<void, std::string>;
    auto balancers = net::AddressList::parse(options_.balancers);
    if (!balancers) return std::unexpected{balancers.error() + " is no address or network"};
    std::promise<Result> done;
    auto& shard = host_.stages(0).shard;
    shard.post([&] {
        auto listener = net::Listener::open(
            shard.io(), address, port, limiter_,
            [this, direct_tls](net::Accepted a) {
                const auto index = next_shard_++ % exchanges_.size();
                host_.stages(index).shard.post(
                    [this, index, direct_tls, accepted = std::make_shared<net::Accepted>(std::move(a))] {
                        exchanges_[index]->accept(std::move(*accepted), direct_tls);
                    });
            },
            *balancers);
        if (!listener) return done.set_value(std::unexpected{listener.error()});
        ports_.push_back((*listener)->local().port());
        listeners_.push_back(std::move(*listener));
        done.set_value({});
    });
    return done.get_future().get();
}

void Federation::send(std::size_t shard, xmpp::Stanza stanza) {
    const auto remote = xmpp::Jid::make("", stanza.to().domain());
    const auto owner = remote ? host_.environment().owner(*remote) : 0;
    if (owner == shard) return exchanges_[owner]->send(std::move(stanza));
    host_.stages(owner).shard.post([this, owner, moved = std::make_shared<xmpp::Stanza>(std::move(stanza))] {
        exchanges_[owner]->send(std::move(*moved));
    });
}

void Federation::on_owner(const std::string& remote, std::function<void(Exchange&)> work) {
    const auto domain = xmpp::Jid::make("", remote);
    auto& exchange = *exchanges_[domain ? host_.environment().owner(*domain) : 0];
    host_.stages(domain ? host_.environment().owner(*domain) : 0).shard.post([&exchange, work = std::move(work)] {
        work(exchange);
    });
}

void Federation::offer(const std::string& local, const std::string& remote, std::shared_ptr<Way> way) {
    on_owner(remote, [local, remote, way](Exchange& exchange) { exchange.offer({local, remote}, way); });
}

void Federation::lost(const std::string& local, const std::string& remote, std::shared_ptr<Way> way) {
    on_owner(remote, [local, remote, way](Exchange& exchange) { exchange.lost({local, remote}, way); });
}

void Federation::handled(const std::string& local, const std::string& remote, std::shared_ptr<Way> way,
                         std::uint32_t count) {
    on_owner(remote,
             [local, remote, way, count](Exchange& exchange) { exchange.handled({local, remote}, way, count); });
}

bool Federation::reaches(std::size_t shard, std::string_view domain) const {
    return !domain.empty() && !host_.serves(domain) && !host_.stages(shard).router.serves(domain);
}

std::vector<LinkInfo> Federation::links() {
    std::vector<LinkInfo> all;
    for (std::size_t i = 0; i < exchanges_.size(); ++i) {
        std::promise<std::vector<LinkInfo>> done;
        host_.stages(i).shard.post([&] { done.set_value(exchanges_[i]->links()); });
        for (auto& link : done.get_future().get()) all.push_back(std::move(link));
    }
    return all;
}

void Federation::stop() {
    if (std::exchange(stopped_, true)) return;
    for (std::size_t i = 0; i < exchanges_.size(); ++i) {
        std::promise<void> done;
        host_.stages(i).shard.post([&] {
            if (i == 0) listeners_.clear();
            exchanges_[i]->stop();
            done.set_value();
        });
        done.get_future().wait();
    }
}

runtime::CounterValues Federation::counters() const {
    runtime::CounterValues sum;
    for (const auto& exchange : exchanges_) exchange->counters().collect(exchange->name(), sum);
    return sum;
}

}  // namespace carillon::federation
