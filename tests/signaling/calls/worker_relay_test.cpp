/// A shard's access to real workers, inside one process: choice, refusal, death, what is left from an earlier life.
#include "signaling/calls/worker_relay.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <filesystem>
#include <set>

#include "relay/control/server.h"

namespace carillon::calls {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::udp;

class WithWorkers : public testing::Test {
  protected:
    /// One worker process's inside.
    struct Process {
        Process(asio::io_context& io, const std::string& socket, std::uint16_t first_port,
                const std::string& journal = {})
            : worker{io, options(first_port, journal)}, server{io, socket, worker} {}
        static relay::WorkerOptions options(std::uint16_t first, const std::string& journal) {
            relay::WorkerOptions out;
            out.journal = journal;
            out.ports.bind = {"127.0.0.1"};
            out.ports.first = first;
            out.ports.last = static_cast<std::uint16_t>(first + 99);
            out.media_timeout = 1s;
            return out;
        }
        relay::Worker worker;
        relay::ControlServer server;
    };

    std::string socket(int number) {
        return (std::filesystem::temp_directory_path() /
                ("worker_relay_test." + std::to_string(::getpid()) + "." + std::to_string(number) + ".sock"))
            .string();
    }
    /// Runs the loop until `reached`, at most five seconds.
    bool until(const std::function<bool()>& reached) {
        const auto deadline = std::chrono::steady_clock::now() + 5s;
        while (!reached() && std::chrono::steady_clock::now() < deadline) {
            io_.restart();
            io_.run_one_for(20ms);
        }
        return reached();
    }
    std::expected<StreamPorts, std::string> open(WorkerRelay& relay, const std::string& call,
                                                 const std::string& stream = "s1") {
        std::optional<std::expected<StreamPorts, std::string>> answer;
        relay.open(
            call, {.stream = stream, .open = true, .rtcp = true},
            [this, call](const std::string& which, RelayEvent event) {
                events_.push_back(call + '/' + which + (event == RelayEvent::lost ? " lost" : " silent"));
            },
            [&](auto given) { answer = std::move(given); });
        until([&] { return answer.has_value(); });
        return answer.value_or(std::unexpected{std::string{"no answer"}});
    }
    /// The relay needs a moment to connect.
    std::expected<StreamPorts, std::string> open_when_up(WorkerRelay& relay, const std::string& call) {
        std::expected<StreamPorts, std::string> ports{std::unexpect, "not tried"};
        until([&] { return (ports = open(relay, call)).has_value(); });
        return ports;
    }
    std::size_t count(WorkerRelay& relay, const std::string& call) {
        std::optional<std::vector<StreamCounters>> answer;
        relay.count(call, [&](auto given) { answer = std::move(given); });
        until([&] { return answer.has_value(); });
        return answer ? answer->size() : 0;
    }

    asio::io_context io_;
    std::vector<std::string> events_;
};

TEST_F(WithWorkers, OpensCountsAndCloses) {
    Process process{io_, socket(1), 41000};
    WorkerRelay relay{io_, {socket(1)}, 0, 1};
    const auto ports = open_when_up(relay, "c1");
    ASSERT_TRUE(ports) << ports.error();
    EXPECT_EQ(ports->told[0].size(), 2u);
    EXPECT_EQ(ports->told[1].size(), 2u);
    EXPECT_EQ(count(relay, "c1"), 1u);
    ASSERT_TRUE(open(relay, "c1", "s2"));
    EXPECT_EQ(count(relay, "c1"), 2u);
    bool closed = false;
    relay.close("c1", "s1", [&](const auto& counters) { closed = counters.size() == 1; });
    EXPECT_TRUE(until([&] { return closed; }));
    relay.close("c1", "s2", [](const auto&) {});
    EXPECT_TRUE(until([&] { return process.worker.sessions() == 0; }));
}

TEST_F(WithWorkers, ACallThatComesBeforeItsWorkerWaitsForIt) {
    WorkerRelay relay{io_, {socket(1)}, 0, 1};
    std::optional<std::expected<StreamPorts, std::string>> answer;
    relay.open(
        "c1", {.stream = "s1", .open = true, .rtcp = true}, [](auto&&...) {},
        [&](auto given) { answer = std::move(given); });
    for (int round = 0; round < 10; ++round) {
        io_.restart();
        io_.run_one_for(5ms);
    }
    EXPECT_FALSE(answer);
    Process process{io_, socket(1), 41000};
    ASSERT_TRUE(until([&] { return answer.has_value(); }));
    EXPECT_TRUE(*answer) << answer->error();
}

TEST_F(WithWorkers, SpreadsCallsAndFindsRoomElsewhere) {
    Process one{io_, socket(1), 41100};
    Process two{io_, socket(2), 41200};
    WorkerRelay relay{io_, {socket(1), socket(2)}, 0, 1};
    int calls = 0;
    const auto spread = [&] { return one.worker.sessions() > 0 && two.worker.sessions() > 0; };
    while (!spread() && calls < 50) ASSERT_TRUE(open_when_up(relay, "a" + std::to_string(++calls)));
    EXPECT_TRUE(spread());
    const auto before = one.worker.sessions();
    relay::api::Client operator_{io_, socket(1)};
    bool drained = false;
    operator_.connect([&](const auto&) { operator_.drain(true, [&](const auto&) { drained = true; }); });
    ASSERT_TRUE(until([&] { return drained; }));
    for (const auto* call : {"c3", "c4", "c5"}) ASSERT_TRUE(open(relay, call));
    EXPECT_EQ(one.worker.sessions(), before) << "it drains";
    EXPECT_EQ(one.worker.sessions() + two.worker.sessions(), static_cast<std::size_t>(calls) + 3);
}

TEST_F(WithWorkers, WhatASuccessorDoesNotHaveIsLost) {
    auto process = std::make_unique<Process>(io_, socket(1), 41300);
    WorkerRelay relay{io_, {socket(1)}, 0, 1};
    ASSERT_TRUE(open_when_up(relay, "c1"));
    process.reset();
    process = std::make_unique<Process>(io_, socket(1), 41300);
    EXPECT_TRUE(until([&] { return !events_.empty(); }));
    EXPECT_EQ(events_.at(0), "c1/s1 lost");
    EXPECT_TRUE(open(relay, "c3"));
}

TEST_F(WithWorkers, AWorkerThatStaysAwayLosesItsStreams) {
    auto process = std::make_unique<Process>(io_, socket(1), 41300);
    auto shared = std::make_shared<WorkerRelayShared>();
    shared->grace = 200ms;
    WorkerRelay relay{io_, {socket(1)}, 0, 1, shared};
    ASSERT_TRUE(open_when_up(relay, "c1"));
    process.reset();
    EXPECT_FALSE(open(relay, "c2")) << "it waits for the worker, and not for ever";
    EXPECT_TRUE(until([&] { return !events_.empty(); }));
    EXPECT_EQ(events_.at(0), "c1/s1 lost");
    EXPECT_FALSE(open(relay, "c2"));
}

TEST_F(WithWorkers, ASuccessorThatHasTheStreamsIsGoneOnWith) {
    const auto journal = socket(1) + ".journal";
    auto process = std::make_unique<Process>(io_, socket(1), 41300, journal);
    WorkerRelay relay{io_, {socket(1)}, 0, 1};
    const auto ports = open_when_up(relay, "c1");
    ASSERT_TRUE(ports);
    ASSERT_TRUE(open(relay, "c2"));
    // As after SIGKILL: the journal as it lay there.
    std::filesystem::copy_file(journal, journal + ".kept");
    process.reset();
    std::filesystem::rename(journal + ".kept", journal);
    // Asked for while there is nobody: done when the successor is there.
    bool closed = false;
    relay.close("c2", "s1", [&](const auto& counters) { closed = counters.size() == 1; });
    std::optional<bool> updated;
    relay.update("c1", "s1", Side::caller, {}, [&](bool done) { updated = done; });
    process = std::make_unique<Process>(io_, socket(1), 41300, journal);
    EXPECT_TRUE(until([&] { return updated.has_value() && closed; }));
    EXPECT_EQ(updated, true);
    EXPECT_EQ(process->worker.sessions(), 1u);
    EXPECT_EQ(count(relay, "c1"), 1u);
    const auto again = open(relay, "c1");
    ASSERT_TRUE(again);
    EXPECT_EQ(again->told[0].front().port, ports->told[0].front().port);
    EXPECT_TRUE(events_.empty());
}

TEST_F(WithWorkers, CallsOfAnEarlierLifeAreAdopted) {
    Process process{io_, socket(1), 41400};
    MediaRelay::Place place;
    {
        WorkerRelay before{io_, {socket(1)}, 3, 4};
        ASSERT_TRUE(open_when_up(before, "old"));
        place = before.place("old");
    }
    EXPECT_EQ(place, (MediaRelay::Place{socket(1), "3-old"}));
    auto shared = std::make_shared<WorkerRelayShared>();
    shared->spoken_for = {"3-old"};
    WorkerRelay first{io_, {socket(1)}, 0, 2, shared};  // there are fewer shards now
    WorkerRelay second{io_, {socket(1)}, 1, 2, shared};
    second.adopt("old", place, {"s1", "gone"},
                 [this](const std::string& stream, RelayEvent) { events_.push_back("old/" + stream + " lost"); });
    second.adopt("older", {socket(1), "7-older"}, {"s1"},
                 [this](const std::string& stream, RelayEvent) { events_.push_back("older/" + stream + " lost"); });
    EXPECT_TRUE(until([&] { return events_.size() == 2; }));
    EXPECT_EQ(std::set(events_.begin(), events_.end()), (std::set<std::string>{"old/gone lost", "older/s1 lost"}));
    ASSERT_TRUE(open_when_up(first, "mine"));
    EXPECT_EQ(process.worker.sessions(), 2u);
    EXPECT_EQ(count(second, "old"), 1u);
    EXPECT_EQ(second.place("old"), place);
    ASSERT_TRUE(open(second, "old", "s2")) << "beside its other stream";
    bool closed = false;
    second.close("old", "s1", [](const auto&) {});
    second.close("old", "s2", [&](const auto& counters) { closed = counters.size() == 1; });
    EXPECT_TRUE(until([&] { return closed; }));
    EXPECT_EQ(process.worker.sessions(), 1u);
}

TEST_F(WithWorkers, SilenceIsWhenBothSidesAreQuiet) {
    Process process{io_, socket(1), 41500};
    WorkerRelay relay{io_, {socket(1)}, 0, 1};
    const auto ports = open_when_up(relay, "c1");
    ASSERT_TRUE(ports);
    udp::socket end{io_, udp::endpoint{asio::ip::address_v4::loopback(), 0}};
    std::string rtp(172, '\0');
    rtp[0] = static_cast<char>(0x80);
    rtp[1] = 8;
    const udp::endpoint a{asio::ip::address_v4::loopback(), ports->told[0].front().port};
    const auto speak_until = std::chrono::steady_clock::now() + 2500ms;
    std::uint16_t sequence = 0;
    while (std::chrono::steady_clock::now() < speak_until) {
        rtp[2] = static_cast<char>(++sequence >> 8);
        rtp[3] = static_cast<char>(sequence);
        end.send_to(asio::buffer(rtp), a);
        io_.restart();
        io_.run_for(50ms);
    }
    EXPECT_TRUE(events_.empty()) << "one side speaks: " << events_.front();
    EXPECT_TRUE(until([&] { return !events_.empty(); }));
    EXPECT_EQ(events_.at(0), "c1/s1 silent");
}

}  // namespace
}  // namespace carillon::calls
