/// Words of any text: none is empty, none holds what a database's search language knows, and each is found again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "signaling/xmpp/words.h"

using namespace carillon;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

bool is_plain(const std::string& word) {
    return !word.empty() && std::ranges::none_of(word, [](char c) {
        return static_cast<unsigned char>(c) < 0x80 && !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z');
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto words = xmpp::words_of(text);
    check(std::ranges::all_of(words, is_plain));
    const auto phrases = xmpp::phrases_of(text);
    check(phrases.size() <= 20);
    for (const auto& phrase : phrases) {
        check(!phrase.words.empty() && phrase.words.size() <= 102);
        check(std::ranges::all_of(phrase.words, is_plain));
    }
    return 0;
}
