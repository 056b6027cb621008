#include "signaling/daemon/recordings_api.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <fstream>
#include <memory>
#include <optional>
#include <vector>

#include <openssl/crypto.h>

#include "config/base/log.h"
#include "signaling/files/file_source.h"
#include "signaling/runtime/on_pool.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::daemon {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using boost::asio::awaitable;
using runtime::on_pool;

constexpr std::string_view kTree = "/api/";
constexpr std::string_view kRecordings = "/api/recordings";
constexpr std::string_view kCalls = "/api/calls";
constexpr std::size_t kLeastToken = 32;
constexpr std::size_t kMostListed = 10'000;

struct Kind {
    std::string_view ending, type;
};
constexpr std::array<Kind, 3> kKinds{{{".opus", "audio/ogg"}, {".webm", "video/webm"}, {".mkv", "video/x-matroska"}}};

std::string_view type_of(std::string_view name) {
    const auto kind = std::ranges::find_if(kKinds, [&](const Kind& each) { return name.ends_with(each.ending); });
    return kind == kKinds.end() ? std::string_view{} : kind->type;
}

http::Response answer(unsigned status, const json::value& body) {
    http::Response out;
    out.status = status;
    out.type = "application/json";
    out.body = json::serialize(body) + "\n";
    out.headers.emplace_back("Cache-Control", "no-store");
    return out;
}

http::Response fault(unsigned status, std::string_view code, std::string_view text) {
    return answer(status, json::object{{"error", {{"code", code}, {"text", text}}}});
}

http::Response not_allowed(const char* allow) {
    auto out = fault(405, "bad_request", "That cannot be done with it.");
    out.headers.emplace_back("Allow", allow);
    return out;
}

/// What the commands of the socket call it, in HTTP's words.
unsigned status_of(std::string_view code) {
    if (code == "not_found") return 404;
    if (code == "conflict") return 409;
    if (code == "bad_arguments" || code == "bad_request") return 400;
    return code == "unavailable" ? 503 : 500;
}

http::Response from_reply(const admin::Reply& reply) {
    return reply ? answer(200, *reply) : fault(status_of(reply.error().code), reply.error().code, reply.error().text);
}

/// A plain file of the folder's own, null when it is none; no link is followed.
std::shared_ptr<files::FileStore::Reader> open_plain(const fs::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) return nullptr;
    auto file = std::make_shared<files::FileStore::Reader>(descriptor);
    struct stat facts{};
    return ::fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode) ? file : nullptr;
}

struct Listed {
    std::string name;
    std::uint64_t octets;
    WallTime changed;
};

/// Newest first.
std::vector<Listed> list_files(const fs::path& folder) {
    std::vector<Listed> out;
    std::error_code error;
    for (fs::directory_iterator at{folder, error}, end; !error && at != end; at.increment(error)) {
        const auto name = at->path().filename().string();
        std::error_code vanished;
        if (!is_recording_name(name) || !at->is_regular_file(vanished) || at->is_symlink(vanished)) continue;
        const auto size = at->file_size(vanished);
        const auto changed = at->last_write_time(vanished);
        if (vanished || out.size() >= kMostListed) continue;
        const auto wall = std::chrono::file_clock::to_sys(changed);
        out.push_back({name, size, std::chrono::time_point_cast<WallTime::duration>(wall)});
    }
    std::ranges::sort(out, [](const Listed& a, const Listed& b) { return a.changed > b.changed; });
    return out;
}

class RecordingsApi {
  public:
    RecordingsApi(const admin::Registry& commands, Secret token, fs::path folder, boost::asio::thread_pool& disk)
        : commands_{commands}, token_{std::move(token)}, folder_{std::move(folder)}, disk_{disk} {}

    awaitable<http::Response> handle(const http::Request& request) const {
        if (!request.secure()) co_return fault(403, "bad_request", "Only over TLS, or from the server's own host.");
        if (!knows_token(request)) {
            log::warning("recordings API refused: no or a wrong token", {{"peer", request.peer}});
            auto out = fault(401, "bad_request", "The token is missing or wrong.");
            out.headers.emplace_back("WWW-Authenticate", "Bearer");
            co_return out;
        }
        std::string_view path = request.path;
        if (path == kRecordings) co_return co_await list(request);
        if (path.starts_with(kRecordings) && path[kRecordings.size()] == '/') {
            std::string name{path.substr(kRecordings.size() + 1)};
            co_return co_await one(request, std::move(name));
        }
        if (path == kCalls) co_return co_await calls(request);
        constexpr std::string_view kEnd = "/recording";
        if (path.starts_with(kCalls) && path[kCalls.size()] == '/' && path.ends_with(kEnd) &&
            path.size() > kCalls.size() + 1 + kEnd.size()) {
            std::string id{path.substr(kCalls.size() + 1, path.size() - kCalls.size() - 1 - kEnd.size())};
            co_return co_await record(request, std::move(id));
        }
        co_return fault(404, "not_found", "There is no such thing.");
    }

  private:
    /// RFC 6750 §2.1; in constant time.
    bool knows_token(const http::Request& request) const {
        constexpr std::string_view kScheme = "Bearer ";
        const auto given = request.field("authorization");
        if (!given.starts_with(kScheme)) return false;
        const auto token = given.substr(kScheme.size());
        const auto& wanted = token_.reveal();
        return token.size() == wanted.size() && CRYPTO_memcmp(token.data(), wanted.data(), wanted.size()) == 0;
    }

    awaitable<http::Response> list(const http::Request& request) const {
        if (request.method != "GET" && request.method != "HEAD") co_return not_allowed("GET, HEAD");
        auto work = [folder = folder_] { return list_files(folder); };
        const auto files = co_await on_pool(disk_, work);
        json::array out;
        for (const auto& file : files)
            out.push_back(json::object{{"name", file.name},
                                       {"type", type_of(file.name)},
                                       {"octets", file.octets},
                                       {"changed", xmpp::to_datetime(file.changed)}});
        co_return answer(200, out);
    }

    awaitable<http::Response> one(const http::Request& request, std::string name) const {
        if (!is_recording_name(name)) co_return fault(404, "not_found", "There is no such recording.");
        if (request.method == "DELETE") {
            log::warning("recording deleted", {{"name", name}, {"peer", request.peer}});
            auto remove = [path = folder_ / name] {
                std::error_code error;
                return fs::remove(path, error);
            };
            const bool gone = co_await on_pool(disk_, remove);
            if (!gone) co_return fault(404, "not_found", "There is no such recording.");
            co_return answer(200, json::object{{"name", name}});
        }
        if (request.method != "GET" && request.method != "HEAD") co_return not_allowed("DELETE, GET, HEAD");
        auto open = [path = folder_ / name] { return open_plain(path); };
        auto file = co_await on_pool(disk_, open);
        if (!file) co_return fault(404, "not_found", "There is no such recording.");
        log::info("recording fetched", {{"name", name}, {"peer", request.peer}});
        co_return content(request, name, std::move(file));
    }

    http::Response content(const http::Request& request, const std::string& name,
                           std::shared_ptr<files::FileStore::Reader> file) const {
        http::Response out;
        const auto size = file->size();
        auto wanted = files::select_range(request.field("range"), size);
        out.headers = {{"Accept-Ranges", "bytes"}, {"Cache-Control", "no-store"}};
        if (wanted.kind == files::RangeAnswer::Kind::unsatisfiable) {
            out.status = 416;
            out.headers.emplace_back("Content-Range", "bytes */" + std::to_string(size));
            return out;
        }
        if (wanted.kind == files::RangeAnswer::Kind::whole) wanted.range = {0, size};
        if (wanted.kind == files::RangeAnswer::Kind::part) {
            out.status = 206;
            out.headers.emplace_back("Content-Range", "bytes " + std::to_string(wanted.range.begin) + "-" +
                                                          std::to_string(wanted.range.begin + wanted.range.length - 1) +
                                                          "/" + std::to_string(size));
        }
        out.type = type_of(name);
        out.source = std::make_shared<files::FileSource>(std::move(file), wanted.range, disk_);
        return out;
    }

    awaitable<http::Response> calls(const http::Request& request) const {
        if (request.method != "GET" && request.method != "HEAD") co_return not_allowed("GET, HEAD");
        const json::object nothing;
        const auto reply = co_await commands_.run("call.list", nothing);
        co_return from_reply(reply);
    }

    /// POST begins it, DELETE ends it.
    awaitable<http::Response> record(const http::Request& request, std::string id) const {
        if (request.method != "POST" && request.method != "DELETE") co_return not_allowed("DELETE, POST");
        const json::object arguments{{"id", id},
                                     {"action", request.method == "POST" ? "start" : "stop"},
                                     {"operator", "HTTP from " + request.peer}};
        const auto reply = co_await commands_.run("call.record", arguments);
        co_return from_reply(reply);
    }

    const admin::Registry& commands_;
    Secret token_;
    fs::path folder_;
    boost::asio::thread_pool& disk_;
};

}  // namespace

std::expected<Secret, std::string> read_api_token(const fs::path& file) {
    std::ifstream in{file};
    std::string token;
    if (!std::getline(in, token)) return std::unexpected{"admin.api_token_file: " + file.string() + " cannot be read."};
    while (!token.empty() && (token.back() == '\r' || token.back() == ' ')) token.pop_back();
    if (token.size() < kLeastToken)
        return std::unexpected{"admin.api_token_file: the secret in " + file.string() +
                               " has less than 32 characters."};
    return Secret{std::move(token)};
}

bool is_recording_name(std::string_view name) {
    const auto plain = [](unsigned char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
               c == '.';
    };
    return name.size() <= 255 && !name.starts_with('.') && std::ranges::all_of(name, plain) && !type_of(name).empty();
}

void add_recordings_api(http::Routes& routes, const admin::Registry& commands, Secret token, fs::path folder,
                        boost::asio::thread_pool& disk) {
    const auto api = std::make_shared<const RecordingsApi>(commands, std::move(token), std::move(folder), disk);
    routes.add_tree(std::string{kTree},
                    [api](const http::Request& request, http::Body&) { return api->handle(request); });
}

}  // namespace carillon::daemon
