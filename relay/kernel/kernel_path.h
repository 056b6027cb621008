/// Forwarding in the kernel: the worker decides who speaks to whom, its program at the network device moves the
/// packets. Spec: docs/kernel-path.md.  Not here: which flows of a stream may go there (stream_flows.h).
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "relay/kernel/flow.h"
#include "relay/kernel/srtp.h"
#include "relay/learning/address.h"

namespace carillon::relay {

struct KernelPathOptions {
    std::vector<std::string> devices;  ///< where media come in: names of Ethernet devices, or "lo"
    std::uint16_t first_port = 0;      ///< of the worker's media
    std::uint16_t last_port = 0;
    std::uint16_t first_ice_port = 0;  ///< that ICE legs share; 0: none
    std::uint16_t last_ice_port = 0;
    std::size_t flows = 65'536;  ///< at the same time, each one way
};

/// Threading: open(), beat() and the destructor on the control thread; the rest from any thread, each a system call or
/// a few. Owns: the program and its maps; ends with them.
class KernelPath {
  public:
    /// The text says what the kernel or the system lacks, and the remedy.
    static std::expected<std::shared_ptr<KernelPath>, std::string> open(const KernelPathOptions& options);
    virtual ~KernelPath() = default;

    /// A datagram's way: from an endpoint to an address of ours, and on to the other endpoint by another one. Ours may
    /// be unspecified, as a socket's that is bound to all: it is then the one that routing has for that endpoint.
    struct Way {
        Address from, local;
        Address source, to;
    };
    /// From here on the kernel takes this way, and counts in a copy of `begin`; with `srtp` it opens and seals.
    /// Nullopt: it cannot (other families, no route, no room): go on without.
    virtual std::optional<carillon_flow_key> put(const Way& way, carillon_flow begin, const carillon_srtp* srtp) = 0;
    /// Whether routing would have a flow that was put like that go the same way now.
    virtual bool still_right(const carillon_flow_key& key, const Way& way, const carillon_flow& flow) const = 0;
    /// `srtp`: where keys and indices go of a flow that was put with such; null: without.
    virtual std::optional<carillon_flow> read(const carillon_flow_key& key, carillon_srtp* srtp) const = 0;
    /// Its last figures. Packets that come later are the worker's again.
    virtual std::optional<carillon_flow> remove(const carillon_flow_key& key, carillon_srtp* srtp) = 0;

    /// Once a second at least: the flows hold for some seconds more, and routes are watched.
    virtual void beat() = 0;
    /// Changes with the host's addresses, routes and devices: flows put before may go the wrong way.
    std::uint32_t generation() const { return generation_.load(std::memory_order_relaxed); }
    std::size_t flows() const { return flows_.load(std::memory_order_relaxed); }

  protected:
    std::atomic<std::uint32_t> generation_{0};
    std::atomic<std::size_t> flows_{0};
};

}  // namespace carillon::relay
