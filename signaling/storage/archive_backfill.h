/// Finds the words of messages that were archived before there was an index of words, or when it was another.
/// Internal to signaling/storage.
#pragma once
#include <atomic>
#include <memory>

#include "signaling/storage/database.h"

namespace carillon::storage {

/// Threading: start() and close() anywhere, once; the work runs on the database's writer, a little at a time between
/// what others write. How far it has come is on disk: after a restart it goes on from there.
class ArchiveBackfill : public std::enable_shared_from_this<ArchiveBackfill> {
  public:
    explicit ArchiveBackfill(Database& database) : database_{database} {}
    void start();
    /// Nothing more is begun.
    void close() { closed_ = true; }

  private:
    void next(std::chrono::milliseconds delay);
    void step(soci::session& sql);

    static constexpr int kRows = 500;  // in one transaction
    static constexpr std::chrono::milliseconds kPause{20};
    static constexpr std::chrono::milliseconds kRetry{5000};

    Database& database_;
    std::atomic<bool> closed_{false};
    bool done_ = false;  // of the writer's thread
};

}  // namespace carillon::storage
