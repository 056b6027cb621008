/// Relay channels that users and operators ask for by themselves: a pair of ports A and B that expires unused.
/// Spec: XEP-0278 §4 (channel, expire).
/// Not here: the protocol around it (jingle_nodes.h), the calls' own ports (media.h).
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/base/clock.h"
#include "signaling/calls/media_relay.h"

namespace carillon::calls {

struct ChannelLimits {
    std::size_t per_owner = 4;
    std::size_t total = 10'000;
    std::chrono::milliseconds expire{60'000};  ///< without packets
};

struct Channel {
    std::string id;
    std::string owner;  ///< bare JID, or "operator"
    std::string host;
    std::uint16_t local_port = 0;   ///< A: where the requester sends
    std::uint16_t remote_port = 0;  ///< B: what the requester tells the other party
    std::chrono::seconds expire{0};
};

enum class ChannelError : std::uint8_t { too_many, no_relay };

/// Threading: one shard.  Owns: its channels.
class Channels {
  public:
    using Opened = std::function<void(std::expected<Channel, ChannelError>)>;

    Channels(MediaRelay* relay, const Clock& clock, ChannelLimits limits)
        : relay_{relay}, clock_{clock}, limits_{limits} {}

    /// `per_owner` of the limits does not bind operators. Answers exactly once.
    void open(const std::string& owner, bool limited, std::chrono::seconds expire, Opened done);
    bool close(std::string_view id);
    void close_of(std::string_view owner);
    /// Closes what has carried nothing for its time. To be called every few seconds while not empty().
    void poll();

    std::vector<Channel> list() const;
    bool empty() const { return open_.empty(); }
    const ChannelLimits& limits() const { return limits_; }

  private:
    struct Open {
        Channel channel;
        std::uint64_t packets = 0;
        SteadyTime deadline{};
        bool ready = false;  // the relay has given its ports
    };

    void counted(const std::string& id, const std::vector<StreamCounters>& counters);

    MediaRelay* relay_;
    const Clock& clock_;
    ChannelLimits limits_;
    std::map<std::string, Open, std::less<>> open_;  // by id
    std::shared_ptr<Channels*> self_ = std::make_shared<Channels*>(this);
};

}  // namespace carillon::calls
