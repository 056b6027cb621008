#include "signaling/admin/server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include <boost/asio.hpp>
#include <boost/json.hpp>

#include "signaling/ctl/client.h"

namespace carillon::admin {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

/// A plain client that can also misbehave.
class RawClient {
  public:
    explicit RawClient(const std::string& path) : fd_{::socket(AF_UNIX, SOCK_STREAM, 0)} {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        const timeval patience{.tv_sec = 5, .tv_usec = 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        connected = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
    ~RawClient() { ::close(fd_); }
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    void send(std::string_view text) {
        while (!text.empty()) {
            const auto sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    /// Up to a line's end, or what came before the server closed.
    std::string line() {
        std::string out;
        char c = 0;
        while (::recv(fd_, &c, 1, 0) == 1 && c != '\n') out += c;
        return out;
    }
    bool connected = false;

  private:
    int fd_;
};

class AdminServer : public testing::Test {
  protected:
    AdminServer() {
        std::string pattern = (std::filesystem::temp_directory_path() / "carillon-admin-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        path_ = (folder_ / "carillond.sock").string();
        registry_.add("echo", "Answers its arguments", [](const auto& arguments) -> asio::awaitable<Reply> {
            co_return Reply{boost::json::value(arguments)};
        });
        registry_.add("refuse", "Says no",
                      [](const auto&) -> asio::awaitable<Reply> { co_return refuse("not_found", "There is none."); });
        registry_.add("throw", "Fails", [](const auto&) -> asio::awaitable<Reply> {
            throw std::runtime_error{"broken"};
            co_return Reply{};
        });
        registry_.add("wait", "Takes its time", [](const auto&) -> asio::awaitable<Reply> {
            asio::steady_timer timer{co_await asio::this_coro::executor, 600ms};
            co_await timer.async_wait(asio::use_awaitable);
            co_return Reply{};
        });
    }
    ~AdminServer() override {
        stop();
        std::filesystem::remove_all(folder_);
    }
    void start(ServerLimits limits = {}) {
        auto opened = Server::open(io_, path_, registry_, limits);
        ASSERT_TRUE(opened) << opened.error();
        server_ = std::move(*opened);
        thread_ = std::thread{[this] { io_.run(); }};
    }
    void stop() {
        if (!thread_.joinable()) return;
        asio::post(io_, [this] { server_->stop(); });
        thread_.join();
    }

    std::filesystem::path folder_;
    std::string path_;
    Registry registry_;
    asio::io_context io_;
    std::unique_ptr<Server> server_;
    std::thread thread_;
};

TEST_F(AdminServer, AnswersOneLineForEachLine) {
    start();
    RawClient client{path_};
    client.send("{\"command\":\"echo\",\"arguments\":{\"a\":1}}\n{\"command\":\"echo\"}\n");
    // Commands learn who asks, by the credentials of the socket, whatever the request says.
    const auto who = "(uid " + std::to_string(::getuid()) + ", pid " + std::to_string(::getpid()) + ")\"}}";
    auto line = client.line();
    EXPECT_TRUE(line.starts_with(R"({"result":{"a":1,"operator":")") && line.ends_with(who)) << line;
    line = client.line();
    EXPECT_TRUE(line.starts_with(R"({"result":{"operator":")") && line.ends_with(who)) << line;
    client.send("{\"command\":\"echo\",\"arguments\":{\"operator\":\"somebody else\"}}\n");
    line = client.line();
    EXPECT_TRUE(line.ends_with(who)) << line;
}

TEST_F(AdminServer, TellsErrorsAndGoesOn) {
    start();
    RawClient client{path_};
    for (const auto* bad : {"", "no json", "[]", "{}", R"({"command":3})", R"({"command":"echo","arguments":[]})"}) {
        client.send(std::string{bad} + '\n');
        EXPECT_NE(client.line().find("bad_request"), std::string::npos) << bad;
    }
    client.send("{\"command\":\"nonesuch\"}\n{\"command\":\"throw\"}\n{\"command\":\"refuse\"}\n");
    EXPECT_NE(client.line().find("unknown_command"), std::string::npos);
    EXPECT_EQ(client.line(), R"({"error":{"code":"failed","text":"broken"}})");
    EXPECT_EQ(client.line(), R"({"error":{"code":"not_found","text":"There is none."}})");
    client.send("{\"command\":\"help\"}\n");
    EXPECT_NE(client.line().find("Takes its time"), std::string::npos);
}

TEST_F(AdminServer, SocketIsTheOwnersAlone) {
    start();
    struct stat info{};
    ASSERT_EQ(::stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    stop();
    EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(AdminServer, RefusesOversizeLines) {
    start({.line = 1000});
    RawClient client{path_};
    client.send(std::string(5000, 'x'));
    EXPECT_NE(client.line().find("too_large"), std::string::npos);
    EXPECT_EQ(client.line(), "");  // closed
}

TEST_F(AdminServer, LetsSilentAndSlowOnesGo) {
    start({.idle = 50ms, .command = 100ms});
    RawClient silent{path_};
    RawClient half{path_};
    half.send("{\"comm");
    RawClient slow{path_};
    slow.send("{\"command\":\"wait\"}\n");
    EXPECT_EQ(silent.line(), "");
    EXPECT_EQ(half.line(), "");
    EXPECT_EQ(slow.line(), "");
}

TEST_F(AdminServer, TurnsAwayMoreClientsThanAllowed) {
    start({.clients = 2});
    RawClient first{path_};
    RawClient second{path_};
    first.send("{\"command\":\"echo\"}\n");
    second.send("{\"command\":\"echo\"}\n");
    EXPECT_TRUE(first.line().starts_with(R"({"result":)"));
    EXPECT_TRUE(second.line().starts_with(R"({"result":)"));
    RawClient third{path_};
    EXPECT_NE(third.line().find("unavailable"), std::string::npos);
}

TEST_F(AdminServer, ReplacesADeadSocketButNotALiveOneNorAFile) {
    start();
    asio::io_context other;
    const auto second = Server::open(other, path_, registry_);
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().find("another server"), std::string::npos);
    const auto plain = (folder_ / "plain").string();
    std::ofstream{plain} << "text";
    EXPECT_FALSE(Server::open(other, plain, registry_));
    EXPECT_TRUE(std::filesystem::exists(plain));

    const auto dead = (folder_ / "dead.sock").string();
    {
        asio::io_context gone;
        asio::local::stream_protocol::acceptor left{gone, asio::local::stream_protocol::endpoint{dead}};
    }
    ASSERT_TRUE(std::filesystem::exists(dead));
    EXPECT_TRUE(Server::open(other, dead, registry_));
}

TEST_F(AdminServer, ServesTheCommandLinesClient) {
    start();
    const auto answer = ctl::request(path_, "echo", {{"jid", "ann@localhost"}});
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->at("jid").as_string(), "ann@localhost");
    const auto refused = ctl::request(path_, "refuse", {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().exit, ctl::Exit::refused);
    EXPECT_EQ(refused.error().text, "There is none.");
    const auto nobody = ctl::request((folder_ / "none.sock").string(), "echo", {});
    ASSERT_FALSE(nobody);
    EXPECT_EQ(nobody.error().exit, ctl::Exit::unreachable);
}

TEST(AdminRegistry, RefusesTwoOwnersOfOneName) {
    Registry registry;
    registry.add("a", "", {});
    EXPECT_THROW(registry.add("a", "", {}), std::logic_error);
}

TEST(AdminRegistry, ChecksArguments) {
    const boost::json::object arguments{{"jid", "a@b"}, {"count", 5}, {"empty", ""}};
    EXPECT_EQ(text_argument(arguments, "jid"), "a@b");
    EXPECT_EQ(text_argument(arguments, "count").error().code, "bad_arguments");
    EXPECT_EQ(text_argument(arguments, "empty").error().code, "bad_arguments");
    EXPECT_EQ(text_argument(arguments, "none").error().code, "bad_arguments");
    EXPECT_EQ(number_argument(arguments, "count", 1, 10, 7), 5);
    EXPECT_EQ(number_argument(arguments, "none", 1, 10, 7), 7);
    EXPECT_EQ(number_argument(arguments, "count", 1, 4, 1).error().code, "bad_arguments");
    EXPECT_EQ(number_argument(arguments, "jid", 1, 4, 1).error().code, "bad_arguments");
}

}  // namespace
}  // namespace carillon::admin
