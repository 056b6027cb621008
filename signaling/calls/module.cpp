#include "signaling/calls/module.h"

#include "config/base/log.h"
#include "signaling/calls/settings.h"
#include "signaling/calls/voicemail/office.h"
#include "signaling/jingle/invite.h"
#include "signaling/jingle/namespaces.h"
#include "signaling/session/client_features.h"
#include "signaling/session/session.h"
#include "signaling/storage/storage.h"

namespace carillon::calls {
namespace {

constexpr int kPriority = 50;  // after what may forbid a stanza (blocking), before what only looks at it
constexpr std::size_t kWaitingRecords = 10'000;
constexpr std::chrono::milliseconds kPollInterval{500};

CallSettings settings_of(const runtime::ModuleContext& context) {
    config::Problems problems;
    auto settings = read_call_settings(context.settings(), problems);
    throw_on(problems);
    return settings;
}

}  // namespace

CallsModule::CallsModule(runtime::ModuleContext& context)
    : context_{context}, settings_{settings_of(context)}, shard_{shard_calls(context)} {
    if (auto* policy = context.service<CallPolicy>()) policy_ = policy;
    foreign_ = context.service<runtime::Foreign>();
    ledger_ = context.service<CallLedger>();
    const std::string host{context.host().str()};
    shard_->modules[host] = this;
    shard_->controller.attach(host, *this);
    hooks_ +=
        context.intercept(runtime::Stage::from_local, kPriority, [this](xmpp::Stanza& stanza) { return sent(stanza); });
    // What the addressee's side refuses (nobody there, blocked) never was a client's answer.
    hooks_ += context.intercept(runtime::Stage::to_local, kPriority, [this](xmpp::Stanza& stanza) {
        if (stanza.is_iq() && stanza.is_error() && serves(stanza.from())) refused(stanza);
        return is_foreign(stanza.from()) ? came(stanza) : runtime::Verdict::pass;
    });
    hooks_ += context.sessions({.bound = {},
                                .available = {},
                                .unavailable = {},
                                .closed = [this](session::Session& session) { session_closed(session.jid()); },
                                .presence = {}});
    adopt_calls();
}

void CallsModule::adopt_calls() {
    if (!ledger_) return;
    for (auto& saved : ledger_->take(context_.host().str(), context_.shard()))
        shard_->controller.adopt(std::move(saved));
}

CallsModule::~CallsModule() {
    const std::string host{context_.host().str()};
    shard_->controller.detach(host);
    shard_->modules.erase(host);
}

bool CallsModule::serves(const xmpp::Jid& user) const {
    return !user.node().empty() && shard_->modules.contains(user.domain());
}

void CallsModule::with_controller(std::size_t hash, std::function<void(CallsModule& there)> work) {
    context_.on_owner(hash,
                      [work = std::move(work)](runtime::Module& there) { work(static_cast<CallsModule&>(there)); });
}

runtime::Verdict CallsModule::sent(xmpp::Stanza& stanza) {
    if (stanza.to().empty()) return runtime::Verdict::pass;
    if (!serves(stanza.to()) && !is_foreign(stanza.to()) && !endpoint(stanza.to())) return runtime::Verdict::pass;
    if (stanza.is_iq()) return sent_iq(stanza);
    return stanza.is_message() ? sent_message(stanza) : runtime::Verdict::pass;
}

runtime::Verdict CallsModule::sent_iq(xmpp::Stanza& iq) {
    const auto hash = pair_hash(iq.from(), iq.to());
    if (!iq.is_iq_request()) {
        // Answers to what the server sent in the other user's name are for nobody.
        if (iq.id().starts_with(kOwnIqPrefix)) {
            if (iq.is_error()) refused(iq);
            return runtime::Verdict::taken;
        }
        if (iq.is_error() && !serves(iq.to())) refused(iq);  // the addressee's side is elsewhere, and does not look
        return runtime::Verdict::pass;
    }
    const auto* jingle = jingle::find_jingle(iq.element());
    if (!jingle || iq.type() != "set" || (iq.to().is_bare() && !endpoint(iq.to()))) return runtime::Verdict::pass;
    if (jingle->attribute("action") == "session-initiate" &&
        !room_for_call(iq.from().str(), call_key(iq.from(), jingle->attribute("sid")), hash)) {
        context_.reply_error(iq, xmpp::StanzaError::resource_constraint().with_text("too many calls"));
        return runtime::Verdict::taken;
    }
    with_controller(hash, [host = std::string{context_.host().str()}, stanza = std::move(iq)](
                              CallsModule& there) mutable { there.controller().take(host, std::move(stanza)); });
    return runtime::Verdict::taken;
}

void CallsModule::refused(const xmpp::Stanza& iq) {
    std::string condition = "error";
    if (const auto* error = iq.element().child("error"))
        if (const auto* child = error->first_child()) condition = child->name();
    with_controller(pair_hash(iq.from(), iq.to()),
                    [from = iq.from(), to = iq.to(), id = std::string{iq.id()}, condition](CallsModule& there) {
                        there.controller().failed(from, to, id, condition);
                    });
}

runtime::Verdict CallsModule::sent_message(const xmpp::Stanza& message) {
    using runtime::Verdict;
    if (message.is_error()) return Verdict::pass;
    const auto invite = jingle::parse_invite(message.element());
    if (!invite) return Verdict::pass;
    const auto hash = pair_hash(message.from(), message.to());
    if (invite->action == jingle::InviteAction::propose &&
        !room_for_call(message.from().str(), call_key(message.from(), invite->id), hash))
        return Verdict::pass;
    // Somebody else may answer for who is busy: then the caller must not hear of it.
    const bool held = invite->action == jingle::InviteAction::reject && invite->reason.condition == "busy" &&
                      !message.to().same_bare(message.from()) && stand_in(message.from());
    with_controller(hash, [host = std::string{context_.host().str()}, message, held](CallsModule& there) {
        held ? there.controller().busy(host, message) : there.controller().observe(host, message);
    });
    return held ? Verdict::taken : Verdict::pass;
}

/// Counts a new call of a device's, a full JID; false when its user has too many already.
bool CallsModule::room_for_call(const std::string& device, const std::string& key, std::size_t owner) {
    std::size_t count = 0;
    bool known = false;
    const auto prefix = device.substr(0, device.find('/') + 1);
    for (auto at = sessions_.lower_bound(prefix); at != sessions_.end() && at->first.starts_with(prefix); ++at) {
        count += at->second.size();
        known = known || at->second.contains(key);
    }
    auto& calls = sessions_[device];
    if (!known && count >= settings_.calls_per_user) {
        if (calls.empty()) sessions_.erase(device);
        return false;
    }
    calls[key] = owner;
    return true;
}

void CallsModule::session_closed(const xmpp::Jid& full) {
    const auto at = sessions_.find(full.str());
    if (at == sessions_.end()) return;
    for (const auto& [key, owner] : at->second) {
        with_controller(owner, [full, key](CallsModule& there) { there.controller().session_gone(full, key); });
    }
    sessions_.erase(at);
}

bool CallsModule::watch_here(const xmpp::Jid& full, const std::string& key, std::size_t owner, bool absent_too) {
    auto* account = context_.account(full.bare());
    const bool bound = account && account->session(full.resource());
    if (!bound && !absent_too) return false;
    sessions_[full.str()][key] = owner;
    if (const auto announced = sessions_.find(no_device(full)); announced != sessions_.end()) {
        announced->second.erase(key);  // now it is this device's
        if (announced->second.empty()) sessions_.erase(announced);
    }
    return bound;
}

void CallsModule::watch(const xmpp::Jid& full, const std::string& key, std::function<void(bool bound)> done) {
    const auto back = context_.shard();  // as a hash it owns itself: shards are hash modulo their count
    // Its own server answers for a foreign user who is not there.
    if (is_foreign(full)) return with_controller(back, [done = std::move(done)](CallsModule&) { done(true); });
    with_controller(std::hash<xmpp::Jid>{}(full.bare()), [full, key, back, done](CallsModule& there) {
        const auto home = there.shard_->modules.find(full.domain());
        const bool bound = home != there.shard_->modules.end() && home->second->watch_here(full, key, back);
        there.with_controller(back, [done, bound](CallsModule&) { done(bound); });
    });
}

void CallsModule::expect(const xmpp::Jid& full, const std::string& key, std::function<void(bool)> done) {
    if (is_foreign(full)) return watch(full, key, std::move(done));
    const auto back = context_.shard();
    with_controller(std::hash<xmpp::Jid>{}(full.bare()), [full, key, back, done](CallsModule& there) {
        const auto home = there.shard_->modules.find(full.domain());
        const bool bound = home != there.shard_->modules.end() && home->second->watch_here(full, key, back, true);
        there.with_controller(back, [done, bound](CallsModule&) { done(bound); });
    });
}

std::shared_ptr<void> CallsModule::keep(const std::string& state) {
    return ledger_ ? ledger_->keep(context_.shard(), state, context_.clock().wall()) : nullptr;
}

Abilities CallsModule::abilities_here(const xmpp::Jid& full) {
    auto* account = context_.account(full.bare());
    auto* session = account ? account->session(full.resource()) : nullptr;
    if (!session) return {};
    const auto& features = session->slots().get<session::ClientFeatures>();
    return {.known = features.has(jingle::ns::kRtp),
            .ice = features.has(jingle::ns::kIceUdp),
            .raw = features.has(jingle::ns::kRawUdp),
            .dtls = features.has(jingle::ns::kDtls)};
}

void CallsModule::abilities(const xmpp::Jid& full, std::function<void(Abilities)> done) {
    const auto back = context_.shard();
    with_controller(std::hash<xmpp::Jid>{}(full.bare()), [full, back, done](CallsModule& there) {
        const auto home = there.shard_->modules.find(full.domain());
        const auto found = home != there.shard_->modules.end() ? home->second->abilities_here(full) : Abilities{};
        there.with_controller(back, [done, found](CallsModule&) { done(found); });
    });
}

void CallsModule::forget(const xmpp::Jid& full, const std::string& key) {
    with_controller(std::hash<xmpp::Jid>{}(full.bare()), [full, key](CallsModule& there) {
        const auto home = there.shard_->modules.find(full.domain());
        if (home == there.shard_->modules.end()) return;
        auto& sessions = home->second->sessions_;
        for (const auto& name : {full.str(), no_device(full)}) {
            const auto at = sessions.find(name);
            if (at == sessions.end()) continue;
            at->second.erase(key);
            if (at->second.empty()) sessions.erase(at);
        }
    });
}

Endpoint* CallsModule::endpoint(const xmpp::Jid& address) {
    if (shard_->endpoints.empty()) return nullptr;
    const auto at = shard_->endpoints.find(address.bare().str());
    return at == shard_->endpoints.end() ? nullptr : at->second;
}

Endpoint* CallsModule::stand_in(const xmpp::Jid& callee) {
    const auto at = shard_->stand_ins.find(callee.domain());
    return at == shard_->stand_ins.end() || callee.node().empty() ? nullptr : at->second.endpoint;
}

void CallsModule::ask_stand_in(const xmpp::Jid& caller, const xmpp::Jid& callee,
                               std::function<void(std::optional<StandIn>)> done) {
    const auto at = shard_->stand_ins.find(callee.domain());
    const auto office = at == shard_->stand_ins.end() ? nullptr : at->second.office.lock();
    if (office) return office->willing(caller, callee, std::move(done));
    done(std::nullopt);
}

void CallsModule::route(xmpp::Stanza stanza) {
    if (stanza.is_iq_request() && is_foreign(stanza.from()) && serves(stanza.to())) return deliver_here(stanza);
    context_.route(std::move(stanza));
}

void CallsModule::reply_error(const xmpp::Stanza& request, const xmpp::StanzaError& error) {
    context_.reply_error(request, error);
}

void CallsModule::save(storage::CallRecord record) {
    if (records_.size() >= kWaitingRecords) {
        log::error("call record lost: storage is too slow", {{"call", record.id}});
        return;
    }
    records_.push_back(std::move(record));
    if (std::exchange(writing_, true)) return;
    context_.spawn(write_records());
}

runtime::awaitable<void> CallsModule::write_records() {
    while (!records_.empty()) {
        auto record = std::move(records_.front());
        records_.pop_front();
        const auto id = record.id;
        try {
            co_await context_.storage().calls().put(std::move(record));
        } catch (const storage::StorageError& error) {
            log::error("call record not written", {{"call", id}, {"error", error.what()}});
        }
    }
    writing_ = false;
}

void CallsModule::save_quality(storage::CallQuality quality) {
    if (storage::call_quality_of(context_.storage())) context_.spawn(write_quality(std::move(quality)));
}

runtime::awaitable<void> CallsModule::write_quality(storage::CallQuality quality) {
    const auto id = quality.id;
    try {
        co_await storage::call_quality_of(context_.storage())->put(std::move(quality));
    } catch (const storage::StorageError& error) {
        log::error("call quality not written", {{"call", id}, {"error", error.what()}});
    }
}

void CallsModule::wake() {
    if (std::exchange(woken_, true)) return;
    timer_ = context_.after(kPollInterval, [this] {
        woken_ = false;
        shard_->controller.poll();
    });
}

runtime::ModuleDescriptor calls_module() {
    return {.info = {.name = "calls", .xep = 166, .version = "1.1.2", .summary = "Call control through relay workers"},
            .make = [](runtime::ModuleContext& context) { return std::make_unique<CallsModule>(context); },
            .enabled_by_default = true};
}

}  // namespace carillon::calls
