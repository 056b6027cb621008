#include "signaling/net/pipe.h"

#include <algorithm>
#include <cstring>

namespace carillon::net {

std::optional<std::size_t> PipeBuffer::read(std::span<char> into) {
    Wake wake;
    std::size_t count = 0;
    {
        const std::lock_guard lock{mutex_};
        count = std::min(into.size(), octets_.size() - taken_);
        if (count == 0) return ended_ ? std::nullopt : std::optional<std::size_t>{0};
        std::memcpy(into.data(), octets_.data() + taken_, count);
        taken_ += count;
        if (taken_ == octets_.size()) {
            std::string{}.swap(octets_);
            taken_ = 0;
        }
        if (octets_.size() - taken_ <= capacity_ / 2) wake = std::exchange(writer_, {});
    }
    if (wake) wake();
    return count;
}

std::optional<std::size_t> PipeBuffer::write(std::string_view octets) {
    Wake wake;
    std::size_t count = 0;
    {
        const std::lock_guard lock{mutex_};
        if (ended_) return std::nullopt;
        const auto inside = octets_.size() - taken_;
        count = std::min(octets.size(), capacity_ - std::min(capacity_, inside));
        if (count == 0) return 0;
        if (taken_ > 0) octets_.erase(0, std::exchange(taken_, 0));
        octets_ += octets.substr(0, count);
        wake = std::exchange(reader_, {});
    }
    if (wake) wake();
    return count;
}

bool PipeBuffer::wait_to_read(Wake wake) {
    const std::lock_guard lock{mutex_};
    if (ended_ || octets_.size() > taken_) return false;
    reader_ = std::move(wake);
    return true;
}

bool PipeBuffer::wait_to_write(Wake wake) {
    const std::lock_guard lock{mutex_};
    if (ended_ || octets_.size() - taken_ < capacity_) return false;
    writer_ = std::move(wake);
    return true;
}

void PipeBuffer::end() {
    Wake reader;
    Wake writer;
    {
        const std::lock_guard lock{mutex_};
        ended_ = true;
        reader = std::exchange(reader_, {});
        writer = std::exchange(writer_, {});
    }
    if (reader) reader();
    if (writer) writer();
}

std::pair<PipeEnd, PipeEnd> make_pipe(std::size_t capacity) {
    auto there = std::make_shared<PipeBuffer>(capacity);
    auto back = std::make_shared<PipeBuffer>(capacity);
    return {PipeEnd{back, there, {}, false}, PipeEnd{there, back, {}, false}};
}

}  // namespace carillon::net
