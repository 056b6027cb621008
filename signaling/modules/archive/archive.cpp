/// Keeps what users say to one another, and gives it to their devices when they ask.
/// Spec: XEP-0313 1.1.3, XEP-0441 0.2.0 (preferences), XEP-0359 0.7.0 (stanza ids).
/// Not here: which messages (rules.h), queries as XML (query.h), rooms.
#include "signaling/modules/archive/archive.h"

#include <stdexcept>

#include "config/base/log.h"
#include "config/problem.h"
#include "config/schema.h"
#include "signaling/modules/archive/preferences.h"
#include "signaling/modules/archive/rules.h"
#include "signaling/session/archive_query.h"
#include "signaling/session/session.h"
#include "signaling/storage/storage.h"
#include "signaling/xml/writer.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using namespace std::chrono_literals;
using session::Account;
using session::fin;
using session::kArchiveNs;
using session::metadata;
using session::query_form;
using session::read_query;
using session::result_message;
using storage::ArchivePreferences;
using xmpp::Jid;
using xmpp::Stanza;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{
    .name = "archive", .xep = 313, .version = "1.1.3", .summary = "conversations kept on the server"};
constexpr int kPriority = 800;       // after all that may forbid or take a message, before copies of it are made
constexpr int kAfterCopies = 1'000;  // the sender's id is for the sender's own devices
constexpr int kAfterOffline = 200;   // of those who take care of what is undelivered
constexpr std::size_t kOwnersAtOnce = 100;
constexpr std::size_t kRowsAtOnce = 1'000;  // of one owner in one transaction
constexpr std::chrono::hours kBelieved{24};
constexpr config::Duration kFirstSweep = 1min;  // after the start, which has other work

struct Settings {
    std::string otherwise = "always";
    config::Duration keep = 0s;
    std::uint64_t messages = 0;
    std::size_t octets = 0;
    config::Duration sweep = 24h;
    std::uint64_t page = 250;
};

Settings read_settings(const config::Value& table) {
    Settings s;
    if (table.is_null()) return s;
    config::Schema schema;
    schema
        .choice("default", s.otherwise, {"always", "roster", "never"},
                "Whose messages are kept, for users who have not said otherwise.")
        .duration("keep", s.keep, 0s, 87'600h, "Age at which messages are removed; 0 s: never.")
        .integer("messages", s.messages, 0, 100'000'000, "Messages kept for one user; 0: no bound.")
        .size("octets", s.octets, 0, std::size_t{1} << 50, "Octets kept for one user, the newest; 0: no bound.")
        .duration("sweep", s.sweep, 1s, 168h, "How often it is looked for messages to remove.")
        .integer("page", s.page, 1, 10'000, "Messages in one answer, at most.");
    config::Problems problems;
    schema.read(table, "module.archive", problems);
    if (!problems.empty()) throw std::invalid_argument{config::to_text(problems, {})};
    return s;
}

class Archive final : public Module {
  public:
    explicit Archive(ModuleContext& context) : context_{context}, settings_{read_settings(context.settings())} {
        usual_.otherwise = archive_default(settings_.otherwise).value();
        for (const std::string_view feature :
             {kArchiveNs, std::string_view{"urn:xmpp:mam:2#extended"}, session::kFullText,
              std::string_view{"urn:xmpp:mam:2#groupchat-field"}, kStanzaIds})
            hooks_ += context.feature(feature, Target::account);
        hooks_ += context.feature(kStanzaIds);
        hooks_ += context.intercept(Stage::from_local, kPriority, [this](Stanza& stanza) { return sent(stanza); });
        hooks_ += context.intercept(Stage::from_local, kAfterCopies, [this](Stanza& stanza) {
            if (stanza.is_message()) forget_own_id(stanza);
            return Verdict::pass;
        });
        hooks_ += context.intercept(Stage::to_local, kPriority, [this](Stanza& stanza) { return received(stanza); });
        hooks_ += context.undelivered(kAfterOffline, [this](const Stanza& message) { return is_kept(message); });
        for (const auto* type : {"get", "set"}) {
            hooks_ += context.iq_async(Target::account, type, kArchiveNs, "prefs",
                                       [this](const Stanza& iq) { return preferences(iq); });
        }
        hooks_ += context.iq(Target::account, "get", kArchiveNs, "query", [](const Stanza& iq) -> IqReply {
            if (!is_own(iq)) return std::unexpected{StanzaError::forbidden()};
            return query_form();
        });
        hooks_ += context.iq_async(Target::account, "set", kArchiveNs, "query",
                                   [this](const Stanza& iq) { return query(iq); });
        hooks_ += context.iq_async(Target::account, "get", kArchiveNs, "metadata",
                                   [this](const Stanza& iq) { return ends(iq); });
        context.spawn(load_preferences());
        if (context.shard() == 0 && (settings_.keep > 0s || settings_.messages > 0 || settings_.octets > 0))
            next_sweep_ = context.after(std::min(kFirstSweep, settings_.sweep), [this] { sweep_later(); });
    }

  private:
    // ---- what passes

    Verdict sent(Stanza& stanza) {
        if (!stanza.is_message()) return Verdict::pass;
        const auto owner = stanza.from().bare();
        strip_stanza_ids(stanza.element(), owner);
        // What goes to oneself is archived once, on its way in.
        if (stanza.to().empty() || stanza.to().same_bare(owner)) return Verdict::pass;
        auto* account = context_.account(owner);
        if (!account || !wanted(stanza, *account, stanza.to())) return Verdict::pass;
        const auto id = keep(stanza, owner, stanza.to());
        if (id.empty()) return Verdict::taken;
        if (account->sessions().size() > 1) add_stanza_id(stanza.element(), owner, id);
        return Verdict::pass;
    }

    /// XEP-0313 §3.5: the id is no business of the addressee's.
    static void forget_own_id(Stanza& stanza) {
        if (!stanza.to().empty() && stanza.to().same_bare(stanza.from())) return;
        if (stanza.element().child("stanza-id", kStanzaIds)) strip_stanza_ids(stanza.element(), stanza.from().bare());
    }

    Verdict received(Stanza& stanza) {
        if (!stanza.is_message()) return Verdict::pass;
        const auto owner = stanza.to().bare();
        if (stanza.redelivered() && keep_again(stanza, owner)) return Verdict::pass;
        strip_stanza_ids(stanza.element(), owner);
        auto* account = context_.account(owner);
        if (!account || !account->exists() || !wanted(stanza, *account, stanza.from())) return Verdict::pass;
        // RFC 6121 §8.5.3.2.1: nobody is there for it, and it will be refused.
        if (stanza.to().is_full() && stanza.type() != "chat" && !account->session(stanza.to().resource()))
            return Verdict::pass;
        const auto id = keep(stanza, owner, stanza.from());
        if (id.empty()) return Verdict::taken;
        add_stanza_id(stanza.element(), owner, id);
        return Verdict::pass;
    }

    /// A message that comes a second way has been here before and has its id. Its entry may have been lost with the
    /// process: the store takes it once. Of an id too old to be of that time it is not believed.
    bool keep_again(const Stanza& stanza, const Jid& owner) {
        for (const auto* child : stanza.element().children()) {
            if (!child->is("stanza-id", kStanzaIds) || child->attribute("by") != owner.str()) continue;
            const auto id = storage::ArchiveId::parse(child->attribute("id"));
            const auto now = context_.clock().wall();
            if (!id || id->when() > now + kBelieved || id->when() < now - kBelieved) return false;
            auto original = stanza.element();
            strip_stanza_ids(original, owner);
            return append(stanza, owner, stanza.from(), *id, xml::to_document(original));
        }
        return false;
    }

    bool wanted(const Stanza& message, const Account& account, const Jid& peer) const {
        if (!worth_archiving(message)) return false;
        const auto at = preferences_.find(account.jid());
        return wants_archived(at == preferences_.end() ? usual_ : at->second, account, peer);
    }

    /// The id, or nothing when the message is refused: the disk is too far behind to promise anything.
    std::string keep(const Stanza& message, const Jid& owner, const Jid& peer) {
        const auto id = context_.storage().archive().make_id(context_.clock().wall());
        if (append(message, owner, peer, id, xml::to_document(message.element()))) return id.text();
        context_.reply_error(message, StanzaError::resource_constraint().with_text("the archive is overloaded"));
        return {};
    }

    bool append(const Stanza& message, const Jid& owner, const Jid& peer, const storage::ArchiveId& id,
                std::string text) {
        return context_.storage().archive().append({.id = id,
                                                    .owner = owner.str(),
                                                    .peer = peer.bare().str(),
                                                    .resource = std::string{peer.resource()},
                                                    .stanza = std::move(text),
                                                    .custody = message.custody(),
                                                    .text = session::searchable_text(message.element())});
    }

    /// Whether a message that found nobody is in the archive at least: then it has not failed.
    awaitable<bool> is_kept(const Stanza& message) {
        const auto owner = message.to().bare();
        for (const auto* child : message.element().children()) {
            if (child->is("stanza-id", kStanzaIds) && child->attribute("by") == owner.str()) co_return true;
        }
        co_return false;
    }

    // ---- what users ask

    /// XEP-0313 §8.1: an archive is its owner's alone.
    static bool is_own(const Stanza& iq) { return iq.to().empty() || iq.to().bare() == iq.from().bare(); }

    awaitable<IqReply> query(const Stanza& iq) {
        if (!is_own(iq)) co_return std::unexpected{StanzaError::forbidden()};
        const auto asker = iq.from();
        const auto largest = static_cast<std::size_t>(settings_.page);
        auto request = read_query(*iq.payload(), asker.bare(), {std::min<std::size_t>(100, largest), largest});
        if (!request) co_return std::unexpected{request.error()};
        auto wanted = request->query;
        const auto page = co_await context_.storage().archive().query(std::move(wanted));
        if (!page.all_known) co_return std::unexpected{StanzaError::item_not_found()};
        auto* account = context_.account(asker.bare());
        auto* session = account ? account->session(asker.resource()) : nullptr;
        if (session) {
            const auto give = [&](const storage::ArchivedMessage& message) {
                if (const auto result = result_message(*request, message, asker)) session->send(*result);
            };
            if (request->flip) {
                for (auto at = page.messages.rbegin(); at != page.messages.rend(); ++at) give(*at);
            } else {
                for (const auto& message : page.messages) give(message);
            }
        }
        co_return fin(*request, page);
    }

    awaitable<IqReply> ends(const Stanza& iq) {
        if (!is_own(iq)) co_return std::unexpected{StanzaError::forbidden()};
        auto owner = iq.from().bare();
        const auto found = co_await context_.storage().archive().ends(std::move(owner));
        co_return metadata(found);
    }

    awaitable<IqReply> preferences(const Stanza& iq) {
        if (!is_own(iq)) co_return std::unexpected{StanzaError::forbidden()};
        const auto owner = iq.from().bare();
        if (iq.type() == "set") {
            auto wanted = read_preferences(*iq.payload());
            if (!wanted) co_return std::unexpected{wanted.error()};
            ArchivePreferences copy = *wanted;
            preferences_[owner] = std::move(*wanted);
            co_await context_.storage().archive().set_preferences(owner, std::move(copy));
        }
        const auto at = preferences_.find(owner);
        co_return preferences_element(at == preferences_.end() ? usual_ : at->second);
    }

    /// Of the users of this shard. They are few: most never say anything.
    awaitable<void> load_preferences() {
        std::string domain{context_.host().domain()};
        auto all = co_await context_.storage().archive().preferences(std::move(domain));
        for (auto& [owner, preferences] : all) {
            if (context_.owns(owner)) preferences_.try_emplace(owner, std::move(preferences));
        }
    }

    // ---- what is removed

    void sweep_later() {
        context_.spawn(sweep());
        next_sweep_ = context_.after(settings_.sweep, [this] { sweep_later(); });
    }

    awaitable<void> sweep() {
        auto& store = context_.storage().archive();
        const auto until = settings_.keep > 0s ? context_.clock().wall() - settings_.keep : WallTime{};
        const auto most = static_cast<std::size_t>(settings_.messages);
        std::size_t removed = 0;
        Jid last;
        for (;;) {
            std::string domain{context_.host().domain()};
            const auto owners = co_await store.owners(std::move(domain), last, kOwnersAtOnce);
            if (owners.empty()) break;
            for (const auto& owner : owners) {
                auto before = until;
                if (settings_.octets > 0) {
                    const auto oldest = co_await store.oldest_within(owner, settings_.octets);
                    before = std::max(before, oldest);
                }
                std::size_t gone = kRowsAtOnce;
                while (gone == kRowsAtOnce) {  // others write between two of these
                    gone = co_await store.expire(owner, before, most, kRowsAtOnce);
                    removed += gone;
                }
            }
            last = owners.back();
        }
        if (removed > 0) log::info("archived messages removed", {{"messages", removed}});
    }

    ModuleContext& context_;
    Settings settings_;
    ArchivePreferences usual_;
    std::unordered_map<Jid, ArchivePreferences> preferences_;
    Registration next_sweep_;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor archive() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Archive>(context); }};
}

}  // namespace carillon::modules
