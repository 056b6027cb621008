/// Words of a text in many languages, and what is looked for in them.
#include "signaling/xmpp/words.h"

#include <gtest/gtest.h>

namespace carillon::xmpp {
namespace {

using Words = std::vector<std::string>;

TEST(Words, CaseWidthAndAccentsMakeNoDifference) {
    EXPECT_EQ(words_of("The Quick\tbrown-fox, 2nd!"), (Words{"the", "quick", "brown", "fox", "2nd"}));
    EXPECT_EQ(words_of("K\u00e4se"), words_of("KA\u0308SE"));
    EXPECT_EQ(words_of("Stra\u00dfe"), Words{"strasse"});
    EXPECT_EQ(words_of("\uff21\uff42\uff11"), Words{"ab1"}) << "wide letters";
    EXPECT_EQ(words_of("\ufb01n"), Words{"fin"}) << "a ligature";
    EXPECT_EQ(words_of("\u041c\u043e\u0441\u043a\u0432\u0430"), Words{"\u043c\u043e\u0441\u043a\u0432\u0430"});
    EXPECT_EQ(words_of("it's"), (Words{"it", "s"}));
    EXPECT_EQ(words_of(" ... \U0001f600 "), Words{});
    EXPECT_EQ(words_of(""), Words{});
}

TEST(Words, OfScriptsWithoutBlanksArePairs) {
    EXPECT_EQ(words_of("\u6771\u4eac\u90fd"), (Words{"\u6771\u4eac", "\u4eac\u90fd", "\u90fd"}));
    EXPECT_EQ(words_of("\u6771"), Words{"\u6771"});
    EXPECT_EQ(words_of("ab\u6771\u4eacc"), (Words{"ab", "\u6771\u4eac", "\u4eac", "c"}));
    EXPECT_EQ(words_of("\uc11c\uc6b8"), (Words{"\uc11c\uc6b8", "\uc6b8"})) << "Hangul, not its parts";
    EXPECT_EQ(words_of("\u0e44\u0e17\u0e22").size(), 3u) << "Thai";
}

TEST(Words, BeyondTheirLengthAreCut) {
    EXPECT_EQ(words_of(std::string(1000, 'a')), Words{std::string(64, 'a')});
    EXPECT_EQ(phrases_of(std::string(1000, 'a')).front().words, Words{std::string(64, 'a')});
}

TEST(Words, WhatIsNoUtf8SetsThemApart) {
    EXPECT_EQ(words_of("a\xff\xfe"
                       "b\xc3"),
              (Words{"a", "b"}));
}

TEST(Phrases, AreWordsAndWhatStandsInQuotes) {
    const std::vector<Phrase> wanted{{{"brown", "fox"}, false}, {{"jum"}, true}, {{"x", "y"}, false}};
    EXPECT_EQ(phrases_of(" \"Brown Fox\" jum*  x-y \"\" -- "), wanted);
    EXPECT_EQ(phrases_of("*"), std::vector<Phrase>{});
    EXPECT_EQ(phrases_of("\"never closed"), (std::vector<Phrase>{{{"never", "closed"}, false}}));
}

TEST(Phrases, OfOneCharacterBeginAPair) {
    EXPECT_EQ(phrases_of("\u6771"), (std::vector<Phrase>{{{"\u6771"}, true}}));
    EXPECT_EQ(phrases_of("\u6771\u4eac"), (std::vector<Phrase>{{{"\u6771\u4eac"}, false}}));
    EXPECT_EQ(phrases_of("\u6771\u4eac*"), (std::vector<Phrase>{{{"\u6771\u4eac"}, false}}));
    EXPECT_EQ(phrases_of("\u6771\u4eacx"), (std::vector<Phrase>{{{"\u6771\u4eac", "\u4eac", "x"}, false}}));
    EXPECT_EQ(phrases_of("\u6771\u4eac\u3002"), (std::vector<Phrase>{{{"\u6771\u4eac"}, false}}));
    EXPECT_EQ(phrases_of("x\u6771"), (std::vector<Phrase>{{{"x", "\u6771"}, true}}));
}

TEST(Phrases, AreBounded) {
    std::string many;
    for (int i = 0; i < 100; ++i) many += "w" + std::to_string(i) + ' ';
    EXPECT_EQ(phrases_of(many).size(), 20u);
    EXPECT_LE(phrases_of('"' + many + many + '"').front().words.size(), 101u);
}

}  // namespace
}  // namespace carillon::xmpp
