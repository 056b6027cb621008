/// Implements make_rtpengine_peer(): the NG control protocol, "<cookie> <bencoded dictionary>" over UDP.
/// Spec: rtpengine's docs/ng_control_protocol; RFC 3264 (offer and answer).
#include <charconv>
#include <stdexcept>

#include "tests/bench/relay_load/peer.h"

namespace carillon::bench {
namespace {

std::string text(std::string_view value) { return std::to_string(value.size()) + ":" + std::string{value}; }

std::string sdp(std::uint16_t port) {
    return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio " + std::to_string(port) +
           " RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n";
}

std::uint16_t audio_port(const std::string& reply) {
    constexpr std::string_view kMedia = "m=audio ";
    const auto at = reply.find(kMedia);
    std::uint16_t port = 0;
    if (at != std::string::npos) {
        const auto* digits = reply.data() + at + kMedia.size();
        std::from_chars(digits, reply.data() + reply.size(), port);
    }
    if (port == 0) throw std::runtime_error{"rtpengine answered " + reply};
    return port;
}

class RtpenginePeer final : public Peer {
  public:
    explicit RtpenginePeer(std::uint16_t ng_port) { control_.connect_to(loopback(ng_port)); }

    void open(Call& call) override {
        const auto id = "bench-" + std::to_string(++opened_);
        // The offer carries A's address and returns the port for B; the answer the other way round.
        const auto for_b = audio_port(command("offer", id, call.a.port(), false));
        const auto for_a = audio_port(command("answer", id, call.b.port(), true));
        call.a.connect_to(loopback(for_a));
        call.b.connect_to(loopback(for_b));
    }

  private:
    std::string command(std::string_view name, const std::string& id, std::uint16_t port, bool with_to) {
        std::string body = "d" + text("call-id") + text(id) + text("command") + text(name) + text("flags") + "l" +
                           text("trust-address") + "e" + text("from-tag") + text("a") + text("replace") + "l" +
                           text("origin") + text("session-connection") + "e" + text("sdp") + text(sdp(port));
        if (with_to) body += text("to-tag") + text("b");
        return control_.ask(std::to_string(++cookie_) + " " + body + "e");
    }

    Endpoint control_;
    unsigned opened_ = 0;
    unsigned cookie_ = 0;
};

}  // namespace

std::unique_ptr<Peer> make_rtpengine_peer(std::uint16_t ng_port) { return std::make_unique<RtpenginePeer>(ng_port); }

}  // namespace carillon::bench
