/// The directory of a domain, search.DOMAIN: users who let others find them are found by what their vCards say.
/// Spec: XEP-0055 1.3 §2 (use), §3 (data forms), §5 (privacy).
/// Not here: vCards (modules/vcard).
#include "signaling/modules/search/search.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "signaling/modules/service_domain.h"
#include "signaling/modules/settings.h"
#include "signaling/pubsub/form.h"
#include "signaling/storage/directory_store.h"
#include "signaling/xml/stream_parser.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using storage::DirectoryEntry;
using storage::DirectoryQuery;
using xml::Element;
using xmpp::Jid;
using xmpp::Stanza;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{
    .name = "search", .xep = 55, .version = "1.3", .summary = "a directory of users who wish it"};
constexpr std::string_view kNs = "jabber:iq:search";
constexpr std::string_view kForm = "jabber:x:data";
constexpr std::string_view kTemp = "vcard-temp";
constexpr std::string_view kNode = "urn:carillon:directory";
constexpr std::size_t kMaxText = 255;
constexpr std::size_t kMinText = 2;  // of what is looked for in all: nobody reads the directory letter by letter

struct Column {
    std::string_view name;
    std::string_view label;
    std::string DirectoryQuery::* wanted;
};
constexpr auto kColumns = std::to_array<Column>({{"search", "Anything", &DirectoryQuery::anywhere},
                                                 {"user", "User name", &DirectoryQuery::user},
                                                 {"first", "Given name", &DirectoryQuery::first},
                                                 {"last", "Family name", &DirectoryQuery::last},
                                                 {"nick", "Nickname", &DirectoryQuery::nick},
                                                 {"email", "E-mail", &DirectoryQuery::email}});

class Search final : public Module {
  public:
    explicit Search(ModuleContext& context) : context_{context}, store_{storage::directory_of(context.storage())} {
        std::string address;
        config::Schema schema;
        schema
            .text("address", address, "Domain of the directory; empty: search. before the host's.",
                  check_service_address)
            .choice("listed", listed_, {"who_asks", "all"},
                    "Who is in it: users who ask to be, or all who have a vCard; a user may always leave.")
            .integer("results", results_, 1, 1000, "Users in one answer.");
        read_settings(context, schema, kInfo.name);
        if (!store_) return;
        hooks_ += context.command({std::string{kNode}, "Be found in the directory",
                                   [this](const Jid& who) { return is_user(who); },
                                   [this](CommandCall call) { return opt(std::move(call)); }});
        hooks_ += context.intercept(Stage::from_local, 200, [this](Stanza& stanza) {
            notice(stanza);
            return Verdict::pass;
        });
        service_.emplace(context, ServiceAbout{.jid = service_address(context, address, "search"),
                                               .name = "User Directory",
                                               .category = "directory",
                                               .type = "user",
                                               .features = {std::string{kNs}}});
        service_->on("get", std::string{kNs}, "query", [this](const Stanza& iq) { return fields(iq); });
        service_->on("set", std::string{kNs}, "query", [this](const Stanza& iq) { return find(iq); });
    }

  private:
    static IqReply refusal(StanzaError error) { return IqReply{std::unexpect, std::move(error)}; }
    bool is_user(const Jid& who) const { return who.domain() == context_.host().domain() && !who.node().empty(); }

    // ---- searching

    awaitable<IqReply> fields(const Stanza& iq) {
        if (!is_user(iq.from())) co_return refusal(StanzaError::forbidden());
        Element query{"query", kNs};
        query.add("instructions").add_text("Fill in what you know; a part will do.");
        for (const auto* name : {"first", "last", "nick", "email"}) query.add(name);
        pubsub::FormWriter writer{"form", kNs};
        writer.title("User Directory");
        for (const auto& column : kColumns) writer.text(column.name, column.label, "");
        query.append(writer.take());
        co_return IqReply{std::move(query)};
    }

    awaitable<IqReply> find(const Stanza& iq) {
        if (!is_user(iq.from())) co_return refusal(StanzaError::forbidden());
        const auto* x = iq.payload()->child("x", kForm);
        auto wanted = x ? from_form(*x) : from_children(*iq.payload());
        if (!wanted) co_return refusal(StanzaError::bad_request());
        std::size_t letters = 0;
        for (const auto& column : kColumns) letters += (*wanted.*column.wanted).size();
        if (letters < kMinText) co_return refusal(StanzaError::not_acceptable().with_text("Say what to look for."));
        const auto found = co_await store_->find(std::move(*wanted));
        co_return IqReply{x ? as_form(found) : as_items(found)};
    }

    std::optional<DirectoryQuery> from_form(const Element& x) const {
        const auto form = pubsub::read_form(x);
        if (!form || form->cancelled) return std::nullopt;
        return query_of([&](std::string_view name) { return form->first(name); });
    }
    std::optional<DirectoryQuery> from_children(const Element& query) const {
        return query_of([&](std::string_view name) { return query.child_text(name, kNs); });
    }
    template <class F>
    std::optional<DirectoryQuery> query_of(F text_of) const {
        DirectoryQuery query;
        query.domain = context_.host().str();
        query.limit = results_;
        for (const auto& column : kColumns) {
            auto text = text_of(column.name);
            if (text.size() > kMaxText) return std::nullopt;
            std::erase(text, '*');  // some clients mean "anything" by it
            query.*column.wanted = std::move(text);
        }
        return query;
    }

    static Element as_items(const std::vector<DirectoryEntry>& found) {
        Element query{"query", kNs};
        for (const auto& entry : found) {
            auto& item = query.add("item").set("jid", entry.user.str());
            item.add("first").add_text(entry.first);
            item.add("last").add_text(entry.last);
            item.add("nick").add_text(entry.nick.empty() ? entry.name : entry.nick);
            item.add("email").add_text(entry.email);
        }
        return query;
    }

    static Element as_form(const std::vector<DirectoryEntry>& found) {
        Element query{"query", kNs};
        auto& x = query.add("x", kForm).set("type", "result");
        x.add("field").set("var", "FORM_TYPE").set("type", "hidden").add("value").add_text(kNs);
        auto& reported = x.add("reported");
        const auto column = [&](std::string_view var, std::string_view label, std::string_view type) {
            reported.add("field").set("var", var).set("label", label).set("type", type);
        };
        column("jid", "Address", "jid-single");
        for (const auto& [var, label] :
             {std::pair{"name", "Name"}, std::pair{"first", "Given name"}, std::pair{"last", "Family name"},
              std::pair{"nick", "Nickname"}, std::pair{"email", "E-mail"}})
            column(var, label, "text-single");
        for (const auto& entry : found) {
            auto& item = x.add("item");
            const auto field = [&](std::string_view var, const std::string& value) {
                item.add("field").set("var", var).add("value").add_text(value);
            };
            field("jid", entry.user.str());
            field("name", entry.name);
            field("first", entry.first);
            field("last", entry.last);
            field("nick", entry.nick);
            field("email", entry.email);
        }
        return query;
    }

    // ---- who is in it

    /// A command with one question: found or not.
    awaitable<CommandReply> opt(CommandCall call) {
        const auto user = call.from.bare();
        CommandStep step;
        if (!call.form) {
            const bool listed = co_await store_->contains(user);
            pubsub::FormWriter writer{"form", kNode};
            writer.title("User Directory").boolean("listed", "Let other users of this server find me", listed);
            step.completed = false;
            step.form = writer.take();
            step.actions = {"complete"};
            co_return CommandReply{std::move(step)};
        }
        const auto form = pubsub::read_form(*call.form);
        const auto wish = form ? pubsub::read_boolean(form->first("listed")) : std::nullopt;
        if (!wish) co_return CommandReply{std::unexpect, StanzaError::bad_request()};
        const storage::UserDataStore::Bounds bounds{.entries = 4, .octets = 4096};
        co_await context_.storage().user_data().put(user, "directory", "listed", *wish ? "1" : "0", bounds);
        co_await refresh(user);
        step.note = *wish ? "Other users find you from now on." : "Nobody finds you from now on.";
        co_return CommandReply{std::move(step)};
    }

    /// A vCard that has changed is read again when it has been stored, whichever way it was sent.
    void notice(const Stanza& iq) {
        if (!iq.is_iq() || iq.type() != "set" || !iq.payload()) return;
        const auto& payload = *iq.payload();
        const auto* publish = payload.child("publish");
        const bool card = payload.is("vCard", kTemp) || (publish && publish->attribute("node") == "urn:xmpp:vcard4");
        if (!card || waiting_.size() >= kMaxWaiting) return;
        const auto user = iq.from().bare();
        waiting_.insert_or_assign(user, context_.after(std::chrono::seconds{1}, [this, user] {
            context_.spawn(refresh(user));
            expired_.push_back(user);  // its registration is running just now
            context_.on_owner(context_.shard(), [](Module& there) { static_cast<Search&>(there).forget(); });
        }));
    }
    void forget() {
        for (const auto& user : std::exchange(expired_, {})) waiting_.erase(user);
    }

    awaitable<bool> wishes(Jid user) {
        const auto said = co_await context_.storage().user_data().get(std::move(user), "directory", "listed");
        co_return said ? *said == "1" : listed_ == "all";
    }

    awaitable<void> refresh(Jid user) {
        const bool listed = co_await wishes(user);
        if (!listed) co_return co_await store_->erase(user);
        const auto text = co_await context_.storage().user_data().get(user, "vcard", "vcard-temp");
        const auto card = xml::parse_document(text.value_or(std::string{}));
        co_await store_->put(entry_of(user, card ? &*card : nullptr));
    }

    static DirectoryEntry entry_of(const Jid& user, const Element* card) {
        DirectoryEntry entry{.user = user};
        if (!card) return entry;
        const auto cut = [](std::string text) { return text.substr(0, kMaxText); };
        entry.name = cut(card->child_text("FN"));
        entry.nick = cut(card->child_text("NICKNAME"));
        if (const auto* name = card->child("N")) {
            entry.first = cut(name->child_text("GIVEN"));
            entry.last = cut(name->child_text("FAMILY"));
        }
        if (const auto* email = card->child("EMAIL")) entry.email = cut(email->child_text("USERID"));
        return entry;
    }

    static constexpr std::size_t kMaxWaiting = 1000;
    ModuleContext& context_;
    storage::DirectoryStore* store_;
    std::string listed_ = "who_asks";
    std::size_t results_ = 50;
    std::map<Jid, Registration> waiting_;  ///< users whose vCards are about to be read
    std::vector<Jid> expired_;
    std::optional<ServiceDomain> service_;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor search() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Search>(context); }};
}

}  // namespace carillon::modules
