/// Bookmarks of rooms the three ways that clients keep them, in step: a node with an item for each room, and one list
/// of all in a node or in private storage.
/// Spec: XEP-0402 1.2.0 §6 (#compat, #compat-pep); XEP-0048 1.2 (the list); XEP-0049 (private storage).
/// Not here: the node and private storage themselves (modules/pubsub, modules/private_xml).
#include "signaling/modules/bookmarks/bookmarks.h"

#include <algorithm>
#include <map>

#include "signaling/modules/personal_nodes.h"
#include "signaling/storage/storage.h"
#include "signaling/xml/stream_parser.h"
#include "signaling/xml/writer.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using xml::Element;
using xmpp::Jid;
using xmpp::Stanza;

constexpr ModuleInfo kInfo{
    .name = "bookmarks", .xep = 402, .version = "1.2.0", .summary = "keeps old and new bookmarks in step"};
constexpr std::string_view kNode = "urn:xmpp:bookmarks:1";
constexpr std::string_view kList = "storage:bookmarks";
constexpr std::string_view kPrivate = "jabber:iq:private";
constexpr std::string_view kEntry =
    "{storage:bookmarks}storage";  // of private storage, as modules/private_xml names it
constexpr int kLate = 200;
constexpr std::size_t kMost = 1000;  // bookmarks of one user that are kept in step

const NodeOptions kOne{{"access_model", "whitelist"}, {"persist_items", "true"}};
const NodeOptions kItems{{"access_model", "whitelist"},
                         {"persist_items", "true"},
                         {"max_items", "max"},
                         {"send_last_published_item", "never"}};

using Rooms = std::map<std::string, Element>;  ///< <conference/> of XEP-0402 by the room's address

/// §3: the new form of one in the list.
Element to_item(const Element& old) {
    Element item{"conference", kNode};
    if (const auto name = old.attribute("name"); !name.empty()) item.set("name", name);
    const auto join = old.attribute("autojoin");
    if (join == "true" || join == "1") item.set("autojoin", "true");
    for (const auto* part : {"nick", "password"}) {
        if (const auto text = old.child_text(part); !text.empty()) item.add(part).add_text(text);
    }
    return item;
}

Element to_old(const std::string& room, const Element& item) {
    Element old{"conference", kList};
    old.set("jid", room);
    if (const auto name = item.attribute("name"); !name.empty()) old.set("name", name);
    const auto join = item.attribute("autojoin");
    old.set("autojoin", join == "true" || join == "1" ? "true" : "false");
    for (const auto* part : {"nick", "password"}) {
        if (const auto text = item.child_text(part); !text.empty()) old.add(part).add_text(text);
    }
    return old;
}

Rooms rooms_of(const Element& list) {
    Rooms rooms;
    for (const auto* entry : list.children()) {
        if (entry->name() != "conference" || rooms.size() >= kMost) continue;
        const auto room = Jid::parse(entry->attribute("jid"));
        if (room && !room->is_full()) rooms.insert_or_assign(room->str(), to_item(*entry));
    }
    return rooms;
}

/// An item's extensions are unknown to the list: a change there leaves them.
bool same_to_old_eyes(const Element& a, const Element& b) { return to_old("", a) == to_old("", b); }

Element merged(Element item, const Element& kept) {
    if (const auto* extensions = kept.child("extensions")) item.append(*extensions);
    return item;
}

class Bookmarks final : public Module {
  public:
    explicit Bookmarks(ModuleContext& context) : context_{context}, nodes_{context} {
        for (const auto* feature : {"#compat", "#compat-pep"})
            hooks_ += context.feature(std::string{kNode} + feature, Target::account);
        hooks_ += context.intercept(Stage::from_local, kLate, [this](Stanza& stanza) {
            notice(stanza);
            return Verdict::pass;
        });
    }

  private:
    /// What a user changes in one place is carried to the others when it has been done.
    void notice(const Stanza& iq) {
        if (!iq.is_iq() || iq.type() != "set" || !iq.payload()) return;
        const auto user = iq.from().bare();
        const auto& payload = *iq.payload();
        if (payload.is("query", kPrivate) && (iq.to().empty() || iq.to() == user)) {
            if (const auto* list = payload.child("storage", kList)) context_.spawn(from_list(user, *list, false));
            return;
        }
        const auto node = changed_node(iq);
        if (node == kNode) context_.spawn(from_items(user));
        if (node == kList) context_.spawn(from_list_node(user));
    }

    awaitable<void> from_list_node(Jid user) {
        const auto items = co_await nodes_.items(user, std::string{kList}, {}, 1);
        if (!items) co_return;
        Element list{"storage", kList};
        if (!items->empty() && items->front().payload) list = *items->front().payload;
        co_await from_list(std::move(user), std::move(list), true);
    }

    /// The list is the truth: items are made, changed and retracted, and the other list is written.
    awaitable<void> from_list(Jid user, Element list, bool from_node) {
        const auto wanted = rooms_of(list);
        const auto items = co_await nodes_.items(user, std::string{kNode}, {});
        Rooms have;
        for (const auto& item : items ? *items : std::vector<NodeItem>{}) {
            if (item.payload) have.insert_or_assign(item.id, *item.payload);
        }
        for (const auto& [room, conference] : wanted) {
            const auto at = have.find(room);
            if (at != have.end() && same_to_old_eyes(at->second, conference)) continue;
            auto item = at == have.end() ? conference : merged(conference, at->second);
            co_await nodes_.publish(user, std::string{kNode}, room, std::move(item), kItems);
        }
        for (const auto& [room, conference] : have) {
            if (!wanted.contains(room)) co_await nodes_.retract(user, std::string{kNode}, room);
        }
        if (from_node) {
            co_await put_private(std::move(user), std::move(list));
        } else {
            co_await put_node(std::move(user), std::move(list));
        }
    }

    /// The items are the truth: both lists are written, with whatever else than rooms stood in the old one.
    awaitable<void> from_items(Jid user) {
        const auto items = co_await nodes_.items(user, std::string{kNode}, {});
        if (!items) co_return;
        const auto stored = co_await context_.storage().user_data().get(user, "private", std::string{kEntry});
        auto old = xml::parse_document(stored.value_or(std::string{}));
        Element list = old ? std::move(*old) : Element{"storage", kList};
        list.remove_children_if([](const Element& child) { return child.name() == "conference"; });
        for (const auto& item : *items) {
            if (item.payload) list.append(to_old(item.id, *item.payload));
        }
        co_await put_private(user, list);
        co_await put_node(std::move(user), std::move(list));
    }

    awaitable<void> put_private(Jid user, Element list) {
        const storage::UserDataStore::Bounds bounds{.entries = 100, .octets = 1024 * 1024};
        auto text = xml::to_document(list);
        const bool kept = co_await context_.storage().user_data().put(std::move(user), "private", std::string{kEntry},
                                                                      std::move(text), bounds);
        if (!kept) context_.counter("lists_not_kept").add();
    }
    awaitable<void> put_node(Jid user, Element list) {
        co_await nodes_.publish(std::move(user), std::string{kList}, "current", std::move(list), kOne);
    }

    ModuleContext& context_;
    PersonalNodes nodes_;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor bookmarks() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Bookmarks>(context); }};
}

}  // namespace carillon::modules
