#include "signaling/modules/archive/preferences.h"

#include <array>

#include "signaling/session/archive_query.h"

namespace carillon::modules {
namespace {

using session::kArchiveNs;
using storage::ArchivePreferences;
using xmpp::Jid;
using xmpp::StanzaError;
using Default = ArchivePreferences::Default;

constexpr std::array<std::pair<Default, std::string_view>, 3> kDefaults{
    {{Default::always, "always"}, {Default::never, "never"}, {Default::roster, "roster"}}};

void write_list(xml::Element& prefs, std::string_view name, const std::set<Jid>& jids) {
    auto& list = prefs.add(name);
    for (const auto& jid : jids) list.add("jid").add_text(jid.str());
}

std::expected<std::set<Jid>, StanzaError> read_list(const xml::Element& prefs, std::string_view name) {
    std::set<Jid> jids;
    const auto* list = prefs.child(name, kArchiveNs);
    if (!list) return jids;
    for (const auto* child : list->children()) {
        auto jid = Jid::parse(child->text());
        if (!child->is("jid", kArchiveNs) || !jid) return std::unexpected{StanzaError::bad_request()};
        jids.insert(std::move(*jid));
    }
    if (jids.size() > kMaxPreferenceJids)
        return std::unexpected{StanzaError::not_acceptable().with_text("the list is too long")};
    return jids;
}

bool is_listed(const std::set<Jid>& list, const Jid& peer) {
    return !list.empty() && (list.contains(peer) || list.contains(peer.bare()));
}

}  // namespace

std::optional<Default> archive_default(std::string_view name) {
    for (const auto& [value, text] : kDefaults) {
        if (text == name) return value;
    }
    return std::nullopt;
}

xml::Element preferences_element(const ArchivePreferences& preferences) {
    xml::Element prefs{"prefs", kArchiveNs};
    for (const auto& [value, text] : kDefaults) {
        if (value == preferences.otherwise) prefs.set("default", text);
    }
    write_list(prefs, "always", preferences.always);
    write_list(prefs, "never", preferences.never);
    return prefs;
}

std::expected<ArchivePreferences, StanzaError> read_preferences(const xml::Element& element) {
    const auto otherwise = archive_default(element.attribute("default"));
    if (!otherwise) return std::unexpected{StanzaError::bad_request()};
    auto always = read_list(element, "always");
    if (!always) return std::unexpected{always.error()};
    auto never = read_list(element, "never");
    if (!never) return std::unexpected{never.error()};
    return ArchivePreferences{*otherwise, std::move(*always), std::move(*never)};
}

bool wants_archived(const ArchivePreferences& preferences, const session::Account& account, const Jid& peer) {
    if (is_listed(preferences.never, peer)) return false;
    if (is_listed(preferences.always, peer)) return true;
    if (preferences.otherwise != Default::roster) return preferences.otherwise == Default::always;
    const auto* item = account.roster().find(peer.bare());
    return item && item->listed;
}

}  // namespace carillon::modules
