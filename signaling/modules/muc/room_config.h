/// How a room is configured, as a form for its owners and as a text for the disk.
/// Spec: XEP-0045 1.35.1 §10.2, §15.5.3 (muc#roomconfig), §6.4 and §15.5.4 (muc#roominfo).
/// Not here: what the options do (room_*.cpp).
#pragma once
#include <cstddef>
#include <expected>
#include <set>
#include <string>
#include <vector>

#include "signaling/modules/muc/privileges.h"
#include "signaling/xmpp/jid.h"
#include "signaling/xmpp/stanza_error.h"

namespace carillon::modules::rooms {

struct RoomConfig {
    enum class PrivateMessages : std::uint8_t { anyone, participants, moderators, none };
    std::string name;
    std::string description;
    std::string language;
    std::string secret;
    std::string pubsub;
    std::vector<std::string> contacts;  ///< bare JIDs
    PrivateMessages private_messages = PrivateMessages::anyone;
    std::size_t max_users = 0;  ///< 0: as many as the service allows
    std::size_t history = 20;   ///< messages that one who enters gets unless he says otherwise
    std::set<Role> broadcast{Role::visitor, Role::participant, Role::moderator};  ///< whose presence is shown
    bool persistent = false;
    bool is_public = true;
    bool moderated = false;
    bool members_only = false;
    bool password_protected = false;
    bool nonanonymous = false;
    bool allow_invites = false;  ///< by everybody in it; admins always may
    bool change_subject = false;
    bool member_list = true;  ///< members may have the list of members, where JIDs are no secret
    bool logging = true;      ///< kept in the archive

    friend bool operator==(const RoomConfig&, const RoomConfig&) = default;
};

struct ConfigLimits {
    std::size_t max_users = 1000;
    std::size_t history = 100;
};

/// A submitted configuration and the owners and admins it names.
struct Submitted {
    RoomConfig config;
    std::optional<std::set<xmpp::Jid>> owners;
    std::optional<std::set<xmpp::Jid>> admins;
};

/// `type`: form for owners, submit for the disk.
xml::Element to_form(const RoomConfig& config, const ConfigLimits& limits, std::string_view type = "form");
/// `before` with what the form says; fields that it lacks stay as they are, fields nobody knows are passed over.
std::expected<Submitted, xmpp::StanzaError> read_form(const xml::Element& form, const RoomConfig& before,
                                                      const ConfigLimits& limits);

}  // namespace carillon::modules::rooms
