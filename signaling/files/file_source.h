/// A part of a file, as an HTTP server sends it.
/// Not here: which part (byte_range.h), the file (file_store.h).
#pragma once
#include <algorithm>
#include <memory>

#include <boost/asio/thread_pool.hpp>

#include "signaling/files/byte_range.h"
#include "signaling/files/file_store.h"
#include "signaling/http/routes.h"
#include "signaling/runtime/on_pool.h"

namespace carillon::files {

/// Threading: as http::Source; the disk is read on `disk`, which must outlive it.
class FileSource final : public http::Source {
  public:
    FileSource(std::shared_ptr<FileStore::Reader> file, ByteRange range, boost::asio::thread_pool& disk)
        : file_{std::move(file)}, range_{range}, disk_{disk} {}
    std::uint64_t length() const override { return range_.length; }
    boost::asio::awaitable<std::size_t> read(std::span<char> into) override {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), range_.length - done_));
        auto work = [file = file_, into = into.first(count), at = range_.begin + done_] {
            return file->read(into, at);
        };
        const auto got = co_await runtime::on_pool(disk_, work);
        if (!got) co_return 0;
        done_ += *got;
        co_return *got;
    }

  private:
    std::shared_ptr<FileStore::Reader> file_;
    ByteRange range_;
    std::uint64_t done_ = 0;
    boost::asio::thread_pool& disk_;
};

}  // namespace carillon::files
