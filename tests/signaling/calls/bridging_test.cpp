/// Ends that cannot speak to one another: what each is told by the relay that stands between them.
#include "signaling/calls/bridging.h"

#include <gtest/gtest.h>

#include "signaling/calls/abilities.h"
#include "tests/signaling/calls/fakes.h"

namespace carillon::calls {
namespace {

using jingle::Action;
using jingle::TransportKind;
using test::kJuliet;
using test::kRomeo;
using test::Scene;

constexpr Abilities kRawOnly{.known = true, .ice = false, .raw = true, .dtls = false};
constexpr Abilities kBrowser{.known = true, .ice = true, .raw = false, .dtls = true};
constexpr Abilities kIceOnly{.known = true, .ice = true, .raw = false, .dtls = false};
constexpr Abilities kAll{.known = true, .ice = true, .raw = true, .dtls = true};

struct BridgedScene : Scene {
    explicit BridgedScene(const Abilities& callee) {
        host.declared[kJuliet] = callee;
        host.settings_.transcode = TranscodeMode::never;  // codecs are agreed between the ends here
    }
    const LegSetup& leg(Side side) { return relay.streams.at(0).setup.legs[index(side)]; }
    /// The newest that the worker was told of that side.
    const LegSetup& updated(Side side) {
        for (auto at = relay.updates.rbegin(); at != relay.updates.rend(); ++at)
            if (at->side == side) return at->leg;
        return leg(side);
    }
};

std::string with(std::string text, std::string_view from, std::string_view to) {
    const auto at = text.find(from);
    if (at != std::string::npos) text.replace(at, from.size(), to);
    return text;
}

const std::string kKeyOf30 = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
const std::string kCrypto =
    "<encryption required='1'><crypto crypto-suite='AES_CM_128_HMAC_SHA1_80' key-params='inline:" + kKeyOf30 +
    "|2^20|1:4' tag='7'/></encryption></description>";

std::string sdes_session(std::string_view action, std::string_view crypto = kCrypto) {
    return with(test::raw_session(action, "s", "192.0.2.7", 40000), "</description>", crypto);
}

TEST(Bridging, IsLeftAloneWhereTheEndsUnderstandOneAnother) {
    for (const auto& abilities : {kBrowser, kAll, Abilities{}}) {
        BridgedScene scene{abilities};
        scene.browser_call("s");
        ASSERT_EQ(scene.relay.streams.size(), 2u);
        EXPECT_FALSE(scene.relay.streams[0].setup.bridged());
        EXPECT_TRUE(scene.last(kRomeo).contents.at(0).transport.fingerprint->value.starts_with("02:1A"))
            << "keys stay between the ends";
    }
}

TEST(Bridging, BrowserToPlainPhone) {
    BridgedScene scene{kRawOnly};
    scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    const auto offer = scene.last(kJuliet);
    ASSERT_EQ(offer.action, Action::session_initiate);
    EXPECT_FALSE(offer.bundle()) << "one transport for both is not for raw UDP";
    const auto& audio = offer.contents.at(0);
    EXPECT_EQ(audio.transport.kind, TransportKind::raw_udp);
    EXPECT_FALSE(audio.transport.has_fingerprint);
    EXPECT_FALSE(audio.rtcp_mux);
    ASSERT_EQ(audio.transport.candidates.size(), 2u);
    EXPECT_EQ(audio.transport.candidates[0].port, 30002) << "port B";
    EXPECT_EQ(audio.cryptos.size(), 3u) << "keys for one who can use them";
    EXPECT_EQ(scene.seen_by(kJuliet).find(test::kBrowserPwd), std::string::npos);

    EXPECT_EQ(scene.leg(Side::caller).bridge->security.protection, Protection::dtls);
    EXPECT_TRUE(scene.leg(Side::caller).bridge->security.active) << "actpass leaves it to us";
    EXPECT_FALSE(scene.leg(Side::caller).bridge->controlling);
    EXPECT_TRUE(scene.leg(Side::caller).bridge->mux);
    EXPECT_EQ(scene.leg(Side::caller).current().ufrag, "n0Fb");

    auto accept = with(test::raw_session("session-accept", "s", "192.0.2.44", 4000), "name='voice'", "name='0'");
    scene.send(kJuliet, kRomeo, accept);
    const auto answer = scene.last(kRomeo);
    ASSERT_EQ(answer.contents.size(), 1u);
    ASSERT_TRUE(answer.bundle()) << "a bundle of one, for those who insist";
    EXPECT_EQ(answer.bundle()->contents, std::vector<std::string>{"0"});
    const auto& told = answer.contents[0];
    EXPECT_EQ(told.transport.kind, TransportKind::ice_udp);
    EXPECT_EQ(told.transport.ice, scene.leg(Side::caller).bridge->own);
    ASSERT_TRUE(told.transport.fingerprint);
    EXPECT_EQ(told.transport.fingerprint->value, "AB:CD");
    EXPECT_EQ(told.transport.fingerprint->setup, "active");
    EXPECT_TRUE(told.rtcp_mux);
    ASSERT_EQ(told.transport.candidates.size(), 1u);
    EXPECT_EQ(told.transport.candidates[0].port, 30000) << "port A";
    EXPECT_EQ(scene.seen_by(kRomeo).find("192.0.2.44"), std::string::npos);
    EXPECT_EQ(scene.updated(Side::callee).remotes.at(0).ip, "192.0.2.44");
    EXPECT_EQ(scene.updated(Side::callee).bridge->security.protection, Protection::none) << "it took no key";
    EXPECT_EQ(scene.relay.open_streams(), 1u) << "video was not taken";
    EXPECT_EQ(scene.controller.list().at(0).streams.at(0).state, "bridged");
    EXPECT_EQ(scene.controller.list().at(0).streams.at(0).transport, "ice-udp dtls | raw-udp");
    scene.send(kRomeo, kJuliet, test::terminate("s", "success"));
    EXPECT_EQ(scene.record().path, "bridge");
}

TEST(Bridging, PlainPhoneToBrowser) {
    BridgedScene scene{kBrowser};
    scene.send(kRomeo, kJuliet, test::raw_session("session-initiate", "s", "192.0.2.7", 40000));
    const auto offer = scene.last(kJuliet).contents.at(0);
    EXPECT_EQ(offer.transport.kind, TransportKind::ice_udp);
    EXPECT_EQ(offer.transport.fingerprint->setup, "actpass");
    EXPECT_TRUE(offer.rtcp_mux);
    EXPECT_TRUE(scene.leg(Side::callee).bridge->controlling) << "who answers waits to be nominated";
    const auto accept = test::jingle(
        "session-accept", "s",
        test::content("voice", with(test::browser_description(false), "id='8'", "id='98'") +
                                   with(test::ice_transport("cAll", "calleePasswordOf24Chars0"), "actpass", "active")));
    scene.send(kJuliet, kRomeo, accept);
    const auto answer = scene.last(kRomeo).contents.at(0);
    EXPECT_EQ(answer.transport.kind, TransportKind::raw_udp);
    EXPECT_EQ(answer.transport.candidates.at(0).port, 30000);
    EXPECT_FALSE(answer.rtcp_mux);
    EXPECT_TRUE(std::ranges::any_of(answer.payload_types, [](const auto& type) { return type.id == 8; }));
    EXPECT_FALSE(std::ranges::any_of(answer.payload_types, [](const auto& type) { return type.id == 98; }));
    const auto& callee = *scene.updated(Side::callee).bridge;
    EXPECT_FALSE(callee.security.active) << "the callee begins";
    EXPECT_TRUE(callee.mux);
    EXPECT_EQ(callee.payload_types, (std::map<std::uint8_t, std::uint8_t>{{98, 8}, {126, 101}}));
    EXPECT_EQ(scene.updated(Side::caller).bridge->payload_types,
              (std::map<std::uint8_t, std::uint8_t>{{8, 98}, {101, 126}}));
}

TEST(Bridging, KeysOfSdesAreOfEachLegAlone) {
    BridgedScene scene{kBrowser};
    scene.send(kRomeo, kJuliet, sdes_session("session-initiate"));
    EXPECT_TRUE(scene.last(kJuliet).contents.at(0).cryptos.empty()) << "DTLS on that side";
    EXPECT_EQ(scene.seen_by(kJuliet).find(kKeyOf30), std::string::npos);
    const auto& caller = scene.leg(Side::caller).bridge->security;
    EXPECT_EQ(caller.suite, "AES_CM_128_HMAC_SHA1_80");
    ASSERT_EQ(caller.remote.size(), 1u);
    EXPECT_EQ(caller.remote[0].key_and_salt.size(), 30u);
    EXPECT_EQ(caller.remote[0].mki, (std::vector<std::byte>{{}, {}, {}, std::byte{1}}));
    scene.send(kJuliet, kRomeo,
               test::jingle("session-accept", "s",
                            test::content("voice", test::browser_description(false) +
                                                       test::ice_transport("cAll", "calleePasswordOf24Chars0"))));
    const auto answer = scene.last(kRomeo).contents.at(0);
    ASSERT_EQ(answer.cryptos.size(), 1u);
    EXPECT_EQ(answer.cryptos[0].tag, "7");
    EXPECT_EQ(answer.cryptos[0].suite, "AES_CM_128_HMAC_SHA1_80");
    EXPECT_EQ(jingle::parse_inline(answer.cryptos[0].key_params, answer.cryptos[0].suite)->key_and_salt,
              caller.local[0].key_and_salt);
    EXPECT_NE(caller.local[0].key_and_salt, caller.remote[0].key_and_salt);
}

TEST(Bridging, CalleeWithKeysOfSdesOverIce) {
    BridgedScene scene{kIceOnly};
    scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    const auto offer = scene.last(kJuliet).contents.at(0);
    EXPECT_EQ(offer.transport.kind, TransportKind::ice_udp);
    EXPECT_FALSE(offer.transport.has_fingerprint);
    ASSERT_EQ(offer.cryptos.size(), 3u);
    const auto taken = offer.cryptos[1];
    EXPECT_EQ(taken.suite, "AES_CM_128_HMAC_SHA1_80");
    const auto description =
        with(test::browser_description(false), "</description>", with(kCrypto, "tag='7'", "tag='" + taken.tag + "'"));
    const std::string transport =
        "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='cAll' "
        "pwd='calleePasswordOf24Chars0'/>";
    scene.send(kJuliet, kRomeo, test::jingle("session-accept", "s", test::content("0", description + transport)));
    const auto& callee = scene.updated(Side::callee).bridge->security;
    EXPECT_EQ(callee.suite, "AES_CM_128_HMAC_SHA1_80");
    EXPECT_EQ(callee.local[0].key_and_salt, jingle::parse_inline(taken.key_params, taken.suite)->key_and_salt);
    EXPECT_EQ(callee.remote.size(), 1u);
    EXPECT_TRUE(scene.last(kRomeo).contents.at(0).transport.fingerprint);
    EXPECT_TRUE(scene.last(kRomeo).contents.at(0).cryptos.empty());
}

TEST(BridgingSafety, AnAnswerThatDropsTheKeysEndsTheCall) {
    BridgedScene browser{kBrowser};
    browser.send(kRomeo, kJuliet, test::raw_session("session-initiate", "s", "192.0.2.7", 40000));
    browser.send(kJuliet, kRomeo,
                 test::jingle("session-accept", "s",
                              test::content("voice", test::browser_description(false) +
                                                         "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' "
                                                         "ufrag='cAll' pwd='calleePasswordOf24Chars0'/>")));
    EXPECT_EQ(browser.last(kRomeo).action, Action::session_terminate);
    EXPECT_EQ(browser.record().reason, "security-error");

    // Encryption was required by the caller; the callee would go on without.
    BridgedScene plain{kIceOnly};
    plain.send(kRomeo, kJuliet, sdes_session("session-initiate"));
    EXPECT_TRUE(plain.last(kJuliet).contents.at(0).must_encrypt);
    plain.send(kJuliet, kRomeo,
               test::jingle("session-accept", "s",
                            test::content("voice", test::browser_description(false) +
                                                       "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' "
                                                       "ufrag='cAll' pwd='calleePasswordOf24Chars0'/>")));
    EXPECT_EQ(plain.record().reason, "security-error");

    // A hash that proves nothing.
    BridgedScene weak{kRawOnly};
    weak.send(kRomeo, kJuliet, with(test::browser_initiate("s"), "sha-256", "sha-1"));
    EXPECT_TRUE(weak.to(kJuliet).empty());
    ASSERT_EQ(weak.host.errors.size(), 1u);
    EXPECT_EQ(weak.host.errors[0].second, "not-acceptable");
    EXPECT_EQ(weak.relay.open_streams(), 0u);
}

TEST(Bridging, CandidatesAndRestartsAreTheRelaysBusiness) {
    BridgedScene scene{kRawOnly};
    scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    const auto heard = scene.to(kJuliet).size();
    const auto id = scene.send(kRomeo, kJuliet,
                               test::transport_info("s", "0", test::kBrowserUfrag, test::kBrowserPwd,
                                                    test::browser_candidate(7, "198.51.100.77", 51007, "host")));
    EXPECT_EQ(scene.to(kJuliet).size(), heard) << "the callee has no use for it";
    EXPECT_EQ(scene.to(kRomeo).back().id(), id) << "but it is acknowledged";

    const auto before = scene.leg(Side::caller).bridge->own;
    scene.send(kRomeo, kJuliet, test::transport_info("s", "0", "n3w1", "anotherPasswordOf24Chars", ""));
    const auto fresh = scene.last(kRomeo);
    EXPECT_EQ(fresh.action, Action::transport_info);
    ASSERT_EQ(fresh.contents.size(), 1u);
    EXPECT_NE(fresh.contents[0].transport.ice, before);
    EXPECT_EQ(fresh.contents[0].transport.ice, scene.updated(Side::caller).bridge->own);
    EXPECT_EQ(scene.updated(Side::caller).current().ufrag, "n3w1");
    EXPECT_EQ(scene.to(kJuliet).size(), heard);

    scene.send(kRomeo, kJuliet, with(test::raw_session("transport-replace", "s", "192.0.2.7", 1), "voice", "0"));
    EXPECT_EQ(scene.last(kRomeo).action, Action::transport_reject);
    EXPECT_EQ(scene.to(kJuliet).size(), heard);
}

TEST(Bridging, BundleOfBothSidesIsOneStream) {
    BridgedScene scene{kBrowser};
    scene.host.settings_.bridge = BridgeMode::always;
    scene.browser_call("s");
    EXPECT_EQ(scene.relay.open_streams(), 1u);
    const auto answer = scene.last(kRomeo);
    ASSERT_TRUE(answer.bundle());
    ASSERT_EQ(answer.contents.size(), 2u);
    EXPECT_EQ(answer.contents[0].transport.ice, answer.contents[1].transport.ice);
    EXPECT_EQ(answer.contents[0].transport.fingerprint->value, "AB:CD");
    EXPECT_EQ(scene.last(kJuliet).contents[0].transport.fingerprint->value, "AB:CD");
}

TEST(Bridging, AnAnswerOfAnotherTransportEndsTheCall) {
    BridgedScene scene{kRawOnly};
    scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    scene.send(kJuliet, kRomeo, test::browser_accept("s"));
    EXPECT_EQ(scene.last(kRomeo).action, Action::session_terminate);
    EXPECT_EQ(scene.record().reason, "failed-transport");
}

TEST(Bridging, NeedsTheRelay) {
    BridgedScene scene{kRawOnly};
    scene.relay.refuse = true;
    scene.send(kRomeo, kJuliet, test::browser_initiate("s"));
    EXPECT_TRUE(scene.to(kJuliet).empty());
    ASSERT_EQ(scene.host.errors.size(), 1u);
    EXPECT_EQ(scene.host.errors[0].second, "resource-constraint");

    BridgedScene lost{kRawOnly};
    lost.send(kRomeo, kJuliet, test::browser_initiate("s"));
    lost.relay.streams.at(0).watch("s1", RelayEvent::lost);
    EXPECT_EQ(lost.last(kJuliet).action, Action::session_terminate);
}

TEST(Bridging, SettingsForbidOrDemandIt) {
    BridgedScene never{kRawOnly};
    never.host.settings_.bridge = BridgeMode::never;
    never.send(kRomeo, kJuliet, test::browser_initiate("s"));
    EXPECT_EQ(never.last(kJuliet).contents.at(0).transport.kind, TransportKind::ice_udp);
    EXPECT_FALSE(never.relay.streams.at(0).setup.bridged());
    BridgedScene direct{kRawOnly};
    direct.host.settings_.relay = RelayMode::never;
    direct.send(kRomeo, kJuliet, test::browser_initiate("s"));
    EXPECT_TRUE(direct.relay.streams.empty());
    BridgedScene unknown{{}};
    unknown.host.settings_.bridge = BridgeMode::always;
    unknown.send(kRomeo, kJuliet, test::browser_initiate("s"));
    EXPECT_TRUE(unknown.relay.streams.at(0).setup.bridged());
    EXPECT_EQ(unknown.last(kJuliet).contents.at(0).transport.fingerprint->value, "AB:CD");
}

}  // namespace
}  // namespace carillon::calls
