/// Messages that were accepted and are not settled yet, in files that outlive the process: taking one costs a copy into
/// mapped memory, and no system call. What a process leaves behind, its successor takes over.
/// Holds against the death of the process. Against that of the machine only as far as the kernel has written the pages
/// back, which takes it some seconds.
/// Spec: XEP-0198 §4 (what "handled" promises).
/// Not here: who settles a message (xmpp/custody.h), what becomes of one that is found again (stream/recovery.h).
#pragma once
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/base/clock.h"
#include "signaling/xmpp/custody.h"

namespace carillon::journal {

enum class Kind : std::uint32_t {
    message = 1,  ///< text: the stanza; stream and sequence: where it waits for an acknowledgement, 0 if nowhere
    stream = 2,   ///< text: the user's bare JID; sequence: how many stanzas the stream has handled
};

struct Record {
    Kind kind;
    std::string text;
    std::uint64_t stream = 0;
    std::uint32_t sequence = 0;
    WallTime when;
};

/// A managed stream that can be resumed; what it has handled is remembered as long as this lives, and after leave().
/// Threading: one thread.
class StreamMark {
  public:
    virtual ~StreamMark() = default;
    virtual void handled(std::uint32_t count) = 0;
    virtual void leave() = 0;
};

struct Limits {
    std::size_t segment = 1024 * 1024;  ///< octets of a file; a longer text is not taken
    std::size_t segments = 64;          ///< files of one journal
};

/// Threading: any thread. What it hands out may outlive it.
class Journal {
  public:
    /// Files of this name prefix in `folder` must not exist. The error is for people.
    static std::expected<std::unique_ptr<Journal>, std::string> open(const std::filesystem::path& folder,
                                                                     const std::string& name, Limits limits = {});
    ~Journal();

    /// nullptr when it is full or the text too long: then nothing outlives the process.
    xmpp::CustodyPtr accept(std::string_view text, WallTime when);
    std::unique_ptr<StreamMark> mark_stream(std::uint64_t stream, std::string_view user, WallTime when);
    std::size_t live() const;     ///< records not settled
    std::size_t refused() const;  ///< that found no room

    struct Impl;

  private:
    explicit Journal(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

/// What earlier processes left in `folder`, oldest first. Damaged files give what is readable of them.
struct Legacy {
    std::vector<Record> records;
    std::vector<std::filesystem::path> files;  ///< to be removed when the records are safe elsewhere
};
Legacy read_legacy(const std::filesystem::path& folder);

}  // namespace carillon::journal
