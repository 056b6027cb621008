/// Spec: RFC 6455, with its own examples.
#include "signaling/http/websocket.h"

#include <gtest/gtest.h>

namespace carillon::http {
namespace {

using Kind = FrameReader::Kind;

std::string masked(unsigned first, std::string_view payload, std::string_view mask = "\x37\xfa\x21\x3d") {
    std::string out(1, static_cast<char>(first));
    if (payload.size() < 126) {
        out += static_cast<char>(0x80 | payload.size());
    } else {
        out += '\xfe';
        out += static_cast<char>(payload.size() >> 8);
        out += static_cast<char>(payload.size() & 0xff);
    }
    out += mask;
    for (std::size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ mask[i % 4]);
    return out;
}

/// Everything that `octets` say when they come `step` at a time.
std::string read_all(std::string octets, std::size_t step) {
    FrameReader reader;
    std::string heard;
    for (std::size_t at = 0; at < octets.size(); at += step) {
        std::span<char> part{octets.data() + at, std::min(step, octets.size() - at)};
        for (auto piece = reader.next(part); piece.kind != Kind::more; piece = reader.next(part)) {
            switch (piece.kind) {
                case Kind::text:
                    heard += std::string{piece.payload} + (piece.last ? "|" : "");
                    break;
                case Kind::ping:
                    heard += "ping(" + std::string{piece.payload} + ")";
                    break;
                case Kind::pong:
                    heard += "pong";
                    break;
                case Kind::close:
                    heard += "close";
                    break;
                default:
                    return heard + "failure " + std::to_string(piece.code);
            }
        }
    }
    return heard;
}

Request upgrade_request() {
    Request request;
    request.method = "GET";
    request.path = "/xmpp-websocket";
    request.fields = {{"upgrade", "WebSocket"},
                      {"connection", "keep-alive, Upgrade"},
                      {"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="},
                      {"sec-websocket-version", "13"},
                      {"sec-websocket-protocol", "other, xmpp"}};
    return request;
}

TEST(Rfc6455S1p3Handshake, TheExampleOfTheRfc) {
    EXPECT_EQ(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    const auto answer = handshake(upgrade_request(), "xmpp");
    ASSERT_TRUE(answer);
    EXPECT_NE(answer->find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), std::string::npos);
    EXPECT_NE(answer->find("Sec-WebSocket-Protocol: xmpp\r\n"), std::string::npos);
}

TEST(Rfc6455S4p2Handshake, RefusesWhatItDoesNotSpeak) {
    const auto status = [](std::string_view field, const std::string& value) {
        auto request = upgrade_request();
        request.fields.insert_or_assign(std::string{field}, value);
        const auto answer = handshake(request, "xmpp");
        return answer ? 101u : answer.error().status;
    };
    EXPECT_EQ(status("sec-websocket-version", "8"), 426u);
    EXPECT_EQ(status("sec-websocket-key", "short"), 400u);
    EXPECT_EQ(status("sec-websocket-protocol", "chat"), 400u);
    EXPECT_EQ(status("connection", "close"), 400u);
    auto request = upgrade_request();
    EXPECT_TRUE(wants_websocket(request));
    request.fields["upgrade"] = "h2c";
    EXPECT_FALSE(wants_websocket(request));
}

TEST(Rfc6455S5p7Frames, ExamplesInAnyPieces) {
    const std::string hello = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    for (const std::size_t step : {1, 2, 3, 100}) {
        std::string heard = read_all(hello, step);
        std::erase(heard, '\0');
        EXPECT_EQ(heard, "Hello|") << step;
        EXPECT_EQ(read_all(masked(0x89, "Hello"), step), "ping(Hello)") << step;
        EXPECT_EQ(read_all(masked(0x01, "Hel") + masked(0x89, "x") + masked(0x80, "lo"), step), "Helping(x)lo|")
            << step;
        EXPECT_EQ(read_all(masked(0x8a, "") + masked(0x88, "\x03\xe8"), step), "pongclose") << step;
    }
    const std::string longer(300, 'a');
    EXPECT_EQ(read_all(masked(0x81, longer), 1000), longer + "|");
    EXPECT_EQ(read_all(masked(0x81, ""), 1000), "|");
}

TEST(Rfc6455S5Frames, AbuseFailsTheConnection) {
    EXPECT_EQ(read_all("\x81\x05Hello", 100), "failure 1002") << "unmasked";
    EXPECT_EQ(read_all(masked(0xc1, "x"), 100), "failure 1002") << "an extension nobody agreed on";
    EXPECT_EQ(read_all(masked(0x82, "x"), 100), "failure 1003") << "binary";
    EXPECT_EQ(read_all(masked(0x80, "x"), 100), "failure 1002") << "continues nothing";
    EXPECT_EQ(read_all(masked(0x01, "a") + masked(0x81, "b"), 100), "afailure 1002") << "a message inside another";
    EXPECT_EQ(read_all(masked(0x09, "x"), 100), "failure 1002") << "a fragmented ping";
    EXPECT_EQ(read_all(masked(0x89, std::string(126, 'x')), 1000), "failure 1002") << "a long ping";
    EXPECT_EQ(read_all(masked(0x83, "x"), 100), "failure 1002") << "an opcode of nobody's";
    EXPECT_EQ(read_all("\x81\xff\xff" + std::string(20, '\xff'), 100), "failure 1002") << "longer than anything";
}

TEST(Rfc6455S5p2Frames, OursAreUnmaskedAndFinal) {
    std::string out;
    append_frame_header(out, Opcode::text, 5);
    EXPECT_EQ(out, std::string("\x81\x05"));
    out.clear();
    append_frame_header(out, Opcode::text, 256);
    EXPECT_EQ(out, std::string("\x81\x7e\x01\x00", 4));
    out.clear();
    append_frame_header(out, Opcode::text, 65536);
    EXPECT_EQ(out, std::string("\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10));
    out.clear();
    append_close_frame(out, kCloseNormal);
    EXPECT_EQ(out, std::string("\x88\x02\x03\xe8", 4));
}

}  // namespace
}  // namespace carillon::http
