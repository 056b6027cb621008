/// A capture: mirrored packets as pcapng files, within a size and a time.
/// Spec: docs/capture.md.
#pragma once
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "media/record/pcapng_writer.h"
#include "relay/tap/tap_sink.h"

namespace carillon::relay {

struct CaptureOptions {
    std::string path;        ///< of the file; with several: the number comes before the ending
    std::uint32_t snap = 0;  ///< octets kept of a frame; 0: all
    std::uint64_t file_octets = std::uint64_t{100} << 20;
    std::size_t files = 1;  ///< more than one: a ring, the oldest goes when a new one begins
    std::chrono::seconds longest{3600};
    std::chrono::milliseconds resumed{0};  ///< so long ago another began it, who is gone: it goes on in the next file
    std::vector<std::string> notes{};      ///< for people: what this is a capture of
    std::vector<std::string> streams{};    ///< names by number
};

/// Threading: the tap thread.  Owns: its files.
class CaptureSink final : public TapSink {
  public:
    /// The error is a sentence: the first file cannot be made.
    static std::expected<std::unique_ptr<CaptureSink>, std::string> create(CaptureOptions options);

    void take(const TapHeader& header, Bytes data) override;
    void tick(SteadyTime now) override;
    void finish(std::uint64_t dropped) override;
    const std::string& ended() const override { return ended_; }
    bool failed() const override { return failed_; }
    void describe(TapStatus& status) const override;

  private:
    explicit CaptureSink(CaptureOptions options);
    std::expected<void, std::string> next_file();
    bool ring() const { return options_.files > 1; }
    void adopt_files();
    std::uint32_t interface_of(const TapHeader& header);
    std::chrono::nanoseconds wall(SteadyTime time) const { return time - started_ + started_wall_; }
    void stop(std::string why, bool failed);

    CaptureOptions options_;
    SteadyTime started_;
    std::chrono::nanoseconds started_wall_;
    std::optional<record::PcapngWriter> file_;
    std::deque<std::string> paths_;
    std::map<unsigned, std::uint32_t> interfaces_;  // of the file, by stream and leg
    std::map<unsigned, std::uint64_t> received_;    // by stream and leg
    std::uint64_t past_octets_ = 0;                 // of files that are closed and still there
    std::deque<std::uint64_t> sizes_;               // of those
    std::size_t made_ = 0;
    std::uint64_t packets_ = 0;
    std::vector<std::byte> frame_;
    std::string ended_;
    bool failed_ = false;
};

}  // namespace carillon::relay
