/// A user's wishes about the archive, as XML, and what they mean for a message.
/// Spec: XEP-0441 0.2.0.
#pragma once
#include <expected>

#include "signaling/session/session.h"
#include "signaling/storage/archive_store.h"
#include "signaling/xmpp/stanza_error.h"

namespace carillon::modules {

inline constexpr std::size_t kMaxPreferenceJids = 500;  ///< of each list

/// always, never or roster.
std::optional<storage::ArchivePreferences::Default> archive_default(std::string_view name);
xml::Element preferences_element(const storage::ArchivePreferences& preferences);
std::expected<storage::ArchivePreferences, xmpp::StanzaError> read_preferences(const xml::Element& element);

/// §2.3: whether what is said with `peer` is to be archived.
bool wants_archived(const storage::ArchivePreferences& preferences, const session::Account& account,
                    const xmpp::Jid& peer);

}  // namespace carillon::modules
