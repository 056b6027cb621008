/// What is known of uploaded files: whose they are, how long they stay, which content they have.
/// Content is named by its SHA-256 and counted: files of equal content share it.
/// Not here: the content itself (files/file_store.h).
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "config/base/clock.h"
#include "signaling/storage/storage.h"

namespace carillon::storage {

using boost::asio::awaitable;

struct ThumbnailSize {
    int width = 0;  ///< 0: there is none
    int height = 0;
    friend bool operator==(const ThumbnailSize&, const ThumbnailSize&) = default;
};

struct Upload {
    std::string id;     ///< random; part of the address
    std::string owner;  ///< bare JID
    std::string host;   ///< virtual host
    std::string name;   ///< as the user calls the file
    std::string type;   ///< media type, as the user said
    std::uint64_t size = 0;
    std::string hash;  ///< of the content, hexadecimal; empty: not there yet
    WallTime created{};
    WallTime expires{};                 ///< of the slot while the content is not there
    std::chrono::milliseconds keep{0};  ///< how long the content stays; 0: for ever
    WallTime latest = WallTime::max();  ///< at which it goes in any case
    ThumbnailSize thumbnail{};          ///< of the content
    ThumbnailSize image{};              ///< measures of the picture itself; not stored
};

struct UploadLimits {
    std::size_t slots = 0;        ///< open at a time
    std::uint64_t in_period = 0;  ///< octets; 0: no bound, both
    std::uint64_t in_all = 0;
    WallTime period_begin{};
};

enum class UploadRefusal : std::uint8_t { none, too_many_slots, period_used_up, space_used_up, disk_full };

struct UploadReservation {
    UploadRefusal refusal = UploadRefusal::none;
    std::optional<WallTime> oldest;  ///< when refused for the period: the first upload that counts
};

class UploadStore {
  public:
    virtual ~UploadStore() = default;
    /// Keeps a place for a file, within the owner's limits.
    virtual awaitable<UploadReservation> reserve(Upload upload, UploadLimits limits) = 0;
    virtual awaitable<std::optional<Upload>> find(std::string id) = 0;  ///< expired or not
    /// The content has come. `publish` makes it visible under its name; it runs in turn with `collect`'s `remove`.
    /// False: the place is gone or taken; nothing is published.
    virtual awaitable<bool> complete(std::string id, std::string hash, WallTime now, std::function<void()> publish) = 0;
    virtual awaitable<void> set_thumbnail(std::string hash, ThumbnailSize size) = 0;
    /// Forgets what has expired, at most `limit` files; content that nobody refers to any more is given to `remove`.
    virtual awaitable<std::size_t> collect(WallTime now, std::size_t limit,
                                           std::function<void(const std::string& hash)> remove) = 0;
    /// That file goes at the next collection.
    virtual awaitable<void> expire(std::string id) = 0;
    /// Octets of one owner's files.
    virtual awaitable<std::uint64_t> used(std::string owner, WallTime now) = 0;
    /// Those of `hashes` that no file refers to are given to `remove`, in turn with `publish`. Says how many.
    virtual awaitable<std::size_t> remove_unknown(std::vector<std::string> hashes,
                                                  std::function<void(const std::string& hash)> remove) = 0;
};

/// A storage that has such a store.
class HasUploads {
  public:
    virtual ~HasUploads() = default;
    virtual UploadStore& uploads() = 0;
};
/// Throws StorageError when that storage has none.
inline UploadStore& uploads_of(Storage& storage) {
    auto* has = dynamic_cast<HasUploads*>(&storage);
    if (!has) throw StorageError{"there is no place for uploads"};
    return has->uploads();
}

}  // namespace carillon::storage
