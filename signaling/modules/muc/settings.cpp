#include "signaling/modules/muc/settings.h"

#include "signaling/modules/settings.h"
#include "signaling/xmpp/jid.h"

namespace carillon::modules::rooms {

namespace {

std::string check_address(std::string_view text) {
    if (text.empty()) return {};
    const auto jid = xmpp::Jid::parse(text);
    return jid && jid->is_domain() ? std::string{} : std::string{"is no domain"};
}

}  // namespace

Settings read_room_settings(const runtime::ModuleContext& context) {
    using namespace std::chrono_literals;
    Settings s;
    config::Duration lock = s.lock_timeout, empty = s.empty_timeout;
    config::Schema schema;
    schema.text("address", s.address, "Domain of the service; empty: conference. before the host's.", check_address)
        .text("title", s.title, "Name of the service.")
        .choice("creators", s.creators, {"local", "anyone", "nobody"}, "Who may make rooms; local: the host's users.")
        .integer("rooms_per_user", s.rooms_per_user, 1, 1'000'000, "Rooms that one user may have made, on each shard.")
        .integer("occupants", s.occupants, 1, 100'000, "Occupants of one room.")
        .integer("occupants_per_user", s.occupants_per_user, 1, 1000, "Connections of one user in one room.")
        .integer("affiliations", s.affiliations, 10, 1'000'000, "Affiliations and reserved nicks of one room.")
        .integer("history", s.history, 0, 10'000, "Messages kept at hand for those who enter.")
        .size("history_octets", s.history_octets, 1024, 1024 * 1024 * 1024, "The same in octets, of one room.")
        .size("message", s.message_octets, 1024, 16 * 1024 * 1024, "Size of one message.")
        .size("presence", s.presence_octets, 512, 1024 * 1024, "Size of one presence.")
        .size("vcard", s.vcard_octets, 1024, 16 * 1024 * 1024, "Size of a room's vCard.")
        .integer("nick", s.nick_octets, 8, 1023, "Octets of a nick.")
        .integer("message_rate", s.message_rate, 1, 100'000, "Messages of one occupant a second, in the long run.")
        .integer("message_burst", s.message_burst, 1, 100'000, "Messages of one occupant at once.")
        .integer("presence_rate", s.presence_rate, 1, 100'000, "Presences of one occupant a second, in the long run.")
        .integer("presence_burst", s.presence_burst, 1, 100'000, "Presences of one occupant at once.")
        .duration("lock_timeout", lock, 1s, 24h, "After which a new room that nobody configured goes.")
        .duration("empty_timeout", empty, 1s, 168h,
                  "After which a temporary room goes that nobody entered after a start.")
        .integer("page", s.page, 1, 10'000, "Messages or items in one answer.")
        .boolean("persistent", s.persistent, "New rooms stay when the last one leaves.")
        .boolean("public", s.is_public, "New rooms are listed.")
        .boolean("archive", s.logging, "Messages of new rooms are kept in the archive.");
    modules::read_settings(context, schema, "muc");
    s.lock_timeout = std::chrono::duration_cast<std::chrono::milliseconds>(lock);
    s.empty_timeout = std::chrono::duration_cast<std::chrono::milliseconds>(empty);
    return s;
}

}  // namespace carillon::modules::rooms
