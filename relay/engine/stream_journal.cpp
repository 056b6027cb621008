/// What a stream puts down for a successor, and how it goes on where a predecessor stood.
#include "relay/engine/stream.h"

namespace carillon::relay {

void Stream::keep_in(std::unique_ptr<journal::Record> record) {
    record_ = std::move(record);
    if (!record_) return;
    for (std::size_t leg = 0; leg < 2; ++leg) {
        if (bridged_[leg]) save_leg(leg, nullptr);
        for (std::size_t component = 0; component < legs_[leg].components.size(); ++component) {
            if (paths_changed(leg, component)) save_paths(leg, component);
        }
    }
    save_counters();
}

void Stream::save_leg(std::size_t leg, const api::LegSetup* setup) {
    record_->save_leg(leg, setup, bridged_[leg] ? bridged_[leg]->take_state() : journal::LegState{});
}

bool Stream::paths_changed(std::size_t leg, std::size_t component) {
    if (auto* ice = bridged_[leg] ? bridged_[leg]->ice_of(component) : nullptr) return ice->take_changed();
    auto& learner = legs_[leg].components[component].learner;
    if (auto* ice = std::get_if<IceLearner>(&learner)) return ice->take_changed();
    return std::get<PlainLearner>(learner).take_changed();
}

void Stream::save_paths(std::size_t leg, std::size_t component) {
    journal::PathSet set;
    const auto add = [&](IceLearner& learner) {
        for (std::size_t i = 0; i < learner.proven_count(); ++i) {
            if (learner.proven_at(i).over_tcp()) continue;  // the connection ends with this process
            if (i == learner.in_use_index()) set.in_use = set.count;
            set.paths[set.count++] = journal::pack(learner.proven_at(i));
        }
    };
    auto& learner = legs_[leg].components[component].learner;
    if (auto* lite = bridged_[leg] ? bridged_[leg]->ice_of(component) : nullptr) {
        add(lite->learner());
        set.controlling = lite->controlling() ? 1 : 0;
        set.confirmed = lite->confirmed() && !lite->in_use().over_tcp() ? 1 : 0;
    } else if (auto* ice = std::get_if<IceLearner>(&learner)) {
        add(*ice);
    } else if (const auto& learned = std::get<PlainLearner>(learner).learned(); !learned.empty()) {
        set.count = 1;
        set.paths[0] = journal::pack(learned);
    }
    record_->save_paths(leg, component, set);
}

void Stream::save_counters() {
    for (std::size_t leg = 0; leg < 2; ++leg) {
        const auto& held = legs_[leg].statistics;
        const auto& before = before_[leg];
        record_->save_counters(leg, {.packets = held.packets,
                                     .bytes = held.bytes,
                                     .stun = held.stun,
                                     .expected = held.expected() + before.expected,
                                     .lost = held.lost() + before.lost,
                                     .late = held.late() + before.late,
                                     .duplicates = held.duplicates() + before.duplicates});
        for (const bool pictures : {false, true})
            if (const auto point = media_ ? media_->stands(leg, pictures) : std::nullopt)
                record_->save_point(leg, pictures, *point);
    }
}

void Stream::restore(const journal::ReadStream& left, SteadyTime now) {
    opened_ = left.opened;
    expires_ = left.expires;
    for (std::size_t leg = 0; leg < 2; ++leg) {
        const auto& from = left.legs[leg];
        auto& held = legs_[leg].statistics;
        held.packets = from.counters.packets;
        held.bytes = from.counters.bytes;
        held.stun = from.counters.stun;
        before_[leg] = from.counters;
        if (bridged_[leg]) bridged_[leg]->restore(from, now);
        if (bridged_[leg] && bridged_[leg]->ice()) continue;
        for (std::size_t component = 0; component < legs_[leg].components.size() && component < 2; ++component) {
            const auto& set = from.paths[component];
            std::vector<Path> paths;
            for (std::size_t i = 0; i < set.count; ++i) {
                const auto path = journal::unpack(set.paths[i]);
                if (path.socket < legs_[leg].components[component].sockets.size()) paths.push_back(path);
            }
            if (paths.size() != set.count || paths.empty()) continue;
            auto& learner = legs_[leg].components[component].learner;
            if (auto* ice = std::get_if<IceLearner>(&learner)) {
                ice->restore(paths, set.in_use, now);
            } else {
                std::get<PlainLearner>(learner).restore(paths.front());
            }
        }
    }
}

}  // namespace carillon::relay
