#include "signaling/calls/call_json.h"

#include <algorithm>
#include <boost/json.hpp>
#include <ctime>

namespace carillon::calls {
namespace {

namespace json = boost::json;

std::string rfc3339(WallTime time) {
    const auto seconds = std::chrono::system_clock::to_time_t(time);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

json::array addresses(const StreamPorts& ports, Side side) {
    json::array out;
    for (const auto& address : ports.told[index(side)])
        out.push_back({{"component", address.component}, {"ip", address.ip}, {"port", address.port}});
    for (const auto& address : ports.told_tcp[index(side)])
        out.push_back(
            {{"component", address.component}, {"ip", address.ip}, {"port", address.port}, {"protocol", "tcp"}});
    return out;
}

json::object leg(std::string_view name, std::uint64_t packets, std::uint64_t octets, double loss, double jitter) {
    return {
        {"from", name}, {"packets", packets}, {"octets", octets}, {"loss_percent", 100 * loss}, {"jitter_ms", jitter}};
}

json::object quality(const relay::api::LegQuality& heard) {
    json::object out{{"mos", heard.mos},
                     {"r", heard.r},
                     {"scale", heard.wideband ? "G.107.1" : "G.107"},
                     {"loss_percent", 100 * heard.loss},
                     {"burst_ratio", heard.burst_ratio},
                     {"delay_ms", heard.delay_ms}};
    if (heard.quiet_ms >= 1000) out["quiet_seconds"] = heard.quiet_ms / 1000;
    if (!heard.reported) return out;
    json::object own{{"loss_percent", 100 * heard.reported_loss},
                     {"discarded_percent", 100 * heard.reported_discarded}};
    if (heard.reported_r > 0) own["r"] = heard.reported_r;
    if (heard.reported_mos_lq > 0) own["mos_lq"] = heard.reported_mos_lq;
    if (heard.reported_mos_cq > 0) own["mos_cq"] = heard.reported_mos_cq;
    if (heard.reported_end_system_ms > 0) own["end_system_ms"] = heard.reported_end_system_ms;
    out["reported"] = std::move(own);
    return out;
}

json::object leg(std::string_view name, const SideCounters& counters) {
    auto out = leg(name, counters.packets, counters.bytes, counters.loss, counters.jitter_ms);
    if (counters.silent_ms >= 1000) out["silent_seconds"] = counters.silent_ms / 1000;
    if (counters.round_trip_ms > 0) out["round_trip_ms"] = counters.round_trip_ms;
    if (counters.quality.mos > 0 || counters.quality.reported) out["quality"] = quality(counters.quality);
    json::object drops;
    for (const auto& [reason, count] : counters.drops) drops[reason] = count;
    if (!drops.empty()) out["drops"] = std::move(drops);
    return out;
}

/// The sound as far as it was judged; the worse direction stands for the call.
void put_sound(json::object& out, const storage::CallQuality& sound) {
    if (sound.mos_to_callee > 0) out["mos_from_caller"] = sound.mos_to_callee;
    if (sound.mos_to_caller > 0) out["mos_from_callee"] = sound.mos_to_caller;
    if (!sound.trouble.empty()) out["trouble"] = sound.trouble;
}

/// Legs by who sent what was counted.
json::array legs(const storage::CallRecord& record) {
    json::array out;
    out.push_back(leg("caller", record.packets_to_callee, record.bytes_to_callee, record.loss_to_callee,
                      record.jitter_to_callee_ms));
    out.push_back(leg("callee", record.packets_to_caller, record.bytes_to_caller, record.loss_to_caller,
                      record.jitter_to_caller_ms));
    return out;
}

}  // namespace

json::object to_json(const storage::CallRecord& record) {
    json::object out{{"id", record.id},
                     {"state", record.ended ? "ended" : "interrupted"},
                     {"caller", record.caller.str()},
                     {"callee", record.callee.str()},
                     {"started", rfc3339(record.started)}};
    if (!record.path.empty()) out["path"] = record.path;
    if (!record.codecs.empty()) out["codec"] = record.codecs;
    if (!record.reason.empty()) out["reason"] = record.reason;
    if (record.answered && record.ended) {
        out["seconds"] = std::chrono::duration_cast<std::chrono::seconds>(*record.ended - *record.answered).count();
    }
    out["packets"] = record.packets_to_callee + record.packets_to_caller;
    out["octets"] = record.bytes_to_callee + record.bytes_to_caller;
    if (record.packets_to_callee + record.packets_to_caller > 0) {
        out["loss_percent"] = 100 * std::max(record.loss_to_callee, record.loss_to_caller);
        out["jitter_ms"] = std::max(record.jitter_to_callee_ms, record.jitter_to_caller_ms);
    }
    return out;
}

json::object to_json(const CallInfo& call) {
    auto out = to_json(call.record);
    out["state"] = call.state;
    if (call.record.answered) out["seconds"] = call.duration.count();
    return out;
}

json::object details(const storage::CallRecord& record) {
    auto out = to_json(record);
    out["host"] = record.host;
    if (record.answered) out["answered"] = rfc3339(*record.answered);
    if (record.ended) out["ended"] = rfc3339(*record.ended);
    out["legs"] = legs(record);
    return out;
}

json::object details(const storage::CallRecord& record, const std::optional<storage::CallQuality>& sound) {
    auto out = details(record);
    if (sound) put_sound(out, *sound);
    return out;
}

json::object details(const CallInfo& call) {
    auto out = details(call.record);
    out["state"] = call.state;
    if (call.record.answered) out["seconds"] = call.duration.count();
    put_sound(out, call.sound);
    if (!call.trouble.empty()) out["trouble_now"] = call.trouble;
    if (call.recording) out["recording"] = true;
    out["sid"] = call.sid;
    out["relay"] = call.relay;
    json::array contents;
    for (const auto& stream : call.streams) {
        json::array each{leg("caller", stream.counters.from[index(Side::caller)]),
                         leg("callee", stream.counters.from[index(Side::callee)])};
        contents.push_back({{"name", stream.content},
                            {"transport", stream.transport},
                            {"state", stream.state},
                            {"worker", stream.ports.worker},
                            {"a", addresses(stream.ports, Side::caller)},
                            {"b", addresses(stream.ports, Side::callee)},
                            {"legs", std::move(each)}});
    }
    out["contents"] = std::move(contents);
    return out;
}

json::object to_json(const TapStatus& tap) {
    json::array files;
    for (const auto& file : tap.files) files.emplace_back(file);
    json::object out{{"name", tap.tap},
                     {"kind", tap.kind},
                     {"state", tap.running  ? "running"
                               : tap.failed ? "failed"
                                            : "ended"},
                     {"files", std::move(files)},
                     {"packets", tap.packets},
                     {"octets", tap.octets},
                     {"dropped", tap.dropped},
                     {"seconds", static_cast<std::int64_t>(tap.seconds)}};
    if (!tap.reason.empty()) out["reason"] = tap.reason;
    return out;
}

json::object to_json(const Channel& channel) {
    return {{"id", channel.id},
            {"host", channel.host},
            {"localport", channel.local_port},
            {"remoteport", channel.remote_port},
            {"expire", std::chrono::duration_cast<std::chrono::seconds>(channel.expire).count()}};
}

}  // namespace carillon::calls
