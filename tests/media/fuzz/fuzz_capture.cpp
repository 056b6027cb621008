// Any frames: no crash, and what is found is RTP of this very input.
#include <cstdlib>

#include "media/capture/stream_figures.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace carillon;
    if (size < 2) return 0;
    capture::DatagramReader reader{static_cast<capture::Link>(data[0] % 7)};
    capture::StreamFinder finder{{.packets = 1000, .octets = 1 << 20, .streams = 100}};
    ByteReader in{std::as_bytes(std::span{data + 1, size - 1})};
    for (int i = 0; const auto length = in.u16(); ++i) {  // frames, each behind its length
        const auto frame = in.take(std::min<std::size_t>(*length, in.size()));
        if (!frame) break;
        auto datagram = reader.read({.time = i * std::chrono::milliseconds{20}, .data = *frame});
        if (datagram && !finder.add(std::move(*datagram))) break;
    }
    const auto contents = finder.finish();
    for (const auto& stream : contents.streams) {
        const auto figures = capture::figures_of(stream.packets, {});
        if (figures.packets > stream.packets.size() || figures.loss < 0 || figures.loss > 1) std::abort();
    }
    return 0;
}
