/// Namespaces of rooms.
#pragma once
#include <string_view>

namespace carillon::modules::rooms {

inline constexpr std::string_view kMuc = "http://jabber.org/protocol/muc";
inline constexpr std::string_view kMucUser = "http://jabber.org/protocol/muc#user";
inline constexpr std::string_view kMucAdmin = "http://jabber.org/protocol/muc#admin";
inline constexpr std::string_view kMucOwner = "http://jabber.org/protocol/muc#owner";
inline constexpr std::string_view kMucUnique = "http://jabber.org/protocol/muc#unique";
inline constexpr std::string_view kMucRegister = "http://jabber.org/protocol/muc#register";
inline constexpr std::string_view kMucRequest = "http://jabber.org/protocol/muc#request";
inline constexpr std::string_view kRoomConfig = "http://jabber.org/protocol/muc#roomconfig";
inline constexpr std::string_view kRoomInfo = "http://jabber.org/protocol/muc#roominfo";
inline constexpr std::string_view kSelfPing = "http://jabber.org/protocol/muc#self-ping-optimization";
inline constexpr std::string_view kStableId = "http://jabber.org/protocol/muc#stable_id";
inline constexpr std::string_view kDirectInvite = "jabber:x:conference";
inline constexpr std::string_view kRegister = "jabber:iq:register";
inline constexpr std::string_view kForms = "jabber:x:data";
inline constexpr std::string_view kRsm = "http://jabber.org/protocol/rsm";
inline constexpr std::string_view kDiscoInfo = "http://jabber.org/protocol/disco#info";
inline constexpr std::string_view kDiscoItems = "http://jabber.org/protocol/disco#items";
inline constexpr std::string_view kPing = "urn:xmpp:ping";
inline constexpr std::string_view kVcard = "vcard-temp";
inline constexpr std::string_view kVcardUpdate = "vcard-temp:x:update";
inline constexpr std::string_view kDelay = "urn:xmpp:delay";
inline constexpr std::string_view kHints = "urn:xmpp:hints";
inline constexpr std::string_view kStanzaId = "urn:xmpp:sid:0";
inline constexpr std::string_view kOccupantId = "urn:xmpp:occupant-id:0";
inline constexpr std::string_view kHats = "urn:xmpp:hats:0";
inline constexpr std::string_view kCommandsNs = "http://jabber.org/protocol/commands";
inline constexpr std::string_view kRetract = "urn:xmpp:message-retract:1";
inline constexpr std::string_view kRetractOld = "urn:xmpp:message-retract:0";
inline constexpr std::string_view kModerate = "urn:xmpp:message-moderate:1";
inline constexpr std::string_view kModerateOld = "urn:xmpp:message-moderate:0";
inline constexpr std::string_view kFasten = "urn:xmpp:fasten:0";

}  // namespace carillon::modules::rooms
