#include "relay/turn/dtls_door.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>

namespace carillon::relay {

namespace turn = stun::turn;

namespace {

constexpr int kHandshakes = 8;  // datagrams of handshakes a round; clients repeat those that are passed over

/// |type 22|version|epoch 0| ... |handshake type 1|
bool is_client_hello(Bytes datagram) {
    return datagram.size() > 13 && datagram[0] == std::byte{22} && load_u16(datagram.data() + 3) == 0 &&
           datagram[13] == std::byte{1};
}

struct AddressFree {
    void operator()(BIO_ADDR* address) const { BIO_ADDR_free(address); }
};

}  // namespace

DtlsDoor::DtlsDoor(TurnShared& shared, ClientEvents& events)
    : shared_{shared}, events_{events}, handshakes_left_{kHandshakes} {}

DtlsDoor::~DtlsDoor() = default;

ClientLink* DtlsDoor::find(const turn::FiveTuple& tuple) {
    const auto found = clients_.find(tuple);
    return found == clients_.end() ? nullptr : found->second.get();
}

void DtlsDoor::take(int fd, const turn::FiveTuple& tuple, const sockaddr_storage& from, Bytes datagram,
                    SteadyTime now) {
    const auto known = clients_.find(tuple);
    const bool hello = is_client_hello(datagram);
    if (known == clients_.end() || (hello && known->second->shaken())) {
        if (hello && handshakes_left_-- > 0) greet(fd, tuple, from, datagram, now);
        return;
    }
    if (!known->second->shaken() && handshakes_left_-- <= 0) return;
    if (!known->second->take(datagram, events_, buffer_, now)) let_go(known, now);
}

// Nothing is kept of who has not shown that it receives what is sent to its address. A known client that begins anew
// keeps what it has until then.
void DtlsDoor::greet(int fd, const turn::FiveTuple& tuple, const sockaddr_storage& from, Bytes datagram,
                     SteadyTime now) {
    if (const auto first = HelloFragment::parse(datagram))
        return greet_in_pieces(fd, tuple, from, *first, datagram, now);
    auto certificates = shared_.certificates.load();
    if (!certificates) return;
    if (!spare_.ssl || spare_.certificates != certificates) spare_ = DtlsSession::make(std::move(certificates));
    spare_.aim(fd, from, tuple.client.v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in), tuple.client);
    spare_.give(datagram);
    const std::unique_ptr<BIO_ADDR, AddressFree> peer{BIO_ADDR_new()};
    ERR_clear_error();
    const int listened = DTLSv1_listen(spare_.ssl.get(), peer.get());
    ERR_clear_error();
    if (listened > 0) admit(std::exchange(spare_, DtlsSession{}), tuple, now);
}

// The first piece of a ClientHello is asked for a cookie, and the first one with the right cookie begins a handshake,
// which takes the other pieces.
void DtlsDoor::greet_in_pieces(int fd, const turn::FiveTuple& tuple, const sockaddr_storage& from,
                               const HelloFragment& first, Bytes datagram, SteadyTime now) {
    const auto length = static_cast<socklen_t>(tuple.client.v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
    const auto cookie = cookie_of({tuple.client});
    if (!std::ranges::equal(first.cookie, cookie)) {
        std::array<std::byte, HelloFragment::kMost> room;
        const auto question = first.verify_request(cookie, room);
        if (question.size() > datagram.size()) return;
        ::sendto(fd, question.data(), question.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&from), length);
        return;
    }
    auto certificates = shared_.certificates.load();
    if (!certificates || first.message_sequence != 1) return;
    auto session = DtlsSession::make(std::move(certificates));
    session.aim(fd, from, length, tuple.client);
    if (!session.expect_pieces(first)) return;
    session.give(datagram);
    admit(std::move(session), tuple, now);
}

void DtlsDoor::admit(DtlsSession session, const turn::FiveTuple& tuple, SteadyTime now) {
    if (const auto before = clients_.find(tuple); before != clients_.end()) let_go(before, now);
    auto place = shared_.places_for_clients.admit(tuple.client);
    if (!place) return;
    auto made = std::make_unique<DtlsClient>(std::move(session), tuple, std::move(place), now);
    if (made->shake_hands()) clients_.emplace(tuple, std::move(made));
}

void DtlsDoor::let_go(Clients::iterator client, SteadyTime now) {
    auto gone = std::move(client->second);
    clients_.erase(client);
    events_.on_gone(*gone, now);
    gone->say_goodbye();
    buried_.push_back(std::move(gone));
}

void DtlsDoor::flush() {
    buried_.clear();
    handshakes_left_ = kHandshakes;
}

void DtlsDoor::tick(SteadyTime now) {
    for (auto at = clients_.begin(); at != clients_.end();) {
        const auto next = std::next(at);
        if (!at->second->tick(now, events_.has_allocation(*at->second))) let_go(at, now);
        at = next;
    }
}

}  // namespace carillon::relay
