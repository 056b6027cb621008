/// Mirrors of a session's packets into files, as signaling asks for them.
/// Spec: docs/capture.md, control.proto.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "relay/api/program.h"

namespace carillon::relay::api {

struct CaptureSetup {
    std::string path;
    bool opened = false;                   ///< bridged streams: as between the legs, without SRTP
    std::uint32_t snap = 0;                ///< octets kept of a frame; 0: all
    std::uint64_t file_octets = 0;         ///< of one file; 0: 100 MiB
    std::uint32_t files = 1;               ///< more than one: a ring, the oldest goes
    std::chrono::seconds longest{0};       ///< 0: an hour
    std::vector<std::string> notes{};      ///< for the file's comments
    std::chrono::milliseconds resumed{0};  ///< so long ago it began at a worker that died: it goes on in the next file
};
struct RecordingSetup {
    std::string path;                  ///< how the files' names begin
    std::string stream{};              ///< the one that carries the sound
    bool legs = true;                  ///< a file for each leg
    bool mixed = true;                 ///< a file with both
    std::uint64_t file_octets = 0;     ///< of one file; 0: 1 GiB
    std::vector<std::string> notes{};  ///< NAME=value, for the files' comments
    std::map<std::uint8_t, std::string> from_a{},
        from_b{};                ///< encoding names by payload type, of what a leg's endpoint sends
    std::string video_stream{};  ///< the one that carries the pictures; empty: the same
    std::map<std::uint8_t, std::string> video_from_a{}, video_from_b{};  ///< none: pictures are not recorded
    std::optional<Clip> announcement{};                                  ///< what both ends hear before it begins
    std::map<std::uint8_t, std::string> to_a{}, to_b{};                  ///< with it: what a leg's endpoint is sent
    std::chrono::milliseconds resumed{0};  ///< so long ago it began at a worker that died: it goes on in its files
};
struct TapStatus {
    std::string session, tap, kind;
    bool running = false;
    std::string reason;  ///< why it has ended
    bool failed = false;
    std::vector<std::string> files;
    std::uint64_t packets = 0, octets = 0, dropped = 0;
    double seconds = 0;
};

}  // namespace carillon::relay::api
