/// Recordings over HTTP, without sockets: who may, what is found, and that nothing else of the disk is.
#include "signaling/daemon/recordings_api.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <fstream>
#include <optional>

namespace carillon::daemon {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using boost::asio::awaitable;

const std::string kToken(40, 'x');

class NoBody final : public http::Body {
  public:
    std::uint64_t length() const override { return 0; }
    awaitable<std::optional<std::size_t>> read(std::span<char>) override { co_return 0; }
};

class RecordingsApi : public testing::Test {
  protected:
    RecordingsApi() {
        std::string name = (fs::temp_directory_path() / "carillon-recordings-XXXXXX").string();
        folder = ::mkdtemp(name.data());
        write("1-20260101T000000Z-mixed.opus", "0123456789");
        write("1-20260101T000000Z-caller.webm", "pictures");
        write("notes.txt", "not a recording");
        commands.add("call.record", "", [this](const json::object& arguments) -> awaitable<admin::Reply> {
            asked = arguments;
            if (arguments.at("id") == "gone") co_return admin::refuse("not_found", "No call gone.");
            if (arguments.at("id") == "secret") co_return admin::refuse("conflict", "It is encrypted from end to end.");
            co_return admin::Reply{json::object{{"state", "running"}}};
        });
        commands.add("call.list", "",
                     [](const json::object&) -> awaitable<admin::Reply> { co_return admin::Reply{json::array{}}; });
        add_recordings_api(routes, commands, Secret{kToken}, folder, disk);
    }
    ~RecordingsApi() override {
        disk.join();
        fs::remove_all(folder);
    }
    void write(const std::string& name, const std::string& text) const { std::ofstream{folder / name} << text; }

    http::Response ask(const std::string& method, const std::string& path,
                       std::map<std::string, std::string> fields = {}) {
        http::Request request{.method = method,
                              .path = path,
                              .query = {},
                              .body = {},
                              .peer = "192.0.2.1",
                              .encrypted = encrypted,
                              .fields = {}};
        fields.try_emplace("authorization", "Bearer " + kToken);
        for (auto& [name, value] : fields) request.fields[name] = value;
        const auto* tree = routes.tree_of(path);
        if (!tree) return http::plain(404, "");
        NoBody body;
        std::optional<http::Response> out;
        boost::asio::io_context io;
        boost::asio::co_spawn(
            io,
            [&]() -> awaitable<void> {
                auto response = co_await (*tree)(request, body);
                if (response.source) {
                    std::string room(100, '\0');
                    while (const auto got = co_await response.source->read(room)) response.body.append(room, 0, got);
                }
                out = std::move(response);
            },
            [](const std::exception_ptr& problem) {
                if (problem) std::rethrow_exception(problem);
            });
        io.run();
        return out.value();
    }
    static std::string field(const http::Response& response, const std::string& name) {
        for (const auto& [key, value] : response.headers)
            if (key == name) return value;
        return {};
    }

    fs::path folder;
    admin::Registry commands;
    json::object asked;
    boost::asio::thread_pool disk{1};
    http::Routes routes;
    bool encrypted = true;
};

TEST_F(RecordingsApi, Rfc6750S2WantsTheTokenAndASafeWay) {
    EXPECT_EQ(ask("GET", "/api/recordings").status, 200u);
    for (const auto* wrong : {"", "Bearer", "Bearer x", "Basic eDp5"}) {
        const auto refused = ask("GET", "/api/recordings", {{"authorization", wrong}});
        EXPECT_EQ(refused.status, 401u) << wrong;
        EXPECT_EQ(field(refused, "WWW-Authenticate"), "Bearer");
    }
    EXPECT_EQ(ask("GET", "/api/recordings", {{"authorization", "Bearer " + std::string(39, 'x') + "y"}}).status, 401u);
    encrypted = false;
    EXPECT_EQ(ask("GET", "/api/recordings").status, 403u);
}

TEST_F(RecordingsApi, ListsRecordingsAndNothingElse) {
    const auto files = json::parse(ask("GET", "/api/recordings").body).as_array();
    ASSERT_EQ(files.size(), 2u);
    for (const auto& file : files) {
        const bool sound = file.at("type") == "audio/ogg";
        EXPECT_EQ(file.at("octets"), sound ? 10 : 8);
    }
    EXPECT_EQ(ask("PUT", "/api/recordings").status, 405u);
}

TEST_F(RecordingsApi, GivesAFileOrAPartOfIt) {
    const std::string path = "/api/recordings/1-20260101T000000Z-mixed.opus";
    const auto whole = ask("GET", path);
    EXPECT_EQ(whole.status, 200u);
    EXPECT_EQ(whole.type, "audio/ogg");
    EXPECT_EQ(whole.body, "0123456789");
    const auto part = ask("GET", path, {{"range", "bytes=2-4"}});
    EXPECT_EQ(part.status, 206u);
    EXPECT_EQ(part.body, "234");
    EXPECT_EQ(field(part, "Content-Range"), "bytes 2-4/10");
    EXPECT_EQ(ask("GET", path, {{"range", "bytes=20-"}}).status, 416u);
}

TEST_F(RecordingsApi, NeverLeavesItsFolder) {
    fs::create_symlink("/etc/passwd", folder / "link.opus");
    for (const auto* path :
         {"/api/recordings/../secret.opus", "/api/recordings/..%2fsecret.opus", "/api/recordings/notes.txt",
          "/api/recordings/.hidden.opus", "/api/recordings/", "/api/recordings/a/b.opus", "/api/recordings/link.opus",
          "/api/recordingsx", "/api/calls/", "/api/calls/recording", "/api/"})
        EXPECT_EQ(ask("GET", path).status, 404u) << path;
    EXPECT_EQ(json::parse(ask("GET", "/api/recordings").body).as_array().size(), 2u);
}

TEST_F(RecordingsApi, DeletesOne) {
    EXPECT_EQ(ask("DELETE", "/api/recordings/1-20260101T000000Z-caller.webm").status, 200u);
    EXPECT_FALSE(fs::exists(folder / "1-20260101T000000Z-caller.webm"));
    EXPECT_EQ(ask("DELETE", "/api/recordings/1-20260101T000000Z-caller.webm").status, 404u);
}

TEST_F(RecordingsApi, BeginsAndEndsRecordingsOfACall) {
    EXPECT_EQ(ask("POST", "/api/calls/42/recording").status, 200u);
    EXPECT_EQ(asked.at("action"), "start");
    EXPECT_EQ(asked.at("operator"), "HTTP from 192.0.2.1");
    EXPECT_EQ(ask("DELETE", "/api/calls/42/recording").status, 200u);
    EXPECT_EQ(asked.at("action"), "stop");
    EXPECT_EQ(ask("POST", "/api/calls/gone/recording").status, 404u);
    const auto refused = ask("POST", "/api/calls/secret/recording");
    EXPECT_EQ(refused.status, 409u);
    EXPECT_NE(refused.body.find("end to end"), std::string::npos);
    EXPECT_EQ(ask("GET", "/api/calls/42/recording").status, 405u);
    EXPECT_EQ(ask("GET", "/api/calls").body, "[]\n");
}

TEST(ApiToken, IsReadFromAFileAndLongEnough) {
    const auto file = fs::temp_directory_path() / ("carillon-token-" + std::to_string(::getpid()));
    std::ofstream{file} << kToken << "\r\n";
    EXPECT_EQ(read_api_token(file).value().reveal(), kToken);
    std::ofstream{file} << "short\n";
    EXPECT_FALSE(read_api_token(file));
    fs::remove(file);
    EXPECT_FALSE(read_api_token(file));
}

}  // namespace
}  // namespace carillon::daemon
