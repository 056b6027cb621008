#include "signaling/storage/archive_words.h"

#include <array>
#include <cstdio>

#include "signaling/xmpp/words.h"

namespace carillon::storage {
namespace {

constexpr auto kSqlite = std::to_array<std::string_view>({
    "CREATE VIRTUAL TABLE IF NOT EXISTS archive_words USING fts5 (owner_word, body, content = 'archive_text', "
    "content_rowid = 'id', tokenize = \"unicode61 remove_diacritics 0 categories 'L* N* M* Co'\", detail = full)",
    "CREATE TRIGGER IF NOT EXISTS archive_text_in AFTER INSERT ON archive_text BEGIN INSERT INTO archive_words (rowid, "
    "owner_word, body) VALUES (new.id, new.owner_word, new.body); END",
    "CREATE TRIGGER IF NOT EXISTS archive_text_out AFTER DELETE ON archive_text BEGIN INSERT INTO archive_words "
    "(archive_words, rowid, owner_word, body) VALUES ('delete', old.id, old.owner_word, old.body); END",
});
constexpr auto kPostgresql = std::to_array<std::string_view>({
    "CREATE INDEX IF NOT EXISTS archive_words ON archive_text USING GIN ((CAST(body AS tsvector)))",
});

// Words are letters, digits and marks: between these quotes nothing in them has a meaning.

/// "one two" *
std::string fts5(const xmpp::Phrase& phrase) {
    std::string out;
    for (const auto& word : phrase.words) out += (out.empty() ? "\"" : " ") + word;
    return out + (phrase.last_goes_on ? "\" *" : "\"");
}

/// ('one' <-> 'two':*)
std::string tsquery(const xmpp::Phrase& phrase) {
    std::string out;
    for (const auto& word : phrase.words) out += (out.empty() ? "('" : " <-> '") + word + '\'';
    return out + (phrase.last_goes_on ? ":*)" : ")");
}

/// 'one':1 'two':2 'o000000000000002a'
std::string tsvector(const std::vector<std::string>& words, long long owner) {
    constexpr std::size_t kLastPlace = 16'383;  // places beyond it are all this one
    std::string out;
    for (std::size_t i = 0; i < words.size() && i < kLastPlace; ++i)
        out += '\'' + words[i] + "':" + std::to_string(i + 1) + ' ';
    return out + '\'' + owner_word(owner) + '\'';
}

}  // namespace

std::string owner_word(long long owner) {
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), "o%016llx", static_cast<unsigned long long>(owner));
    return text.data();
}

std::string words_body(std::string_view text, long long owner, Dialect dialect) {
    const auto words = xmpp::words_of(text);
    if (words.empty()) return {};
    if (dialect == Dialect::postgresql) return tsvector(words, owner);
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
    return out;
}

std::optional<std::string> words_expression(std::string_view search, long long owner, Dialect dialect) {
    if (search.find_first_not_of(" \t\r\n\"") == std::string_view::npos) return std::nullopt;
    const bool postgresql = dialect == Dialect::postgresql;
    std::string words;
    for (const auto& phrase : xmpp::phrases_of(search)) {
        if (!words.empty()) words += postgresql ? " & " : " AND ";
        words += postgresql ? tsquery(phrase) : fts5(phrase);
    }
    if (words.empty()) return words;
    return postgresql ? '\'' + owner_word(owner) + "' & " + words
                      : "owner_word : \"" + owner_word(owner) + "\" AND body : (" + words + ')';
}

std::string words_sql(Dialect dialect) {
    return dialect == Dialect::postgresql
               ? " AND id IN (SELECT id FROM archive_text WHERE CAST(body AS tsvector) @@ CAST(:words AS tsquery))"
               : " AND id IN (SELECT rowid FROM archive_words WHERE archive_words MATCH :words)";
}

std::span<const std::string_view> words_schema(Dialect dialect) {
    if (dialect == Dialect::postgresql) return kPostgresql;
    return kSqlite;
}

WordsWriter::WordsWriter(soci::session& sql)
    : dialect_{dialect_of(sql)},
      insert_{(sql.prepare << "INSERT INTO archive_text (id, owner, owner_word, body) VALUES (:id, :owner, :word, "
                              ":body) ON CONFLICT DO NOTHING",
               soci::use(id_), soci::use(owner_), soci::use(owner_word_), soci::use(body_))} {}

void WordsWriter::write(long long owner, long long id, std::string_view text) {
    body_ = words_body(text, owner, dialect_);
    if (body_.empty()) return;
    owner_ = owner;
    id_ = id;
    owner_word_ = owner_word(owner);
    insert_.execute(true);
}

}  // namespace carillon::storage
