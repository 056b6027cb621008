#include "media/record/append_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace carillon::record {

std::expected<AppendFile, std::string> AppendFile::create(const std::string& path, std::uint64_t most) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return std::unexpected{path + ": " + std::strerror(errno)};
    return AppendFile{fd, path, most};
}

std::expected<AppendFile, std::string> AppendFile::reopen(const std::string& path, std::uint64_t most) {
    const int fd = ::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return std::unexpected{path + ": " + std::strerror(errno)};
    AppendFile file{fd, path, most};
    const auto end = ::lseek(fd, 0, SEEK_END);
    if (end < 0 || static_cast<std::uint64_t>(end) > most) return std::unexpected{path + ": it cannot grow"};
    file.size_ = static_cast<std::uint64_t>(end);
    return file;
}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
    if (this == &other) return *this;
    close();
    fd_ = std::exchange(other.fd_, -1);
    size_ = other.size_;
    most_ = other.most_;
    path_ = std::move(other.path_);
    error_ = std::move(other.error_);
    return *this;
}

bool AppendFile::append(Bytes piece) {
    if (fd_ < 0 || !error_.empty()) return false;
    if (piece.size() > most_ - size_) return fail("it has reached the size that it may have");
    for (auto rest = piece; !rest.empty();) {
        const auto written = ::write(fd_, rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return fail(std::strerror(written < 0 ? errno : ENOSPC));
        rest = rest.subspan(static_cast<std::size_t>(written));
    }
    size_ += piece.size();
    return true;
}

bool AppendFile::replace(std::uint64_t at, Bytes piece) {
    if (fd_ < 0 || !error_.empty() || at + piece.size() > size_) return false;
    const auto written = ::pwrite(fd_, piece.data(), piece.size(), static_cast<off_t>(at));
    return written == static_cast<ssize_t>(piece.size()) || fail(std::strerror(written < 0 ? errno : ENOSPC));
}

std::vector<std::byte> AppendFile::read(std::uint64_t at, std::size_t size) const {
    std::vector<std::byte> out(at < size_ ? std::min<std::uint64_t>(size, size_ - at) : 0);
    std::size_t done = 0;
    while (done < out.size()) {
        const auto got = ::pread(fd_, &out[done], out.size() - done, static_cast<off_t>(at + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        done += static_cast<std::size_t>(got);
    }
    out.resize(done);
    return out;
}

bool AppendFile::cut(std::uint64_t size) {
    if (fd_ < 0 || size > size_ || ::ftruncate(fd_, static_cast<off_t>(size)) != 0) return false;
    size_ = size;
    return ::lseek(fd_, static_cast<off_t>(size), SEEK_SET) >= 0;
}

bool AppendFile::fail(std::string why) {
    error_ = path_ + ": " + std::move(why);
    // Half a piece may stand there.
    if (::ftruncate(fd_, static_cast<off_t>(size_)) != 0) error_ += "; its end may be damaged";
    return false;
}

bool AppendFile::sync() { return fd_ >= 0 && ::fdatasync(fd_) == 0; }

void AppendFile::close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace carillon::record
