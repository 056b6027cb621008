/// Tells a HOMER server of calls: their Jingle stanzas, and what the relay counts of their media.
/// Spec: HEPv3 (hep_packet.h); reports as JSON in the shape of RTCP receiver reports that HOMER's agents send.
/// Off unless a server is configured. What HOMER gets shows who calls whom: it belongs on a network of the operator's
/// own. Keys (SDES, ICE) are blotted out.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "config/base/secret.h"
#include "signaling/calls/call_exporter.h"
#include "signaling/calls/hep/hep_packet.h"

namespace carillon::calls::hep {

struct Settings {
    std::string server;  ///< numeric address and port; empty: off
    std::uint32_t agent = 1;
    Secret key{std::string{}};
};

/// Written by any shard, read by anybody.
struct Counters {
    std::atomic<std::uint64_t> sent{0};
    std::atomic<std::uint64_t> full{0};       ///< the socket's queue was
    std::atomic<std::uint64_t> too_large{0};  ///< for a datagram
    std::atomic<std::uint64_t> failed{0};     ///< nobody listens there, no way there
};

/// Threading: any thread; nothing waits. The socket's send buffer is the queue, and is bounded.  Owns: the socket.
class HepExporter final : public CallExporter {
  public:
    /// Octets that may wait to be sent.
    static constexpr int kQueue = 1 << 20;

    /// Throws std::runtime_error with the remedy.
    explicit HepExporter(Settings settings);
    ~HepExporter() override;
    HepExporter(const HepExporter&) = delete;
    HepExporter& operator=(const HepExporter&) = delete;

    void signalled(const ExportedCall& call, const xmpp::Stanza& stanza) override;
    void measured(const ExportedCall& call, std::string_view stream, Side from, const SideCounters& counters,
                  const jingle::RelayAddress& heard_at) override;
    void reported(const ExportedCall& call, const MediaRelay::Rtcp& report,
                  const jingle::RelayAddress& heard_at) override;
    const Counters& counters() const { return counters_; }

  private:
    void send(Packet packet);

    const Settings settings_;
    int socket_ = -1;
    Counters counters_;
};

/// The report's JSON.
std::string report_of(const ExportedCall& call, std::string_view stream, Side from, const SideCounters& counters);

/// For the metrics: `sink(name, value)`.
template <class Sink>
void write_counters(const Counters& counters, const Sink& sink) {
    const auto tell = [&](const char* name, const std::atomic<std::uint64_t>& value) {
        sink(name, static_cast<double>(value.load(std::memory_order_relaxed)));
    };
    tell("carillon_hep_sent_total", counters.sent);
    tell("carillon_hep_dropped_full_total", counters.full);
    tell("carillon_hep_dropped_too_large_total", counters.too_large);
    tell("carillon_hep_dropped_failed_total", counters.failed);
}

}  // namespace carillon::calls::hep
