#include "relay/journal/turn_record.h"

#include <atomic>

#include "journal.pb.h"
#include "stun/turn/channel_data.h"

namespace carillon::relay::journal {
namespace {

namespace turn = stun::turn;
using stun::TransportAddress;

constexpr std::size_t kAddress = 19;  // IP, port, family
constexpr std::size_t kMaxName = 513;
constexpr std::size_t kMaxKey = 64;
constexpr std::size_t kMaxTicket = 64;

std::int64_t nanoseconds(SteadyTime time) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}
SteadyTime time_of(std::int64_t nanoseconds) { return SteadyTime{std::chrono::nanoseconds{nanoseconds}}; }

std::string pack(const TransportAddress& address) {
    std::string out(kAddress, '\0');
    std::memcpy(out.data(), address.ip.data(), address.ip.size());
    std::memcpy(out.data() + 16, &address.port, sizeof address.port);
    out[18] = address.v6 ? 1 : 0;
    return out;
}
std::optional<TransportAddress> unpack(const std::string& packed) {
    if (packed.size() != kAddress) return std::nullopt;
    TransportAddress address;
    std::memcpy(address.ip.data(), packed.data(), address.ip.size());
    std::memcpy(&address.port, packed.data() + 16, sizeof address.port);
    address.v6 = packed[18] != 0;
    return address;
}

std::string text_of(const TurnPlace& place, const turn::Allocation& allocation) {
    proto::SavedAllocation saved;
    saved.set_place(place.place);
    saved.set_places(place.places);
    saved.set_port(place.port);
    saved.set_client(pack(allocation.tuple.client));
    saved.set_transport(static_cast<std::uint32_t>(allocation.tuple.transport));
    saved.set_server(pack(allocation.tuple.server));
    saved.set_user_name(allocation.owner.user_name);
    saved.set_quota_name(allocation.owner.quota_name);
    saved.set_key(allocation.owner.key);
    saved.set_algorithm(static_cast<std::uint32_t>(allocation.owner.algorithm));
    saved.set_made_by(allocation.made_by.data(), allocation.made_by.size());
    if (allocation.relayed_v4) saved.set_relayed_v4(pack(*allocation.relayed_v4));
    if (allocation.relayed_v6) saved.set_relayed_v6(pack(*allocation.relayed_v6));
    saved.set_ticket(allocation.ticket);
    saved.set_expires(nanoseconds(allocation.expires));
    for (const auto& permission : allocation.permissions) {
        auto* added = saved.add_permissions();
        added->set_peer(pack(permission.peer));
        added->set_expires(nanoseconds(permission.expires));
    }
    for (const auto& channel : allocation.channels) {
        auto* added = saved.add_channels();
        added->set_number(channel.number);
        added->set_peer(pack(channel.peer));
        added->set_expires(nanoseconds(channel.expires));
        added->set_permitted(nanoseconds(channel.permitted));
    }
    return saved.SerializeAsString();
}

bool read_peers(const proto::SavedAllocation& saved, turn::Allocation& allocation) {
    if (static_cast<std::size_t>(saved.permissions_size()) > turn::Allocation::kMaxPermissions ||
        static_cast<std::size_t>(saved.channels_size()) > turn::Allocation::kMaxChannels)
        return false;
    for (const auto& each : saved.permissions()) {
        const auto peer = unpack(each.peer());
        if (!peer || !allocation.relays(peer->v6)) return false;
        allocation.permissions.push_back({*peer, time_of(each.expires())});
    }
    for (const auto& each : saved.channels()) {
        const auto peer = unpack(each.peer());
        const bool number = each.number() >= turn::kFirstChannel && each.number() <= turn::kLastChannel;
        if (!peer || !allocation.relays(peer->v6) || !number) return false;
        allocation.channels.push_back(
            {static_cast<std::uint16_t>(each.number()), *peer, time_of(each.expires()), time_of(each.permitted())});
    }
    return true;
}

bool read_owner(const proto::SavedAllocation& saved, turn::Owner& owner) {
    if (saved.user_name().size() > kMaxName || saved.quota_name().size() > kMaxName || saved.key().empty() ||
        saved.key().size() > kMaxKey)
        return false;
    const auto algorithm = saved.algorithm();
    if (algorithm != static_cast<unsigned>(turn::PasswordAlgorithm::md5) &&
        algorithm != static_cast<unsigned>(turn::PasswordAlgorithm::sha256))
        return false;
    owner = {.user_name = saved.user_name(),
             .quota_name = saved.quota_name(),
             .key = saved.key(),
             .algorithm = static_cast<turn::PasswordAlgorithm>(algorithm)};
    return true;
}

}  // namespace

std::optional<LeftAllocation> read_allocation(Bytes text) {
    proto::SavedAllocation saved;
    if (!saved.ParseFromArray(text.data(), static_cast<int>(text.size()))) return std::nullopt;
    if (saved.places() == 0 || saved.places() > 255 || saved.place() >= saved.places()) return std::nullopt;
    if (saved.port() == 0 || saved.port() > 65535 || saved.ticket().size() > kMaxTicket) return std::nullopt;
    LeftAllocation left{.place = {static_cast<std::uint8_t>(saved.place()), static_cast<std::uint8_t>(saved.places()),
                                  static_cast<std::uint16_t>(saved.port())},
                        .allocation = {}};
    auto& allocation = left.allocation;
    const auto client = unpack(saved.client());
    const auto server = unpack(saved.server());
    if (!client || !server || client->port == 0 || saved.made_by().size() != allocation.made_by.size())
        return std::nullopt;
    if (saved.transport() > static_cast<unsigned>(turn::Transport::dtls)) return std::nullopt;
    if (saved.transport() != 0 && saved.ticket().empty()) return std::nullopt;  // nobody could come back for it
    allocation.tuple = {*client, *server, static_cast<turn::Transport>(saved.transport())};
    std::memcpy(allocation.made_by.data(), saved.made_by().data(), allocation.made_by.size());
    allocation.relayed_v4 = unpack(saved.relayed_v4());
    allocation.relayed_v6 = unpack(saved.relayed_v6());
    if (!allocation.relayed_v4 && !allocation.relayed_v6) return std::nullopt;
    allocation.ticket = saved.ticket();
    allocation.expires = time_of(saved.expires());
    if (!read_owner(saved, allocation.owner) || !read_peers(saved, allocation)) return std::nullopt;
    return left;
}

std::optional<LeftReservation> read_reservation(Bytes text) {
    proto::SavedReservation saved;
    LeftReservation left;
    if (!saved.ParseFromArray(text.data(), static_cast<int>(text.size())) || saved.port() == 0 ||
        saved.port() > 65535 || saved.token().size() != left.token.size())
        return std::nullopt;
    std::memcpy(left.token.data(), saved.token().data(), left.token.size());
    left.port = static_cast<std::uint16_t>(saved.port());
    left.expires = time_of(saved.expires());
    return left;
}

std::unique_ptr<TurnRecord> TurnRecord::make(BlockFile& file, const TurnPlace& place,
                                             const turn::Allocation& allocation) {
    const auto head = file.take(Kind::allocation);
    if (head == 0) return nullptr;
    std::unique_ptr<TurnRecord> record{new TurnRecord{file, head}};
    record->save(place, allocation);
    return record;
}

std::unique_ptr<TurnRecord> TurnRecord::make(BlockFile& file, const LeftReservation& reservation) {
    const auto head = file.take(Kind::reservation);
    if (head == 0) return nullptr;
    std::unique_ptr<TurnRecord> record{new TurnRecord{file, head}};
    proto::SavedReservation saved;
    saved.set_token(std::string{as_text(reservation.token)});
    saved.set_port(reservation.port);
    saved.set_expires(nanoseconds(reservation.expires));
    file.put(file.at<TurnHead>(head).text, as_bytes(saved.SerializeAsString()));
    return record;
}

TurnRecord::~TurnRecord() {
    const TurnHead was = file_.at<TurnHead>(head_);
    file_.free(head_);
    for (const auto& text : was.text) file_.free_chain(text.first);
}

void TurnRecord::save(const TurnPlace& place, const turn::Allocation& allocation) {
    file_.put(file_.at<TurnHead>(head_).text, as_bytes(text_of(place, allocation)));
}

}  // namespace carillon::relay::journal
