/// A mapped file of blocks: taking one and giving it back, growing in steps that the disk has promised beforehand.
/// Not here: what stands in the blocks (layout.h).
#pragma once
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "relay/journal/layout.h"

namespace carillon::relay::journal {

/// Threading: any thread takes and frees blocks (under a lock, so not for each packet); what stands in a block is its
/// owner's.  Owns: the mapping; the file itself stays until remove().
class BlockFile {
  public:
    /// A new, empty file, mode 0600, replacing another of that name. The error is for people.
    static std::expected<std::unique_ptr<BlockFile>, std::string> create(const std::filesystem::path& path,
                                                                         std::size_t max_blocks);
    ~BlockFile();
    BlockFile(const BlockFile&) = delete;
    BlockFile& operator=(const BlockFile&) = delete;

    FileHeader& header() { return *static_cast<FileHeader*>(static_cast<void*>(base_)); }
    /// An empty block of that kind; 0: there is no room. The kind stands there before it is answered.
    std::uint32_t take(Kind kind);
    void free(std::uint32_t number);
    /// And all behind it.
    void free_chain(std::uint32_t number);
    template <class T>
    T& at(std::uint32_t number) {
        return *static_cast<T*>(static_cast<void*>(base_ + std::size_t{number} * kBlock));
    }
    /// Writes a text into new pieces and refers to it from one of `places`; the older reference's pieces are freed.
    /// False: no room, everything is as it was.
    bool put(std::array<TextRef, 2>& places, Bytes text);
    /// The text that counts; empty: none. Only of what this process wrote.
    std::vector<std::byte> get(const std::array<TextRef, 2>& places);

    std::expected<void, std::string> rename(const std::filesystem::path& to);
    void remove();
    std::size_t taken() const;

  private:
    BlockFile(std::filesystem::path path, int file, std::byte* base, std::size_t max_blocks);
    bool grow();

    static constexpr std::size_t kStep = 256;  ///< blocks
    std::filesystem::path path_;
    int file_;
    std::byte* base_;
    std::size_t max_blocks_;
    mutable std::mutex mutex_;
    std::size_t blocks_ = 0;            // promised by the disk
    std::vector<std::uint32_t> empty_;  // of those
};

}  // namespace carillon::relay::journal
