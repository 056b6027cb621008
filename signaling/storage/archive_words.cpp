#include "signaling/storage/archive_words.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

namespace carillon::storage {
namespace {

constexpr std::size_t kMaxWords = 20;

constexpr auto kSqlite = std::to_array<std::string_view>({
    "CREATE VIRTUAL TABLE IF NOT EXISTS archive_words USING fts5 (owner_word, body, content = 'archive_text', "
    "content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2', detail = full)",
    "CREATE TRIGGER IF NOT EXISTS archive_text_in AFTER INSERT ON archive_text BEGIN INSERT INTO archive_words (rowid, "
    "owner_word, body) VALUES (new.id, new.owner_word, new.body); END",
    "CREATE TRIGGER IF NOT EXISTS archive_text_out AFTER DELETE ON archive_text BEGIN INSERT INTO archive_words "
    "(archive_words, rowid, owner_word, body) VALUES ('delete', old.id, old.owner_word, old.body); END",
});

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Words and phrases, without their quotes.
std::vector<std::string> pieces(std::string_view text) {
    std::vector<std::string> found;
    while (found.size() < kMaxWords) {
        while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
        if (text.empty()) break;
        const bool quoted = text.front() == '"';
        if (quoted) text.remove_prefix(1);
        std::size_t size = 0;
        while (size < text.size() && (quoted ? text[size] != '"' : !is_space(text[size]))) ++size;
        found.emplace_back(text.substr(0, size));
        text.remove_prefix(std::min(text.size(), size + (quoted ? 1 : 0)));
    }
    return found;
}

/// As a string of FTS5, in which nothing has a meaning.
std::string quoted(std::string_view piece) {
    const bool begins = piece.size() > 1 && piece.ends_with('*');
    if (begins) piece.remove_suffix(1);
    std::string out = "\"";
    for (const char c : piece) {
        if (c == '"') out += '"';
        if (c != '\0') out += c;
    }
    return out + (begins ? "\" *" : "\"");
}

}  // namespace

std::string owner_word(long long owner) {
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), "o%016llx", static_cast<unsigned long long>(owner));
    return text.data();
}

std::string words_expression(std::string_view text, long long owner) {
    std::string words;
    for (const auto& piece : pieces(text)) {
        if (!piece.empty()) words += (words.empty() ? "" : " AND ") + quoted(piece);
    }
    if (words.empty()) return {};
    return "owner_word : \"" + owner_word(owner) + "\" AND body : (" + words + ')';
}

std::string words_sql() { return " AND id IN (SELECT rowid FROM archive_words WHERE archive_words MATCH :words)"; }

std::span<const std::string_view> sqlite_words() { return kSqlite; }

}  // namespace carillon::storage
