/// What carries the datagrams of a call, whatever it is: ICE or plain UDP.
/// Not here: what is in the datagrams (media_session.h).
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "config/base/bytes.h"
#include "media/phone/jingle.h"

namespace carillon::phone {

/// One end of the path in use.
struct PathEnd {
    std::string type;  ///< host, srflx, prflx, relay; "raw" for XEP-0177
    std::string address;
    std::uint16_t port = 0;
};

struct Path {
    PathEnd local;
    PathEnd remote;
};

/// Threading: constructed, called and destroyed on the main thread, except send(), which any thread may call.
/// Callbacks come on the transport's own thread; after the destructor returns none comes.
class Transport {
  public:
    struct Callbacks {
        std::function<void()> candidates;  ///< take_candidates() has new ones
        std::function<void()> gathered;    ///< there will be no more
        std::function<void()> connected;   ///< a path is there, or has changed
        std::function<void(std::string)> failed;
        std::function<void(std::uint8_t component, Bytes datagram)> receive;
    };

    virtual ~Transport() = default;
    virtual void start() = 0;  ///< opens sockets, gathers candidates
    /// Credentials and every candidate found since the last call.
    virtual TransportInfo take_local() = 0;
    virtual void set_remote(const TransportInfo& remote) = 0;  ///< the peer's; may be called again with more candidates
    virtual void restart() = 0;                                ///< new credentials here; take_local() has them
    virtual bool send(std::uint8_t component, Bytes datagram) = 0;
    virtual Path path() const = 0;
    virtual bool muxes_rtcp() const = 0;  ///< RTCP shares component 1
};

}  // namespace carillon::phone
