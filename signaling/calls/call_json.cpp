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

json::array addresses(const std::vector<jingle::RelayAddress>& told) {
    json::array out;
    for (const auto& address : told)
        out.push_back({{"component", address.component}, {"ip", address.ip}, {"port", address.port}});
    return out;
}

json::object leg(std::string_view name, std::uint64_t packets, std::uint64_t octets, double loss, double jitter) {
    return {
        {"from", name}, {"packets", packets}, {"octets", octets}, {"loss_percent", 100 * loss}, {"jitter_ms", jitter}};
}

json::object leg(std::string_view name, const SideCounters& counters) {
    return leg(name, counters.packets, counters.bytes, counters.loss, counters.jitter_ms);
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

json::object details(const CallInfo& call) {
    auto out = details(call.record);
    out["state"] = call.state;
    if (call.record.answered) out["seconds"] = call.duration.count();
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
                            {"a", addresses(stream.ports.told[index(Side::caller)])},
                            {"b", addresses(stream.ports.told[index(Side::callee)])},
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
