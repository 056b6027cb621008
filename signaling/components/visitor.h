/// A connection to the components' port: opening, handshake, and then the stanzas that the component brings.
/// Spec: XEP-0114, RFC 6120 §4.7, §4.9.
/// Not here: what is sent to the component (seat.h).
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "signaling/components/seat.h"
#include "signaling/federation/intake.h"
#include "signaling/net/listener.h"

namespace carillon::components {

/// Threading: begins on any shard and moves once, when the component is known, to the shard of its seat.
class Visitor : public std::enable_shared_from_this<Visitor> {
  public:
    /// The seat of a domain, with the stages of its shard; nullptr: no such component is configured.
    struct Place {
        std::shared_ptr<Seat> seat;
        host::Stages* stages = nullptr;
    };
    using Find = std::function<Place(std::string_view domain)>;

    Visitor(host::Host& host, host::Stages& stages, const Options& options, Counted counted, net::Accepted accepted,
            Find find);
    void start();

  private:
    awaitable<void> meet();
    awaitable<void> prove(Place place);
    awaitable<void> listen(Place place);
    awaitable<bool> shake_hands(const Place& place);
    awaitable<bool> stanza(xml::Element element, const Component& component, federation::Intake& intake);
    awaitable<void> fail(std::string_view condition, std::string_view text = {});
    std::chrono::milliseconds left() const;

    host::Host& host_;
    host::Stages& stages_;
    const Options& options_;
    Counted counted_;
    net::ConnectionLimiter::Place place_;
    std::shared_ptr<federation::PeerStream> stream_;
    Find find_;
    std::string id_;
    std::chrono::steady_clock::time_point deadline_;
    bool opened_ = false;
};

}  // namespace carillon::components
