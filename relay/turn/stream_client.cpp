#include "relay/turn/stream_client.h"

#include <sys/socket.h>

#include "relay/turn/stream_door.h"
#include "stun/turn/stream_framer.h"

namespace carillon::relay {

namespace turn = stun::turn;
using Outcome = StreamSocket::Outcome;

StreamClient::StreamClient(StreamDoor& door, Poller& poller, Parcel parcel, SteadyTime now)
    : StreamEnd{poller, std::move(parcel.socket)},
      door_{door},
      place_{std::move(parcel.place)},
      in_{std::move(parcel.in)},
      phase_{parcel.open ? Phase::open : Phase::sniffing},
      began_{now},
      heard_{now} {
    tuple_ = parcel.tuple;
}

void StreamClient::start(SteadyTime now) {
    watch();
    if (in_.empty()) return;
    const auto first = std::exchange(in_, {});
    if (const auto rest = messages(first, now)) in_.assign(rest->begin(), rest->end());
    door_.events().on_batch();
}

void StreamClient::ready(std::uint32_t events, SteadyTime now) {
    if (closed()) return;
    if ((events & EPOLLERR) != 0) return close();
    if ((events & EPOLLOUT) != 0) {
        write_now();
        if (!piped() && waiting() < kRelayedMost / 2) read_on(true);
    }
    if (closed() || (events & (EPOLLIN | EPOLLHUP)) == 0) return;
    if (phase_ == Phase::sniffing) sniff(now);
    if (phase_ == Phase::handshake) shake_hands(now);
    if (closed() || phase_ != Phase::open) return;
    if (piped()) return pump(door_.buffer());
    take_in(now);
}

// TLS and plain TCP come to the same ports (RFC 7983): the first octet tells.
void StreamClient::sniff(SteadyTime) {
    std::byte first{};
    const auto got = ::recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got == 0) return close();
    if (got < 0) return;
    constexpr std::byte kHandshakeRecord{22};
    if (first != kHandshakeRecord) {
        phase_ = Phase::open;
        return;
    }
    auto certificates = door_.certificates();
    if (!certificates || !socket_.begin_tls(std::move(certificates))) return close();
    tuple_.transport = turn::Transport::tls;
    writing_allowed_ = false;
    phase_ = Phase::handshake;
}

void StreamClient::shake_hands(SteadyTime now) {
    if (!door_.may_shake_hands()) return;  // its turn comes in the next round
    const auto outcome = socket_.shake_hands();
    if (outcome == Outcome::again) return update();
    if (outcome != Outcome::done) return close();
    phase_ = Phase::open;
    writing_allowed_ = true;
    heard_ = now;
}

void StreamClient::take_in(SteadyTime now) {
    constexpr int kReads = 4;
    for (int i = 0; i < kReads && !closed() && !piped(); ++i) {
        const auto room = door_.buffer();
        std::ranges::copy(in_, room.begin());
        const auto io = socket_.read(room.subspan(in_.size()));
        if (io.outcome == Outcome::again) return update();
        if (io.outcome != Outcome::done) return close();
        const auto all = room.first(in_.size() + io.size);
        const auto rest = messages(all, now);
        door_.events().on_batch();
        if (!rest) return;
        if (rest->empty()) {
            partial_ = {};
        } else if (partial_ == SteadyTime{} || rest->size() < all.size()) {
            partial_ = now;
        }
        in_ = std::vector<std::byte>(rest->begin(), rest->end());
        if (waiting() > kRelayedMost) return read_on(false);  // answers that it does not take: ask no more
    }
}

std::optional<Bytes> StreamClient::messages(Bytes input, SteadyTime now) {
    while (!input.empty()) {
        const auto most = door_.events().has_allocation(*this) ? kMessageMost : kStrangersMost;
        const auto frame = turn::first_frame(input, most);
        if (!frame) {
            close();
            return std::nullopt;
        }
        if (!*frame) break;
        heard_ = now;
        door_.events().on_message(*this, (*frame)->message, now);
        if (closed()) return std::nullopt;
        if (taker_) {
            hand_over(input);
            return std::nullopt;
        }
        input = input.subspan((*frame)->size);
        if (!piped()) continue;
        door_.write_later(*this);
        forward(input);  // RFC 6062 §5.4: the peer's from here on
        in_.clear();
        return std::nullopt;
    }
    return input;
}

void StreamClient::hand_over(Bytes rest) {
    write_now();
    if (closed()) return;
    poller_.remove(*this);
    fd = -1;
    Parcel parcel{std::move(socket_), tuple_, {rest.begin(), rest.end()}, std::move(place_), true};
    const auto taker = std::exchange(taker_, nullptr);
    door_.bury(*this);
    taker(std::move(parcel));
}

void StreamClient::tell(Bytes message) {
    if (closed()) return;
    if (out_.empty()) progress_ = std::chrono::steady_clock::now();
    out_.append(message);
    door_.write_later(*this);
}

bool StreamClient::relay(Bytes header, Bytes payload, std::uint8_t) {
    const auto size = header.size() + payload.size();
    if (closed() || waiting() + size > kRelayedMost) return false;
    if (out_.empty()) progress_ = std::chrono::steady_clock::now();
    out_.append(header);
    out_.append(payload);
    out_.pad(size);
    door_.write_later(*this);
    return true;
}

bool StreamClient::overdue(SteadyTime now) const {
    if (overflowed()) return true;
    if (phase_ != Phase::open) return now - began_ > kOpening;
    if (!out_.empty() && now - progress_ > kStalled) return true;
    if (piped()) return false;
    if (partial_ != SteadyTime{} && now - partial_ > kPartial) return true;
    return now - heard_ > kIdle && !door_.events().has_allocation(*this);
}

// A message is a record of its own: some clients take what one read gives them for one message.
Bytes StreamClient::next_piece() {
    const auto all = out_.front();
    if (!socket_.secure() || piped()) return all;
    const auto frame = turn::first_frame(all, kMessageMost);
    return frame && *frame ? all.first((*frame)->size) : all;
}

void StreamClient::ended() {
    door_.events().on_gone(*this, std::chrono::steady_clock::now());
    door_.bury(*this);
}

}  // namespace carillon::relay
