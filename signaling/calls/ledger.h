/// Calls that are under way, in files that outlive the process: the next one goes on with them.
/// Spec: docs/calls.md.  Not here: a call as text (call_state.h), the files (journal/).
#pragma once
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "signaling/calls/call_state.h"
#include "signaling/journal/journal.h"

namespace carillon::calls {

/// A service of the process. Threading: any; keep() of one shard by that shard alone.
class CallLedger {
  public:
    /// `folder` is made when it is missing, readable by its owner alone. The error is for people.
    static std::expected<std::unique_ptr<CallLedger>, std::string> open(const std::filesystem::path& folder,
                                                                        std::size_t shards, WallTime now);

    /// Kept as long as the answer lives, and beyond if the process is killed. nullptr: there is no room.
    std::shared_ptr<void> keep(std::size_t shard, std::string_view state, WallTime now);
    /// Calls of that virtual host that an earlier process has left and that shard owns; each once.
    std::vector<SavedCall> take(std::string_view host, std::size_t shard);
    /// The names that those calls have on workers.
    std::set<std::string, std::less<>> sessions() const;
    /// Whoever wants them has taken them by now: what is left on the disk goes.
    void close_legacy();

  private:
    struct Left {
        std::size_t shard;
        SavedCall saved;
    };
    std::vector<std::unique_ptr<journal::Journal>> journals_;  // by shard
    mutable std::mutex mutex_;                                 // guards left_
    std::vector<Left> left_;
    std::vector<std::filesystem::path> left_files_;
};

}  // namespace carillon::calls
