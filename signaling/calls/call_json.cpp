#include "signaling/calls/call_json.h"

#include <boost/json.hpp>
#include <ctime>

namespace carillon::calls {
namespace {

boost::json::value time_json(const std::optional<WallTime>& time) {
    if (!time) return nullptr;
    const auto seconds = std::chrono::system_clock::to_time_t(*time);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    const auto size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return boost::json::string(text, size);
}

boost::json::array addresses_json(const std::vector<jingle::RelayAddress>& addresses) {
    boost::json::array out;
    for (const auto& address : addresses)
        out.push_back({{"component", address.component}, {"ip", address.ip}, {"port", address.port}});
    return out;
}

boost::json::object counters_json(const SideCounters& counters) {
    return {{"packets", counters.packets},
            {"bytes", counters.bytes},
            {"loss", counters.loss},
            {"jitter_ms", counters.jitter_ms}};
}

}  // namespace

boost::json::object to_json(const storage::CallRecord& record) {
    return {{"id", record.id},
            {"host", record.host},
            {"caller", record.caller.str()},
            {"callee", record.callee.str()},
            {"started", time_json(record.started)},
            {"answered", time_json(record.answered)},
            {"ended", time_json(record.ended)},
            {"path", record.path},
            {"codecs", record.codecs},
            {"reason", record.reason},
            {"bytes_to_callee", record.bytes_to_callee},
            {"bytes_to_caller", record.bytes_to_caller},
            {"packets_to_callee", record.packets_to_callee},
            {"packets_to_caller", record.packets_to_caller},
            {"loss_to_callee", record.loss_to_callee},
            {"loss_to_caller", record.loss_to_caller},
            {"jitter_to_callee_ms", record.jitter_to_callee_ms},
            {"jitter_to_caller_ms", record.jitter_to_caller_ms}};
}

boost::json::object to_json(const CallInfo& call) {
    auto out = to_json(call.record);
    out["state"] = call.state;
    out["sid"] = call.sid;
    out["relay"] = call.relay;
    out["duration"] = call.duration.count();
    boost::json::array streams;
    for (const auto& stream : call.streams) {
        streams.push_back({{"content", stream.content},
                           {"transport", stream.transport},
                           {"state", stream.state},
                           {"worker", stream.ports.worker},
                           {"a", addresses_json(stream.ports.told[index(Side::caller)])},
                           {"b", addresses_json(stream.ports.told[index(Side::callee)])},
                           {"from_caller", counters_json(stream.counters.from[index(Side::caller)])},
                           {"from_callee", counters_json(stream.counters.from[index(Side::callee)])}});
    }
    out["streams"] = std::move(streams);
    return out;
}

boost::json::object to_json(const Channel& channel) {
    return {{"id", channel.id},
            {"owner", channel.owner},
            {"a", channel.host + ':' + std::to_string(channel.local_port)},
            {"b", channel.host + ':' + std::to_string(channel.remote_port)},
            {"expire", channel.expire.count()}};
}

}  // namespace carillon::calls
