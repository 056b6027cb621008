/// Ogg/Opus files that are whole at every moment: each page is written at once, at the latest when it holds half a
/// second. Killed, it lacks that much at its end and nothing else.
/// Spec: RFC 7845 §3 (pages), §4 (granule positions), §4.1 (gaps), §5.1 (OpusHead), §5.2 (OpusTags).
/// Not here: encoding; which packet belongs where in time.
#pragma once
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "media/record/append_file.h"
#include "media/record/ogg_page.h"

namespace carillon::record {

struct OggOpusOptions {
    unsigned channels = 1;
    unsigned pre_skip = 312;       ///< samples at 48 kHz that the encoder's look-ahead puts before the sound
    unsigned input_rate = 48'000;  ///< Hz, for information
    std::uint32_t serial = 0;      ///< of the stream; 0: a random one
    std::vector<std::pair<std::string, std::string>>
        comments{};  ///< field names as in vorbis comments: TITLE, DATE ...
    std::uint64_t most_octets = std::uint64_t{8} << 30;
};

/// Owns: the file. Threading: one thread at a time.
class OggOpusWriter {
  public:
    static constexpr std::uint64_t kPageSamples = 24'000;  // half a second at 48 kHz

    /// Creates the file with its two header pages; one of that name is an error, a sentence for people.
    static std::expected<OggOpusWriter, std::string> create(const std::string& path, const OggOpusOptions& options);
    /// Goes on with a file that another writer, who is gone, has begun; half a page at its end is dropped. The error is
    /// a sentence: it is not there, or not such a file.
    static std::expected<OggOpusWriter, std::string> resume(const std::string& path, std::uint64_t most_octets);
    OggOpusWriter(OggOpusWriter&&) = default;
    OggOpusWriter& operator=(OggOpusWriter&&) = default;
    ~OggOpusWriter() { close(); }

    /// One packet of Opus, behind all before it. False: not one, or the file takes nothing more (error()).
    bool write(Bytes packet);
    /// `also(packet, position, samples)` for each packet written from now on, gaps not.
    using Also = std::function<void(Bytes packet, std::uint64_t position, unsigned samples)>;
    void also(Also listener) { also_ = std::move(listener); }
    /// So many samples at 48 kHz of nothing (lost, not sent): the decoder fills them in.
    bool skip(std::uint64_t samples);
    /// Writes what has been gathered as a page.
    bool flush();
    /// Flushes, with the mark of the last page.
    bool close();

    std::uint64_t samples() const { return samples_; }  ///< at 48 kHz, pre-skip not counted off
    std::uint64_t size() const { return file_.size(); }
    const std::string& path() const { return file_.path(); }
    const std::string& error() const { return file_.error(); }  ///< why it takes nothing more; empty: it does

  private:
    OggOpusWriter(AppendFile file, std::uint32_t serial) : file_{std::move(file)}, serial_{serial} {}
    bool add(Bytes packet, unsigned samples);
    bool write_page(std::uint8_t flags, std::uint64_t granule);
    bool write_heads(const OggOpusOptions& options);

    AppendFile file_;
    Also also_;
    OggPage page_;
    std::uint32_t serial_;
    std::uint32_t sequence_ = 0;
    std::uint64_t samples_ = 0;  // granule position of what was added
    std::uint64_t written_ = 0;  // and of what stands in the file
    std::uint64_t owed_ = 0;     // less than 2.5 ms of gaps, which no packet can say
    std::uint8_t toc_ = 0xF8;    // of the last packet; CELT fullband 20 ms before the first
    bool closed_ = false;
};

}  // namespace carillon::record
