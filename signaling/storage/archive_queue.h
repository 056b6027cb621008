/// Archive entries on their way to disk: gathered from all threads for a moment, then committed together.
/// Internal to signaling/storage.
/// Not here: reading (archive_store.cpp).
#pragma once
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

#include "signaling/storage/archive_store.h"
#include "signaling/storage/database.h"

namespace carillon::storage {

/// Threading: any thread; write() runs on the database's writer.
/// One flush to disk serves everything that came within the commit interval, so its price is shared; delivery does not
/// wait for it.
class ArchiveQueue : public std::enable_shared_from_this<ArchiveQueue> {
  public:
    explicit ArchiveQueue(Database& database) : database_{database} {}

    bool append(ArchiveEntry entry);
    /// Commits what waits without further delay; before whatever is asked of the writer afterwards.
    void hurry();
    bool idle() const { return unwritten_.load(std::memory_order_acquire) == 0; }
    /// Nothing is tried again from here on.
    void close() { closed_ = true; }

  private:
    void schedule(std::chrono::milliseconds delay);
    void take();
    void write(soci::session& sql);
    void written(bool committed);

    static constexpr std::chrono::milliseconds kInterval{100};
    static constexpr std::chrono::milliseconds kRetry{1000};
    static constexpr std::size_t kMaxOctets = 64 * 1024 * 1024;

    Database& database_;
    std::mutex mutex_;
    std::vector<ArchiveEntry> waiting_;
    std::size_t octets_ = 0;  // of waiting_ and batch_
    bool scheduled_ = false;
    std::atomic<std::size_t> unwritten_{0};
    std::atomic<bool> closed_{false};
    std::vector<ArchiveEntry> batch_;  // of the writer's thread: it stays here until it is committed
};

/// FNV-1a: the number that stands for a bare JID in the indices. It is on disk: it never changes.
std::int64_t jid_number(std::string_view bare);

}  // namespace carillon::storage
