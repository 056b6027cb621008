#include "signaling/stream/stream_management.h"

#include <charconv>

#include "signaling/stream/stream_text.h"

namespace carillon::stream {

std::optional<std::uint32_t> parse_count(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::uint64_t stream_tag(std::string_view sm_id) {
    std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    for (const auto c : sm_id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash | 1;  // never 0
}

StreamManagement::StreamManagement(std::string id, std::chrono::seconds patience)
    : id_{std::move(id)}, tag_{id_.empty() ? 0 : stream_tag(id_)}, patience_{patience} {}

void StreamManagement::sent(std::string_view text, bool message, xmpp::CustodyPtr custody, WallTime now) {
    ++sent_;  // wraps at 2^32, as the counter on the wire does
    if (custody) custody->waits_for(tag_, sent_);
    octets_ += text.size();
    waiting_.push_back({std::string{text}, now, std::move(custody), message});
}

bool StreamManagement::acknowledge(std::uint32_t h) {
    const std::uint32_t open = sent_ - h;  // what would still be unacknowledged, modulo 2^32
    if (open > waiting_.size()) {
        // Behind what it told before: harmless, a client that counts anew after an overflow of its own. Ahead: a lie.
        return static_cast<std::int32_t>(open) > 0;
    }
    while (waiting_.size() > open) {
        auto& first = waiting_.front();
        if (first.custody) {
            first.custody->reached();
            first.custody->waits_no_more();
        }
        octets_ -= first.text.size();
        waiting_.pop_front();
    }
    return true;
}

void StreamManagement::for_each_message(const std::function<void(const xml::Element&)>& call) const {
    for (const auto& stanza : waiting_) {
        if (!stanza.message) continue;
        if (const auto element = read_back(stanza.text)) call(*element);
    }
}

std::vector<session::Undelivered> StreamManagement::take_messages() {
    std::vector<session::Undelivered> rest;
    for (auto& stanza : waiting_) {
        if (stanza.custody) stanza.custody->waits_no_more();
        if (!stanza.message) continue;
        if (auto element = read_back(stanza.text)) {
            rest.push_back({std::move(*element), std::move(stanza.custody), stanza.when});
        }
    }
    waiting_.clear();
    octets_ = 0;
    return rest;
}

std::vector<session::Undelivered> StreamManagement::leave_messages() {
    if (mark_) mark_->leave();
    waiting_.erase_if([](const Sent& stanza) {
        if (!stanza.custody) return false;
        stanza.custody->leave();
        return true;
    });
    return take_messages();
}

}  // namespace carillon::stream
