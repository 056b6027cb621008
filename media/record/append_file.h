/// A file that grows by whole pieces and is whole after each: what was appended stays when the process is killed, and a
/// piece that does not fit (disk full) leaves nothing of itself.
/// Not here: what the pieces are (ogg_opus_writer.h, pcapng_writer.h, matroska_writer.h).
#pragma once
#include <cstdint>
#include <expected>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "config/base/bytes.h"

namespace carillon::record {

/// Owns: the descriptor. Threading: one thread at a time.
class AppendFile {
  public:
    /// A new file that its owner alone may read. One that is there already is an error, a sentence for people.
    static std::expected<AppendFile, std::string> create(
        const std::string& path, std::uint64_t most = std::numeric_limits<std::uint64_t>::max());
    /// One that is there, to grow further. The error is a sentence.
    static std::expected<AppendFile, std::string> reopen(
        const std::string& path, std::uint64_t most = std::numeric_limits<std::uint64_t>::max());
    AppendFile(AppendFile&& other) noexcept
        : fd_{std::exchange(other.fd_, -1)},
          size_{other.size_},
          most_{other.most_},
          path_{std::move(other.path_)},
          error_{std::move(other.error_)} {}
    AppendFile& operator=(AppendFile&& other) noexcept;
    ~AppendFile() { close(); }

    /// All of it or nothing. After the first failure nothing more is taken.
    bool append(Bytes piece);
    /// Over octets that are there already.
    bool replace(std::uint64_t at, Bytes piece);
    /// What stands there; shorter at the end of the file.
    std::vector<std::byte> read(std::uint64_t at, std::size_t size) const;
    /// Whatever stands behind is gone.
    bool cut(std::uint64_t size);
    /// Also a power cut leaves what is there now.
    bool sync();
    void close();

    std::uint64_t size() const { return size_; }
    const std::string& path() const { return path_; }
    const std::string& error() const { return error_; }  ///< why it takes nothing more; empty: it does

  private:
    AppendFile(int fd, std::string path, std::uint64_t most) : fd_{fd}, most_{most}, path_{std::move(path)} {}
    bool fail(std::string why);

    int fd_ = -1;
    std::uint64_t size_ = 0;
    std::uint64_t most_;
    std::string path_;
    std::string error_;
};

}  // namespace carillon::record
