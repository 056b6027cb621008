/// What the relays of UDP and of TCP have in common: a port of the range, and whose it is.
#pragma once
#include "relay/journal/turn_record.h"
#include "relay/turn/client_link.h"
#include "relay/turn/turn_service.h"

namespace carillon::relay {

/// Threading: the shard of its service, which changes when the allocation moves.
struct TurnService::AnyRelay : stun::turn::Relay {
    explicit AnyRelay(TurnService& owner) : service{&owner} {}
    void give_back_port() {
        if (number != 0) service->shared_->give_back(std::exchange(number, 0));
    }
    virtual void watch() = 0;
    virtual void unwatch() = 0;

    TurnService* service;
    std::uint16_t number = 0;
    stun::turn::Allocation* allocation = nullptr;
    std::unique_ptr<journal::TurnRecord> record;
    ClientLink* link = nullptr;  // unless plain UDP
};

/// A UDP socket of a relay, of one family.
struct TurnService::RelayPort final : TurnPort {
    void ready(std::uint32_t events, SteadyTime now) override;
    UdpSocket held;
    UdpRelay* relay = nullptr;
};

/// The sockets of one allocation: of one family or both, on one port number.
struct TurnService::UdpRelay final : AnyRelay {
    explicit UdpRelay(TurnService& owner) : AnyRelay{owner} {}
    ~UdpRelay() override {
        for (auto& one : ports) one.held = UdpSocket{};  // closed before the port is free again
        give_back_port();
    }
    RelayPort* port(bool v6) { return ports[v6].fd >= 0 ? &ports[v6] : nullptr; }
    void use(bool family, UdpSocket socket);
    void watch() override;
    void unwatch() override;

    std::array<RelayPort, 2> ports;  // IPv4, IPv6
    int client_fd = -1;              // of a client over plain UDP
    sockaddr_storage client{};
    socklen_t client_length = 0;
};

}  // namespace carillon::relay
