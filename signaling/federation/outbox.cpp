#include "signaling/federation/outbox.h"

#include <algorithm>
#include <iterator>

#include "signaling/xml/writer.h"

namespace carillon::federation {

bool Outbox::push(xmpp::Stanza& stanza) {
    const auto size = xml::to_string(stanza.element()).size();
    if (waiting_.size() >= most_stanzas_ || octets_ + size > most_octets_) return false;
    octets_ += size;
    waiting_.push_back({std::move(stanza), size});
    return true;
}

Outbox::Batch Outbox::take(std::size_t octets) {
    Batch batch;
    while (!waiting_.empty() && batch.text.size() < octets) {
        xml::write(batch.text, waiting_.front().stanza.element());
        octets_ -= std::min(octets_, waiting_.front().octets);
        sent_.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
        ++batch.count;
    }
    in_flight_ = batch.count;
    return batch;
}

void Outbox::written(const Way::Written& how) {
    const auto count = std::exchange(in_flight_, 0);
    if (!how.done) return;
    if (!how.counted) {  // nothing before it was counted either
        settle(count);
        return;
    }
    number_ = how.number;
    compare();
}

void Outbox::acknowledged(std::uint32_t handled) {
    handled_ = handled;
    compare();
}

void Outbox::compare() {
    if (!number_ || !handled_) return;
    // The difference of two counters that wrap around. Negative: an ack has overtaken the news of what was written.
    const auto missing = static_cast<std::int32_t>(*number_ - *handled_);
    const auto known = sent_.size() - in_flight_;
    if (missing < 0 || static_cast<std::size_t>(missing) >= known) return;
    settle(known - static_cast<std::size_t>(missing));
}

void Outbox::settle(std::size_t count) {
    for (; count > 0 && !sent_.empty(); --count) {
        if (const auto& custody = sent_.front().stanza.custody()) custody->reached();
        sent_.pop_front();
        ++settled_;
    }
}

void Outbox::retry() {
    for (const auto& entry : sent_) octets_ += entry.octets;
    waiting_.insert(waiting_.begin(), std::make_move_iterator(sent_.begin()), std::make_move_iterator(sent_.end()));
    sent_.clear();
    in_flight_ = 0;
    number_.reset();
    handled_.reset();
}

std::vector<xmpp::Stanza> Outbox::take_all() {
    retry();
    std::vector<xmpp::Stanza> all;
    for (auto& entry : std::exchange(waiting_, {})) all.push_back(std::move(entry.stanza));
    octets_ = 0;
    return all;
}

}  // namespace carillon::federation
