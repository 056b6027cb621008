#include "relay/turn/stream_end.h"

namespace carillon::relay {

using Outcome = StreamSocket::Outcome;

namespace {
constexpr std::uint32_t kInput = EPOLLIN;
}

StreamEnd::StreamEnd(Poller& poller, StreamSocket connected) : poller_{poller}, socket_{std::move(connected)} {
    fd = socket_.fd();
    progress_ = std::chrono::steady_clock::now();
}

void StreamEnd::watch() {
    interest_ = reading_ ? kInput : 0;
    if (!out_.empty() || !writing_allowed_) interest_ |= EPOLLOUT;
    poller_.add(*this, interest_);
}

void StreamEnd::update() {
    if (closed()) return;
    std::uint32_t wanted = reading_ ? kInput : 0;
    if ((writing_allowed_ && !out_.empty()) || socket_.wants_write()) wanted |= EPOLLOUT;
    if (wanted == interest_) return;
    interest_ = wanted;
    poller_.change(*this, interest_);
}

void StreamEnd::read_on(bool on) {
    reading_ = on && !read_ended_;
    update();
}

void StreamEnd::pipe_to(StreamEnd& other) {
    other_ = &other;
    other.other_ = this;
    read_on(true);
    other.read_on(true);
}

void StreamEnd::write_now() {
    if (closed() || !writing_allowed_) return;
    while (!out_.empty()) {
        const auto io = socket_.write(next_piece());
        if (io.outcome == Outcome::again) break;
        if (io.outcome != Outcome::done) return close();
        out_.consume(io.size);
        progress_ = std::chrono::steady_clock::now();
    }
    if (out_.empty() && finishing_ && !finished_) {
        socket_.finish();
        finished_ = true;
    }
    if (other_ && !other_->reading_ && out_.size() < kPipeMost / 2) other_->read_on(true);
    close_when_done();
    update();
}

void StreamEnd::pump(std::span<std::byte> buffer) {
    constexpr int kRounds = 4;  // then others have their turn
    for (int i = 0; i < kRounds && !closed() && other_; ++i) {
        if (other_->waiting() >= kPipeMost) return read_on(false);
        const auto io = socket_.read(buffer);
        if (io.outcome == Outcome::again) return update();
        if (io.outcome == Outcome::ended) return read_ended();
        if (io.outcome == Outcome::failed) return close();
        other_->append(buffer.first(io.size));
        other_->write_now();
    }
}

void StreamEnd::read_ended() {
    read_ended_ = true;
    read_on(false);
    if (!other_) return close();
    other_->finish_after_write();
    close_when_done();
}

void StreamEnd::finish_after_write() {
    finishing_ = true;
    write_now();
}

void StreamEnd::close_when_done() {
    if (!closed() && other_ && read_ended_ && finished_ && other_->read_ended_ && other_->finished_) close();
}

void StreamEnd::close() {
    if (closed()) return;
    poller_.remove(*this);
    socket_.close();
    fd = -1;
    auto* other = std::exchange(other_, nullptr);
    if (other) {
        other->other_ = nullptr;
        other->write_now();  // what has come already
        other->close();
    }
    ended();
}

}  // namespace carillon::relay
