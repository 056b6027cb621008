/// Implements make_carillon_peer(): streams opened at a worker's control socket, each end signalled by its address.
#include <boost/asio/io_context.hpp>
#include <optional>
#include <stdexcept>

#include "relay/api/client.h"
#include "tests/bench/relay_load/peer.h"

namespace carillon::bench {
namespace {

namespace api = relay::api;

class CarillonPeer final : public Peer {
  public:
    explicit CarillonPeer(const std::string& socket) : client_{io_, socket} {
        std::optional<std::expected<void, api::Error>> connected;
        client_.connect([&](auto outcome) { connected = std::move(outcome); });
        wait(connected);
    }

    void open(Call& call) override {
        api::StreamSetup setup{.stream = "audio", .mode = api::Mode::plain};
        setup.a.remotes = {{.component = 1, .ip = "127.0.0.1", .port = call.a.port()}};
        setup.b.remotes = {{.component = 1, .ip = "127.0.0.1", .port = call.b.port()}};
        std::optional<std::expected<api::Ports, api::Error>> opened;
        client_.open_stream("bench-" + std::to_string(++opened_), setup,
                            [&](auto outcome) { opened = std::move(outcome); });
        wait(opened);
        const auto& ports = **opened;
        if (ports.a.empty() || ports.b.empty()) throw std::runtime_error{"the worker answered without ports"};
        call.a.connect_to(loopback(ports.a.front().port));
        call.b.connect_to(loopback(ports.b.front().port));
    }

  private:
    // The client ends every request by itself, at the latest at its deadline.
    template <class Outcome>
    void wait(std::optional<Outcome>& outcome) {
        while (!outcome && io_.run_one() > 0) {
        }
        if (!outcome) throw std::runtime_error{"the worker's client gave no answer"};
        if (!*outcome) throw std::runtime_error{"the worker refused: " + outcome->error().reason};
    }

    boost::asio::io_context io_;
    api::Client client_;
    unsigned opened_ = 0;
};

}  // namespace

std::unique_ptr<Peer> make_carillon_peer(const std::string& socket) { return std::make_unique<CarillonPeer>(socket); }

}  // namespace carillon::bench
