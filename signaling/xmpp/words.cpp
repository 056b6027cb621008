#include "signaling/xmpp/words.h"

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <utility>

namespace carillon::xmpp {
namespace {

constexpr std::size_t kMaxPhrases = 20;
constexpr std::size_t kMaxWords = 100;
constexpr std::size_t kMaxLetters = 64;  // of one word: what is longer is no word, and finds nothing else

using Text = std::unique_ptr<std::uint8_t, decltype(&std::free)>;

const std::uint8_t* octets(std::string_view text) { return reinterpret_cast<const std::uint8_t*>(text.data()); }

std::string string_of(const Text& made, std::size_t size, std::string_view otherwise) {
    return made ? std::string{reinterpret_cast<const char*>(made.get()), size} : std::string{otherwise};
}

/// Folded and taken apart into letters and accents.
std::string taken_apart(std::string_view text) {
    std::size_t size = 0;
    const Text made{u8_casefold(octets(text), text.size(), nullptr, UNINORM_NFKD, nullptr, &size), &std::free};
    return string_of(made, size, text);
}

std::string put_together(std::string_view text) {
    std::size_t size = 0;
    const Text made{u8_normalize(UNINORM_NFC, octets(text), text.size(), nullptr, &size), &std::free};
    return string_of(made, size, text);
}

bool is_accent(ucs4_t c) { return c >= 0x300 && c <= 0x36F; }

bool belongs_to_word(ucs4_t c) {
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N | UC_CATEGORY_MASK_M);
}

/// Of scripts that set no blanks between words: Thai, Lao, Tibetan, Myanmar, Khmer, Hangul, Kana, Bopomofo, Han.
bool stands_alone(ucs4_t c) {
    static constexpr auto kRanges = std::to_array<std::pair<ucs4_t, ucs4_t>>({{0x0E00, 0x0FFF},
                                                                              {0x1000, 0x109F},
                                                                              {0x1780, 0x17FF},
                                                                              {0x3005, 0x3007},
                                                                              {0x3040, 0x312F},
                                                                              {0x31A0, 0x31BF},
                                                                              {0x31F0, 0x31FF},
                                                                              {0x3400, 0x9FFF},
                                                                              {0xAC00, 0xD7A3},
                                                                              {0xF900, 0xFAFF},
                                                                              {0x20000, 0x3FFFF}});
    return std::ranges::any_of(kRanges, [&](const auto& range) { return c >= range.first && c <= range.second; });
}

struct Letter {
    ucs4_t code;
    std::string_view text;
};

/// The text without accents, with the letters' places in it.
class Letters {
  public:
    explicit Letters(std::string_view text) : text_{without_accents(taken_apart(text))} {}

    bool done() const { return at_ == text_.size(); }
    Letter next() {
        ucs4_t code = 0;
        const int length = u8_mbtouc(&code, octets(text_) + at_, text_.size() - at_);
        const auto begin = std::exchange(at_, at_ + static_cast<std::size_t>(length));
        return {code, std::string_view{text_}.substr(begin, static_cast<std::size_t>(length))};
    }

  private:
    static std::string without_accents(const std::string& text) {
        std::string out;
        for (std::size_t at = 0; at < text.size();) {
            ucs4_t code = 0;
            const auto length = static_cast<std::size_t>(u8_mbtouc(&code, octets(text) + at, text.size() - at));
            if (!is_accent(code)) out.append(text, at, length);
            at += length;
        }
        return put_together(out);
    }

    std::string text_;
    std::size_t at_ = 0;
};

/// Gathers letters to words.
class Gatherer {
  public:
    void add(const Letter& letter) {
        if (!belongs_to_word(letter.code)) return end();
        const bool alone = stands_alone(letter.code);
        if (alone != alone_) end();
        alone_ = alone;
        ++letters_;
        if (!alone) {
            if (letters_ <= kMaxLetters) word_ += letter.text;
            return;
        }
        if (!word_.empty()) words_.push_back(word_ + std::string{letter.text});
        word_ = letter.text;
    }
    void end() {
        if (!word_.empty()) {
            words_.push_back(std::exchange(word_, {}));
            last_run_ = alone_ ? letters_ : 0;
        }
        letters_ = 0;
    }
    /// After end(): the characters of a run of those that stand alone, when it came last.
    std::size_t last_run() const { return last_run_; }
    std::size_t count() const { return words_.size(); }
    std::vector<std::string> take() { return std::move(words_); }

  private:
    std::vector<std::string> words_;
    std::string word_;
    std::size_t letters_ = 0;
    std::size_t last_run_ = 0;
    bool alone_ = false;
};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Takes the next word or phrase off the search, without its quotes.
std::string_view next_piece(std::string_view& search) {
    const bool quoted = search.front() == '"';
    if (quoted) search.remove_prefix(1);
    std::size_t size = 0;
    while (size < search.size() && (quoted ? search[size] != '"' : !is_space(search[size]))) ++size;
    const auto piece = search.substr(0, size);
    search.remove_prefix(std::min(search.size(), size + (quoted ? 1 : 0)));
    return piece;
}

Phrase phrase_of(std::string_view piece) {
    Phrase phrase;
    Gatherer gatherer;
    Letters letters{piece};
    while (!letters.done() && gatherer.count() < kMaxWords) gatherer.add(letters.next());
    gatherer.end();
    phrase.words = gatherer.take();
    // In a text a run may go on: its last character by itself is looked for only when there is no other.
    const auto run = gatherer.last_run();
    if (run > 1) phrase.words.pop_back();
    phrase.last_goes_on = run == 1 || (run == 0 && piece.size() > 1 && piece.ends_with('*'));
    return phrase;
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
    Gatherer gatherer;
    Letters letters{text};
    while (!letters.done()) gatherer.add(letters.next());
    gatherer.end();
    return gatherer.take();
}

std::vector<Phrase> phrases_of(std::string_view search) {
    std::vector<Phrase> found;
    while (found.size() < kMaxPhrases) {
        while (!search.empty() && is_space(search.front())) search.remove_prefix(1);
        if (search.empty()) break;
        auto phrase = phrase_of(next_piece(search));
        if (!phrase.words.empty()) found.push_back(std::move(phrase));
    }
    return found;
}

}  // namespace carillon::xmpp
