#include "signaling/calls/audio_trouble.h"

#include <algorithm>

namespace carillon::calls {
namespace {

constexpr std::uint64_t kSilentMs = 8'000;  // without packets, after there were some
constexpr std::uint64_t kNeverMs = 5'000;   // from the answer on
constexpr std::uint64_t kQuietMs = 20'000;  // packets, but no sound in them
constexpr std::uint64_t kFreshMs = 3'000;   // the other side is heard

/// How long nothing has come from a side since the call was answered.
std::uint64_t silence(const SideCounters& side, std::uint64_t answered_ms) {
    return side.packets == 0 ? answered_ms : std::min(side.silent_ms, answered_ms);
}

bool is_silent(const SideCounters& side, std::uint64_t answered_ms) {
    return silence(side, answered_ms) >= (side.packets == 0 ? kNeverMs : kSilentMs);
}

}  // namespace

AudioTrouble trouble_of(const std::array<SideCounters, 2>& from, const std::array<bool, 2>& held,
                        std::uint64_t answered_ms) {
    using Kind = AudioTrouble::Kind;
    if (held[0] || held[1]) return {};
    const auto& caller = from[index(Side::caller)];
    const auto& callee = from[index(Side::callee)];
    const auto caller_ms = silence(caller, answered_ms);
    const auto callee_ms = silence(callee, answered_ms);
    const bool no_caller = is_silent(caller, answered_ms);
    const bool no_callee = is_silent(callee, answered_ms);
    if (no_caller && no_callee) return {Kind::dead_air, std::min(caller_ms, callee_ms)};
    if (no_caller && callee_ms < kFreshMs) return {Kind::one_way_to_caller, caller_ms};
    if (no_callee && caller_ms < kFreshMs) return {Kind::one_way_to_callee, callee_ms};
    const auto quiet = std::min(caller.quality.quiet_ms, callee.quality.quiet_ms);
    if (quiet >= kQuietMs) return {Kind::dead_air, std::min(quiet, answered_ms)};
    return {};
}

std::string to_string(const AudioTrouble& trouble) {
    const auto seconds = " for " + std::to_string(trouble.ms / 1000) + " s";
    switch (trouble.kind) {
        case AudioTrouble::Kind::none:
            break;
        case AudioTrouble::Kind::one_way_to_callee:
            return "one-way audio: nothing comes from the callee" + seconds;
        case AudioTrouble::Kind::one_way_to_caller:
            return "one-way audio: nothing comes from the caller" + seconds;
        case AudioTrouble::Kind::dead_air:
            return "dead air: nothing is heard from either side" + seconds;
    }
    return {};
}

void TroubleBook::add(const AudioTrouble& trouble) {
    auto& longest = longest_ms[static_cast<std::size_t>(trouble.kind)];
    longest = std::max(longest, trouble.ms);
}

std::string TroubleBook::text() const {
    std::string out;
    for (std::size_t kind = 1; kind < longest_ms.size(); ++kind) {
        if (longest_ms[kind] == 0) continue;
        out += (out.empty() ? "" : "; ") +
               to_string(AudioTrouble{static_cast<AudioTrouble::Kind>(kind), longest_ms[kind]});
    }
    return out;
}

}  // namespace carillon::calls
