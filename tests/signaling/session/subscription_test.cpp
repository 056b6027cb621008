/// Spec: RFC 6121 appendix A, every state and every change.
#include "signaling/session/subscription.h"

#include <gtest/gtest.h>

namespace carillon::session {
namespace {

constexpr std::array kChanges{Change::subscribe, Change::unsubscribe, Change::subscribed, Change::unsubscribed};

/// The nine states of §A.1 by their letters: t(o), f(rom), o(ut pending), i(n pending).
RosterItem state(std::string_view letters) {
    return {.to = letters.contains('t'),
            .from = letters.contains('f'),
            .pending_out = letters.contains('o'),
            .pending_in = letters.contains('i')};
}
std::string letters(const RosterItem& item) {
    return std::string{item.to ? "t" : ""} + (item.from ? "f" : "") + (item.pending_out ? "o" : "") +
           (item.pending_in ? "i" : "");
}

struct Row {
    std::string_view before;
    // For each of subscribe, unsubscribe, subscribed, unsubscribed: passed on (+) or not (-), and the state after.
    std::array<std::string_view, 4> changes;
};

void check(const std::vector<Row>& table, bool out) {
    for (const auto& row : table) {
        for (std::size_t i = 0; i < kChanges.size(); ++i) {
            auto item = state(row.before);
            const auto effect = out ? outbound(item, kChanges[i]) : inbound(item, kChanges[i], "<presence/>");
            EXPECT_EQ((effect.pass ? "+" : "-") + letters(item), row.changes[i])
                << "state '" << row.before << "', change " << i;
        }
    }
}

TEST(Rfc6121SA2Outbound, EveryStateAndChange) {
    check({{"", {"+o", "+", "-", "-"}},
           {"o", {"+o", "+", "-o", "-o"}},
           {"i", {"+oi", "+i", "+f", "+"}},
           {"oi", {"+oi", "+i", "+fo", "+o"}},
           {"t", {"+t", "+", "-t", "-t"}},
           {"ti", {"+ti", "+i", "+tf", "+t"}},
           {"f", {"+fo", "+f", "-f", "+"}},
           {"fo", {"+fo", "+f", "-fo", "+o"}},
           {"tf", {"+tf", "+f", "-tf", "+t"}}},
          true);
}

TEST(Rfc6121SA3Inbound, EveryStateAndChange) {
    check({{"", {"+i", "-", "-", "-"}},
           {"o", {"+oi", "-o", "+t", "+"}},
           {"i", {"-i", "+", "-i", "-i"}},
           {"oi", {"-oi", "+o", "+ti", "+i"}},
           {"t", {"+ti", "-t", "-t", "+"}},
           {"ti", {"-ti", "+t", "-ti", "+i"}},
           {"f", {"-f", "+", "-f", "-f"}},
           {"fo", {"-fo", "+o", "+tf", "+f"}},
           {"tf", {"-tf", "+t", "-tf", "+f"}}},
          false);
}

TEST(Rfc6121S3p4PreApproval, IsKeptUntilAskedFor) {
    auto item = state("");
    EXPECT_FALSE(outbound(item, Change::subscribed).pass);
    EXPECT_TRUE(item.approved);
    const auto effect = inbound(item, Change::subscribe, "");
    EXPECT_TRUE(effect.auto_subscribed && effect.send_presence);
    EXPECT_FALSE(effect.pass) << "the user has answered already";
    EXPECT_TRUE(item.from);
    outbound(item, Change::unsubscribed);
    EXPECT_FALSE(item.approved);
}

TEST(Rfc6121S3p1p3Inbound, ARepeatedRequestIsAnsweredForTheUser) {
    auto item = state("f");
    EXPECT_TRUE(inbound(item, Change::subscribe, "").auto_subscribed);
}

}  // namespace
}  // namespace carillon::session
