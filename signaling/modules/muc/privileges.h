/// Roles, affiliations, and who may change whose.
/// Spec: XEP-0045 1.35.1 §5.1 (roles), §5.2 (affiliations), §8, §9, §10.
/// Not here: what a change does to the room (room_admin.cpp).
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace carillon::modules::rooms {

/// In order: a higher one has all privileges of a lower one. On disk: the numbers never change.
enum class Affiliation : std::int8_t { outcast = -1, none = 0, member = 1, admin = 2, owner = 3 };
enum class Role : std::uint8_t { none, visitor, participant, moderator };

std::string_view name_of(Affiliation affiliation);
std::string_view name_of(Role role);
std::optional<Affiliation> affiliation_named(std::string_view name);
std::optional<Role> role_named(std::string_view name);

/// Who somebody is in the room.
struct Standing {
    Affiliation affiliation = Affiliation::none;
    Role role = Role::none;
};

/// §5.1.2: the role somebody enters with.
Role initial_role(Affiliation affiliation, bool moderated);

/// §5.2.2: whether `actor` may turn `target` into `wanted`. The last owner is no matter of this table.
bool may_set_affiliation(Affiliation actor, Affiliation target, Affiliation wanted);
/// §5.1.3, §8, §9.6, §9.7: the same for roles; `wanted` none: a kick.
bool may_set_role(Standing actor, Standing target, Role wanted);
/// §5.2.1, §9.3, §9.5, §10.5, §10.8: whether somebody may read the list of that affiliation. `members_may`: members may
/// have the list of members.
bool may_read_list(Affiliation actor, Affiliation list, bool members_may);

}  // namespace carillon::modules::rooms
