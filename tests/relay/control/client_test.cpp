/// Signaling's side of the control contract, without a worker.
#include "relay/api/client.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using Local = asio::local::stream_protocol;

/// Whoever asks keeps the client in the callback that waits for the answer, as who asks once and lets go does.
TEST(ControlClient, RequestsThatNobodyAnswersEndWithTheIoContext) {
    std::string folder = std::filesystem::temp_directory_path() / "carillon-client-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    asio::io_context worker;
    Local::acceptor door{worker, Local::endpoint{folder + "/socket"}};
    std::weak_ptr<api::Client> asked;
    Local::socket connection{worker};
    {
        asio::io_context io;
        auto client = std::make_shared<api::Client>(io, folder + "/socket");
        asked = client;
        client->connect([client](const std::expected<void, api::Error>&) { FAIL() << "answered"; });
        client.reset();
        door.accept(connection);
        const auto until = std::chrono::steady_clock::now() + 10s;
        while (connection.available() == 0 && std::chrono::steady_clock::now() < until) io.run_one_for(10ms);
        ASSERT_GT(connection.available(), 0u);  // the Hello is there
        EXPECT_FALSE(asked.expired());
    }
    EXPECT_TRUE(asked.expired());
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace carillon::relay
