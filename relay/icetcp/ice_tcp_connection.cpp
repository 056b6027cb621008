#include "relay/icetcp/ice_tcp_connection.h"

#include <algorithm>

#include "media/rtp/packet.h"
#include "relay/icetcp/ice_tcp_port.h"

namespace carillon::relay {

using Outcome = StreamSocket::Outcome;

IceTcpConnection::IceTcpConnection(IceTcpPort& at, StreamSocket connected, const Address& remote, Places places,
                                   SteadyTime now)
    : at_{at}, socket_{std::move(connected)}, remote_{remote}, places_{std::move(places)}, began_{now}, heard_{now} {
    fd = socket_.fd();
    service = &at_;
}

void IceTcpConnection::ready(std::uint32_t events, SteadyTime now) {
    if (closed()) return;
    if ((events & EPOLLERR) != 0) return close();
    if ((events & EPOLLOUT) != 0) write_now();
    if (!closed() && (events & (EPOLLIN | EPOLLHUP)) != 0) read(now);
}

void IceTcpConnection::read(SteadyTime now) {
    constexpr int kRounds = 4;  // then others have their turn
    for (int round = 0; round < kRounds && !closed(); ++round) {
        const auto room = at_.room();
        std::copy_n(held_.begin(), held_size_, room.begin());
        const auto space = room.subspan(held_size_);
        const auto io = socket_.read(space);
        if (io.outcome == Outcome::again) return;
        if (io.outcome != Outcome::done) return close();
        const bool whole = take_frames(room.first(held_size_ + io.size), now);
        at_.send_out();
        if (!whole) return close();
        if (io.size < space.size()) return;  // that was all: the kernel tells when more comes
    }
}

/// False: it cannot go on.
bool IceTcpConnection::take_frames(Bytes input, SteadyTime now) {
    while (!closed()) {
        const auto frame = icetcp::first_frame(input, bound() ? kFrameMost : kFirstMost);
        if (!frame) {
            at_.count_oversize();
            return false;
        }
        if (!*frame) break;
        input = input.subspan((*frame)->size);
        if ((*frame)->packet.empty()) continue;
        if (!bound() && !at_.admit(*this, (*frame)->packet, now)) return false;
        heard_ = now;
        at_.deliver(*this, (*frame)->packet, now);
    }
    held_size_ = closed() ? 0 : input.size();
    std::copy_n(input.begin(), held_size_, held_.begin());
    return true;
}

void IceTcpConnection::bind(Stream& home, std::size_t side, std::size_t part) {
    place_ = home.tie(side, part, *this, remote_.v6);
    places_.waiting = {};
}

void IceTcpConnection::checked(SteadyTime now) {
    if (last_check_ != SteadyTime{} && now - last_check_ > std::chrono::seconds{1}) ++spaced_checks_;
    last_check_ = now;
}

bool IceTcpConnection::send(Bytes datagram) {
    if (closed()) return false;
    if (!out_.push(datagram, rtp::looks_like_rtp_or_rtcp(datagram))) {
        at_.count_full();
        place_.stream->count_drop(place_.leg, Drop::send_failed);
        return false;
    }
    at_.write_later(*this);
    return true;
}

void IceTcpConnection::write_now() {
    while (!closed() && !out_.empty()) {
        const auto io = socket_.write(out_.front());
        if (io.outcome == Outcome::again) return watch_writing(true);
        if (io.outcome != Outcome::done) return close();
        out_.consume(io.size);
        if (writing_) progress_ = std::chrono::steady_clock::now();
    }
    watch_writing(false);
}

void IceTcpConnection::watch_writing(bool on) {
    if (closed() || std::exchange(writing_, on) == on) return;
    progress_ = std::chrono::steady_clock::now();
    at_.poller().change(*this, on ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

bool IceTcpConnection::overdue(SteadyTime now) const {
    constexpr unsigned kConsentChecks = 2;
    if (!bound()) return now - began_ > kOpening;
    if (writing_ && now - progress_ > kStalled) return true;
    // Agents of RFC 5245 never repeat their checks: for those, silence of checks means nothing.
    return now - heard_ > kSilent || (spaced_checks_ >= kConsentChecks && now - last_check_ > kConsent);
}

void IceTcpConnection::close() {
    if (closed()) return;
    at_.poller().remove(*this);
    socket_.close();
    fd = -1;
    if (place_.stream) std::exchange(place_.stream, nullptr)->untie(place_, remote_);
    places_ = {};
    at_.bury(*this);
}

}  // namespace carillon::relay
