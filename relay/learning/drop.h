/// Why a datagram was not forwarded. Each reason has a counter: on the packet path the counters are the log.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace carillon::relay {

enum class Drop : std::uint8_t {
    none,
    unproven,     ///< from an address that proved nothing
    bad_check,    ///< a STUN check with wrong user name, integrity or fingerprint
    not_media,    ///< neither STUN nor RTP nor RTCP nor DTLS, or not of this component
    no_far_side,  ///< the other endpoint's address is not known yet
    no_request,   ///< a STUN response that answers nothing we passed on
    oversize,     ///< longer than a datagram the relay takes
    send_failed,  ///< the kernel did not take it (unreachable, buffer full)
    bad_srtp,     ///< a bridged leg: does not open under the leg's keys
    replayed,     ///< a bridged leg: has come before
    no_keys,      ///< a bridged leg: no keys are agreed yet
    socket_full,  ///< found the socket's buffer full: the kernel dropped it
    consumed,     ///< a bridged leg: was for the relay itself; not counted
    count,
};

constexpr std::string_view to_string(Drop drop) {
    constexpr std::array<std::string_view, 13> kNames{
        "none",        "unproven", "bad_check", "not_media", "no_far_side", "no_request", "oversize",
        "send_failed", "bad_srtp", "replayed",  "no_keys",   "socket_full", "consumed"};
    return kNames[static_cast<std::size_t>(drop)];
}

using DropCounters = std::array<std::uint64_t, static_cast<std::size_t>(Drop::count)>;

}  // namespace carillon::relay
