/// What the operator says about rooms.
/// Not here: what owners say (room_config.h).
#pragma once
#include "signaling/modules/muc/room_config.h"
#include "signaling/runtime/module.h"

namespace carillon::modules::rooms {

struct Settings {
    std::string address;  ///< of the service; empty: conference.DOMAIN
    std::string title = "Chatrooms";
    std::string creators = "local";  ///< who may make rooms: local, anyone, nobody
    std::size_t rooms_per_user = 100;
    std::size_t occupants = 1000;
    std::size_t occupants_per_user = 10;  ///< in one room
    std::size_t affiliations = 5000;      ///< of one room
    std::size_t history = 100;            ///< messages kept at hand in one room, at most
    std::size_t history_octets = 512 * 1024;
    std::size_t message_octets = 64 * 1024;
    std::size_t presence_octets = 16 * 1024;
    std::size_t vcard_octets = 128 * 1024;
    std::size_t nick_octets = 128;
    std::uint64_t message_rate = 10;  ///< of one occupant, a second
    std::uint64_t message_burst = 60;
    std::uint64_t presence_rate = 1;
    std::uint64_t presence_burst = 20;
    std::chrono::milliseconds lock_timeout{std::chrono::minutes{10}};
    std::chrono::milliseconds empty_timeout{std::chrono::minutes{10}};  ///< temporary rooms after a restart
    std::size_t page = 250;
    bool persistent = false;  ///< of new rooms
    bool is_public = true;
    bool logging = true;

    ConfigLimits limits() const { return {.max_users = occupants, .history = history}; }
};

/// Throws std::invalid_argument with all that is wrong.
Settings read_room_settings(const runtime::ModuleContext& context);

}  // namespace carillon::modules::rooms
