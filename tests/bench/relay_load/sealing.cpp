/// Implements sealing.h.
#include "tests/bench/relay_load/sealing.h"

#include <openssl/rand.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <stdexcept>

#include "stun/message.h"

namespace carillon::bench {

using namespace std::chrono_literals;

std::shared_ptr<Sealing> make_sealing(srtp::Profile profile, const std::vector<std::byte>& own,
                                      const std::vector<std::byte>& theirs) {
    auto out = srtp::Session::create(profile, own, srtp::Direction::outbound);
    auto in = srtp::Session::create(profile, theirs, srtp::Direction::inbound);
    if (!out || !in) throw std::runtime_error{"a key that SRTP does not take"};
    return std::make_shared<Sealing>(std::move(*out), std::move(*in));
}

std::vector<std::byte> random_key(srtp::Profile profile) {
    const auto [key, salt] = srtp::lengths_of(profile);
    std::vector<std::byte> out(key + salt);
    RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
    return out;
}

void prove(const Endpoint& end, const std::string& username, const std::string& password) {
    std::array<std::byte, 512> room{};
    stun::TransactionId id{};
    RAND_bytes(reinterpret_cast<unsigned char*>(id.data()), static_cast<int>(id.size()));
    stun::Builder builder{room, stun::Class::request, stun::Method::binding, id};
    const auto check = builder.text(stun::Attribute::username, username)
                           .attribute(stun::Attribute::use_candidate, {})
                           .integrity(password)
                           .fingerprint()
                           .finish();
    end.ask(std::string{as_text(check)});
}

void shake_hands(Endpoint& end, const dtls::Identity& identity, dtls::Role role, const dtls::Fingerprint& remote) {
    using State = dtls::DtlsSrtp::State;
    std::unique_ptr<dtls::DtlsSrtp> made;
    const auto begin = [&] {
        made = std::make_unique<dtls::DtlsSrtp>(
            identity, role, remote, [&](Bytes datagram) { ::send(end.fd(), datagram.data(), datagram.size(), 0); });
        made->start();
    };
    begin();
    std::array<std::byte, 2048> buffer{};
    for (const auto until = std::chrono::steady_clock::now() + 10s;
         made->state() != State::established && std::chrono::steady_clock::now() < until;) {
        pollfd readable{.fd = end.fd(), .events = POLLIN, .revents = 0};
        if (::poll(&readable, 1, 50) > 0) {
            const auto size = ::recv(end.fd(), buffer.data(), buffer.size(), 0);
            if (size <= 0) continue;
            const Bytes datagram{buffer.data(), static_cast<std::size_t>(size)};
            made->receive(datagram);
            if (made->state() == State::failed) {  // rtpengine thinks better of it at times and begins anew: so do we
                begin();
                made->receive(datagram);
            }
        }
        made->on_timer();
    }
    auto& association = *made;
    if (!association.keys()) throw std::runtime_error{"no DTLS handshake: " + association.failure()};
    const auto& keys = *association.keys();
    end.seal_with(make_sealing(keys.profile, keys.local, keys.remote));
    // A first word under the keys tells the relay that the handshake is over, as an endpoint's media does.
    std::array<std::byte, 64> word{std::byte{0x80}, std::byte{8}};
    word[11] = std::byte{1};
    const auto size = end.sealing()->out.protect_rtp(word, 20).value_or(0);
    ::send(end.fd(), word.data(), size, 0);
}

}  // namespace carillon::bench
