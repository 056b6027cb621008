/// Pages of a list that is known by ids.
/// Spec: XEP-0059 1.0 §2.
#include <algorithm>
#include <charconv>

#include "signaling/pubsub/context.h"

namespace carillon::pubsub {
namespace {

using xmpp::StanzaError;

std::optional<std::size_t> number(const std::string& text) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::result_out_of_range && end == text.data() + text.size()) return SIZE_MAX;
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

struct Range {
    std::size_t begin = 0;
    std::size_t end = 0;
};

/// §2.3 to §2.6: where the page lies.
std::expected<Range, StanzaError> range_of(const std::vector<std::string>& all, const xml::Element& set,
                                           std::size_t max) {
    const auto position = [&](const std::string& id) -> std::expected<std::size_t, StanzaError> {
        const auto at = std::ranges::find(all, id);
        if (at == all.end()) return refused(StanzaError::item_not_found());
        return static_cast<std::size_t>(at - all.begin());
    };
    if (const auto* after = set.child("after", kRsm)) {
        const auto at = position(after->text());
        if (!at) return refused(at.error());
        return Range{*at + 1, std::min(all.size(), *at + 1 + max)};
    }
    if (const auto* before = set.child("before", kRsm)) {
        const auto text = before->text();
        const auto end = text.empty() ? std::expected<std::size_t, StanzaError>{all.size()} : position(text);
        if (!end) return refused(end.error());
        return Range{*end - std::min(*end, max), *end};
    }
    std::size_t begin = 0;
    if (const auto* index = set.child("index", kRsm)) {
        const auto read = number(index->text());
        if (!read) return refused(StanzaError::bad_request());
        if (*read > all.size()) return refused(StanzaError::item_not_found());
        begin = *read;
    }
    return Range{begin, begin + std::min(max, all.size() - begin)};
}

}  // namespace

std::expected<Page, StanzaError> page(const std::vector<std::string>& all, const xml::Element* set, std::size_t most) {
    Page page{{}, xml::Element{"set", kRsm}, false};
    Range range{0, std::min(all.size(), most)};
    if (set) {
        std::size_t max = most;
        if (const auto* wanted = set->child("max", kRsm)) {
            const auto read = number(wanted->text());
            if (!read) return refused(StanzaError::bad_request());
            max = std::min(*read, most);
        }
        const auto found = range_of(all, *set, max);
        if (!found) return refused(found.error());
        range = *found;
    }
    for (auto i = range.begin; i < range.end; ++i) page.ids.push_back(all[i]);
    page.whole = page.ids.size() == all.size();
    if (!page.ids.empty()) {
        page.set.add("first").set("index", std::to_string(range.begin)).add_text(page.ids.front());
        page.set.add("last").add_text(page.ids.back());
    }
    page.set.add("count").add_text(std::to_string(all.size()));
    return page;
}

}  // namespace carillon::pubsub
