/// How long it takes to parse and to write stanzas of usual sizes.
#include <benchmark/benchmark.h>

#include "signaling/xml/stream_parser.h"
#include "signaling/xml/writer.h"
#include "signaling/xmpp/stanza.h"

namespace {

using namespace carillon;

constexpr std::string_view kHeader =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

std::string chat_message() {
    return "<message to='juliet@capulet.example/balcony' id='ktx72v49' type='chat' xml:lang='en'>"
           "<body>Art thou not Romeo, and a Montague?</body><active xmlns='http://jabber.org/protocol/chatstates'/>"
           "<request xmlns='urn:xmpp:receipts'/></message>";
}

/// About as long as what a browser offers for audio and video.
std::string session_initiate() {
    std::string text =
        "<iq to='juliet@capulet.example/balcony' id='ph37a419' type='set'><jingle xmlns='urn:xmpp:jingle:1' "
        "action='session-initiate' initiator='romeo@montague.example/orchard' sid='a73sjjvkla37jfea'>";
    for (const auto* media : {"audio", "video"}) {
        text += "<content creator='initiator' name='" + std::string{media} +
                "'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='" + media + "'>";
        for (int type = 96; type < 116; ++type) {
            text += "<payload-type id='" + std::to_string(type) +
                    "' name='codec' clockrate='90000'><parameter name='profile' value='42e01f'/>"
                    "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack' subtype='pli'/></payload-type>";
        }
        text +=
            "</description><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' pwd='asd88fgpdd777uzjYhagZg' "
            "ufrag='8hhy'/></content>";
    }
    return text + "</jingle></iq>";
}

void parse(benchmark::State& state, const std::string& text) {
    xml::StreamParser parser;
    parser.feed(kHeader);
    while (!std::holds_alternative<xml::NeedMore>(parser.next())) {
    }
    for (auto _ : state) {
        parser.feed(text);
        auto event = parser.next();
        auto stanza = xmpp::Stanza::parse(std::get<xml::Element>(std::move(event)));
        benchmark::DoNotOptimize(stanza);
        while (!std::holds_alternative<xml::NeedMore>(parser.next())) {
        }
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(text.size()));
}

void write(benchmark::State& state, const std::string& text) {
    xml::StreamParser parser;
    parser.feed(std::string{kHeader} + text);
    (void)parser.next();
    const auto element = std::get<xml::Element>(parser.next());
    std::string out;
    for (auto _ : state) {
        out.clear();
        xml::write(out, element);
        benchmark::DoNotOptimize(out);
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(out.size()));
}

BENCHMARK_CAPTURE(parse, chat_message, chat_message());
BENCHMARK_CAPTURE(parse, session_initiate, session_initiate());
BENCHMARK_CAPTURE(write, chat_message, chat_message());
BENCHMARK_CAPTURE(write, session_initiate, session_initiate());

}  // namespace
