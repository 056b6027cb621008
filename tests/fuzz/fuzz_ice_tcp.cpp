/// However a connection is cut into reads, the same packets come out of it; and whatever they are, a stranger's
/// connection binds to a leg only by a check that the leg's password signs, and nothing said on it reaches the other
/// end.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "relay/icetcp/ice_tcp_port.h"

using namespace carillon;
using namespace carillon::relay;

namespace {

using Packets = std::vector<std::vector<std::byte>>;

struct Cut {
    Packets packets;
    std::size_t rest = 0;
    bool broken = false;
    friend bool operator==(const Cut&, const Cut&) = default;
};

/// As a connection does it: what is left of one read goes before the next.
Cut cut(Bytes stream, std::size_t step) {
    Cut out;
    std::vector<std::byte> held;
    for (std::size_t at = 0; at < stream.size() && !out.broken; at += step) {
        const auto piece = stream.subspan(at, std::min(step, stream.size() - at));
        held.insert(held.end(), piece.begin(), piece.end());
        std::size_t used = 0;
        for (;;) {
            const auto frame = icetcp::first_frame(Bytes{held}.subspan(used), IceTcpConnection::kFrameMost);
            out.broken = !frame;
            if (!frame || !*frame) break;
            const auto& [packet, size] = **frame;
            if (size != packet.size() + icetcp::kHeader || packet.size() > IceTcpConnection::kFrameMost) std::abort();
            out.packets.emplace_back(packet.begin(), packet.end());
            used += size;
        }
        held.erase(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(used));
    }
    if (!out.broken && held.size() >= icetcp::kHeader + IceTcpConnection::kFrameMost) std::abort();
    out.rest = out.broken ? 0 : held.size();
    return out;
}

/// What was queued comes out as it went in.
void check_queue(const Packets& packets) {
    icetcp::FrameQueue queue;
    std::vector<std::byte> out;
    Packets taken;
    for (const auto& packet : packets) {
        if (queue.push(packet, taken.size() % 2 == 0)) taken.push_back(packet);
        const auto part = queue.front().first(queue.size() / 3);
        out.insert(out.end(), part.begin(), part.end());
        queue.consume(part.size());
    }
    const auto rest = queue.front();
    out.insert(out.end(), rest.begin(), rest.end());
    if (cut(out, out.size() + 1).packets != taken) std::abort();
}

/// A worker's port with one call behind it, whose far end has been found.
class Bench {
  public:
    Bench() {
        const IceTcpLimits limits;
        port_ = std::make_unique<IceTcpPort>(std::vector<StreamSocket>{}, limits,
                                             std::make_shared<IceTcpPlaces>(limits), counters_);
        api::StreamSetup setup{.stream = "s", .mode = api::Mode::bridge};
        setup.a = leg("alice-ufrag", "password-of-alice-of-22");
        setup.b = leg("bob-ufrag", "password-of-bob-of-22-o");
        Stream::Ports ports;
        for (auto& each : ports) {
            each.push_back({.port = 0, .sockets = {}});
            each.back().sockets.push_back(UdpSocket{::socket(AF_INET, SOCK_DGRAM, 0)});
        }
        stream_ = std::make_unique<Stream>("call", setup, std::move(ports), now_);
        stream_->take_seats(*port_);
    }
    void feed(const Packets& packets) {
        std::array<int, 2> pair{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()) != 0) return;
        IceTcpConnection connection{*port_, StreamSocket{pair[0]}, *Address::parse("192.0.2.1", 5000), {}, now_};
        for (const auto& packet : packets) {
            const auto header = icetcp::header_of(packet.size());
            if (::send(pair[1], header.data(), header.size(), MSG_NOSIGNAL) != icetcp::kHeader ||
                ::send(pair[1], packet.data(), packet.size(), MSG_NOSIGNAL) < 0)
                break;
            connection.ready(EPOLLIN, now_);
            if (connection.closed()) break;
        }
        // Nobody here knows the passwords.
        if (connection.bound() || !stream_->counters(now_).a.learned.empty() || port_->waits()) std::abort();
        connection.close();
        ::close(pair[1]);
    }

  private:
    static api::LegSetup leg(const std::string& ufrag, const std::string& password) {
        api::LegSetup out;
        out.use_ice = out.rtcp_mux = true;
        out.own_ice = {ufrag, password};
        out.ice = {{ufrag + "-end", password}};
        return out;
    }
    SteadyTime now_ = std::chrono::steady_clock::now();
    std::shared_ptr<IceTcpCounters> counters_ = std::make_shared<IceTcpCounters>();
    std::unique_ptr<IceTcpPort> port_;
    std::unique_ptr<Stream> stream_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input{reinterpret_cast<const std::byte*>(data), std::min<std::size_t>(size, 16'384)};
    const auto whole = cut(input, input.size() + 1);
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{1000}})
        if (cut(input, step) != whole) std::abort();
    check_queue(whole.packets);
    static Bench bench;
    bench.feed(whole.packets);
    return 0;
}
