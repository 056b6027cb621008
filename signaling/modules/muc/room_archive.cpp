/// The room's archive, and what moderators take back.
/// Spec: XEP-0313 1.1.3 §5.1.2 (rooms); XEP-0425 0.3.0 and 0.2.1 (moderation); XEP-0424 0.4.0 §5 (tombstones).
/// Not here: queries as XML (session/archive_query.h).
#include "config/base/log.h"
#include "signaling/modules/muc/room.h"
#include "signaling/modules/muc/room_x.h"
#include "signaling/session/archive_query.h"
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
                                                                  .custody = message.custody(),
                                                                  .text = session::searchable_text(text)});
    if (!kept) host_.context().counter("archive_full").add();
}

/// What was said before the start, for those who enter now.
awaitable<void> Room::load_history(std::shared_ptr<Room> room) {
    storage::ArchiveQuery query;
    query.owner = room->jid_;
    query.newest_first = true;
    query.limit = room->host_.settings().history;
    if (!room->config_.logging || query.limit == 0) co_return;
    const auto page = co_await room->host_.context().storage().archive().query(std::move(query));
    for (const auto& past : page.messages) {
        auto element = xml::parse_document(past.stanza);
        if (!element || element->child("retracted", kRetract)) continue;
        if (element->child("subject", "jabber:client") && !element->child("body", "jabber:client")) continue;
        element->remove_children_if([](const xml::Element& child) { return child.ns() == kMucUser; });
        room->history_.add(std::move(*element), past.id.when(), past.id);
    }
}

/// §5.1.2: who may enter may read; who was sent away may not.
bool Room::may_read_archive(const Jid& full) {
    const auto me = standing(full);
    if (me.affiliation == Affiliation::outcast) return false;
    if (me.role != Role::none || me.affiliation >= Affiliation::member) return true;
    return !config_.members_only && !config_.password_protected && !locked_;
}

awaitable<void> Room::query_archive(std::shared_ptr<Room> room, Stanza iq) {
    if (!room->may_read_archive(iq.from())) co_return room->error(iq, StanzaError::forbidden());
    const auto largest = room->host_.settings().page;
    auto request = session::read_query(*iq.payload(), room->jid_, {std::min<std::size_t>(100, largest), largest});
    if (!request) co_return room->error(iq, request.error());
    auto wanted = request->query;
    storage::ArchivePage page;
    try {
        page = co_await room->host_.context().storage().archive().query(std::move(wanted));
    } catch (const storage::StorageError&) {
        co_return room->error(iq, StanzaError::internal_server_error());
    }
    if (!page.all_known) co_return room->error(iq, StanzaError::item_not_found());
    if (request->flip) std::ranges::reverse(page.messages);
    for (const auto& message : page.messages) room->give(*request, message, iq.from());
    if (request->flip) std::ranges::reverse(page.messages);
    auto result = Stanza::result_of(iq);
    result.element().append(session::fin(*request, page));
    room->send(std::move(result));
}

void Room::give(const session::ArchiveRequest& request, const storage::ArchivedMessage& message, const Jid& to) {
    auto result = session::result_message(request, message, to);
    if (!result) return;
    auto* forwarded = result->first_child()->child("forwarded");
    auto* inner = forwarded ? forwarded->child("message", "jabber:client") : nullptr;
    // Real addresses of a time when they were none of a secret.
    if (inner && !config_.nonanonymous)
        inner->remove_children_if([](const xml::Element& child) { return child.ns() == kMucUser; });
    if (auto stanza = Stanza::parse(std::move(*result))) send(std::move(*stanza));
}

awaitable<void> Room::archive_ends(std::shared_ptr<Room> room, Stanza iq) {
    if (!room->may_read_archive(iq.from())) co_return room->error(iq, StanzaError::forbidden());
    auto owner = room->jid_;
    std::optional<storage::ArchiveEnds> ends;
    try {
        ends = co_await room->host_.context().storage().archive().ends(std::move(owner));
    } catch (const storage::StorageError&) {
        co_return room->error(iq, StanzaError::internal_server_error());
    }
    auto result = Stanza::result_of(iq);
    result.element().append(session::metadata(ends));
    room->send(std::move(result));
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

void add_moderated(xml::Element& parent, const Jid& by, std::string_view occupant_id, std::string_view reason) {
    auto& moderated = parent.add("moderated", kModerate).set("by", by.str());
    add_occupant_id(moderated, occupant_id);
    if (!reason.empty()) parent.add("reason").add_text(reason);
}

/// What stays of a message: whose it was, and who took it back.
xml::Element tombstone(const std::string& original, std::string_view retraction, WallTime now) {
    xml::Element stone{"message", "jabber:client"};
    stone.set("type", "groupchat");
    if (const auto message = xml::parse_document(original)) {
        for (const auto* name : {"from", "id"}) {
            if (message->has_attribute(name)) stone.set(name, message->attribute(name));
        }
        for (const auto* child : message->children()) {
            if (child->ns() == kOccupantId || child->ns() == kStanzaId) stone.append(*child);
        }
    }
    stone.add("retracted", kRetract).set("id", retraction).set("stamp", xmpp::to_datetime(now));
    return stone;
}

bool was_said_by(const std::string& stored, std::string_view occupant_id) {
    const auto message = xml::parse_document(stored);
    const auto* id = message ? message->child("occupant-id", kOccupantId) : nullptr;
    return id && id->attribute("id") == occupant_id;
}

}  // namespace

awaitable<void> Room::moderate(std::shared_ptr<Room> room, Stanza iq) {
    const auto* who = room->occupant_of(iq.from());
    if (!who || who->role != Role::moderator) co_return room->error(iq, StanzaError::forbidden());
    const Jid by = who->in_room;
    const std::string by_id = who->id;
    const auto request = read_moderation(*iq.payload());
    if (!request) co_return room->error(iq, StanzaError::bad_request());
    const auto id = ArchiveId::parse(request->id);
    if (!id) co_return room->error(iq, StanzaError::item_not_found());
    bool known = room->history_.find(*id) != nullptr;
    auto& archive = room->host_.context().storage().archive();
    try {
        storage::ArchiveQuery query;
        query.owner = room->jid_;
        query.ids = {*id};
        query.limit = 1;
        const auto page = co_await archive.query(std::move(query));
        if (page.all_known && page.messages.size() == 1) {
            known = true;
            const auto now = room->host_.context().clock().wall();
            auto stone = tombstone(page.messages.front().stanza, "moderation-" + request->id, now);
            add_moderated(*stone.child("retracted", kRetract), by, by_id, request->reason);
            auto text = xml::to_document(stone);
            auto owner = room->jid_;
            co_await archive.replace(std::move(owner), *id, std::move(text));
        }
    } catch (const storage::StorageError&) {
        co_return room->error(iq, StanzaError::internal_server_error());
    }
    if (!known || room->ended_) co_return room->error(iq, StanzaError::item_not_found());
    room->announce_moderation(*id, by, by_id, request->reason);
    room->send(Stanza::result_of(iq));
}

/// XEP-0424 §5: his own words, which is what the occupant id tells; the request itself has gone to all.
awaitable<void> Room::retract(std::shared_ptr<Room> room, ArchiveId id, std::string by, std::string retraction) {
    const auto* recent = room->history_.find(id);
    const auto* recent_by = recent ? recent->message.child("occupant-id", kOccupantId) : nullptr;
    if (recent_by && recent_by->attribute("id") == by) room->history_.remove(id);
    auto& archive = room->host_.context().storage().archive();
    try {
        storage::ArchiveQuery query;
        query.owner = room->jid_;
        query.ids = {id};
        query.limit = 1;
        const auto page = co_await archive.query(std::move(query));
        if (!page.all_known || page.messages.size() != 1 || !was_said_by(page.messages.front().stanza, by)) co_return;
        const auto now = room->host_.context().clock().wall();
        auto text = xml::to_document(tombstone(page.messages.front().stanza, retraction, now));
        auto owner = room->jid_;
        co_await archive.replace(std::move(owner), id, std::move(text));
    } catch (const storage::StorageError& error) {
        log::error("a message could not be taken back", {{"room", room->jid_.str()}, {"what", error.what()}});
    }
}

void Room::announce_moderation(const ArchiveId& id, const Jid& by, const std::string& by_id,
                               const std::string& reason) {
    history_.remove(id);
    auto message = Stanza::message(jid_, Jid{}, "groupchat");
    message.element().set("id", "moderation-" + id.text());
    auto& retract = message.element().add("retract", kRetract).set("id", id.text());
    add_moderated(retract, by, by_id, reason);
    auto& old = message.element().add("apply-to", kFasten).set("id", id.text());
    auto& moderated = old.add("moderated", kModerateOld).set("by", by.str());
    moderated.add("retract", kRetractOld);
    if (!reason.empty()) moderated.add("reason").add_text(reason);
    say(std::move(message), Keep::all);
}

}  // namespace carillon::modules::rooms
