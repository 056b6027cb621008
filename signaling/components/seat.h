/// The place of one configured component: what waits for it, and the stream on which it is there, if it is.
/// Spec: XEP-0114.
/// Not here: connections that have not proved themselves (visitor.h), listening (components.h).
#pragma once
#include <deque>
#include <functional>
#include <memory>

#include <boost/asio/steady_timer.hpp>

#include "signaling/components/settings.h"
#include "signaling/federation/peer_stream.h"
#include "signaling/host/host.h"
#include "signaling/runtime/counters.h"

namespace carillon::components {

using boost::asio::awaitable;

struct Counted {
    runtime::Counter& connections;
    runtime::Counter& received;
    runtime::Counter& sent;
    runtime::Counter& bounced;
    runtime::Counter& refused;
};

/// Threading: the shard that owns the component's domain.
class Seat : public std::enable_shared_from_this<Seat> {
  public:
    Seat(host::Stages& stages, const Options& options, const Component& component, Counted counted)
        : stages_{stages},
          options_{options},
          component_{component},
          counted_{counted},
          wake_{stages.shard.io()},
          return_{stages.shard.io()} {}

    const Component& component() const { return component_; }
    bool taken() const { return stream_ != nullptr; }
    /// Takes a stanza for the component, or bounces it.
    void send(xmpp::Stanza stanza);
    /// A component that has proved itself sits down; its stanzas go to `stream` until leave().
    void sit(std::shared_ptr<federation::PeerStream> stream);
    /// `stream` is over: what waits bounces, unless the component is back soon. Nothing when somebody else sits here by
    /// now.
    void leave(const federation::PeerStream* stream);
    /// Ends the stream that is there, with that stream error.
    void dismiss(std::string_view condition);
    /// The same for good: what waits bounces at once.
    void close();

  private:
    awaitable<void> carry(std::shared_ptr<federation::PeerStream> stream);
    void give_up();
    void bounce(const xmpp::Stanza& stanza, const xmpp::StanzaError& error);

    struct Waiting {
        xmpp::Stanza stanza;
        std::string text;
    };
    host::Stages& stages_;
    const Options& options_;
    const Component& component_;
    Counted counted_;
    std::shared_ptr<federation::PeerStream> stream_;
    std::deque<Waiting> queue_;
    std::size_t octets_ = 0;
    boost::asio::steady_timer wake_;
    boost::asio::steady_timer return_;
    bool away_ = false;  // it was here, and may come back in time
};

}  // namespace carillon::components
