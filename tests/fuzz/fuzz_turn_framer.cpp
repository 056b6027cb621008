/// However a stream is cut into reads, the same messages come out of it; and what comes out frames itself again.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "stun/turn/stream_framer.h"

using namespace carillon;
namespace turn = stun::turn;

namespace {

constexpr std::size_t kMost = 4096;

struct Cut {
    std::vector<std::vector<std::byte>> messages;
    std::size_t rest = 0;
    bool broken = false;
    friend bool operator==(const Cut&, const Cut&) = default;
};

/// As a connection does it: what is left of one read goes before the next.
Cut cut(Bytes stream, std::size_t step) {
    Cut out;
    std::vector<std::byte> held;
    for (std::size_t at = 0; at < stream.size() && !out.broken; at += step) {
        const auto piece = stream.subspan(at, std::min(step, stream.size() - at));
        held.insert(held.end(), piece.begin(), piece.end());
        std::size_t used = 0;
        for (;;) {
            const auto frame = turn::first_frame(Bytes{held}.subspan(used), kMost);
            out.broken = !frame;
            if (!frame || !*frame) break;
            const auto& [message, size] = **frame;
            if (message.empty() || size < message.size() || size > kMost || size % 4 != 0) std::abort();
            out.messages.emplace_back(message.begin(), message.end());
            used += size;
        }
        held.erase(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(used));
    }
    if (!out.broken && held.size() >= kMost) std::abort();
    out.rest = out.broken ? 0 : held.size();
    return out;
}

void check_channel_data(Bytes message) {
    const auto frame = turn::ChannelData::parse(message);
    if (!turn::looks_like_channel_data(message)) return;
    if (!frame || frame->data.size() + turn::kChannelHeader != message.size()) std::abort();
    std::vector<std::byte> again(turn::kChannelHeader);
    turn::ChannelData::write_header(again.data(), frame->channel, frame->data.size());
    again.insert(again.end(), frame->data.begin(), frame->data.end());
    if (!std::ranges::equal(again, message)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input{reinterpret_cast<const std::byte*>(data), std::min<std::size_t>(size, 16'384)};
    const auto whole = cut(input, input.size() + 1);
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{1000}})
        if (cut(input, step) != whole) std::abort();
    for (const auto& message : whole.messages) check_channel_data(message);
    (void)turn::ChannelData::parse(input);  // over UDP it may be longer than its data
    return 0;
}
