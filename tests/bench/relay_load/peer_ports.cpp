/// Implements make_ports_peer(): port pairs read from a file.
#include <fstream>
#include <stdexcept>

#include "tests/bench/relay_load/peer.h"

namespace carillon::bench {
namespace {

class PortsPeer final : public Peer {
  public:
    explicit PortsPeer(const std::string& file) : pairs_{file} {
        if (!pairs_) throw std::runtime_error{"cannot read " + file};
    }

    void open(Call& call) override {
        std::uint16_t a = 0;
        std::uint16_t b = 0;
        if (!(pairs_ >> a >> b)) throw std::runtime_error{"too few port pairs"};
        call.a.connect_to(loopback(a));
        call.b.connect_to(loopback(b));
    }

  private:
    std::ifstream pairs_;
};

}  // namespace

std::unique_ptr<Peer> make_ports_peer(const std::string& file) { return std::make_unique<PortsPeer>(file); }

}  // namespace carillon::bench
