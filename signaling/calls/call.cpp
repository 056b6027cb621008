#include "signaling/calls/call.h"

#include <algorithm>

namespace carillon::calls {
namespace {

void add(SideCounters& sum, const SideCounters& more) {
    const auto packets = sum.packets + more.packets;
    if (packets > 0) {
        sum.loss = (sum.loss * static_cast<double>(sum.packets) + more.loss * static_cast<double>(more.packets)) /
                   static_cast<double>(packets);
    }
    sum.packets = packets;
    sum.bytes += more.bytes;
    sum.jitter_ms = std::max(sum.jitter_ms, more.jitter_ms);
    sum.expected += more.expected;
    sum.lost += more.lost;
    sum.round_trip_ms = std::max(sum.round_trip_ms, more.round_trip_ms);
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
    for (const auto side : {Side::caller, Side::callee}) add(call.past.from[index(side)], counters.from[index(side)]);
}

SideCounters sum_of(const Call& call, Side side) {
    auto sum = call.past.from[index(side)];
    for (const auto& stream : call.streams) add(sum, stream.last.from[index(side)]);
    return sum;
}

void fold_counters(Call& call) {
    const auto from_caller = sum_of(call, Side::caller);
    const auto from_callee = sum_of(call, Side::callee);
    auto& record = call.record;
    record.packets_to_callee = from_caller.packets;
    record.packets_to_caller = from_callee.packets;
    record.bytes_to_callee = from_caller.bytes;
    record.bytes_to_caller = from_callee.bytes;
    record.loss_to_callee = from_caller.loss;
    record.loss_to_caller = from_callee.loss;
    record.jitter_to_callee_ms = from_caller.jitter_ms;
    record.jitter_to_caller_ms = from_callee.jitter_ms;
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
