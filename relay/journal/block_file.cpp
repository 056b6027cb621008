#include "relay/journal/block_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>

namespace carillon::relay::journal {

BlockFile::BlockFile(std::filesystem::path path, int file, std::byte* base, std::size_t max_blocks)
    : path_{std::move(path)}, file_{file}, base_{base}, max_blocks_{max_blocks} {}

BlockFile::~BlockFile() {
    ::munmap(base_, max_blocks_ * kBlock);
    ::close(file_);
}

std::expected<std::unique_ptr<BlockFile>, std::string> BlockFile::create(const std::filesystem::path& path,
                                                                         std::size_t max_blocks) {
    const auto failure = [&](int error) {
        return std::unexpected{path.string() + ": " + std::generic_category().message(error)};
    };
    ::unlink(path.c_str());
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return failure(errno);
    // Two workers on one journal would each take the other's streams for its own.
    ::flock(file, LOCK_EX | LOCK_NB);
    void* base = ::mmap(nullptr, max_blocks * kBlock, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (base == MAP_FAILED) {
        const int error = errno;
        ::close(file);
        ::unlink(path.c_str());
        return failure(error);
    }
    ::madvise(base, max_blocks * kBlock, MADV_DONTDUMP);  // there are keys in it
    std::unique_ptr<BlockFile> made{new BlockFile{path, file, static_cast<std::byte*>(base), max_blocks}};
    if (made->grow()) return made;
    made->remove();
    return failure(ENOSPC);
}

/// The disk promises the blocks before they are touched: a full one must not end the process in the middle of a store.
bool BlockFile::grow() {
    const auto more = std::min(kStep, max_blocks_ - blocks_);
    if (more == 0) return false;
    if (::posix_fallocate(file_, static_cast<off_t>(blocks_ * kBlock), static_cast<off_t>(more * kBlock)) != 0)
        return false;
    for (std::size_t i = more; i-- > 0;)
        if (blocks_ + i != 0) empty_.push_back(static_cast<std::uint32_t>(blocks_ + i));
    blocks_ += more;
    return true;
}

std::uint32_t BlockFile::take(Kind kind) {
    std::uint32_t number = 0;
    {
        const std::lock_guard lock{mutex_};
        if (empty_.empty() && !grow()) return 0;
        number = empty_.back();
        empty_.pop_back();
    }
    auto& block = at<Block>(number);
    std::memset(&block, 0, kBlock);
    if (kind != Kind::head) block.kind = kind;  // a head counts once it is written
    return number;
}

void BlockFile::free(std::uint32_t number) {
    if (number == 0) return;
    std::atomic_ref{at<Block>(number).kind}.store(Kind::free, std::memory_order_release);
    std::memset(&at<Block>(number), 0, kBlock);  // keys are not left lying about
    const std::lock_guard lock{mutex_};
    empty_.push_back(number);
}

void BlockFile::free_chain(std::uint32_t number) {
    while (number != 0) {
        const auto next = at<Block>(number).next;
        free(number);
        number = next;
    }
}

bool BlockFile::put(std::array<TextRef, 2>& places, Bytes text) {
    if (text.size() > kMaxText) return false;
    std::uint32_t first = 0;
    auto* link = &first;
    for (auto rest = text; !rest.empty();) {
        const auto number = take(Kind::piece);
        if (number == 0) {
            free_chain(first);
            return false;
        }
        auto& piece = at<Piece>(number);
        const auto size = std::min(rest.size(), kPieceSize);
        std::memcpy(piece.text.data(), rest.data(), size);
        rest = rest.subspan(size);
        *link = number;
        link = &piece.next;
    }
    const bool second = places[1].sequence > places[0].sequence;
    auto& current = places[second ? 1 : 0];
    auto& other = places[second ? 0 : 1];
    TextRef made{.sequence = current.sequence + 1,
                 .first = first,
                 .length = static_cast<std::uint32_t>(text.size()),
                 .check = 0};
    made.check = check_of(made, text);
    other.sequence = 0;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    other.first = made.first;
    other.length = made.length;
    other.check = made.check;
    std::atomic_ref{other.sequence}.store(made.sequence, std::memory_order_release);
    const auto old = std::exchange(current.first, 0);
    current.length = 0;
    free_chain(old);
    return true;
}

std::vector<std::byte> BlockFile::get(const std::array<TextRef, 2>& places) {
    const auto& ref = places[places[1].sequence > places[0].sequence ? 1 : 0];
    std::vector<std::byte> text;
    for (auto number = ref.first; number != 0 && text.size() < ref.length; number = at<Block>(number).next) {
        const auto& piece = at<Piece>(number);
        const auto size = std::min<std::size_t>(kPieceSize, ref.length - text.size());
        text.insert(text.end(), piece.text.begin(), piece.text.begin() + static_cast<std::ptrdiff_t>(size));
    }
    return text;
}

std::expected<void, std::string> BlockFile::rename(const std::filesystem::path& to) {
    if (::rename(path_.c_str(), to.c_str()) != 0)
        return std::unexpected{to.string() + ": " + std::generic_category().message(errno)};
    path_ = to;
    return {};
}

void BlockFile::remove() { ::unlink(path_.c_str()); }

std::size_t BlockFile::taken() const {
    const std::lock_guard lock{mutex_};
    return blocks_ - 1 - empty_.size();
}

}  // namespace carillon::relay::journal
