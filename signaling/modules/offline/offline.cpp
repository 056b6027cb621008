/// Keeps messages for users who are away, and hands them over when one of their resources comes.
/// Spec: XEP-0160 1.0.1, XEP-0386 1.1.0 §3.2 (what the archive has is read there), XEP-0203 (delay), XEP-0334 (hints),
/// XEP-0353 (call messages).
#include "signaling/modules/offline/offline.h"

#include <algorithm>

#include "config/base/log.h"
#include "signaling/session/client_software.h"
#include "signaling/session/session.h"
#include "signaling/storage/storage.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using session::Session;
using xmpp::Stanza;

constexpr ModuleInfo kInfo{
    .name = "offline", .xep = 160, .version = "1.0.1", .summary = "messages for users who are away"};
constexpr std::string_view kHints = "urn:xmpp:hints";
constexpr std::int64_t kDefaultLimit = 1000;

/// Whether a message is worth keeping: anything that says more than "is typing".
bool says_something(const xml::Element& message) {
    return std::ranges::any_of(message.children(), [](const xml::Element* child) {
        return child->ns() != "http://jabber.org/protocol/chatstates" && child->ns() != kHints &&
               child->name() != "thread";
    });
}

/// Whether the user finds it in the archive as well.
bool is_archived(const xml::Element& message, const xmpp::Jid& user) {
    return std::ranges::any_of(message.children(), [&](const xml::Element* child) {
        return child->is("stanza-id", "urn:xmpp:sid:0") && child->attribute("by") == user.str();
    });
}

struct Handover {
    bool running = false;
};

class Offline final : public Module {
  public:
    explicit Offline(ModuleContext& context)
        : context_{context},
          limit_{static_cast<std::size_t>(
              std::max<std::int64_t>(context.settings()["limit"].value_or(kDefaultLimit), 0))} {
        hooks_ += context.feature("msgoffline");
        hooks_ += context.undelivered(100, [this](const Stanza& message) { return keep(message); });
        hooks_ += context.sessions({.bound = {},
                                    .available = {},
                                    .unavailable = {},
                                    .closed = {},
                                    .presence = [this](Session& session, const Stanza&) { came(session); }});
    }

  private:
    awaitable<bool> keep(const Stanza& message) {
        const auto& element = message.element();
        if (message.type() == "headline") co_return false;
        if (!says_something(element)) co_return true;  // an old "is typing" helps nobody
        if (element.child("no-store", kHints) || element.child("no-permanent-store", kHints)) {
            co_return element.child("body") == nullptr;  // with a body the sender is told that it did not arrive
        }
        const auto user = message.to().bare();
        xml::Element copy = element;
        const auto now = context_.clock().wall();
        co_return co_await context_.storage().offline().push(user, std::move(copy), now, limit_);
    }

    /// XEP-0160 §3: to the first resource with a priority that is not negative.
    void came(Session& session) {
        if (!session.available() || session.priority() < 0) return;
        auto& handover = session.account().slots().get<Handover>();
        if (std::exchange(handover.running, true)) return;
        // What comes for the account meanwhile waits behind what is older.
        context_.spawn(hand_over(session.jid(), context_.hold(session.account().jid())));
    }

    awaitable<void> hand_over(xmpp::Jid to, std::shared_ptr<void> turn) {
        const auto user = to.bare();
        try {
            std::int64_t last = 0;
            auto messages = co_await context_.storage().offline().load(user);
            // The session may have gone while the disk was at work: then all stays where it is.
            auto* account = context_.account(user);
            auto* session = account ? account->session(to.resource()) : nullptr;
            if (session && session->available() && session->priority() >= 0) {
                const auto& blocked = account->roster().blocked;
                const auto* client = session->slots().find<session::ClientSoftware>();
                const auto synchronises = client ? client->synchronises : std::nullopt;
                for (auto& message : messages) {
                    last = message.id;
                    if (const auto from = xmpp::Jid::parse(message.stanza.attribute("from"));
                        from && !from->same_bare(user) && blocked.blocks(*from))
                        continue;  // XEP-0191: blocked since; nothing of theirs is delivered
                    if (synchronises && message.stored < *synchronises && is_archived(message.stanza, user)) continue;
                    stamp(message.stanza, message.stored);
                    session->send(message.stanza);
                }
            }
            turn.reset();
            if (last != 0) co_await context_.storage().offline().erase_up_to(user, last);
        } catch (const std::exception& error) {
            log::error("offline messages stay stored", {{"user", user.str()}, {"reason", error.what()}});
        }
        if (auto* account = context_.account(user)) account->slots().get<Handover>().running = false;
    }

    /// XEP-0203: who delayed it, and since when.
    void stamp(xml::Element& message, WallTime stored) {
        message.add("delay", "urn:xmpp:delay")
            .set("from", context_.host().str())
            .set("stamp", xmpp::to_datetime(stored))
            .add_text("Offline Storage");
    }

    ModuleContext& context_;
    std::size_t limit_;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor offline() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Offline>(context); }};
}

}  // namespace carillon::modules
