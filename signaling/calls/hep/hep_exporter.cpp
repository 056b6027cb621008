#include "signaling/calls/hep/hep_exporter.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "signaling/calls/hep/rtcp_json.h"
#include "signaling/xml/writer.h"

namespace carillon::calls::hep {
namespace {

namespace json = boost::json;

constexpr std::string_view kOwn = "127.0.0.1";
constexpr std::uint16_t kXmpp = 5222;
constexpr unsigned kReceiverReport = 201;

int connect_to(const std::string& server) {
    const auto to = Endpoint::parse(server);
    sockaddr_storage address{};
    socklen_t length = sizeof(sockaddr_in);
    if (to.ip.find(':') != to.ip.npos) {
        auto& in = reinterpret_cast<sockaddr_in6&>(address);
        in.sin6_family = AF_INET6;
        in.sin6_port = htons(to.port);
        ::inet_pton(AF_INET6, to.ip.c_str(), &in.sin6_addr);
        length = sizeof in;
    } else {
        auto& in = reinterpret_cast<sockaddr_in&>(address);
        in.sin_family = AF_INET;
        in.sin_port = htons(to.port);
        ::inet_pton(AF_INET, to.ip.c_str(), &in.sin_addr);
    }
    const int made = to.port == 0 ? -1 : ::socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made < 0 || ::connect(made, reinterpret_cast<const sockaddr*>(&address), length) != 0) {
        const std::string why = to.port == 0 ? "it is no numeric address with a port" : std::strerror(errno);
        if (made >= 0) ::close(made);
        throw std::runtime_error{"hep.server " + server + " cannot be used: " + why +
                                 "; write it as 192.0.2.9:9060, or leave it out"};
    }
    const int queue = HepExporter::kQueue;
    ::setsockopt(made, SOL_SOCKET, SO_SNDBUF, &queue, sizeof queue);
    return made;
}

/// Keys of SDES, and what ICE signs with: whoever has them could take the call's media.
void hide_secrets(xml::Element& element) {
    if (element.name() == "crypto" && !element.attribute("key-params").empty()) element.set("key-params", "***");
    if (element.name() == "transport" && !element.attribute("pwd").empty()) element.set("pwd", "***");
    for (auto* child : element.children()) hide_secrets(*child);
}

std::chrono::microseconds now() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace

HepExporter::HepExporter(Settings settings) : settings_{std::move(settings)}, socket_{connect_to(settings_.server)} {}

HepExporter::~HepExporter() { ::close(socket_); }

void HepExporter::signalled(const ExportedCall& call, const xmpp::Stanza& stanza) {
    auto copy = stanza.element();
    hide_secrets(copy);
    const auto text = xml::to_string(copy);
    const Endpoint own{.ip = std::string{kOwn}, .port = kXmpp};
    send({.source = own, .destination = own, .protocol = Protocol::xmpp, .correlation = call.sid, .payload = text});
}

void HepExporter::measured(const ExportedCall& call, std::string_view stream, Side from, const SideCounters& counters,
                           const jingle::RelayAddress& heard_at) {
    const auto report = report_of(call, stream, from, counters);
    send({.source = Endpoint::parse(counters.learned),
          .destination = {.ip = heard_at.ip, .port = heard_at.port},
          .protocol = Protocol::rtcp_json,
          .correlation = call.sid,
          .payload = report,
          .mos = counters.quality.mos});
}

void HepExporter::reported(const ExportedCall& call, const MediaRelay::Rtcp& report,
                           const jingle::RelayAddress& heard_at) {
    auto said = rtcp_json(as_bytes(report.octets));
    if (!said) return;
    (*said)["call"] = call.id;
    (*said)["sid"] = call.sid;
    (*said)["stream"] = report.stream;
    (*said)["from"] = report.from == Side::caller ? "caller" : "callee";
    (*said)["origin"] = "endpoint";
    const auto text = json::serialize(*said);
    send({.source = Endpoint::parse(report.address),
          .destination = {.ip = heard_at.ip, .port = heard_at.port},
          .protocol = Protocol::rtcp_json,
          .correlation = call.sid,
          .payload = text});
}

void HepExporter::send(Packet packet) {
    packet.time = now();
    packet.agent = settings_.agent;
    packet.key = settings_.key.reveal();
    const auto datagram = write(packet);
    const auto count = [](std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); };
    if (datagram.empty()) return count(counters_.too_large);
    // An ICMP error of an earlier datagram is told once, and is not this one's.
    for (int i = 0; i < 2; ++i) {
        if (::send(socket_, datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return count(counters_.sent);
        if (errno == EAGAIN || errno == ENOBUFS) return count(counters_.full);
        if (errno == EMSGSIZE) return count(counters_.too_large);
    }
    count(counters_.failed);
}

std::string report_of(const ExportedCall& call, std::string_view stream, Side from, const SideCounters& counters) {
    const json::object block{{"source_ssrc", 0},
                             {"fraction_lost", static_cast<unsigned>(std::clamp(counters.loss, 0.0, 1.0) * 255)},
                             {"packets_lost", counters.lost},
                             {"highest_seq_no", 0},
                             {"ia_jitter", std::round(counters.jitter_ms * 100) / 100},
                             {"lsr", 0},
                             {"dlsr", 0}};
    json::object out{{"type", kReceiverReport},
                     {"ssrc", 0},
                     {"report_count", 1},
                     {"report_blocks", json::array{block}},
                     {"call", call.id},
                     {"sid", call.sid},
                     {"stream", stream},
                     {"from", from == Side::caller ? "caller" : "callee"},
                     {"origin", "relay"},
                     {"packets", counters.packets},
                     {"octets", counters.bytes},
                     {"expected", counters.expected},
                     {"jitter_ms", counters.jitter_ms},
                     {"round_trip_ms", counters.round_trip_ms}};
    if (counters.quality.mos > 0) {
        out["mos"] = std::round(counters.quality.mos * 100) / 100;
        out["r_factor"] = std::round(counters.quality.r * 10) / 10;
    }
    return json::serialize(out);
}

}  // namespace carillon::calls::hep
