/// Spec: XEP-0163 1.2.2, XEP-0060 (publish options), XEP-0115 (+notify); XEP-0398 and XEP-0402 on top of it.
#include <gtest/gtest.h>

#include "signaling/modules/modules.h"
#include "signaling/session/caps_verification.h"
#include "signaling/xml/stream_parser.h"
#include "tests/signaling/scenarios/scenario.h"

namespace carillon::scenarios {
namespace {

constexpr std::string_view kInfo = "http://jabber.org/protocol/disco#info";

std::unique_ptr<World> make_world() {
    WorldOptions options;
    options.modules = modules::builtin();
    return std::make_unique<World>(std::move(options));
}

void befriend(World& world) {
    const auto alice = xmpp::Jid::parse("alice@localhost").value();
    const auto bob = xmpp::Jid::parse("bob@localhost").value();
    world.storage.set_contact(alice, {.jid = bob, .to = true, .from = true});
    world.storage.set_contact(bob, {.jid = alice, .to = true, .from = true});
}

/// A client that says what it wants to hear of, and answers when it is asked.
class Listener {
  public:
    Listener(World& world, const std::string& user, const std::string& resource, const std::string& node)
        : client{world.log_in(user, resource)} {
        info_ = "<query xmlns='" + std::string{kInfo} + "'><identity category='client' type='pc'/><feature var='" +
                node + "+notify'/></query>";
        const auto query = xml::parse_document(info_);
        ver_ = session::caps_verification(*query, "sha-1").value_or("");
    }
    void come() {
        client->send("<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:test' ver='" + ver_ +
                     "'/></presence>");
    }
    /// The next message; questions about capabilities are answered on the way.
    xml::Element hears() {
        for (;;) {
            auto got = client->expect_element();
            if (got.name() == "message") return got;
            const auto* query = got.child("query", kInfo);
            if (got.name() != "iq" || got.attribute("type") != "get" || !query) continue;
            auto answer = info_;
            answer.insert(answer.find('>'), " node='" + std::string{query->attribute("node")} + '\'');
            client->send("<iq type='result' id='" + std::string{got.attribute("id")} + "' to='" +
                         std::string{got.attribute("from")} + "'>" + answer + "</iq>");
        }
    }
    std::unique_ptr<Client> client;

  private:
    std::string info_;
    std::string ver_;
};

std::string publish(const std::string& node, const std::string& id, const std::string& payload,
                    const std::string& more = {}) {
    return "<iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='" + node +
           "'><item id='" + id + "'>" + payload + "</item></publish>" + more + "</pubsub></iq>";
}

std::string id_of(const xml::Element& message) {
    const auto* event = message.child("event", "http://jabber.org/protocol/pubsub#event");
    const auto* items = event ? event->child("items") : nullptr;
    const auto* item = items ? items->child("item") : nullptr;
    return item ? std::string{item->attribute("id")} : std::string{};
}

xml::Element answer_to(Client& client, const std::string& id) {
    for (;;) {
        auto got = client.expect_element();
        if (got.name() == "iq" && got.attribute("id") == id) return got;
    }
}

TEST(Xep0163S4p3Notifications, ContactsWhoAskHearOfItAndNewcomersHearTheLast) {
    auto world = make_world();
    befriend(*world);
    auto alice = world->log_in("alice", "desk");
    alice->send("<presence/>");
    Listener bob{*world, "bob", "phone", "urn:mood"};
    bob.come();
    alice->send(publish("urn:mood", "one", "<mood xmlns='urn:mood'>glad</mood>"));
    EXPECT_EQ(answer_to(*alice, "p").attribute("type"), "result");
    const auto heard = bob.hears();
    EXPECT_EQ(id_of(heard), "one");
    EXPECT_EQ(heard.attribute("from"), "alice@localhost");
    EXPECT_EQ(heard.attribute("type"), "headline");
    Listener late{*world, "bob", "tablet", "urn:mood"};
    late.come();
    EXPECT_EQ(id_of(late.hears()), "one") << "the last item comes with presence";
}

TEST(Xep0163S4p3Notifications, StrangersAndThoseWhoDoNotAskHearNothing) {
    auto world = make_world();
    befriend(*world);
    auto alice = world->log_in("alice", "desk");
    alice->send("<presence/>");
    Listener bob{*world, "bob", "phone", "urn:other"};
    Listener carol{*world, "carol", "phone", "urn:mood"};
    bob.come();
    carol.come();
    alice->send(publish("urn:mood", "one", "<mood xmlns='urn:mood'/>"));
    answer_to(*alice, "p");
    alice->send(publish("urn:other", "two", "<other xmlns='urn:other'/>"));
    EXPECT_EQ(id_of(bob.hears()), "two") << "and not the one before";
    alice->send("<message to='carol@localhost'><body>after all</body></message>");
    EXPECT_EQ(carol.hears().child_text("body"), "after all");
}

TEST(Xep0163S4p2Access, ANodeIsForThoseWhoSeePresence) {
    auto world = make_world();
    befriend(*world);
    run(*world, R"(
        alice/desk connects
        bob/phone connects
        carol/x connects
        alice/desk sends
            <iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:mood'><item id='one'><mood xmlns='urn:mood'/></item></publish></pubsub></iq>
        alice/desk receives
            <iq type='result' id='p'/>
        bob/phone sends
            <iq type='get' id='i' to='alice@localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:mood'/></pubsub></iq>
        bob/phone receives
            <iq type='result' id='i'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:mood'><item id='one'><mood xmlns='urn:mood'/></item></items></pubsub></iq>
        carol/x sends
            <iq type='get' id='i' to='alice@localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:mood'/></pubsub></iq>
        carol/x receives
            <iq type='error' id='i'><error type='auth'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><presence-subscription-required xmlns='http://jabber.org/protocol/pubsub#errors'/></error></iq>
        bob/phone sends
            <iq type='set' id='p' to='alice@localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:mood'><item id='two'><mood xmlns='urn:mood'/></item></publish></pubsub></iq>
        bob/phone receives
            <iq type='error' id='p'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
    )");
}

TEST(Xep0060S7p1p5PublishOptions, AreAPrecondition) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq type='set' id='p1'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:n'><item id='one'><n xmlns='urn:n'/></item></publish><publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field><field var='pubsub#access_model'><value>whitelist</value></field></x></publish-options></pubsub></iq>
        alice/desk receives
            <iq type='result' id='p1'/>
        alice/desk sends
            <iq type='set' id='p2'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:n'><item id='two'><n xmlns='urn:n'/></item></publish><publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field><field var='pubsub#access_model'><value>open</value></field></x></publish-options></pubsub></iq>
        alice/desk receives
            <iq type='error' id='p2'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><precondition-not-met xmlns='http://jabber.org/protocol/pubsub#errors'/></error></iq>
    )");
}

TEST(Xep0398S4Presence, TheHashOfThePictureIsInIt) {
    auto world = make_world();
    befriend(*world);
    // SHA-1 of "abc", FIPS 180-4
    run(*world, R"(
        bob/phone connects
        bob/phone sends
            <presence/>
        bob/phone receives
            <presence from='bob@localhost/phone'/>
            <presence type='unavailable' from='alice@localhost'/>
        alice/desk connects
        alice/desk sends
            <iq type='set' id='v'><vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>YWJj</BINVAL></PHOTO></vCard></iq>
        alice/desk receives
            <iq type='result' id='v'/>
        alice/desk sends
            <presence><x xmlns='vcard-temp:x:update'/></presence>
        bob/phone receives
            <presence from='alice@localhost/desk'><x xmlns='vcard-temp:x:update'><photo>a9993e364706816aba3e25717850c26c9cd0d89d</photo></x></presence>
        alice/desk receives
            <presence from='alice@localhost/desk'/>
            <presence from='bob@localhost/phone'/>
        alice/desk sends
            <presence><x xmlns='vcard-temp:x:update'><photo/></x><status>plain</status></presence>
        bob/phone receives
            <presence from='alice@localhost/desk'><x xmlns='vcard-temp:x:update'><photo/></x><status>plain</status></presence>
        alice/desk receives
            <presence from='alice@localhost/desk'><status>plain</status></presence>
        alice/desk sends
            <iq type='set' id='w'><vCard xmlns='vcard-temp'/></iq>
        alice/desk receives
            <iq type='result' id='w'/>
    )");
}

}  // namespace
}  // namespace carillon::scenarios
