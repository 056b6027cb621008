#include "relay/tap/recording_sink.h"

namespace carillon::relay {

std::expected<std::unique_ptr<RecordingSink>, std::string> RecordingSink::create(
    const record::RecorderOptions& options) {
    auto recorder = record::CallRecorder::create(options);
    if (!recorder) return std::unexpected{recorder.error()};
    return std::unique_ptr<RecordingSink>{new RecordingSink{std::move(*recorder), options.resumed}};
}

void RecordingSink::take(const TapHeader& header, Bytes data) {
    if (!header.opened || header.rtcp) return;
    if (header.stream == 0) {
        recorder_->packet(header.leg, data, header.time - started_);
    } else {
        recorder_->video_packet(header.leg, data, header.time - started_);
    }
}

void RecordingSink::tick(SteadyTime now) { recorder_->tick(now - started_); }

void RecordingSink::finish(std::uint64_t) { recorder_->close(std::chrono::steady_clock::now() - started_); }

void RecordingSink::describe(TapStatus& status) const {
    status.kind = "recording";
    status.files = recorder_->files();
    status.packets = recorder_->packets();
    status.octets = recorder_->octets();
}

}  // namespace carillon::relay
