/// Implements load.h.
#include "tests/bench/relay_load/load.h"

#include <arpa/inet.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <stdexcept>
#include <system_error>
#include <tuple>
#include <utility>

#include "tests/bench/relay_load/sealing.h"

namespace carillon::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxPacket = 1500;
constexpr std::size_t kMaxBurst = 32;
constexpr std::size_t kReceiveBatch = 32;
constexpr std::size_t kEvents = 256;
constexpr std::size_t kRtpHeader = 12;
constexpr std::size_t kSmallest = kRtpHeader + 8 + 4 + 1;
constexpr std::uint32_t kSsrcBase = 0x10000000;
constexpr std::uint32_t kSampleEvery = 16;
constexpr std::size_t kMaxSamples = 1 << 20;
constexpr auto kReceiveEvery =
    500us;  // when spinning: reading all the time would fight with the relay over its sockets
constexpr auto kDrain = 300ms;

// 12-byte RTP header, then 8 bytes time of sending, 4 bytes packet number, 1 byte phase, then padding.

template <typename T>
void put(std::byte* at, T value) {
    std::memcpy(at, &value, sizeof value);
}

template <typename T>
T get(const std::byte* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

// A fixed array of messages with one buffer each, for sendmmsg and recvmmsg.
template <std::size_t N>
struct Batch {
    std::array<std::array<std::byte, kMaxPacket + kChannelHeader>, N> buffers{};
    std::array<iovec, N> vectors{};
    std::array<mmsghdr, N> messages{};
    alignas(cmsghdr) std::array<std::array<std::byte, CMSG_SPACE(sizeof(timespec))>, N> controls{};

    Batch() {
        for (std::size_t i = 0; i < N; ++i) {
            vectors[i] = {buffers[i].data(), buffers[i].size()};
            messages[i].msg_hdr.msg_iov = &vectors[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
    }
};

Batch<kMaxBurst>& outgoing() {
    static Batch<kMaxBurst> batch;
    return batch;
}

Batch<kReceiveBatch>& incoming() {
    static Batch<kReceiveBatch> batch;
    return batch;
}

// Both ends of a latency: the wall clock, because the kernel stamps arrivals with it.
std::int64_t wall_clock_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

// When the packet reached its socket, however late it is read.
std::int64_t arrival_ns(msghdr& message) {
    for (auto* control = CMSG_FIRSTHDR(&message); control; control = CMSG_NXTHDR(&message, control)) {
        if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS) continue;
        timespec stamp{};
        std::memcpy(&stamp, CMSG_DATA(control), sizeof stamp);
        return stamp.tv_sec * 1'000'000'000 + stamp.tv_nsec;
    }
    return wall_clock_ns();
}

void send_joined(int fd, std::size_t count) {
    auto& batch = outgoing();
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(std::uint16_t))> control{};
    msghdr message{};
    message.msg_iov = batch.vectors.data();
    message.msg_iovlen = count;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    auto* segment = CMSG_FIRSTHDR(&message);
    segment->cmsg_level = IPPROTO_UDP;
    segment->cmsg_type = UDP_SEGMENT;
    segment->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
    put(reinterpret_cast<std::byte*>(CMSG_DATA(segment)), static_cast<std::uint16_t>(batch.vectors[0].iov_len));
    std::ignore = ::sendmsg(fd, &message, 0);
}

}  // namespace

Load::Load(const Calls& calls, bool spin, bool joined)
    : spin_{spin}, joined_{joined}, epoll_{::epoll_create1(EPOLL_CLOEXEC)} {
    if (epoll_ < 0) throw std::system_error{errno, std::generic_category(), "epoll_create1"};
    for (const auto& call : calls) {
        streams_.push_back({.from = &call.a, .to = &call.b});
        streams_.push_back({.from = &call.b, .to = &call.a});
        for (const auto* end : {&call.a, &call.b}) {
            endpoints_.push_back(end);
            epoll_event event{.events = EPOLLIN, .data = {.ptr = const_cast<Endpoint*>(end)}};
            if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, end->fd(), &event) < 0)
                throw std::system_error{errno, std::generic_category(), "epoll_ctl"};
        }
    }
    for (std::uint32_t i = 0; i < streams_.size(); ++i) order_.push_back(i);
    std::shuffle(order_.begin(), order_.end(), std::mt19937{1});  // the same phases for every relay
}

Load::~Load() { ::close(epoll_); }

Result Load::run(const Shape& shape, std::chrono::nanoseconds warm_up, std::chrono::nanoseconds measured,
                 const CpuMeter* meter) {
    if (shape.packet_bytes < kSmallest || shape.packet_bytes > kMaxPacket || shape.burst > kMaxBurst)
        throw std::invalid_argument{"packet or burst size out of range"};
    result_ = {};
    phase_ = static_cast<std::uint8_t>(phase_ + 1 + (phase_ & 1));  // next odd number: warm-up is phase_ - 1
    counted_phase_ = phase_--;
    arrived_in_phase_ = 0;
    std::uint64_t drops_before = 0;
    for (const auto* end : endpoints_) drops_before += end->dropped();

    // Streams are spread evenly over the period: burst k of the schedule is due at begin + k * gap.
    const auto gap = std::chrono::duration<double, std::nano>{shape.period} / static_cast<double>(order_.size());
    const auto begin = Clock::now();
    const auto measure_from = begin + warm_up;
    const auto end = measure_from + measured;
    std::uint64_t bursts = 0;
    auto next_receive = begin;
    std::chrono::nanoseconds cpu_before{};
    std::uint64_t arrived_before = 0;
    auto started = begin;

    for (auto now = begin; now < end; now = Clock::now()) {
        if (phase_ != counted_phase_ && now >= measure_from) {
            phase_ = counted_phase_;
            if (meter) cpu_before = meter->used();
            arrived_before = arrived_;
            started = Clock::now();
        }
        auto due = begin + std::chrono::duration_cast<Clock::duration>(gap * static_cast<double>(bursts));
        if (phase_ == counted_phase_)
            result_.worst_lag = std::max<std::chrono::nanoseconds>(result_.worst_lag, now - due);
        for (int batch = 0; batch < 32 && due <= now; ++batch) {
            send_burst(streams_[order_[bursts % order_.size()]], shape);
            ++bursts;
            due = begin + std::chrono::duration_cast<Clock::duration>(gap * static_cast<double>(bursts));
        }
        if (!spin_) {
            receive(std::max<std::chrono::nanoseconds>(due - Clock::now(), 0ns));
        } else if (now >= next_receive) {
            const bool more = receive(0ns);
            next_receive = more ? now : now + kReceiveEvery;
        }
    }
    if (meter) result_.cpu = meter->used() - cpu_before;
    result_.forwarded = arrived_ - arrived_before;
    result_.elapsed = Clock::now() - started;
    for (const auto drain_until = Clock::now() + kDrain; Clock::now() < drain_until;) receive(1ms);

    phase_ = static_cast<std::uint8_t>(counted_phase_ + 1);
    for (const auto* endpoint : endpoints_) result_.own_drops += endpoint->dropped();
    result_.own_drops -= drops_before;
    result_.lost = result_.sent - std::min(result_.sent, arrived_in_phase_);
    return std::move(result_);
}

void Load::send_burst(Stream& stream, const Shape& shape) {
    auto& batch = outgoing();
    const auto ssrc = kSsrcBase + static_cast<std::uint32_t>(&stream - streams_.data());
    const auto channel = stream.from->channel();
    const std::size_t head = channel ? kChannelHeader : 0;
    const auto now = wall_clock_ns();
    for (std::size_t i = 0; i < shape.burst; ++i) {
        auto* rtp = batch.buffers[i].data() + head;
        const bool marker = shape.burst > 1 && i + 1 == shape.burst;
        rtp[0] = std::byte{0x80};  // version 2
        rtp[1] = static_cast<std::byte>((marker ? 0x80 : 0) | shape.payload_type);
        put(rtp + 2, htons(stream.sequence++));
        put(rtp + 4, htonl(stream.timestamp));
        put(rtp + 8, htonl(ssrc));
        put(rtp + kRtpHeader, now);
        put(rtp + kRtpHeader + 8, stream.next_number++);
        put(rtp + kRtpHeader + 12, phase_);
        if (channel) {
            put(rtp - 4, htons(channel));
            put(rtp - 2, htons(static_cast<std::uint16_t>(shape.packet_bytes)));
        }
        auto size = shape.packet_bytes;
        if (auto* sealing = stream.from->sealing())
            size = sealing->out.protect_rtp(std::span{batch.buffers[i]}.subspan(head), size).value_or(size);
        batch.vectors[i].iov_len = head + size;
    }
    stream.timestamp += shape.clock_step;

    // What the socket refuses (a full buffer, an ICMP error from a relay that is gone) counts as sent, and so as lost.
    if (shape.burst == 1)
        std::ignore = ::send(stream.from->fd(), batch.buffers[0].data(), batch.vectors[0].iov_len, 0);
    else if (joined_)
        send_joined(stream.from->fd(), shape.burst);
    else
        std::ignore = ::sendmmsg(stream.from->fd(), batch.messages.data(), static_cast<unsigned>(shape.burst), 0);
    if (phase_ == counted_phase_) result_.sent += shape.burst;
}

bool Load::receive(std::chrono::nanoseconds timeout) {
    static std::array<epoll_event, kEvents> events;
    const timespec wait{.tv_sec = 0, .tv_nsec = std::min<std::int64_t>(timeout.count(), 999'999'999)};
    const int ready = ::epoll_pwait2(epoll_, events.data(), kEvents, &wait, nullptr);
    if (ready <= 0) return false;
    auto& batch = incoming();
    for (int e = 0; e < ready; ++e) {
        const auto& at = *static_cast<const Endpoint*>(events[e].data.ptr);
        for (std::size_t i = 0; i < kReceiveBatch; ++i) {
            batch.messages[i].msg_hdr.msg_control = batch.controls[i].data();
            batch.messages[i].msg_hdr.msg_controllen = batch.controls[i].size();
        }
        const int count = ::recvmmsg(at.fd(), batch.messages.data(), kReceiveBatch, MSG_DONTWAIT, nullptr);
        for (int i = 0; i < count; ++i)
            take(at, batch.buffers[i].data(), batch.messages[i].msg_len, batch.messages[i].msg_hdr);
    }
    return ready == static_cast<int>(kEvents);
}

void Load::take(const Endpoint& at, std::byte* packet, std::size_t size, msghdr& message) {
    if (at.channel()) {
        if (size < kChannelHeader || ntohs(get<std::uint16_t>(packet)) != at.channel()) {
            ++result_.foreign;
            return;
        }
        packet += kChannelHeader;
        size = std::min(size - kChannelHeader, std::size_t{ntohs(get<std::uint16_t>(packet - 2))});
    }
    // RFC 7983 §7: checks, and the end of a handshake, may still be on their way.
    const auto first = size == 0 ? 0U : std::to_integer<unsigned>(*packet);
    if (at.sealing() && (first <= 3 || (first >= 20 && first <= 63))) return;
    if (auto* sealing = at.sealing()) {
        size = sealing->in.unprotect_rtp({packet, size}).value_or(0);
        if (size > 0 && size < kSmallest) return;  // the first word of the other end, see sealing.cpp
    }
    const auto index = size < kSmallest ? UINT32_MAX : ntohl(get<std::uint32_t>(packet + 8)) - kSsrcBase;
    if (index >= streams_.size() || streams_[index].to != &at) {
        ++result_.foreign;
        return;
    }
    ++arrived_;
    if (!is_new(streams_[index], get<std::uint32_t>(packet + kRtpHeader + 8))) {
        ++result_.duplicated;
        return;
    }
    if (get<std::uint8_t>(packet + kRtpHeader + 12) != counted_phase_) return;
    ++arrived_in_phase_;
    if (++sampler_ % kSampleEvery == 0 && result_.latencies_ns.size() < kMaxSamples) {
        const auto age = arrival_ns(message) - get<std::int64_t>(packet + kRtpHeader);
        result_.latencies_ns.push_back(static_cast<std::uint32_t>(std::clamp<std::int64_t>(age, 0, UINT32_MAX)));
    }
}

bool Load::is_new(Stream& stream, std::uint32_t number) const {
    if (number > stream.highest) {
        const auto ahead = number - stream.highest;
        stream.window = ahead < 64 ? (stream.window << ahead) | 1 : 1;
        stream.highest = number;
        return true;
    }
    const auto behind = stream.highest - number;
    if (behind >= 64) return true;  // too old to tell: rather no duplicate than a false one
    const auto bit = std::uint64_t{1} << behind;
    return (std::exchange(stream.window, stream.window | bit) & bit) == 0;
}

}  // namespace carillon::bench
