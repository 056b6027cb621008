/// Spec: XEP-0077 2.4 (in-band registration), XEP-0445 0.2.0 (with an invitation), XEP-0379 0.3.3, XEP-0401 0.6.0,
/// XEP-0050 1.3.0 (commands).
#include <gtest/gtest.h>

#include "signaling/modules/modules.h"
#include "tests/signaling/scenarios/scenario.h"

namespace carillon::scenarios {
namespace {

using config::Value;
using namespace std::chrono_literals;

std::unique_ptr<World> make_world(Value::Table settings) {
    WorldOptions options;
    options.modules = modules::builtin();
    options.selection.settings["registration"] = Value{std::move(settings)};
    return std::make_unique<World>(std::move(options));
}
std::unique_ptr<World> make_world(const std::string& mode) { return make_world({{"mode", Value{mode}}}); }

/// A client that has TLS and has not logged in; `features` are those it was shown.
struct Guest {
    explicit Guest(World& world) {
        client.connect(world.port());
        (void)client.open_stream(world.domain);
        client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        (void)client.expect_element();
        client.start_tls();
        features = client.open_stream(world.domain);
    }
    xml::Element ask(const std::string& type, const std::string& payload) {
        client.send("<iq type='" + type + "' id='q' to='localhost'>" + payload + "</iq>");
        return client.expect_element();
    }
    xml::Element sign_up(const std::string& name, const std::string& password = "correct horse") {
        return ask("set", "<query xmlns='jabber:iq:register'><username>" + name + "</username><password>" + password +
                              "</password></query>");
    }
    xml::Element show(const std::string& token) {
        return ask("set", "<preauth xmlns='urn:xmpp:pars:0' token='" + token + "'/>");
    }
    Client client;
    xml::Element features;
};

/// "result", or the error's condition.
std::string outcome(const xml::Element& answer) {
    if (answer.attribute("type") == "result") return "result";
    const auto* error = answer.child("error");
    const auto* condition = error ? error->first_child() : nullptr;
    return condition ? condition->name() : "nothing";
}

bool can_log_in(World& world, const std::string& user, const std::string& password) {
    Client client;
    try {
        (void)client.log_in(world.port(), user, world.domain, "x", password);
        return true;
    } catch (const std::runtime_error&) {
        return false;
    }
}

storage::Invite invite(std::string token) {
    const auto now = SystemClock::instance().wall();
    return {.token = std::move(token), .host = "localhost", .registers = true, .created = now, .expires = now + 1h};
}

TEST(Xep0077S3p1Register, IsClosedUnlessConfigured) {
    auto world = make_world(Value::Table{});
    Guest guest{*world};
    EXPECT_FALSE(guest.features.child("register"));
    EXPECT_EQ(outcome(guest.ask("get", "<query xmlns='jabber:iq:register'/>")), "service-unavailable");
    EXPECT_EQ(outcome(guest.sign_up("erin")), "service-unavailable");
    EXPECT_EQ(outcome(guest.show("x")), "service-unavailable");
}

TEST(Xep0077S3p1Register, OpenModeTellsTheFieldsAndMakesTheUser) {
    auto world = make_world("open");
    Guest guest{*world};
    EXPECT_TRUE(guest.features.child("register", "http://jabber.org/features/iq-register"));
    const auto fields = guest.ask("get", "<query xmlns='jabber:iq:register'/>");
    const auto* query = fields.child("query", "jabber:iq:register");
    ASSERT_TRUE(query);
    EXPECT_EQ(fields.attribute("from"), "localhost");
    EXPECT_TRUE(query->child("username"));
    EXPECT_TRUE(query->child("password"));
    EXPECT_TRUE(query->child("x", "jabber:x:data"));
    EXPECT_EQ(outcome(guest.sign_up("Erin")), "result");
    EXPECT_TRUE(can_log_in(*world, "erin", "correct horse")) << "the name is prepared";
    EXPECT_EQ(outcome(guest.sign_up("second")), "not-acceptable") << "one for one connection";
}

TEST(Xep0077S4Form, ASubmittedFormDoesAsWell) {
    auto world = make_world("open");
    Guest guest{*world};
    EXPECT_EQ(outcome(guest.ask("set",
                                "<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>"
                                "<field var='username'><value>erin</value></field>"
                                "<field var='password'><value>correct horse</value></field></x></query>")),
              "result");
    EXPECT_TRUE(can_log_in(*world, "erin", "correct horse"));
}

TEST(Xep0077S3p1Register, BadNamesAndPasswordsAreRefused) {
    auto world = make_world({{"mode", Value{std::string{"open"}}},
                             {"attempts_per_address", Value{std::int64_t{100}}},
                             {"reserved", Value{Value::Array{Value{std::string{"ceo"}}}}}});
    Guest guest{*world};
    EXPECT_EQ(outcome(guest.sign_up("alice")), "conflict");
    EXPECT_EQ(outcome(guest.sign_up("")), "not-acceptable");
    EXPECT_EQ(outcome(guest.sign_up("a@b")), "not-acceptable");
    EXPECT_EQ(outcome(guest.sign_up("a b")), "not-acceptable");
    EXPECT_EQ(outcome(guest.sign_up(std::string(65, 'a'))), "not-acceptable");
    EXPECT_EQ(outcome(guest.sign_up("Admin")), "not-acceptable");
    EXPECT_EQ(outcome(guest.sign_up("CEO")), "not-acceptable");
    EXPECT_EQ(outcome(guest.sign_up("erin", "short")), "not-acceptable");
    EXPECT_EQ(outcome(guest.sign_up("erin", "")), "not-acceptable");
    EXPECT_EQ(outcome(guest.ask("set", "<query xmlns='jabber:iq:register'><remove/></query>")), "unexpected-request");
    EXPECT_EQ(outcome(guest.sign_up("erin")), "result");
}

TEST(Xep0077S3p1Register, AnAddressMayTrySoOftenOnly) {
    auto world = make_world({{"mode", Value{std::string{"open"}}}, {"attempts_per_address", Value{std::int64_t{2}}}});
    EXPECT_EQ(outcome(Guest{*world}.sign_up("erin")), "result");
    EXPECT_EQ(outcome(Guest{*world}.sign_up("alice")), "conflict");
    EXPECT_EQ(outcome(Guest{*world}.sign_up("frank")), "resource-constraint");
    EXPECT_FALSE(can_log_in(*world, "frank", "correct horse"));
}

TEST(Xep0077S3p1Register, NothingElseIsAnsweredBeforeLogIn) {
    auto world = make_world("open");
    Guest guest{*world};
    EXPECT_TRUE(guest.ask("get", "<ping xmlns='urn:xmpp:ping'/>").child("not-authorized"));
    Guest busy{*world};
    for (int i = 0; i < 20; ++i) EXPECT_EQ(outcome(busy.ask("get", "<query xmlns='jabber:iq:register'/>")), "result");
    EXPECT_TRUE(busy.ask("get", "<query xmlns='jabber:iq:register'/>").child("policy-violation"));
    Client open;  // without TLS, where TLS is required
    open.connect(world->port());
    (void)open.open_stream(world->domain);
    open.send("<iq type='get' id='q'><query xmlns='jabber:iq:register'/></iq>");
    EXPECT_TRUE(open.expect_element().child("not-authorized"));
}

TEST(Xep0077S3p3Password, IsChangedByItsOwner) {
    auto world = make_world(Value::Table{});
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>
        alice/desk receives
            <iq type='result' id='1'><query xmlns='jabber:iq:register'><registered/><username>alice</username></query></iq>
        alice/desk sends
            <iq type='set' id='2' to='localhost'><query xmlns='jabber:iq:register'><username>alice</username><password>another secret</password></query></iq>
        alice/desk receives
            <iq type='result' id='2' from='localhost'/>
        alice/desk sends
            <iq type='set' id='3'><query xmlns='jabber:iq:register'><username>bob</username><password>another secret</password></query></iq>
            <iq type='set' id='4'><query xmlns='jabber:iq:register'><username>alice</username></query></iq>
            <iq type='set' id='5'><query xmlns='jabber:iq:register'><username>alice</username><password>short</password></query></iq>
        alice/desk receives
            <iq type='error' id='3'><error><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
            <iq type='error' id='4'><error><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
            <iq type='error' id='5'><error><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/desk sends
            <iq type='set' id='6' to='bob@localhost'><query xmlns='jabber:iq:register'><remove/></query></iq>
        alice/desk receives
            <iq type='error' id='6'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
    )");
    EXPECT_TRUE(can_log_in(*world, "alice", "another secret"));
    EXPECT_FALSE(can_log_in(*world, "alice", "secret"));
}

TEST(Xep0077S3p2Remove, TakesAllThatIsTheUsersAndEndsSubscriptions) {
    for (const std::string to : {"", " to='localhost'"}) {
        auto world = make_world(Value::Table{});
        const auto alice = xmpp::Jid::parse("alice@localhost").value();
        const auto bob = xmpp::Jid::parse("bob@localhost").value();
        world->storage.set_contact(alice, {.jid = bob, .to = true, .from = true});
        world->storage.set_contact(bob, {.jid = alice, .to = true, .from = true});
        run(*world, R"(
        alice/desk connects
        alice/phone connects
        bob/phone connects
        bob/phone sends
            <iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>
        bob/phone receives
            <iq type='result' id='r'/>
        bob/phone sends
            <iq type='set' id='p' ><query xmlns='jabber:iq:private'><a xmlns='urn:a'>x</a></query></iq>
        bob/phone receives
            <iq type='result' id='p'/>
        alice/phone sends
            <iq type='set' id='p' ><query xmlns='jabber:iq:private'><a xmlns='urn:a'>x</a></query></iq>
        alice/phone receives
            <iq type='result' id='p'/>
        alice/desk sends
            <iq type='set' id='1')" +
                        to + R"(><query xmlns='jabber:iq:register'><remove/><username>alice</username></query></iq>
        alice/desk receives
            <iq type='error' id='1'><error><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/desk sends
            <iq type='set' id='2')" +
                        to + R"(><query xmlns='jabber:iq:register'><remove/></query></iq>
        alice/desk receives
            <iq type='result' id='2'/>
        alice/desk is closed with not-authorized
        alice/phone is closed with not-authorized
        bob/phone receives
            <presence from='alice@localhost' type='unsubscribe'/>
            <iq type='set'><query xmlns='jabber:iq:roster'><item jid='alice@localhost' subscription='to'/></query></iq>
            <presence from='alice@localhost' type='unsubscribed'/>
            <iq type='set'><query xmlns='jabber:iq:roster'><item jid='alice@localhost' subscription='none'/></query></iq>
    )");
        EXPECT_FALSE(can_log_in(*world, "alice", "secret"));
        EXPECT_TRUE(world->storage.user_text("alice@localhost", "private", "{urn:a}a").empty());
        EXPECT_FALSE(world->storage.user_text("bob@localhost", "private", "{urn:a}a").empty());
    }
}

TEST(Xep0077S3p2Remove, MayBeForbidden) {
    auto world = make_world({{"removal", Value{false}}, {"password_change", Value{false}}});
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq type='set' id='1'><query xmlns='jabber:iq:register'><remove/></query></iq>
            <iq type='set' id='2'><query xmlns='jabber:iq:register'><username>alice</username><password>another secret</password></query></iq>
        alice/desk receives
            <iq type='error' id='1'><error><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
            <iq type='error' id='2'><error><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
    )");
}

TEST(Xep0445S4Preauth, AnInvitationLetsOneUserIn) {
    auto world = make_world("invite");
    world->storage.invites().set(invite("t0ken"));
    Guest guest{*world};
    EXPECT_TRUE(guest.features.child("register", "urn:xmpp:ibr-token:0"));
    EXPECT_EQ(outcome(guest.ask("get", "<query xmlns='jabber:iq:register'/>")), "not-allowed");
    EXPECT_EQ(outcome(guest.sign_up("erin")), "not-allowed");
    EXPECT_EQ(outcome(guest.show("wrong")), "item-not-found");
    EXPECT_EQ(outcome(guest.show("t0ken")), "result");
    Guest late{*world};
    EXPECT_EQ(outcome(late.show("t0ken")), "result") << "shown is not used";
    EXPECT_EQ(outcome(guest.ask("get", "<query xmlns='jabber:iq:register'/>")), "result");
    EXPECT_EQ(outcome(guest.sign_up("alice")), "conflict");
    EXPECT_EQ(outcome(guest.sign_up("erin")), "result") << "what failed did not use it";
    EXPECT_EQ(outcome(late.sign_up("frank")), "not-allowed");
    EXPECT_EQ(world->storage.invites().size(), 0u);
    EXPECT_TRUE(can_log_in(*world, "erin", "correct horse"));
}

TEST(Xep0445S4Preauth, ExpiredForeignAndContactOnlyOnesAreNone) {
    auto world = make_world("invite");
    auto expired = invite("expired");
    expired.expires = expired.created - 1s;
    auto foreign = invite("foreign");
    foreign.host = "elsewhere";
    auto contact = invite("contact");
    contact.registers = false;
    for (const auto& each : {expired, foreign, contact}) world->storage.invites().set(each);
    Guest guest{*world};
    for (const auto* token : {"expired", "foreign", "contact"}) EXPECT_EQ(outcome(guest.show(token)), "item-not-found");
    EXPECT_EQ(outcome(guest.show("")), "bad-request");
}

TEST(Xep0445S5Names, AGivenNameIsKeptForTheInvited) {
    auto world = make_world("open");
    auto named = invite("named");
    named.account = "erin";
    world->storage.invites().set(named);
    Guest stranger{*world};
    EXPECT_EQ(outcome(stranger.sign_up("erin")), "conflict");
    Guest guest{*world};
    EXPECT_EQ(outcome(guest.show("named")), "result");
    EXPECT_EQ(outcome(guest.sign_up("frank")), "not-acceptable");
    EXPECT_EQ(outcome(guest.sign_up("erin")), "result");
}

TEST(Xep0379Pars, InviterAndInvitedBecomeContacts) {
    auto world = make_world("invite");
    auto from_alice = invite("t0ken");
    from_alice.inviter = xmpp::Jid::parse("alice@localhost").value();
    world->storage.invites().set(from_alice);
    auto alice = world->log_in("alice", "desk");
    alice->send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>");
    EXPECT_EQ(alice->expect_element().attribute("id"), "r");
    EXPECT_EQ(alice->expect_element().name(), "presence");
    Guest guest{*world};
    EXPECT_EQ(outcome(guest.show("t0ken")), "result");
    EXPECT_EQ(outcome(guest.sign_up("erin")), "result");
    for (std::string state; state != "both";) {
        const auto got = alice->expect_element();
        if (const auto* query = got.child("query", "jabber:iq:roster")) {
            EXPECT_EQ(query->child("item")->attribute("jid"), "erin@localhost");
            state = query->child("item")->attribute("subscription");
        }
    }
    Client erin;
    (void)erin.log_in(world->port(), "erin", "localhost", "x", "correct horse");
    erin.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>");
    const auto roster = erin.expect_element();
    const auto* item = roster.child("query")->child("item");
    ASSERT_TRUE(item);
    EXPECT_EQ(item->attribute("jid"), "alice@localhost");
    EXPECT_EQ(item->attribute("subscription"), "both");
    std::set<std::string> seen;
    while (seen.size() < 2) seen.emplace(erin.expect_element().attribute("from"));
    EXPECT_TRUE(seen.contains("alice@localhost/desk")) << "they see one another at once";
}

TEST(Xep0379Pars, ATokenInARequestIsAcceptedOnce) {
    auto world = make_world(Value::Table{});
    auto from_alice = invite("t0ken");
    from_alice.inviter = xmpp::Jid::parse("alice@localhost").value();
    world->storage.invites().set(from_alice);
    run(*world, R"(
        alice/desk connects
        bob/phone connects
        carol/phone connects
        alice/desk sends
            <presence/>
        alice/desk receives
            <presence/>
        bob/phone sends
            <iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>
        bob/phone receives
            <iq type='result' id='r'/>
        bob/phone sends
            <presence to='alice@localhost' type='subscribed'/>
            <presence to='alice@localhost' type='subscribe'><preauth xmlns='urn:xmpp:pars:0' token='t0ken'/></presence>
        bob/phone receives
            <iq type='set'><query xmlns='jabber:iq:roster'><item jid='alice@localhost' subscription='none' approved='true'/></query></iq>
            <iq type='set'><query xmlns='jabber:iq:roster'><item jid='alice@localhost' subscription='none' ask='subscribe'/></query></iq>
            <iq type='set'><query xmlns='jabber:iq:roster'><item jid='alice@localhost' subscription='from'/></query></iq>
            <presence from='alice@localhost' type='subscribed'/>
            <iq type='set'><query xmlns='jabber:iq:roster'><item jid='alice@localhost' subscription='both'/></query></iq>
        carol/phone sends
            <presence to='alice@localhost' type='subscribe'><preauth xmlns='urn:xmpp:pars:0' token='t0ken'/></presence>
        alice/desk receives
            <presence from='carol@localhost' type='subscribe'/>
        alice/desk receives nothing
    )");
}

TEST(Xep0401S4p1Invite, UsersMakeInvitations) {
    auto world = make_world({{"mode", Value{std::string{"invite"}}}, {"invites_per_user", Value{std::int64_t{1}}}});
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/></iq>
        alice/desk receives
            <iq type='result' id='1'><query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'>
              <item jid='localhost' node='urn:xmpp:invite#invite'/></query></iq>
        alice/desk sends
            <iq type='get' id='2' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info' node='urn:xmpp:invite#invite'/></iq>
        alice/desk receives
            <iq type='result' id='2'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='automation' type='command-node'/>
              <feature var='http://jabber.org/protocol/commands'/><feature var='jabber:x:data'/></query></iq>
        alice/desk sends
            <iq type='set' id='3' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:invite#invite' action='execute'/></iq>
        alice/desk receives
            <iq type='result' id='3'><command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:invite#invite' status='completed' sessionid='{any}'>
              <x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE'><value>urn:xmpp:invite#invitation</value></field>
                <field var='uri'/><field var='expire'/></x></command></iq>
        alice/desk sends
            <iq type='set' id='4' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:invite#invite'/></iq>
            <iq type='set' id='5' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:invite#create-account'/></iq>
            <iq type='set' id='6' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='unknown'/></iq>
        alice/desk receives
            <iq type='error' id='4'><error><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
            <iq type='error' id='5'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
            <iq type='error' id='6'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
    )");
}

xml::Element command(Client& client, const std::string& attributes, const std::string& form = {}) {
    client.send(
        "<iq type='set' id='c' to='localhost'><command xmlns='http://jabber.org/protocol/commands' "
        "node='urn:xmpp:invite#create-account' " +
        attributes + ">" + form + "</command></iq>");
    return client.expect_element();
}

TEST(Xep0401S4p4CreateAccount, AdminsNameTheAccountStepByStep) {
    auto world = make_world({{"mode", Value{std::string{"invite"}}},
                             {"admins", Value{Value::Array{Value{std::string{"alice@localhost"}}}}}});
    auto alice = world->log_in("alice", "desk");
    const auto first = command(*alice, "");
    const auto* step = first.child("command");
    ASSERT_TRUE(step);
    EXPECT_EQ(step->attribute("status"), "executing");
    ASSERT_TRUE(step->child("actions"));
    EXPECT_EQ(step->child("actions")->attribute("execute"), "complete");
    const std::string session{step->attribute("sessionid")};
    EXPECT_EQ(outcome(command(*alice, "action='prev' sessionid='" + session + "'")), "bad-request");
    EXPECT_EQ(outcome(command(*alice, "action='complete' sessionid='guessed'")), "bad-request");
    EXPECT_EQ(outcome(command(*alice, "action='dance'")), "bad-request");
    const auto form = [](const std::string& name) {
        return "<x xmlns='jabber:x:data' type='submit'><field var='username'><value>" + name + "</value></field></x>";
    };
    const auto done = command(*alice, "action='complete' sessionid='" + session + "'", form("erin"));
    ASSERT_TRUE(done.child("command"));
    EXPECT_EQ(done.child("command")->attribute("status"), "completed");
    const auto* result = done.child("command")->child("x");
    ASSERT_TRUE(result);
    std::string uri;
    for (const auto* field : result->children()) {
        if (field->attribute("var") == "uri") uri = field->child_text("value");
    }
    constexpr std::string_view kPrefix = "xmpp:erin@localhost?register;preauth=";
    ASSERT_TRUE(uri.starts_with(kPrefix)) << uri;
    EXPECT_EQ(outcome(command(*alice, "action='complete' sessionid='" + session + "'", form("x"))), "bad-request")
        << "it is over";
    EXPECT_EQ(outcome(command(*alice, "", form("bob"))), "conflict") << "taken";
    EXPECT_EQ(outcome(command(*alice, "", form("erin"))), "conflict") << "kept by the first invitation";
    Guest guest{*world};
    EXPECT_EQ(outcome(guest.show(uri.substr(kPrefix.size()))), "result");
    EXPECT_EQ(outcome(guest.sign_up("erin")), "result");
    const auto again = command(*alice, "");
    const std::string other{again.child("command")->attribute("sessionid")};
    const auto cancelled = command(*alice, "action='cancel' sessionid='" + other + "'");
    EXPECT_EQ(cancelled.child("command")->attribute("status"), "canceled");
}

}  // namespace
}  // namespace carillon::scenarios
