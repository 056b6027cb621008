/// The UDP side of relays: datagrams to peers, from peers, and ICMP errors.
/// Spec: RFC 8656 §11.3 to §11.6, §12.5, §12.6.
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include "relay/turn/any_relay.h"
#include "relay/turn/turn_buffers.h"

namespace carillon::relay {

namespace turn = stun::turn;
using stun::TransportAddress;

void TurnService::RelayPort::ready(std::uint32_t events, SteadyTime now) {
    if (!relay->allocation) return;  // it ended in this round
    if ((events & EPOLLERR) != 0) relay->service->icmp(*this, now);
    if ((events & EPOLLIN) != 0) relay->service->from_peer(*this, now);
}

void TurnService::UdpRelay::watch() {
    for (auto& one : ports) {
        if (one.fd < 0) continue;
        one.service = service;
        service->poller_.add(one, EPOLLIN);
    }
}

void TurnService::UdpRelay::unwatch() {
    for (auto& one : ports)
        if (one.fd >= 0) service->poller_.remove(one);
}

void TurnService::send(turn::Allocation& allocation, const TransportAddress& peer, Bytes data, bool dont_fragment) {
    auto* port = static_cast<UdpRelay&>(*allocation.relay).port(peer.v6);
    if (!port || !allocation.user->spend(data.size(), std::chrono::steady_clock::now()))
        return count(counters_->dropped);
    if (dont_fragment) return send_unfragmented(*port, peer, data);
    sockaddr_storage to;
    const auto length = fill(shared_->outward(peer), to);
    peers_.add(port->fd, to, length, {}, data, mark_);
}

// RFC 8656 §15: the DF bit for this one alone.
void TurnService::send_unfragmented(RelayPort& port, const TransportAddress& peer, Bytes data) {
    peers_.flush();
    const int level = peer.v6 ? IPPROTO_IPV6 : IPPROTO_IP;
    const int option = peer.v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER;
    const int always = IP_PMTUDISC_DO;
    const int usual = IP_PMTUDISC_DONT;
    ::setsockopt(port.fd, level, option, &always, sizeof always);
    sockaddr_storage to;
    const auto length = fill(shared_->outward(peer), to);
    peers_.add(port.fd, to, length, {}, data, mark_);
    peers_.flush();
    ::setsockopt(port.fd, level, option, &usual, sizeof usual);
}

void TurnService::from_peer(RelayPort& port, SteadyTime now) {
    if (buffers_->held + Buffers::kFromPeers > Buffers::kHeld) {
        clients_.flush();
        buffers_->held = 0;
    }
    auto& read = buffers_->peers;
    const auto first = buffers_->held;
    const auto asked = buffers_->worth_asking(port);
    const auto got = read.receive(port.fd, first, asked);
    Buffers::learn(port, asked, got);
    for (std::size_t i = first; i < first + got; ++i)
        read.each(i, [&](Bytes datagram) { from_peer(port, datagram, read.mark(i), read.from[i], now); });
    buffers_->held += got;
}

void TurnService::from_peer(RelayPort& port, Bytes datagram, std::uint8_t mark, const sockaddr_storage& source,
                            SteadyTime now) {
    auto& relay = *port.relay;
    auto& allocation = *relay.allocation;
    const auto peer = shared_->inward(to_stun(source));
    if (!allocation.user->spend(datagram.size(), now)) return count(counters_->dropped);
    const auto* channel = allocation.channel_of(peer);
    if (channel && channel->usable(now)) {
        std::array<std::byte, turn::kChannelHeader> header;
        turn::ChannelData::write_header(header.data(), channel->number, datagram.size());
        if (relay.client_length > 0)
            return clients_.add(relay.client_fd, relay.client, relay.client_length, header, datagram, mark);
        if (!relay.link || !relay.link->relay(header, datagram, mark)) return count(counters_->dropped);
        ++relayed_;
        return;
    }
    if (!allocation.permits(peer, now) || !shared_->policy.admits(peer)) return count(counters_->dropped);
    const std::span out{buffers_->indication};
    const auto head = turn::Server::data_indication(peer, datagram.size(), out);
    std::ranges::copy(datagram, out.begin() + static_cast<std::ptrdiff_t>(head.size()));
    const auto padding = (4 - datagram.size() % 4) % 4;
    std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(head.size() + datagram.size()), padding, std::byte{0});
    const auto whole = out.first(head.size() + datagram.size() + padding);
    if (relay.client_length > 0) {
        clients_.add(relay.client_fd, relay.client, relay.client_length, {}, whole, mark);
        return clients_.flush();  // before the next one takes the buffer
    }
    if (!relay.link || !relay.link->relay({}, whole, mark)) return count(counters_->dropped);
    ++relayed_;
}

void TurnService::to_client(const turn::Allocation& allocation, Bytes message) {
    const auto& any = static_cast<const AnyRelay&>(*allocation.relay);
    if (any.link) return any.link->tell(message);
    if (allocation.tcp) return;
    const auto& relay = static_cast<const UdpRelay&>(any);
    if (relay.client_length == 0) return;
    ::sendto(relay.client_fd, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&relay.client), relay.client_length);
}

// RFC 8656 §11.6: an ICMP error is told to the client it concerns, and is nobody else's matter.
void TurnService::icmp(RelayPort& port, SteadyTime now) {
    for (int i = 0; i < 16; ++i) {
        sockaddr_storage peer{};
        alignas(cmsghdr) std::array<std::byte, 512> control{};
        std::array<std::byte, 64> start{};
        iovec vector{start.data(), start.size()};
        msghdr message{};
        message.msg_name = &peer;
        message.msg_namelen = sizeof peer;
        message.msg_iov = &vector;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        if (::recvmsg(port.fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) break;
        const auto address = shared_->inward(to_stun(peer));
        if (!port.relay->allocation->permits(address, now)) continue;
        for (auto* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
            sock_extended_err error{};
            std::memcpy(&error, CMSG_DATA(part), sizeof error);
            if (error.ee_origin != SO_EE_ORIGIN_ICMP && error.ee_origin != SO_EE_ORIGIN_ICMP6) continue;
            const auto told = turn::Server::icmp_indication(address, error.ee_type, error.ee_code, error.ee_info,
                                                            buffers_->indication);
            to_client(*port.relay->allocation, told);
        }
    }
}

}  // namespace carillon::relay
