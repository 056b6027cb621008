/// What protecting and opening a packet costs: OpenSSL with kept contexts against libsrtp2 as Debian builds it.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "media/srtp/evp_transform.h"
#include "media/srtp/libsrtp_transform.h"

namespace {

using namespace carillon;
using srtp::Direction;
using srtp::Profile;
using Make = srtp::MadeTransform (*)(Profile, std::span<const srtp::MasterKey>, Direction);

std::unique_ptr<srtp::Transform> made(Make make, Profile profile, Direction direction) {
    const auto [key, salt] = srtp::lengths_of(profile);
    const srtp::MasterKey master{.key_and_salt = std::vector<std::byte>(key + salt, std::byte{7}), .mki = {}};
    auto transform = make(profile, std::span{&master, 1}, direction);
    if (!transform) std::abort();
    return std::move(*transform);
}

void set_header(std::vector<std::byte>& packet, std::uint32_t number) {
    store_u32(packet.data(), 0x806F0000u | (number & 0xFFFF));
    store_u32(&packet[4], number * 160);
    store_u32(&packet[8], 7);
}

void protect(benchmark::State& state, Make make, Profile profile) {
    const auto out = made(make, profile, Direction::outbound);
    const auto size = static_cast<std::size_t>(state.range(0));
    std::vector<std::byte> packet(size + srtp::kMaxOverhead);
    std::uint32_t number = 0;
    for (auto _ : state) {
        set_header(packet, number++);
        if (!out->protect_rtp(packet, size)) return state.SkipWithError("refused");
    }
    state.SetItemsProcessed(state.iterations());
}

/// Sealing stands outside the measured time, a thousand packets at a time.
void unprotect(benchmark::State& state, Make make, Profile profile) {
    const auto out = made(make, profile, Direction::outbound);
    const auto in = made(make, profile, Direction::inbound);
    const auto size = static_cast<std::size_t>(state.range(0));
    std::vector<std::vector<std::byte>> packets(1000, std::vector<std::byte>(size + srtp::kMaxOverhead));
    std::uint32_t number = 0;
    std::size_t next = packets.size();
    std::size_t sealed = 0;
    for (auto _ : state) {
        if (next == packets.size()) {
            state.PauseTiming();
            for (auto& packet : packets) {
                set_header(packet, number++);
                sealed = *out->protect_rtp(packet, size);
            }
            next = 0;
            state.ResumeTiming();
        }
        if (!in->unprotect_rtp(std::span{packets[next++]}.first(sealed))) return state.SkipWithError("refused");
    }
    state.SetItemsProcessed(state.iterations());
}

void register_all() {
    for (const auto& [profile, name] : srtp::kProfileNames) {
        for (const auto& [library, make] : {std::pair{"openssl", Make{&srtp::make_evp_transform}},
                                            std::pair{"libsrtp", Make{&srtp::make_libsrtp_transform}}}) {
            const auto suffix = std::string{"/"} + std::string{name} + "/" + library;
            benchmark::RegisterBenchmark(("protect" + suffix).c_str(), protect, make, profile)->Arg(172)->Arg(1200);
            benchmark::RegisterBenchmark(("unprotect" + suffix).c_str(), unprotect, make, profile)->Arg(172)->Arg(1200);
        }
    }
}

[[maybe_unused]] const bool registered = (register_all(), true);

}  // namespace
