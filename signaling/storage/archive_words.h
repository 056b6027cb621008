/// Words in the archive: which text is searched, and how a search is said to the database.
/// Of every message with a text there is a row in archive_text, as on any database. Looking words up is each
/// database's own: on SQLite the FTS5 index archive_words, kept in step by triggers; on PostgreSQL a GIN index over the
/// same text, which is a tsvector there.
/// Spec: XEP-0431 0.2.0.
/// Not here: what a word is (xmpp/words.h).
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "signaling/storage/dialect.h"

namespace carillon::storage {

/// Stands in the index beside an owner's every word, so that a search never walks through others' messages.
std::string owner_word(long long owner);

/// A message's text as the index wants it. Empty: there is no word in it.
std::string words_body(std::string_view text, long long owner, Dialect dialect);

/// A search as the index wants it. Nothing: nothing is looked for; empty: there is nothing such.
std::optional<std::string> words_expression(std::string_view search, long long owner, Dialect dialect);

/// The condition on archive.id, with :words to be bound.
std::string words_sql(Dialect dialect);

/// What the database needs besides the tables; each does nothing when it is there.
std::span<const std::string_view> words_schema(Dialect dialect);

/// Writes what is searched of messages, one after the other, in one transaction.
class WordsWriter {
  public:
    explicit WordsWriter(soci::session& sql);
    /// Does nothing when there is no word in the text, or the message has its words already.
    void write(long long owner, long long id, std::string_view text);

  private:
    Dialect dialect_;
    long long owner_ = 0;
    long long id_ = 0;
    std::string owner_word_, body_;
    soci::statement insert_;
};

}  // namespace carillon::storage
