/// Implements make_rtpengine_peer(): the NG control protocol, "<cookie> <bencoded dictionary>" over UDP.
/// Spec: rtpengine's docs/ng_control_protocol; RFC 3264 (offer and answer).
#include <openssl/evp.h>

#include <charconv>
#include <stdexcept>

#include "tests/bench/relay_load/peer.h"

namespace carillon::bench {
namespace {

std::string text(std::string_view value) { return std::to_string(value.size()) + ":" + std::string{value}; }

struct Description {
    std::uint16_t port;
    std::string_view protocol = "RTP/AVP";
    std::string keys;  // lines of crypto, or of fingerprint and setup
};

std::string sdp(const Description& end) {
    return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio " +
           std::to_string(end.port) + " " + std::string{end.protocol} + " 8\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n" +
           end.keys;
}

/// The rest of the first line that begins so, in rtpengine's SDP.
std::string line_after(const std::string& reply, std::string_view begin) {
    const auto at = reply.find(begin);
    if (at == std::string::npos) throw std::runtime_error{"rtpengine answered " + reply};
    const auto from = at + begin.size();
    return reply.substr(from, reply.find('\r', from) - from);
}

std::string base64(const std::vector<std::byte>& octets) {
    std::string out(4 * ((octets.size() + 2) / 3) + 1, '\0');
    out.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                                        reinterpret_cast<const unsigned char*>(octets.data()),
                                                        static_cast<int>(octets.size()))));
    return out;
}

std::vector<std::byte> from_base64(std::string text, std::size_t size) {
    while (text.size() % 4 != 0) text += '=';
    std::vector<std::byte> out(text.size());
    EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(text.data()),
                    static_cast<int>(text.size()));
    out.resize(size);
    return out;
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
    RtpenginePeer(std::uint16_t ng_port, Legs legs) : legs_{legs} { control_.connect_to(loopback(ng_port)); }

    void open(Call& call) override {
        id_ = "bench-" + std::to_string(number_) + "-" + std::to_string(++opened_);
        if (legs_ == Legs::plain) {
            const auto for_b = command("offer", {call.a.port()}, false);  // first: it makes the call
            connect(call, for_b, command("answer", {call.b.port()}, true));
        } else if (legs_ == Legs::dtls) {
            open_dtls(call);
        } else {
            open_sdes(call);
        }
    }

  private:
    // The offer carries A's address and returns the port for B; the answer the other way round.
    static void connect(Call& call, const std::string& for_b, const std::string& for_a) {
        call.a.connect_to(loopback(audio_port(for_a)));
        call.b.connect_to(loopback(audio_port(for_b)));
    }

    void open_sdes(Call& call) {
        const auto profile =
            legs_ == Legs::sdes_cm ? srtp::Profile::aes128_cm_sha1_80 : srtp::Profile::aead_aes_128_gcm;
        const auto own = random_key(profile);
        const auto begin = "a=crypto:1 " + std::string{srtp::to_string(profile)} + " inline:";
        const auto for_b =
            command("offer", {call.a.port(), "RTP/SAVP", begin + base64(own) + "\r\n"}, false, "RTP/AVP");
        const auto for_a = command("answer", {call.b.port()}, true);
        connect(call, for_b, for_a);
        const auto theirs = line_after(for_a, begin);
        call.a.seal_with(make_sealing(profile, own, from_base64(theirs.substr(0, theirs.find('|')), own.size())));
    }

    void open_dtls(Call& call) {
        constexpr std::string_view kProtocol = "UDP/TLS/RTP/SAVP";
        const auto& own = identity_.fingerprint();
        const auto keys = [&](std::string_view setup) {
            return "a=fingerprint:" + own.hash + " " + own.value + "\r\na=setup:" + std::string{setup} + "\r\n";
        };
        const auto for_b = command("offer", {call.a.port(), kProtocol, keys("actpass")}, false, kProtocol);
        const auto for_a = command("answer", {call.b.port(), kProtocol, keys("active")}, true);
        connect(call, for_b, for_a);
        const auto fingerprint = [](const std::string& reply) {
            const auto line = line_after(reply, "a=fingerprint:");
            return dtls::Fingerprint{line.substr(0, line.find(' ')), line.substr(line.find(' ') + 1)};
        };
        const bool server = line_after(for_a, "a=setup:") == "active";
        // Where rtpengine begins it must not wait: what it says again confuses the handshake.
        shake_hands(call.a, identity_, server ? dtls::Role::server : dtls::Role::client, fingerprint(for_a));
        shake_hands(call.b, identity_, dtls::Role::client, fingerprint(for_b));
    }

    std::string command(std::string_view name, const Description& end, bool with_to, std::string_view protocol = {}) {
        // Keys of a bencoded dictionary are sorted.
        std::string body = "d";
        body += text("ICE") + text("remove");
        if (legs_ == Legs::dtls) body += text("SDES") + "l" + text("off") + "e";
        body += text("call-id") + text(id_) + text("command") + text(name) + text("flags") + "l" +
                text("trust-address") + "e" + text("from-tag") + text("a") + text("replace") + "l" + text("origin") +
                text("session-connection") + "e" + text("sdp") + text(sdp(end));
        if (with_to) body += text("to-tag") + text("b");
        if (!protocol.empty()) body += text("transport-protocol") + text(protocol);
        return control_.ask(std::to_string(number_) + "-" + std::to_string(++cookie_) + " " + body + "e");
    }

    // Call and cookie tell requests apart, whoever makes them.
    static unsigned next_number() {
        static unsigned last = 0;
        return ++last;
    }

    Endpoint control_;
    Legs legs_;
    unsigned number_ = next_number();
    dtls::Identity identity_;
    std::string id_;
    unsigned opened_ = 0;
    unsigned cookie_ = 0;
};

}  // namespace

std::unique_ptr<Peer> make_rtpengine_peer(std::uint16_t ng_port, Legs legs) {
    return std::make_unique<RtpenginePeer>(ng_port, legs);
}

}  // namespace carillon::bench
