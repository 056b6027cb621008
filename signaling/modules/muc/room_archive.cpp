/// The room's archive, and what moderators take back.
/// Spec: XEP-0313 1.1.3 §5.1.2 (rooms); XEP-0425 0.3.0 and 0.2.1 (moderation); XEP-0424 0.4.0 §5 (tombstones).
/// Not here: queries as XML (session/archive_query.h).
#include "signaling/modules/muc/room.h"
#include "signaling/modules/muc/room_x.h"
#include "signaling/session/archive_query.h"
#include "signaling/storage/archive_store.h"
#include "signaling/storage/storage.h"
#include "signaling/xml/stream_parser.h"
#include "signaling/xml/writer.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::modules::rooms {

using storage::ArchiveId;

void Room::keep(const Stanza& message, const ArchiveId& id) {
    if (!config_.logging) return;
    auto text = message.element();
    // §5.1.2: whose words they were, where that is no secret.
    const auto* who = config_.nonanonymous ? find(message.from().resource()) : nullptr;
    if (who && !who->sessions.empty())
        add_item(text.add("x", kMucUser), affiliation(who->real), who->role, &who->sessions.back().jid);
    const bool kept = host_.context().storage().archive().append({.id = id,
                                                                  .owner = jid_.str(),
                                                                  .peer = jid_.str(),
                                                                  .resource = std::string{message.from().resource()},
                                                                  .stanza = xml::to_document(text),
                                                                  .custody = message.custody()});
    if (!kept) host_.context().counter("archive_full").add();
}

/// What was said before the start, for those who enter now.
awaitable<void> Room::load_history() {
    needs_history_ = false;
    storage::ArchiveQuery query;
    query.owner = jid_;
    query.newest_first = true;
    query.limit = host_.settings().history;
    if (!config_.logging || query.limit == 0) co_return;
    const auto page = co_await host_.context().storage().archive().query(std::move(query));
    for (const auto& past : page.messages) {
        auto element = xml::parse_document(past.stanza);
        if (!element || element->child("retracted", kRetract)) continue;
        if (element->child("subject", "jabber:client") && !element->child("body", "jabber:client")) continue;
        element->remove_children_if([](const xml::Element& child) { return child.ns() == kMucUser; });
        history_.add(std::move(*element), past.id.when(), past.id);
    }
}

/// §5.1.2: who may enter may read; who was sent away may not.
bool Room::may_read_archive(const Jid& full) {
    const auto me = standing(full);
    if (me.affiliation == Affiliation::outcast) return false;
    if (me.role != Role::none || me.affiliation >= Affiliation::member) return true;
    return !config_.members_only && !config_.password_protected && !locked_;
}

awaitable<void> Room::query_archive(Stanza iq) {
    auto& host = host_;
    const auto room = jid_;
    if (!may_read_archive(iq.from())) co_return error(iq, StanzaError::forbidden());
    const auto largest = host.settings().page;
    auto request = session::read_query(*iq.payload(), room, {std::min<std::size_t>(100, largest), largest});
    if (!request) co_return error(iq, request.error());
    auto wanted = request->query;
    const bool open = config_.nonanonymous;
    std::optional<storage::ArchivePage> page;
    try {
        page = co_await host.context().storage().archive().query(std::move(wanted));
    } catch (const storage::StorageError&) {
        co_return host.context().reply_error(iq, StanzaError::internal_server_error());
    }
    // The room may be gone by now: nothing of it is touched from here on.
    if (!page->all_known) co_return host.context().reply_error(iq, StanzaError::item_not_found());
    const auto give = [&](const storage::ArchivedMessage& message) {
        auto result = session::result_message(*request, message, iq.from());
        if (!result) return;
        if (!open) {
            auto* inner = result->first_child()->child("forwarded")->child("message", "jabber:client");
            if (inner) inner->remove_children_if([](const xml::Element& child) { return child.ns() == kMucUser; });
        }
        if (auto stanza = Stanza::parse(std::move(*result))) host.context().route(std::move(*stanza));
    };
    if (request->flip) {
        for (auto at = page->messages.rbegin(); at != page->messages.rend(); ++at) give(*at);
    } else {
        for (const auto& message : page->messages) give(message);
    }
    auto result = Stanza::result_of(iq);
    result.element().append(session::fin(*request, *page));
    host.context().route(std::move(result));
}

awaitable<void> Room::archive_ends(Stanza iq) {
    auto& host = host_;
    if (!may_read_archive(iq.from())) co_return error(iq, StanzaError::forbidden());
    auto room = jid_;
    std::optional<storage::ArchiveEnds> ends;
    try {
        ends = co_await host.context().storage().archive().ends(std::move(room));
    } catch (const storage::StorageError&) {
        co_return host.context().reply_error(iq, StanzaError::internal_server_error());
    }
    auto result = Stanza::result_of(iq);
    result.element().append(session::metadata(ends));
    host.context().route(std::move(result));
}

namespace {

struct ModerationRequest {
    std::string id;
    std::string reason;
};

/// Either version: <moderate id=…><retract/></moderate>, or <apply-to id=…><moderate><retract/></moderate></apply-to>.
std::optional<ModerationRequest> read_moderation(const xml::Element& payload) {
    const bool old = payload.is("apply-to", kFasten);
    const auto* moderate = old ? payload.child("moderate", kModerateOld) : &payload;
    if (!moderate || !moderate->child("retract", old ? kRetractOld : kRetract)) return std::nullopt;
    ModerationRequest request{std::string{payload.attribute("id")}, moderate->child_text("reason").substr(0, 1024)};
    if (request.id.empty()) return std::nullopt;
    return request;
}

void add_moderated(xml::Element& parent, const Jid& by, std::string_view occupant_id) {
    auto& moderated = parent.add("moderated", kModerate).set("by", by.str());
    add_occupant_id(moderated, occupant_id);
}

}  // namespace

awaitable<void> Room::moderate(Stanza iq) {
    auto& host = host_;
    const auto room = jid_;
    const auto* who = occupant_of(iq.from());
    if (!who || who->role != Role::moderator) co_return error(iq, StanzaError::forbidden());
    const auto by = who->in_room;
    const auto by_id = who->id;
    const auto request = read_moderation(*iq.payload());
    if (!request) co_return error(iq, StanzaError::bad_request());
    const auto id = ArchiveId::parse(request->id);
    if (!id) co_return error(iq, StanzaError::item_not_found());
    xml::Element tombstone{"message", "jabber:client"};
    tombstone.set("type", "groupchat").set("from", room.str());
    bool known = history_.find(*id) != nullptr;
    if (config_.logging) {
        storage::ArchiveQuery query;
        query.owner = room;
        query.ids = {*id};
        query.limit = 1;
        try {
            const auto page = co_await host.context().storage().archive().query(std::move(query));
            if (page.all_known && page.messages.size() == 1) {
                known = true;
                if (auto original = xml::parse_document(page.messages.front().stanza)) {
                    tombstone.set("from", original->attribute("from"));
                    if (original->has_attribute("id")) tombstone.set("id", original->attribute("id"));
                    for (const auto* child : original->children()) {
                        if (child->is("occupant-id", kOccupantId) || child->is("stanza-id", kStanzaId))
                            tombstone.append(*child);
                    }
                }
            }
            if (known) {
                auto& retracted = tombstone.add("retracted", kRetract);
                retracted.set("stamp", xmpp::to_datetime(host.context().clock().wall())).set("id", request->id);
                add_moderated(retracted, by, by_id);
                if (!request->reason.empty()) retracted.add("reason", kModerate).add_text(request->reason);
                auto text = xml::to_document(tombstone);
                co_await host.context().storage().archive().replace(room, *id, std::move(text));
            }
        } catch (const storage::StorageError&) {
            co_return host.context().reply_error(iq, StanzaError::internal_server_error());
        }
    }
    auto* self = host.room(room);  // looked up again: it may be gone
    if (!self) co_return;
    if (!known) co_return self->error(iq, StanzaError::item_not_found());
    self->announce_moderation(*id, by, by_id, request->reason);
    self->send(Stanza::result_of(iq));
}

void Room::announce_moderation(const ArchiveId& id, const Jid& by, const std::string& by_id,
                               const std::string& reason) {
    history_.remove(id);
    auto message = Stanza::message(jid_, Jid{}, "groupchat");
    message.element().set("id", "moderation-" + id.text());
    auto& retract = message.element().add("retract", kRetract).set("id", id.text());
    add_moderated(retract, by, by_id);
    if (!reason.empty()) retract.add("reason", kModerate).add_text(reason);
    auto& old = message.element().add("apply-to", kFasten).set("id", id.text());
    auto& moderated = old.add("moderated", kModerateOld).set("by", by.str());
    moderated.add("retract", kRetractOld);
    if (!reason.empty()) moderated.add("reason").add_text(reason);
    say(std::move(message), true);
}

}  // namespace carillon::modules::rooms
