/// Spec: XEP-0045 §5.1.2, §5.1.3, §5.2.1, §5.2.2: the tables, as they stand there.
#include "signaling/modules/muc/privileges.h"

#include <gtest/gtest.h>

#include <array>

namespace carillon::modules::rooms {
namespace {

using enum Affiliation;

constexpr std::array kAffiliations{outcast, none, member, admin, owner};

TEST(Xep0045S5p1p2Roles, InitialRoleByAffiliation) {
    struct Row {
        bool moderated;
        std::array<Role, 5> roles;  // of outcast, none, member, admin, owner
    };
    for (const auto& row :
         {Row{true, {Role::none, Role::visitor, Role::participant, Role::moderator, Role::moderator}},
          Row{false, {Role::none, Role::participant, Role::participant, Role::moderator, Role::moderator}}}) {
        for (std::size_t i = 0; i < kAffiliations.size(); ++i)
            EXPECT_EQ(initial_role(kAffiliations[i], row.moderated), row.roles[i]) << row.moderated << i;
    }
}

/// Columns: who is changed into what; from and to in the order of kAffiliations.
TEST(Xep0045S5p2p2Affiliations, TheWholeTableOfChanges) {
    constexpr std::array<std::string_view, 25> kAdmin{
        // to: outcast none member admin owner
        "yes", "yes", "yes", "no", "no",  // from outcast
        "yes", "yes", "yes", "no", "no",  // from none
        "yes", "yes", "yes", "no", "no",  // from member
        "no",  "no",  "no",  "no", "no",  // from admin
        "no",  "no",  "no",  "no", "no",  // from owner
    };
    for (std::size_t from = 0; from < 5; ++from) {
        for (std::size_t to = 0; to < 5; ++to) {
            const auto before = kAffiliations[from];
            const auto wanted = kAffiliations[to];
            EXPECT_TRUE(may_set_affiliation(owner, before, wanted));
            EXPECT_EQ(may_set_affiliation(admin, before, wanted), kAdmin[from * 5 + to] == "yes") << from << to;
            for (const auto nobody : {outcast, none, member})
                EXPECT_FALSE(may_set_affiliation(nobody, before, wanted)) << from << to;
        }
    }
}

TEST(Xep0045S5p1p3Roles, NobodyButAModeratorChangesRoles) {
    for (const auto actor : kAffiliations) {
        for (const auto target : kAffiliations) {
            for (const auto role : {Role::none, Role::visitor, Role::participant}) {
                for (const auto wanted : {Role::none, Role::visitor, Role::participant, Role::moderator})
                    EXPECT_FALSE(may_set_role({actor, role}, {target, Role::participant}, wanted));
            }
        }
    }
}

TEST(Xep0045S8p2Kick, NotOfThoseAbove) {
    for (const auto actor : {none, member, admin, owner}) {
        for (const auto target : {none, member, admin, owner}) {
            const bool below = target <= actor;
            EXPECT_EQ(may_set_role({actor, Role::moderator}, {target, Role::participant}, Role::none), below)
                << int(actor) << int(target);
            // §5.1.3: a moderator is kicked by an admin or owner alone.
            const bool kicks_moderator = actor >= admin && target < actor;
            EXPECT_EQ(may_set_role({actor, Role::moderator}, {target, Role::moderator}, Role::none), kicks_moderator)
                << int(actor) << int(target);
        }
    }
}

TEST(Xep0045S8p4Voice, IsNotTakenFromAdminsAndOwners) {
    for (const auto actor : {none, member, admin, owner}) {
        for (const auto target : {none, member})
            EXPECT_TRUE(may_set_role({actor, Role::moderator}, {target, Role::participant}, Role::visitor));
        for (const auto target : {admin, owner}) {
            EXPECT_FALSE(may_set_role({actor, Role::moderator}, {target, Role::participant}, Role::visitor));
            EXPECT_FALSE(may_set_role({actor, Role::moderator}, {target, Role::moderator}, Role::visitor));
            EXPECT_FALSE(may_set_role({actor, Role::moderator}, {target, Role::moderator}, Role::participant));
        }
    }
}

TEST(Xep0045S9p6Moderators, AreMadeAndUnmadeByAdminsAndOwners) {
    for (const auto actor : {none, member, admin, owner}) {
        const bool may = actor >= admin;
        for (const auto target : {none, member}) {
            EXPECT_EQ(may_set_role({actor, Role::moderator}, {target, Role::participant}, Role::moderator), may);
            EXPECT_EQ(may_set_role({actor, Role::moderator}, {target, Role::moderator}, Role::participant), may);
        }
    }
}

TEST(Xep0045S5p2p1Lists, OfMembersForMembersWhereJidsAreNoSecret) {
    for (const auto list : {outcast, member, admin, owner}) {
        EXPECT_TRUE(may_read_list(owner, list, false));
        EXPECT_TRUE(may_read_list(admin, list, false));
        EXPECT_FALSE(may_read_list(none, list, true));
        EXPECT_EQ(may_read_list(member, list, true), list == member);
        EXPECT_FALSE(may_read_list(member, list, false));
    }
}

TEST(Xep0045S5Names, AreReadAsTheyAreWritten) {
    for (const auto each : kAffiliations) EXPECT_EQ(affiliation_named(name_of(each)), each);
    for (const auto each : {Role::none, Role::visitor, Role::participant, Role::moderator})
        EXPECT_EQ(role_named(name_of(each)), each);
    EXPECT_FALSE(affiliation_named("king"));
    EXPECT_FALSE(role_named("outcast"));
}

}  // namespace
}  // namespace carillon::modules::rooms
