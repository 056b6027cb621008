#include "signaling/modules/muc/privileges.h"

#include <algorithm>
#include <array>
#include <utility>

namespace carillon::modules::rooms {
namespace {

constexpr std::array<std::pair<Affiliation, std::string_view>, 5> kAffiliations{{{Affiliation::outcast, "outcast"},
                                                                                 {Affiliation::none, "none"},
                                                                                 {Affiliation::member, "member"},
                                                                                 {Affiliation::admin, "admin"},
                                                                                 {Affiliation::owner, "owner"}}};
constexpr std::array<std::pair<Role, std::string_view>, 4> kRoles{{{Role::none, "none"},
                                                                   {Role::visitor, "visitor"},
                                                                   {Role::participant, "participant"},
                                                                   {Role::moderator, "moderator"}}};

template <class T, std::size_t N>
std::optional<T> find(const std::array<std::pair<T, std::string_view>, N>& table, std::string_view name) {
    const auto at = std::ranges::find(table, name, [](const auto& entry) { return entry.second; });
    return at == table.end() ? std::nullopt : std::optional{at->first};
}

}  // namespace

std::string_view name_of(Affiliation affiliation) {
    return kAffiliations[static_cast<std::size_t>(static_cast<int>(affiliation) + 1)].second;
}
std::string_view name_of(Role role) { return kRoles[static_cast<std::size_t>(role)].second; }
std::optional<Affiliation> affiliation_named(std::string_view name) { return find(kAffiliations, name); }
std::optional<Role> role_named(std::string_view name) { return find(kRoles, name); }

Role initial_role(Affiliation affiliation, bool moderated) {
    if (affiliation == Affiliation::outcast) return Role::none;
    if (affiliation >= Affiliation::admin) return Role::moderator;
    if (affiliation == Affiliation::member || !moderated) return Role::participant;
    return Role::visitor;
}

bool may_set_affiliation(Affiliation actor, Affiliation target, Affiliation wanted) {
    if (actor == Affiliation::owner) return true;
    if (actor != Affiliation::admin) return false;
    // §9: an admin deals with those below, and makes nobody an admin or more.
    return target < Affiliation::admin && wanted < Affiliation::admin;
}

bool may_set_role(Standing actor, Standing target, Role wanted) {
    if (actor.role != Role::moderator) return false;
    // §8.2: "a moderator cannot kick another with a higher affiliation"; the same for voice (§8.4) and for the role of
    // moderator (§9.7), which comes with being an admin or owner.
    const bool privileged = target.affiliation >= Affiliation::admin;
    if (wanted == Role::moderator || target.role == Role::moderator) {
        if (wanted == target.role) return true;
        // §9.6, §9.7: an admin's and owner's business.
        if (actor.affiliation < Affiliation::admin) return false;
        if (wanted == Role::moderator) return true;
        if (privileged && wanted != Role::none) return false;  // §8.4, §9.7: they keep what comes with the affiliation
        return target.affiliation < actor.affiliation;
    }
    if (wanted != Role::none) return !privileged;
    return target.affiliation <= actor.affiliation;
}

bool may_read_list(Affiliation actor, Affiliation list, bool members_may) {
    if (actor >= Affiliation::admin) return true;
    return list == Affiliation::member && members_may && actor >= Affiliation::member;
}

}  // namespace carillon::modules::rooms
