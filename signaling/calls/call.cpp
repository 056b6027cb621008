#include "signaling/calls/call.h"

#include <algorithm>
#include <limits>

namespace carillon::calls {
namespace {

void add(SideCounters& sum, const SideCounters& more) {
    const auto packets = sum.packets + more.packets;
    if (packets > 0) {
        sum.loss = (sum.loss * static_cast<double>(sum.packets) + more.loss * static_cast<double>(more.packets)) /
                   static_cast<double>(packets);
    }
    // A side is as silent as its liveliest stream; its sound is that of the stream that has some.
    const bool first = sum.packets == 0;
    sum.silent_ms = first               ? more.silent_ms
                    : more.packets == 0 ? sum.silent_ms
                                        : std::min(sum.silent_ms, more.silent_ms);
    if (more.quality.mos > 0 || (sum.quality.mos == 0 && more.packets > 0)) sum.quality = more.quality;
    sum.packets = packets;
    sum.bytes += more.bytes;
    sum.jitter_ms = std::max(sum.jitter_ms, more.jitter_ms);
    sum.expected += more.expected;
    sum.lost += more.lost;
    sum.round_trip_ms = std::max(sum.round_trip_ms, more.round_trip_ms);
    for (const auto& [reason, count] : more.drops) sum.drops[reason] += count;
}

}  // namespace

std::string_view to_string(Phase phase) {
    switch (phase) {
        case Phase::proposed:
            return "proposed";
        case Phase::proceeding:
            return "proceeding";
        case Phase::initiated:
            return "initiated";
        case Phase::active:
            return "active";
        case Phase::ended:
            return "ended";
    }
    return "ended";
}

Stream* Call::find(std::string_view creator, std::string_view name, bool replacement) {
    Stream* by_name = nullptr;
    std::size_t named = 0;
    for (auto& stream : streams) {
        if (stream.name != name || stream.replacement != replacement) continue;
        if (stream.creator == creator) return &stream;
        by_name = &stream;
        ++named;
    }
    return named == 1 ? by_name : nullptr;  // some clients mistake the creator of a content
}

Stream* Call::find_id(std::string_view id) {
    const auto at = std::ranges::find(streams, id, &Stream::id);
    return at == streams.end() ? nullptr : &*at;
}

bool Call::relays() const { return std::ranges::any_of(streams, &Stream::open); }

bool Call::needs_relay() const {
    return std::ranges::any_of(
        streams, [this](const Stream& stream) { return !stream.ports.told[0].empty() && stream.needs_relay(mode); });
}

std::string call_key(const xmpp::Jid& caller, std::string_view sid) {
    std::string key{sid};
    key += ' ';
    key += caller.str();
    return key;
}

std::size_t pair_hash(const xmpp::Jid& a, const xmpp::Jid& b) {
    auto first = a.bare();
    auto second = b.bare();
    if (second < first) std::swap(first, second);
    const auto low = std::hash<xmpp::Jid>{}(first);
    return low ^ (std::hash<xmpp::Jid>{}(second) + 0x9e3779b97f4a7c15ULL + (low << 6) + (low >> 2));
}

void add_past(Call& call, const StreamCounters& counters) {
    for (const auto side : {Side::caller, Side::callee}) {
        auto& past = call.past.from[index(side)];
        add(past, counters.from[index(side)]);
        past.silent_ms = std::numeric_limits<std::uint64_t>::max();  // what runs tells
    }
}

std::array<SideCounters, 2> sides_of(const Call& call) {
    auto sides = call.past.from;
    for (const auto& stream : call.streams)
        for (const auto side : {Side::caller, Side::callee}) add(sides[index(side)], stream.last.from[index(side)]);
    return sides;
}

void look_for_trouble(Call& call, std::uint64_t answered_ms) {
    const auto sides = sides_of(call);
    // A direct call does not use its ports, but for some packets at its beginning perhaps.
    constexpr std::uint64_t kInUse = 100;
    const bool carried = sides[0].packets + sides[1].packets >= kInUse || call.needs_relay();
    call.trouble = carried ? trouble_of(sides, call.held, answered_ms) : AudioTrouble{};
    call.troubles.add(call.trouble);
}

SideCounters sum_of(const Call& call, Side side) {
    auto sum = call.past.from[index(side)];
    for (const auto& stream : call.streams) add(sum, stream.last.from[index(side)]);
    return sum;
}

void fold_counters(Call& call) {
    const auto [from_caller, from_callee] = sides_of(call);
    auto& record = call.record;
    record.packets_to_callee = from_caller.packets;
    record.packets_to_caller = from_callee.packets;
    record.bytes_to_callee = from_caller.bytes;
    record.bytes_to_caller = from_callee.bytes;
    record.loss_to_callee = from_caller.loss;
    record.loss_to_caller = from_callee.loss;
    record.jitter_to_callee_ms = from_caller.jitter_ms;
    record.jitter_to_caller_ms = from_callee.jitter_ms;
    if (from_caller.quality.mos > 0) call.sound.mos_to_callee = from_caller.quality.mos;
    if (from_callee.quality.mos > 0) call.sound.mos_to_caller = from_callee.quality.mos;
    call.sound.id = record.id;
    call.sound.trouble = call.troubles.text();
    // The record says what was used, not what was offered.
    const std::string_view relayed = !call.endpoint_name.empty()                              ? "endpoint"
                                     : std::ranges::any_of(call.streams, &Stream::transcoded) ? "transcode"
                                     : call.bridge                                            ? "bridge"
                                                                                              : "forward";
    if (from_caller.packets + from_callee.packets > 0) {
        record.path = relayed;
    } else if (call.answered) {
        record.path = call.needs_relay() ? relayed : "direct";
    }
}

}  // namespace carillon::calls
