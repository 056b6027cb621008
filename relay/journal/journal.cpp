#include "relay/journal/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "config/base/log.h"

namespace carillon::relay::journal {
namespace {

constexpr std::size_t kBlocksPerStream = 40;  // generously: a bridged stream with many SSRCs and generations
constexpr std::size_t kMaxFile = 1024u * 1024 * 1024;

std::filesystem::path beside(const std::filesystem::path& path, const char* what) { return path.string() + what; }

std::int64_t nanoseconds(SteadyTime time) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

/// An open file, and the lock that goes with it.
class Opened {
  public:
    explicit Opened(const std::filesystem::path& path)
        : descriptor_{::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW)} {}
    ~Opened() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    Opened(const Opened&) = delete;
    int fd() const { return descriptor_; }
    bool lock() const { return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0; }
    std::vector<std::byte> read() const {
        struct stat about{};
        if (::fstat(descriptor_, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size < 0 ||
            static_cast<std::size_t>(about.st_size) > kMaxFile)
            return {};
        std::vector<std::byte> octets(static_cast<std::size_t>(about.st_size));
        std::size_t size = 0;
        while (size < octets.size()) {
            const auto count =
                ::pread(descriptor_, octets.data() + size, octets.size() - size, static_cast<off_t>(size));
            if (count <= 0) break;
            size += static_cast<std::size_t>(count);
        }
        octets.resize(size);
        return octets;
    }
    /// Says that its streams are being taken up once more: if that kills the worker, somebody will know.
    void count_attempt(std::uint32_t attempts) const {
        [[maybe_unused]] const auto written =
            ::pwrite(descriptor_, &attempts, sizeof attempts, offsetof(FileHeader, attempts));
    }

  private:
    int descriptor_;
};

void set_aside(const std::filesystem::path& path, std::string_view why) {
    const auto bad = beside(path, ".bad");
    std::error_code error;
    std::filesystem::rename(path, bad, error);
    log::error("the worker's journal is set aside, its streams are gone", {{"why", why}, {"kept_as", bad.string()}});
}

}  // namespace

Journal::Journal(std::filesystem::path path, std::size_t max_streams, SteadyTime now)
    : path_{std::move(path)}, begun_{now} {
    const auto blocks = std::min(kBlocksPerStream * max_streams + 64, kMaxFile / kBlock);
    auto made = BlockFile::create(beside(path_, ".new"), blocks);
    if (!made)
        throw std::runtime_error{"the journal cannot be written: " + made.error() +
                                 "; choose another place with --journal, or none at all"};
    file_ = std::move(*made);
    auto& header = file_->header();
    header.magic = kMagic;
    header.version = kVersion;
    header.block_size = kBlock;
    const auto boot = boot_id();
    std::memcpy(header.boot.data(), boot.data(), std::min(boot.size(), header.boot.size()));
    header.constants = crc32(std::as_bytes(std::span{&header, 1}).first(offsetof(FileHeader, constants)));
    header.beat = nanoseconds(now);
}

/// A worker that ends in order has ended its calls: nobody is to take them up.
Journal::~Journal() { file_->remove(); }

Contents Journal::take_over(const std::filesystem::path& path, SteadyTime now) {
    const Opened old{path};
    if (old.fd() < 0) return {};
    if (!old.lock()) throw std::runtime_error{path.string() + ": another relay worker is using this journal"};
    auto contents = read(old.read(), boot_id());
    if (!contents && contents.error() == Errc::unsupported) {
        log::info("the worker's journal is from before the machine started: nothing to take up");
        return {};
    }
    if (!contents) {
        set_aside(path, to_string(contents.error()));
        return {};
    }
    const auto age = now - contents->beat;
    if (age > kFresh || age < std::chrono::seconds{-1}) {
        log::info("the worker's journal is too old: nothing is taken up",
                  {{"streams", contents->streams.size()},
                   {"seconds", std::chrono::duration_cast<std::chrono::seconds>(age).count()}});
        return {};
    }
    if (contents->attempts >= kMaxAttempts) {
        set_aside(path, "taking its streams up has killed the worker again and again");
        return {};
    }
    if (contents->damaged > 0)
        log::error("streams in the worker's journal are damaged and gone", {{"streams", contents->damaged}});
    old.count_attempt(contents->attempts + 1);
    return std::move(*contents);
}

void Journal::settle(std::uint32_t attempts) {
    file_->header().attempts = attempts;
    if (const auto done = file_->rename(path_); !done)
        throw std::runtime_error{"the journal cannot be put in its place: " + done.error()};
}

void Journal::beat(SteadyTime now) {
    auto& header = file_->header();
    header.beat = nanoseconds(now);
    if (now - begun_ > kLongLife) header.attempts = 0;
}

}  // namespace carillon::relay::journal
