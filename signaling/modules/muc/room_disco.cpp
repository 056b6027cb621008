/// What a room answers: what it is, who is in it, its vCard.
/// Spec: XEP-0045 1.35.1 §6.4, §6.5, §7.12 (reserved nick); XEP-0030; XEP-0486 0.1.0 (vCard and avatar);
/// XEP-0410 1.1.0.
#include <openssl/evp.h>

#include "signaling/auth/base64.h"
#include "signaling/modules/muc/form.h"
#include "signaling/modules/muc/room.h"
#include "signaling/modules/muc/room_x.h"
#include "signaling/session/archive_query.h"
#include "signaling/xml/writer.h"

namespace carillon::modules::rooms {

namespace {

using session::kArchiveNs;

std::string sha1_hex(const std::string& bytes) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha1(), nullptr);
    constexpr char kHex[] = "0123456789abcdef";
    std::string text;
    for (unsigned int i = 0; i < length; ++i) {
        text += kHex[digest[i] >> 4];
        text += kHex[digest[i] & 15];
    }
    return text;
}

}  // namespace

/// XEP-0153 §3.1: of the picture's octets; empty when there is none.
std::string avatar_hash_of(const xml::Element& vcard) {
    const auto* photo = vcard.child("PHOTO", kVcard);
    if (!photo) return {};
    auto text = photo->child_text("BINVAL", kVcard);
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
    const auto bytes = auth::base64_decode(text);
    return bytes && !bytes->empty() ? sha1_hex(*bytes) : std::string{};
}

void Room::iq(Stanza stanza) {
    if (!stanza.is_iq_request() || !stanza.payload()) return;
    const auto& payload = *stanza.payload();
    const bool set = stanza.type() == "set";
    if (payload.is("query", kArchiveNs) && set)
        return host_.context().spawn(query_archive(shared_from_this(), std::move(stanza)));
    if (payload.is("metadata", kArchiveNs) && !set)
        return host_.context().spawn(archive_ends(shared_from_this(), std::move(stanza)));
    if (set && (payload.is("moderate", kModerate) || payload.is("apply-to", kFasten)))
        return host_.context().spawn(moderate(shared_from_this(), std::move(stanza)));
    auto reply = answer(stanza);
    if (!reply) return error(stanza, reply.error());
    auto result = Stanza::result_of(stanza);
    if (*reply) result.element().append(std::move(**reply));
    send(std::move(result));
}

IqReply Room::answer(const Stanza& iq) {
    const auto& payload = *iq.payload();
    const bool get = iq.type() == "get";
    if (locked_ && affiliation(iq.from().bare()) != Affiliation::owner)
        return std::unexpected{StanzaError::item_not_found()};
    if (payload.is("query", kMucAdmin)) return admin(iq);
    if (payload.is("query", kMucOwner)) return owner(iq);
    if (payload.is("query", kRegister)) return registration(iq);
    if (payload.is("vCard", kVcard)) return vcard(iq);
    if (!get && payload.is("command", kCommandsNs)) return command(iq);
    if (get && payload.is("query", kDiscoInfo)) return info(iq);
    if (get && payload.is("query", kDiscoItems)) return items(iq);
    if (get && payload.is("ping", kPing)) return std::nullopt;
    if (get && payload.is("query", kArchiveNs)) return session::query_form();
    return std::unexpected{StanzaError::service_unavailable()};
}

IqReply Room::info(const Stanza& iq) {
    const auto node = iq.payload()->attribute("node");
    xml::Element query{"query", kDiscoInfo};
    if (node == "x-roomuser-item") {  // §7.12: the nick that is kept for the asker
        query.set("node", node);
        const auto at = affiliations_.find(iq.from().bare());
        if (at != affiliations_.end() && !at->second.nick.empty())
            query.add("identity").set("category", "conference").set("type", "text").set("name", at->second.nick);
        return query;
    }
    if (may_command(iq.from(), node)) {
        query.set("node", node);
        query.add("identity").set("category", "automation").set("type", "command-node");
        for (const auto var : {kCommandsNs, kForms}) query.add("feature").set("var", var);
        return query;
    }
    if (!node.empty()) return std::unexpected{StanzaError::item_not_found()};
    query.add("identity")
        .set("category", "conference")
        .set("type", "text")
        .set("name", config_.name.empty() ? jid_.node() : std::string_view{config_.name});
    const auto feature = [&](std::string_view var) { query.add("feature").set("var", var); };
    for (const auto var : {kMuc, kDiscoInfo, kDiscoItems, kPing, kVcard, kStanzaId, kOccupantId, kSelfPing, kStableId,
                           kModerate, kModerateOld, kRetract, kRegister, kMucRequest, kHats, kCommandsNs})
        feature(var);
    feature(config_.persistent ? "muc_persistent" : "muc_temporary");
    feature(config_.is_public ? "muc_public" : "muc_hidden");
    feature(config_.moderated ? "muc_moderated" : "muc_unmoderated");
    feature(config_.members_only ? "muc_membersonly" : "muc_open");
    feature(config_.password_protected ? "muc_passwordprotected" : "muc_unsecured");
    feature(config_.nonanonymous ? "muc_nonanonymous" : "muc_semianonymous");
    if (config_.logging) {
        for (const auto var : {kArchiveNs, std::string_view{"urn:xmpp:mam:2#extended"}, session::kFullText,
                               std::string_view{"urn:xmpp:message-retract:1#tombstone"}})
            feature(var);
    }
    query.append(info_form());
    return query;
}

xml::Element Room::info_form() const {
    auto form = make_form("result", kRoomInfo);
    add_field(form, "text-single", "muc#roominfo_description", "Description", config_.description);
    add_field(form, "text-single", "muc#roominfo_subject", "Subject",
              subject_ ? subject_->child_text("subject") : std::string{});
    add_boolean(form, "muc#roominfo_subjectmod", "Occupants may change the subject", config_.change_subject);
    add_boolean(form, "muc#roomconfig_changesubject", "Occupants may change the subject", config_.change_subject);
    add_field(form, "text-single", "muc#roominfo_occupants", "Occupants", std::to_string(occupants_.size()));
    add_field(form, "text-single", "muc#roominfo_lang", "Language", config_.language);
    add_boolean(form, "{http://prosody.im/protocol/muc}roomconfig_allowmemberinvites", "Members may invite",
                config_.allow_invites);
    add_boolean(form, "muc#roomconfig_allowinvites", "Occupants may invite", config_.allow_invites);
    add_field(form, "text-single", "muc#maxhistoryfetch", "Messages of history", std::to_string(config_.history));
    if (!config_.pubsub.empty()) add_field(form, "text-single", "muc#roominfo_pubsub", "Node", config_.pubsub);
    if (!config_.contacts.empty()) {
        auto& field = add_field(form, "jid-multi", "muc#roominfo_contactjid", "Contacts");
        for (const auto& contact : config_.contacts) field.add("value").add_text(contact);
    }
    if (!hats_.all().empty()) add_field(form, "text-single", "hats#hash", "Hats hash", hats_.hash());
    if (!avatar_hash_.empty()) add_field(form, "text-multi", "muc#roominfo_avatarhash", "Avatar hash", avatar_hash_);
    return form;
}

/// §6.5: those who are in it see who else is; of a public room without secrets everybody does.
IqReply Room::items(const Stanza& iq) {
    if (iq.payload()->attribute("node") == kCommandsNs) return list_commands(iq.from());
    if (iq.payload()->has_attribute("node")) return std::unexpected{StanzaError::item_not_found()};
    xml::Element query{"query", kDiscoItems};
    const bool open = config_.is_public && !config_.members_only && !config_.password_protected;
    if (!occupant_of(iq.from()) && (!open || affiliation(iq.from().bare()) == Affiliation::outcast)) return query;
    for (const auto& [nick, who] : occupants_) {
        if (query.nodes().size() >= host_.settings().page) break;
        if (is_shown(*who)) query.add("item").set("jid", who->in_room.str()).set("name", nick);
    }
    return query;
}

IqReply Room::vcard(const Stanza& iq) {
    if (iq.type() == "get") return vcard_ ? *vcard_ : xml::Element{"vCard", kVcard};
    if (affiliation(iq.from().bare()) != Affiliation::owner) return std::unexpected{StanzaError::forbidden()};
    auto text = xml::to_document(*iq.payload());
    if (text.size() > host_.settings().vcard_octets)
        return std::unexpected{StanzaError::not_acceptable().with_text("the vCard is too large")};
    vcard_ = *iq.payload();
    const auto before = std::exchange(avatar_hash_, avatar_hash_of(*vcard_));
    save_vcard(std::move(text));
    if (before != avatar_hash_) {
        const int codes[] = {104};  // XEP-0486 §3
        tell_status(codes);
        for (const auto& [full, who] : by_session_) send_avatar_hash(full);
    }
    return std::nullopt;
}

}  // namespace carillon::modules::rooms
