#include "relay/learning/ice_learner.h"

#include <algorithm>

namespace carillon::relay {
namespace {

const IceCredentials* with_ufrag(const std::vector<IceCredentials>& all, std::string_view ufrag) {
    const auto found = std::ranges::find(all, ufrag, &IceCredentials::ufrag);
    return found == all.end() ? nullptr : &*found;
}

}  // namespace

Drop IceLearner::on_check(const stun::Message& check, const Path& from, const std::vector<IceCredentials>& own,
                          const std::vector<IceCredentials>& peer, SteadyTime now) {
    const auto username = check.attribute(stun::Attribute::username);
    if (!username) return Drop::bad_check;
    const auto text = as_text(*username);
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return Drop::bad_check;
    const auto* theirs = with_ufrag(peer, text.substr(0, colon));
    if (!theirs || !with_ufrag(own, text.substr(colon + 1))) return Drop::bad_check;
    if (!check.integrity_matches(theirs->pwd) || check.fingerprint_matches() == false) return Drop::bad_check;

    auto index = find(from);
    if (index == count_) {
        if (count_ < kMaxProven) {
            ++count_;
        } else {
            // Full: the longest silent gives way, but not the one in use.
            index = in_use_ == 0 ? 1 : 0;
            for (std::size_t i = 0; i < count_; ++i) {
                if (i != in_use_ && proven_[i].heard < proven_[index].heard) index = i;
            }
        }
        proven_[index] = {from, now};
        changed_ = true;
    }
    use_if_better(index, check.has(stun::Attribute::use_candidate), now);
    proven_[index].heard = now;
    return Drop::none;
}

bool IceLearner::on_other(const Path& from, SteadyTime now) {
    const auto index = find(from);
    if (index == count_) return false;
    use_if_better(index, false, now);
    proven_[index].heard = now;
    return true;
}

bool IceLearner::proven(const Path& from) const { return find(from) < count_; }

std::size_t IceLearner::find(const Path& path) const {
    for (std::size_t i = 0; i < count_; ++i) {
        if (proven_[i].path == path) return i;
    }
    return count_;
}

void IceLearner::use_if_better(std::size_t index, bool nominated, SteadyTime now) {
    if (index == in_use_) {
        nominated_ = nominated_ || nominated;
        return;
    }
    const auto& current = proven_[in_use_];
    const bool tcp = proven_[index].path.over_tcp();
    const bool better = current.path.over_tcp() && !tcp && !nominated_;  // RFC 6544 §4.2: UDP before TCP
    if (!nominated && !better && now - current.heard <= (tcp ? kStaleForTcp : kStale)) return;
    in_use_ = index;
    nominated_ = nominated;
    changed_ = true;
}

void IceLearner::nominate(const Path& path, SteadyTime now) {
    if (const auto index = find(path); index < count_) use_if_better(index, true, now);
}

void IceLearner::forget(const Path& path) {
    const auto index = find(path);
    if (index == count_) return;
    --count_;
    proven_[index] = std::exchange(proven_[count_], {});
    for (auto& request : requests_)
        if (request.from == path) request = {};
    changed_ = true;
    if (in_use_ == index) {
        in_use_ = 0;
        for (std::size_t i = 1; i < count_; ++i)
            if (proven_[i].heard > proven_[in_use_].heard) in_use_ = i;
        nominated_ = false;
    } else if (in_use_ == count_) {
        in_use_ = index;  // the last one has its place now
    }
}

void IceLearner::restore(std::span<const Path> proven, std::size_t in_use, SteadyTime now) {
    count_ = std::min(proven.size(), kMaxProven);
    for (std::size_t i = 0; i < count_; ++i) proven_[i] = {proven[i], now};
    in_use_ = in_use < count_ ? in_use : 0;
    changed_ = true;
}

void IceLearner::remember(const stun::TransactionId& id, const Path& from) {
    requests_[next_request_] = {id, from};
    next_request_ = (next_request_ + 1) % kMaxRequests;
}

std::optional<Path> IceLearner::source_of(const stun::TransactionId& id) const {
    for (const auto& request : requests_) {
        if (request.id == id && !request.from.empty()) return request.from;
    }
    return std::nullopt;
}

}  // namespace carillon::relay
