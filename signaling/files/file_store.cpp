#include "signaling/files/file_store.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace carillon::files {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> failure() { return std::unexpected{Error{errno, std::system_category()}}; }

std::expected<void, Error> write_all(int descriptor, std::span<const char> octets) {
    while (!octets.empty()) {
        const auto count = ::write(descriptor, octets.data(), octets.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failure();
        octets = octets.subspan(static_cast<std::size_t>(count));
    }
    return {};
}

/// A name that was given or taken is so after a power cut too.
void sync_folder(const fs::path& folder) {
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    ::fsync(descriptor);
    ::close(descriptor);
}

std::string random_name() {
    std::array<unsigned char, 16> octets{};
    RAND_bytes(octets.data(), octets.size());
    return to_hex(octets);
}

std::expected<std::unique_ptr<FileStore::Reader>, Error> open_file(const fs::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0) return failure();
    return std::make_unique<FileStore::Reader>(descriptor);
}

}  // namespace

bool is_hash(std::string_view text) {
    return text.size() == 64 &&
           std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string to_hex(std::span<const unsigned char> octets) {
    std::string text;
    for (const auto octet : octets) {
        text += "0123456789abcdef"[octet >> 4];
        text += "0123456789abcdef"[octet & 15];
    }
    return text;
}

struct FileStore::Draft::Hash {
    Hash() : context{EVP_MD_CTX_new(), &EVP_MD_CTX_free} { EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr); }
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context;
};

FileStore::Draft::Draft(int descriptor, fs::path path)
    : descriptor_{descriptor}, path_{std::move(path)}, hash_{std::make_unique<Hash>()} {}

FileStore::Draft::~Draft() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!path_.empty()) ::unlink(path_.c_str());
}

std::expected<void, Error> FileStore::Draft::write(std::span<const char> octets) {
    EVP_DigestUpdate(hash_->context.get(), octets.data(), octets.size());
    return write_all(descriptor_, octets);
}

std::expected<std::string, Error> FileStore::Draft::finish() {
    if (::fsync(descriptor_) != 0) return failure();
    if (::close(std::exchange(descriptor_, -1)) != 0) return failure();
    std::array<unsigned char, 32> digest{};
    EVP_DigestFinal_ex(hash_->context.get(), digest.data(), nullptr);
    return to_hex(digest);
}

FileStore::Reader::~Reader() { ::close(descriptor_); }

std::expected<std::size_t, Error> FileStore::Reader::read(std::span<char> into, std::uint64_t at) const {
    for (;;) {
        const auto count = ::pread(descriptor_, into.data(), into.size(), static_cast<off_t>(at));
        if (count >= 0) return static_cast<std::size_t>(count);
        if (errno != EINTR) return failure();
    }
}

std::uint64_t FileStore::Reader::size() const {
    struct stat facts{};
    return ::fstat(descriptor_, &facts) == 0 ? static_cast<std::uint64_t>(facts.st_size) : 0;
}

FileStore::FileStore(fs::path folder) : folder_{std::move(folder)} {
    fs::remove_all(folder_ / "drafts");
    fs::create_directories(folder_ / "drafts");
    fs::permissions(folder_, fs::perms::owner_all);
}

std::expected<std::unique_ptr<FileStore::Draft>, Error> FileStore::begin() const {
    auto path = folder_ / "drafts" / random_name();
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) return failure();
    return std::unique_ptr<Draft>{new Draft{descriptor, std::move(path)}};
}

void FileStore::publish(Draft& draft, const std::string& hash) const {
    const auto target = path_of(hash);
    if (fs::exists(target)) return;
    fs::create_directories(target.parent_path());
    fs::rename(draft.path_, target);
    draft.path_.clear();
    sync_folder(target.parent_path());
}

std::expected<std::unique_ptr<FileStore::Reader>, Error> FileStore::open(const std::string& hash) const {
    return open_file(path_of(hash));
}

std::expected<std::unique_ptr<FileStore::Reader>, Error> FileStore::open_thumbnail(const std::string& hash) const {
    return open_file(path_of(hash).concat(".thumbnail"));
}

std::expected<void, Error> FileStore::put_thumbnail(const std::string& hash, std::span<const char> octets) const {
    auto draft = begin();
    if (!draft) return std::unexpected{draft.error()};
    if (auto written = (*draft)->write(octets); !written) return written;
    if (auto finished = (*draft)->finish(); !finished) return std::unexpected{finished.error()};
    Error error;
    fs::rename((*draft)->path_, path_of(hash).concat(".thumbnail"), error);
    if (error) return std::unexpected{error};
    (*draft)->path_.clear();
    return {};
}

void FileStore::remove(const std::string& hash) const {
    Error ignored;
    fs::remove(path_of(hash), ignored);
    fs::remove(path_of(hash).concat(".thumbnail"), ignored);
}

std::vector<std::string> FileStore::list(std::uint8_t first) const {
    std::vector<std::string> found;
    Error error;
    for (const auto& entry : fs::directory_iterator{folder_ / to_hex(std::span{&first, 1}), error}) {
        if (auto name = entry.path().filename().string(); is_hash(name)) found.push_back(std::move(name));
    }
    return found;
}

std::uint64_t FileStore::free_space() const {
    struct statvfs facts{};
    if (::statvfs(folder_.c_str(), &facts) != 0) return 0;
    return static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
}

fs::path FileStore::path_of(const std::string& hash) const { return folder_ / hash.substr(0, 2) / hash; }

}  // namespace carillon::files
