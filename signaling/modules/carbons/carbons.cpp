/// Copies of messages for those of a user's devices that ask for them.
/// Spec: XEP-0280 1.0.1.
/// Not here: which messages (rules.h); that a copy is never delivered a second way when its stream dies (router/).
#include "signaling/modules/carbons/carbons.h"

#include <algorithm>
#include <array>
#include <atomic>

#include "signaling/modules/carbons/rules.h"
#include "signaling/session/session.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using session::Account;
using session::Session;
using xmpp::Stanza;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{
    .name = "carbons", .xep = 280, .version = "1.0.1", .summary = "copies of messages for all of a user's devices"};
constexpr std::string_view kNs = "urn:xmpp:carbons:2";
constexpr std::string_view kForward = "urn:xmpp:forward:0";
constexpr int kPriority = 900;  // after all that may forbid, take or change a message

/// Sessions of the process that have copies on. While it is zero a message costs one look at it.
std::atomic<std::size_t> sessions_with_copies{0};

/// A session's wish; there while it is on.
struct Wish {
    Wish() { sessions_with_copies.fetch_add(1, std::memory_order_relaxed); }
    ~Wish() { sessions_with_copies.fetch_sub(1, std::memory_order_relaxed); }
    Wish(const Wish&) = delete;
    Wish& operator=(const Wish&) = delete;
};

/// What a session sent of late that others were shown: an error that answers it is shown to them too (§6.1).
struct Shown {
    static constexpr std::size_t kRemembered = 32;
    std::array<std::size_t, kRemembered> keys{};
    std::size_t next = 0;

    static std::size_t key(const xmpp::Jid& peer, std::string_view id) {
        return std::hash<std::string_view>{}(peer.str()) * 31 + std::hash<std::string_view>{}(id);
    }
    void remember(const Stanza& message) {
        if (!message.id().empty()) keys[next++ % kRemembered] = key(message.to(), message.id());
    }
    bool knows(const Stanza& error) const {
        return !error.id().empty() && std::ranges::find(keys, key(error.from(), error.id())) != keys.end();
    }
};

class Carbons final : public Module {
  public:
    explicit Carbons(ModuleContext& context) : context_{context}, copies_{context.counter("copies")} {
        hooks_ += context.feature(kNs);
        hooks_ += context.feature("urn:xmpp:carbons:rules:0");
        for (const auto on : {true, false}) {
            hooks_ += context.iq(Target::account, "set", kNs, on ? "enable" : "disable",
                                 [this, on](const Stanza& iq) { return change(iq, on); });
        }
        hooks_ += context.intercept(Stage::from_local, kPriority, [this](Stanza& stanza) {
            if (stanza.is_message() && sessions_with_copies.load(std::memory_order_relaxed) != 0) sent(stanza);
            return Verdict::pass;
        });
        hooks_ += context.intercept(Stage::to_local, kPriority, [this](Stanza& stanza) {
            if (stanza.is_message() && sessions_with_copies.load(std::memory_order_relaxed) != 0) received(stanza);
            return Verdict::pass;
        });
    }

  private:
    /// §4, §5: of one's own sessions only.
    IqReply change(const Stanza& iq, bool on) {
        if (!iq.to().empty() && !iq.to().same_bare(iq.from())) return std::unexpected{StanzaError::not_allowed()};
        auto* account = context_.account(iq.from().bare());
        auto* session = account ? account->session(iq.from().resource()) : nullptr;
        if (!session) return std::unexpected{StanzaError::not_allowed()};
        set_carbons(*session, on);
        return std::nullopt;
    }

    /// §8: to the sender's other devices. What one sends to oneself they get as addressees.
    void sent(const Stanza& message) {
        if (message.to().empty() || message.to().same_bare(message.from())) return;
        if (!wants_copies(message, CopySide::sent)) return;
        auto* account = context_.account(message.from().bare());
        if (!account) return;
        const auto resource = message.from().resource();
        const bool any =
            copy(*account, message, "sent", [&](Session& session) { return session.jid().resource() != resource; });
        auto* sender = any ? account->session(resource) : nullptr;
        if (sender) sender->slots().get<Shown>().remember(message);
    }

    /// §7: to the addressee's devices that RFC 6121 §8.5 gives nothing.
    void received(const Stanza& message) {
        const bool is_error = message.type() == "error";
        if (!is_error && !wants_copies(message, CopySide::received)) return;
        auto* account = context_.account(message.to().bare());
        if (!account) return;
        auto* addressed = message.to().is_full() ? account->session(message.to().resource()) : nullptr;
        if (is_error) {
            auto* shown = addressed ? addressed->slots().find<Shown>() : nullptr;
            if (!shown || !shown->knows(message)) return;
        } else if (message.to().is_full() && !addressed && message.type() != "chat") {
            return;  // it is refused: nobody gets it
        }
        copy(*account, message, "received", [&](Session& session) {
            if (session.jid() == message.from()) return false;  // it is the sender's own
            if (addressed) return &session != addressed;
            return !session.available() || session.priority() < 0;
        });
    }

    /// Whether anybody got one. The message is copied once, when the first who wants it is found.
    template <class Choice>
    bool copy(Account& account, const Stanza& message, std::string_view side, Choice chosen) {
        std::optional<xml::Element> wrapper;
        for (auto* session : account.sessions()) {
            if (!session->slots().find<Wish>() || !chosen(*session)) continue;
            if (!wrapper) wrapper = wrap(account, message, side);
            wrapper->set("to", session->jid().str());
            // Who has a copy of what came in need not be given the message when the addressed device dies.
            session->deliver(*wrapper, side == "received" ? message.custody() : nullptr);
            copies_.add();
        }
        return wrapper.has_value();
    }

    static xml::Element wrap(const Account& account, const Stanza& message, std::string_view side) {
        xml::Element wrapper{"message", "jabber:client"};
        wrapper.set("from", account.jid().str());
        if (!message.type().empty()) wrapper.set("type", message.type());
        wrapper.add(side, kNs).add("forwarded", kForward).append(message.element());
        return wrapper;
    }

    ModuleContext& context_;
    Counter& copies_;
    Registrations hooks_;
};

}  // namespace

void set_carbons(session::Session& session, bool on) {
    if (on) {
        session.slots().get<Wish>();
    } else {
        session.slots().drop<Wish>();
    }
}

bool has_carbons(session::Session& session) { return session.slots().find<Wish>() != nullptr; }

runtime::ModuleDescriptor carbons() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Carbons>(context); }};
}

}  // namespace carillon::modules
