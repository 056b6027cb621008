#include "signaling/components/components.h"

#include <future>

#include "signaling/runtime/virtual_host.h"

namespace carillon::components {

namespace {

/// Whether the component stands below the host, or below nobody here.
bool listed_at(std::string_view component, std::string_view host) {
    return component.size() > host.size() && component.ends_with(host) &&
           component[component.size() - host.size() - 1] == '.';
}

}  // namespace

Components::Components(host::Host& host, Options options)
    : Server{"components"},
      host_{host},
      options_{std::move(options)},
      counted_{counter("connections"), counter("received"), counter("sent"), counter("bounced"), counter("refused")},
      limiter_{std::make_shared<net::ConnectionLimiter>(options_.connections_per_address, options_.connections)},
      registered_(host.shard_count()) {}

Components::~Components() { stop(); }

void Components::run_on(std::size_t shard, const std::function<void()>& work) {
    std::promise<void> done;
    host_.stages(shard).shard.post([&] {
        work();
        done.set_value();
    });
    done.get_future().wait();
}

std::expected<void, std::string> Components::start() {
    for (const auto& component : options_.components) {
        if (auto added = add(component); !added) return added;
    }
    return {};
}

std::expected<void, std::string> Components::add(const Component& component) {
    const auto domain = xmpp::Jid::make("", component.domain);
    if (!domain) return std::unexpected{component.domain + " is no domain"};
    auto& stages = host_.owner(*domain);
    const auto seat = std::make_shared<Seat>(stages, options_, component, counted_);
    if (!seats_.try_emplace(std::string{domain->domain()}, seat, &stages).second) {
        return std::unexpected{"component " + component.domain + " is configured twice"};
    }
    bool served = false;
    for (std::size_t i = 0; i < host_.shard_count(); ++i) {
        run_on(i, [&] {
            auto& here = host_.stages(i);
            if (here.router.serves(component.domain) || host_.serves(component.domain)) {
                served = true;
                return;
            }
            registered_[i].push_back(here.router.serve_domain(*domain, [seat, &here, &stages](xmpp::Stanza stanza) {
                if (&here == &stages) return seat->send(std::move(stanza));
                stages.shard.post([seat, moved = std::make_shared<xmpp::Stanza>(std::move(stanza))] {
                    seat->send(std::move(*moved));
                });
            }));
            for (const auto& [name, host] : host_.environment().hosts[i]) {
                if (!listed_at(component.domain, name)) continue;
                registered_[i].push_back(host->disco.add_item({*domain, component.name}));
            }
        });
    }
    if (served) return std::unexpected{"component " + component.domain + ": that domain is served already"};
    return {};
}

Visitor::Place Components::find(std::string_view domain) const {
    const auto at = seats_.find(domain);
    return at == seats_.end() ? Visitor::Place{} : at->second;
}

std::expected<void, std::string> Components::listen(const std::string& address, std::uint16_t port) {
    std::expected<void, std::string> result;
    run_on(0, [&] {
        auto& stages = host_.stages(0);
        auto listener =
            net::Listener::open(stages.shard.io(), address, port, limiter_, [this, &stages](net::Accepted accepted) {
                std::make_shared<Visitor>(host_, stages, options_, counted_, std::move(accepted),
                                          [this](std::string_view domain) { return find(domain); })
                    ->start();
            });
        if (!listener) {
            result = std::unexpected{listener.error()};
        } else {
            listeners_.push_back(std::move(*listener));
        }
    });
    return result;
}

void Components::stop() {
    if (std::exchange(stopped_, true)) return;
    run_on(0, [this] { listeners_.clear(); });
    for (const auto& [domain, place] : seats_) {
        const auto at = place.stages->shard.index();
        run_on(at, [&seat = *place.seat] { seat.close(); });
    }
    for (std::size_t i = 0; i < registered_.size(); ++i) {
        run_on(i, [&list = registered_[i]] { list.clear(); });
    }
}

}  // namespace carillon::components
