/// The worker's journal: what a successor needs to go on after the worker was killed.
/// Written with stores into mapped memory, which outlive the process and cost no system call; against the death of the
/// machine it is no help, and needs to be none: the calls die with it.
/// Spec: docs/relay-journal.md.
#pragma once
#include <expected>
#include <filesystem>
#include <memory>
#include <string>

#include "config/base/clock.h"
#include "relay/journal/block_file.h"
#include "relay/journal/reader.h"
#include "relay/journal/record.h"

namespace carillon::relay::journal {

/// Threading: the control thread; records are their streams'.  Owns: the file.
class Journal {
  public:
    /// How long after its last sign of life a worker's streams are still worth taking up.
    static constexpr std::chrono::seconds kFresh{60};
    /// A journal whose streams have killed so many workers in a row is not taken up again.
    static constexpr std::uint32_t kMaxAttempts = 3;
    /// After so long a life the streams are taken for harmless.
    static constexpr std::chrono::seconds kLongLife{10};

    /// Begins a new journal beside `path`; settle() puts it in the place of the old one, whose streams are in by then.
    /// Throws std::runtime_error with the remedy.
    Journal(std::filesystem::path path, std::size_t max_streams, SteadyTime now);
    ~Journal();

    /// What a predecessor has left at `path`; without streams when there is nothing that can be taken up (the log says
    /// why, and what is damaged is set aside as `path`.bad). Throws std::runtime_error when a worker is using it.
    static Contents take_over(const std::filesystem::path& path, SteadyTime now);

    void settle(std::uint32_t attempts);
    BlockFile& file() { return *file_; }
    void set_identity(Bytes identity) { file_->put(file_->header().identity, identity); }
    void set_draining(bool draining) { file_->header().draining = draining ? 1 : 0; }
    /// The worker is alive.
    void beat(SteadyTime now);

  private:
    std::filesystem::path path_;
    SteadyTime begun_;
    std::unique_ptr<BlockFile> file_;
};

}  // namespace carillon::relay::journal
