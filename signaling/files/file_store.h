/// Content on disk, named by its SHA-256: a file is written aside and appears under its name whole or not at all.
/// Spec: FIPS 180-4 (SHA-256).
/// Not here: whose it is and how long it stays (storage/upload_store.h); HTTP (uploads.h).
#pragma once
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace carillon::files {

using Error = std::error_code;

/// Threading: any thread; every call blocks on the disk.
class FileStore {
  public:
    /// What is being written. Gone with the object unless it is published.
    class Draft {
      public:
        ~Draft();
        std::expected<void, Error> write(std::span<const char> octets);
        /// All is on disk: the hash in hexadecimal.
        std::expected<std::string, Error> finish();

      private:
        friend class FileStore;
        Draft(int descriptor, std::filesystem::path path);
        struct Hash;
        int descriptor_;
        std::filesystem::path path_;
        std::unique_ptr<Hash> hash_;
    };

    /// An open file, read at any place.
    class Reader {
      public:
        explicit Reader(int descriptor) : descriptor_{descriptor} {}
        ~Reader();
        Reader(const Reader&) = delete;
        Reader& operator=(const Reader&) = delete;
        std::expected<std::size_t, Error> read(std::span<char> into, std::uint64_t at) const;
        std::uint64_t size() const;
        int descriptor() const { return descriptor_; }

      private:
        int descriptor_;
    };

    /// Makes the folder; throws std::filesystem::filesystem_error. Drafts that a former process left are removed.
    explicit FileStore(std::filesystem::path folder);

    std::expected<std::unique_ptr<Draft>, Error> begin() const;
    /// Gives a finished draft its name; when the content is there already, the draft goes. Throws filesystem_error.
    void publish(Draft& draft, const std::string& hash) const;
    std::expected<std::unique_ptr<Reader>, Error> open(const std::string& hash) const;
    std::expected<std::unique_ptr<Reader>, Error> open_thumbnail(const std::string& hash) const;
    std::expected<void, Error> put_thumbnail(const std::string& hash, std::span<const char> octets) const;
    void remove(const std::string& hash) const;
    /// Every hash in the folder of that first octet.
    std::vector<std::string> list(std::uint8_t first) const;
    std::uint64_t free_space() const;
    std::filesystem::path path_of(const std::string& hash) const;

  private:
    std::filesystem::path folder_;
};

/// 64 lower-case hexadecimal digits.
bool is_hash(std::string_view text);
std::string to_hex(std::span<const unsigned char> octets);

}  // namespace carillon::files
