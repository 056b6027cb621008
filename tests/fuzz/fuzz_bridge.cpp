/// Datagrams of somebody who knows no key, at the legs of a bridged stream: none is forwarded, none is answered.
/// Input: each piece is a length octet and that many octets; the length's lowest bit chooses the leg.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "relay/engine/stream.h"

using namespace carillon;

namespace {

relay::api::LegSetup dtls_leg() {
    relay::api::LegSetup leg;
    leg.use_ice = true;
    leg.own_ice = {"relay", "password-of-the-relay-22"};
    leg.ice = {{"phone", "password-of-the-phone-22"}};
    leg.security.protection = relay::api::Protection::dtls;
    leg.security.fingerprint_hash = "sha-256";
    leg.security.fingerprint = "00:11";
    return leg;
}

relay::api::LegSetup sdes_leg() {
    relay::api::LegSetup leg;
    leg.remotes = {{1, "127.0.0.1", 5000}};
    leg.security.protection = relay::api::Protection::sdes;
    leg.security.suite = "AEAD_AES_128_GCM";
    leg.security.local = {{std::vector<std::byte>(28, std::byte{1}), {}}};
    leg.security.remote = {{std::vector<std::byte>(28, std::byte{2}), {}}};
    return leg;
}

relay::Stream make_stream() {
    const relay::Address any{.ip = {127, 0, 0, 1}, .port = 0, .v6 = false};
    relay::Stream::Ports ports;
    for (auto& leg : ports) {
        auto& bound = leg.emplace_back();
        auto socket = relay::UdpSocket::bind(any);
        if (!socket) std::abort();
        bound.sockets.push_back(std::move(*socket));
    }
    static const auto identity = std::make_shared<const dtls::Identity>();
    return relay::Stream{"call",
                         {.stream = "audio", .mode = relay::api::Mode::bridge, .a = dtls_leg(), .b = sdes_leg()},
                         std::move(ports),
                         {},
                         identity};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto stream = make_stream();
    Bytes rest{reinterpret_cast<const std::byte*>(data), size};
    SteadyTime now{std::chrono::hours{1}};
    while (!rest.empty()) {
        const auto length = std::min<std::size_t>(std::to_integer<std::size_t>(rest[0]), rest.size() - 1);
        const auto& port = stream.ports()[std::to_integer<std::size_t>(rest[0] & std::byte{1})];
        std::array<std::byte, 2048> buffer{};
        std::ranges::copy(rest.subspan(1, length), buffer.begin());
        const auto decision = stream.on_bridged(port, buffer, length, *relay::Address::parse("127.0.0.1", 5000), now);
        if (decision.drop == relay::Drop::none) std::abort();
        rest = rest.subspan(1 + length);
        now += std::chrono::milliseconds{20};
    }
    return 0;
}
