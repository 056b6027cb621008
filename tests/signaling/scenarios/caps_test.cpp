/// Spec: XEP-0115 §6.3, XEP-0390 §5.5: what a server announces of itself; RFC 6120 §8.1.5: the language of stanzas.
#include <gtest/gtest.h>

#include "signaling/modules/caps/hash_set.h"
#include "signaling/session/caps_verification.h"
#include "signaling/modules/modules.h"
#include "tests/signaling/scenarios/scenario.h"

namespace carillon::scenarios {
namespace {

constexpr std::string_view kCaps = "http://jabber.org/protocol/caps";
constexpr std::string_view kInfo = "http://jabber.org/protocol/disco#info";

std::unique_ptr<World> make_world() {
    WorldOptions options;
    options.modules = modules::builtin();
    return std::make_unique<World>(std::move(options));
}

/// The host's disco#info under that node.
std::optional<xml::Element> info_of(Client& client, const std::string& node) {
    client.send("<iq type='get' id='i' to='localhost'><query xmlns='" + std::string{kInfo} + "' node='" + node +
                "'/></iq>");
    const auto answer = client.expect_element();
    const auto* query = answer.attribute("type") == "result" ? answer.child("query", kInfo) : nullptr;
    if (!query) return std::nullopt;
    EXPECT_EQ(query->attribute("node"), node);
    return *query;
}

TEST(Xep0115S6p3Server, TheHashInTheStreamFeaturesIsThatOfTheHost) {
    auto world = make_world();
    auto alice = world->log_in("alice", "desk");
    const auto* caps = alice->features().child("c", kCaps);
    ASSERT_TRUE(caps);
    EXPECT_EQ(caps->attribute("hash"), "sha-1");
    const std::string node = std::string{caps->attribute("node")} + '#' + std::string{caps->attribute("ver")};
    const auto info = info_of(*alice, node);
    ASSERT_TRUE(info);
    EXPECT_EQ(session::caps_verification(*info, "sha-1"), caps->attribute("ver"));
    EXPECT_FALSE(info_of(*alice, std::string{caps->attribute("node")} + "#other"));
}

TEST(Xep0390S5p5Server, TheHashSetInTheStreamFeaturesIsThatOfTheHost) {
    auto world = make_world();
    auto alice = world->log_in("alice", "desk");
    const auto* set = alice->features().child("c", modules::kHashSet);
    ASSERT_TRUE(set);
    const auto hash = set->child_text("hash", modules::kHashes);
    const auto info = info_of(*alice, modules::hash_node(hash));
    ASSERT_TRUE(info);
    EXPECT_EQ(modules::caps_hash(*info), hash);
}

TEST(Xep0115S6p3Server, TheHashFollowsTheModules) {
    auto world = make_world();
    const auto ver = [&] {
        return std::string{world->log_in("alice", "desk")->features().child("c", kCaps)->attribute("ver")};
    };
    const auto before = ver();
    EXPECT_EQ(ver(), before);
    ASSERT_TRUE(world->host->repository().unload("localhost", "time"));
    EXPECT_NE(ver(), before);
    ASSERT_TRUE(world->host->repository().load("localhost", "time"));
    EXPECT_EQ(ver(), before) << "the order of declarations does not count";
}

/// The language that bob sees on a message of alice's, whose stream named `language`.
std::string language_seen(World& world, const std::string& language, const std::string& own = {}) {
    Client alice;
    alice.set_language(language);
    alice.log_in(world.port(), "alice", "localhost", "desk", "secret");
    auto bob = world.log_in("bob", "phone");
    alice.send("<message to='bob@localhost/phone'" + (own.empty() ? "" : " xml:lang='" + own + "'") + "/>");
    return std::string{bob->expect_element().attribute("xml:lang")};
}

TEST(Rfc6120S8p1p5Language, OfTheStreamIsStampedWhereItDiffersFromOurs) {
    auto world = make_world();
    EXPECT_EQ(language_seen(*world, "de-CH"), "de-CH");
    EXPECT_EQ(language_seen(*world, "de-CH", "fr"), "fr");
    EXPECT_EQ(language_seen(*world, ""), "");
    EXPECT_EQ(language_seen(*world, "en"), "");
    EXPECT_EQ(language_seen(*world, "no language"), "");
    EXPECT_EQ(language_seen(*world, std::string(36, 'x')), "");
}

}  // namespace
}  // namespace carillon::scenarios
