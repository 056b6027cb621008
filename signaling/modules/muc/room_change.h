/// One change of a role or an affiliation, checked and not made yet.
/// Internal to the room.
#pragma once
#include "signaling/modules/muc/room.h"

namespace carillon::modules::rooms {

struct Room::Change {
    Jid who{};           ///< bare; of an affiliation
    std::string nick{};  ///< of a role: whose
    std::optional<Affiliation> affiliation{};
    std::optional<Role> role{};
    Removal why{};
};

}  // namespace carillon::modules::rooms
