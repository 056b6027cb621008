/// Spec: RFC 6120 §4 (streams and their errors), §5 (STARTTLS), §6 (SASL).
#include <gtest/gtest.h>

#include "signaling/stream/stream_text.h"
#include "tests/signaling/scenarios/world.h"

namespace carillon::scenarios {
namespace {

constexpr std::string_view kStreamsNs = "http://etherx.jabber.org/streams";

std::string opening(std::string_view attributes) {
    return "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' " + std::string{attributes} + ">";
}

/// Sends `text` on a fresh connection and answers the stream error's condition; the stream must end after it.
std::string error_after(World& world, const std::string& text, bool after_features = false) {
    Client client;
    client.connect(world.port());
    if (after_features) client.open_stream("localhost");
    client.send(text);
    std::string condition;
    for (;;) {
        const auto event = client.next_event();
        if (const auto* element = std::get_if<xml::Element>(&event)) {
            if (element->is("error", kStreamsNs)) condition = element->first_child()->name();
        } else if (std::holds_alternative<xml::StreamClose>(event)) {
            return condition;
        } else if (std::holds_alternative<xml::StreamFault>(event)) {
            return "server sent bad XML";
        }
    }
}

TEST(Rfc6120S4p9p3StreamErrors, OfTheOpeningTag) {
    World world;
    EXPECT_EQ(error_after(world, opening("xmlns='jabber:client' version='1.0' to='elsewhere.example'")),
              "host-unknown");
    EXPECT_EQ(error_after(world, opening("xmlns='jabber:client' version='1.0'")), "host-unknown");
    EXPECT_EQ(error_after(world, opening("xmlns='jabber:client' to='localhost'")), "unsupported-version");
    EXPECT_EQ(error_after(world, opening("xmlns='jabber:client' version='0.9' to='localhost'")), "unsupported-version");
    EXPECT_EQ(error_after(world, opening("xmlns='jabber:server' version='1.0' to='localhost'")), "invalid-namespace");
    EXPECT_EQ(error_after(world, "<stream xmlns='jabber:client' version='1.0' to='localhost'>"), "invalid-namespace");
}

TEST(Rfc6120S4p9p3StreamErrors, OfTheXml) {
    World world;
    EXPECT_EQ(error_after(world, "<a></b>", true), "not-well-formed");
    EXPECT_EQ(error_after(world, "<!-- x -->", true), "restricted-xml");
    EXPECT_EQ(error_after(world, "<a>" + std::string(100'000, 'x'), true), "policy-violation");
}

TEST(Rfc6120S4p9p3p12NotAuthorized, NoStanzaBeforeLogIn) {
    World world;
    EXPECT_EQ(error_after(world, "<message to='bob@localhost'/>", true), "not-authorized");
}

TEST(Rfc6120S4p9p3p4ConnectionTimeout, WhoDoesNotLogInIsSentAway) {
    WorldOptions options;
    options.streams.auth_timeout = std::chrono::milliseconds{200};
    World world{std::move(options)};
    EXPECT_EQ(error_after(world, "", true), "connection-timeout");
}

TEST(Rfc6120S5StartTls, IsRequiredBeforeSasl) {
    World world;
    Client client;
    client.connect(world.port());
    const auto features = client.open_stream("localhost");
    ASSERT_TRUE(features.child("starttls", stream::kTls));
    EXPECT_TRUE(features.child("starttls", stream::kTls)->child("required"));
    EXPECT_FALSE(features.child("mechanisms"));
    client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AA==</auth>");
    EXPECT_TRUE(client.expect_element().child("encryption-required"));
    client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    EXPECT_TRUE(client.expect_element().is("proceed", stream::kTls));
    client.start_tls();
    const auto secured = client.open_stream("localhost");
    EXPECT_FALSE(secured.child("starttls"));
    EXPECT_TRUE(secured.child("mechanisms", stream::kSasl));
    EXPECT_TRUE(secured.child("sasl-channel-binding", stream::kSaslChannelBinding));
}

TEST(Rfc6120S5StartTls, WhatCameInTheClearBehindItIsDropped) {
    World world;
    Client client;
    client.connect(world.port());
    client.open_stream("localhost");
    client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    EXPECT_TRUE(client.expect_element().is("proceed", stream::kTls));
    client.start_tls();
    EXPECT_TRUE(client.open_stream("localhost").child("mechanisms"));
}

TEST(Xep0368DirectTls, ServesALogInStraightAway) {
    World world;
    Client client;
    client.connect(world.tls_port());
    client.start_tls();
    EXPECT_TRUE(client.open_stream("localhost").child("mechanisms", stream::kSasl));
}

TEST(Rfc6120S6Sasl, FailuresAndTheirEnd) {
    World world;
    Client client;
    client.connect(world.tls_port());
    client.start_tls();
    client.open_stream("localhost");
    using std::string_literals::operator""s;
    const auto attempt = [&](const std::string& mechanism, const std::string& data) {
        client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='" + mechanism + "'>" + data + "</auth>");
        return client.expect_element();
    };
    EXPECT_TRUE(attempt("PLAIN", stream::base64_encode("\0alice\0wrong"s)).child("not-authorized"));
    EXPECT_TRUE(attempt("PLAIN", stream::base64_encode("\0nobody\0secret"s)).child("not-authorized"));
    EXPECT_TRUE(attempt("PLAIN", "@@@@").child("incorrect-encoding"));
    EXPECT_TRUE(attempt("DIGEST-MD5", "").child("invalid-mechanism"));
    EXPECT_TRUE(attempt("PLAIN", stream::base64_encode("\0alice\0wrong"s)).child("not-authorized"));
    const auto last = client.expect_element();
    EXPECT_TRUE(last.child("policy-violation"));
}

TEST(Rfc6120S4p4Closing, BothSidesClose) {
    World world;
    auto client = world.log_in("alice", "desk");
    client->send("</stream:stream>");
    EXPECT_TRUE(std::holds_alternative<xml::StreamClose>(client->next_event()));
}

TEST(Rfc6120S4p9p3p24UnsupportedStanzaType, EndsTheStream) {
    World world;
    auto client = world.log_in("alice", "desk");
    client->send("<strange xmlns='jabber:client'/>");
    const auto error = client->expect_element();
    EXPECT_TRUE(error.child("unsupported-stanza-type"));
    EXPECT_TRUE(std::holds_alternative<xml::StreamClose>(client->next_event()));
}

TEST(Rfc6120S4p6p1Keepalive, WhiteSpaceAfterSilence) {
    WorldOptions options;
    options.streams.keepalive = std::chrono::seconds{1};
    World world{std::move(options)};
    auto client = world.log_in("alice", "desk");
    const auto before = world.streams->counters().at("stream.keepalives");
    std::this_thread::sleep_for(std::chrono::milliseconds{2500});
    EXPECT_GT(world.streams->counters().at("stream.keepalives"), before);
    EXPECT_TRUE(client->drain("localhost").empty());
}

}  // namespace
}  // namespace carillon::scenarios
