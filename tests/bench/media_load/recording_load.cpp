/// Bridged calls that are all recorded at once, both ends talking in real time, through a worker's control socket.
/// Tells how many packets came through, what the recordings' writer was too slow for, and which files there are. Usage:
/// carillon_recording_load --socket RELAY --folder DIR [--calls N] [--seconds S] [--codec pcmu|opus] [--record 0|1]
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "codecs/audio_codec.h"
#include "media/rtp/packet.h"
#include "relay/api/client.h"

namespace carillon::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
namespace api = relay::api;

constexpr unsigned kSpoken = 250;  // frames: five seconds, over and over
constexpr unsigned kTurns = 10;    // in 20 ms: so many calls speak together
constexpr std::size_t kBatch = 64;

struct Options {
    unsigned calls = 200, seconds = 10;
    std::string socket, folder, codec = "pcmu";
    bool record = true;
};

sockaddr_in loopback(std::uint16_t port) {
    return {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
}

/// Syllables of two tones over a little noise, with pauses.
std::vector<std::vector<std::byte>> spoken(codecs::AudioCodec codec) {
    const auto encoder = codecs::make_encoder(codec);
    const auto rate = codecs::format_of(codec).sample_rate;
    std::vector<std::vector<std::byte>> out;
    double n = 0;
    for (unsigned i = 0; i < kSpoken; ++i) {
        std::vector<std::int16_t> frame(rate / 50);
        for (auto& sample : frame) {
            const double t = n++ / rate;
            const double loud = std::pow(std::sin(2 * M_PI * 2 * t), 2);
            sample = static_cast<std::int16_t>(
                loud * (6000 * std::sin(2 * M_PI * 180 * t) + 4000 * std::sin(2 * M_PI * 1300 * t)) +
                std::rand() % 100);
        }
        std::array<std::byte, 2048> payload{};
        const auto size = encoder->encode(frame, payload);
        out.emplace_back(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(size));
    }
    return out;
}

/// All ends of one side: a socket, and an SSRC for each call.
class Side {
  public:
    Side(unsigned calls, std::uint32_t first_ssrc)
        : fd_{::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)}, first_ssrc_{first_ssrc}, to_(calls) {
        const auto any = loopback(0);
        const int room = 8 << 20;
        if (fd_ < 0 || ::bind(fd_, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0)
            throw std::runtime_error{"no socket"};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
        for (std::size_t i = 0; i < kBatch; ++i) {
            in_[i] = {room_[i].data(), room_[i].size()};
            messages_[i].msg_hdr.msg_iov = &in_[i];
            messages_[i].msg_hdr.msg_iovlen = 1;
        }
    }
    ~Side() { ::close(fd_); }
    Side(const Side&) = delete;

    std::uint16_t port() const {
        sockaddr_in own{};
        socklen_t size = sizeof own;
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &size);
        return ntohs(own.sin_port);
    }
    void reach(unsigned call, std::uint16_t port) { to_[call] = loopback(port); }
    void send(unsigned call, unsigned frame, std::uint8_t type, unsigned ticks, Bytes payload) {
        ByteWriter out;
        out.u8(0x80), out.u8(type), out.u16(static_cast<std::uint16_t>(frame)), out.u32(frame * ticks);
        out.u32(first_ssrc_ + call), out.bytes(payload);
        const auto done = ::sendto(fd_, out.view().data(), out.size(), 0, reinterpret_cast<const sockaddr*>(&to_[call]),
                                   sizeof to_[call]);
        sent += done > 0;
    }
    void receive() {
        for (;;) {
            const int count = ::recvmmsg(fd_, messages_.data(), kBatch, MSG_DONTWAIT, nullptr);
            for (int i = 0; i < count; ++i)
                received += !rtp::is_rtcp(
                    {room_[static_cast<std::size_t>(i)].data(), messages_[static_cast<std::size_t>(i)].msg_len});
            if (count < static_cast<int>(kBatch)) return;
        }
    }
    std::uint64_t sent = 0, received = 0;

  private:
    int fd_;
    std::uint32_t first_ssrc_;
    std::vector<sockaddr_in> to_;
    std::array<std::array<std::byte, 2048>, kBatch> room_{};
    std::array<iovec, kBatch> in_{};
    std::array<mmsghdr, kBatch> messages_{};
};

class Worker {
  public:
    explicit Worker(const std::string& socket) : client_{io_, socket} {
        ask<void>([&](auto done) { client_.connect(done); });
    }
    api::Ports open(const std::string& session, std::uint16_t a, std::uint16_t b) {
        api::StreamSetup setup{.stream = "audio", .mode = api::Mode::bridge};
        setup.a.remotes = {{.component = 1, .ip = "127.0.0.1", .port = a}};
        setup.b.remotes = {{.component = 1, .ip = "127.0.0.1", .port = b}};
        return ask<api::Ports>([&](auto done) { client_.open_stream(session, setup, done); });
    }
    void record(const std::string& session, const api::RecordingSetup& setup) {
        ask<api::TapStatus>([&](auto done) { client_.start_recording(session, "recording", setup, done); });
    }
    api::TapStatus stop(const std::string& session) {
        return ask<api::TapStatus>([&](auto done) { client_.stop_tap(session, "recording", done); });
    }
    void poll() {
        io_.restart();
        io_.poll();
    }

  private:
    template <class T, class Ask>
    T ask(Ask question) {
        std::optional<std::expected<T, api::Error>> answer;
        question([&](std::expected<T, api::Error> told) { answer = std::move(told); });
        while (!answer && io_.run_one() > 0) {
        }
        io_.restart();
        if (!answer || !*answer)
            throw std::runtime_error{"the worker refuses: " + (answer ? answer->error().reason : "")};
        if constexpr (!std::is_void_v<T>) return std::move(**answer);
    }
    boost::asio::io_context io_;
    api::Client client_;
};

std::string session_of(unsigned call) { return "bench-" + std::to_string(call); }

api::RecordingSetup recording(const Options& options, unsigned call, std::uint8_t type) {
    api::RecordingSetup setup{.path = options.folder + "/" + session_of(call), .stream = "audio"};
    setup.from_a[type] = setup.from_b[type] = options.codec == "opus" ? "opus/48000" : "PCMU/8000";
    return setup;
}

void talk(const Options& options, std::array<std::unique_ptr<Side>, 2>& sides, std::uint8_t type, Worker& worker) {
    const auto codec = options.codec == "opus" ? codecs::AudioCodec::opus : codecs::AudioCodec::pcmu;
    const auto said = spoken(codec);
    const unsigned ticks = codecs::format_of(codec).clock_rate / 50;
    const auto begin = Clock::now();
    for (unsigned frame = 0; frame < options.seconds * 50; ++frame) {
        for (unsigned turn = 0; turn < kTurns; ++turn) {
            std::this_thread::sleep_until(begin + frame * 20ms + turn * 20ms / kTurns);
            for (unsigned call = turn; call < options.calls; call += kTurns)
                for (std::size_t side = 0; side < 2; ++side)
                    sides[side]->send(call, frame, type, ticks, said[(frame + call * 7 + side * 50) % kSpoken]);
            for (auto& side : sides) side->receive();
        }
        worker.poll();
    }
    std::this_thread::sleep_for(200ms);
    for (auto& side : sides) side->receive();
}

int run(const Options& options) {
    const std::uint8_t type = options.codec == "opus" ? 111 : 0;
    Worker worker{options.socket};
    std::array sides{std::make_unique<Side>(options.calls, 1'000'000),
                     std::make_unique<Side>(options.calls, 2'000'000)};
    for (unsigned call = 0; call < options.calls; ++call) {
        const auto ports = worker.open(session_of(call), sides[0]->port(), sides[1]->port());
        sides[0]->reach(call, ports.a.front().port);
        sides[1]->reach(call, ports.b.front().port);
        if (options.record) worker.record(session_of(call), recording(options, call, type));
    }
    std::cout << "begin" << std::endl;
    talk(options, sides, type, worker);
    std::cout << "end" << std::endl;
    boost::json::object out;
    boost::json::array files;
    std::uint64_t dropped = 0, recorded = 0, failed = 0;
    for (unsigned call = 0; options.record && call < options.calls; ++call) {
        const auto status = worker.stop(session_of(call));
        dropped += status.dropped;
        recorded += status.packets;
        failed += status.failed;
        for (const auto& file : status.files) files.emplace_back(file);
    }
    out["sent"] = sides[0]->sent + sides[1]->sent;
    out["received"] = sides[0]->received + sides[1]->received;
    out["dropped"] = dropped;
    out["recorded"] = recorded;
    out["failed"] = failed;
    out["files"] = std::move(files);
    std::cout << boost::json::serialize(out) << '\n';
    return 0;
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view name{argv[i]};
        const char* value = argv[i + 1];
        if (name == "--calls") options.calls = static_cast<unsigned>(std::atoi(value));
        if (name == "--seconds") options.seconds = static_cast<unsigned>(std::atoi(value));
        if (name == "--socket") options.socket = value;
        if (name == "--folder") options.folder = value;
        if (name == "--codec") options.codec = value;
        if (name == "--record") options.record = std::atoi(value) != 0;
    }
    return options;
}

}  // namespace
}  // namespace carillon::bench

int main(int argc, char** argv) try {
    return carillon::bench::run(carillon::bench::parse(argc, argv));
} catch (const std::exception& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
}
