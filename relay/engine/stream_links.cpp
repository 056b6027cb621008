/// The connections by which a stream's endpoints are reached, beside its sockets.
/// Spec: RFC 6544; docs/relay.md, "ICE over TCP".
#include <sys/socket.h>

#include <algorithm>

#include "relay/engine/stream.h"
#include "relay/icetcp/ice_tcp_seat.h"

namespace carillon::relay {
namespace {

const IceCredentials* named(const std::vector<IceCredentials>& all, std::string_view ufrag) {
    const auto found = std::ranges::find(all, ufrag, &IceCredentials::ufrag);
    return found == all.end() ? nullptr : &*found;
}

}  // namespace

bool send(const Decision& decision, Bytes packet) {
    if (decision.link) return decision.link->send(packet);
    sockaddr_storage to{};
    const auto length = decision.to.fill(to);
    return ::sendto(decision.fd, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr*>(&to), length) >= 0;
}

Stream::~Stream() = default;

void Stream::take_seats(IceTcpPort& at) {
    for (std::size_t leg = 0; leg < 2; ++leg) {
        const bool ice = mode_ == api::Mode::ice || (bridged_[leg] && bridged_[leg]->ice());
        if (ice && !legs_[leg].components.empty()) tcp_seats_[leg] = std::make_unique<IceTcpSeat>(at, *this, leg);
    }
}

void Stream::renew_tcp_names() {
    for (auto& seat : tcp_seats_)
        if (seat) seat->renew();
}

// A check bears the name of who gets it (RFC 8445 §7.2.2): the relay's, or the other end's where checks are passed on.
std::vector<std::string> Stream::check_names(std::size_t leg) const {
    std::vector<std::string> names;
    if (auto* lite = bridged_[leg] ? bridged_[leg]->ice_of(0) : nullptr) {
        names.push_back(lite->own().ufrag);
        for (const auto& before : lite->own_before()) names.push_back(before.ufrag);
    } else if (mode_ == api::Mode::ice) {
        for (const auto& each : legs_[1 - leg].ice) names.push_back(each.ufrag);
    }
    return names;
}

bool Stream::signs(std::size_t leg, const stun::Message& check) const {
    const auto username = as_text(check.attribute(stun::Attribute::username).value_or(Bytes{}));
    const auto name = username.substr(0, username.find(':'));
    const auto matches = [&](const IceCredentials* key) {
        return key && check.integrity_matches(key->pwd) && check.fingerprint_matches() != false;
    };
    auto* lite = bridged_[leg] ? bridged_[leg]->ice_of(0) : nullptr;
    if (!lite) return mode_ == api::Mode::ice && matches(named(legs_[1 - leg].ice, name));
    if (lite->own().ufrag == name) return matches(&lite->own());
    return matches(named(lite->own_before(), name));
}

IceLearner* Stream::ice_learner(std::size_t leg, std::size_t component) {
    if (auto* lite = bridged_[leg] ? bridged_[leg]->ice_of(component) : nullptr) return &lite->learner();
    return std::get_if<IceLearner>(&legs_[leg].components[component].learner);
}

Port Stream::tie(std::size_t leg, std::size_t component, TcpLink& link, bool v6) {
    auto& home = legs_[leg].components[component];
    auto& links = home.links;
    auto at = std::ranges::find(links, nullptr);
    if (at == links.end()) {
        const auto* learner = ice_learner(leg, component);
        const auto worth = [&](const TcpLink* each) {
            const bool used = learner && learner->in_use().socket == each->place().socket;
            return std::pair{used, each->heard()};
        };
        at = std::ranges::min_element(links, {}, worth);
        (*at)->close();
    }
    *at = &link;
    const auto slot = static_cast<std::uint8_t>(at - links.begin());
    // Mirrors know a leg by its socket.
    const auto family = std::ranges::find(home.v6, v6);
    const auto socket = family == home.v6.end() ? 0 : static_cast<std::size_t>(family - home.v6.begin());
    return {.stream = this,
            .fd = socket < home.sockets.size() ? home.sockets[socket].fd() : -1,
            .leg = static_cast<std::uint8_t>(leg),
            .component = static_cast<std::uint8_t>(component),
            .socket = static_cast<std::uint8_t>(Path::kFirstLink + slot),
            .link = &link};
}

void Stream::untie(const Port& port, const Address& remote) {
    legs_[port.leg].components[port.component].links[port.socket - Path::kFirstLink] = nullptr;
    const Path path{port.socket, remote};
    if (auto* lite = bridged_[port.leg] ? bridged_[port.leg]->ice_of(port.component) : nullptr) {
        lite->forget(path);
    } else if (auto* learner = ice_learner(port.leg, port.component)) {
        learner->forget(path);
    }
    if (flows_) flows_->take_back();
    save_after(port);
}

void Stream::cut_links(std::size_t leg) {
    for (auto& component : legs_[leg].components)
        for (auto* link : component.links)
            if (link) link->close();
}

Decision Stream::over_link(std::size_t leg, std::size_t component, const Path& to) const {
    auto* link = legs_[leg].components[component].links[to.socket - Path::kFirstLink];
    if (!link) return {.drop = Drop::no_far_side, .to = {}};
    return {.fd = link->place().fd, .to = to.address, .leg = static_cast<std::uint8_t>(leg), .link = link};
}

}  // namespace carillon::relay
