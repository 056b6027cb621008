/// Spec: XEP-0049 1.2 (private XML), XEP-0012 2.0 (last activity), XEP-0157 1.1.1 (contact addresses).
#include <gtest/gtest.h>

#include <thread>

#include "signaling/modules/modules.h"
#include "tests/signaling/scenarios/scenario.h"

namespace carillon::scenarios {
namespace {

using config::Value;

std::unique_ptr<World> make_world(std::map<std::string, Value, std::less<>> settings = {}) {
    WorldOptions options;
    options.modules = modules::builtin();
    options.selection.settings = std::move(settings);
    return std::make_unique<World>(std::move(options));
}

TEST(Xep0049Private, IsKeptByNameAndNamespace) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq type='get' id='1'><query xmlns='jabber:iq:private'><prefs xmlns='urn:example:a'/></query></iq>
        alice/desk receives
            <iq type='result' id='1'><query xmlns='jabber:iq:private'><prefs xmlns='urn:example:a'/></query></iq>
        alice/desk sends
            <iq type='set' id='2'><query xmlns='jabber:iq:private'><prefs xmlns='urn:example:a'><nick x='&lt;'>Hamlet &amp; co</nick></prefs></query></iq>
            <iq type='set' id='3' to='alice@localhost'><query xmlns='jabber:iq:private'><prefs xmlns='urn:example:b'>b</prefs></query></iq>
        alice/desk receives
            <iq type='result' id='2'/><iq type='result' id='3'/>
        alice/phone connects
        alice/phone sends
            <iq type='get' id='4'><query xmlns='jabber:iq:private'><prefs xmlns='urn:example:a'/></query></iq>
            <iq type='get' id='5'><query xmlns='jabber:iq:private'><prefs xmlns='urn:example:b'/></query></iq>
        alice/phone receives
            <iq type='result' id='4'><query xmlns='jabber:iq:private'><prefs xmlns='urn:example:a'><nick x='&lt;'>Hamlet &amp; co</nick></prefs></query></iq>
            <iq type='result' id='5'><query xmlns='jabber:iq:private'><prefs xmlns='urn:example:b'>b</prefs></query></iq>
        alice/phone sends
            <iq type='set' id='6'><query xmlns='jabber:iq:private'><prefs xmlns='urn:example:a'/></query></iq>
            <iq type='get' id='7'><query xmlns='jabber:iq:private'><prefs xmlns='urn:example:a'/></query></iq>
        alice/phone receives
            <iq type='result' id='6'/><iq type='result' id='7'/>
    )");
}

TEST(Xep0049Private, RefusesOthersAndWhatIsNotProper) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq type='get' id='1' to='bob@localhost'><query xmlns='jabber:iq:private'><p xmlns='urn:a'/></query></iq>
        alice/desk receives
            <iq type='error' id='1'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/desk sends
            <iq type='set' id='2' to='bob@localhost'><query xmlns='jabber:iq:private'><p xmlns='urn:a'>x</p></query></iq>
        alice/desk receives
            <iq type='error' id='2'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/desk sends
            <iq type='get' id='3'><query xmlns='jabber:iq:private'/></iq>
            <iq type='set' id='4'><query xmlns='jabber:iq:private'/></iq>
            <iq type='set' id='5'><query xmlns='jabber:iq:private'><p/></query></iq>
            <iq type='get' id='6'><query xmlns='jabber:iq:private'><p xmlns='urn:a'/><p xmlns='urn:b'/></query></iq>
        alice/desk receives
            <iq type='error' id='3'><error><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
            <iq type='error' id='4'><error><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
            <iq type='error' id='5'><error><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
            <iq type='error' id='6'><error><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
    )");
}

TEST(Xep0049Private, IsBounded) {
    auto world = make_world({{"private_xml", Value{Value::Table{{"entries", Value{std::int64_t{1}}}}}}});
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq type='set' id='1'><query xmlns='jabber:iq:private'><p xmlns='urn:a'>one</p></query></iq>
            <iq type='set' id='2'><query xmlns='jabber:iq:private'><p xmlns='urn:b'>two</p></query></iq>
            <iq type='set' id='3'><query xmlns='jabber:iq:private'><p xmlns='urn:a'>other</p></query></iq>
        alice/desk receives
            <iq type='result' id='1'/>
            <iq type='error' id='2'><error><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
            <iq type='result' id='3'/>
    )");
}

TEST(Xep0012S5Server, TellsItsUptime) {
    auto world = make_world();
    auto alice = world->log_in("alice", "desk");
    alice->send("<iq type='get' id='1' to='localhost'><query xmlns='jabber:iq:last'/></iq>");
    const auto answer = alice->expect_element();
    const auto* query = answer.child("query", "jabber:iq:last");
    ASSERT_TRUE(query);
    const std::string seconds{query->attribute("seconds")};
    EXPECT_LT(std::stoul(seconds), 600u) << "no longer than this test's process";
}

TEST(Xep0012S3Offline, ThoseWhoMaySeeLearnWhenAndTheLastWords) {
    auto world = make_world();
    const auto bob = xmpp::Jid::parse("bob@localhost").value();
    const auto alice = xmpp::Jid::parse("alice@localhost").value();
    world->storage.set_contact(bob, {.jid = alice, .from = true});
    run(*world, R"(
        alice/desk connects
        carol/desk connects
        alice/desk sends
            <presence/>
        alice/desk receives
            <presence from='alice@localhost/desk'/>
        alice/desk sends
            <iq type='get' id='0' to='bob@localhost'><query xmlns='jabber:iq:last'/></iq>
        alice/desk receives
            <iq type='error' id='0'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        bob/phone connects
        alice/desk sends
            <iq type='get' id='1' to='bob@localhost'><query xmlns='jabber:iq:last'/></iq>
        alice/desk receives
            <iq type='result' id='1'><query xmlns='jabber:iq:last' seconds='0'/></iq>
        bob/phone sends
            <presence/>
        bob/phone receives
            <presence/>
        bob/phone sends
            <presence type='unavailable'><status>Heading home</status></presence>
        bob/phone closes
        alice/desk receives
            <presence from='bob@localhost/phone'/><presence from='bob@localhost/phone' type='unavailable'/>
        alice/desk sends
            <iq type='get' id='2' to='bob@localhost'><query xmlns='jabber:iq:last'/></iq>
        alice/desk receives
            <iq type='result' id='2' from='bob@localhost'><query xmlns='jabber:iq:last' seconds='{any}'>Heading home</query></iq>
        carol/desk sends
            <iq type='get' id='3' to='bob@localhost'><query xmlns='jabber:iq:last'/></iq>
        carol/desk receives
            <iq type='error' id='3'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
    )");
    for (int i = 0; i < 100; ++i) {  // what was said is written soon
        if (world->storage.user_text("bob@localhost", "last", "departure").ends_with(" Heading home")) return;
        std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
    FAIL() << "never written";
}

TEST(Xep0012S4Online, ClientsAreAskedByThoseWhoMaySee) {
    auto world = make_world();
    const auto bob = xmpp::Jid::parse("bob@localhost").value();
    const auto alice = xmpp::Jid::parse("alice@localhost").value();
    world->storage.set_contact(bob, {.jid = alice, .from = true});
    run(*world, R"(
        alice/desk connects
        carol/desk connects
        bob/phone connects
        carol/desk sends
            <iq type='get' id='1' to='bob@localhost/phone'><query xmlns='jabber:iq:last'/></iq>
        carol/desk receives
            <iq type='error' id='1' from='bob@localhost/phone'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/desk sends
            <iq type='get' id='2' to='bob@localhost/phone'><query xmlns='jabber:iq:last'/></iq>
        bob/phone receives
            <iq type='get' id='2' from='alice@localhost/desk'><query xmlns='jabber:iq:last'/></iq>
        bob/phone sends
            <iq type='result' id='2' to='alice@localhost/desk'><query xmlns='jabber:iq:last' seconds='123'/></iq>
        alice/desk receives
            <iq type='result' id='2' from='bob@localhost/phone'><query xmlns='jabber:iq:last' seconds='123'/></iq>
    )");
}

TEST(Xep0157Contact, AddressesStandInDisco) {
    const auto list = [](std::initializer_list<std::string> texts) {
        Value::Array values;
        for (const auto& one : texts) values.emplace_back(one);
        return Value{std::move(values)};
    };
    auto world =
        make_world({{"contact", Value{Value::Table{{"abuse", list({"mailto:abuse@localhost", "xmpp:abuse@localhost"})},
                                                   {"support", list({"https://localhost/help"})}}}}});
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq type='get' id='d' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
        alice/desk receives
            <iq type='result' id='d'><query xmlns='http://jabber.org/protocol/disco#info'>
              <x xmlns='jabber:x:data' type='result'>
                <field var='FORM_TYPE' type='hidden'><value>http://jabber.org/network/serverinfo</value></field>
                <field var='abuse-addresses'><value>mailto:abuse@localhost</value><value>xmpp:abuse@localhost</value></field>
                <field var='support-addresses'><value>https://localhost/help</value></field></x></query></iq>
    )");
}

TEST(Xep0157Contact, WhatIsNoAddressIsAnErrorAtTheStart) {
    Value::Array values;
    values.emplace_back(std::string{"somebody"});
    EXPECT_THROW(make_world({{"contact", Value{Value::Table{{"abuse", Value{std::move(values)}}}}}}),
                 std::runtime_error);
}

}  // namespace
}  // namespace carillon::scenarios
