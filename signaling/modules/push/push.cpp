/// Wakes sleeping devices: what waits for a user who is away, or for a device whose stream is lost, is told to the push
/// service that the device named.
/// Spec: XEP-0357 0.4.1; XEP-0198 (hibernation) and XEP-0352 (inactive clients) say who sleeps.
/// Not here: what is worth it (rules.h), the XML (notification.h).
#include "signaling/modules/push/push.h"

#include <algorithm>
#include <stdexcept>

#include "config/base/log.h"
#include "config/problem.h"
#include "config/schema.h"
#include "signaling/modules/push/notification.h"
#include "signaling/session/session.h"
#include "signaling/storage/storage.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using namespace std::chrono_literals;
using session::Account;
using session::Session;
using storage::PushRegistration;
using xmpp::Jid;
using xmpp::Stanza;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{
    .name = "push", .xep = 357, .version = "0.4.1", .summary = "wakes sleeping devices for messages and calls"};
constexpr int kPriority = 850;               // what was taken before does not come
constexpr int kBeforePresence = 99;          // which takes requests
constexpr std::size_t kMaxUnderWay = 8;      // publishes to one device: a call does not wait for an answer
constexpr std::size_t kMaxBeforeLoaded = 8;  // events of one account while its registrations are read

struct Settings {
    bool sender = false;
    bool body = false;
    bool inactive_clients = false;
    bool others_online = false;
    std::uint64_t devices = 16;
    std::uint64_t max_failures = 5;
    config::Duration timeout = 30s;
};

Settings read_settings(const config::Value& table) {
    Settings s;
    if (table.is_null()) return s;
    config::Schema schema;
    schema.boolean("sender", s.sender, "Whether push services learn who wrote last.")
        .boolean("body", s.body, "Whether push services learn what was written last.")
        .boolean("inactive_clients", s.inactive_clients,
                 "Whether a connected client that says it is inactive is woken like one that is gone.")
        .boolean("others_online", s.others_online,
                 "Whether a device that is gone is woken although another one is connected. For calls it always is.")
        .integer("devices", s.devices, 1, 1000, "Devices of one user.")
        .integer("max_failures", s.max_failures, 1, 1000,
                 "Failures in a row after which a push service is not asked again.")
        .duration("timeout", s.timeout, 1s, 10min, "Time that a push service has to answer.");
    config::Problems problems;
    schema.read(table, "module.push", problems);
    if (!problems.empty()) throw std::invalid_argument{config::to_text(problems, {})};
    return s;
}

/// Which registration is that of a session: a slot of the session.
struct Device {
    Jid service;
    std::string node;
    bool is(const PushRegistration& registration) const {
        return service == registration.service && node == registration.node;
    }
};

struct Known {
    PushRegistration registration;
    std::size_t under_way = 0;        // publishes without an answer
    std::optional<PushEvent> behind;  // what came meanwhile: told when the answer is there
};

/// What is known of a user's devices: a slot of the account.
struct Devices {
    enum class State { unknown, loading, known } state = State::unknown;
    std::vector<Known> list;
    struct Event {
        PushEvent event;
        std::optional<Device> of;  // nothing: of all who are away
    };
    std::vector<Event> before;

    Known* find(const Jid& service, std::string_view node) {
        const auto at = std::ranges::find_if(list, [&](const auto& each) {
            return each.registration.service == service && each.registration.node == node;
        });
        return at == list.end() ? nullptr : &*at;
    }
};

class Push final : public Module {
  public:
    explicit Push(ModuleContext& context) : context_{context}, settings_{read_settings(context.settings())} {
        for (const auto target : {Target::host, Target::account}) hooks_ += context.feature(kPushNs, target);
        hooks_ += context.iq_async(Target::account, "set", kPushNs, "enable",
                                   [this](const Stanza& iq) { return enable(iq); });
        hooks_ += context.iq_async(Target::account, "set", kPushNs, "disable",
                                   [this](const Stanza& iq) { return disable(iq); });
        hooks_ += context.intercept(Stage::to_local, kPriority, [this](Stanza& stanza) {
            return stanza.is_message() ? came(stanza) : Verdict::pass;
        });
        hooks_ += context.intercept(Stage::to_local, kBeforePresence, [this](Stanza& stanza) {
            return stanza.is_presence() ? came(stanza) : Verdict::pass;
        });
        SessionEvents events;
        events.resumed = [this](Session& session) { seen(session); };
        events.waiting = [this](Session& session, const xml::Element& stanza) { waits(session, stanza); };
        hooks_ += context.sessions(std::move(events));
    }

  private:
    // ---- who is to be woken

    /// Of the user's own sessions only.
    Session* asker(const Stanza& iq) {
        if (!iq.to().empty() && iq.to().bare() != iq.from().bare()) return nullptr;
        auto* account = context_.account(iq.from().bare());
        return account ? account->session(iq.from().resource()) : nullptr;
    }

    awaitable<IqReply> enable(const Stanza& iq) {
        const auto full = iq.from();
        if (!asker(iq)) co_return std::unexpected{StanzaError::forbidden()};
        auto wanted = read_enable(*iq.payload());
        if (!wanted) co_return std::unexpected{wanted.error()};
        const auto user = full.bare();
        PushRegistration copy = *wanted;
        const bool kept = co_await context_.storage().pushes().put(user, std::move(copy), settings_.devices);
        if (!kept) co_return std::unexpected{StanzaError::resource_constraint().with_text("you have too many devices")};
        auto* account = context_.account(user);
        if (!account) co_return std::nullopt;
        if (auto* session = account->session(full.resource()))
            session->slots().get<Device>() = {wanted->service, wanted->node};
        auto& devices = account->slots().get<Devices>();
        if (devices.state != Devices::State::known) {
            devices.state = Devices::State::unknown;  // what is being read may be older
        } else if (auto* known = devices.find(wanted->service, wanted->node)) {
            known->registration = std::move(*wanted);
        } else {
            devices.list.push_back({std::move(*wanted), 0, std::nullopt});
        }
        co_return std::nullopt;
    }

    awaitable<IqReply> disable(const Stanza& iq) {
        if (!asker(iq)) co_return std::unexpected{StanzaError::forbidden()};
        const auto* payload = iq.payload();
        const auto service = Jid::parse(payload->attribute("jid"));
        if (!service) co_return std::unexpected{StanzaError::bad_request()};
        std::optional<std::string> node;
        if (payload->has_attribute("node")) node = payload->attribute("node");
        const auto user = iq.from().bare();
        co_await forget(user, *service, node);
        co_return std::nullopt;
    }

    awaitable<void> forget(Jid user, Jid service, std::optional<std::string> node) {
        if (auto* account = context_.account(user)) {
            auto& devices = account->slots().get<Devices>();
            if (devices.state == Devices::State::loading) devices.state = Devices::State::unknown;
            std::erase_if(devices.list, [&](const auto& each) {
                return each.registration.service == service && (!node || each.registration.node == *node);
            });
        }
        co_await context_.storage().pushes().erase(user, service, node);
    }

    // ---- what they are woken for

    Verdict came(Stanza& stanza) {
        if (stanza.redelivered()) return Verdict::pass;
        auto* account = context_.account(stanza.to().bare());
        if (!account || !account->exists()) return Verdict::pass;
        if (is_dismissal(stanza)) return Verdict::taken;
        auto event = push_event(stanza.element(), account->jid().str());
        if (event.weight == PushWeight::none) return Verdict::pass;
        // Somebody is there to see it; but a call rings everywhere.
        if (event.weight != PushWeight::call && !settings_.others_online && is_attended(*account)) return Verdict::pass;
        tell(*account, {std::move(event), std::nullopt});
        return Verdict::pass;
    }

    static bool is_attended(Account& account) {
        return std::ranges::any_of(account.sessions(), [](const Session* session) {
            return session->available() && session->priority() >= 0 && !session->hibernating();
        });
    }

    /// §7: the service wants to hear no more of that device.
    bool is_dismissal(const Stanza& stanza) {
        const auto* pubsub = stanza.is_message() ? stanza.element().child("pubsub", kPubsub) : nullptr;
        const auto* affiliation = pubsub ? pubsub->child("affiliation", kPubsub) : nullptr;
        if (!affiliation || affiliation->attribute("affiliation") != "none") return false;
        const auto of = Jid::parse(affiliation->attribute("jid"));
        const auto user = stanza.to().bare();
        if (!of || of->bare() != user) return false;
        context_.spawn(forget(user, stanza.from(), std::string{pubsub->attribute("node")}));
        return true;
    }

    /// Something is queued for a client that does not look.
    void waits(Session& session, const xml::Element& stanza) {
        const auto* device = session.slots().find<Device>();
        if (!device || (!session.hibernating() && !settings_.inactive_clients)) return;
        auto event = push_event(stanza, session.account().jid().str());
        if (event.weight != PushWeight::none) tell(session.account(), {std::move(event), *device});
    }

    /// The device is here again: what it missed it is given.
    void seen(Session& session) {
        const auto* device = session.slots().find<Device>();
        auto* devices = session.account().slots().find<Devices>();
        auto* known = device && devices ? devices->find(device->service, device->node) : nullptr;
        if (!known) return;
        known->behind.reset();
        if (std::exchange(known->registration.messages, 0) != 0)
            context_.spawn(count(session.account().jid(), known->registration));
    }

    // ---- waking

    void tell(Account& account, Devices::Event event) {
        auto& devices = account.slots().get<Devices>();
        if (devices.state == Devices::State::known) return wake(account, devices, event);
        if (devices.before.size() < kMaxBeforeLoaded) {
            devices.before.push_back(std::move(event));
        } else if (event.event.weight == PushWeight::call) {
            devices.before.back() = std::move(event);
        }
        if (devices.state == Devices::State::loading) return;
        devices.state = Devices::State::loading;
        context_.spawn(load(account.jid()));
    }

    awaitable<void> load(Jid user) {
        for (;;) {
            std::vector<PushRegistration> found;
            bool failed = false;
            try {
                found = co_await context_.storage().pushes().load(user);
            } catch (const storage::StorageError& error) {
                log::error("nobody is woken", {{"user", user.str()}, {"reason", error.what()}});
                failed = true;
            }
            auto* account = context_.account(user);
            if (!account) co_return;
            auto& devices = account->slots().get<Devices>();
            if (failed) {
                devices = {};
                co_return;
            }
            if (devices.state == Devices::State::unknown) {  // changed meanwhile: read again
                devices.state = Devices::State::loading;
                continue;
            }
            devices.state = Devices::State::known;
            devices.list.clear();
            for (auto& registration : found) devices.list.push_back({std::move(registration), 0, std::nullopt});
            for (const auto& event : std::exchange(devices.before, {})) wake(*account, devices, event);
            co_return;
        }
    }

    void wake(Account& account, Devices& devices, const Devices::Event& event) {
        for (auto& known : devices.list) {
            const bool meant = event.of ? event.of->is(known.registration) : !is_here(account, known.registration);
            if (!meant) continue;
            if (event.event.weight == PushWeight::message) ++known.registration.messages;
            const bool urgent = event.event.weight == PushWeight::call;
            if (known.under_way > 0 && (!urgent || known.under_way >= kMaxUnderWay)) {
                known.behind = event.event;
            } else {
                publish(account, known, event.event);
            }
        }
    }

    /// Whether a session of that device is bound: then SessionEvents::waiting tells of it.
    static bool is_here(Account& account, const PushRegistration& registration) {
        return std::ranges::any_of(account.sessions(), [&](Session* session) {
            const auto* device = session->slots().find<Device>();
            return device && device->is(registration);
        });
    }

    void publish(Account& account, Known& known, const PushEvent& event) {
        PushSummary summary{
            .messages = known.registration.messages, .requests = waiting_requests(account, event), .last = event};
        if (!settings_.sender) summary.last.sender.clear();
        if (!settings_.body) summary.last.body.clear();
        auto iq = Stanza::iq("set", "", context_.host(), known.registration.service);
        iq.element().append(notification(known.registration, summary));
        ++known.under_way;
        context_.ask(std::move(iq), settings_.timeout,
                     [this, user = account.jid(), service = known.registration.service, node = known.registration.node](
                         std::optional<Stanza> answer) { answered(user, service, node, answer); });
    }

    /// The one that has just come is not in the roster yet.
    static std::size_t waiting_requests(const Account& account, const PushEvent& event) {
        auto count = static_cast<std::size_t>(
            std::ranges::count_if(account.roster().items, [](const auto& each) { return each.pending_in; }));
        if (event.weight != PushWeight::request) return count;
        const auto sender = Jid::parse(event.sender);
        const auto* item = sender ? account.roster().find(sender->bare()) : nullptr;
        return item && item->pending_in ? count : count + 1;
    }

    void answered(const Jid& user, const Jid& service, const std::string& node, const std::optional<Stanza>& answer) {
        auto* account = context_.account(user);
        auto* devices = account ? account->slots().find<Devices>() : nullptr;
        auto* known = devices ? devices->find(service, node) : nullptr;
        if (!known) return;
        if (known->under_way > 0) --known->under_way;
        auto& registration = known->registration;
        if (answer && !answer->is_error()) {
            registration.failures = 0;
        } else {
            ++registration.failures;
            const bool over = answer && is_final(*answer);
            if (over || registration.failures >= settings_.max_failures) {
                log::info("a push service is given up", {{"user", user.str()}, {"service", service.str()}});
                context_.spawn(forget(user, service, node));
                return;
            }
        }
        if (known->behind && known->under_way == 0) {
            const auto behind = std::exchange(known->behind, std::nullopt);
            publish(*account, *known, *behind);
        } else {
            context_.spawn(count(user, registration));
        }
    }

    /// There is no such node, and there will be none.
    static bool is_final(const Stanza& answer) {
        const auto* error = answer.element().child("error");
        return error && (error->child("item-not-found") || error->child("gone"));
    }

    awaitable<void> count(Jid user, PushRegistration registration) {
        co_await context_.storage().pushes().count(std::move(user), std::move(registration));
    }

    ModuleContext& context_;
    Settings settings_;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor push() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Push>(context); }};
}

}  // namespace carillon::modules
