/// Fuzzes the phone's RTP parser, its books and the jitter buffer behind them.
/// Properties: a payload lies inside its packet; the books and the buffer stay bounded whatever comes.
#include <cstdlib>
#include <span>

#include "media/jitter/jitter_buffer.h"
#include "media/rtp/rtp_stream.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace carillon;
    const auto input = std::as_bytes(std::span{data, size});
    rtp::RtpReceiver receiver{8000};
    jitter::JitterBuffer buffer{8000, {.packets = 20}};
    const std::chrono::steady_clock::time_point start{};
    // The input as a row of packets of 32 octets: sequence numbers and timestamps jump as the fuzzer likes.
    for (std::size_t at = 0; at < size; at += 32) {
        const auto piece = input.subspan(at, std::min<std::size_t>(32, size - at));
        const auto rtp = rtp::parse_rtp(piece);
        if (!rtp) continue;
        if (!rtp->payload.empty() && (rtp->payload.data() < piece.data() ||
                                      rtp->payload.data() + rtp->payload.size() > piece.data() + piece.size())) {
            std::abort();
        }
        receiver.on_packet(*rtp, start + std::chrono::milliseconds{at});
        buffer.push(rtp->header.sequence.value, rtp->header.timestamp, rtp->header.payload_type, rtp->payload);
        if (buffer.pop().state != jitter::JitterBuffer::State::waiting) buffer.played(160);
    }
    const auto& counters = buffer.counters();
    if (counters.queued < counters.played + counters.skipped) std::abort();
    static_cast<void>(receiver.report(start));
    return 0;
}
