#include "signaling/xml/stream_parser.h"

#include <gtest/gtest.h>

#include <thread>

#include "signaling/xml/writer.h"

namespace carillon::xml {
namespace {

constexpr std::string_view kHeader =
    "<?xml version='1.0'?><stream:stream to='example.org' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";

/// Everything that comes out until the parser wants more or ends.
std::vector<StreamEvent> drain(StreamParser& parser) {
    std::vector<StreamEvent> events;
    for (;;) {
        auto event = parser.next();
        if (std::holds_alternative<NeedMore>(event)) return events;
        const bool last = std::holds_alternative<StreamClose>(event) || std::holds_alternative<StreamFault>(event);
        events.push_back(std::move(event));
        if (last) return events;
    }
}

std::string fault_of(std::string_view bytes, ParserLimits limits = {}) {
    StreamParser parser{limits};
    parser.feed(bytes);
    for (auto& event : drain(parser)) {
        if (const auto* fault = std::get_if<StreamFault>(&event)) return std::string{fault->condition};
    }
    return "none";
}

TEST(Rfc6120S4StreamParser, GivesHeaderStanzasAndEnd) {
    StreamParser parser;
    parser.feed(std::string{kHeader} +
                "<message to='a@b'><body>hi &amp; bye</body></message> \n<r xmlns='urn:xmpp:sm:3'/></stream:stream>");
    const auto events = drain(parser);
    ASSERT_EQ(events.size(), 4u);
    const auto& open = std::get<StreamOpen>(events[0]);
    EXPECT_TRUE(open.root.is("stream", "http://etherx.jabber.org/streams"));
    EXPECT_EQ(open.root.attribute("to"), "example.org");
    EXPECT_EQ(open.content_ns, "jabber:client");
    const auto& message = std::get<Element>(events[1]);
    EXPECT_TRUE(message.is("message", "jabber:client"));
    EXPECT_EQ(message.child_text("body"), "hi & bye");
    EXPECT_TRUE(std::get<Element>(events[2]).is("r", "urn:xmpp:sm:3"));
    EXPECT_TRUE(std::holds_alternative<StreamClose>(events[3]));
    EXPECT_TRUE(std::holds_alternative<StreamClose>(parser.next())) << "and for ever";
}

TEST(Rfc6120S4StreamParser, GoesOnAfterARest) {
    // Each next() that wants more between two stanzas lets the parser rest; declarations and the name of the root stay.
    StreamParser parser;
    parser.feed(
        "<?xml version='1.0'?><s:stream xmlns='jabber:server' xmlns:s='http://etherx.jabber.org/streams' "
        "xmlns:db='urn:x:&amp;&lt;&apos;' xml:lang='de'>");
    ASSERT_EQ(drain(parser).size(), 1u);
    parser.feed("<db:result a='1'/>");
    auto events = drain(parser);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_TRUE(std::get<Element>(events[0]).is("result", "urn:x:&<'"));
    parser.feed("  \n");
    EXPECT_TRUE(drain(parser).empty());
    EXPECT_FALSE(parser.has_pending());
    parser.feed("<mess");
    EXPECT_TRUE(drain(parser).empty());
    parser.feed("age/><iq/>");
    events = drain(parser);
    ASSERT_EQ(events.size(), 2u);
    EXPECT_TRUE(std::get<Element>(events[0]).is("message", "jabber:server"));
    parser.feed("</s:stream>");
    events = drain(parser);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_TRUE(std::holds_alternative<StreamClose>(events[0]));
}

TEST(Rfc6120S11StreamParser, IsAsStrictAfterARest) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"</stream>", "not-well-formed"},
        {"<?xml version='1.0'?>", "restricted-xml"},
        {"text", "bad-format"},
        {"<!-- c -->", "restricted-xml"},
        {"<x:a/>", "bad-namespace-prefix"},
        {"<!DOCTYPE a>", "not-well-formed"},
        {"<a>&b;</a>", "restricted-xml"},
        {"<stream:stream>" + std::string(300'000, ' '), "policy-violation"},
    };
    for (const auto& [bytes, condition] : cases) {
        StreamParser parser;
        parser.feed(kHeader);
        ASSERT_EQ(drain(parser).size(), 1u);
        parser.feed(bytes);
        const auto events = drain(parser);
        ASSERT_EQ(events.size(), 1u) << bytes.substr(0, 40);
        const auto* fault = std::get_if<StreamFault>(&events[0]);
        ASSERT_TRUE(fault) << bytes.substr(0, 40);
        EXPECT_EQ(fault->condition, condition) << bytes.substr(0, 40);
    }
}

TEST(Rfc6120S4StreamParser, RestsWithAnyRoot) {
    // Two prefixes for one namespace, a root without one, and more declarations than are worth keeping.
    std::string many = "<stream xmlns='jabber:client'";
    for (int i = 0; i < 60; ++i)
        many += " xmlns:p" + std::to_string(i) + "='urn:example:a-long-name:" + std::to_string(i) + "'";
    for (const auto& header : {std::string{"<a:stream xmlns='jabber:client' xmlns:a='urn:s' xmlns:b='urn:s'>"},
                               std::string{"<stream>"}, std::string{"<stream xmlns='urn:s'>"}, many + ">"}) {
        StreamParser parser;
        parser.feed(header);
        ASSERT_EQ(drain(parser).size(), 1u) << header;
        const auto name = header.substr(1, header.find_first_of(" >") - 1);
        for (int i = 0; i < 3; ++i) {
            parser.feed("<message/>");
            ASSERT_EQ(drain(parser).size(), 1u) << header;
        }
        parser.feed("</" + name + ">");
        const auto events = drain(parser);
        ASSERT_EQ(events.size(), 1u) << header;
        EXPECT_TRUE(std::holds_alternative<StreamClose>(events[0])) << header;
    }
}

TEST(Rfc6120S4StreamParser, NeverRestingIsTheSame) {
    // The next stanza's beginning always comes with the one before: new names for ever, in which expat would drown.
    StreamParser parser;
    parser.feed(std::string{kHeader} + "<a0");
    ASSERT_EQ(drain(parser).size(), 1u);
    for (int i = 0; i < 60'000; ++i) {
        parser.feed(" b" + std::to_string(i) + "='1'/><a" + std::to_string(i + 1));
        const auto events = drain(parser);
        ASSERT_EQ(events.size(), 1u) << i;
        ASSERT_TRUE(std::get<Element>(events[0]).is("a" + std::to_string(i), "jabber:client"));
        ASSERT_EQ(std::get<Element>(events[0]).attribute("b" + std::to_string(i)), "1");
    }
    parser.feed("/></stream:stream>");
    EXPECT_EQ(drain(parser).size(), 2u);
}

TEST(Rfc6120S4StreamParser, GoesOnWhetherItsParserWasKeptOrNot) {
    // More streams than parsers are kept for: some find theirs, some don't, and nobody finds another's.
    constexpr int kStreams = 700;
    std::vector<StreamParser> parsers(kStreams);
    const auto ns = [](int i) { return "urn:s" + std::to_string(i); };
    for (int i = 0; i < kStreams; ++i) {
        parsers[i].feed("<stream xmlns='" + ns(i) + "'>");
        ASSERT_EQ(drain(parsers[i]).size(), 1u);
    }
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < kStreams; i += 1 + round * 2) {
            const auto number = std::to_string(i);
            parsers[i].feed("<a n='" + number + "'/><b");
            ASSERT_EQ(drain(parsers[i]).size(), 1u) << i;
            parsers[i].feed("/>");
            const auto events = drain(parsers[i]);
            ASSERT_EQ(events.size(), 1u) << i;
            ASSERT_TRUE(std::get<Element>(events[0]).is("b", ns(i))) << i;
        }
    }
    parsers.front() = std::move(parsers.back());
    parsers.front().feed("<c/>");
    const auto events = drain(parsers.front());
    ASSERT_EQ(events.size(), 1u);
    EXPECT_TRUE(std::get<Element>(events[0]).is("c", ns(kStreams - 1)));
}

TEST(Rfc6120S4StreamParser, GoesOnOnAnotherThread) {
    StreamParser parser;
    parser.feed(kHeader);
    ASSERT_EQ(drain(parser).size(), 1u);
    std::size_t there = 0;
    std::thread{[&] {
        for (const auto* text : {"<a/>", "<b/>"}) {
            parser.feed(text);
            there += drain(parser).size();
        }
    }}.join();
    EXPECT_EQ(there, 2u);
    parser.feed("<c/>");
    EXPECT_EQ(drain(parser).size(), 1u);
}

TEST(Rfc6120S4StreamParser, RestartsFromARest) {
    StreamParser parser;
    parser.feed(kHeader);
    ASSERT_EQ(drain(parser).size(), 1u);
    parser.restart();
    parser.feed(kHeader);
    const auto events = drain(parser);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_TRUE(std::holds_alternative<StreamOpen>(events[0]));
}

TEST(Rfc6120S4StreamParser, OneByteAtATimeGivesTheSame) {
    const std::string text =
        std::string{kHeader} + "<iq id='1' type='get'><q xmlns='x' a='\xC3\xA9'>t<b/>u</q></iq></stream:stream>";
    StreamParser whole;
    whole.feed(text);
    const auto expected = drain(whole);
    StreamParser bytewise;
    std::vector<StreamEvent> got;
    for (const char c : text) {
        bytewise.feed({&c, 1});
        for (auto& event : drain(bytewise)) got.push_back(std::move(event));
    }
    ASSERT_EQ(got.size(), expected.size());
    EXPECT_EQ(std::get<Element>(got[1]), std::get<Element>(expected[1]));
}

TEST(Rfc6120S4p3p3StreamParser, RestartKeepsWhatFollows) {
    StreamParser parser;
    const std::string restarted = std::string{kHeader} + "<message/>";
    parser.feed(std::string{kHeader} + "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AA==</auth>" + restarted);
    EXPECT_TRUE(std::holds_alternative<StreamOpen>(parser.next()));
    EXPECT_TRUE(std::holds_alternative<Element>(parser.next()));
    parser.restart();
    EXPECT_TRUE(std::holds_alternative<StreamOpen>(parser.next()));
    EXPECT_EQ(std::get<Element>(parser.next()).name(), "message");
    EXPECT_TRUE(std::holds_alternative<NeedMore>(parser.next()));
}

TEST(Rfc6120S5p4StreamParser, RestartAfterStarttlsDropsWhatCameInTheClear) {
    StreamParser parser;
    parser.feed(std::string{kHeader} +
                "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><message>injected</message>");
    parser.next();
    parser.next();
    parser.restart_discarding();
    EXPECT_TRUE(std::holds_alternative<NeedMore>(parser.next()));
    parser.feed(kHeader);
    EXPECT_TRUE(std::holds_alternative<StreamOpen>(parser.next()));
}

TEST(Rfc6120S11StreamParser, RefusesWhatXmppForbids) {
    const std::string header{kHeader};
    EXPECT_EQ(fault_of("<!DOCTYPE x [<!ENTITY a 'b'>]>" + header), "restricted-xml");
    EXPECT_EQ(fault_of(header + "<!-- comment -->"), "restricted-xml");
    EXPECT_EQ(fault_of(header + "<?php?>"), "restricted-xml");
    EXPECT_EQ(fault_of(header + "<message>&lol;</message>"), "restricted-xml");
    EXPECT_EQ(fault_of(header + "<message></presence>"), "not-well-formed");
    EXPECT_EQ(fault_of(header + "<message>\xC3\x28</message>"), "not-well-formed");
    EXPECT_EQ(fault_of(header + "<x:message/>"), "bad-namespace-prefix");
    EXPECT_EQ(fault_of("<?xml version='1.0' encoding='iso-8859-1'?><stream/>"), "unsupported-encoding");
    EXPECT_EQ(fault_of(header + "text"), "bad-format");
    EXPECT_EQ(fault_of("GET / HTTP/1.1\r\n\r\n"), "not-well-formed");
}

TEST(Rfc6120S13p12StreamParser, LimitsHoldBeforeMemoryIsSpent) {
    const std::string header{kHeader};
    const ParserLimits limits{.stanza_bytes = 1000, .depth = 5, .attributes = 3, .elements = 10};
    EXPECT_EQ(fault_of(header + "<message>" + std::string(2000, 'x'), limits), "policy-violation") << "unfinished";
    EXPECT_EQ(fault_of(header + "<message>" + std::string(2000, 'x') + "</message>", limits), "policy-violation");
    EXPECT_EQ(fault_of(header + "<message a='" + std::string(2000, 'x'), limits), "policy-violation") << "one open tag";
    EXPECT_EQ(fault_of(header + "<a><a><a><a><a><a>", limits), "policy-violation");
    EXPECT_EQ(fault_of(header + "<a b='1' c='2' d='3' e='4'/>", limits), "policy-violation");
    EXPECT_EQ(fault_of(header + "<a><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/></a>", limits), "policy-violation");
    std::string many;
    for (int i = 0; i < 100; ++i) many += "<message><body>0123456789</body></message>";
    EXPECT_EQ(fault_of(header + many, limits), "none") << "the limit is for one stanza";
    EXPECT_EQ(fault_of(header + std::string(5000, ' ') + "<a/>", limits), "none") << "keep-alives cost nothing";
}

TEST(StreamParser, AStreamWithoutContentEndsAtOnce) {
    StreamParser parser;
    parser.feed("<stream:stream xmlns:stream='http://etherx.jabber.org/streams'/>");
    EXPECT_TRUE(std::holds_alternative<StreamOpen>(parser.next()));
    EXPECT_TRUE(std::holds_alternative<StreamClose>(parser.next()));
}

TEST(Writer, WhatIsWrittenParsesToTheSame) {
    constexpr std::string_view kText =
        "<message xmlns='jabber:client' to='a@b' xml:lang='de'><body>1 &lt; 2 \n &quot;</body>"
        "<x xmlns='urn:x' y:z='1' xmlns:y='urn:y'><inner xmlns=''/></x></message>";
    const auto parsed = parse_document(kText);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->attribute("xml:lang"), "de");
    EXPECT_EQ(parsed->child("x", "urn:x")->attribute("{urn:y}z"), "1");
    const auto again = parse_document(to_document(*parsed));
    ASSERT_TRUE(again) << to_document(*parsed);
    EXPECT_EQ(*again, *parsed);
}

TEST(Writer, DeclaresOnlyWhatTheContextDoesNot) {
    Element message{"message", "jabber:client"};
    message.set("to", "a@b<").add("body").add_text("x&y");
    message.add("active", "http://jabber.org/protocol/chatstates");
    EXPECT_EQ(to_string(message),
              "<message to=\"a@b&lt;\"><body>x&amp;y</body><active "
              "xmlns=\"http://jabber.org/protocol/chatstates\"/></message>");
    EXPECT_EQ(to_string(Element{"features", "http://etherx.jabber.org/streams"}), "<stream:features/>");
}

TEST(Writer, AttributeNamespacesMayHoldBraces) {
    const auto parsed = parse_document("<x xmlns:y='urn:}a{b}' y:z='1'/>");
    ASSERT_TRUE(parsed);
    const auto again = parse_document(to_document(*parsed));
    ASSERT_TRUE(again) << to_document(*parsed);
    EXPECT_EQ(*again, *parsed);
}

TEST(Writer, DropsCharactersThatXmlCannotCarry) {
    Element body{"body", "jabber:client"};
    body.add_text(
        std::string_view{"a\0b\x01"
                         "c",
                         5});
    EXPECT_EQ(to_string(body), "<body>abc</body>");
}

TEST(ParseDocument, TakesOneElementAndNothingElse) {
    EXPECT_TRUE(parse_document("<?xml version='1.0'?><a/>"));
    EXPECT_FALSE(parse_document(""));
    EXPECT_FALSE(parse_document("<a/><b/>"));
    EXPECT_FALSE(parse_document("<a>"));
    EXPECT_FALSE(parse_document("</document><a/>"));
}

}  // namespace
}  // namespace carillon::xml
