#include "signaling/journal/journal.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

namespace carillon::journal {
namespace {

class JournalTest : public testing::Test {
  protected:
    JournalTest() {
        std::filesystem::remove_all(folder);
        std::filesystem::create_directories(folder);
    }
    ~JournalTest() override { std::filesystem::remove_all(folder); }
    std::unique_ptr<Journal> open(Limits limits = {}, const std::string& name = "a") {
        auto opened = Journal::open(folder, name, limits);
        EXPECT_TRUE(opened) << opened.error();
        return std::move(*opened);
    }
    std::vector<std::string> texts() const {
        std::vector<std::string> all;
        for (const auto& record : read_legacy(folder).records) all.push_back(record.text);
        return all;
    }

    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("carillon-journal-test-" + std::to_string(::getpid()));
    const WallTime now{std::chrono::seconds{1'000'000'000}};
};

using Texts = std::vector<std::string>;

TEST_F(JournalTest, WhatIsSettledIsForgottenWhatIsHeldIsThere) {
    const auto journal = open();
    auto one = journal->accept("one", now);
    auto two = journal->accept("two", now);
    two->waits_for(77, 5);
    auto three = journal->accept("three", now);
    one.reset();
    EXPECT_EQ(texts(), (Texts{"two", "three"}));
    EXPECT_EQ(journal->live(), 2u);
    const auto record = read_legacy(folder).records.front();
    EXPECT_EQ(record.stream, 77u);
    EXPECT_EQ(record.sequence, 5u);
    EXPECT_EQ(record.when, now);
    EXPECT_EQ(record.kind, Kind::message);
}

TEST_F(JournalTest, OrderlyEndLeavesOnlyWhatIsLeft) {
    {
        const auto journal = open();
        auto settled = journal->accept("settled", now);
        auto left = journal->accept("left", now);
        auto seen = journal->accept("seen", now);
        auto mark = journal->mark_stream(9, "bob@localhost", now);
        mark->handled(42);
        left->leave();
        seen->leave();
        seen->reached();
        mark->leave();
    }
    const auto legacy = read_legacy(folder);
    ASSERT_EQ(legacy.records.size(), 2u);
    EXPECT_EQ(legacy.records[0].text, "left");
    EXPECT_EQ(legacy.records[1].kind, Kind::stream);
    EXPECT_EQ(legacy.records[1].text, "bob@localhost");
    EXPECT_EQ(legacy.records[1].sequence, 42u);
    EXPECT_EQ(legacy.files.size(), 1u) << "a file without anything live does not stay";
}

TEST_F(JournalTest, AKilledProcessLeavesAllThatItHeld) {
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const auto journal = open();
        std::vector<xmpp::CustodyPtr> held;
        for (int i = 0; i < 1000; ++i) held.push_back(journal->accept("message " + std::to_string(i), now));
        for (int i = 0; i < 1000; i += 2) held[static_cast<std::size_t>(i)].reset();
        ::raise(SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto found = texts();
    ASSERT_EQ(found.size(), 500u);
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i], "message " + std::to_string(2 * i + 1));
}

TEST_F(JournalTest, SegmentsAreUsedAgain) {
    const auto journal = open({.segment = 4096, .segments = 3});
    for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(journal->accept(std::string(100, 'x'), now));
    EXPECT_EQ(journal->live(), 0u);
    EXPECT_EQ(read_legacy(folder).files.size(), 2u);
}

TEST_F(JournalTest, FewOldRecordsDoNotHoldAllSegments) {
    const auto journal = open({.segment = 4096, .segments = 4});
    std::vector<xmpp::CustodyPtr> old;
    for (int i = 0; i < 2000; ++i) {
        auto custody = journal->accept(std::to_string(i) + std::string(100, ' '), now);
        ASSERT_TRUE(custody) << i;
        if (i % 100 == 0) old.push_back(std::move(custody));
    }
    EXPECT_EQ(texts().size(), old.size());
    old.clear();
    EXPECT_EQ(texts(), Texts{});
}

TEST_F(JournalTest, AFullOneRefusesAndRecovers) {
    const auto journal = open({.segment = 4096, .segments = 3});
    std::vector<xmpp::CustodyPtr> held;
    for (int i = 0; i < 200; ++i) {
        if (auto custody = journal->accept(std::string(100, 'x'), now)) held.push_back(std::move(custody));
    }
    EXPECT_GT(journal->refused(), 0u);
    EXPECT_GT(held.size(), 40u);
    held.clear();
    EXPECT_TRUE(journal->accept("again", now));
    EXPECT_FALSE(journal->accept(std::string(5000, 'x'), now)) << "longer than a segment";
}

TEST_F(JournalTest, SettlingComesFromAnyThread) {
    const auto journal = open({.segment = 64 * 1024, .segments = 8});
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 5000; ++i) {
                auto custody = journal->accept("text", now);
                if (custody) custody->waits_for(1, static_cast<std::uint32_t>(i));
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(journal->live(), 0u);
}

TEST_F(JournalTest, DamageCostsOnlyWhatItHit) {
    {
        const auto journal = open();
        for (const auto* text : {"one", "two", "three"}) journal->accept(text, now)->leave();
    }
    const auto file = read_legacy(folder).files.front();
    std::fstream out{file, std::ios::binary | std::ios::in | std::ios::out};
    out.seekp(48 + 20);  // the length of the second record
    out.write("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
    out.close();
    EXPECT_EQ(texts(), Texts{"one"});
}

}  // namespace
}  // namespace carillon::journal
