/// One mapped file of records.
/// Layout: records of 8-aligned length one after the other, each a header and its text; a header without magic ends it.
#pragma once
#include <cstdint>
#include <cstring>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace carillon::journal {

/// As it is in the file, in the machine's own byte order: a journal does not travel.
struct Header {
    static constexpr std::uint32_t kMagic = 0x43724A31;
    static constexpr std::uint32_t kLive = 0x80000000;  // in `state`, beside the kind

    std::uint32_t magic;
    std::uint32_t state;   // kind, and kLive while unsettled
    std::uint64_t number;  // order of acceptance over all segments
    std::uint64_t stream;
    std::uint32_t sequence;
    std::uint32_t length;  // of the text
    std::int64_t when;     // milliseconds since 1970
};
static_assert(sizeof(Header) == 40);

constexpr std::size_t record_size(std::size_t text) { return (sizeof(Header) + text + 7) & ~std::size_t{7}; }

/// Threading: guarded by its Journal.  Owns: the mapping and the file, which goes when it is destroyed unless kept.
class Segment {
  public:
    static std::expected<std::unique_ptr<Segment>, std::string> create(const std::filesystem::path& path,
                                                                       std::size_t size);
    ~Segment();
    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;

    bool has_room(std::size_t text) const { return used_ + record_size(text) + sizeof(Header) <= size_; }
    /// Appends a live record; the magic, which makes it count, comes last.
    std::size_t append(Header header, std::string_view text);
    Header& at(std::size_t offset) { return *static_cast<Header*>(static_cast<void*>(base_ + offset)); }
    std::string_view text(std::size_t offset) const {
        const auto* header = static_cast<const Header*>(static_cast<const void*>(base_ + offset));
        return {base_ + offset + sizeof(Header), header->length};
    }
    /// Empties it for new records.
    void clear();
    void keep_file() { keep_ = true; }
    std::size_t used() const { return used_; }

  private:
    Segment(std::filesystem::path path, char* base, std::size_t size)
        : path_{std::move(path)}, base_{base}, size_{size} {}

    std::filesystem::path path_;
    char* base_;
    std::size_t size_;
    std::size_t used_ = 0;
    bool keep_ = false;
};

}  // namespace carillon::journal
