#include "signaling/host/host.h"

#include <future>
#include <thread>

#include "config/base/log.h"
#include "signaling/journal/journal.h"
#include "signaling/xml/stream_parser.h"

namespace carillon::host {

namespace {

std::size_t shard_count_of(const HostConfig& config) {
    return config.shards ? config.shards : std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

Host::Host(HostConfig config, storage::Storage& storage, const Clock& clock)
    : config_{std::move(config)}, channel_{shard_count_of(config_)}, repository_{environment_} {
    environment_.storage = &storage;
    environment_.clock = &clock;
    environment_.channel = &channel_;
    const auto count = shard_count_of(config_);
    environment_.hosts.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        auto& shard = *shards_.emplace_back(std::make_unique<runtime::Shard>(i));
        environment_.shards.push_back(&shard);
        auto& stages = *stages_.emplace_back(std::make_unique<Stages>(environment_, shard, config_.sessions));
        channel_.connect(shard, [&stages](runtime::Messages messages) { stages.router.arrive(std::move(messages)); });
    }
    provide<runtime::FanOut>(*this);
}

Host::~Host() {
    stop();
    for (auto& hosts : environment_.hosts) hosts.clear();
}

Host::Result Host::start(std::vector<runtime::ModuleDescriptor> builtin) {
    if (auto added = repository_.add(std::move(builtin)); !added) return added;
    for (const auto& plugin : config_.plugins) {
        if (auto added = repository_.add_plugin(plugin); !added) return added;
    }
    for (auto& domain : config_.domains) {
        const auto jid = xmpp::Jid::make("", domain.name);
        if (!jid) return std::unexpected{"\"" + domain.name + "\" is no domain name"};
        for (std::size_t i = 0; i < shards_.size(); ++i) {
            auto host = std::make_unique<runtime::VirtualHost>(environment_, *jid, *shards_[i]);
            host->dispatch = &stages_[i]->router;
            if (!environment_.hosts[i].try_emplace(std::string{jid->domain()}, std::move(host)).second) {
                return std::unexpected{"domain " + domain.name + " is configured twice"};
            }
        }
        if (auto chosen = repository_.select(std::string{jid->domain()}, domain.modules); !chosen) return chosen;
    }
    if (auto opened = open_journals(); !opened) return opened;
    running_ = true;
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        shards_[i]->start();
        shards_[i]->post([stages = stages_[i].get()] { stages->sessions.start(); });
    }
    auto started = repository_.start();
    if (started) take_over();
    return started;
}

Host::Result Host::open_journals() {
    if (config_.journal.empty()) return {};
    std::error_code error;
    std::filesystem::create_directories(config_.journal, error);
    std::filesystem::permissions(config_.journal, std::filesystem::perms::owner_all, error);
    if (error) return std::unexpected{config_.journal.string() + ": " + error.message()};
    auto legacy = journal::read_legacy(config_.journal);
    left_files_ = std::move(legacy.files);
    const auto generation = std::to_string(environment_.clock->wall().time_since_epoch().count());
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        auto opened = journal::Journal::open(config_.journal, std::to_string(i) + '-' + generation);
        if (!opened) return std::unexpected{opened.error()};
        environment_.journals.push_back(std::move(*opened));
    }
    for (auto& record : legacy.records) {
        Left left{{}, {}, record.stream, record.sequence, record.when};
        if (record.kind == journal::Kind::stream) {
            const auto user = xmpp::Jid::parse(record.text);
            if (!user) continue;
            left.user = *user;
        } else {
            auto element = xml::parse_document(record.text, {}, "jabber:client");
            auto message =
                element ? xmpp::Stanza::parse(std::move(*element)) : std::unexpected{xmpp::StanzaError::bad_request()};
            if (!message || !message->is_message()) continue;
            left.user = message->to().bare();
            message->set_custody(
                environment_.journals[environment_.owner(left.user)]->accept(record.text, record.when));
            left.message = std::move(*message);
        }
        left_.push_back(std::move(left));
    }
    return {};
}

/// What was on its way and waits for nobody's acknowledgement goes on.
void Host::take_over() {
    std::vector<Left> waiting;
    std::size_t routed = 0;
    for (auto& left : left_) {
        if (!left.message || left.stream != 0) {
            waiting.push_back(std::move(left));
            continue;
        }
        auto& stages = owner(left.user);
        ++routed;
        stages.shard.post([&stages, left = std::make_shared<Left>(std::move(left))] {
            std::vector<session::Undelivered> one;
            auto custody = left->message->custody();
            one.push_back({std::move(*left->message).release(), std::move(custody), left->when});
            stages.router.redeliver(left->user, std::move(one));
        });
    }
    if (!left_.empty())
        log::info("taken over from the journal", {{"on_their_way", routed}, {"waiting", waiting.size()}});
    left_ = std::move(waiting);
    std::error_code ignored;
    for (const auto& file : std::exchange(left_files_, {})) std::filesystem::remove(file, ignored);
}

void Host::stop() {
    if (!std::exchange(running_, false)) return;
    repository_.stop();
    for (auto& shard : shards_) shard->stop();
}

template <class F>
void Host::on_each_shard(F work) {
    if (!running_) return;
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        std::promise<void> done;
        shards_[i]->post([&, stages = stages_[i].get()] {
            work(*stages);
            done.set_value();
        });
        done.get_future().wait();
    }
}

void Host::account_changed(const xmpp::Jid& bare, bool removed) {
    if (!running_) return;
    auto& stages = owner(bare);
    stages.shard.post([&stages, bare, removed] { stages.sessions.account_changed(bare, removed); });
}

std::vector<SessionInfo> Host::sessions() {
    std::vector<SessionInfo> list;
    on_each_shard([&](Stages& stages) {
        stages.sessions.for_each_session([&](session::LocalSession& session) {
            list.push_back({session.jid().str(), session.peer_address(), session.encrypted(), session.available(),
                            session.priority()});
        });
    });
    std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.jid < b.jid; });
    return list;
}

std::size_t Host::kick(const xmpp::Jid& jid) {
    std::size_t count = 0;
    on_each_shard([&](Stages& stages) {
        stages.sessions.for_each_session([&](session::LocalSession& session) {
            if (session.jid() != jid && session.account().jid() != jid) return;
            session.close("policy-violation", "Ended by the operator");
            ++count;
        });
    });
    return count;
}

void Host::close_sessions(std::string_view condition) {
    on_each_shard([&](Stages& stages) { stages.sessions.close_all(condition, ""); });
}

runtime::CounterValues Host::counters() const {
    runtime::CounterValues sum;
    for (const auto& stages : stages_) {
        for (const runtime::Server* server : {static_cast<const runtime::Server*>(&stages->sessions),
                                              static_cast<const runtime::Server*>(&stages->router),
                                              static_cast<const runtime::Server*>(&stages->process)}) {
            server->counters().collect(server->name(), sum);
        }
    }
    for (const auto& hosts : environment_.hosts) {
        for (const auto& [domain, host] : hosts) host->counters.collect("module", sum);
    }
    for (const auto& journal : environment_.journals) {
        sum["journal.live"] += journal->live();
        sum["journal.refused"] += journal->refused();
    }
    return sum;
}

}  // namespace carillon::host
