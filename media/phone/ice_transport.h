/// Full ICE through libnice: one stream, one component (RTCP is multiplexed onto it).
/// Spec: RFC 8445; XEP-0176; RFC 8838 (trickling); TURN RFC 8656 with credentials from XEP-0215.
/// Not here: DTLS and media.
#pragma once
#include <memory>
#include <vector>

#include "media/phone/external_services.h"
#include "media/phone/transport.h"

namespace carillon::phone {

struct IceOptions {
    bool controlling = false;
    bool relay_only = false;  ///< neither our own addresses go out nor the peer's are tried: relayed candidates alone
    std::string bind_address;
    std::vector<ExternalService> services;
};

/// Owns: the libnice agent, its GLib context and the thread that runs it.
class IceTransport final : public Transport {
  public:
    IceTransport(Callbacks callbacks, IceOptions options);
    ~IceTransport() override;

    void start() override;
    TransportInfo take_local() override;
    void set_remote(const TransportInfo& remote) override;
    void restart() override;
    bool send(std::uint8_t component, Bytes datagram) override;
    Path path() const override;
    bool muxes_rtcp() const override { return true; }

  private:
    struct Native;
    std::unique_ptr<Native> native_;
};

}  // namespace carillon::phone
