/// The worker's journal: what is written is read back, whatever moment the writer is killed at, and what is damaged is
/// found out.
#include "relay/journal/journal.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace carillon::relay::journal {
namespace {

using namespace std::chrono_literals;

class Folder {
  public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "journal_test.XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::filesystem::path file(const char* name = "worker.journal") const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

std::vector<std::byte> octets_of(const std::filesystem::path& path) {
    std::ifstream in{path, std::ios::binary};
    const std::string text{std::istreambuf_iterator<char>{in}, {}};
    const auto bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
}
void write(const std::filesystem::path& path, Bytes octets) {
    std::ofstream{path, std::ios::binary} << as_text(octets);
}

api::StreamSetup setup(const std::string& name, std::size_t password = 22) {
    return {.stream = name,
            .mode = api::Mode::ice,
            .rtcp = true,
            .a = {.ice = {{"caller", std::string(password, 'a')}}, .remotes = {{1, "192.0.2.1", 4000}}},
            .b = {.ice = {{"callee", std::string(password, 'b')}}, .remotes = {}}};
}

PathSet paths(std::uint16_t port) {
    PathSet set{.count = 1, .in_use = 0, .controlling = 0, .confirmed = 0, .paths = {}};
    set.paths[0] = pack({0, *Address::parse("192.0.2.7", port)});
    return set;
}

const SteadyTime kNow = std::chrono::steady_clock::now();

std::unique_ptr<Record> record(Journal& journal, const std::string& name) {
    return Record::make(journal.file(), "0-call", setup(name), {LegPorts{30000, 30001}, LegPorts{30002, 30003}}, kNow,
                        kNow + 60s);
}

TEST(Journal, AStreamIsReadBackAsItWas) {
    const Folder folder;
    Journal journal{folder.file(), 100, kNow};
    const auto kept = record(journal, "audio");
    kept->save_paths(1, 0, paths(7000));
    kept->save_paths(1, 0, paths(7001));
    kept->save_counters(0,
                        {.packets = 9, .bytes = 90, .stun = 1, .expected = 10, .lost = 1, .late = 0, .duplicates = 0});
    kept->save_point(1, true, {.ssrc = 5, .sequence = 6, .timestamp = 7, .at = kNow});
    api::Program program{.kind = api::Program::Kind::transcode};
    program.a = {.codec = "PCMU"};
    kept->save_program(program);
    auto changed = setup("audio").a;
    changed.ice.push_back({"caller2", std::string(24, 'c')});
    kept->save_leg(0, &changed, {});
    journal.set_draining(true);
    journal.set_identity(as_bytes("a certificate"));
    journal.settle(0);

    const auto read_back = Journal::take_over(folder.file("none"), kNow);
    EXPECT_TRUE(read_back.streams.empty());
    const auto left = read(octets_of(folder.file()), boot_id());
    ASSERT_TRUE(left) << to_string(left.error());
    EXPECT_TRUE(left->draining);
    EXPECT_EQ(as_text(left->identity), "a certificate");
    ASSERT_EQ(left->streams.size(), 1u);
    const auto& stream = left->streams[0];
    EXPECT_EQ(stream.session, "0-call");
    EXPECT_EQ(stream.setup.stream, "audio");
    ASSERT_EQ(stream.setup.a.ice.size(), 2u);
    EXPECT_EQ(stream.setup.a.ice[1].ufrag, "caller2");
    EXPECT_EQ(stream.setup.b.ice[0].pwd, std::string(22, 'b'));
    EXPECT_EQ(stream.legs[0].ports, (LegPorts{30000, 30001}));
    EXPECT_EQ(stream.legs[1].ports, (LegPorts{30002, 30003}));
    EXPECT_EQ(stream.legs[0].paths[0].count, 0);
    ASSERT_EQ(stream.legs[1].paths[0].count, 1);
    EXPECT_EQ(unpack(stream.legs[1].paths[0].paths[0]).address.str(), "192.0.2.7:7001");
    EXPECT_EQ(stream.legs[0].counters.packets, 9u);
    EXPECT_EQ(stream.setup.program, program);
    EXPECT_EQ(stream.legs[1].points[0].ssrc, 0u) << "nothing was said of the sound";
    const auto& point = stream.legs[1].points[1];
    EXPECT_EQ((std::array<std::uint32_t, 3>{point.ssrc, point.sequence, point.timestamp}),
              (std::array<std::uint32_t, 3>{5, 6, 7}));
    EXPECT_EQ(stream.expires, kNow + 60s);
    struct stat about{};
    ASSERT_EQ(::stat(folder.file().c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600u) << "there are keys in it";
}

TEST(Journal, StreamsThatEndGiveTheirBlocksBackAndAreNotReadAgain) {
    const Folder folder;
    Journal journal{folder.file(), 100, kNow};
    journal.settle(0);
    for (int round = 0; round < 200; ++round) {
        std::vector<std::unique_ptr<Record>> many;
        for (int i = 0; i < 20; ++i) many.push_back(record(journal, std::to_string(i)));
        for (const auto& each : many) {
            ASSERT_TRUE(each) << round;
            each->save_leg(0, nullptr, {});
        }
    }
    EXPECT_EQ(journal.file().taken(), 0u);
    EXPECT_TRUE(read(octets_of(folder.file()), boot_id())->streams.empty());
}

TEST(Journal, WithoutRoomAStreamIsNotKeptAndDisturbsNoOther) {
    const Folder folder;
    Journal journal{folder.file(), 0, kNow};  // 64 blocks
    std::vector<std::unique_ptr<Record>> kept;
    while (auto made = record(journal, std::to_string(kept.size()))) kept.push_back(std::move(made));
    ASSERT_GT(kept.size(), 2u);
    // Its new text finds no room: it is given up rather than left with what is not true any more.
    auto large = setup("0", 256).a;
    large.ice.assign(4, large.ice[0]);
    kept[0]->save_leg(0, &large, {});
    EXPECT_FALSE(kept[0]->holds());
    kept[0]->save_paths(0, 0, paths(1));
    journal.settle(0);
    EXPECT_EQ(read(octets_of(folder.file()), boot_id())->streams.size(), kept.size() - 1);
}

TEST(Journal, AWriterKilledAtAnyMomentLeavesWholeStreams) {
    const Folder folder;
    for (int round = 0; round < 40; ++round) {
        int ready[2];
        ASSERT_EQ(::pipe(ready), 0);
        const auto writer = ::fork();
        if (writer == 0) {
            Journal journal{folder.file(), 1000, kNow};
            const auto kept = record(journal, "stays");
            journal.settle(0);
            [[maybe_unused]] const auto told = ::write(ready[1], "x", 1);
            for (std::uint16_t i = 1;; ++i) {
                auto leg = setup("stays").a;
                leg.ice.assign(1 + i % 4, {"ufrag", std::string(22 + i % 200, static_cast<char>('a' + i % 26))});
                kept->save_leg(0, &leg, {});
                kept->save_paths(0, 0, paths(static_cast<std::uint16_t>(i | 1)));
                const auto passing = record(journal, "passes");
                passing->save_paths(1, 1, paths(9));
            }
        }
        char octet = 0;
        ASSERT_EQ(::read(ready[0], &octet, 1), 1);
        for (std::atomic<int> spin = 0; spin < round * 10'000; ++spin) {
        }
        ::kill(writer, SIGKILL);
        ::waitpid(writer, nullptr, 0);
        ::close(ready[0]);
        ::close(ready[1]);
        const auto left = read(octets_of(folder.file()), boot_id());
        ASSERT_TRUE(left);
        EXPECT_EQ(left->damaged, 0u) << round;
        const auto stays =
            std::ranges::find(left->streams, "stays", [](const ReadStream& stream) { return stream.setup.stream; });
        ASSERT_NE(stays, left->streams.end()) << round;
        for (const auto& ice : stays->setup.a.ice)
            EXPECT_EQ(ice.pwd, std::string(ice.pwd.size(), ice.pwd[0])) << "half of one text and half of another";
        EXPECT_LE(stays->legs[0].paths[0].count, 1);
    }
}

TEST(Journal, WhatIsDamagedOfAnotherVersionOrOldIsNotTakenUp) {
    const Folder folder;
    std::vector<std::byte> good;
    {
        Journal journal{folder.file(), 100, kNow};
        const auto kept = record(journal, "audio");
        journal.settle(0);
        good = octets_of(folder.file());
    }
    EXPECT_FALSE(std::filesystem::exists(folder.file())) << "a worker that ends in order leaves none";
    const auto taken = [&](std::vector<std::byte> octets, SteadyTime now = kNow) {
        std::filesystem::remove(folder.file("worker.journal.bad"));
        write(folder.file(), octets);
        return Journal::take_over(folder.file(), now).streams.size();
    };
    const auto set_aside = [&] { return std::filesystem::exists(folder.file("worker.journal.bad")); };
    const auto with = [&](std::size_t at, std::byte value) {
        auto copy = good;
        copy[at] = value;
        return copy;
    };
    EXPECT_EQ(taken(good), 1u);
    EXPECT_EQ(taken(with(0, std::byte{0})), 0u) << "no journal at all";
    EXPECT_TRUE(set_aside());
    EXPECT_EQ(taken(with(offsetof(FileHeader, version), std::byte{9})), 0u) << "another version";
    EXPECT_TRUE(set_aside());
    EXPECT_EQ(taken(with(offsetof(FileHeader, constants), std::byte{0x5A})), 0u) << "damaged";
    EXPECT_TRUE(set_aside());
    EXPECT_EQ(taken({}), 0u);
    EXPECT_TRUE(set_aside());
    EXPECT_EQ(taken({good.begin(), good.begin() + 100}), 0u) << "cut short";
    EXPECT_TRUE(set_aside());
    EXPECT_EQ(taken(good, kNow + Journal::kFresh + 1s), 0u) << "its calls are over long since";
    EXPECT_EQ(taken(good, kNow - 5s), 0u) << "from the future";
    EXPECT_EQ(read(good, "another-boot").error(), Errc::unsupported);
    // A journal that kills whoever takes it up is left alone in the end.
    write(folder.file(), good);
    for (std::uint32_t i = 0; i < Journal::kMaxAttempts; ++i)
        EXPECT_EQ(Journal::take_over(folder.file(), kNow).streams.size(), 1u);
    EXPECT_TRUE(Journal::take_over(folder.file(), kNow).streams.empty());
    EXPECT_TRUE(set_aside());
}

TEST(Journal, AnyOctetMayBeWrong) {
    const Folder folder;
    std::vector<std::byte> good;
    {
        Journal journal{folder.file(), 100, kNow};
        const auto kept = record(journal, "audio");
        kept->save_paths(0, 0, paths(7000));
        journal.settle(0);
        good = octets_of(folder.file());
    }
    good.resize(12 * kBlock);
    for (std::size_t at = 0; at < good.size(); ++at) {
        auto copy = good;
        copy[at] ^= std::byte{0x41};
        const auto left = read(copy, boot_id());
        if (!left || left->streams.empty()) continue;
        EXPECT_EQ(left->streams[0].session, "0-call");
        EXPECT_EQ(left->streams[0].setup.a.ice[0].pwd, std::string(22, 'a'));
        EXPECT_EQ(left->streams[0].legs[0].ports, (LegPorts{30000, 30001}));
        if (left->streams[0].legs[0].paths[0].count > 0) {
            EXPECT_EQ(unpack(left->streams[0].legs[0].paths[0].paths[0]).address.str(), "192.0.2.7:7000");
        }
    }
}

TEST(Journal, TwoWorkersDoNotShareOne) {
    const Folder folder;
    Journal journal{folder.file(), 100, kNow};
    journal.settle(0);
    EXPECT_THROW(Journal::take_over(folder.file(), kNow), std::runtime_error);
}

TEST(IndexCell, IsWholeOrNotThere) {
    for (const std::uint64_t index : {0ull, 1ull, 0xFFFFull, 0x10000ull, 0xFFFF'FFFF'FFFFull}) {
        const auto cell = srtp::pack_index(7, index);
        EXPECT_NE(cell, 0u);
        EXPECT_EQ(srtp::unpack_index(7, cell), index);
        EXPECT_EQ(srtp::unpack_index(8, cell), std::nullopt);
        EXPECT_EQ(srtp::unpack_index(7, cell ^ 0x10), std::nullopt);
    }
    EXPECT_EQ(srtp::unpack_index(7, 0), std::nullopt);
}

stun::TransportAddress address(const char* ip, std::uint16_t port) {
    stun::TransportAddress made{.port = port};
    in_addr parsed{};
    EXPECT_EQ(::inet_pton(AF_INET, ip, &parsed), 1);
    std::memcpy(made.ip.data(), &parsed, sizeof parsed);
    return made;
}

stun::turn::Allocation allocation() {
    stun::turn::Allocation made;
    made.tuple = {address("192.0.2.1", 4000), address("192.0.2.9", 3478), stun::turn::Transport::udp};
    made.owner = {"1790000000:romeo", "romeo", std::string(16, 'k'), stun::turn::PasswordAlgorithm::md5};
    made.made_by.fill(std::byte{7});
    made.relayed_v4 = address("192.0.2.9", 30010);
    made.ticket = "ticket-of-16-oct";
    made.expires = kNow + 600s;
    made.permissions = {{address("192.0.2.77", 0), kNow + 300s}};
    made.channels = {{0x4001, address("192.0.2.77", 5000), kNow + 600s, kNow + 300s}};
    return made;
}

TEST(TurnRecord, IsReadBackAsItWas) {
    const Folder folder;
    Journal journal{folder.file(), 10, kNow};
    auto record = TurnRecord::make(journal.file(), {1, 2, 30010}, allocation());
    ASSERT_TRUE(record);
    journal.settle(0);
    const auto contents = read(octets_of(folder.file()), boot_id());
    ASSERT_TRUE(contents);
    EXPECT_EQ(contents->damaged, 0u);
    EXPECT_TRUE(contents->streams.empty());
    ASSERT_EQ(contents->allocations.size(), 1u);
    const auto& left = contents->allocations.front();
    EXPECT_EQ(left.place.place, 1);
    EXPECT_EQ(left.place.places, 2);
    EXPECT_EQ(left.place.port, 30010);
    const auto wanted = allocation();
    EXPECT_EQ(left.allocation.tuple, wanted.tuple);
    EXPECT_EQ(left.allocation.owner.user_name, wanted.owner.user_name);
    EXPECT_EQ(left.allocation.owner.quota_name, wanted.owner.quota_name);
    EXPECT_EQ(left.allocation.owner.key, wanted.owner.key);
    EXPECT_EQ(left.allocation.made_by, wanted.made_by);
    EXPECT_EQ(left.allocation.relayed_v4, wanted.relayed_v4);
    EXPECT_FALSE(left.allocation.relayed_v6);
    EXPECT_EQ(left.allocation.ticket, wanted.ticket);
    EXPECT_EQ(left.allocation.expires, wanted.expires);
    ASSERT_EQ(left.allocation.permissions.size(), 1u);
    EXPECT_EQ(left.allocation.permissions[0].expires, wanted.permissions[0].expires);
    ASSERT_EQ(left.allocation.channels.size(), 1u);
    EXPECT_EQ(left.allocation.channels[0].number, 0x4001);
    EXPECT_EQ(left.allocation.channels[0].peer, wanted.channels[0].peer);
}

TEST(TurnRecord, WhatIsSavedLastCountsAndWhatHasEndedIsGone) {
    const Folder folder;
    Journal journal{folder.file(), 10, kNow};
    auto changed = allocation();
    const auto empty = journal.file().taken();
    auto record = TurnRecord::make(journal.file(), {0, 1, 30010}, changed);
    changed.channels.clear();
    changed.expires = kNow + 5s;
    for (int i = 0; i < 50; ++i) record->save({0, 1, 30010}, changed);
    journal.settle(0);
    const auto contents = read(octets_of(folder.file()), boot_id());
    ASSERT_TRUE(contents && contents->allocations.size() == 1);
    EXPECT_TRUE(contents->allocations[0].allocation.channels.empty());
    EXPECT_EQ(contents->allocations[0].allocation.expires, kNow + 5s);
    record.reset();
    EXPECT_EQ(journal.file().taken(), empty) << "every block is free again";
    EXPECT_TRUE(read(octets_of(folder.file()), boot_id())->allocations.empty());
}

TEST(TurnRecord, NoOctetThatIsDamagedIsBelieved) {
    const Folder folder;
    Journal journal{folder.file(), 10, kNow};
    const auto record = TurnRecord::make(journal.file(), {0, 1, 30010}, allocation());
    journal.settle(0);
    const auto whole = octets_of(folder.file());
    for (std::size_t at = kBlock; at < 4 * kBlock; ++at) {
        auto damaged = whole;
        damaged[at] ^= std::byte{0x21};
        const auto contents = read(damaged, boot_id());
        if (!contents || contents->allocations.empty()) continue;
        EXPECT_EQ(contents->allocations[0].allocation.tuple, allocation().tuple) << at;
        EXPECT_EQ(contents->allocations[0].allocation.owner.key, allocation().owner.key) << at;
        EXPECT_EQ(contents->allocations[0].place.port, 30010) << at;
    }
}

}  // namespace
}  // namespace carillon::relay::journal
