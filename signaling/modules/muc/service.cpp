#include "signaling/modules/muc/service.h"

#include <charconv>

#include "signaling/modules/muc/names.h"

namespace carillon::modules::rooms {
namespace {

using runtime::IqReply;
using xmpp::Jid;
using xmpp::StanzaError;

IqReply info(const xml::Element& request, const Settings& settings) {
    if (request.has_attribute("node")) return std::unexpected{StanzaError::item_not_found()};
    xml::Element query{"query", kDiscoInfo};
    query.add("identity").set("category", "conference").set("type", "text").set("name", settings.title);
    for (const auto var : {kMuc, kDiscoInfo, kDiscoItems, kPing, kRsm, kMucUnique, kOccupantId, kSelfPing, kModerate})
        query.add("feature").set("var", var);
    return query;
}

struct Page {
    Directory::const_iterator first;
    Directory::const_iterator last;  // behind it
};

std::optional<Page> after(const Directory& directory, std::string_view id, std::size_t max) {
    auto at = directory.begin();
    if (!id.empty()) {
        const auto jid = Jid::parse(id);
        if (!jid) return std::nullopt;
        at = directory.upper_bound(*jid);
    }
    auto end = at;
    for (std::size_t i = 0; i < max && end != directory.end(); ++i) ++end;
    return Page{at, end};
}

std::optional<Page> before(const Directory& directory, std::string_view id, std::size_t max) {
    auto end = directory.end();
    if (!id.empty()) {
        const auto jid = Jid::parse(id);
        if (!jid) return std::nullopt;
        end = directory.lower_bound(*jid);
    }
    auto at = end;
    for (std::size_t i = 0; i < max && at != directory.begin(); ++i) --at;
    return Page{at, end};
}

IqReply items(const xml::Element& request, const Directory& directory, const Settings& settings) {
    if (request.has_attribute("node")) return std::unexpected{StanzaError::item_not_found()};
    std::size_t max = settings.page;
    const auto* set = request.child("set", kRsm);
    if (set && set->child("max", kRsm)) {
        const auto text = set->child_text("max", kRsm);
        std::size_t wanted = 0;
        const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), wanted);
        if (error != std::errc{} || at != text.data() + text.size()) return std::unexpected{StanzaError::bad_request()};
        max = std::min(max, wanted);
    }
    if (set && set->child("index", kRsm)) return std::unexpected{StanzaError::feature_not_implemented()};
    const bool backwards = set && set->child("before", kRsm);
    const auto id = !set ? std::string{} : set->child_text(backwards ? "before" : "after", kRsm);
    const auto page = backwards ? before(directory, id, max) : after(directory, id, max);
    if (!page) return std::unexpected{StanzaError::item_not_found()};
    xml::Element query{"query", kDiscoItems};
    for (auto at = page->first; at != page->last; ++at)
        query.add("item").set("jid", at->first.str()).set("name", at->second);
    if (!set && page->last == directory.end()) return query;
    auto& told = query.add("set", kRsm);
    if (page->first != page->last) {
        const auto index = std::distance(directory.begin(), page->first);
        told.add("first").set("index", std::to_string(index)).add_text(page->first->first.str());
        told.add("last").add_text(std::prev(page->last)->first.str());
    }
    told.add("count").add_text(std::to_string(directory.size()));
    return query;
}

}  // namespace

IqReply answer_for_service(const xmpp::Stanza& iq, const Directory& directory, const Settings& settings) {
    const auto& payload = *iq.payload();
    if (iq.type() == "get") {
        if (payload.is("query", kDiscoInfo)) return info(payload, settings);
        if (payload.is("query", kDiscoItems)) return items(payload, directory, settings);
        if (payload.is("ping", kPing)) return std::nullopt;
    }
    return std::unexpected{StanzaError::service_unavailable()};
}

}  // namespace carillon::modules::rooms
