/// A recording: a bridged call's sound as Ogg/Opus files, its pictures as WebM. The tap's first stream has the sound,
/// and pictures where they have none of their own.
/// Spec: docs/recording.md.
/// Not here: the sound itself (media/record).
#pragma once
#include <memory>

#include "media/record/call_recorder.h"
#include "relay/tap/tap_sink.h"

namespace carillon::relay {

/// Threading: the tap thread.  Owns: its files.
class RecordingSink final : public TapSink {
  public:
    /// The error is a sentence: a file cannot be made.
    static std::expected<std::unique_ptr<RecordingSink>, std::string> create(const record::RecorderOptions& options);

    void take(const TapHeader& header, Bytes data) override;
    void tick(SteadyTime now) override;
    void finish(std::uint64_t dropped) override;
    const std::string& ended() const override { return recorder_->error(); }
    bool failed() const override { return !recorder_->error().empty(); }
    void describe(TapStatus& status) const override;

  private:
    RecordingSink(std::unique_ptr<record::CallRecorder> recorder, std::chrono::nanoseconds resumed)
        : recorder_{std::move(recorder)}, started_{std::chrono::steady_clock::now() - resumed} {}

    std::unique_ptr<record::CallRecorder> recorder_;
    SteadyTime started_;
};

}  // namespace carillon::relay
