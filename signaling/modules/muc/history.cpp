#include "signaling/modules/muc/history.h"

#include <algorithm>
#include <charconv>

#include "signaling/modules/muc/names.h"
#include "signaling/xml/writer.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::modules::rooms {
namespace {

std::optional<std::size_t> number(std::string_view text) {
    std::size_t value = 0;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || at != text.data() + text.size()) return std::nullopt;
    if (error == std::errc::result_out_of_range) return std::numeric_limits<std::size_t>::max();
    return error == std::errc{} ? std::optional{value} : std::nullopt;
}

}  // namespace

HistoryRequest HistoryRequest::parse(const xml::Element& x, WallTime now) {
    HistoryRequest request;
    const auto* history = x.child("history", kMuc);
    if (!history) return request;
    request.max_chars = number(history->attribute("maxchars"));
    request.max_stanzas = number(history->attribute("maxstanzas"));
    request.since = xmpp::parse_datetime(history->attribute("since"));
    if (const auto seconds = number(history->attribute("seconds"))) {
        constexpr std::size_t kYear = 366 * 24 * 3600;
        const auto from = now - std::chrono::seconds{std::min(*seconds, kYear)};
        request.since = request.since ? std::max(*request.since, from) : from;
    }
    return request;
}

void History::add(xml::Element message, WallTime when, storage::ArchiveId id) {
    if (max_messages_ == 0) return;
    PastMessage past{std::move(message), when, id, 0};
    past.octets = xml::to_string(past.message).size();
    octets_ += past.octets;
    messages_.push_back(std::move(past));
    while (!messages_.empty() && (messages_.size() > max_messages_ || octets_ > max_octets_)) {
        octets_ -= messages_.front().octets;
        messages_.pop_front();
    }
}

std::vector<const PastMessage*> History::select(const HistoryRequest& request, std::size_t usual) const {
    std::vector<const PastMessage*> chosen;
    const bool limited = request.max_stanzas || request.max_chars || request.since;
    const auto most = request.max_stanzas.value_or(limited ? max_messages_ : usual);
    std::size_t chars = 0;
    for (auto at = messages_.rbegin(); at != messages_.rend() && chosen.size() < most; ++at) {
        chars += at->octets;
        if (request.max_chars && chars > *request.max_chars) break;
        if (request.since && at->when < *request.since) break;
        chosen.push_back(&*at);
    }
    std::ranges::reverse(chosen);
    return chosen;
}

void History::remove(const storage::ArchiveId& id) {
    const auto at = std::ranges::find(messages_, id, &PastMessage::id);
    if (at == messages_.end()) return;
    octets_ -= at->octets;
    messages_.erase(at);
}

PastMessage* History::find(const storage::ArchiveId& id) {
    const auto at = std::ranges::find(messages_, id, &PastMessage::id);
    return at == messages_.end() ? nullptr : &*at;
}

bool History::has(std::string_view occupant_id, std::string_view message_id) const {
    return !message_id.empty() && std::ranges::any_of(messages_, [&](const PastMessage& past) {
        const auto* id = past.message.child("occupant-id", kOccupantId);
        return past.message.attribute("id") == message_id && id && id->attribute("id") == occupant_id;
    });
}

void History::clear() {
    messages_.clear();
    octets_ = 0;
}

}  // namespace carillon::modules::rooms
