/// Implements flood.h.
#include "tests/bench/relay_load/flood.h"

#include <arpa/inet.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <system_error>
#include <thread>

namespace carillon::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPacket = 172;
constexpr std::size_t kBurst = 16;  // of one stream, as one UDP_SEGMENT message: the generator is not to be the limit
constexpr std::size_t kMaxWindows = 4096;
constexpr std::uint32_t kSsrcBase = 0x20000000;
constexpr auto kPeriod = 20ms;
constexpr auto kLate = 20ms;
constexpr auto kReceiveEvery = 500us;
constexpr auto kAskEvery = 50ms;

// 12-byte RTP header, then 8 bytes time of sending, 1 byte: whether it is part of the flood; then padding.
constexpr std::size_t kTimeAt = 12;
constexpr std::size_t kKindAt = 20;

}  // namespace

Flood::Flood(const Calls& calls, std::function<void()> ask)
    : windows_(kMaxWindows), ask_{std::move(ask)}, epoll_{::epoll_create1(EPOLL_CLOEXEC)} {
    if (epoll_ < 0) throw std::system_error{errno, std::generic_category(), "epoll_create1"};
    for (const auto& call : calls) {
        streams_.push_back({.from = &call.a, .to = &call.b});
        streams_.push_back({.from = &call.b, .to = &call.a});
        for (const auto* end : {&call.a, &call.b}) {
            epoll_event event{.events = EPOLLIN, .data = {.ptr = const_cast<Endpoint*>(end)}};
            ::epoll_ctl(epoll_, EPOLL_CTL_ADD, end->fd(), &event);
        }
    }
}

Flood::~Flood() { ::close(epoll_); }

std::size_t Flood::window_of(Clock::time_point time) const {
    return std::min<std::size_t>(static_cast<std::size_t>((time - begin_) / kWindow), kMaxWindows - 1);
}

FloodResult Flood::run(std::chrono::nanoseconds length) {
    begin_ = Clock::now();
    calm(begin_ + 1s);
    const auto flood_begin = Clock::now();
    std::atomic<bool> over{false};
    FloodResult asked;
    std::thread control{[&] {
        while (!over) {
            const auto before = Clock::now();
            try {
                ask_();
                ++asked.control_answers;
            } catch (const std::exception&) {
                ++asked.control_refused;
            }
            asked.control_worst = std::max<std::chrono::nanoseconds>(asked.control_worst, Clock::now() - before);
            std::this_thread::sleep_for(kAskEvery);
        }
    }};
    flood(flood_begin + length);
    const auto flood_end = Clock::now();
    over = true;
    calm(flood_end + 3s);
    control.join();
    for (const auto until = Clock::now() + 500ms; Clock::now() < until;) receive();

    auto result = judge(window_of(flood_begin), window_of(flood_end));
    const auto seconds = std::chrono::duration<double>{flood_end - flood_begin}.count();
    result.offered_per_second /= seconds;
    result.delivered_per_second /= seconds;
    result.control_answers = asked.control_answers;
    result.control_refused = asked.control_refused;
    result.control_worst = asked.control_worst;
    return result;
}

/// Every stream at its usual pace.
void Flood::calm(Clock::time_point until) {
    const auto from = Clock::now();
    const auto gap = kPeriod / static_cast<double>(streams_.size());
    auto next_receive = from;
    std::uint64_t sent = 0;
    for (auto now = from; now < until; now = Clock::now()) {
        while (from + std::chrono::duration_cast<Clock::duration>(gap * static_cast<double>(sent)) <= now)
            send(streams_[sent++ % streams_.size()], 1, false);
        if (now < next_receive) continue;
        receive();
        next_receive = now + kReceiveEvery;
        ::sched_yield();
    }
}

void Flood::flood(Clock::time_point until) {
    auto next_receive = Clock::now();
    for (std::size_t at = 0; Clock::now() < until; ++at) {
        send(streams_[at % streams_.size()], kBurst, true);
        if (Clock::now() < next_receive) continue;
        receive();
        next_receive = Clock::now() + kReceiveEvery;
        ::sched_yield();  // to the thread that asks
    }
}

void Flood::send(Stream& stream, std::size_t packets, bool flooding) {
    static std::array<std::byte, kBurst * kPacket> buffer{};
    const auto now = Clock::now();
    const auto time = now.time_since_epoch().count();
    const auto ssrc = htonl(kSsrcBase + static_cast<std::uint32_t>(&stream - streams_.data()));
    for (std::size_t i = 0; i < packets; ++i) {
        auto* rtp = buffer.data() + i * kPacket;
        const auto sequence = htons(stream.sequence++);
        rtp[0] = std::byte{0x80};
        rtp[1] = std::byte{8};
        std::memcpy(rtp + 2, &sequence, sizeof sequence);
        std::memcpy(rtp + 8, &ssrc, sizeof ssrc);
        std::memcpy(rtp + kTimeAt, &time, sizeof time);
        rtp[kKindAt] = std::byte{flooding};
    }
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(std::uint16_t))> control{};
    iovec vector{buffer.data(), packets * kPacket};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    if (packets > 1) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        auto* segment = CMSG_FIRSTHDR(&message);
        segment->cmsg_level = IPPROTO_UDP;
        segment->cmsg_type = UDP_SEGMENT;
        segment->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
        const std::uint16_t size = kPacket;
        std::memcpy(CMSG_DATA(segment), &size, sizeof size);
    }
    ::sendmsg(stream.from->fd(), &message, MSG_DONTWAIT);  // what the socket refuses counts as sent, and so as lost
    if (flooding) {
        stream.flooded += packets;
    } else {
        windows_[window_of(now)].sent += packets;
    }
}

void Flood::receive() {
    static std::array<epoll_event, 256> events;
    static std::array<std::array<std::byte, 2048>, 32> buffers;
    static std::array<iovec, 32> vectors;
    static std::array<mmsghdr, 32> messages;
    const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
    for (int e = 0; e < ready; ++e) {
        for (std::size_t i = 0; i < messages.size(); ++i) {
            vectors[i] = {buffers[i].data(), buffers[i].size()};
            messages[i] = {};
            messages[i].msg_hdr.msg_iov = &vectors[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        const auto& at = *static_cast<const Endpoint*>(events[static_cast<std::size_t>(e)].data.ptr);
        const int count = ::recvmmsg(at.fd(), messages.data(), messages.size(), MSG_DONTWAIT, nullptr);
        for (int i = 0; i < count; ++i) {
            const auto place = static_cast<std::size_t>(i);
            take(buffers[place].data(), messages[place].msg_len);
        }
    }
}

void Flood::take(const std::byte* packet, std::size_t size) {
    if (size != kPacket) return;
    std::uint32_t ssrc = 0;
    Clock::rep time = 0;
    std::memcpy(&ssrc, packet + 8, sizeof ssrc);
    std::memcpy(&time, packet + kTimeAt, sizeof time);
    const auto index = ntohl(ssrc) - kSsrcBase;
    if (index >= streams_.size()) return;
    if (packet[kKindAt] != std::byte{0}) {
        ++streams_[index].arrived;
        return;
    }
    const Clock::time_point sent{Clock::duration{time}};
    auto& window = windows_[window_of(sent)];
    ++window.arrived;
    if (Clock::now() - sent > kLate) ++window.late;
}

FloodResult Flood::judge(std::size_t flood_begins, std::size_t flood_ends) const {
    FloodResult result;
    double least = 1e18;
    for (const auto& stream : streams_) {
        result.offered_per_second += static_cast<double>(stream.flooded);
        result.delivered_per_second += static_cast<double>(stream.arrived);
        least = std::min(least, static_cast<double>(stream.arrived));
    }
    if (result.delivered_per_second > 0)
        result.least_share = least * static_cast<double>(streams_.size()) / result.delivered_per_second;
    for (std::size_t i = 0; i < flood_begins; ++i) result.lost_before += windows_[i].sent - windows_[i].arrived;
    for (std::size_t i = flood_ends; i < windows_.size(); ++i) {
        const auto since = kWindow * static_cast<int>(i + 1 - flood_ends);
        if (windows_[i].arrived < windows_[i].sent) result.clean_after = since;
        if (windows_[i].late > 0 || windows_[i].arrived < windows_[i].sent) result.prompt_after = since;
    }
    return result;
}

}  // namespace carillon::bench
