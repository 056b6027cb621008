/// Packets that nobody sealed never open; what we seal opens again as it was.
/// First octet: the profile, and whether the rest is RTP or RTCP.
#include <algorithm>
#include <cstdlib>

#include "media/srtp/srtp_session.h"

using namespace carillon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1 || size > 2000) return 0;
    const auto profile = static_cast<srtp::Profile>(data[0] % 6);
    const bool rtcp = (data[0] & 0x80) != 0;
    const auto [key_length, salt_length] = srtp::lengths_of(profile);
    const std::vector<std::byte> key(key_length + salt_length, std::byte{0x5A});
    auto in = srtp::Session::create(profile, key, srtp::Direction::inbound);
    auto out = srtp::Session::create(profile, key, srtp::Direction::outbound);
    if (!in || !out) std::abort();
    const std::vector<std::byte> plain{reinterpret_cast<const std::byte*>(data) + 1,
                                       reinterpret_cast<const std::byte*>(data) + size};
    auto packet = plain;
    const auto foreign = rtcp ? in->unprotect_rtcp(packet) : in->unprotect_rtp(packet);
    // Four octets of tag can be guessed by a patient fuzzer.
    if (foreign && srtp::rtp_tag_length(profile) > 4) std::abort();
    packet = plain;
    packet.resize(plain.size() + srtp::kMaxOverhead);
    const auto sealed = rtcp ? out->protect_rtcp(packet, plain.size()) : out->protect_rtp(packet, plain.size());
    if (!sealed) return 0;
    packet.resize(*sealed);
    const auto opened = rtcp ? in->unprotect_rtcp(packet) : in->unprotect_rtp(packet);
    if (!foreign && (!opened || !std::equal(plain.begin(), plain.end(), packet.begin()) || *opened != plain.size()))
        std::abort();
    return 0;
}
