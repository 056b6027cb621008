#include "signaling/calls/channels.h"

#include <algorithm>
#include <utility>

#include "signaling/calls/random_id.h"

namespace carillon::calls {
namespace {

constexpr std::chrono::seconds kAnswerTime{10};  // a relay that is silent for so long gives nothing any more
constexpr const char* kStream = "channel";

}  // namespace

void Channels::open(const std::string& owner, bool limited, std::chrono::seconds expire, Opened done) {
    const auto owned = static_cast<std::size_t>(
        std::ranges::count_if(open_, [&](const auto& entry) { return entry.second.channel.owner == owner; }));
    if (open_.size() >= limits_.total || (limited && owned >= limits_.per_owner))
        return done(std::unexpected{ChannelError::too_many});
    if (!relay_) return done(std::unexpected{ChannelError::no_relay});
    const auto id = random_id();
    open_[id] = {.channel = {.id = id, .owner = owner, .host = {}, .expire = expire},
                 .deadline = clock_.now() + kAnswerTime};
    const auto ended = [self = std::weak_ptr{self_}, id](const std::string&, RelayEvent event) {
        // Silence is judged by poll(): the worker's time-out is not the channel's.
        if (const auto alive = self.lock(); alive && event == RelayEvent::lost) (*alive)->open_.erase(id);
    };
    relay_->open(id, {.stream = kStream, .ice = false, .open = true, .rtcp = true, .legs = {}}, ended,
                 [self = std::weak_ptr{self_}, id, done](std::expected<StreamPorts, std::string> ports) {
                     const auto alive = self.lock();
                     if (!alive) return;
                     auto& there = **alive;
                     const auto at = there.open_.find(id);
                     if (at == there.open_.end()) {
                         if (ports) there.relay_->close(id, kStream, [](const auto&) {});
                         return done(std::unexpected{ChannelError::no_relay});
                     }
                     if (!ports || ports->told[0].empty() || ports->told[1].empty()) {
                         there.open_.erase(at);
                         return done(std::unexpected{ChannelError::no_relay});
                     }
                     auto& open = at->second;
                     open.channel.host = ports->told[0].front().ip;
                     open.channel.local_port = ports->told[0].front().port;
                     open.channel.remote_port = ports->told[1].front().port;
                     open.deadline = there.clock_.now() + open.channel.expire;
                     open.ready = true;
                     done(open.channel);
                 });
}

bool Channels::close(std::string_view id) {
    const auto at = open_.find(id);
    if (at == open_.end()) return false;
    if (at->second.ready) relay_->close(at->first, kStream, [](const auto&) {});
    open_.erase(at);
    return true;
}

void Channels::close_of(std::string_view owner) {
    for (const auto& channel : list())
        if (channel.owner == owner) close(channel.id);
}

void Channels::poll() {
    std::vector<std::string> due;
    for (const auto& [id, open] : open_)
        if (clock_.now() >= open.deadline) due.push_back(id);
    for (const auto& id : due) {
        auto& open = open_.at(id);
        if (!open.ready) {
            open_.erase(id);
            continue;
        }
        open.deadline = clock_.now() + kAnswerTime;
        relay_->count(id, [self = std::weak_ptr{self_}, id](const std::vector<StreamCounters>& counters) {
            if (const auto alive = self.lock()) (*alive)->counted(id, counters);
        });
    }
}

void Channels::counted(const std::string& id, const std::vector<StreamCounters>& counters) {
    const auto at = open_.find(id);
    if (at == open_.end()) return;
    std::uint64_t packets = 0;
    for (const auto& stream : counters) packets += stream.from[0].packets + stream.from[1].packets;
    if (packets <= at->second.packets) {
        close(id);
        return;
    }
    at->second.packets = packets;
    at->second.deadline = clock_.now() + at->second.channel.expire;
}

std::vector<Channel> Channels::list() const {
    std::vector<Channel> out;
    for (const auto& [id, open] : open_)
        if (open.ready) out.push_back(open.channel);
    return out;
}

}  // namespace carillon::calls
