#include "signaling/calls/call_state.h"

#include <boost/json.hpp>
#include <stdexcept>

#include "config/base/bytes.h"
#include "relay/api/convert.h"
#include "signaling/auth/base64.h"

namespace carillon::calls {
namespace {

namespace json = boost::json;

constexpr std::int64_t kVersion = 1;

// To text. What is empty or false is left out.

std::string base64(const std::vector<std::byte>& octets) { return auth::base64_encode(as_text(octets)); }

json::object to_json(const jingle::IceCredentials& ice) { return {{"ufrag", ice.ufrag}, {"pwd", ice.pwd}}; }

json::array to_json(const std::vector<relay::api::SrtpKey>& keys) {
    json::array out;
    for (const auto& key : keys) out.push_back({{"key", base64(key.key_and_salt)}, {"mki", base64(key.mki)}});
    return out;
}

json::object to_json(const relay::api::LegSecurity& security) {
    return {{"protection", static_cast<int>(security.protection)},
            {"suite", security.suite},
            {"local", to_json(security.local)},
            {"remote", to_json(security.remote)},
            {"hash", security.fingerprint_hash},
            {"fingerprint", security.fingerprint},
            {"active", security.active}};
}

json::object to_json(const Manner& manner) {
    return {{"ice", manner.ice},
            {"protection", static_cast<int>(manner.protection)},
            {"must_encrypt", manner.must_encrypt}};
}

json::object to_json(const BridgeLeg& bridge) {
    json::array cryptos;
    for (const auto& crypto : bridge.cryptos)
        cryptos.push_back({{"tag", crypto.tag}, {"suite", crypto.suite}, {"key", base64(crypto.key_and_salt)}});
    json::array types;
    for (const auto& [from, to] : bridge.payload_types) types.push_back({from, to});
    return {{"manner", to_json(bridge.manner)},
            {"own", to_json(bridge.own)},
            {"controlling", bridge.controlling},
            {"offers_mux", bridge.offers_mux},
            {"mux", bridge.mux},
            {"setup", bridge.setup},
            {"cryptos", std::move(cryptos)},
            {"security", to_json(bridge.security)},
            {"types", std::move(types)}};
}

json::object to_json(const Leg& leg) {
    json::array ice;
    for (const auto& each : leg.said.ice) ice.push_back(to_json(each));
    json::array remotes;
    for (const auto& each : leg.said.remotes) remotes.push_back({each.component, each.ip, each.port});
    json::object out{{"ice", std::move(ice)},
                     {"remotes", std::move(remotes)},
                     {"offered_ufrag", leg.offered_ufrag},
                     {"offered", leg.offered},
                     {"restarts", leg.restarts}};
    if (leg.said.bridge) out["bridge"] = to_json(*leg.said.bridge);
    return out;
}

json::array to_json(const std::array<SideCounters, 2>& from) {
    json::array out;
    for (const auto& side : from) out.push_back({side.packets, side.bytes, side.loss, side.jitter_ms});
    return out;
}

json::array to_json(const std::vector<jingle::PayloadType>& types) {
    json::array out;
    for (const auto& type : types)
        out.push_back({type.id, type.name, type.clockrate, type.channels, type.apt ? static_cast<int>(*type.apt) : -1,
                       json::value_from(type.parameters), json::value_from(type.feedback)});
    return out;
}

std::string to_text(const relay::api::Program& program) {
    relay::api::proto::Program out;
    relay::api::to_proto(program, out);
    return auth::base64_encode(out.SerializeAsString());
}

using Told = std::array<std::vector<jingle::RelayAddress>, 2>;

json::array to_json(const Told& told) {
    json::array out;
    for (const auto& side : told) {
        json::array addresses;
        for (const auto& each : side) addresses.push_back({each.component, each.ip, each.port});
        out.push_back(std::move(addresses));
    }
    return out;
}

json::object to_json(const Stream& stream) {
    json::object out{{"id", stream.id},
                     {"creator", stream.creator},
                     {"name", stream.name},
                     {"ice", stream.ice},
                     {"rtp", stream.rtp},
                     {"muxed", stream.muxed},
                     {"bundled", stream.bundled},
                     {"carrier", stream.carrier},
                     {"replacement", stream.replacement},
                     {"open", stream.open},
                     {"lost", stream.lost},
                     {"worker", stream.ports.worker},
                     {"told", to_json(stream.ports.told)},
                     {"told_tcp", to_json(stream.ports.told_tcp)},
                     {"fingerprint", stream.ports.fingerprint},
                     {"legs", {to_json(stream.legs[0]), to_json(stream.legs[1])}},
                     {"counted", to_json(stream.last.from)},
                     {"types", to_json(stream.offered_types)},
                     {"offerer", static_cast<int>(stream.offerer)},
                     {"added", to_json(stream.added)}};
    json::array sound;
    for (const auto& to : stream.sound_to) {
        json::object each{{"types", json::array(to.types.begin(), to.types.end())}};
        if (to.format) each["format"] = to_text({.a = *to.format});
        sound.push_back(std::move(each));
    }
    out["sound"] = std::move(sound);
    out["line"] = {stream.line[0], stream.line[1]};
    if (stream.offered_format) out["format"] = to_text({.a = *stream.offered_format});
    if (stream.offered_video) out["video"] = to_text({.video_a = *stream.offered_video});
    if (stream.recoded) out["recoded"] = true;
    if (stream.program.kind != relay::api::Program::Kind::none) out["program"] = to_text(stream.program);
    return out;
}

std::int64_t milliseconds(WallTime time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

json::object to_json(const storage::CallRecord& record) {
    json::object out{
        {"id", record.id}, {"started", milliseconds(record.started)}, {"path", record.path}, {"codecs", record.codecs}};
    if (record.answered) out["answered"] = milliseconds(*record.answered);
    return out;
}

// And back. Anything unexpected throws, and from_state() catches it.

std::string text(const json::object& from, std::string_view key) { return std::string{from.at(key).as_string()}; }
bool flag(const json::object& from, std::string_view key) { return from.at(key).as_bool(); }
template <class T>
T number(const json::value& value) {
    return value.to_number<T>();
}
template <class T>
T number(const json::object& from, std::string_view key) {
    return number<T>(from.at(key));
}
WallTime wall(const json::value& value) { return WallTime{std::chrono::milliseconds{number<std::int64_t>(value)}}; }

std::vector<std::byte> octets(const json::object& from, std::string_view key) {
    const auto decoded = auth::base64_decode(text(from, key));
    if (!decoded) throw std::invalid_argument{"no base64"};
    const auto bytes = as_bytes(*decoded);
    return {bytes.begin(), bytes.end()};
}

Protection protection(const json::object& from) {
    const auto value = number<int>(from, "protection");
    if (value < 0 || value > static_cast<int>(Protection::dtls)) throw std::invalid_argument{"no protection"};
    return static_cast<Protection>(value);
}

jingle::IceCredentials ice_from(const json::value& value) {
    return {text(value.as_object(), "ufrag"), text(value.as_object(), "pwd")};
}

std::vector<relay::api::SrtpKey> keys_from(const json::value& value) {
    std::vector<relay::api::SrtpKey> out;
    for (const auto& each : value.as_array())
        out.push_back({octets(each.as_object(), "key"), octets(each.as_object(), "mki")});
    return out;
}

relay::api::LegSecurity security_from(const json::object& from) {
    return {.protection = protection(from),
            .suite = text(from, "suite"),
            .local = keys_from(from.at("local")),
            .remote = keys_from(from.at("remote")),
            .fingerprint_hash = text(from, "hash"),
            .fingerprint = text(from, "fingerprint"),
            .active = flag(from, "active")};
}

Manner manner_from(const json::object& from) {
    return {.ice = flag(from, "ice"), .protection = protection(from), .must_encrypt = flag(from, "must_encrypt")};
}

BridgeLeg bridge_from(const json::object& from) {
    BridgeLeg out;
    out.manner = manner_from(from.at("manner").as_object());
    out.own = ice_from(from.at("own"));
    out.controlling = flag(from, "controlling");
    out.offers_mux = flag(from, "offers_mux");
    out.mux = flag(from, "mux");
    out.setup = text(from, "setup");
    for (const auto& each : from.at("cryptos").as_array()) {
        const auto& crypto = each.as_object();
        out.cryptos.push_back({text(crypto, "tag"), text(crypto, "suite"), octets(crypto, "key")});
    }
    out.security = security_from(from.at("security").as_object());
    for (const auto& each : from.at("types").as_array())
        out.payload_types[number<std::uint8_t>(each.at(0))] = number<std::uint8_t>(each.at(1));
    return out;
}

Leg leg_from(const json::object& from) {
    Leg out;
    for (const auto& each : from.at("ice").as_array()) out.said.ice.push_back(ice_from(each));
    for (const auto& each : from.at("remotes").as_array())
        out.said.remotes.push_back(
            {number<unsigned>(each.at(0)), std::string{each.at(1).as_string()}, number<std::uint16_t>(each.at(2))});
    out.offered_ufrag = text(from, "offered_ufrag");
    out.offered = number<unsigned>(from, "offered");
    out.restarts = number<unsigned>(from, "restarts");
    if (const auto* bridge = from.if_contains("bridge")) out.said.bridge = bridge_from(bridge->as_object());
    return out;
}

std::vector<jingle::PayloadType> types_from(const json::value& value) {
    std::vector<jingle::PayloadType> out;
    for (const auto& each : value.as_array()) {
        const auto& type = each.as_array();
        jingle::PayloadType read{.id = number<unsigned>(type.at(0)),
                                 .name = std::string{type.at(1).as_string()},
                                 .clockrate = number<unsigned>(type.at(2)),
                                 .channels = number<unsigned>(type.at(3))};
        if (const auto apt = number<int>(type.at(4)); apt >= 0) read.apt = static_cast<unsigned>(apt);
        if (type.size() > 6) {
            read.parameters = json::value_to<std::map<std::string, std::string>>(type.at(5));
            read.feedback = json::value_to<std::vector<std::string>>(type.at(6));
        }
        out.push_back(std::move(read));
    }
    return out;
}

relay::api::Program program_from(const json::value& value) {
    const auto octets = auth::base64_decode(std::string{value.as_string()});
    relay::api::proto::Program read;
    if (!octets || !read.ParseFromString(*octets)) throw std::invalid_argument{"no program"};
    return relay::api::from_proto(read);
}

std::array<SoundTo, 2> sound_from(const json::value& value) {
    std::array<SoundTo, 2> out;
    for (std::size_t side = 0; side < 2; ++side) {
        const auto& from = value.as_array().at(side).as_object();
        for (const auto& type : from.at("types").as_array()) out[side].types.push_back(number<std::uint8_t>(type));
        if (const auto* format = from.if_contains("format")) out[side].format = program_from(*format).a;
    }
    return out;
}

std::array<SideCounters, 2> counters_from(const json::value& value) {
    std::array<SideCounters, 2> out;
    for (std::size_t side = 0; side < 2; ++side) {
        const auto& from = value.as_array().at(side).as_array();
        out[side] = {.packets = number<std::uint64_t>(from.at(0)),
                     .bytes = number<std::uint64_t>(from.at(1)),
                     .loss = number<double>(from.at(2)),
                     .jitter_ms = number<double>(from.at(3))};
    }
    return out;
}

Told told_from(const json::value& from, bool tcp) {
    Told out;
    for (std::size_t side = 0; side < 2; ++side)
        for (const auto& each : from.as_array().at(side).as_array())
            out[side].push_back({number<unsigned>(each.at(0)), std::string{each.at(1).as_string()},
                                 number<std::uint16_t>(each.at(2)), tcp});
    return out;
}

Stream stream_from(const json::object& from) {
    Stream out;
    out.id = out.last.stream = text(from, "id");
    out.creator = text(from, "creator");
    out.name = text(from, "name");
    out.ice = flag(from, "ice");
    out.rtp = flag(from, "rtp");
    out.muxed = flag(from, "muxed");
    out.bundled = flag(from, "bundled");
    out.carrier = text(from, "carrier");
    out.replacement = flag(from, "replacement");
    out.open = flag(from, "open");
    out.lost = flag(from, "lost");
    out.ports.worker = text(from, "worker");
    out.ports.fingerprint = text(from, "fingerprint");
    out.ports.told = told_from(from.at("told"), false);
    if (const auto* tcp = from.if_contains("told_tcp")) out.ports.told_tcp = told_from(*tcp, true);
    for (std::size_t side = 0; side < 2; ++side)
        out.legs[side] = leg_from(from.at("legs").as_array().at(side).as_object());
    // Both legs of a stream are bridged, or none.
    if (out.legs[0].said.bridge.has_value() != out.legs[1].said.bridge.has_value())
        throw std::invalid_argument{"half a bridge"};
    out.last.from = counters_from(from.at("counted"));
    out.offered_types = types_from(from.at("types"));
    out.offerer = number<int>(from, "offerer") == 0 ? Side::caller : Side::callee;
    out.added = types_from(from.at("added"));
    if (const auto* line = from.if_contains("line"))
        for (std::size_t side = 0; side < 2; ++side) out.line[side] = number<unsigned>(line->as_array().at(side));
    if (const auto* sound = from.if_contains("sound")) out.sound_to = sound_from(*sound);
    if (const auto* format = from.if_contains("format")) out.offered_format = program_from(*format).a;
    if (const auto* format = from.if_contains("video")) out.offered_video = program_from(*format).video_a;
    if (from.if_contains("recoded")) out.recoded = flag(from, "recoded");
    if (const auto* program = from.if_contains("program")) out.program = program_from(*program);
    return out;
}

xmpp::Jid jid(const json::object& from, std::string_view key) {
    auto parsed = xmpp::Jid::parse(text(from, key));
    if (!parsed) throw std::invalid_argument{"no address"};
    return std::move(*parsed);
}

void read_record(const json::object& from, Call& call) {
    auto& record = call.record;
    record.id = text(from, "id");
    record.host = call.host;
    record.caller = call.caller;
    record.callee = call.callee;
    record.started = wall(from.at("started"));
    record.path = text(from, "path");
    record.codecs = text(from, "codecs");
    if (const auto* answered = from.if_contains("answered")) record.answered = wall(*answered);
}

std::unique_ptr<Call> call_from(const json::object& from) {
    auto call = std::make_unique<Call>();
    call->sid = text(from, "sid");
    call->caller = jid(from, "caller");
    call->callee = jid(from, "callee");
    call->key = call_key(call->caller, call->sid);
    call->initiate_id = text(from, "initiate_id");
    call->initiator = text(from, "initiator");
    call->host = text(from, "host");
    const auto phase = number<int>(from, "phase");
    const auto mode = relay_mode(text(from, "mode"));
    if (phase < 0 || phase >= static_cast<int>(Phase::ended) || !mode) throw std::invalid_argument{"no phase or mode"};
    call->phase = static_cast<Phase>(phase);
    call->mode = *mode;
    if (const auto* bridge = from.if_contains("bridge"))
        call->bridge = {manner_from(bridge->as_array().at(0).as_object()),
                        manner_from(bridge->as_array().at(1).as_object())};
    call->transcodes = flag(from, "transcodes");
    call->reserves = flag(from, "reserves");
    call->bundle_offered = flag(from, "bundle_offered");
    call->invite_ns = text(from, "invite_ns");
    call->ringing = flag(from, "ringing");
    call->delivered = flag(from, "delivered");
    call->next_stream = number<unsigned>(from, "next_stream");
    if (const auto* line = from.if_contains("line"))
        for (std::size_t side = 0; side < 2; ++side) call->line[side] = number<unsigned>(line->as_array().at(side));
    if (const auto* hold = from.if_contains("hold"))
        for (std::size_t side = 0; side < 2; ++side) {
            const auto bits = number<unsigned>(hold->as_array().at(side));
            call->hold[side] = {.word = (bits & 1) != 0, .senders = (bits & 2) != 0};
        }
    for (const auto& each : from.at("streams").as_array()) call->streams.push_back(stream_from(each.as_object()));
    call->past.from = counters_from(from.at("past"));
    read_record(from.at("record").as_object(), *call);
    return call;
}

}  // namespace

std::string to_state(const Call& call, const MediaRelay::Place& place) {
    json::array streams;
    for (const auto& stream : call.streams) streams.push_back(to_json(stream));
    json::array hold;
    for (const auto& each : call.hold) hold.push_back((each.word ? 1 : 0) | (each.senders ? 2 : 0));
    json::object out{{"version", kVersion},
                     {"hold", std::move(hold)},
                     {"line", {call.line[0], call.line[1]}},
                     {"sid", call.sid},
                     {"caller", call.caller.str()},
                     {"callee", call.callee.str()},
                     {"initiate_id", call.initiate_id},
                     {"initiator", call.initiator},
                     {"host", call.host},
                     {"phase", static_cast<int>(call.phase)},
                     {"mode", to_string(call.mode)},
                     {"transcodes", call.transcodes},
                     {"reserves", call.reserves},
                     {"bundle_offered", call.bundle_offered},
                     {"invite_ns", call.invite_ns},
                     {"ringing", call.ringing},
                     {"delivered", call.delivered},
                     {"next_stream", call.next_stream},
                     {"streams", std::move(streams)},
                     {"past", to_json(call.past.from)},
                     {"record", to_json(call.record)},
                     {"worker", place.worker},
                     {"session", place.session}};
    if (call.taps > 0) {
        out["taps"] = json::array(place.taps.begin(), place.taps.end());
        out["taps_begun"] = call.taps;
        out["recording"] = call.recording;
    }
    if (call.bridge) out["bridge"] = {to_json((*call.bridge)[0]), to_json((*call.bridge)[1])};
    return json::serialize(out);
}

std::optional<SavedCall> from_state(std::string_view text_of_it) {
    try {
        const auto value = json::parse({text_of_it.data(), text_of_it.size()});
        const auto& from = value.as_object();
        if (number<std::int64_t>(from, "version") != kVersion) return std::nullopt;
        SavedCall saved{call_from(from), {text(from, "worker"), text(from, "session")}};
        if (const auto* taps = from.if_contains("taps")) {
            for (const auto& each : taps->as_array()) saved.place.taps.emplace_back(each.as_string());
            saved.call->taps = number<unsigned>(from, "taps_begun");
            saved.call->recording = text(from, "recording");
        }
        return saved;
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

}  // namespace carillon::calls
