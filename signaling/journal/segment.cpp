#include "signaling/journal/segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <system_error>

namespace carillon::journal {

std::expected<std::unique_ptr<Segment>, std::string> Segment::create(const std::filesystem::path& path,
                                                                     std::size_t size) {
    const auto failure = [&](int error) {
        return std::unexpected{path.string() + ": " + std::generic_category().message(error)};
    };
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return failure(errno);
    // The blocks are taken now: a full disk must not end the process in the middle of a copy.
    int error = ::posix_fallocate(file, 0, static_cast<off_t>(size));
    void* base = MAP_FAILED;
    if (error == 0) {
        base = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (base == MAP_FAILED) error = errno;
    }
    ::close(file);
    if (error != 0) {
        ::unlink(path.c_str());
        return failure(error);
    }
    return std::unique_ptr<Segment>{new Segment{path, static_cast<char*>(base), size}};
}

Segment::~Segment() {
    ::munmap(base_, size_);
    if (keep_) return;
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
}

std::size_t Segment::append(Header header, std::string_view text) {
    const auto offset = used_;
    header.magic = 0;
    header.length = static_cast<std::uint32_t>(text.size());
    std::memcpy(base_ + offset + sizeof header, text.data(), text.size());
    used_ += record_size(text.size());
    at(used_).magic = 0;
    std::memcpy(base_ + offset, &header, sizeof header);
    std::atomic_ref{at(offset).magic}.store(Header::kMagic, std::memory_order_release);
    return offset;
}

void Segment::clear() {
    used_ = 0;
    at(0).magic = 0;
}

}  // namespace carillon::journal
