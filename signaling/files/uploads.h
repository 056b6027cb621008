/// Uploaded files of the whole process: slots, the way in and out over HTTP, and what has had its day.
/// Spec: XEP-0363 1.2.0 §5 (slots), §10 (files are never run); RFC 9110 (§13 conditions, §14 ranges), Fetch (CORS).
/// Not here: who may upload how much (modules/http_upload), the shape of addresses (address.h).
#pragma once
#include <expected>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "config/base/clock.h"
#include "config/base/secret.h"
#include "signaling/files/file_store.h"
#include "signaling/http/routes.h"
#include "signaling/storage/upload_store.h"

namespace carillon::files {

using boost::asio::awaitable;

/// Where a slot's content goes and where it is found: paths, to be put behind the address of the web server.
struct Slot {
    std::string put;
    std::string get;
};

/// Threading: open_slot() and recent() from any thread; the rest on the thread of the HTTP server.
/// Owns: the threads that work on the disk and wait for thumbnails.
class Uploads {
  public:
    /// Throws std::filesystem::filesystem_error when the folder cannot be made.
    /// `thumbnailer`: the program (thumbnailer.h); empty: there are no thumbnails.
    Uploads(storage::UploadStore& store, std::filesystem::path folder, Secret secret,
            std::filesystem::path thumbnailer = {}, const Clock& clock = SystemClock::instance());
    ~Uploads();

    /// `wanted`: owner, host, name, type, size, keep; the rest is filled in here.
    awaitable<std::expected<Slot, storage::UploadReservation>> open_slot(storage::Upload wanted,
                                                                         storage::UploadLimits limits);
    /// A file that came in lately, by its path.
    std::optional<storage::Upload> recent(std::string_view path) const;
    std::uint64_t free_space() const { return content_.free_space(); }

    // Files that the server itself keeps for a user, or reads: from any thread.
    /// Takes in a copy of `file`, at once; the answer has id, size and hash. `wanted`: as for open_slot(), but the
    /// size.
    awaitable<std::expected<storage::Upload, storage::UploadReservation>> keep(std::filesystem::path file,
                                                                               storage::Upload wanted,
                                                                               storage::UploadLimits limits);
    /// A file that is there, by its path behind the address of the web server.
    awaitable<std::optional<storage::Upload>> find(std::string path);
    awaitable<bool> copy(std::string hash, std::filesystem::path to);
    awaitable<void> forget(std::string id) { return store_.expire(std::move(id)); }
    std::filesystem::path content(const std::string& hash) const { return content_.path_of(hash); }

    void add_to(http::Routes& routes);
    /// From now on files that have had their day go, every `interval`.
    void start(boost::asio::io_context& io, std::chrono::milliseconds interval);
    void stop();

  private:
    struct Arrival;  // of one file
    awaitable<http::Response> handle(const http::Request& request, http::Body& body);
    awaitable<http::Response> put(const http::Request& request, http::Body& body, std::string id);
    awaitable<http::Response> take_in(http::Body& body, storage::Upload upload);
    awaitable<http::Response> get(const http::Request& request, std::string id, std::string name);
    awaitable<http::Response> get_thumbnail(const http::Request& request, storage::Upload upload);
    awaitable<void> add_thumbnail(storage::Upload& upload);
    awaitable<void> sweep(std::chrono::milliseconds interval);
    awaitable<void> remove_strangers();
    awaitable<void> remove_expired();
    void remember(storage::Upload upload);

    storage::UploadStore& store_;
    FileStore content_;
    Secret secret_;
    std::filesystem::path thumbnailer_;
    const Clock& clock_;
    std::size_t thumbnails_under_way_ = 0;
    std::shared_ptr<std::set<std::string>> arriving_ = std::make_shared<std::set<std::string>>();  ///< ids
    std::shared_ptr<boost::asio::steady_timer> timer_;
    mutable std::mutex mutex_;
    std::list<storage::Upload> recent_;  ///< newest first
    std::unordered_map<std::string, std::list<storage::Upload>::iterator> recent_by_id_;
    boost::asio::thread_pool disk_{1};
    boost::asio::thread_pool thumbnails_{1};
};

}  // namespace carillon::files
