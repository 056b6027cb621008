#include "relay/media/missing_packets.h"

namespace carillon::relay {

void MissingPackets::on_packet(rtp::SequenceNumber sequence) {
    if (!started_) {
        started_ = true;
        highest_ = sequence.value;
        return;
    }
    const auto ahead = rtp::SequenceNumber::distance({static_cast<std::uint16_t>(highest_)}, sequence);
    if (ahead <= 0) {
        missing_.erase(highest_ + ahead);
        return;
    }
    if (static_cast<std::size_t>(ahead) > kMost) missing_.clear();  // the sender has begun anew, or all is lost
    for (auto each = highest_ + 1; each < highest_ + ahead && static_cast<std::size_t>(ahead) <= kMost; ++each)
        missing_.emplace(each, Missing{});
    highest_ += ahead;
    while (missing_.size() > kMost) missing_.erase(missing_.begin());
}

std::vector<std::uint16_t> MissingPackets::due(SteadyTime now) {
    std::vector<std::uint16_t> out;
    for (auto at = missing_.begin(); at != missing_.end();) {
        auto& [number, each] = *at;
        if (each.next > now) {
            ++at;
            continue;
        }
        if (each.tries == kTries) {
            at = missing_.erase(at);
            continue;
        }
        out.push_back(static_cast<std::uint16_t>(number));
        each.next = now + kPause;
        ++each.tries;
        ++at;
    }
    return out;
}

void MissingPackets::clear() {
    missing_.clear();
    started_ = false;
}

}  // namespace carillon::relay
