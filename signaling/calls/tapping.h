/// Captures and recordings of calls: what an operator or the policy asks for, and what a worker is told.
/// Spec: docs/capture.md, docs/recording.md.
/// Not here: mirroring packets and writing files (relay/tap).
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>

#include "relay/api/tap.h"

namespace carillon::calls {

using TapStatus = relay::api::TapStatus;
using TapAnswer = std::expected<TapStatus, std::string>;  ///< or why not, a sentence for people
using TapDone = std::function<void(TapAnswer)>;

/// What an operator wants captured of a call.
struct CaptureWish {
    std::string path;     ///< absolute; empty: a name of its own in the data folder
    bool opened = false;  ///< bridged: without SRTP
    bool keys = false;    ///< SDES keys in the file's comments
    std::uint32_t snap = 0;
    std::uint64_t file_octets = 0;
    std::uint32_t files = 1;
    std::chrono::seconds longest{0};
    std::string who;  ///< for the log
};

/// How calls are recorded.
struct RecordingFiles {
    bool legs = true;
    bool mixed = true;
    bool video = true;         ///< pictures as well, where there are any
    std::string announcement;  ///< what both ends hear before: a sound file, "tone", or empty: nothing
};

/// Where files go, and counters of the process. Threading: any.
struct TapBooks {
    std::string captures, recordings;  ///< absolute folders; made when first needed
    std::atomic<std::uint64_t> captures_begun{0}, recordings_begun{0}, refused{0}, failed{0}, packets_dropped{0};
};

/// For the metrics: `sink(name, value)`.
template <class Sink>
void write_counters(const TapBooks& books, const Sink& sink) {
    const auto tell = [&](const char* name, const std::atomic<std::uint64_t>& value) {
        sink(name, static_cast<double>(value.load()));
    };
    tell("carillon_call_captures_total", books.captures_begun);
    tell("carillon_call_recordings_total", books.recordings_begun);
    tell("carillon_call_taps_refused_total", books.refused);
    tell("carillon_call_taps_failed_total", books.failed);
    tell("carillon_call_tap_packets_dropped_total", books.packets_dropped);
}

}  // namespace carillon::calls
