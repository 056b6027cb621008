/// Packets for the kernel's SRTP: whatever comes, it says the same as the worker's, and what it seals the worker opens.
/// Input: one octet that chooses the profile, one whether the packet is sealed first; then the packet.
#include <array>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "media/srtp/srtp_session.h"
#include "relay/kernel/srtp_keys.h"
#include "relay/kernel/srtp_packet.h"

namespace {

using namespace carillon;
using srtp::Profile;

constexpr std::array kProfiles{Profile::aes128_cm_sha1_80, Profile::aes128_cm_sha1_32, Profile::aead_aes_128_gcm,
                               Profile::aead_aes_256_gcm};

std::vector<std::byte> master(Profile profile) {
    const auto lengths = srtp::lengths_of(profile);
    return std::vector<std::byte>(lengths.key + lengths.salt, std::byte{0x5A});
}

carillon_work on_desk(Bytes packet) {
    carillon_work work{};
    if (!packet.empty()) std::memcpy(work.packet, packet.data(), packet.size());
    work.length = static_cast<__u32>(packet.size());
    work.header = carillon_header_length(&work, work.length);
    return work;
}

bool same(const carillon_work& work, Bytes packet) {
    return work.length == packet.size() && std::memcmp(work.packet, packet.data(), packet.size()) == 0;
}

std::uint64_t index_of(Bytes packet) { return packet.size() < 4 ? 0 : load_u16(&packet[2]); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2 || size > CARILLON_LONGEST_PACKET) return 0;
    const auto profile = kProfiles[data[0] % kProfiles.size()];
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    std::vector<std::byte> packet{bytes + 2, bytes + size};
    const auto key = master(profile);
    auto keys = *relay::kernel_keys(profile, srtp::derive_keys(profile, key)->rtp);
    const bool version = !packet.empty() && (packet[0] >> 6) == std::byte{2};  // the program asks before

    if (data[1] & 1) {
        auto work = on_desk(packet);
        auto out = *srtp::Session::create(profile, key, srtp::Direction::outbound);
        auto expected = packet;
        expected.resize(packet.size() + srtp::kMaxOverhead);
        const auto sealed = out.protect_rtp(expected, packet.size());
        if (work.header == 0 || !version) return 0;  // the worker takes longer headers
        if (!carillon_seal(&work, &keys, index_of(packet)) || !sealed) std::abort();
        expected.resize(*sealed);
        if (!same(work, expected)) std::abort();
        packet = expected;
        if (size % 3 == 0) packet[size % packet.size()] ^= std::byte{1};
    }
    if (packet.size() > CARILLON_LONGEST_PACKET) return 0;
    auto work = on_desk(packet);
    if (work.header == 0 || packet.empty() || (packet[0] >> 6) != std::byte{2}) return 0;
    const bool opened = carillon_open(&work, &keys, index_of(packet)) != 0;
    auto in = *srtp::Session::create(profile, key, srtp::Direction::inbound);
    const auto expected = in.unprotect_rtp(packet);
    if (opened != expected.has_value()) std::abort();
    if (opened && !same(work, Bytes{packet}.first(*expected))) std::abort();
    return 0;
}
