#include "relay/turn/send_batch.h"

#include <algorithm>
#include <cerrno>

namespace carillon::relay {

SendBatch::SendBatch() = default;

bool SendBatch::fits_last(const Run& next, const sockaddr_storage& to, socklen_t length) const {
    if (!segmentation_ || run_count_ == 0) return false;
    const auto& last = runs_[run_count_ - 1];
    return last.fd == next.fd && last.mark == next.mark && !last.closed && last.parts == next.parts &&
           next.size <= last.size && last.segments < kMaxSegments && last.total + next.size <= kMaxMessage &&
           messages_[run_count_ - 1].msg_hdr.msg_namelen == length &&
           std::memcmp(&to_[run_count_ - 1], &to, length) == 0;
}

void SendBatch::add(int fd, const sockaddr_storage& to, socklen_t length, Bytes header, Bytes payload,
                    std::uint8_t mark) {
    const std::size_t size = header.size() + payload.size();
    if (vector_count_ + 2 > vectors_.size() || header_count_ == headers_.size()) flush();
    Run next{.fd = fd, .parts = header.empty() ? 1U : 2U, .size = size, .mark = mark};
    if (!fits_last(next, to, length)) {
        if (run_count_ == kRuns) flush();
        next.first = vector_count_;
        runs_[run_count_] = next;
        std::memcpy(&to_[run_count_], &to, length);
        messages_[run_count_].msg_hdr.msg_namelen = length;
        ++run_count_;
    }
    auto& run = runs_[run_count_ - 1];
    if (!header.empty()) {
        auto& copy = headers_[header_count_++];
        std::ranges::copy(header, copy.begin());
        vectors_[vector_count_++] = {copy.data(), header.size()};
    }
    vectors_[vector_count_++] = {const_cast<std::byte*>(payload.data()), payload.size()};
    ++run.segments;
    run.total += size;
    run.closed = size < run.size || size == 0;
}

void SendBatch::prepare(std::size_t index) {
    const auto& run = runs_[index];
    auto& head = messages_[index].msg_hdr;
    head.msg_name = &to_[index];
    head.msg_iov = vectors_.data() + run.first;
    head.msg_iovlen = run.segments * run.parts;
    auto& control = control_[index];
    control.clear(head);
    if (run.segments > 1) control.segments(head, run.size);
    if (run.mark != 0) control.mark(head, run.mark);
}

void SendBatch::flush() {
    for (std::size_t first = 0; first < run_count_;) {
        std::size_t last = first;
        while (last < run_count_ && runs_[last].fd == runs_[first].fd) prepare(last++);
        send_range(first, last);
        first = last;
    }
    run_count_ = vector_count_ = header_count_ = 0;
}

void SendBatch::send_range(std::size_t first, std::size_t last) {
    bool again = true;
    if (last - first == 1 && runs_[first].segments == 1 &&
        ::sendmsg(runs_[first].fd, &messages_[first].msg_hdr, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
        ++sent_;
        return;
    }
    while (first < last) {
        const int sent = ::sendmmsg(runs_[first].fd, messages_.data() + first, static_cast<unsigned>(last - first),
                                    MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            for (int i = 0; i < sent; ++i) sent_ += runs_[first++].segments;
            again = true;
        } else if (again && errno != EAGAIN && runs_[first].segments < 2) {
            again = false;  // an ICMP error of an earlier datagram is told once: it is not this one's
        } else {
            if (runs_[first].segments > 1) send_singly(runs_[first], messages_[first].msg_hdr);
            ++first;  // this one cannot go: those behind it are not its hostages
            again = true;
        }
    }
}

void SendBatch::send_singly(const Run& run, const msghdr& head) {
    if (errno == EIO || errno == ENOPROTOOPT) segmentation_ = false;
    for (std::size_t i = 0; i < run.segments; ++i) {
        msghdr one{};
        SendControl control;
        one.msg_name = head.msg_name;
        one.msg_namelen = head.msg_namelen;
        one.msg_iov = head.msg_iov + i * run.parts;
        one.msg_iovlen = run.parts;
        if (run.mark != 0) control.mark(one, run.mark);
        if (::sendmsg(run.fd, &one, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) ++sent_;
    }
}

}  // namespace carillon::relay
