/// What a worker itself does with a stream's sound and pictures: answers in place of an end, or speaks to each end in
/// its own codec. Spec: docs/endpoints.md, docs/transcoding.md, control.proto.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace carillon::relay::api {

/// How the sound of one end travels, both ways.
struct AudioFormat {
    std::string codec;  ///< PCMU, PCMA, G722, L16, opus; empty: none is agreed (yet)
    std::uint8_t payload_type = 0;
    unsigned clock_rate = 0;                        ///< of L16; 0: the codec's own
    std::optional<std::uint8_t> telephone_event{};  ///< payload type (RFC 4733)
    unsigned telephone_event_rate = 8000;
    std::optional<std::uint8_t> comfort_noise{};  ///< payload type (RFC 3389)
    std::uint8_t audio_level = 0;                 ///< id of the header extension (RFC 6464); 0: none
    unsigned bitrate = 0;                         ///< opus; 0: as the worker likes
    bool dtx = false;                             ///< opus: silence need not be sent
    friend bool operator==(const AudioFormat&, const AudioFormat&) = default;
};

/// How the pictures of one end travel, both ways.
struct VideoFormat {
    std::string codec;  ///< VP8, VP9, H264; empty: the pictures are not the program's
    std::uint8_t payload_type = 0;
    unsigned bitrate = 0;     ///< the most that the end takes, in bits a second; 0: as the worker likes
    unsigned max_pixels = 0;  ///< the largest picture that the end takes; 0: any
    bool nack = false;        ///< lost packets are asked for and sent again (RFC 4585)
    bool full_intra = false;  ///< key frames are asked for by FIR alone (RFC 5104), else by PLI
    bool estimate = false;    ///< the end is told what the worker can take (REMB)
    friend bool operator==(const VideoFormat&, const VideoFormat&) = default;
};

/// A file, or a tone of that length; 0 Hz is silence. Or what a GStreamer pipeline makes.
struct Clip {
    std::string file;
    unsigned tone_hz = 0;
    std::chrono::milliseconds duration{0};
    std::string sound{};     ///< instead of a file: one that was sent before (PutSound), by its SHA-256
    std::string pipeline{};  ///< runs programs' code: only the operator's configuration may name one
    friend bool operator==(const Clip&, const Clip&) = default;
};

/// What the end hears.
struct Source {
    enum class Kind : std::uint8_t { silence = 0, echo = 1, clips = 2 } kind = Kind::silence;
    std::vector<Clip> clips;  ///< one after the other
    bool loop = false;
    friend bool operator==(const Source&, const Source&) = default;
};

/// What becomes of what the end says. A file whose name ends in .opus or .ogg is Ogg/Opus, and new; else WAV, and what
/// was there is lost.
struct Sink {
    enum class Kind : std::uint8_t { nothing = 0, file = 1 } kind = Kind::nothing;
    std::string file{};
    std::chrono::seconds longest{0};  ///< 0: no bound
    std::chrono::seconds silence{0};  ///< ends after so much of it; 0: never
    std::uint64_t most_octets = 0;    ///< of the file, Ogg/Opus only; 0: no bound
    friend bool operator==(const Sink&, const Sink&) = default;
};

struct Program {
    enum class Kind : std::uint8_t {
        none = 0,
        endpoint = 1,
        transcode = 2,
        interlude = 20,  ///< the ends speak to one another, but for what an end hears instead
    } kind = Kind::none;
    AudioFormat a, b;  ///< b: of a transcode; of an interlude: how the sound to each leg's end travels
    VideoFormat video_a{}, video_b{};  ///< of a transcode; both or none have a codec
    Source source;     ///< of an endpoint, as what follows
    Sink sink;
    std::vector<std::uint8_t> returned;  ///< payload types that go back as they came: video
    bool has_video() const { return !video_a.codec.empty() && !video_b.codec.empty(); }
    /// By leg, of a transcode or interlude: what its end hears in the place of the other one, while it is on hold.
    std::array<std::optional<Source>, 2> instead{};
    /// By leg, of an interlude: payload types of the sound that goes to its end.
    std::array<std::vector<std::uint8_t>, 2> sound{};
    friend bool operator==(const Program&, const Program&) = default;
};

/// What a program has to tell.
struct ProgramEvent {
    enum class Kind : std::uint8_t {
        digit = 1,         ///< the end has pressed a key
        source_ended = 2,  ///< all clips have been played
        sink_ended = 3,    ///< the recording is complete
        failed = 4,        ///< the program runs no more
    } kind = Kind::digit;
    std::string digit;
    std::string reason;                     ///< sink_ended: silence, longest, replaced, full, closed; failed: why
    std::string file;                       ///< sink_ended
    std::chrono::milliseconds duration{0};  ///< sink_ended: of the recording
    std::chrono::milliseconds sound{0};     ///< sink_ended: how much of it was not quiet
};

}  // namespace carillon::relay::api
