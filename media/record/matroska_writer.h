/// Matroska and WebM files that are whole at every moment: clusters are written at once, each with its size, and the
/// duration in the head grows with them. Killed, a file lacks less than a second at its end, and its index.
/// Spec: RFC 9559 §5.1 (elements), §10.2 (simple blocks), §25 (live streams); WebM Container Guidelines.
/// Not here: which frame belongs where in time (video_recorder.h).
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "media/record/append_file.h"

namespace carillon::record {

struct MatroskaTrack {
    std::string codec;               ///< V_VP8, V_VP9, V_MPEG4/ISO/AVC, A_OPUS
    std::string name;                ///< for people
    unsigned width = 0, height = 0;  ///< of video; 0: it is sound, mono at 48 kHz
    std::vector<std::byte> codec_private{};
    std::chrono::nanoseconds codec_delay{0};
    bool is_default = true;
};

struct MatroskaOptions {
    std::vector<MatroskaTrack> tracks;
    bool webm = true;  ///< what browsers play: VP8, VP9 and Opus alone
    std::vector<std::pair<std::string, std::string>> comments{};
    std::uint64_t most_octets = std::uint64_t{8} << 30;
};

/// Owns: the file. Threading: one thread at a time.
class MatroskaWriter {
  public:
    using Time = std::chrono::milliseconds;  ///< from the beginning, the unit of the file
    static constexpr Time kCluster{300};     ///< how long one is, about
    static constexpr Time kHold{450};        ///< how late a frame may be and still stand in order

    /// Creates the file with its head; one of that name is an error, a sentence for people.
    static std::expected<MatroskaWriter, std::string> create(const std::string& path, const MatroskaOptions& options);
    MatroskaWriter(MatroskaWriter&&) = default;
    MatroskaWriter& operator=(MatroskaWriter&&) = default;
    ~MatroskaWriter() { close(Time{0}); }

    /// A frame of the track (from 0); what is later than kHold and the clusters that are written already is left out.
    bool write(std::size_t track, Time at, Time length, bool key, Bytes frame);
    /// What is older than kHold goes into the file as soon as it fills a cluster.
    bool tick(Time now);
    /// All of it, and the index. `end`: how long the whole is, at least.
    bool close(Time end);

    std::uint64_t size() const { return file_.size(); }
    const std::string& path() const { return file_.path(); }
    const std::string& error() const { return file_.error(); }  ///< why it takes nothing more; empty: it does

  private:
    struct Block {
        std::size_t track = 0;
        Time length{0};
        bool key = false;
        std::vector<std::byte> data;
    };
    struct Cue {
        Time at;
        std::uint64_t position;
    };
    explicit MatroskaWriter(AppendFile file) : file_{std::move(file)} {}
    bool write_head(const MatroskaOptions& options);
    bool write_until(Time limit);
    bool write_cluster(std::multimap<Time, Block>::iterator end);
    bool tell_duration(Time end);
    bool write_index();

    AppendFile file_;
    std::multimap<Time, Block> waiting_;
    std::size_t waiting_octets_ = 0;
    std::vector<Cue> cues_;
    std::size_t video_ = SIZE_MAX;  // the track that the index is of
    // Where in the file: the segment's size and first octet, the room for the seek head, and what it points to.
    std::uint64_t size_at_ = 0, segment_at_ = 0, seek_at_ = 0, info_at_ = 0, tracks_at_ = 0, duration_at_ = 0;
    Time written_until_{0};
    Time duration_{0};
    bool closed_ = false;
};

}  // namespace carillon::record
