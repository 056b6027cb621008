#include "signaling/modules/muc/directory.h"

#include <charconv>

#include "signaling/modules/muc/names.h"

namespace carillon::modules::rooms {
namespace {

using Place = std::map<std::string, std::string>::const_iterator;

std::optional<std::size_t> number(std::string_view text) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::result_out_of_range) return std::numeric_limits<std::size_t>::max();
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// The part of the list that was asked for.
struct Page {
    std::size_t first = 0;
    std::size_t count = 0;
};

}  // namespace

void Directory::set(const xmpp::Jid& room, const std::optional<std::string>& name) {
    if (name) {
        names_[room.str()] = *name;
    } else {
        names_.erase(room.str());
    }
}

runtime::IqReply Directory::items(const xml::Element& query, std::size_t largest) const {
    const auto total = names_.size();
    const auto position = [this](const std::string& jid) {
        return static_cast<std::size_t>(std::distance(names_.begin(), names_.find(jid)));
    };
    Page page{0, std::min(total, largest)};
    const auto* set = query.child("set", kRsm);
    if (set) {
        if (const auto* max = set->child("max", kRsm)) {
            const auto wanted = number(max->text());
            if (!wanted) return std::unexpected{xmpp::StanzaError::bad_request()};
            page.count = std::min(*wanted, largest);
        }
        if (const auto* index = set->child("index", kRsm)) {
            const auto wanted = number(index->text());
            if (!wanted) return std::unexpected{xmpp::StanzaError::bad_request()};
            page.first = std::min(*wanted, total);
        } else if (const auto* after = set->child("after", kRsm); after && !after->text().empty()) {
            if (!names_.contains(after->text())) return std::unexpected{xmpp::StanzaError::item_not_found()};
            page.first = position(after->text()) + 1;
        } else if (const auto* before = set->child("before", kRsm)) {
            if (!before->text().empty() && !names_.contains(before->text()))
                return std::unexpected{xmpp::StanzaError::item_not_found()};
            const auto end = before->text().empty() ? total : position(before->text());
            page.count = std::min(page.count, end);
            page.first = end - page.count;
        }
        page.count = std::min(page.count, total - page.first);
    }
    xml::Element answer{"query", kDiscoItems};
    auto at = std::next(names_.begin(), static_cast<std::ptrdiff_t>(page.first));
    const auto begin = at;
    for (std::size_t i = 0; i < page.count; ++i, ++at) answer.add("item").set("jid", at->first).set("name", at->second);
    if (!set && page.count == total) return answer;  // all of it, and nobody asked for pages
    auto& described = answer.add("set", kRsm);
    if (page.count > 0) {
        described.add("first").set("index", std::to_string(page.first)).add_text(begin->first);
        described.add("last").add_text(std::prev(at)->first);
    }
    described.add("count").add_text(std::to_string(total));
    return answer;
}

}  // namespace carillon::modules::rooms
