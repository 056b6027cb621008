/// Words in the archive: which text is searched, and how a search is said to the database.
/// Of every message with a text there is a row in archive_text, as on any database. Looking words up is each
/// database's own: on SQLite the FTS5 index archive_words, kept in step by triggers; on PostgreSQL it would be a GIN
/// index over to_tsvector('simple', body), and the subquery of words_sql() a `@@ websearch_to_tsquery(...)`.
/// Spec: XEP-0431 0.2.0.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace carillon::storage {

/// Stands in the index beside an owner's every word, so that a search never walks through others' messages.
std::string owner_word(long long owner);

/// Each word, or "phrase in quotes", has to be there; one that ends with '*' may go on. Empty: nothing to look for.
std::string words_expression(std::string_view text, long long owner);

/// The condition on archive.id, with :words to be bound.
std::string words_sql();

/// What SQLite needs besides the tables; each does nothing when it is there.
std::span<const std::string_view> sqlite_words();

}  // namespace carillon::storage
