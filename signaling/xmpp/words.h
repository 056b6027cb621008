/// A text as the words by which it is found again, whatever its language.
/// Case, width and accents make no difference. Where words are not set apart (Chinese, Japanese, Korean, Thai ...)
/// every two neighbouring characters make one, and the last by itself, so that any part of such a text is found as a
/// phrase. Spec: UAX #15 (NFKD), Unicode §3.13 (case folding). Not here: the index they lie in
/// (storage/archive_words.h).
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace carillon::xmpp {

/// In order of their places in the text: letters, digits and what hangs on them, nothing else.
std::vector<std::string> words_of(std::string_view text);

/// What stands in a text next to one another.
struct Phrase {
    std::vector<std::string> words;
    bool last_goes_on = false;  ///< the last word is the beginning of one
    friend bool operator==(const Phrase&, const Phrase&) = default;
};

/// Whose every phrase a text has to have: each word, or "phrase in quotes"; one that ends with '*' may go on.
/// Of at most 20 phrases with 100 words; what goes beyond is not looked at.
std::vector<Phrase> phrases_of(std::string_view search);

}  // namespace carillon::xmpp
