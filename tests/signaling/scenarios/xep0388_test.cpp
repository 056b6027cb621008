/// Spec: XEP-0388 (log-in by the extensible profile), XEP-0386 (Bind 2), XEP-0198 §8 (inline), XEP-0484 (tokens).
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "signaling/modules/modules.h"
#include "signaling/stream/stream_text.h"
#include "tests/signaling/scenarios/scenario.h"

namespace carillon::scenarios {
namespace {

using std::string_literals::operator""s;

constexpr std::string_view kSasl2 = "urn:xmpp:sasl:2";
constexpr std::string_view kSasl = "urn:ietf:params:xml:ns:xmpp-sasl";
const std::string kPhone =
    "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>Test</software></user-agent>";
const std::string kTablet = "<user-agent id='e5565fa7-4d72-4749-b3d3-740edbf87771'/>";

/// Inside TLS, with the stream's features read.
std::unique_ptr<Client> connected(const World& world) {
    auto client = std::make_unique<Client>();
    client->connect(world.tls_port());
    client->start_tls();
    client->open_stream("localhost");
    return client;
}

std::string authenticate(const std::string& mechanism, const std::string& data, const std::string& more) {
    return "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='" + mechanism + "'><initial-response>" +
           stream::base64_encode(data) + "</initial-response>" + more + "</authenticate>";
}
std::string plain(const std::string& more, const std::string& password = "secret") {
    return authenticate("PLAIN", "\0alice\0"s + password, more);
}

/// What comes as <success/>, its features read as well.
xml::Element log_in(Client& client, const std::string& request) {
    client.send(request);
    auto success = client.expect_element();
    if (!success.is("success", kSasl2)) throw std::runtime_error{"no success: " + success.name()};
    const auto features = client.expect_element();
    if (features.name() != "features") throw std::runtime_error{"no features"};
    const auto* bound = success.child("bound");
    const bool managed = success.child("resumed") || (bound && bound->child("enabled"));
    EXPECT_EQ(features.child("sm", "urn:xmpp:sm:3") == nullptr, managed) << "what is on is not to be negotiated again";
    EXPECT_EQ(features.child("bind") == nullptr, managed || bound);
    return success;
}
std::string condition(Client& client, const std::string& request) {
    client.send(request);
    const auto failure = client.expect_element();
    EXPECT_TRUE(failure.is("failure", kSasl2)) << failure.name();
    const auto* inside = failure.child_in(kSasl);
    return inside ? inside->name() : "none";
}

std::string token_proof(const std::string& user, const std::string& token, const std::string& role = "Initiator") {
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    HMAC(EVP_sha256(), token.data(), static_cast<int>(token.size()),
         reinterpret_cast<const unsigned char*>(role.data()), role.size(), hash, &length);
    const std::string proof{reinterpret_cast<const char*>(hash), length};
    return user.empty() ? proof : user + '\0' + proof;
}
std::string by_token(const std::string& token, const std::string& agent, const std::string& attributes = {},
                     const std::string& more = {}) {
    return authenticate("HT-SHA-256-NONE", token_proof("alice", token),
                        agent + "<fast xmlns='urn:xmpp:fast:0'" + attributes + "/>" + more);
}
const std::string kWantsToken = "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>";

std::string token_of(const xml::Element& success) {
    const auto* token = success.child("token", "urn:xmpp:fast:0");
    return token ? std::string{token->attribute("token")} : std::string{};
}

TEST(Xep0388S2p1Features, AreOfferedInTlsOnlyAndNameWhatCanBeHadInline) {
    World world{{.modules = modules::builtin()}};
    Client clear;
    clear.connect(world.port());
    EXPECT_FALSE(clear.open_stream("localhost").child("authentication", kSasl2));
    const auto client = connected(world);
    const auto* offer = client->features().child("authentication", kSasl2);
    ASSERT_TRUE(offer);
    EXPECT_TRUE(offer->child("mechanism"));
    const auto* inline_ = offer->child("inline");
    ASSERT_TRUE(inline_);
    EXPECT_TRUE(inline_->child("sm", "urn:xmpp:sm:3"));
    EXPECT_TRUE(inline_->child("fast", "urn:xmpp:fast:0"));
    std::string names;
    for (const auto* feature : inline_->child("bind", "urn:xmpp:bind:0")->child("inline")->children())
        names += std::string{feature->attribute("var")} + ' ';
    EXPECT_EQ(names, "urn:xmpp:carbons:2 urn:xmpp:csi:0 urn:xmpp:sm:3 ");
}

TEST(Xep0388S2p6Success, WithoutBindTheStreamGoesOnToTheOldBinding) {
    World world;
    const auto client = connected(world);
    const auto success = log_in(*client, plain({}));
    EXPECT_EQ(success.child_text("authorization-identifier"), "alice@localhost");
    client->send(
        "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>old</resource></bind></iq>");
    EXPECT_EQ(client->expect_element().child("bind")->child_text("jid"), "alice@localhost/old");
}

TEST(Xep0388S2p6Failure, HasRfc6120sConditionsAndAnotherAttemptMayFollow) {
    World world;
    const auto client = connected(world);
    EXPECT_EQ(condition(*client, plain({}, "guess")), "not-authorized");
    EXPECT_EQ(condition(*client, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='NONSENSE'/>"), "invalid-mechanism");
    EXPECT_EQ(condition(*client,
                        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>%%"
                        "</initial-response></authenticate>"),
              "incorrect-encoding");
    log_in(*client, plain("<bind xmlns='urn:xmpp:bind:0'/>"));
}

TEST(Xep0388S2p4Exchange, AnythingElseEndsTheStream) {
    World world;
    const auto client = connected(world);
    client->send("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'><initial-response>" +
                 stream::base64_encode("n,,n=alice,r=abc") + "</initial-response></authenticate>");
    EXPECT_TRUE(client->expect_element().is("challenge", kSasl2));
    client->send("<presence/>");
    EXPECT_TRUE(client->expect_element().child("not-authorized"));
}

TEST(Xep0388S2p10Again, ASecondLogInIsAStreamError) {
    World world;
    const auto client = connected(world);
    log_in(*client, plain({}));
    client->send(plain({}));
    EXPECT_EQ(client->expect_element().name(), "error");
}

TEST(Xep0386S3p2Bind, GivesTagAndStableResourceAndSwitchesFeaturesOn) {
    World world{{.modules = modules::builtin()}};
    const auto request =
        plain(kPhone +
              "<bind xmlns='urn:xmpp:bind:0'><tag>Awesome</tag><enable xmlns='urn:xmpp:carbons:2'/>"
              "<enable xmlns='urn:xmpp:sm:3' resume='true'/><inactive xmlns='urn:xmpp:csi:0'/></bind>");
    auto client = connected(world);
    const auto success = log_in(*client, request);
    const auto who = success.child_text("authorization-identifier");
    EXPECT_TRUE(who.starts_with("alice@localhost/Awesome/")) << who;
    EXPECT_EQ(who.find("d4565fa7"), std::string::npos) << "the id of the installation is nobody's business";
    const auto* bound = success.child("bound", "urn:xmpp:bind:0");
    ASSERT_TRUE(bound);
    EXPECT_TRUE(bound->child("enabled", "urn:xmpp:sm:3"));
    EXPECT_TRUE(bound->child("metadata", "urn:xmpp:mam:2"));
    client->send("<iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
    EXPECT_EQ(client->expect_element().attribute("id"), "1");

    auto again = connected(world);
    EXPECT_EQ(log_in(*again, request).child_text("authorization-identifier"), who);
    EXPECT_EQ(world.host->sessions().size(), 1u) << "the session that this installation had before has ended";
}

TEST(Xep0386S3p2Bind, CarbonsAreOnAtOnce) {
    World world{{.modules = modules::builtin()}};
    auto phone = connected(world);
    log_in(*phone, plain(kPhone + "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:carbons:2'/></bind>"));
    auto desk = world.log_in("alice", "desk");
    desk->send("<message to='bob@localhost' type='chat' id='m'><body>hello</body></message>");
    const auto copy = phone->expect_element();
    EXPECT_TRUE(copy.child("sent", "urn:xmpp:carbons:2"));
}

/// Of two messages for a user who is away the archive has one; which the client knows to read.
TEST(Xep0386S3p2Bind, WhatTheArchiveHasIsNotSentFromOfflineStorage) {
    World world{{.modules = modules::builtin()}};
    auto bob = world.log_in("bob", "desk");
    bob->send(
        "<message to='alice@localhost' type='chat' id='archived'><body>hello</body></message>"
        "<message to='alice@localhost' type='chat' id='apart'><call xmlns='urn:example:call'/></message>");
    bob->drain("localhost");
    auto phone = connected(world);
    log_in(*phone, plain(kPhone + "<bind xmlns='urn:xmpp:bind:0'/>"));
    bob->send("<message to='alice@localhost' type='chat' id='since'><body>hello</body></message>");
    bob->drain("localhost");
    phone->send("<presence/>");
    std::string came;
    while (!came.ends_with("since ")) {
        const auto element = phone->expect_element();
        if (element.name() == "message") came += std::string{element.attribute("id")} + ' ';
    }
    EXPECT_EQ(came, "apart since ");
    auto desk = world.log_in("alice", "desk");
    desk->send("<presence/>");
    for (const auto& more : desk->drain("localhost")) EXPECT_NE(more.name(), "message");
}

TEST(Xep0386S3p2Bind, TooManySessionsAreToldByTheOldBinding) {
    WorldOptions options;
    options.sessions.sessions_per_user = 1;
    World world{std::move(options)};
    auto one = world.log_in("alice", "1");
    auto client = connected(world);
    const auto success = log_in(*client, plain("<bind xmlns='urn:xmpp:bind:0'/>"));
    EXPECT_FALSE(success.child("bound"));
    client->send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    EXPECT_TRUE(client->expect_element().child("error")->child("resource-constraint"));
}

TEST(Xep0198S8Inline, ResumesOrBindsInOneGo) {
    World world{{.modules = modules::builtin()}};
    const std::string bind = "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>";
    auto client = connected(world);
    const auto success = log_in(*client, plain(bind));
    const auto who = success.child_text("authorization-identifier");
    const auto id = std::string{success.child("bound")->child("enabled")->attribute("id")};
    ASSERT_FALSE(id.empty());
    client->send("<presence/>");
    client->drain("localhost");
    client->disconnect();
    auto bob = world.log_in("bob", "desk");
    bob->send("<message to='" + who + "' type='chat' id='meanwhile'><body>hello</body></message>");
    bob->drain("localhost");

    auto back = connected(world);
    const auto resumed = log_in(*back, plain("<resume xmlns='urn:xmpp:sm:3' previd='" + id + "' h='2'/>" + bind));
    EXPECT_TRUE(resumed.child("resumed", "urn:xmpp:sm:3"));
    EXPECT_FALSE(resumed.child("bound"));
    EXPECT_EQ(resumed.child_text("authorization-identifier"), who);
    for (auto element = back->expect_element(); element.attribute("id") != "meanwhile";
         element = back->expect_element());  // what was not acknowledged comes again, this one among it

    auto other = connected(world);
    const auto refused = log_in(*other, plain("<resume xmlns='urn:xmpp:sm:3' previd='nonsense' h='0'/>" + bind));
    EXPECT_TRUE(refused.child("failed", "urn:xmpp:sm:3"));
    EXPECT_TRUE(refused.child("bound"));
}

TEST(Xep0484Tokens, AreGivenUsedAndBoundToClientAndMechanism) {
    World world;
    auto client = connected(world);
    const auto token = token_of(log_in(*client, plain(kPhone + kWantsToken)));
    ASSERT_FALSE(token.empty());

    auto again = connected(world);
    const auto success = log_in(*again, by_token(token, kPhone, {}, "<bind xmlns='urn:xmpp:bind:0'/>"));
    EXPECT_EQ(success.child_text("additional-data"), stream::base64_encode(token_proof({}, token, "Responder")));
    EXPECT_TRUE(success.child("bound"));
    EXPECT_TRUE(token_of(success).empty()) << "there is no need of another yet";

    auto thief = connected(world);
    EXPECT_EQ(condition(*thief, by_token(token, kTablet)), "not-authorized");
    EXPECT_EQ(condition(*thief, by_token("another", kPhone)), "not-authorized");
    EXPECT_EQ(condition(*thief, authenticate("HT-SHA-256-NONE", token_proof("alice", token), kPhone)),
              "invalid-mechanism")
        << "without <fast/> it is no mechanism";
    EXPECT_EQ(condition(*thief, authenticate("HT-SHA-256-EXPR", token_proof("alice", token),
                                             kPhone + "<fast xmlns='urn:xmpp:fast:0'/>")),
              "not-authorized");
}

TEST(Xep0484S3p5Rotation, TheOldTokenCountsUntilTheNewOneIsUsed) {
    World world;
    auto client = connected(world);
    const auto first = token_of(log_in(*client, plain(kPhone + kWantsToken)));
    world.storage.tokens().age(std::chrono::hours{25});
    const auto second = token_of(log_in(*connected(world), by_token(first, kPhone)));
    ASSERT_FALSE(second.empty());
    EXPECT_NE(first, second);
    EXPECT_FALSE(token_of(log_in(*connected(world), by_token(first, kPhone))).empty()) << "it never came";
}

TEST(Xep0484S3p5Rotation, UseOfTheNewTokenEndsTheOld) {
    World world;
    const auto first = token_of(log_in(*connected(world), plain(kPhone + kWantsToken)));
    log_in(*connected(world), by_token(first, kPhone));
    const auto second = token_of(log_in(*connected(world), by_token(first, kPhone, {}, kWantsToken)));
    log_in(*connected(world), by_token(second, kPhone));
    EXPECT_EQ(condition(*connected(world), by_token(first, kPhone)), "not-authorized");
}

TEST(Xep0484S3p6Invalidation, AndExpiryAndANewPasswordEndTokens) {
    World world;
    const auto give = [&] { return token_of(log_in(*connected(world), plain(kPhone + kWantsToken))); };
    auto token = give();
    EXPECT_TRUE(token_of(log_in(*connected(world), by_token(token, kPhone, " invalidate='true'"))).empty());
    EXPECT_EQ(condition(*connected(world), by_token(token, kPhone)), "not-authorized");
    token = give();
    world.storage.tokens().age(std::chrono::hours{24 * 30});
    EXPECT_EQ(condition(*connected(world), by_token(token, kPhone)), "credentials-expired");
}

TEST(LoginThrottle, GuessingIsSlowedDownAlikeForUsersAndOthers) {
    WorldOptions options;
    options.streams.throttle.per_account = 3;
    World world{std::move(options)};
    for (const auto* user : {"alice", "nobody"}) {
        const auto guess = authenticate("PLAIN", "\0"s + user + "\0guess"s, {});
        for (int i = 0; i < 3; ++i) EXPECT_EQ(condition(*connected(world), guess), "not-authorized") << user;
        EXPECT_EQ(condition(*connected(world), guess), "temporary-auth-failure") << user;
    }
    EXPECT_EQ(condition(*connected(world), plain({})), "temporary-auth-failure") << "the right one is not looked at";
    auto bob = world.log_in("bob", "desk");
}

}  // namespace
}  // namespace carillon::scenarios
