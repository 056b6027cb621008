/// Spec: XEP-0045 §10.2, §15.5.3 (configuration), §7.2.14 (history), §7.2.1 (nicks).
#include <gtest/gtest.h>

#include "signaling/modules/muc/form.h"
#include "signaling/modules/muc/history.h"
#include "signaling/modules/muc/names.h"
#include "signaling/modules/muc/room_config.h"
#include "signaling/xmpp/nickname.h"

namespace carillon::modules::rooms {
namespace {

using namespace std::chrono_literals;

xml::Element submit(std::vector<std::pair<std::string, std::string>> fields) {
    auto form = make_form("submit", kRoomConfig);
    for (const auto& [var, value] : fields) add_field(form, "text-single", var, "", value);
    return form;
}

TEST(Xep0045S10p2Form, WhatIsWrittenIsRead) {
    RoomConfig config;
    config.name = "Hall";
    config.description = "Where all meet";
    config.language = "de";
    config.secret = "sesame";
    config.password_protected = config.persistent = config.moderated = config.members_only = true;
    config.nonanonymous = config.allow_invites = config.change_subject = true;
    config.is_public = config.logging = config.member_list = false;
    config.max_users = 50;
    config.history = 7;
    config.broadcast = {Role::moderator};
    config.private_messages = RoomConfig::PrivateMessages::moderators;
    config.contacts = {"bob@example.org"};
    const auto read = read_form(to_form(config, {}, "submit"), RoomConfig{}, {});
    ASSERT_TRUE(read);
    EXPECT_EQ(read->config, config);
}

TEST(Xep0045S10p2Form, WhatIsNotSaidStays) {
    RoomConfig config;
    config.name = "Hall";
    config.moderated = true;
    const auto read = read_form(submit({{"muc#roomconfig_roomdesc", "x"}, {"unknown#field", "y"}}), config, {});
    ASSERT_TRUE(read);
    EXPECT_EQ(read->config.name, "Hall");
    EXPECT_TRUE(read->config.moderated);
    EXPECT_EQ(read->config.description, "x");
}

TEST(Xep0045S10p2Form, WrongValuesAreNotAcceptable) {
    for (const auto& [var, value] : std::vector<std::pair<std::string, std::string>>{
             {"muc#roomconfig_persistentroom", "maybe"},
             {"muc#roomconfig_whois", "nobody"},
             {"muc#roomconfig_allowpm", "some"},
             {"muc#roomconfig_maxusers", "-1"},
             {"muc#roomconfig_presencebroadcast", "king"},
             {"muc#maxhistoryfetch", "many"},
             {"muc#roomconfig_roomname", std::string(5000, 'x')},
             {"muc#roomconfig_roomowners", "@@"},
             {"muc#roomconfig_passwordprotectedroom", "1"}}) {  // without a password
        EXPECT_FALSE(read_form(submit({{var, value}}), RoomConfig{}, {})) << var;
    }
    auto other = submit({});
    other.children().front()->children().front()->clear_nodes();
    other.children().front()->children().front()->add_text("urn:other");
    EXPECT_FALSE(read_form(other, RoomConfig{}, {}));
    std::vector<std::pair<std::string, std::string>> many(200, {"a", "b"});
    EXPECT_FALSE(read_form(submit(many), RoomConfig{}, {}));
}

PastMessage* nothing = nullptr;

History ten() {
    History history{100, 1024 * 1024};
    for (int i = 1; i <= 10; ++i) {
        xml::Element message{"message", "jabber:client"};
        message.add("body").add_text(std::to_string(i));
        history.add(std::move(message), WallTime{std::chrono::seconds{1000 + i}}, {i, i});
    }
    return history;
}

std::size_t selected(std::string_view name, std::string_view value, WallTime now = WallTime{2000s}) {
    xml::Element x{"x", kMuc};
    x.add("history").set(name, value);
    return ten().select(HistoryRequest::parse(x, now), 5).size();
}

TEST(Xep0045S7p2p14History, IsBoundedAsAsked) {
    EXPECT_EQ(ten().select({}, 5).size(), 5u);
    EXPECT_EQ(ten().select({}, 5).back()->message.child_text("body"), "10");
    EXPECT_EQ(selected("maxstanzas", "3"), 3u);
    EXPECT_EQ(selected("maxstanzas", "0"), 0u);
    EXPECT_EQ(selected("maxchars", "0"), 0u);
    EXPECT_EQ(selected("maxchars", "99"), 2u);
    EXPECT_EQ(selected("seconds", "3", WallTime{1011s}), 3u);
    EXPECT_EQ(selected("since", "1970-01-01T00:16:49Z"), 2u);
    EXPECT_EQ(selected("maxstanzas", "nonsense"), 5u);
    EXPECT_EQ(selected("seconds", "99999999999999999999"), 10u);
}

TEST(Xep0045S7p2p14History, IsBoundedInMemory) {
    History history{3, 1000};
    for (int i = 0; i < 10; ++i) {
        xml::Element message{"message", "jabber:client"};
        message.add("body").add_text(std::string(i < 9 ? 10 : 700, 'x'));
        history.add(std::move(message), WallTime{}, {i, i});
        EXPECT_LE(history.size(), 3u);
    }
    EXPECT_EQ(history.find({0, 0}), nothing);
    EXPECT_NE(history.find({9, 9}), nothing);
    history.remove({9, 9});
    EXPECT_EQ(history.find({9, 9}), nothing);
}

TEST(Xep0045S14Nicks, LookalikesHaveOneSkeleton) {
    const auto same = [](std::string_view a, std::string_view b) {
        return xmpp::nick_skeleton(a) == xmpp::nick_skeleton(b);
    };
    EXPECT_TRUE(same("Carol", "carol"));
    EXPECT_TRUE(same("Carol", "Сarоl"));        // Cyrillic С and о
    EXPECT_TRUE(same("carol", "c arol "));      // spaces
    EXPECT_TRUE(same("carol", "car\u200bol"));  // a space of no width
    EXPECT_TRUE(same("carol", "ｃarol"));       // full width
    EXPECT_TRUE(same("élan", "e\u0301lan"));    // composed or not
    EXPECT_FALSE(same("carol", "karol"));
    EXPECT_FALSE(same("élan", "elan"));
}

TEST(Xep0045S14Nicks, SomethingIsToBeSeen) {
    EXPECT_TRUE(xmpp::is_proper_nick("a"));
    EXPECT_TRUE(xmpp::is_proper_nick("😀"));
    EXPECT_FALSE(xmpp::is_proper_nick("   "));
    EXPECT_FALSE(xmpp::is_proper_nick("\u200b\u00a0"));
    EXPECT_FALSE(xmpp::is_proper_nick("\u202eevil"));
}

}  // namespace
}  // namespace carillon::modules::rooms
