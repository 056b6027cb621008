/// Queries of the archive as XML, and the answers to them.
/// Spec: XEP-0313 1.1.3 §4, §5; XEP-0059 1.0 (paging); XEP-0004; XEP-0431 0.2.0 (full text).
/// Not here: finding the messages (storage/archive_store.h).
#pragma once
#include <expected>

#include "signaling/storage/archive_store.h"
#include "signaling/xmpp/conversation.h"
#include "signaling/xmpp/stanza.h"

namespace carillon::session {

inline constexpr std::string_view kArchiveNs = "urn:xmpp:mam:2";

struct ArchiveRequest {
    storage::ArchiveQuery query;
    std::string query_id;
    bool flip = false;  ///< newest first within the page
};

struct PageLimits {
    std::size_t usual = 100;    ///< when the client names none
    std::size_t largest = 250;  ///< also of ids in one query
};

std::expected<ArchiveRequest, xmpp::StanzaError> read_query(const xml::Element& query, const xmpp::Jid& owner,
                                                            const PageLimits& limits);
/// §4.1.5: the fields that a query may have.
xml::Element query_form();
using xmpp::searchable_text;
inline constexpr std::string_view kFullText = "urn:xmpp:fulltext:0";
/// One found message on its way to `to`; nothing when what was stored is no XML.
std::optional<xml::Element> result_message(const ArchiveRequest& request, const storage::ArchivedMessage& message,
                                           const xmpp::Jid& to);
xml::Element fin(const ArchiveRequest& request, const storage::ArchivePage& page);
/// §5.
xml::Element metadata(const std::optional<storage::ArchiveEnds>& ends);

}  // namespace carillon::session
